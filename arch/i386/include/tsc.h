/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_TSC_H_
#define	_MACHINE_TSC_H_

/* Time by the time-stamp counter: arch/i386/pc/tsc.c. */

#include <sys/types.h>

extern uint64_t ticks_per_ms;
extern uint64_t boot_ticks;		/* cpu_ticks() when kern_main() began */

/* Measures the time that its user is given; all zero at the start. */
struct stopwatch {
	uint64_t last;		/* cpu_ticks() at the lap before */
	u_int cpu;		/* where that was, its number plus 1; or 0 */
};

void	tsc_init(void);
void	DELAY(u_int us);
uint64_t cpu_ticks(void);
uint64_t stopwatch_lap(struct stopwatch *w);

#endif /* !_MACHINE_TSC_H_ */
