/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Mutexes: locks whose holder may sleep, and whose waiters do.
 *
 * The owner's thread is in the word, and bit 0 says that somebody may be
 * asleep for it.  The bit is set under the lock of the sleep queue, and who
 * finds it set takes that lock to release; so no waiter is left asleep.
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

/* mtx_init: for a mutex that has no initializer.  Any context. */
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

/* mtx_owned: whether the calling thread holds it. */
bool
mtx_owned(const struct mtx *m)
{
	return (owner_of(m->owner) == curthread());
}

/*
 * With interrupts on this is a thread, without spin locks.  Only where they
 * are off does curpcpu() hold still to be asked.
 */
static void
check_context(const struct mtx *m, const void *caller)
{
	const struct pcpu *pc = curpcpu();

	if (intr_enabled() && curthread()->td_critnest == 0)
		return;
	KASSERT(curthread()->td_critnest == 0, "mtx_lock: %s in a critical "
	    "section (called from %p)", m->name, caller);
	KASSERT(pc->pc_intr_depth == 0, "mtx_lock: %s in an interrupt (called "
	    "from %p)", m->name, caller);
	KASSERT(pc->pc_held == NULL, "mtx_lock: %s under the spin lock %s, "
	    "taken at %p (called from %p)", m->name, pc->pc_held->name,
	    pc->pc_held->where, caller);
	panic("mtx_lock: %s with interrupts off (called from %p)", m->name,
	    caller);
}

/* In DEBUG builds only the order, for that takes a look at all. */
static void
check_lock(const struct mtx *m, const void *caller)
{
	check_context(m, caller);
	KASSERT(!mtx_owned(m), "mtx_lock: %s is held by this thread since %p "
	    "(called from %p)", m->name, m->where, caller);
#ifdef DEBUG
	for (struct mtx *h = curthread()->td_mutexes; h != NULL; h = h->next)
		KASSERT(h->rank < m->rank, "mtx_lock: %s is taken after %s, "
		    "taken at %p, which is out of order (called from %p)",
		    m->name, h->name, h->where, caller);
#endif
}

/* Sleeps once, unless the mutex is free by now. */
static void
wait_for(struct mtx *m)
{
	uintptr_t word;

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

/* mtx_lock: thread context; may sleep; not recursive. */
void
mtx_lock(struct mtx *m)
{
	struct thread *td = curthread();
	uintptr_t want = (uintptr_t)td;

	check_lock(m, __caller());
	/*
	 * Who slept takes it as contested, for others may sleep still: at
	 * worst the release looks for them in vain.
	 */
	while (!atomic_cmpset_ptr(&m->owner, 0, want)) {
		wait_for(m);
		want = (uintptr_t)td | CONTESTED;
	}
	m->where = __caller();
	m->next = td->td_mutexes;
	td->td_mutexes = m;
}

/*
 * mtx_unlock: thread context; never sleeps; by the thread that locked it.
 * The wake-up is inside the channel's lock: once that is released, whoever
 * has the mutex next may have freed it.
 */
void
mtx_unlock(struct mtx *m)
{
	struct thread *td = curthread();
	struct mtx **h;

	KASSERT(mtx_owned(m), "mtx_unlock: %s is not held by this thread "
	    "(called from %p)", m->name, __caller());
	for (h = &td->td_mutexes; *h != m; h = &(*h)->next)
		continue;
	*h = m->next;
	if (atomic_cmpset_ptr(&m->owner, (uintptr_t)td, 0))
		return;
	sleepq_lock(m);
	atomic_store_rel_ptr(&m->owner, 0);
	sleepq_wakeup_one_locked(m);
	sleepq_unlock(m);
}
