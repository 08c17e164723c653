/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Takes the mapping of a chosen page away, as no caller of sf_buf(9) can: tests
 * use it to decide which slot is used next.  Looks through the rings with the
 * functions of sf_buf/, and changes nothing in another way than these do.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>
#include <tests/sf_evict.h>
#include <vm/tlb.h>

/* Takes sf out of part k, which goes round once; false if it is not there. */
static bool
remove_from(struct ring *r, enum part k, struct sf_buf *sf)
{
	struct sf_buf *s;
	bool found = false;

	for (u_int n = r->len[k]; n > 0; n--) {
		s = ring_get(r, k);
		if (s == sf)
			found = true;
		else
			ring_put(r, k, s);
	}
	return (found);
}

/* Claims sf, which is in the ring of p, and removes its mapping. */
static bool
claim_idle(struct sf_pool *p, struct sf_buf *sf)
{
	uint32_t status;

	for (enum part k = FLUSHED; k <= OPEN; k++) {
		if (!remove_from(&p->ring, k, sf))
			continue;
		if (atomic_cmpset_32(&sf->status, SF_REMOVED, SF_CLAIMED))
			return (true);
		ring_put(&p->ring, QUEUE, sf);		/* revived */
	}
	if (!remove_from(&p->ring, QUEUE, sf) ||
	    sf_evict_claim(p, sf, NO_CHANCE, &status) != TAKE)
		return (false);
	if (status != SF_REMOVED)
		(void)sf_remove_mapping(sf);
	return (true);
}

/* Puts a flushed slot in front of all others of this CPU. */
static void
make_next(struct sf_buf *sf)
{
	struct sf_pool *p = pool_lock_mine();

	sf_put_removed(p, sf, FLUSHED);
	for (u_int n = p->ring.len[FLUSHED] - 1; n > 0; n--)
		ring_put(&p->ring, FLUSHED, ring_get(&p->ring, FLUSHED));
	pool_unlock(p);
}

/*
 * sf_evict_page: takes the cached shared mapping of m away, flushes its slot,
 * and makes that the next to be used on this CPU.  False if there is none, or
 * it is referenced.  Thread context, pinned; looks at every slot.
 */
bool
sf_evict_page(struct vm_page *m)
{
	struct sf_buf *sf = sf_at(m->sf);
	bool found = false;

	if (m->sf == 0)
		return (false);
	for (u_int i = 0; i < mp_ncpus && !found; i++) {
		pool_lock(&sf_pools[i]);
		found = claim_idle(&sf_pools[i], sf);
		if (found) {
			sf_forget_page(sf);
			hw_store32(&sf->page, PAGE_NONE);
		}
		pool_unlock(&sf_pools[i]);
	}
	if (!found)
		return (false);
	tlb_flush_all_wait();
	make_next(sf);
	return (true);
}
