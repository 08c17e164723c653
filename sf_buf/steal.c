/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Slots from other CPUs' pools.
 *
 * Takes away from pools of a fixed size: that a CPU runs dry while others have
 * slots to spare.
 * Costs: a slot that changes hands takes the cache lines of its status and its
 * entry along.  So a CPU that can force a flush leaves the slots of other
 * active CPUs alone: the flush serves both, and otherwise each slot would move
 * between CPUs about once per use.  A pool counts as active if it made slots
 * ready within the last ACTIVE_FORCES forced flushes: not just since the last,
 * because its CPU may not have run for that long, as in a virtual machine.
 * Checked by: smp.a_cpu_that_maps_alone_has_all_slots, the benchmark
 * exact.miss-all-cpus, the simulation.
 *
 * A stolen run is in no ring while it changes pools, so a thread may look for
 * a slot in vain meanwhile and wait; callers must therefore look at
 * sf_nwaiters afterwards.
 */

#include <sys/types.h>
#include <sys/panic.h>
#include <sys/systm.h>
#include <machine/intr.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

/*
 * How many flushed slots the locked pool p can give: half of them.  From an
 * active pool none, if the thief can force a flush instead, unless the thief is
 * poor (at most a quarter of a CPU's share are `unflushed' in its pool,
 * which a flush would bring it) and p has more than what each CPU would get of
 * those.
 */
static u_int
can_spare(struct sf_pool *p, u_int unflushed, bool may_force)
{
	bool poor = unflushed <= nsfbufs / mp_ncpus / 4;
	u_int n = (p->ring.len[FLUSHED] + 1) / 2;

	if (may_force && p->active != 0 &&
	    !(poor && p->ring.len[FLUSHED] > unflushed / mp_ncpus))
		return (0);
	return (n < STEAL_MAX ? n : STEAL_MAX);
}

/*
 * Moves flushed slots from the first other pool that can spare some; false if
 * none can.  Releases the lock of `mine' meanwhile; interrupts stay off.
 */
static bool
steal(struct sf_pool *mine, bool may_force)
{
	uint32_t flags = mine->saved_flags;
	u_int unflushed = pool_unflushed(mine), me = (u_int)(mine - sf_pools);
	struct run run = { 0 };
	struct sf_pool *p;

	pool_release(mine);
	for (u_int i = 1; i < mp_ncpus && run.n == 0; i++) {
		p = &sf_pools[(me + i) % mp_ncpus];
		KDEBUG(p != mine, "sf_buf: CPU %u steals from itself", me);
		pool_acquire(p);
		sf_flush_promote(p);
		run.n = can_spare(p, unflushed, may_force);
		if (run.n != 0) {
			run = ring_cut_first(&p->ring, FLUSHED, run.n);
			pool_set_bounds(p);
		}
		pool_release(p);
	}
	pool_acquire(mine);
	mine->saved_flags = flags;
	if (run.n == 0)
		return (false);
	ring_append(&mine->ring, FLUSHED, run);
	pool_set_bounds(mine);
	return (true);
}

/*
 * sf_steal_flushed: a claimed slot for a CPU whose FLUSHED is empty, from what
 * can be had without an interrupt; NULL if there is none.  All that is stolen
 * may turn out to be revived, and then there may be more.  Others' slots come
 * first: a CPU that maps alone is to have all slots, not to use its own over
 * and over.  The pool of this CPU is locked; may let the lock go.
 */
struct sf_buf *
sf_steal_flushed(struct sf_pool *p)
{
	/* CPUs that idle map nothing, however active their pools were. */
	bool may_force = intr_were_on(p->saved_flags) && !panicked() &&
	    !tlb_others_idle();
	struct sf_buf *sf;

	sf_flush_promote(p);
	while ((sf = sf_take_from(p, FLUSHED)) == NULL)
		if (!steal(p, may_force)) {
			sf_flush_alone(p);
			return (sf_take_from(p, FLUSHED));
		}
	return (sf);
}

/*
 * As sf_take_any(), of one pool, which is locked.  The search ends only when
 * nothing removed is left: a slot may come into a part that it has passed, from
 * another CPU while the lock was let go, or by the eviction that puts a revived
 * slot right.  What was evicted may be revived at once, and then there is more.
 */
static struct sf_buf *
take_any_from(struct sf_pool *p, bool *needs_flush)
{
	struct sf_buf *sf;

	do {
		sf_flush_promote(p);
		if ((sf = sf_take_removed(p, needs_flush)) != NULL)
			return (sf);
	} while (sf_evict_one(p) ||
	    p->ring.len[FLUSHED] + pool_unflushed(p) != 0);
	return (NULL);
}

/*
 * sf_take_any: an unreferenced slot of any kind, claimed, for a thread that
 * waits; *needs_flush says that tlb_flush_all_wait() must come before its use.
 * NULL only if every slot is referenced, or in transition.  Any context but
 * NMI.
 */
struct sf_buf *
sf_take_any(bool *needs_flush)
{
	u_int me = curcpu_id();
	struct sf_buf *sf = NULL;
	struct sf_pool *p;

	for (u_int i = 0; i < mp_ncpus && sf == NULL; i++) {
		p = &sf_pools[(me + i) % mp_ncpus];
		pool_lock(p);
		sf = take_any_from(p, needs_flush);
		pool_unlock(p);
	}
	return (sf);
}
