/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the timeouts of sleeping threads.  Each CPU has a list of them, in the
 * order of their deadlines; a timeout is on the list of the CPU on which the
 * sleep began, whose clock ends it.  So an idle CPU knows from its own list
 * for how long its clock may stand still.
 *
 * Invariant: a thread is on a list only between the timeout_start() and the
 * timeout_stop() of one sleep, and does not return from timeout_stop() while a
 * clock looks at it; so a thread cannot end while a clock uses it.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/tsc.h>

/*
 * Whether a TSC time comes before another of the same CPU, and less than 2^63
 * ticks before it, which is longer than any timeout.  The TSC may start at any
 * value, and so wrap.
 */
static inline bool
before(uint64_t a, uint64_t b)
{
	return ((int64_t)(a - b) < 0);
}

static struct timeout_queue {
	struct spinlock lock;
	struct thread *first;		/* by deadline; td_timonext */
} timeouts[MAXCPU];

/* Contracts of the public functions are in <sys/timeout.h>. */
void
timeout_init(void)
{
	for (u_int i = 0; i < MAXCPU; i++)
		spin_init(&timeouts[i].lock, "timeouts", RANK_TIMEOUT);
}

void
timeout_start(struct thread *td, u_int ms)
{
	struct timeout_queue *q;
	struct thread **p;

	td->td_deadline = (cpu_ticks() + ms * ticks_per_ms) | 1;
	/* The sleep queue's lock is held, so the thread cannot migrate. */
	td->td_timocpu = curcpu_id();
	q = &timeouts[td->td_timocpu];
	spin_lock(&q->lock);
	for (p = &q->first; *p != NULL &&
	    !before(td->td_deadline, (*p)->td_deadline);
	    p = &(*p)->td_timonext)
		continue;
	td->td_timonext = *p;
	*p = td;
	spin_unlock(&q->lock);
}

/* Takes td off the list, unless the clock has done so. */
static void
unlist(struct timeout_queue *q, struct thread *td)
{
	struct thread **p;

	spin_lock(&q->lock);
	for (p = &q->first; *p != NULL; p = &(*p)->td_timonext) {
		if (*p == td) {
			*p = td->td_timonext;
			break;
		}
	}
	spin_unlock(&q->lock);
}

/*
 * A clock that took the timeout off the list may still be looking at the
 * thread: it sets td_timeout_running under the list's lock, and clears it when
 * it has finished.
 */
void
timeout_stop(struct thread *td)
{
	struct deadline wait = { 0 };

	unlist(&timeouts[td->td_timocpu], td);
	while (atomic_load_acq_32(&td->td_timeout_running) != 0) {
		cpu_spinwait();
		KASSERT(!deadline_passed(&wait), "timeout_stop: CPU %u does "
		    "not finish a timeout of %s", td->td_timocpu, td->td_name);
	}
	td->td_deadline = 0;
}

/* Takes the first thread off the list if its time is over; else NULL. */
static struct thread *
take_passed(struct timeout_queue *q, uint64_t now)
{
	struct thread *td;

	spin_lock(&q->lock);
	td = q->first;
	if (td != NULL && before(now, td->td_deadline))
		td = NULL;
	if (td != NULL) {
		q->first = td->td_timonext;
		td->td_timeout_running = 1;
	}
	spin_unlock(&q->lock);
	return (td);
}

void
timeout_tick(void)
{
	struct timeout_queue *q = &timeouts[curcpu_id()];
	uint64_t now = cpu_ticks();
	struct thread *td;

	while ((td = take_passed(q, now)) != NULL) {
		sleepq_interrupt(td, EWOULDBLOCK);
		atomic_store_rel_32(&td->td_timeout_running, 0);
	}
}

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

int
thread_sleep_ms(u_int ms, int flags)
{
	struct thread *td = curthread();
	int error;

	/* A channel of its own, because thread_join() sleeps on td. */
	sleepq_lock(&td->td_deadline);
	error = sleepq_wait(&td->td_deadline, "pause", flags,
	    ms == 0 ? 1 : ms);
	return (error == EWOULDBLOCK ? 0 : error);
}
