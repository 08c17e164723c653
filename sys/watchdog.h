/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_WATCHDOG_H_
#define	_SYS_WATCHDOG_H_

/* Finds stuck CPUs and endless sleeps: kern/debug/watchdog.c. */

#include <sys/types.h>

/* watchdog_tick: called by the clock interrupt.  Interrupts off. */
void	watchdog_tick(void);

/*
 * watchdog_next: returns when this CPU must wake up for a look, in TSC ticks,
 * or 0 if it need not.  Interrupts off.
 */
uint64_t watchdog_next(void);

/* watchdog_reports: returns the number of reports so far.  Any context. */
u_int	watchdog_reports(void);

#endif /* !_SYS_WATCHDOG_H_ */
