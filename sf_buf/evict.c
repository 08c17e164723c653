/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Eviction, ahead of need and in runs.
 *
 * Takes away from the simple scheme: the removal of one mapping in each miss,
 * and the question, each time, whether a TLB caches it.  A run of slots moves
 * by one border; and the Accessed bit, read by the exchange that removes an
 * entry, says whether any TLB may cache it: a run that was never accessed needs
 * no flush.
 * Costs: at most about a quarter of the slots is mapped at any time, of small
 * pools half.  A removed slot still names its page, and goes back to it without
 * a flush, for one CMPXCHG8B and the stores of its entry and status (revive()
 * in ref.c), wherever in the ring it is.
 * Checked by: sf_buf.the_accessed_bit_tells_what_a_tlb_may_hold, the
 * simulation, tests/model/tlb.pml.
 *
 * A slot joins the queue when it is mapped, referenced as it is then: so the
 * free of a short-lived reference touches no ring.  A slot that is still
 * referenced when its eviction is due is taken out of the ring; its last free
 * puts it back.  So eviction passes over a slot about once for each miss that
 * maps it, each hit of it, and each of its last frees.
 *
 * All functions are called with the pool locked.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>

/*
 * sf_evict_claim: judges a slot just taken out of the queue, and acts on it:
 * after TAKE the slot is ours.  *status is what it was.  A CPU that claims a
 * slot at [R3] of ready.c and has no right to it leaves the page as it is; so
 * an exchange of half the word will do.
 */
enum sf_verdict
sf_evict_claim(struct sf_pool *p, struct sf_buf *sf, enum sf_chance chance,
    uint32_t *status)
{
	enum sf_verdict verdict;

	*status = sf_status(sf);
	do {
		verdict = sf_verdict(*status, chance);
	} while (!atomic_fcmpset_32(&sf->status, status,
	    sf_verdict_status(verdict, *status)));
	if (verdict == REQUEUE)
		ring_put(&p->ring, QUEUE, sf);
	return (verdict);
}

/*
 * Evicts the first slot of the queue, which is not empty, if it may.  One that
 * was removed already counts as cached: it is not known when it was.
 */
static enum sf_verdict
evict_first(struct sf_pool *p, enum sf_chance chance)
{
	struct sf_buf *sf = ring_get(&p->ring, QUEUE);
	uint32_t status;
	enum sf_verdict verdict = sf_evict_claim(p, sf, chance, &status);

	p->looked++;
	if (verdict == TAKE && status == SF_REMOVED)
		sf_put_removed(p, sf, OPEN);
	else if (verdict == TAKE)
		sf_put_removed(p, sf, (status & SF_PRIVATE) != 0 ?
		    sf_remove_private(sf) : sf_remove_mapping(sf));
	return (verdict);
}

/*
 * sf_evict_one: evicts the oldest unreferenced mapping of the queue, without
 * second chances; false if there is none.  Lets the lock go now and then.
 */
bool
sf_evict_one(struct sf_pool *p)
{
	for (u_int n = 2 * p->ring.len[QUEUE]; n > 0; n--) {
		if (p->ring.len[QUEUE] == 0)
			return (false);
		if (evict_first(p, NO_CHANCE) == TAKE)
			return (true);
		pool_let_go(p);
	}
	return (false);
}

/* Evicts one mapping of any kind, if one of the first few may go. */
static bool
evict_odd_one(struct sf_pool *p)
{
	for (u_int n = p->ring.len[QUEUE]; n > 0 && p->looked < sf_search_max;
	    n--)
		if (evict_first(p, SECOND_CHANCE) == TAKE)
			return (true);
	return (false);
}

/*
 * The first n slots of the queue, up to `last', were removed: moves them to the
 * end of OPEN, which is a border that moves, or to that of FLUSHED.  Not
 * inlined: in evict_run() gcc would load a constant anew for each slot.
 */
static void __attribute__((noinline))
evict_move(struct sf_pool *p, enum part to, struct sf_buf *last, u_int n)
{
	if (n == 0)
		return;
	p->looked += (n + RUN_LOOKS - 1) / RUN_LOOKS;
	if (to == OPEN)
		ring_shift(&p->ring, QUEUE, OPEN, last, n);
	else
		ring_append(&p->ring, FLUSHED,
		    ring_cut(&p->ring, QUEUE, last, n));
}

