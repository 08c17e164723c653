/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Frees that the inline path of <sf_buf/inline.h> leaves over: of slots that
 * are CPU-private, in no ring or in strict mode, and while threads wait.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/intr.h>
#include <sf_buf/pool.h>

/*
 * A reference was dropped of a slot that may be in no ring; if it was the last
 * one the slot becomes a candidate for eviction, unless another CPU was faster.
 * Any context but NMI.  Interrupts are off from the exchange to the ring, so
 * that the slot is soon to be found.
 */
static void
list_freed(struct sf_buf *sf)
{
	uint32_t flags = intr_save(), status = sf_status(sf), new;
	struct sf_pool *p;

	do {
		if ((status & (SF_STATE | SF_REF_MASK)) != 0 ||
		    (status & SF_UNLISTED) == 0) {
			intr_restore(flags);
			return;
		}
		new = status & ~SF_UNLISTED;
		if ((status & SF_PRIVATE) == 0)
			new &= ~SF_FREE_SLOW;
	} while (!atomic_fcmpset_32(&sf->status, &status, new));
	p = pool_lock_mine();
	ring_put(&p->ring, QUEUE, sf);
	pool_unlock(p);
	intr_restore(flags);
}

/*
 * Drops a reference of a slot that is CPU-private or in no ring, or has none to
 * drop.  Reads the page first: without references the slot may map another at
 * any time.
 */
static inline void
drop(struct sf_buf *sf, const void *caller)
{
	page_off_t page = sf_page(sf);
	uint32_t status = atomic_fetchadd_32(&sf->status, -SF_REF);

	if (SF_UNLIKELY(!sf_is_referenced(status)))
		sf_bad_handle(sf, "sf_buf_free", caller);
	if ((status & SF_PRIVATE) != 0)
		(void)atomic_dec_32(&sf_page_at(page)->sf_refs);
	if (SF_UNLIKELY((status & SF_UNLISTED) != 0))
		list_freed(sf);
}

/*
 * sf_buf_free_slow: a free that found FREE_SLOW set.  In strict mode each free
 * does.
 */
void
sf_buf_free_slow(struct sf_buf *sf)
{
	if (SF_UNLIKELY(sf_strict))
		sf_strict_free(sf, __caller());
	else
		drop(sf, __caller());
	if (SF_UNLIKELY(hw_load32(&sf_nwaiters) != 0))
		sf_waiters_serve();
}

/*
 * sf_buf_free_dropped: finishes a free whose decrement found FREE_SLOW set:
 * the slot was taken out of its ring meanwhile, or had no reference.
 */
void
sf_buf_free_dropped(struct sf_buf *sf)
{
	if ((sf_status(sf) & SF_REF_MASK) >= SF_REF_WRAPPED)
		sf_bad_handle(sf, "sf_buf_free", __caller());
	list_freed(sf);
	if (hw_load32(&sf_nwaiters) != 0)
		sf_waiters_serve();
}

