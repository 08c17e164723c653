/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * References.  The usual hit and the usual free are inline in
 * <sf_buf/inline.h>; here are the hits that it cannot serve, and free.c has
 * such frees.
 *
 * Takes away from the simple scheme: the lock and the hash of a look-up, and
 * the LRU list that each hit and free would change.  A page names its slot; a
 * hit is one CMPXCHG8B on the slot's word, a free one locked subtraction.
 * Costs: a page has room for its slot's address, and eviction has one HIT bit
 * where LRU has an order.
 * Checked by: tests/sf_buf_test.c, the simulation, and in every build by the
 * count, which shows a free too many.
 *
 * m->sf_refs counts the references that the direct map gives to a page, and
 * those of CPU-private slots, of which a page may have several.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

/*
 * Maps a removed slot's own page in it again.  The exchange to REVIVING makes
 * the slot ours; it fails if another CPU claimed it first.  A TLB may still
 * cache this very translation, so the entry is written with A set.
 */
static bool
revive(struct sf_buf *sf, page_off_t page)
{
	uint32_t flags = intr_save();
	bool ours = sf_change(sf, page, SF_REMOVED, SF_REVIVING);

	if (ours) {
		sf_pte_enter(sf, page, SF_STATES, SF_PTE_A);
		hw_store32(&sf->status, SF_HIT | SF_REF);
		PCPU_COUNT(pc_sf.revived);
	}
	intr_restore(flags);
	return (ours);
}

/*
 * Takes a reference to the slot that m->sf named, or revives it.  False if the
 * slot is in transition or m->sf has changed: the caller looks again.
 */
static bool
ref_or_revive(struct sf_buf *sf, struct vm_page *m, const void *caller)
{
	page_off_t page = sf_page_off(m);
	uint32_t status = sf_status(sf);

	if (sf_page(sf) != page)
		return (false);
	if (status == SF_REMOVED && !sf_strict)
		return (revive(sf, page));
	KASSERT((status & SF_STATE) != 0 ||
	    (status & SF_REF_MASK) <= SF_REF_MAX, "sf_buf_alloc: too many "
	    "references to frame 0x%x (called from %pC)", vm_page_index(m),
	    caller);
	if (!sf_take_reference(sf, page))
		return (false);
	PCPU_COUNT_LOW(pc_sf.hits);
	return (true);
}

/*
 * sf_ref_lookup: takes a reference to the shared mapping of m; NULL if it has
 * none.  Any context but NMI.  A slot is in transition for a few dozen
 * instructions with interrupts off or soft-masked, so the loop is short.
 */
struct sf_buf *
sf_ref_lookup(struct vm_page *m, const void *caller)
{
	struct deadline wait = { 0 };
	struct sf_buf *sf;

	while ((sf = sf_at(hw_load32(&m->sf))) != NULL) {
		if (ref_or_revive(sf, m, caller))
			return (sf);
		/* A CPU that waits for our flush must not wait for this. */
		if (!intr_enabled())
			tlb_serve();
		cpu_spinwait();
		KASSERT(!deadline_passed(&wait), "sf_buf_alloc: sf_buf %u of "
		    "frame 0x%x stays in transition (called from %pC)",
		    sf_index(sf), vm_page_index(m), caller);
	}
	return (NULL);
}

/* sf_bad_handle: panics because sf is no handle, or has no reference. */
void
sf_bad_handle(const struct sf_buf *sf, const char *func, const void *caller)
{
	if (!sf_is_handle(sf))
		panic("%s: %p is no sf_buf (called from %pC)", func, sf,
		    caller);
	if (sf_is_direct(sf))
		panic("%s: frame 0x%x has no reference (called from %pC)", func,
		    vm_page_index(sf_direct_page(sf)), caller);
	panic("%s: sf_buf %u is not referenced, last mapped by %pC (called "
	    "from %pC)", func, sf_index(sf), sf_callers[sf_index(sf)], caller);
}

/*
 * sf_buf_free_bad, sf_buf_kva_bad: panic because a caller of sf_buf_free() or
 * sf_buf_kva() holds no reference to sf.
 */
void
sf_buf_free_bad(struct sf_buf *sf)
{
	sf_bad_handle(sf, "sf_buf_free", __caller());
}

void
sf_buf_kva_bad(struct sf_buf *sf)
{
	sf_bad_handle(sf, "sf_buf_kva", __caller());
}

/* Contract in <sys/sf_buf.h>. */
void
sf_buf_ref(struct sf_buf *sf)
{
	const void *caller = __caller();
	struct vm_page *m = sf_direct_page(sf);
	uint32_t status;

	if (!sf_is_handle(sf))
		sf_bad_handle(sf, "sf_buf_ref", caller);
	if (sf_is_direct(sf)) {
		if (!sf_refs_any(hw_load32(&m->sf_refs)))
			sf_bad_handle(sf, "sf_buf_ref", caller);
		KASSERT(atomic_inc_32(&m->sf_refs), "sf_buf_ref: too many "
		    "references to frame 0x%x (called from %pC)",
		    vm_page_index(m), caller);
		return;
	}
	status = atomic_fetchadd_32(&sf->status, SF_REF);
	if (!sf_is_referenced(status))
		sf_bad_handle(sf, "sf_buf_ref", caller);
	KASSERT((status & SF_REF_MASK) <= SF_REF_MAX, "sf_buf_ref: too many "
	    "references to sf_buf %u (called from %pC)", sf_index(sf), caller);
	if ((status & SF_PRIVATE) != 0)
		(void)atomic_inc_32(&sf_page_at(sf_page(sf))->sf_refs);
}

/* Contract in <sys/sf_buf.h>. */
bool
sf_buf_page_referenced(struct vm_page *m)
{
	page_off_t page = sf_page_off(m);
	struct sf_buf *sf = sf_at(hw_load32(&m->sf));
	uint32_t status;

	if (sf_refs_any(hw_load32(&m->sf_refs)))
		return (true);
	if (sf == NULL)
		return (false);
	for (;;) {
		status = sf_status(sf);
		if (sf_page(sf) != page || !sf_is_referenced(status))
			return (false);
		/* The two loads were of one word if that did not change. */
		if (sf_change(sf, page, status, status))
			return (true);
	}
}
