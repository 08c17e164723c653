/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Sleep queues, timeouts and the delivery of signals to sleepers.
 *
 * Sleepers are found by a hash of their wait channel; each chain has a lock
 * and a list in the order of arrival.  td_wchan is NULL exactly while a thread
 * is on no chain, and changes under the lock of its chain only.
 *
 * Timeouts stand on a list of the CPU where the sleep began, whose clock
 * ends them; so a CPU that idles knows for how long it may.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/tsc.h>

#define	NCHAINS		128u

static struct chain {
	struct spinlock lock;
	struct thread *head, *tail;	/* linked by td_next */
} chains[NCHAINS];

static struct timeout_queue {
	struct spinlock lock;
	struct thread *first;		/* by deadline; td_timonext */
} timeouts[MAXCPU];

/* sleepq_init: once, before any other call here. */
void
sleepq_init(void)
{
	for (u_int i = 0; i < NCHAINS; i++)
		spin_init(&chains[i].lock, "sleep queue", RANK_SLEEPQ);
	for (u_int i = 0; i < MAXCPU; i++)
		spin_init(&timeouts[i].lock, "timeouts", RANK_TIMEOUT);
}

static struct chain *
chain_of(const void *wchan)
{
	return (&chains[((uintptr_t)wchan >> 4) * 2654435761u >> 16 &
	    (NCHAINS - 1)]);
}

/* Contracts of the public functions are in <sys/sleepq.h>. */
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

/* Takes td off its chain, which is locked, and makes it runnable. */
static void
wake(struct chain *c, struct thread *td, int error)
{
	struct thread **p, *prev = NULL;

	for (p = &c->head; *p != td; p = &(*p)->td_next)
		prev = *p;
	*p = td->td_next;
	if (c->tail == td)
		c->tail = prev;
	td->td_error = error;
	td->td_wchan = NULL;
	sched_ready(td);
}

/* Puts the calling thread's timeout on this CPU's list. */
static void
timeout_start(struct thread *td, u_int ms)
{
	struct timeout_queue *q;
	struct thread **p;

	td->td_deadline = cpu_ticks() + ms * ticks_per_ms;
	td->td_timocpu = curcpu_id();	/* the chain is locked: no migration */
	q = &timeouts[td->td_timocpu];
	spin_lock(&q->lock);
	for (p = &q->first; *p != NULL && (*p)->td_deadline <= td->td_deadline;
	    p = &(*p)->td_timonext)
		continue;
	td->td_timonext = *p;
	*p = td;
	spin_unlock(&q->lock);
}

/*
 * Ends the calling thread's timeout.  One that the clock took off the list
 * may still be looking at this thread: td_timeout_running, which it sets under the
 * list's lock, is 0 again when it is not.
 */
static void
timeout_stop(struct thread *td)
{
	struct timeout_queue *q = &timeouts[td->td_timocpu];
	struct thread **p;
	struct deadline wait = { 0 };

	spin_lock(&q->lock);
	for (p = &q->first; *p != NULL; p = &(*p)->td_timonext) {
		if (*p == td) {
			*p = td->td_timonext;
			break;
		}
	}
	spin_unlock(&q->lock);
	while (atomic_load_acq_32(&td->td_timeout_running) != 0) {
		cpu_spinwait();
		KASSERT(!deadline_passed(&wait), "sleepq: CPU %u does "
		    "not finish a timeout of %s", td->td_timocpu, td->td_name);
	}
	td->td_deadline = 0;
}

/*
 * timeout_tick: the clock's: wakes who slept long enough here.  Interrupts
 * off.
 */
void
timeout_tick(void)
{
	struct timeout_queue *q = &timeouts[curcpu_id()];
	uint64_t now = cpu_ticks();
	struct thread *td;

	for (;;) {
		spin_lock(&q->lock);
		td = q->first;
		if (td == NULL || td->td_deadline > now) {
			spin_unlock(&q->lock);
			return;
		}
		q->first = td->td_timonext;
		td->td_timeout_running = 1;
		spin_unlock(&q->lock);
		sleepq_interrupt(td, EWOULDBLOCK);
		atomic_store_rel_32(&td->td_timeout_running, 0);
	}
}

/* timeout_next: when the first sleep that began here ends; 0: none. */
uint64_t
timeout_next(void)
{
	struct timeout_queue *q = &timeouts[curcpu_id()];
	uint64_t next;

	spin_lock(&q->lock);
	next = q->first == NULL ? 0 : q->first->td_deadline;
	spin_unlock(&q->lock);
	return (next);
}

/*
 * sleepq_interrupt: ends the sleep of td, if it sleeps; for EINTR, if signals
 * may.  td_wchan may change until its chain is locked, so it is looked at
 * again.  Whoever was woken by something else first has no td_wchan: the
 * wake-up that it took is never turned into an error, and so never lost.
 * The caller keeps td from ending.
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
 * The chain is locked; interrupts were on before that.  caller is whom to
 * blame.
 */
static void
check_sleep(const struct thread *td, const char *wmesg, const void *caller)
{
	const struct pcpu *pc = curpcpu();

	KASSERT(pc->pc_intr_depth == 0, "sleep for %s in an interrupt "
	    "(called from %p)", wmesg, caller);
	KASSERT(pc->pc_held != NULL, "sleep for %s, its channel not locked "
	    "(called from %p)", wmesg, caller);
	KASSERT(pc->pc_held->next == NULL, "sleep for %s under the spin lock "
	    "%s, taken at %p (called from %p)", wmesg,
	    pc->pc_held->next->name, pc->pc_held->next->where, caller);
	KASSERT((pc->pc_saved_flags & EFLAGS_IF) != 0, "sleep for %s with "
	    "interrupts off (called from %p)", wmesg, caller);
	KASSERT(td != &pc->pc_idlethread, "sleep for %s of the idle thread "
	    "(called from %p)", wmesg, caller);
	KASSERT(td->td_critnest == 0, "sleep for %s in a critical section "
	    "(called from %p)", wmesg, caller);
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
	td->td_slept = cpu_ticks();
	td->td_warned = false;
	/*
	 * Locked: td_wchan is stored before td_signals is loaded, as
	 * thread_signal() sets its bit before it loads td_wchan.  So either
	 * we see the signal or it sees us.
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
	 * From the chain's lock to the run queue's, without a moment between
	 * in which we could be resumed elsewhere while still on this stack.
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

/* The channel's sleeper after td, or its first; its chain is locked. */
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
 * Under one lock from the first to the last: who is woken and sleeps again at
 * once must not be found again, for that could go on for ever.
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

int
thread_sleep_ms(u_int ms, int flags)
{
	struct thread *td = curthread();
	int error;

	/* A channel of its own: who joins the thread waits for td. */
	sleepq_lock(&td->td_deadline);
	error = sleepq_wait(&td->td_deadline, "pause", flags,
	    ms == 0 ? 1 : ms);
	return (error == EWOULDBLOCK ? 0 : error);
}
