/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Wirings: owns each page's wire_count, and each zone's count of wired pages.
 *
 * wire_count and sf_refs are one word of 64 bits, so that the first wiring and
 * the last unwiring can store both at once: sf_refs is SF_REFS_UNWIRED exactly
 * while wire_count is 0.  No list is involved, so no lock is needed.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <vm/vm_page.h>
#include <vm/vm_zone.h>

/*
 * vm_page_wire: adds a wiring; a wired page cannot be freed.  The page is
 * allocated, or reserved: boot modules are reserved, and are mapped too.
 *
 * Context:	any.  Sleeps: no.  Locks: none; atomic.
 * Ownership:	the caller owns the page or has a wiring of it already, so that
 *		it cannot be freed meanwhile.  The new wiring is the caller's,
 *		until vm_page_unwire().
 * Errors:	panics on a free page, on frame 0, which sf_buf(9) uses for
 *		"no page", and if the count would overflow.
 * Source:	vm_page_wire(9) of FreeBSD.
 */
void
vm_page_wire(struct vm_page *m)
{
	const void *caller = __caller();
	uint32_t old, refs;

	vm_page_check(m, "vm_page_wire", caller);
	if ((m->flags & (VPF_ALLOCATED | VPF_RESERVED)) == 0)
		panic("vm_page_wire: frame 0x%x is free, freed by %pC "
		    "(called from %pC)", vm_page_index(m), m->caller, caller);
	if (m == vm_page_array)
		panic("vm_page_wire: frame 0 cannot be wired (called from "
		    "%pC)", caller);
	do {
		old = atomic_load_acq_32(&m->wire_count);
		refs = atomic_load_acq_32(&m->sf_refs);
		if (old == UINT32_MAX)
			panic("vm_page_wire: frame 0x%x overflows (called "
			    "from %pC)", vm_page_index(m), caller);
	} while (!hw_cmpxchg8b(&m->wiring, old, refs, old + 1,
	    old == 0 ? 0 : refs));
	if (old == 0)
		(void)atomic_fetchadd_32(&vm_page_zones[m->zone].wired, 1);
}

/*
 * True if m has one wiring and a referenced mapping.
 *
 * The two are not read atomically: another owner may wire and map m, and unmap
 * and unwire it, between the looks, and a single look could report a mapping
 * that was not there together with the last wiring.  So the answer is yes only
 * if three looks agree; docs/CAVEATS.md says how they can still be wrong.
 */
static bool
has_mapping_at_last_wiring(struct vm_page *m)
{
	for (u_int looks = 0; looks < 3; looks++)
		if (!vm_page_referenced(m) ||
		    atomic_load_acq_32(&m->wire_count) != 1)
			return (false);
	return (true);
}

/*
 * vm_page_unwire: drops a wiring.  Frees nothing: after the last wiring the
 * owner calls vm_page_free().  `activate' selects the paging queue for the
 * page, 1 for active and 0 for inactive; there are no paging queues, so it has
 * no effect.
 *
 * Context:	any.  Sleeps: no.  Locks: none; atomic.
 * Ownership:	the wiring is the caller's, and ends here.  The page keeps its
 *		owner.
 * Errors:	panics if the page has no wiring, if a mapping is referenced
 *		while the last wiring is dropped, and on another `activate'.
 * Source:	vm_page_unwire(9) of FreeBSD.
 */
void
vm_page_unwire(struct vm_page *m, int activate)
{
	const void *caller = __caller();
	uint32_t old, refs;

	vm_page_check(m, "vm_page_unwire", caller);
	if (activate != 0 && activate != 1)
		panic("vm_page_unwire: frame 0x%x: bad activate %d "
		    "(called from %pC)", vm_page_index(m), activate, caller);
	do {
		old = atomic_load_acq_32(&m->wire_count);
		refs = atomic_load_acq_32(&m->sf_refs);
		if (old == 0)
			panic("vm_page_unwire: frame 0x%x is not wired "
			    "(called from %pC)", vm_page_index(m), caller);
		if (old == 1 && has_mapping_at_last_wiring(m))
			panic("vm_page_unwire: frame 0x%x has a referenced "
			    "mapping (called from %pC)", vm_page_index(m),
			    caller);
		/* References beside the last wiring that have gone: retry. */
	} while ((old == 1 && refs != 0) || !hw_cmpxchg8b(&m->wiring, old,
	    refs, old - 1, old == 1 ? SF_REFS_UNWIRED : refs));
	if (old == 1)
		(void)atomic_fetchadd_32(&vm_page_zones[m->zone].wired, ~0u);
}

/*
 * vm_page_wired: true if the page has a wiring.
 *
 * Context:	any.  Sleeps: no.  Locks: none.
 * Returns:	an answer that may be out of date, unless the caller has a
 *		wiring, or owns the page and no other owner wires it.
 */
bool
vm_page_wired(const struct vm_page *m)
{
	return (*(const volatile uint32_t *)&m->wire_count != 0);
}
