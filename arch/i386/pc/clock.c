/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The clock of each CPU: the timer of its local APIC, which interrupts it HZ
 * times a second, but not while it is idle.  The interrupt calls hardclock().
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <machine/clock.h>
#include <machine/lapic.h>
#include <machine/tsc.h>

/*
 * clock_stop: on entry to idle, stops this CPU's clock, or sets it for the
 * next event of hardclock_next().  Interrupts off.
 */
void
clock_stop(void)
{
	uint64_t next, now;

	if (!lapic_present())
		return;
	next = hardclock_next();
	now = cpu_ticks();
	if (next == 0)
		lapic_timer_stop();
	else
		lapic_timer_oneshot(next > now ? next - now : 1);
}

/* clock_start: starts it again when the CPU leaves idle.  Interrupts off. */
void
clock_start(void)
{
	if (lapic_present())
		lapic_timer_periodic();
}
