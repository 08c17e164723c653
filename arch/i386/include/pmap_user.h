/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_PMAP_USER_H_
#define	_MACHINE_PMAP_USER_H_

/*
 * Page tables of address spaces of tasks: arch/i386/space/.  The lower two GiB
 * are the task's, the upper two the kernel's, by the same directories in every
 * address space.
 *
 * What guards a field: (p) pm_lock; (a) locked instructions; the others do not
 * change.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <machine/pmap.h>

struct vm_page;

struct pmap {
	pt_entry_t pm_pdpt[4] __attribute__((aligned(32)));
	uint32_t pm_cr3;		/* the physical address of pm_pdpt */
	pt_entry_t *pm_pd[2];		/* (p) the entries */
	struct spinlock pm_lock;	/* RANK_PMAP */
	volatile uint32_t pm_gen;	/* (a) counts losses of rights */
	volatile uint32_t pm_dead;	/* 1: pmap_destroy() was called */
	u_int pm_resident;		/* (p) present entries */
	u_int pm_tables;		/* (p) page tables */
	uint32_t pm_where[32];		/* (p) a bit for each directory entry: present */
};

/* Rights of an entry; read is always there. */
#define	PMAP_WRITE	0x1u
#define	PMAP_EXEC	0x2u

/*
 * pmap_create: makes an empty address space; NULL if out of memory.  Any
 * context in which pages may be allocated; waits for flushes as vm_page_alloc()
 * does.
 * pmap_destroy: frees an address space with all entries that are left, once no
 * CPU can have its tables loaded or cached.  No thread of it runs any more, and
 * the caller does not use it again.  The frames that it maps are the caller's:
 * no CPU uses a translation of it from here on.  Any context but NMI, no lock
 * of rank RANK_TABLES or later held; never waits.
 */
struct pmap *pmap_create(void);
void	pmap_destroy(struct pmap *pm);

/*
 * pmap_enter: maps a frame at a user address, with read and `rights'.  If the
 * address has that frame already, rights are only added.  If it has another one
 * this panics: the caller has removed that and flushed.  Panics as well if the
 * entry would be writable and executable.  0, or ENOMEM if there is no page for
 * a table.  No flush is needed.  Any context in which pages may be allocated,
 * no lock of rank RANK_PMAP or later held.  The caller keeps the frame from
 * being freed and, by a lock of its own, the address from being removed and
 * entered at once.
 */
int	pmap_enter(struct pmap *pm, vm_offset_t va, vm_paddr_t pa,
	    u_int rights);

/*
 * pmap_enter_more: maps m[i] at page i from va on, without the right to write,
 * for each of n pages where m[i] is not NULL and that has no entry yet.  Does
 * nothing if there is no table; the pages are of one.  Context as pmap_enter().
 */
void	pmap_enter_more(struct pmap *pm, vm_offset_t va,
	    struct vm_page *const *m, u_int n, u_int rights);

/*
 * pmap_remove: removes the entries of [start, end).  pmap_protect: takes away
 * from them the rights that are not in `rights'.  True if a TLB may hold more
 * than the tables say now; the caller then calls pmap_flush() before it gives
 * the frames another use or lets another thread rely on the loss.  What another
 * thread has taken away and not flushed yet is not seen: a lock of the callers'
 * is held from here to the end of pmap_flush() by whoever changes an entry.  Any
 * context but NMI, no lock of rank RANK_PMAP or later held.  Linear in the
 * entries of the tables that the range has; interrupts are off for one table at
 * a time.
 */
bool	pmap_remove(struct pmap *pm, vm_offset_t start, vm_offset_t end);
bool	pmap_protect(struct pmap *pm, vm_offset_t start, vm_offset_t end,
	    u_int rights);

/*
 * pmap_flush: returns when no CPU can use a translation of pm that was taken
 * away before the call.  Interrupts the other CPUs that run a thread of it, and
 * waits for them, bounded.  Thread context, interrupts on, no spin lock held.
 */
void	pmap_flush(struct pmap *pm);

/*
 * pmap_extract: returns the entry of a user address, 0 if none is present.  Any
 * context but NMI, no lock of rank RANK_PMAP or later held.
 */
pt_entry_t pmap_extract(struct pmap *pm, vm_offset_t va);

/*
 * pmap_activate: for the switch to a thread of pm, or of the kernel if it is
 * NULL.  On return this CPU has the tables of pm, and nothing stale of them; or
 * if pm is NULL, whatever it had: it keeps them until another address space or
 * the idle loop takes their place.  Interrupts off.
 */
void	pmap_activate(struct pmap *pm);

/*
 * pmap_user_audit: prints and counts wrong entries: above rights, of a frame
 * that is free, a writable one of a SEALED page or of one with several owners.
 * Any context but NMI, no lock of rank RANK_PMAP or later held.
 */
u_int	pmap_user_audit(struct pmap *pm);

/*
 * pmap_reclaim: frees tables that wait for a flush; true if any.  If it may
 * wait for other CPUs it makes them flush and frees all, else those that are
 * flushed.  Any context but NMI, no lock of rank RANK_TABLES or later held.
 * pmap_waiting: returns how many pages of tables wait, as a sample.
 */
bool	pmap_reclaim(void);
u_int	pmap_waiting(void);

/*
 * pmap_user_init: has vm_page_alloc() call pmap_reclaim() when pages run out.
 * Once, at start-up, after kmem_init().
 */
void	pmap_user_init(void);

#endif /* !_MACHINE_PMAP_USER_H_ */
