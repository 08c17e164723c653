/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What the clock does: the one upcall of the clock interrupt, and the one
 * function that a CPU asks before it stops its clock.
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/timeout.h>
#include <sys/watchdog.h>
#include <machine/clock.h>
#include <vm/tlb.h>

/*
 * hardclock: called by the clock interrupt of each CPU, HZ times a second, but
 * not while the CPU is idle.  Interrupts off.
 *
 * The order matters once: sf_buf_tick() closes this CPU's batch of removed
 * mappings, so it comes before tlb_tick(), which flushes for it.
 */
void
hardclock(void)
{
	curpcpu()->pc_ticks++;
	sf_buf_tick();
	tlb_tick();
	timeout_tick();
	if (clock_second_tick())
		watchdog_look();
	sched_tick();
}

/*
 * hardclock_next: the time in TSC ticks at which this CPU must be woken up
 * even if it is idle: for its first timeout, or to end the second, which CPUs 0
 * and 1 do, so that one of them does when the other is stuck.  0 if for
 * neither.  Interrupts off.
 */
uint64_t
hardclock_next(void)
{
	uint64_t timeout = timeout_next(), end = clock_second_end();

	if (curcpu_id() > 1)
		return (timeout);
	return (timeout == 0 || (int64_t)(end - timeout) < 0 ? end : timeout);
}
