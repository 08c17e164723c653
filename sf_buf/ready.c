/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Ready slots: a miss that takes no lock.
 *
 * Takes away from the step before: the lock of the pool, CLI and STI, and the
 * change of the ring.  A miss claims a slot by one locked instruction,
 * publishes it by another, and keeps two words of its CPU up to date.  (A
 * magazine, in the words of Bonwick and Adams.)
 * Costs: a lock of its own kind, which waits for the pool's CPU; and slots
 * that are claimed by mistake, for which every search must be prepared.
 * Checked by: tests/model/ready.pml, the simulation, tests/interrupts_test.c.
 *
 * The first few slots of FLUSHED are ready: their CPU takes them without the
 * pool's lock, in sf_buf_miss(), where interrupts are soft-masked.  A CPU that
 * takes the lock waits until pc_soft_masked is 0, and then reclaims what is
 * ready.  The order of the accesses:
 *
 *	The CPU:  [R1] pc_soft_masked = 1
 *		  [R2] reads which slot is the first
 *		  [R3] claims it, by LOCK CMPXCHG
 *		  [R4] is pool_state FREE_WITH_READY?
 *		  [R5] everything else that it does to slot and pool
 *		  [R6] pc_soft_masked = 0
 *	Others:	  [R7] pool_state becomes LOCKED, by LOCK CMPXCHG
 *		  [R8] wait until pc_soft_masked is 0
 *		  [R9] reclaim what is ready, change the pool
 *		  [R10] pool_state becomes FREE; FREE_WITH_READY only by the
 *			CPU itself
 *
 * [R3] and [R7] are barriers, so that either [R4] sees [R7], or [R8] sees [R1],
 * and with it waits for [R6] and sees [R5]: [R5] and [R9] exclude each other.
 * Without the barrier [R1] could wait in the store buffer until after [R4], and
 * both CPUs would change the pool.
 *
 * Another CPU may also have locked and unlocked the pool before [R1] left the
 * store buffer, which makes what [R2] read out of date; the CPU then finds
 * FREE, not FREE_WITH_READY, at [R4].  It has claimed a slot, in any ring, to
 * which it has no right; it puts it back, and uses the lock.  A search that
 * came upon the slot in between took it for one that was revived, and put it
 * into a queue: so a queue may hold removed slots, about which it is not known
 * whether they are flushed.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/panic.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

/*
 * Takes back what is ready, and makes up for what sf_buf_miss() did not note:
 * the slots that it took are at the end of QUEUE now.
 */
static void
reclaim_ready(struct sf_pool *p)
{
	struct sf_ready *r = &p->pc->pc_sf_ready;
	struct sf_buf *last = sf_at(hw_load32(&r->before_first));
	u_int taken = p->nready - hw_load32(&r->nleft);

	KDEBUG(taken <= p->nready && p->lost <= taken,
	    "sf_buf: pool %u: of %u ready slots %u were taken, %u lost",
	    (u_int)(p - sf_pools), p->nready, taken, p->lost);
	if (taken != 0) {
		if (last == SF_SENTINEL)
			last = sf_at(hw_load32(&r->last_taken));
		ring_shift(&p->ring, FLUSHED, QUEUE, last, taken);
		p->unsampled += taken;
		PCPU_ADD(pc_sf.misses, taken - p->lost);
	}
	p->nready = p->lost = 0;
	hw_store32(&r->before_first, sf_addr(SF_SENTINEL));
}

/*
 * One turn of a wait for the pool.  False after this CPU panicked: the caller
 * then goes on without the lock, for all other CPUs are stopped.
 */
static bool
pool_wait(struct sf_pool *p, struct deadline *wait, u_int cpu, const char *how)
{
	if (panicked_here())
		return (false);
	KASSERT(panicked() || !deadline_passed(wait),
	    "sf_buf: CPU %u waits for pool %u, which CPU %u %s", curcpu_id(),
	    (u_int)(p - sf_pools), cpu, how);
	tlb_serve();
	cpu_spinwait();
	return (true);
}

/* [R7] */
static bool
try_acquire(struct sf_ready *r)
{
	uint32_t was = hw_load32(&r->pool_state);

	return (was != POOL_LOCKED &&
	    atomic_cmpset_32(&r->pool_state, was, POOL_LOCKED));
}

static void __attribute__((noinline))
wait_for_lock(struct sf_pool *p)
{
	struct deadline wait = { 0 };

	while (pool_wait(p, &wait, p->holder, "has locked") &&
	    !try_acquire(&p->pc->pc_sf_ready))
		continue;
}

