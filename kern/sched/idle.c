/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* What a CPU does while it has no thread to run. */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <vm/tlb.h>

/*
 * sched_idle: runs threads of this CPU's queue; when there is none, halts with
 * the clock stopped until an interrupt; trap() marks the CPU awake and restarts
 * the clock.  Called by idle threads; does not return.
 *
 * Interrupts are off from the look at the queue to the halt, so that no wake-up
 * falls between them.
 */
void
sched_idle(void)
{
	u_int me = curcpu_id();

	for (;;) {
		disable_intr();
		if (sched_queue_length(me) != 0) {
			enable_intr();
			sched_yield();
			continue;
		}
		sf_buf_idle();		/* no tick will close its batch */
		clock_stop(hardclock_next());
		tlb_enter_idle();
		cpu_idle();
	}
}
