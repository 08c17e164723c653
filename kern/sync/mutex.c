/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Mutexes: locks whose holder may sleep, and for which threads wait asleep.
 *
 * The word `owner' holds the owning thread; its bit 0 is set if threads may be
 * asleep waiting for the mutex.  Invariant: the bit is set under the lock of
 * the sleep queue, and an owner that finds it set releases the mutex under
 * that lock; so no waiter is left asleep.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>

#define	CONTESTED	1u

/* Contracts of the public functions are in <sys/lock.h>. */
void
mtx_init(struct mtx *m, const char *name, enum lock_rank rank)
{
	*m = (struct mtx)MTX_INITIALIZER(name, rank);
}

static inline struct thread *
owner_of(uintptr_t word)
{
	return ((struct thread *)(word & ~(uintptr_t)CONTESTED));
}

bool
mtx_owned(const struct mtx *m)
{
	return (owner_of(m->owner) == curthread());
}

/*
 * Panics because the caller of mtx_lock() may not sleep.  If interrupts are on,
 * this is a thread without spin locks.  If they are off, the thread does not
 * move, so the fields of curpcpu() may be read.
 */
static void __dead2 __attribute__((noinline))
bad_context(const struct mtx *m, const void *caller)
{
	const struct pcpu *pc = curpcpu();

	KASSERT(curthread()->td_critnest == 0, "mtx_lock: %s in a critical "
	    "section (called from %pC)", m->name, caller);
	KASSERT(pc->pc_intr_depth == 0, "mtx_lock: %s in an interrupt (called "
	    "from %pC)", m->name, caller);
	KASSERT(pc->pc_held == NULL, "mtx_lock: %s under the spin lock %s, "
	    "taken at %pC (called from %pC)", m->name, pc->pc_held->name,
	    pc->pc_held->where, caller);
	panic("mtx_lock: %s with interrupts off (called from %pC)", m->name,
	    caller);
}

/*
 * The order is checked in DEBUG builds only, because that walks all mutexes
 * held.
 */
static inline void
check_lock(const struct mtx *m, const void *caller)
{
	if (!intr_enabled() || curthread()->td_critnest != 0)
		bad_context(m, caller);
#ifdef DEBUG
	for (struct mtx *h = curthread()->td_mutexes; h != NULL; h = h->next)
		KASSERT(h == m || h->rank < m->rank, "mtx_lock: %s is taken "
		    "after %s, taken at %pC, which is out of order (called from "
		    "%pC)", m->name, h->name, h->where, caller);
#endif
}

/* Sleeps once, unless the mutex has become free. */
static void __attribute__((noinline))
wait_for(struct mtx *m, const void *caller)
{
	uintptr_t word;

	KASSERT(!mtx_owned(m), "mtx_lock: %s is held by this thread since %pC "
	    "(called from %pC)", m->name, m->where, caller);
	sleepq_lock(m);
	do {
		word = m->owner;
		if (word == 0) {
			sleepq_unlock(m);
			return;
		}
	} while (!atomic_cmpset_ptr(&m->owner, word, word | CONTESTED));
	(void)sleepq_wait(m, m->name, 0, 0);
}

void
mtx_lock(struct mtx *m)
{
	struct thread *td = curthread();
	uintptr_t want = (uintptr_t)td;

	check_lock(m, __caller());
	/*
	 * A thread that has slept takes the mutex as contested, because others
	 * may still sleep: at worst the release finds no sleeper.
	 */
	while (!atomic_cmpset_ptr(&m->owner, 0, want)) {
		wait_for(m, __caller());
		want = (uintptr_t)td | CONTESTED;
	}
	m->where = __caller();
	m->next = td->td_mutexes;
	td->td_mutexes = m;
}

/* Takes a mutex off the list of those that its owner holds. */
static void __attribute__((noinline))
no_longer_held(struct thread *td, struct mtx *m, const void *caller)
{
	struct mtx **h;

	KASSERT(mtx_owned(m), "mtx_unlock: %s is not held by this thread "
	    "(called from %pC)", m->name, caller);
	for (h = &td->td_mutexes; *h != m; h = &(*h)->next)
		continue;
	*h = m->next;
}

/*
 * The wake-up is made under the channel's lock, because the next owner may
 * free the mutex as soon as that lock is released.
 */
void
mtx_unlock(struct mtx *m)
{
	struct thread *td = curthread();

	/* The one on top of the list is most often the one. */
	if (__builtin_expect(td->td_mutexes == m, 1))
		td->td_mutexes = m->next;
	else
		no_longer_held(td, m, __caller());
	if (atomic_cmpset_ptr(&m->owner, (uintptr_t)td, 0))
		return;
	sleepq_lock(m);
	atomic_store_rel_ptr(&m->owner, 0);
	sleepq_wakeup_one_locked(m);
	sleepq_unlock(m);
}
