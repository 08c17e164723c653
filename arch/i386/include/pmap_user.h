/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_PMAP_USER_H_
#define	_MACHINE_PMAP_USER_H_

/*
 * Page tables of address spaces of tasks: arch/i386/mmu/pmap_user.c.  The lower
 * two GiB are the task's, the upper two the kernel's, by the same directories
 * in every address space.
 *
 * What guards a field: (p) pm_lock; (a) locked instructions.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <machine/pmap.h>

struct pmap {
	pt_entry_t *pm_pdpt;		/* 4 entries, below 4 GiB */
	uint32_t pm_cr3;
	pt_entry_t *pm_pd[2];
	struct spinlock pm_lock;	/* RANK_PMAP */
	volatile uint32_t pm_gen;	/* (a) counts losses of rights */
	volatile uint32_t pm_dead;	/* no thread enters it any more */
	u_int pm_resident;		/* (p) present entries */
	u_int pm_tables;		/* (p) page tables */
	struct pmap *pm_next;		/* of those that wait for an epoch */
	uint32_t pm_stamp;
};

/* Rights of an entry; read is always there. */
#define	PMAP_WRITE	0x1
#define	PMAP_EXEC	0x2

/*
 * pmap_create: an empty one; NULL if out of memory.  Any context that may
 * allocate.
 * pmap_destroy: removes what is left and frees it, once no CPU can have its
 * tables loaded or cached.  No thread of it runs any more.
 */
struct pmap *pmap_create(void);
void	pmap_destroy(struct pmap *pm);

/*
 * pmap_enter: maps a frame at a user address.  If the address has the same
 * frame, rights only grow or are as asked; with another frame it panics: the
 * caller has removed that and flushed.  0 or ENOMEM.  No flush is needed.
 */
int	pmap_enter(struct pmap *pm, vm_offset_t va, vm_paddr_t pa, u_int rights);

/*
 * pmap_remove: removes the entries of [start, end).  pmap_protect: takes away
 * the right to write.  True if a TLB may hold more than the tables now say; the
 * caller then calls pmap_flush() before it tells anyone.
 */
bool	pmap_remove(struct pmap *pm, vm_offset_t start, vm_offset_t end);
bool	pmap_protect(struct pmap *pm, vm_offset_t start, vm_offset_t end,
	    u_int rights);

/*
 * pmap_flush: returns when no CPU can use a translation of pm that was taken
 * away before the call.  Interrupts the other CPUs that run a thread of it, and
 * waits for them, bounded.  Thread context, interrupts on, no spin lock.
 */
void	pmap_flush(struct pmap *pm);

/* pmap_extract: the entry of a user address, 0 if none. */
pt_entry_t pmap_extract(struct pmap *pm, vm_offset_t va);

/*
 * pmap_activate: loads pm on this CPU, or the kernel's tables if NULL; publishes
 * the epoch.  Interrupts off.  For arch/i386/trap/user.c.
 */
void	pmap_activate(struct pmap *pm);

/*
 * pmap_user_audit: prints and counts wrong entries: above rights, of a frame
 * that is free, a writable one of a SEALED page or of one with several owners.
 */
u_int	pmap_user_audit(struct pmap *pm);

/* pmap_reclaim: frees tables whose epoch has passed; true if any.  Any. */
bool	pmap_reclaim(void);

#endif /* !_MACHINE_PMAP_USER_H_ */
