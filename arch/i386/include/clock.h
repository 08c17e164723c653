/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CLOCK_H_
#define	_MACHINE_CLOCK_H_

/* The clock interrupt of each CPU: arch/i386/pc/clock.c. */

#define	HZ		100u

void	clock_intr(void);
void	clock_stop(void);
void	clock_start(void);

#endif /* !_MACHINE_CLOCK_H_ */
