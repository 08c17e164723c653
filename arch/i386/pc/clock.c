/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The clock of each CPU: the timer of its local APIC, which interrupts it HZ
 * times a second, but not while it is idle.  trap() calls hardclock() for it.
 */

#include <sys/types.h>
#include <machine/clock.h>
#include <machine/lapic.h>
#include <machine/tsc.h>

/*
 * clock_stop: on entry to idle, stops this CPU's clock, or sets it for the time
 * next, in TSC ticks, if that is not 0.  Interrupts off.
 */
void
clock_stop(uint64_t next)
{
	uint64_t now = cpu_ticks();

	if (!lapic_present())
		return;
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