/* [R8].  Acquire: orders this load before reclaim_ready()'s of `lost'. */
static inline bool
is_soft_masked(struct pcpu *pc)
{
	return (atomic_load_acq_32(&pc->pc_soft_masked) != 0);
}

static void __attribute__((noinline))
wait_for_unmask(struct sf_pool *p)
{
	struct deadline wait = { 0 };

	while (is_soft_masked(p->pc) &&
	    pool_wait(p, &wait, p->pc->pc_cpuid, "maps from"))
		continue;
}

/* [R7] to [R9] */
static inline void
acquire(struct sf_pool *p)
{
	if (SF_UNLIKELY(!try_acquire(&p->pc->pc_sf_ready)))
		wait_for_lock(p);
	p->holder = curcpu_id();
	p->looked = 0;
	if (SF_UNLIKELY(is_soft_masked(p->pc)))
		wait_for_unmask(p);
	if (p->nready != 0)
		reclaim_ready(p);
}

/* [R10] */
static inline void
release(struct sf_pool *p)
{
#ifdef DEBUG
	const char *error = ring_error(&p->ring);

	KASSERT(p->holder == curcpu_id() || panicked(), "sf_buf: CPU %u "
	    "releases pool %u, which CPU %u has locked", curcpu_id(),
	    (u_int)(p - sf_pools), p->holder);
	KASSERT(error == NULL || panicked(), "sf_buf: pool %u: %s (called from "
	    "%pC)", (u_int)(p - sf_pools), error, __caller());
	KASSERT(p->nready <= p->ring.len[FLUSHED] || panicked(), "sf_buf: pool "
	    "%u: %u slots are ready, %u flushed", (u_int)(p - sf_pools),
	    p->nready, p->ring.len[FLUSHED]);
#endif
	atomic_store_rel_32(&p->pc->pc_sf_ready.pool_state,
	    p->nready != 0 ? POOL_FREE_WITH_READY : POOL_FREE);
}

/*
 * pool_acquire, pool_release: as pool_lock() and pool_unlock(), for callers
 * that have turned interrupts off.
 */
void
pool_acquire(struct sf_pool *p)
{
	acquire(p);
}

void
pool_release(struct sf_pool *p)
{
	release(p);
}

/*
 * pool_lock, pool_unlock: lock a pool, with interrupts off in between.  Any
 * context but NMI.  pool_lock_mine() locks, and returns, that of the CPU on
 * which it runs.
 */
void
pool_lock(struct sf_pool *p)
{
	uint32_t flags = intr_save();

	acquire(p);
	p->saved_flags = flags;
}

struct sf_pool *
pool_lock_mine(void)
{
	uint32_t flags = intr_save();
	struct sf_pool *p = pool_mine();

	acquire(p);
	p->saved_flags = flags;
	return (p);
}

void
pool_unlock(struct sf_pool *p)
{
	uint32_t flags = p->saved_flags;

	release(p);
	intr_restore(flags);
}

/*
 * pool_let_go: if many slots were looked at under this hold of the lock, lets
 * interrupts and other CPUs in for a moment, so that no search keeps interrupts
 * off for longer because there are more slots.  The caller may be on another
 * CPU afterwards, and the ring may have changed.
 */
void
pool_let_go(struct sf_pool *p)
{
	if (p->looked < sf_search_max)
		return;
	pool_unlock(p);
	pool_lock(p);
}

/*
 * sf_ready_make: makes the next flushed slots ready.  The last change of the
 * ring under the lock, and by the pool's own CPU only, see [R10].  Makes none
 * while threads wait: those found no slot, and are to be the first to get one;
 * and none in strict mode, so that addresses come back in order.
 */
void
sf_ready_make(struct sf_pool *p)
{
	struct sf_ready *r = &p->pc->pc_sf_ready;
	u_int n = p->ring.len[FLUSHED], max = p->high - p->low;

	if (n > max)
		n = max;
	if (n == 0 || p != pool_mine() || sf_strict ||
	    hw_load32(&sf_nwaiters) != 0)
		return;
	KDEBUG(hw_load32(&r->before_first) == sf_addr(SF_SENTINEL),
	    "sf_buf: pool %u has ready slots", (u_int)(p - sf_pools));
	p->nready = n;
	p->active = ACTIVE_FORCES;
	hw_store32(&r->before_first, sf_addr(p->ring.last[QUEUE]));
	hw_store32(&r->nleft, n);
}

/*
 * Advances past the ready slot just taken, which is now the last of the queue.
 * After the last one before_first is the sentinel, so that none is found, and
 * last_taken keeps it for reclaim_ready().
 */
