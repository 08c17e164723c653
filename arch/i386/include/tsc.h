/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_TSC_H_
#define	_MACHINE_TSC_H_

/* Time by the time-stamp counter: arch/i386/pc/tsc.c. */

#include <sys/types.h>

extern uint64_t ticks_per_ms;

void	tsc_init(void);
void	DELAY(u_int us);
uint64_t cpu_ticks(void);

#endif /* !_MACHINE_TSC_H_ */
