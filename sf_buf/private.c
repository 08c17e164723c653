/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * CPU-private mappings.
 *
 * Takes away from a miss: the wait for other CPUs' TLBs.  A mapping that only
 * has to be right on the calling CPU may take a removed slot that other TLBs
 * still cache, after an INVLPG here: only this CPU's private requests will use
 * it.
 * Costs: such a slot must not be revived, nor count as never cached when it is
 * evicted, for another TLB may cache what it mapped before.
 * Checked by: smp.private_takes_a_removed_slot_without_an_ipi, the simulation,
 * tests/model/tlb.pml.
 *
 * m->sf_private is the index of the slot that last mapped the page
 * CPU-privately.  It may be out of date, so the slot's own word is compared;
 * that is why a plain store sets it.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/intr.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

/*
 * sf_private_lookup: takes a reference to a mapping of m that is private to
 * this CPU; NULL if it has none.  The caller cannot migrate.
 */
struct sf_buf *
sf_private_lookup(struct vm_page *m)
{
	struct sf_buf *sf = &sf_slots[m->sf_private];
	uint32_t status = sf_status(sf);

	if ((status & (SF_STATE | SF_PRIVATE)) !=
	    SF_PRIVATE_TO(curcpu_id()) || sf_page(sf) != sf_page_off(m) ||
	    (status & SF_REF_MASK) > SF_REF_MAX)
		return (NULL);
	/* Counted first: a page that is referenced must never look idle. */
	(void)atomic_inc_32(&m->sf_refs);
	if (!sf_change(sf, sf_page_off(m), status,
	    (status + SF_REF) | SF_HIT)) {
		(void)atomic_dec_32(&m->sf_refs);
		return (NULL);
	}
	PCPU_COUNT_LOW(pc_sf.hits);
	return (sf);
}

/*
 * Invalidates the slot's address here, then maps m in it, for this CPU only.
 * We own the slot; other TLBs may cache it.  It is in the queue already, or is
 * put there under this hold of the lock.
 */
static inline void
map_here(struct sf_pool *p, struct sf_buf *sf, struct vm_page *m)
{
	page_off_t page = sf_page_off(m);

	sf_check_ours(sf);
	sf_pte_invalidate(sf);
	sf_pte_enter(sf, page, SF_STATES, 0);
	hw_store32(&sf->page, page);
	(void)atomic_inc_32(&m->sf_refs);
	hw_store32(&sf->status, SF_FREE_SLOW | SF_PRIVATE_TO(curcpu_id()) |
	    SF_REF);
	m->sf_private = (uint16_t)sf_index(sf);
	p->unsampled++;
	PCPU_COUNT(pc_sf.privates);
}

/*
 * Maps m, for this CPU only, in the first removed slot, which becomes the last
 * of QUEUE as a flushed one would.  NULL if there is none, or it was revived.
 * FLUSHED is empty.
 */
static inline struct sf_buf *
map_first(struct sf_pool *p, struct vm_page *m)
{
	bool batch = p->ring.len[BATCH] != 0;
	struct sf_buf *sf;

	if (!batch && p->ring.len[OPEN] == 0)
		return (NULL);
	sf = ring_first(&p->ring, BATCH);
	if (!atomic_cmpset_32(&sf->status, SF_REMOVED, SF_CLAIMED))
		return (NULL);
	sf_forget_page(sf);
	if (batch)
		ring_shift(&p->ring, BATCH, QUEUE, sf, 1);
	else
		ring_shift(&p->ring, OPEN, QUEUE, sf, 1);
	map_here(p, sf, m);
	return (sf);
}

/*
 * Maps m privately in an unflushed slot of this CPU, if that is to be had
 * easily: not while threads wait, and not if all other CPUs idled when this one
 * last looked.  Then sf_private_map() does better: it flushes this TLB, and
 * with that all slots are flushed.  The look is repeated each time that slots
 * are evicted.
 */
static inline struct sf_buf *
map_next(struct vm_page *m, const void *caller)
{
	struct sf_pool *p = pool_lock_mine();
	struct sf_buf *sf = NULL;

	if (p->ring.len[QUEUE] >= p->high) {
		(void)sf_evict_batch(p);
		p->alone = tlb_others_idle();
	}
	if (!p->alone && p->ring.len[FLUSHED] == 0 &&
	    hw_load32(&sf_nwaiters) == 0)
		sf = map_first(p, m);
	if (sf != NULL)
		sf_set_caller(sf, caller);
	sf_sample(p);
	pool_unlock(p);
	return (sf);
}

/*
 * sf_private_try: for a CPU-private allocation that found no ready slot: a
 * private mapping of m that this CPU has, or a new one in a slot that other
 * TLBs may cache; NULL if there is more to do.  The caller cannot migrate.
 */
struct sf_buf *
sf_private_try(struct vm_page *m)
{
	struct sf_buf *sf = sf_private_lookup(m);

	if (sf == NULL && !sf_strict)
		sf = map_next(m, __caller());
	/* A waiter may have looked for a slot that was claimed in vain. */
	if (hw_load32(&sf_nwaiters) != 0)
		sf_waiters_serve();
	return (sf);
}

/* The first slot that this CPU has, whatever may cache it, claimed. */
static struct sf_buf *
take_own(struct sf_pool *p, bool *cached)
{
	struct sf_buf *sf;

	sf_flush_promote(p);
	if ((sf = sf_take_from(p, FLUSHED)) != NULL)
		return (sf);
	sf_flush_alone(p);
	return (sf_take_removed(p, cached));
}

/*
 * sf_private_map: maps m in a flushed slot of this CPU or, if it has none,
 * CPU-privately in an unflushed one; takes other CPUs' slots last.  NULL if
 * every slot is referenced, or another CPU has mapped m.  Not in strict mode.
 * The caller cannot migrate.  Any context but NMI.
 */
struct sf_buf *
sf_private_map(struct vm_page *m, const void *caller)
{
	struct sf_pool *p = pool_lock_mine();
	struct sf_buf *sf;
	bool cached = false;

	KDEBUG(!sf_strict, "sf_buf: CPU-private in strict mode");
	sf_evict_ahead(p);
	p->alone = tlb_others_idle();
	if ((sf = take_own(p, &cached)) == NULL) {
		pool_unlock(p);
		sf = sf_take_any(&cached);
		pool_lock(p);
	}
	if (sf != NULL && cached) {
		sf_set_caller(sf, caller);
		ring_put(&p->ring, QUEUE, sf);
		map_here(p, sf, m);
	} else if (sf != NULL)
		sf = sf_map_and_publish(p, sf, m, caller);
	sf_ready_make(p);
	sf_sample(p);
	pool_unlock(p);
	return (sf);
}

