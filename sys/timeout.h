/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_TIMEOUT_H_
#define	_SYS_TIMEOUT_H_

/*
 * Sleeps that end after a time: kern/sched/timeout.c.  Times are rounded up to
 * the next clock tick of the CPU on which the sleep began.
 */

#include <sys/types.h>

struct thread;

/*
 * thread_sleep_ms: sleeps for at least ms milliseconds, and at least one.
 * flags as for sleepq_wait().  Thread context, no lock held.  Returns 0 when
 * the time is over, or EINTR as sleepq_wait() does.
 */
int	thread_sleep_ms(u_int ms, int flags);

/*
 * timeout_start: makes this CPU's clock end the calling thread's sleep after
 * ms milliseconds, with EWOULDBLOCK.  The lock of the thread's sleep queue is
 * held.
 * timeout_stop: ends the calling thread's timeout, whether its time is over or
 * not; the clock does not touch the thread afterwards.  Thread context,
 * no lock held; does not sleep.
 */
void	timeout_start(struct thread *td, u_int ms);
void	timeout_stop(struct thread *td);

/*
 * timeout_tick: called by the clock interrupt: wakes the threads whose timeouts
 * on this CPU have passed.  Interrupts off.
 */
void	timeout_tick(void);

/*
 * timeout_next: returns when this CPU's first timeout passes, in TSC ticks, or
 * 0 if it has none.  Interrupts off.
 */
uint64_t timeout_next(void);

/* timeout_init: once, before any sleep. */
void	timeout_init(void);

#endif /* !_SYS_TIMEOUT_H_ */
