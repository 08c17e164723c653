/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_CLOCK_H_
#define	_SYS_CLOCK_H_

/* The clock interrupt, which each CPU has: kern/sched/hardclock.c. */

#include <sys/types.h>

#define	HZ		100u		/* clock interrupts a second */

void	hardclock(void);
uint64_t hardclock_next(void);

#endif /* !_SYS_CLOCK_H_ */
