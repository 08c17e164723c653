/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The clock of each CPU: the timer of its local APIC, which interrupts it HZ
 * times a second, but not while it is idle.  trap() calls hardclock() for it.
 *
 * And the seconds, a clock that all CPUs share: a time that one CPU has stored
 * may be compared on another.  The CPU that first sees a second pass since the
 * number last changed, by its own TSC, adds 1.  Invariant: no TSC of one CPU is
 * compared with another's, and a TSC that jumps adds 1 at most; so a second is
 * never shorter than one by the TSC of the CPU that adds it.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <machine/atomic.h>
#include <machine/clock.h>
#include <machine/lapic.h>
#include <machine/tsc.h>

static volatile uint32_t seconds = 1;	/* not 0: see struct second */

/* The second that a CPU saw last, and its TSC then; each CPU has its own. */
static struct second {
	uint32_t number;		/* 0: none */
	uint64_t begun;
} last_seen[MAXCPU];

/*
 * clock_seconds: returns the number of seconds since the start, which may be
 * some percent too small.  It wraps, so only differences count.  Any context.
 */
uint32_t
clock_seconds(void)
{
	return (seconds);
}

/*
 * clock_second_tick: called at each tick: true if this CPU has just ended a
 * second, which one CPU does for all.  Interrupts off.
 */
bool
clock_second_tick(void)
{
	struct second *s = &last_seen[curcpu_id()];
	uint32_t number = seconds;
	uint64_t now = cpu_ticks();
	bool ended = false;

	if (s->number == number) {
		if (now - s->begun < 1000 * ticks_per_ms)
			return (false);
		ended = atomic_cmpset_32(&seconds, number, number + 1);
	}
	s->number = seconds;
	s->begun = now;
	return (ended);
}

/*
 * clock_second_end: returns this CPU's TSC at the time when it may have to end
 * the second; odd, so never 0.  Interrupts off.
 */
uint64_t
clock_second_end(void)
{
	return ((last_seen[curcpu_id()].begun + 1000 * ticks_per_ms) | 1);
}

/*
 * clock_stop: on entry to idle, stops this CPU's clock, or sets it for the time
 * next of its TSC, if that is not 0.  Interrupts off.
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
		lapic_timer_oneshot((int64_t)(next - now) > 0 ? next - now : 1);
}

/* clock_start: starts it again when the CPU leaves idle.  Interrupts off. */
void
clock_start(void)
{
	if (lapic_present())
		lapic_timer_periodic();
}
