/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Threads that wait for a slot, in order.  Owns the queue of waiters.
 *
 * Adds a promise: an allocation sleeps only while every slot is referenced,
 * and it misses no free.  sf_nwaiters is raised, locked, before the waiter looks
 * at the slots; a CPU that makes a slot available does so by a locked
 * instruction before it loads sf_nwaiters.  So one of the two sees the other;
 * with a plain store for either, both loads could pass the stores, and the
 * thread would sleep beside an idle slot.
 * Costs: a load of sf_nwaiters in each free.
 * Checked by: tests/model/waiters.pml, the simulation, and
 * sf_buf.waiters_are_served_in_order and its neighbours.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

#define	STARVED_MS	5000u

static struct waiter {
	struct waiter *next;
	struct vm_page *m;
	struct sf_buf *slot;	/* handed to it: claimed, its entry gone */
	bool needs_flush;	/* before the slot is used */
} *waiters;			/* in the order of their waits */
static struct spinlock waiters_lock =
    SPINLOCK_INITIALIZER("sf_buf waiters", RANK_SF_WAITERS);

/* The first waiter that has no slot yet, or NULL.  With the queue locked. */
static struct waiter *
first_unserved(void)
{
	struct waiter *w;

	for (w = waiters; w != NULL && w->slot != NULL; w = w->next)
		continue;
	return (w);
}

static bool
any_unserved(void)
{
	bool any;

	spin_lock(&waiters_lock);
	any = first_unserved() != NULL;
	spin_unlock(&waiters_lock);
	return (any);
}

/* Hands a claimed slot to the first waiter without one; false if all have. */
static bool
hand_over(struct sf_buf *sf, bool needs_flush)
{
	struct waiter *w;

	sf_check_ours(sf);
	spin_lock(&waiters_lock);
	w = first_unserved();
	if (w != NULL) {
		w->slot = sf;
		w->needs_flush = needs_flush;
		sleepq_wakeup(w);
	}
	spin_unlock(&waiters_lock);
	return (w != NULL);
}

/* Gives back a slot that sf_take_any() gave. */
static void
give_back(struct sf_buf *sf, bool needs_flush)
{
	struct sf_pool *p = pool_lock_mine();

	hw_store32(&sf->page, PAGE_NONE);
	sf_put_removed(p, sf, needs_flush ? OPEN : FLUSHED);
	pool_unlock(p);
}

/*
 * sf_waiters_serve: gives slots to waiting threads.  Call it after making a
 * slot available, or after holding one in transition that others may have
 * looked for, if sf_nwaiters is not 0.  Any context but NMI.  The search is not
 * made under the queue's lock, because it may look at every slot; a thread that
 * joins the queue during it finds no slot, and gets the one found here.
 */
void
sf_waiters_serve(void)
{
	struct sf_buf *sf;
	bool needs_flush;

	while (any_unserved() && (sf = sf_take_any(&needs_flush)) != NULL)
		if (!hand_over(sf, needs_flush))
			give_back(sf, needs_flush);
}

/*
 * sf_waiters_wake_for: wakes the threads that wait for m, which has been
 * mapped, and serves those that wait for slots that were in transition.  Any
 * context but NMI.
 */
void
sf_waiters_wake_for(const struct vm_page *m)
{
	spin_lock(&waiters_lock);
	for (struct waiter *w = waiters; w != NULL; w = w->next)
		if (w->m == m)
			sleepq_wakeup(w);
	spin_unlock(&waiters_lock);
	sf_waiters_serve();
}

static void
enqueue_waiter(struct waiter *w)
{
	struct waiter **p;

	spin_lock(&waiters_lock);
	for (p = &waiters; *p != NULL; p = &(*p)->next)
		continue;
	*p = w;
	atomic_fetchadd_32(&sf_nwaiters, 1);
	spin_unlock(&waiters_lock);
	sf_waiters_serve();
}

/* With the queue locked. */
static void
dequeue_waiter(struct waiter *w)
{
	struct waiter **p;

	KDEBUG(sf_nwaiters != 0, "sf_buf: a waiter that is not counted");
	for (p = &waiters; *p != w; p = &(*p)->next)
		continue;
	*p = w->next;
	atomic_fetchadd_32(&sf_nwaiters, -1u);
}

/*
 * Names the slots' users, to debug threads that hold all and want more.  Does
 * not sleep for the console: the thread may get a slot at any time, and would
 * keep it unused.
 */
static void
report_starvation(const struct waiter *w)
{
	printf_nosleep("sf_buf: thread %u, %s, waits for one of %u for frame "
	    "0x%x; they were mapped by:\n", curthread()->td_id,
	    curthread()->td_name, nsfbufs, vm_page_index(w->m));
	for (u_int i = 0; i < nsfbufs && i < 16; i++)
		printf_nosleep("  sf_buf %u: frame 0x%x, references %u, %pC\n",
		    i, sf_frame(&sf_slots[i]),
		    sf_references(sf_status(&sf_slots[i])), sf_callers[i]);
}

/*
 * Sleeps until the waiter has a slot, or its page a mapping, which is
 * returned; NULL if it has a slot, or a signal came first.
 */
static struct sf_buf *
sleep_for_slot(struct waiter *w, int flags, const void *caller)
{
	struct sf_buf *sf = NULL;
	bool reported = false;
	int error = 0;

	spin_lock(&waiters_lock);
	while (w->slot == NULL && error != EINTR &&
	    (sf = sf_ref_lookup(w->m, caller)) == NULL) {
		error = sleepq_wait_spin(w, &waiters_lock, "sf_buf",
		    (flags & SFB_CATCH) != 0 ? SLEEP_CATCH : 0,
		    reported ? 0 : STARVED_MS);
		if (error == EWOULDBLOCK && w->slot == NULL) {
			reported = true;
			spin_unlock(&waiters_lock);
			report_starvation(w);
			spin_lock(&waiters_lock);
		}
	}
	dequeue_waiter(w);
	spin_unlock(&waiters_lock);
	return (sf);
}

/*
 * sf_wait: waits in order for a slot and maps m in it.  NULL if a signal ended
 * the wait (*interrupted is set), or if another thread mapped m first; the slot
 * then goes to the next waiter.  Thread context, no lock held.
 */
struct sf_buf *
sf_wait(struct vm_page *m, int flags, const void *caller, bool *interrupted)
{
	struct waiter w = { NULL, m, NULL, false };
	struct sf_buf *sf;

	enqueue_waiter(&w);
	PCPU_COUNT(pc_sf.sleeps);
	sf_sample_all();
	sf = sleep_for_slot(&w, flags, caller);
	*interrupted = sf == NULL && w.slot == NULL;
	if (w.slot == NULL)
		return (sf);
	sf = sf_map_in(w.slot, w.needs_flush, m, caller);
	if (hw_load32(&sf_nwaiters) != 0)
		sf_waiters_wake_for(m);
	return (sf);
}
