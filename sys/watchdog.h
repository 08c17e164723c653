/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_WATCHDOG_H_
#define	_SYS_WATCHDOG_H_

#include <sys/types.h>

/* Finds CPUs that hang and threads that sleep too long: kern/debug/watchdog.c. */

void	watchdog_tick(void);
uint64_t watchdog_next(void);
u_int	watchdog_reports(void);

#endif /* !_SYS_WATCHDOG_H_ */
