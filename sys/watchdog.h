/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_WATCHDOG_H_
#define	_SYS_WATCHDOG_H_

/* Finds CPUs that hang and threads that sleep too long: kern/watchdog.c. */

void	watchdog_tick(void);

#endif /* !_SYS_WATCHDOG_H_ */
