/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CLOCK_H_
#define	_MACHINE_CLOCK_H_

/*
 * The clock of each CPU, which stops while it idles, and the seconds that all
 * CPUs count together: arch/i386/pc/clock.c.
 */

#include <sys/types.h>

void	clock_stop(uint64_t next);
void	clock_start(void);
bool	clock_second_tick(void);
uint64_t clock_second_end(void);
uint32_t clock_seconds(void);

#endif /* !_MACHINE_CLOCK_H_ */
