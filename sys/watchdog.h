/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_WATCHDOG_H_
#define	_SYS_WATCHDOG_H_

/* Finds stuck CPUs and endless sleeps: kern/debug/watchdog.c. */

#include <sys/types.h>

/* watchdog_look: called by one CPU each second.  Interrupts off. */
void	watchdog_look(void);

/* watchdog_reports: returns the number of reports so far.  Any context. */
u_int	watchdog_reports(void);

#endif /* !_SYS_WATCHDOG_H_ */
