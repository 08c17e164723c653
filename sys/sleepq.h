/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SLEEPQ_H_
#define	_SYS_SLEEPQ_H_

/*
 * Sleep queues: threads that wait for an address, the wait channel, and are
 * woken in the order in which they came.  A thread that sleeps holds the
 * channel's lock from its look at the condition to the sleep, and a thread
 * that wakes it takes that lock after changing the condition; so no wake-up
 * is lost between the two.
 */

#include <sys/types.h>

struct spinlock;
struct thread;

#define	SLEEP_CATCH	0x1	/* a signal ends the sleep: EINTR */
#define	SLEEP_LONG	0x2	/* the watchdog does not report the sleep */

/* sleepq_lock, sleepq_unlock: the channel's lock.  Any context but NMI. */
void	sleepq_lock(const void *wchan);
void	sleepq_unlock(const void *wchan);

/*
 * sleepq_wait: sleeps until woken.  The channel is locked at entry and not on
 * return.  wmesg names the reason, for listings.  timeout_ms is the longest
 * sleep in milliseconds; 0 is no limit.  Thread context, no other lock held.
 * Returns 0 when woken; EINTR with SLEEP_CATCH, when a signal is or becomes
 * pending; EWOULDBLOCK when the time is over.
 */
int	sleepq_wait(const void *wchan, const char *wmesg, int flags,
	    u_int timeout_ms);

/*
 * sleepq_wait_spin: as sleepq_wait(), for a condition that the spin lock l
 * guards: l, not the channel, is locked at entry and again on return.  It is
 * released once the channel is locked.
 */
int	sleepq_wait_spin(const void *wchan, struct spinlock *l,
	    const char *wmesg, int flags, u_int timeout_ms);

/*
 * sleepq_wakeup_one, sleepq_wakeup: wake the first thread that waits for
 * wchan, or all that do.  Any context but NMI, no lock of rank RANK_SLEEPQ or
 * later held.
 */
void	sleepq_wakeup_one(const void *wchan);
void	sleepq_wakeup(const void *wchan);

/*
 * sleepq_wakeup_handoff: as sleepq_wakeup(), for a caller that is about to sleep
 * until a thread that it wakes has done something: the first of them runs next
 * on this CPU, if it may.  Thread context.
 */
void	sleepq_wakeup_handoff(const void *wchan);

/* As sleepq_wakeup_one() and sleepq_wakeup(), with the channel locked. */
void	sleepq_wakeup_one_locked(const void *wchan);
void	sleepq_wakeup_locked(const void *wchan);

/*
 * sleepq_interrupt: ends td's sleep, if it sleeps, with this error; with EINTR
 * only if the sleep is interruptible.  Any context but NMI.  The caller keeps
 * td from being joined.  For thread_signal() and timeouts.
 */
void	sleepq_interrupt(struct thread *td, int error);

/* sleepq_init: once, before any other call here. */
void	sleepq_init(void);

#endif /* !_SYS_SLEEPQ_H_ */
