/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CALIBRATE_H_
#define	_MACHINE_CALIBRATE_H_

/*
 * Measures the TSC against another counter, and judges the result:
 * arch/i386/pc/calibrate.c.  The counter's hardware is behind a function, so a
 * host test puts a simulated machine there.
 */

#include <sys/types.h>

/* The counter, and the TSC just before and just after it was read. */
struct counter_reading {
	uint64_t before, after;
	uint32_t count;
};

/* A counter that counts down, in whole cycles of mask + 1. */
struct counter {
	void (*read)(struct counter_reading *r);
	uint32_t mask;
	uint32_t min_counts;	/* a sample lasts for this many counts */
	uint64_t min_ticks;	/* and for this many TSC ticks */
};

/* TSC ticks for each count, times 2^RATIO_SHIFT. */
#define	RATIO_SHIFT	24

enum calibration { CAL_SOUND, CAL_STOPPED, CAL_UNSTEADY };

#define	TSC_MIN_HZ	1000000ull
#define	TSC_MAX_HZ	16000000000ull

enum calibration calibrate(const struct counter *c, uint64_t *ratio);
uint64_t tsc_hz_of_cpuid(const uint32_t leaf15[4], const uint32_t leaf16[4],
	    const uint32_t hypervisor[4]);
uint64_t tsc_choose_hz(uint64_t measured, uint64_t named, bool *differ);
uint32_t timer_counts(uint64_t ticks, uint64_t ratio);

#endif /* !_MACHINE_CALIBRATE_H_ */