/*
 * Evicts up to max slots from the head of the queue, as long as they are
 * shared, unreferenced and not hit since they were mapped; returns how many.
 * They stay together: if a TLB may cache one of them, all wait for a flush.
 */
static u_int
evict_run(struct sf_pool *p, u_int max)
{
	struct sf_buf *sf = ring_first(&p->ring, QUEUE), *last = NULL;
	uint32_t bits = 0;
	u_int left, n;

	if (max > RUN_MAX)
		max = RUN_MAX;
	for (left = max; left != 0; left--) {
		if (!atomic_cmpset_0_32(&sf->status, SF_CLAIMED))
			break;
		bits |= sf_pte_remove(sf);
		hw_store32(&sf->status, SF_REMOVED);
		last = sf;
		sf = sf_next(sf);
	}
	n = max - left;
	evict_move(p, sf_removed_part(bits), last, n);
	PCPU_ADD(pc_sf.removals, n);
	return (n);
}

/*
 * As evict_run(), of slots that are private to this CPU.  All count as cached,
 * and forget their pages: see sf_remove_private().
 */
static u_int
evict_private_run(struct sf_pool *p, u_int max)
{
	uint32_t unused = SF_FREE_SLOW | SF_PRIVATE_TO(curcpu_id());
	struct sf_buf *last = p->ring.last[OPEN], *sf;
	u_int n;

	for (n = 0; n < max; n++) {
		sf = sf_next(last);
		if (!atomic_cmpset_32(&sf->status, unused, SF_CLAIMED))
			break;
		(void)sf_pte_remove(sf);
		hw_store32(&sf->page, PAGE_NONE);
		hw_store32(&sf->status, SF_REMOVED);
		last = sf;
	}
	evict_move(p, OPEN, last, n);
	PCPU_ADD(pc_sf.removals, n);
	return (n);
}

/*
 * sf_evict_batch: brings the queue down to what it may have, if that is not too
 * much for one hold of the lock.  True if there is more to do under the next.
 */
bool
sf_evict_batch(struct sf_pool *p)
{
	u_int left = EVICT_MAX, max, n;

	pool_set_bounds(p);
	while (left != 0 && p->ring.len[QUEUE] > p->low &&
	    p->looked < sf_search_max) {
		max = p->ring.len[QUEUE] - p->low;
		max = max < left ? max : left;
		n = evict_run(p, max);
		if (n == 0)
			n = evict_private_run(p, max);
		if (n == 0)
			n = evict_odd_one(p);
		if (n == 0)
			return (false);
		left -= n;
	}
	return (p->ring.len[QUEUE] > p->low);
}

/*
 * sf_evict_half: evicts half of the queue, without second chances, because
 * nothing else is removed.  Lets the lock go now and then.
 */
void
sf_evict_half(struct sf_pool *p)
{
	u_int n = (p->ring.len[QUEUE] + 1) / 2;

	while (n-- > 0 && sf_evict_one(p))
		pool_let_go(p);
}

/*
 * sf_take_from: takes the first slot of a part of removed ones out and claims
 * it; NULL if none is left.  A slot that was revived meanwhile goes where
 * mapped slots belong, and another is evicted in its place if the queue is now
 * too long.  Lets the lock go now and then, so the ring may change.
 */
struct sf_buf *
sf_take_from(struct sf_pool *p, enum part k)
{
	struct sf_buf *sf;

	while ((sf = ring_get(&p->ring, k)) != NULL) {
		if (atomic_cmpset_32(&sf->status, SF_REMOVED, SF_CLAIMED)) {
			sf_forget_page(sf);
			return (sf);
		}
		ring_put(&p->ring, QUEUE, sf);
		p->looked++;
		sf_evict_ahead(p);
		pool_let_go(p);
	}
	return (NULL);
}

/*
 * sf_take_removed: as sf_take_from(), of the first removed part that has a
 * slot; *cached says that a TLB may cache what the slot mapped.
 */
struct sf_buf *
sf_take_removed(struct sf_pool *p, bool *cached)
{
	struct sf_buf *sf;

	for (enum part k = FLUSHED; k <= OPEN; k++)
		if ((sf = sf_take_from(p, k)) != NULL) {
			*cached = k != FLUSHED;
			return (sf);
		}
	return (NULL);
}
