/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Slots from other CPUs' pools.
 *
 * Takes away a cost of pools of a fixed size: a CPU would run out of slots
 * while others have slots to spare.
 * Costs: a slot that changes hands takes the cache lines of its status and its
 * entry along.  So a CPU that can force a flush leaves the slots of other
 * active CPUs alone: the flush serves both, and otherwise each slot would move
 * between CPUs about once per use.  A pool counts as active if it made slots
 * ready within the last ACTIVE_FORCES forced flushes: not just since the last,
 * because its CPU may not have run for that long, as in a virtual machine.
 * Checked by: smp.a_cpu_that_maps_alone_has_all_slots,
 * smp.slots_come_home_from_an_active_pool, the benchmarks exact.miss-all-cpus
 * and ratio.throughput, the simulation.
 *
 * A pool has a home: the slots that it began with, neighbours in the array and
 * in the page tables.  A CPU that worked alone has most of the slots of the
 * others.  When such a CPU maps again, it takes its own ones back, also from an
 * active pool.  Otherwise the slots of all CPUs get mixed, and then each miss
 * fetches cache lines that another CPU has just written.
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

/* What a thief may take of the flushed slots of p at most: half of them. */
static inline u_int
half_flushed(const struct sf_pool *p)
{
	u_int n = (p->ring.len[FLUSHED] + 1) / 2;

	return (n < STEAL_MAX ? n : STEAL_MAX);
}

/* A pool without flushed slots, as it was when it was unlocked. */
struct thief {
	const struct sf_pool *pool;
	u_int unflushed;		/* slots that a flush would bring it */
	bool away;			/* it lacks a quarter of its share */
	bool may_force;			/* it can get a flush instead */
};

/*
 * How many flushed slots the locked pool p can give, wherever they are at home.
 * From an active pool none, if the thief can force a flush instead, unless the
 * thief is poor (at most a quarter of a CPU's share are unflushed in its pool)
 * and p has more than what each CPU would get of those.
 */
static u_int
can_spare(const struct sf_pool *p, const struct thief *t)
{
	bool poor = t->unflushed <= nsfbufs / mp_ncpus / 4;

	if (t->may_force && p->active != 0 &&
	    !(poor && p->ring.len[FLUSHED] > t->unflushed / mp_ncpus))
		return (0);
	return (half_flushed(p));
}

/*
 * Takes the first flushed slots of r out, at most max of them, that are at home
 * in p, or those that are not.
 */
static struct run
cut_run(struct ring *r, const struct sf_pool *p, bool home, u_int max)
{
	struct sf_buf *sf = ring_first(r, FLUSHED), *last = NULL;
	u_int n = 0;

	for (; n < max && (sf_addr(sf) - p->home < p->home_size) == home; n++) {
		last = sf;
		sf = sf_next(sf);
	}
	return (n == 0 ? (struct run){ 0 } : ring_cut(r, FLUSHED, last, n));
}

/*
 * Takes flushed slots of r out that are at home in p, those that lie together;
 * an empty run if the first max slots have none.  What is passed goes to the
 * end of the part, so that the next search looks further.
 */
static struct run
cut_home(struct ring *r, const struct sf_pool *p, u_int max)
{
	struct run passed = cut_run(r, p, false, max);

	if (passed.n != 0)
		ring_append(r, FLUSHED, passed);
	return (cut_run(r, p, true, max - passed.n));
}

/*
 * Takes flushed slots from the locked pool p.  A pool that lacks a quarter of
 * its share takes its own ones first; a bound nearer to the share would make
 * it search in vain for the last few.
 */
static struct run
take_for(const struct thief *t, struct sf_pool *p)
{
	struct run run = { 0 };
	u_int n;

	/* In strict mode the other pools never had a slot. */
	if (p->ring.len[FLUSHED] == 0)
		return (run);
	if (t->away)
		run = cut_home(&p->ring, t->pool, half_flushed(p));
	if (run.n == 0 && (n = can_spare(p, t)) != 0)
		run = ring_cut_first(&p->ring, FLUSHED, n);
	pool_set_bounds(p);
	return (run);
}

/*
 * Moves flushed slots from the first other pool that gives some; false if none
 * does.  Releases the lock of `mine' meanwhile, and lets interrupts in after
 * each pool that gives none, so that they are not off for longer because there
 * are more CPUs.  Afterwards the caller may be on another CPU; `mine' stays
 * locked for it all the same.
 */
static bool
steal(struct sf_pool *mine, bool may_force)
{
	struct thief t = { mine, pool_unflushed(mine),
	    mine->ring.nslots < nsfbufs / mp_ncpus / 4 * 3, may_force };
	u_int me = (u_int)(mine - sf_pools);
	uint32_t flags = mine->saved_flags;
	struct run run = { 0 };
	struct sf_pool *p;

	pool_release(mine);
	for (u_int i = 1; i < mp_ncpus && run.n == 0; i++) {
		p = &sf_pools[(me + i) % mp_ncpus];
		KDEBUG(p != mine, "sf_buf: CPU %u steals from itself", me);
		pool_acquire(p);
		sf_flush_promote(p);
		run = take_for(&t, p);
		pool_release(p);
		if (run.n == 0) {
			intr_restore(flags);
			(void)intr_save();
		}
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
 * and over.  The pool of this CPU is locked; may let the lock go, and be on
 * another CPU afterwards.
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
