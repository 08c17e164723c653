/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The clock interrupt, which each CPU takes HZ times a second from its own
 * local APIC, but not while it is idle.
 */

#include <sys/types.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/watchdog.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/lapic.h>
#include <machine/pcpu.h>
#include <machine/tsc.h>
#include <vm/tlb.h>

/*
 * clock_intr: the clock interrupt.  sf_buf_tick() closes this CPU's batch, so
 * it comes before tlb_tick(), which flushes for it.
 */
void
clock_intr(void)
{
	curpcpu()->pc_ticks++;
	sf_buf_tick();
	tlb_tick();
	timeout_tick();
	watchdog_tick();
	sched_tick();
}

/*
 * clock_stop: stops this CPU's clock on entry to idle, or sets it for the next
 * timeout or the watchdog's next look, whichever comes first.  Interrupts off.
 */
void
clock_stop(void)
{
	uint64_t next, look, now;

	if (!lapic_present())
		return;
	next = timeout_next();
	look = watchdog_next();
	if (look != 0 && (next == 0 || look < next))
		next = look;
	now = cpu_ticks();
	if (next == 0)
		lapic_timer_oneshot(0);
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
