/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_TIMEOUT_H_
#define	_SYS_TIMEOUT_H_

/* Sleeps that end by themselves: kern/sched/timeout.c. */

#include <sys/types.h>

/* thread_sleep_ms: at least so long; EINTR as sleepq_wait(). */
int	thread_sleep_ms(u_int ms, int flags);

void	timeout_tick(void);
uint64_t timeout_next(void);	/* this CPU's first deadline, or 0 */

#endif /* !_SYS_TIMEOUT_H_ */
