/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Sleep queues, and the delivery of signals to sleeping threads.
 *
 * A hash of the wait channel finds its chain.  Each chain has a lock and a
 * list of threads in the order in which they came.  Invariant: td_wchan is
 * NULL exactly while a thread is on no chain, and changes only under the lock
 * of its chain.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <machine/atomic.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>

#define	NCHAINS		128u

static struct chain {
	struct spinlock lock;
	struct thread *head, *tail;	/* linked by td_next */
} chains[NCHAINS];

/* Contracts of the public functions are in <sys/sleepq.h>. */
void
sleepq_init(void)
{
	for (u_int i = 0; i < NCHAINS; i++)
		spin_init(&chains[i].lock, "sleep queue", RANK_SLEEPQ);
}

static struct chain *
chain_of(const void *wchan)
{
	return (&chains[((uintptr_t)wchan >> 4) * 2654435761u >> 16 &
	    (NCHAINS - 1)]);
}

void
sleepq_lock(const void *wchan)
{
	spin_lock(&chain_of(wchan)->lock);
}

void
sleepq_unlock(const void *wchan)
{
	spin_unlock(&chain_of(wchan)->lock);
}

/* Puts td at the end of the chain, which is locked. */
static void
append(struct chain *c, struct thread *td)
{
	td->td_next = NULL;
	if (c->head == NULL)
		c->head = td;
	else
		c->tail->td_next = td;
	c->tail = td;
}

/* Takes td off its chain, which is locked; the caller makes it runnable. */
static void
unchain(struct chain *c, struct thread *td, int error)
{
	struct thread **p, *prev = NULL;

	for (p = &c->head; *p != td; p = &(*p)->td_next)
		prev = *p;
	*p = td->td_next;
	if (c->tail == td)
		c->tail = prev;
	td->td_error = error;
	td->td_wchan = NULL;
}

static void
wake(struct chain *c, struct thread *td, int error)
{
	unchain(c, td, error);
	sched_ready(td);
}

/*
 * td_wchan may change until its chain is locked, so it is read again under the
 * lock.  A thread that was woken first has no td_wchan any more: its wake-up
 * is never turned into an error, and so never lost.
 */
void
sleepq_interrupt(struct thread *td, int error)
{
	const void *wchan;
	struct chain *c;
	bool same;

	while ((wchan = td->td_wchan) != NULL) {
		c = chain_of(wchan);
		spin_lock(&c->lock);
		same = td->td_wchan == wchan;
		if (same && (error != EINTR || td->td_catch))
			wake(c, td, error);
		spin_unlock(&c->lock);
		if (same)
			return;
	}
}

/*
 * Panics unless the caller of sleepq_wait() may sleep.  The chain is locked;
 * caller is named in the panic.
 */
static void
check_sleep(const struct thread *td, const char *wmesg, const void *caller)
{
	const struct pcpu *pc = curpcpu();

	KASSERT(pc->pc_intr_depth == 0, "sleep for %s in an interrupt "
	    "(called from %pC)", wmesg, caller);
	KASSERT(pc->pc_held != NULL, "sleep for %s, its channel not locked "
	    "(called from %pC)", wmesg, caller);
	KASSERT(pc->pc_held->next == NULL, "sleep for %s under the spin lock "
	    "%s, taken at %pC (called from %pC)", wmesg,
	    pc->pc_held->next->name, pc->pc_held->next->where, caller);
	KASSERT((pc->pc_saved_flags & EFLAGS_IF) != 0, "sleep for %s with "
	    "interrupts off (called from %pC)", wmesg, caller);
	KASSERT(td != &pc->pc_idlethread, "sleep for %s of the idle thread "
	    "(called from %pC)", wmesg, caller);
	KASSERT(td->td_critnest == 0, "sleep for %s in a critical section "
	    "(called from %pC)", wmesg, caller);
}

int
sleepq_wait(const void *wchan, const char *wmesg, int flags,
    u_int timeout_ms)
{
	struct thread *td = curthread();
	struct chain *c = chain_of(wchan);

	check_sleep(td, wmesg, __caller());
	td->td_wmesg = wmesg;
	td->td_catch = (flags & SLEEP_CATCH) != 0;
	td->td_sleeps_long = (flags & SLEEP_LONG) != 0;
	td->td_error = 0;
	td->td_slept = clock_seconds();
	td->td_warned = false;
	/*
	 * A locked instruction, so that td_wchan is stored before td_signals
	 * is loaded; thread_signal() sets its bit before it loads td_wchan.
	 * So this thread sees the signal, or the signal sees this thread.
	 */
	(void)atomic_swap_ptr(&td->td_wchan, wchan);
	if (td->td_catch && td->td_signals != 0) {
		td->td_wchan = NULL;
		spin_unlock(&c->lock);
		return (EINTR);
	}
	append(c, td);
	if (timeout_ms != 0)
		timeout_start(td, timeout_ms);
	td->td_state = TDS_SLEEPING;
	/*
	 * The run queue is locked before the chain is unlocked, so that no
	 * CPU resumes the thread while it is still on its stack.
	 */
	sched_lock_self();
	spin_unlock(&c->lock);
	sched_switch();
	if (timeout_ms != 0)
		timeout_stop(td);
	return (td->td_error);
}

int
sleepq_wait_spin(const void *wchan, struct spinlock *l, const char *wmesg,
    int flags, u_int timeout_ms)
{
	int error;

	sleepq_lock(wchan);
	spin_unlock(l);
	error = sleepq_wait(wchan, wmesg, flags, timeout_ms);
	spin_lock(l);
	return (error);
}

/*
 * Returns the next thread after td that waits for wchan, or the first if td is
 * NULL.  The chain is locked.
 */
static struct thread *
next_sleeper(const void *wchan, struct thread *td)
{
	td = td == NULL ? chain_of(wchan)->head : td->td_next;
	while (td != NULL && td->td_wchan != wchan)
		td = td->td_next;
	return (td);
}

void
sleepq_wakeup_one_locked(const void *wchan)
{
	struct thread *td = next_sleeper(wchan, NULL);

	if (td != NULL)
		wake(chain_of(wchan), td, 0);
}

/*
 * The chain is locked from the first to the last, so that a thread that sleeps
 * again at once is not found again, which could go on for ever.
 */
void
sleepq_wakeup_locked(const void *wchan)
{
	struct thread *td, *next;

	for (td = next_sleeper(wchan, NULL); td != NULL; td = next) {
		next = next_sleeper(wchan, td);
		wake(chain_of(wchan), td, 0);
	}
}

void
sleepq_wakeup_one(const void *wchan)
{
	sleepq_lock(wchan);
	sleepq_wakeup_one_locked(wchan);
	sleepq_unlock(wchan);
}

void
sleepq_wakeup(const void *wchan)
{
	sleepq_lock(wchan);
	sleepq_wakeup_locked(wchan);
	sleepq_unlock(wchan);
}

void
sleepq_wakeup_handoff(const void *wchan)
{
	struct thread *td;

	sleepq_lock(wchan);
	if ((td = next_sleeper(wchan, NULL)) != NULL) {
		unchain(chain_of(wchan), td, 0);
		sched_ready_next(td);
	}
	sleepq_wakeup_locked(wchan);
	sleepq_unlock(wchan);
}
