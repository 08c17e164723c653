/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What an allocation does that the inline path of <sf_buf/inline.h> cannot
 * serve: its slot is removed or in transition, or no slot is ready.  In order:
 * revive; refill the ready slots; map under the lock of the pool; force a
 * flush; wait.
 */

#include <sys/types.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

/*
 * The slow path of an allocation from a slot.  Each turn of the loop returns a
 * mapping (its own or another CPU's), flushes slots and tries again, or gives
 * up.  While threads wait, later callers queue behind them.
 */
static struct sf_buf *
alloc(struct vm_page *m, int flags, const void *caller)
{
	bool private = (flags & SFB_CPUPRIVATE) != 0 && !sf_strict;
	bool interrupted = false;
	struct sf_buf *sf;

	while (!interrupted) {
		if ((sf = sf_ref_lookup(m, caller)) != NULL ||
		    (private && (sf = sf_private_lookup(m)) != NULL))
			return (sf);
		if (hw_load32(&sf_nwaiters) == 0) {
			sf = private ? sf_private_map(m, caller) :
			    sf_map(m, caller);
			if (hw_load32(&sf_nwaiters) != 0)
				sf_waiters_wake_for(m);
			if (sf != NULL)
				return (sf);
			if (hw_load32(&m->sf) != 0)
				continue;
			if (tlb_may_wait() && sf_flush_force())
				continue;
		}
		if ((flags & SFB_NOWAIT) != 0)
			break;
		sf = sf_wait(m, flags, caller, &interrupted);
		if (sf != NULL)
			return (sf);
	}
	PCPU_COUNT(pc_sf.failures);
	return (NULL);
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
