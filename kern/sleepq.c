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
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/pcpu.h>
#include <machine/smp.h>

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

/* Off its chain, which is locked; the caller makes it runnable. */
static void
take_off(struct chain *c, struct thread *td, int error)
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
 * may still be looking at this thread: td_timobusy, which it sets under the
 * list's lock, is 0 again when it is not.
 */
static void
timeout_stop(struct thread *td)
{
	struct timeout_queue *q = &timeouts[td->td_timocpu];
	struct thread **p;
	uint64_t start = cpu_ticks();
	bool warned = false;

	spin_lock(&q->lock);
	for (p = &q->first; *p != NULL; p = &(*p)->td_timonext) {
		if (*p == td) {
			*p = td->td_timonext;
			break;
		}
	}
	spin_unlock(&q->lock);
	while (atomic_load_acq_32(&td->td_timobusy) != 0) {
		cpu_spinwait();
		KASSERT(!wait_expired(start, &warned), "sleepq: CPU %u does "
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
		td->td_timobusy = 1;
		spin_unlock(&q->lock);
		sleepq_interrupt(td, EWOULDBLOCK, td->td_deadline);
		atomic_store_rel_32(&td->td_timobusy, 0);
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
 * sleepq_interrupt: ends the sleep of td, if it sleeps: for EINTR, if signals
 * may; for EWOULDBLOCK, if the sleep has that deadline.  td_wchan may change
 * until its chain is locked, so it is looked at again.
 */
void
sleepq_interrupt(struct thread *td, int error, uint64_t deadline)
{
	const void *wchan;
	struct chain *c;
	bool wake;

	while ((wchan = td->td_wchan) != NULL) {
		c = chain_of(wchan);
		spin_lock(&c->lock);
		if (td->td_wchan != wchan) {
			spin_unlock(&c->lock);
			continue;
		}
		wake = error == EINTR ? td->td_catch :
		    td->td_deadline == deadline;
		if (wake)
			take_off(c, td, error);
		spin_unlock(&c->lock);
		if (wake)
			sched_ready(td);
		return;
	}
}

static void
check_sleep(const struct pcpu *pc, const struct thread *td,
    const char *wmesg, const void *caller)
{
	KASSERT(pc->pc_intr_depth == 0, "sleep for %s in an interrupt "
	    "(called from %p)", wmesg, caller);
	KASSERT(pc->pc_spin_nest == 1, "sleep for %s under the spin lock %s "
	    "(called from %p)", wmesg, pc->pc_held[0]->name, caller);
	KASSERT(td != &pc->pc_idlethread, "sleep for %s of the idle thread "
	    "(called from %p)", wmesg, caller);
	KASSERT(td->td_critnest == 0, "sleep for %s in a critical section "
	    "(called from %p)", wmesg, caller);
}

/*
 * From the chain's lock to the run queue's, without a moment in which the
 * thread could be resumed elsewhere while it is still on its stack.
 */
static void
switch_away(struct chain *c)
{
	uint32_t flags = curpcpu()->pc_saved_flags;

	sched_lock_self();
	spin_unlock(&c->lock);
	curpcpu()->pc_saved_flags = flags;
	sched_switch();
}

int
sleepq_wait(const void *wchan, const char *wmesg, int flags,
    u_int timeout_ms)
{
	struct thread *td = curthread();
	struct chain *c = chain_of(wchan);

	check_sleep(curpcpu(), td, wmesg, __caller());
	td->td_wmesg = wmesg;
	td->td_catch = (flags & SLEEP_CATCH) != 0;
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
	switch_away(c);
	if (timeout_ms != 0)
		timeout_stop(td);
	return (td->td_error);
}

int
sleepq_sleep(const void *wchan, struct spinlock *l, const char *wmesg,
    int flags, u_int timeout_ms)
{
	int error;

	sleepq_lock(wchan);
	spin_unlock(l);
	error = sleepq_wait(wchan, wmesg, flags, timeout_ms);
	spin_lock(l);
	return (error);
}

/* Wakes the first of the channel's sleepers; false if there was none. */
static bool
wake_first(const void *wchan)
{
	struct chain *c = chain_of(wchan);
	struct thread *td;

	spin_lock(&c->lock);
	for (td = c->head; td != NULL && td->td_wchan != wchan;
	    td = td->td_next)
		continue;
	if (td != NULL)
		take_off(c, td, 0);
	spin_unlock(&c->lock);
	if (td == NULL)
		return (false);
	sched_ready(td);
	return (true);
}

void
sleepq_wakeup_one(const void *wchan)
{
	(void)wake_first(wchan);
}

void
sleepq_wakeup(const void *wchan)
{
	while (wake_first(wchan))
		continue;
}

int
thread_sleep_ms(u_int ms, int flags)
{
	struct thread *td = curthread();
	int error;

	sleepq_lock(td);
	error = sleepq_wait(td, "pause", flags, ms == 0 ? 1 : ms);
	return (error == EWOULDBLOCK ? 0 : error);
}
