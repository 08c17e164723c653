/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What an allocation does that the inline path of <sf_buf/inline.h> cannot
 * serve: its slot is removed or in transition, or no slot is ready.  In order:
 * revive; refill the ready slots; map under the lock of the pool; force a
 * flush; wait.
 *
 * Invariant: an allocation forces at most ROUNDS flushes before it joins the
 * queue of waiters.  A flush does not promise a slot: after each one, other
 * CPUs may take or revive every slot that it brings, so that none is left to
 * steal.  The queue does promise one: while a thread waits in it, no other
 * thread gets a slot before it.
 */

#include <sys/types.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

/* The shared mapping of m, or this CPU's private one; NULL if it has none. */
static struct sf_buf *
lookup(struct vm_page *m, bool private, const void *caller)
{
	struct sf_buf *sf = sf_ref_lookup(m, caller);

	return (sf == NULL && private ? sf_private_lookup(m) : sf);
}

/*
 * One round: maps m in a slot that can be had without a flush.  If there is
 * none, NULL, and *again says that the next round may find one, or a mapping of
 * m, because it forced a flush or another CPU mapped m.
 */
static struct sf_buf *
map_or_flush(struct vm_page *m, bool private, const void *caller, bool *again)
{
	struct sf_buf *sf;

	sf = private ? sf_private_map(m, caller) : sf_map(m, caller);
	if (hw_load32(&sf_nwaiters) != 0)
		sf_waiters_wake_for(m);
	*again = sf == NULL && (hw_load32(&m->sf) != 0 ||
	    (tlb_may_wait() && sf_flush_force()));
	return (sf);
}

/*
 * After its rounds, for a caller that cannot queue: maps m in any slot that is
 * not referenced, as a waiter does.  Rounds end early if they find nothing to
 * flush; but each looks at one pool after the other, and misses slots that
 * change pools meanwhile.  NULL if there is no slot, or threads wait, or this
 * context may not wait for a flush.
 */
static struct sf_buf *
map_in_any(struct vm_page *m, const void *caller)
{
	struct sf_buf *sf;
	bool needs_flush;

	if (!tlb_may_wait() || hw_load32(&sf_nwaiters) != 0)
		return (NULL);
	sf = sf_take_any(&needs_flush);
	if (sf != NULL)
		sf = sf_map_in(sf, needs_flush, m, caller);
	if (hw_load32(&sf_nwaiters) != 0)
		sf_waiters_wake_for(m);
	return (sf != NULL ? sf : sf_ref_lookup(m, caller));
}

/*
 * The slow path of an allocation from a slot.  Each turn of the loop returns a
 * mapping (its own or another CPU's), is a round that ends with a flush, waits
 * in the queue, or gives up.  While threads wait, later callers queue behind
 * them, or fail if they cannot wait.
 */
static struct sf_buf *
alloc(struct vm_page *m, int flags, const void *caller)
{
	bool private = (flags & SFB_CPUPRIVATE) != 0 && !sf_strict;
	bool interrupted = false, again;
	struct sf_buf *sf = NULL;
	u_int rounds = 0;

	while (!interrupted) {
		if ((sf = lookup(m, private, caller)) != NULL)
			return (sf);
		if (rounds < ROUNDS && hw_load32(&sf_nwaiters) == 0) {
			rounds++;
			sf = map_or_flush(m, private, caller, &again);
			if (sf != NULL)
				return (sf);
			if (again)
				continue;
		}
		if ((flags & SFB_NOWAIT) != 0) {
			sf = map_in_any(m, caller);
			break;
		}
		sf = sf_wait(m, flags, caller, &interrupted);
		if (sf != NULL)
			return (sf);
	}
	if (sf == NULL)
		PCPU_COUNT(pc_sf.failures);
	return (sf);
}

/*
 * Brings this CPU's pool up to date, and makes slots ready; false if none
 * could be made ready.
 */
static bool
refill(void)
{
	struct sf_pool *p = pool_lock_mine();
	bool some;

	sf_flush_promote(p);
	sf_evict_ahead(p);
	sf_ready_make(p);
	sf_sample(p);
	some = p->nready != 0;
	pool_unlock(p);
	return (some);
}

/*
 * sf_buf_none_ready: an allocation that found neither a mapping nor a ready
 * slot.  As sf_buf_alloc(), whose inline path has checked m and flags.  Makes
 * slots ready and tries again, before it looks at everything: that saves 45 to
 * 85 instructions each time that the ready slots run out (docs/stairs.md).  If
 * it succeeds after a claim in vain it need not look for waiters: with a waiter
 * refill() makes no slot ready.
 */
struct sf_buf *
sf_buf_none_ready(struct vm_page *m, int flags)
{
	struct sf_buf *sf = NULL;

	if (refill() && hw_load32(&m->sf) == 0)
		sf = sf_buf_miss(sf_page_off(m));
	if (sf != NULL) {
		sf_set_caller(sf, __caller());
		return (sf);
	}
	/* A waiter may have looked for a slot that was claimed in vain. */
	if (hw_load32(&sf_nwaiters) != 0)
		sf_waiters_wake_for(m);
	return (alloc(m, flags, __caller()));
}

static void
check_request(struct vm_page *m, int flags, const void *caller)
{
	KASSERT(m != NULL, "sf_buf_alloc: no page (called from %pC)", caller);
	KASSERT((flags & ~SFB_ALL) == 0,
	    "sf_buf_alloc: unknown flags 0x%x (called from %pC)", flags,
	    caller);
	KASSERT(sf_page_off(m) % sizeof(*m) == 0 &&
	    sf_page_off(m) < sf_pages_end,
	    "sf_buf_alloc: %p is no page (called from %pC)", m, caller);
	KASSERT(m->wire_count > 0,
	    "sf_buf_alloc: frame 0x%x is not wired (called from %pC)",
	    vm_page_index(m), caller);
	KASSERT((flags & SFB_CPUPRIVATE) == 0 || sched_is_pinned(),
	    "sf_buf_alloc: SFB_CPUPRIVATE, but not pinned (called from %pC)",
	    caller);
}

/*
 * sf_buf_alloc_slow: checks the request in full, then allocates; for whatever
 * the inline path does not handle.
 */
struct sf_buf *
sf_buf_alloc_slow(struct vm_page *m, int flags)
{
	const void *caller = __caller();

	check_request(m, flags, caller);
	if (!sf_buf_page_is_direct(m))
		return (alloc(m, flags, caller));
	KASSERT(atomic_inc_32(&m->sf_refs), "sf_buf_alloc: too many "
	    "references to frame 0x%x (called from %pC)", vm_page_index(m),
	    caller);
	return (sf_of_direct_page(m));
}
