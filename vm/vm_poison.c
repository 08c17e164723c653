/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Poison for free pages, with DEBUG: a write to a page after its free, through
 * any mapping, is found when the page is allocated again.  Only pages of the
 * direct map are filled: to map another one could need a slot, and
 * vm_page_free() may be called where none can be had.  Pages that were never
 * allocated are not filled either, so that start-up touches no memory that it
 * does not use.
 */

#ifdef DEBUG
#include <sys/types.h>
#include <sys/systm.h>
#include <machine/pmap.h>
#include <vm/vm_page.h>

#define	POISON		0xfeedf4eeu	/* as a pointer: above all mappings */
#define	NWORDS		(PAGE_SIZE / sizeof(uint32_t))

/*
 * vm_page_poison: fills a page that the caller is about to free.  False, and
 * does nothing, if the page is not in the direct map.  Any context.
 */
bool
vm_page_poison(const struct vm_page *m)
{
	uint32_t *p;

	if (VM_PAGE_TO_PHYS(m) >= dmap_limit)
		return (false);
	p = pmap_dmap(VM_PAGE_TO_PHYS(m));
	for (u_int i = 0; i < NWORDS; i++)
		p[i] = POISON;
	return (true);
}

/*
 * vm_page_poison_check: panics if a page with VPF_POISONED was written to.
 * Called before the page is given to `caller'.  Any context.
 */
void
vm_page_poison_check(const struct vm_page *m, const void *caller)
{
	const uint32_t *p = pmap_dmap(VM_PAGE_TO_PHYS(m));

	KASSERT((m->flags & VPF_ALLOCATED) == 0, "vm_page_alloc: frame 0x%x is "
	    "allocated already (called from %pC)", vm_page_index(m), caller);
	for (u_int i = 0; i < NWORDS; i++)
		if (p[i] != POISON)
			panic("vm_page_alloc: frame 0x%x was written at "
			    "offset 0x%x (0x%08x) while it was free, freed by "
			    "%pC (called from %pC)", vm_page_index(m),
			    i * (u_int)sizeof(*p), p[i], m->caller, caller);
}
#endif
