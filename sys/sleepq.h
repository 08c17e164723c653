/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SLEEPQ_H_
#define	_SYS_SLEEPQ_H_

/*
 * Sleep queues: threads that wait for an address, the wait channel, first
 * come first woken.  Whoever sleeps holds the channel's lock from its look
 * at the condition to the sleep, and whoever wakes takes it after changing
 * the condition; so no wake-up falls between the two.
 */

#include <sys/types.h>

struct spinlock;
struct thread;

#define	SLEEP_CATCH	0x1	/* a signal ends the sleep: EINTR */
#define	SLEEP_LONG	0x2	/* it may last, says the sleeper */

void	sleepq_lock(const void *wchan);
void	sleepq_unlock(const void *wchan);

/*
 * sleepq_wait: sleeps; the channel is locked at entry and not on return.
 * wmesg says to people what for.  timeout_ms: 0 is none.  Thread context, no
 * other lock held.  Returns 0 when woken; EINTR with SLEEP_CATCH, when a
 * signal is or becomes pending; EWOULDBLOCK when the time is over.
 */
int	sleepq_wait(const void *wchan, const char *wmesg, int flags,
	    u_int timeout_ms);

/*
 * sleepq_wait_spin: the same for a condition that the spin lock l guards: l is
 * released once the thread is on the queue, and taken again on return.
 */
int	sleepq_wait_spin(const void *wchan, struct spinlock *l, const char *wmesg,
	    int flags, u_int timeout_ms);

/* Wake the first, or all, that wait for wchan.  Any context but NMI. */
void	sleepq_wakeup_one(const void *wchan);
void	sleepq_wakeup(const void *wchan);

/* The same, with the channel locked by the caller. */
void	sleepq_wakeup_one_locked(const void *wchan);
void	sleepq_wakeup_locked(const void *wchan);

/* For thread_signal(), and timeouts. */
void	sleepq_interrupt(struct thread *td, int error);
void	sleepq_init(void);

#endif /* !_SYS_SLEEPQ_H_ */
