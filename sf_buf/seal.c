/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Sealing: the mapping of a page goes when the page must not be written any
 * more, not when its slot is needed.
 *
 * Takes away from the cache of mappings: a cached entry allows what the page's
 * state allowed when the page was mapped.  A page that becomes SEALED loses
 * that entry and, with it, the right to have the slot revived: a TLB may still
 * cache the writable translation of its address.  The next allocation enters
 * the page anew, in a slot that no TLB caches, without RW (sf_rights()).
 * Costs: a look at the page's slot and at its last CPU-private one; no wait, no
 * flush, no search.
 * Checked by: tests/state_test.c, the simulation, sf_buf_audit().
 *
 * A slot cannot be found in a ring without a search, and one that was revived
 * may lie in any part.  So a slot that is in a ring stays where it is, as
 * MAPPED, but to no page (PAGE_NONE), and its entry is not present but keeps A
 * if a TLB may cache what it was.  To every search that is a mapping without a
 * reference: it comes into the queue, and eviction, which reads A by the
 * exchange that removes the entry, lets it wait for a flush.
 *
 * Not found are CPU-private mappings of the page but the last: m->sf_private
 * names only one.  No allocation finds them either, so nobody has or gets their
 * address, but their entries stay until eviction comes to them.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <sf_buf/pool.h>
#include <vm/vm_state.h>

/*
 * Makes a slot ours that maps m, or did so before it was removed; *status is
 * what it was.  False if it has changed, is in transition, or is in no ring: the
 * CPU that freed it is about to put it into one.
 */
static bool
claim(struct sf_buf *sf, struct vm_page *m, uint32_t *status,
    const void *caller)
{
	page_off_t page = sf_page_off(m);

	*status = sf_status(sf);
	if (sf_page(sf) != page)
		return (false);
	KASSERT(!sf_is_referenced(*status) ||
	    !sf_change(sf, page, *status, *status), "sf_buf_seal: frame 0x%x "
	    "has %u references (called from %pC)", vm_page_index(m),
	    sf_references(*status), caller);
	return ((*status == SF_REMOVED ||
	    (*status & (SF_STATE | SF_REF_MASK | SF_UNLISTED)) == 0) &&
	    sf_change(sf, page, *status, SF_CLAIMED));
}

/*
 * Takes away what a slot that we own maps; status is what it was.  The exchange
 * of the status is a barrier before the look at sf_nwaiters, as in unclaim().
 */
static void
vacate(struct sf_buf *sf, uint32_t status)
{
	uint32_t bits;

	sf_check_ours(sf);
	if (status != SF_REMOVED) {
		bits = sf_pte_remove(sf);
		/* What a CPU-private slot mapped before, a TLB may cache. */
		if ((status & SF_PRIVATE) != 0)
			bits |= SF_PTE_A;
		sf_pte_keep_accessed(sf, bits);
	}
	sf_forget_page(sf);
	hw_store32(&sf->page, PAGE_NONE);
	(void)atomic_swap_32(&sf->status, status == SF_REMOVED ? status : 0);
}

/*
 * Whether a slot has an entry for m.  One that was claimed, and is kept by a
 * thread that waits, may still name m, but has none.
 */
static bool
has_entry(struct sf_buf *sf, const struct vm_page *m)
{
	return (sf_page(sf) == sf_page_off(m) &&
	    (hw_load32(sf_pte_halves(sf)) & SF_PTE_V) != 0);
}

/* One turn of a wait for a slot in transition, which is soon over. */
static void
turn(const struct sf_buf *sf, const struct vm_page *m, struct deadline *wait,
    const void *caller)
{
	/* A CPU that waits for our flush must not wait for this. */
	tlb_serve();
	cpu_spinwait();
	KASSERT(!deadline_passed(wait), "sf_buf_seal: sf_buf %u of frame 0x%x "
	    "stays in transition (called from %pC)", sf_index(sf),
	    vm_page_index(m), caller);
}

/*
 * Contract in <sys/sf_buf.h>.  The state is stored while the slot is ours, so
 * that sf_buf_audit() never sees it beside the old entry.
 */
void
sf_buf_seal(struct vm_page *m)
{
	const void *caller = __caller();
	struct deadline wait = { 0 };
	uint32_t flags = intr_save(), status;
	struct sf_buf *sf;

	KASSERT(!sf_refs_any(hw_load32(&m->sf_refs)), "sf_buf_seal: frame 0x%x "
	    "has a referenced mapping (called from %pC)", vm_page_index(m),
	    caller);
	while ((sf = sf_at(hw_load32(&m->sf))) != NULL &&
	    !claim(sf, m, &status, caller))
		turn(sf, m, &wait, caller);
	m->state = VPS_SEALED;
	if (sf != NULL)
		vacate(sf, status);
	sf = &sf_slots[m->sf_private];
	while (has_entry(sf, m))
		if (claim(sf, m, &status, caller))
			vacate(sf, status);
		else
			turn(sf, m, &wait, caller);
	intr_restore(flags);
	/* A waiter may have looked for a slot while it was ours. */
	if (hw_load32(&sf_nwaiters) != 0)
		sf_waiters_serve();
}
