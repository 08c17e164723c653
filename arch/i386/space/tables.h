/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SPACE_TABLES_H_
#define	_SPACE_TABLES_H_

/*
 * What the files of arch/i386/space/ offer to each other.
 *
 * A page of tables is wired and in the direct map.  In its struct vm_page, as
 * long as it is a page table, `next' counts its present entries, under pm_lock;
 * while it waits for a flush, `next' links it and `prev' is its stamp.
 */

#include <sys/abi/call.h>	/* USER_END */
#include <machine/pmap_user.h>
#include <vm/vm_page.h>

#define	NPTE		512u
#define	TABLE_SIZE	(NPTE * PAGE_SIZE)	/* of what a table maps */
#define	NTABLE		(USER_END / TABLE_SIZE)	/* in an address space */

_Static_assert(USER_END == KERNBASE, "user addresses end below the kernel");
_Static_assert(NTABLE == 8 * sizeof(((struct pmap *)0)->pm_where), "a bit each");
_Static_assert(USER_END == 2 * NPTE * TABLE_SIZE, "two page directories");

/* The directory entry of a user address.  pm_lock is held. */
static inline pt_entry_t *
pmap_pde(struct pmap *pm, vm_offset_t va)
{
	return (&pm->pm_pd[va / (NPTE * TABLE_SIZE)][va / TABLE_SIZE % NPTE]);
}

/* The word of pm_where with the bit of a user address, and that bit. */
static inline uint32_t *
pmap_where(struct pmap *pm, vm_offset_t va, uint32_t *bit)
{
	*bit = 1u << va / TABLE_SIZE % 32;
	return (&pm->pm_where[va / TABLE_SIZE / 32]);
}

/* The page of the table or page that a present entry names. */
static inline struct vm_page *
pmap_page(pt_entry_t entry)
{
	return (PHYS_TO_VM_PAGE(entry & PG_FRAME));
}

/* The low word of an entry, which has P, RW, U, A and D. */
static inline volatile uint32_t *
pmap_low(pt_entry_t *pte)
{
	return ((volatile uint32_t *)pte);
}

/*
 * pmap_page_alloc: a page, or NULL; pmap_table_alloc: one of zeros, for a table.
 * Context as pmap_create().
 * pmap_table_free: frees one that no CPU ever had.
 */
struct vm_page *pmap_page_alloc(void);
struct vm_page *pmap_table_alloc(void);
void	pmap_table_free(struct vm_page *m);

/*
 * pmap_wait: frees the pages of a chain, of one at least, linked by `next' and
 * ended by VM_PAGE_NONE, once every CPU has flushed.  No entry leads to them
 * any more, or pm_dead is set.  Contexts as pmap_remove().
 * pmap_harvest: frees at most `max' pages whose wait is over; true if any.
 */
void	pmap_wait(uint32_t chain);
bool	pmap_harvest(u_int max);

#endif /* !_SPACE_TABLES_H_ */