static inline void
ready_advance(const struct sf_buf *sf)
{
	PCPU_STORE(pc_sf_ready.before_first, sf_addr(sf));
	if (SF_LIKELY(PCPU_SUB(pc_sf_ready.nleft, 1u)))
		return;
	PCPU_STORE(pc_sf_ready.last_taken, sf_addr(sf));
	PCPU_STORE(pc_sf_ready.before_first, sf_addr(SF_SENTINEL));
}

/*
 * A removed slot that names a page is the one that this page names, because
 * every other (CPU-private, or the loser of a race) forgets its page before it
 * counts as removed.  So sf_buf_miss() clears m->sf without a look.
 */
static inline void
check_ready(struct sf_buf *sf __attribute__((__unused__)),
    const void *caller __attribute__((__unused__)))
{
#ifdef DEBUG
	page_off_t page = sf_page(sf);

	KASSERT(page == PAGE_NONE ||
	    hw_load32(&sf_page_at(page)->sf) == sf_addr(sf),
	    "sf_buf %u: its frame 0x%x names %p (called from %pC)",
	    sf_index(sf), sf_frame(sf), sf_at(sf_page_at(page)->sf), caller);
	sf_set_caller(sf, caller);
#endif
}

/*
 * Undoes the claim of a slot, and ends the soft-masked section.  The store is
 * an exchange, a barrier before the caller's look at sf_nwaiters: a thread that
 * searched for a slot meanwhile may have found this one claimed, and wait.
 * Returns NULL.
 */
static struct sf_buf * __attribute__((noinline))
unclaim(struct sf_buf *sf)
{
	(void)atomic_swap_32(&sf->status, SF_REMOVED);
	intr_soft_unmask();
	return (NULL);
}

/*
 * Another CPU mapped the page first.  The slot joins the queue, removed, and
 * has no page any more: the page is to be found in the other slot only.
 */
static struct sf_buf * __attribute__((noinline))
lost_race(struct sf_buf *sf)
{
	PCPU_COUNT(pc_sf.races);
	(void)sf_remove_mapping(sf);
	hw_store32(&sf->page, PAGE_NONE);
	pool_mine()->lost++;
	ready_advance(sf);
	return (unclaim(sf));
}

/*
 * sf_buf_miss: maps the page with this offset, which no slot maps and which is
 * wired, in the first ready slot, and returns that with a reference.  Returns
 * NULL if no slot is ready, the first one was revived, another CPU maps the
 * page, or another CPU has locked the pool: the slow path then has more to do,
 * and looks at sf_nwaiters first, because a slot may have been claimed in vain.
 * Any context but NMI; never sleeps.
 *
 * If none is ready, [R2] finds the sentinel, whose status is never REMOVED, so
 * the claim fails.  Threads that wait for the page need not be woken: their
 * look at the pools, before they slept, waited for [R6], and no slot becomes
 * ready while they wait.
 */
struct sf_buf *
sf_buf_miss(page_off_t page)
{
	struct sf_buf *sf;

	intr_soft_mask();					/* [R1] */
	sf = sf_next(sf_at(PCPU_LOAD(pc_sf_ready.before_first))); /* [R2] */
	if (SF_UNLIKELY(!atomic_cmpset_32(&sf->status, SF_REMOVED,
	    SF_CLAIMED))) {					/* [R3] */
		intr_soft_unmask();
		return (NULL);
	}
	if (SF_UNLIKELY(!PCPU_IS(pc_sf_ready.pool_state,
	    POOL_FREE_WITH_READY)))				/* [R4] */
		return (unclaim(sf));
	check_ready(sf, __caller());
	hw_store32(&sf_page_at(sf_page(sf))->sf, 0);		/* [R5] */
	hw_store32(&sf->page, page);
	sf_pte_enter(sf, page, SF_STATES, 0);
	if (SF_UNLIKELY(!atomic_cmpset_0_32(&sf_page_at(page)->sf,
	    sf_addr(sf))))
		return (lost_race(sf));
	ready_advance(sf);
	hw_store32(&sf->status, SF_REF);
	intr_soft_unmask();					/* [R6] */
	return (sf);
}

/*
 * sf_ready_reclaim_all: reclaims the ready slots of every pool, so that the
 * counters are right.  Any context but NMI.
 */
void
sf_ready_reclaim_all(void)
{
	for (u_int i = 0; i < mp_ncpus; i++) {
		pool_lock(&sf_pools[i]);
		pool_unlock(&sf_pools[i]);
	}
}
