/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * To map a page in a slot under the lock of the pool: finds a slot that no TLB
 * caches, enters the page, and publishes it.
 *
 * Invariant: an entry is in place before any CPU can find its slot, and no
 * CPU can take a reference before the status is stored.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>

_Static_assert(sizeof(struct vm_page) == VM_PAGE_STRUCT, "struct vm_page");

/*
 * sf_map_and_publish: maps m in a flushed slot that we own, and publishes it;
 * NULL if another CPU mapped m first: then the slot is in the pool again and
 * names no page, because m must be found in the other slot only.  The pool is
 * locked.
 */
struct sf_buf *
sf_map_and_publish(struct sf_pool *p, struct sf_buf *sf, struct vm_page *m,
    const void *caller)
{
	page_off_t page = sf_page_off(m);

	sf_check_ours(sf);
	KDEBUG(page != PAGE_NONE, "sf_buf %u: maps frame 0 (called from %pC)",
	    sf_index(sf), caller);
	sf_pte_enter(sf, page, SF_STATES, 0);
	hw_store32(&sf->page, page);
	if (!atomic_cmpset_32(&m->sf, 0, sf_addr(sf))) {
		PCPU_COUNT(pc_sf.races);
		hw_store32(&sf->page, PAGE_NONE);
		sf_put_removed(p, sf, sf_remove_mapping(sf));
		return (NULL);
	}
	sf_set_caller(sf, caller);
	if (sf_strict) {
		hw_store32(&sf->status, SF_FREE_SLOW | SF_UNLISTED | SF_REF);
	} else {
		ring_put(&p->ring, QUEUE, sf);
		hw_store32(&sf->status, SF_REF);
	}
	p->unsampled++;
	PCPU_COUNT(pc_sf.misses);
	return (sf);
}

/*
 * sf_map: maps m in a flushed slot.  NULL if no CPU has one, or, if the caller
 * can force a flush, none that the other CPUs can spare; or if another CPU has
 * mapped m meanwhile.  Any context but NMI.
 */
struct sf_buf *
sf_map(struct vm_page *m, const void *caller)
{
	struct sf_pool *p = pool_lock_mine();
	struct sf_buf *sf;

	sf_evict_ahead(p);
	if ((sf = sf_take_from(p, FLUSHED)) == NULL)
		sf = sf_steal_flushed(p);
	if (sf != NULL)
		sf = sf_map_and_publish(p, sf, m, caller);
	sf_ready_make(p);
	sf_sample(p);
	pool_unlock(p);
	return (sf);
}

/*
 * sf_map_in: maps m in a slot that sf_take_any() gave, after a flush of all
 * TLBs if that is needed.  NULL if another CPU was faster; the slot is given
 * back.  Thread context, interrupts on, no spin lock held.
 */
struct sf_buf *
sf_map_in(struct sf_buf *sf, bool needs_flush, struct vm_page *m,
    const void *caller)
{
	struct sf_pool *p;

	if (needs_flush)
		tlb_flush_all_wait();
	p = pool_lock_mine();
	sf = sf_map_and_publish(p, sf, m, caller);
	pool_unlock(p);
	return (sf);
}

