/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What a CPU does while it has no thread to run.  Invariant: a CPU that is
 * marked idle halts, is about to, or has just ended the halt; its next step is
 * sched_leave_idle().
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <vm/tlb.h>

/* Contracts are in <sys/sched.h>. */
void
sched_enter_idle(void)
{
	sf_buf_idle();			/* no tick will close its batch */
	clock_stop(hardclock_next());
	tlb_enter_idle();
}

void
sched_leave_idle(void)
{
	if ((hw_load32(&curpcpu()->pc_tlb) & TLB_IDLE) == 0)
		return;
	tlb_leave_idle();
	clock_start();
}

/*
 * Interrupts are off from the look at the queue to the halt, so that no wake-up
 * falls between them.  An interrupt usually ends the halt, and trap() has left
 * idle by then.  But HLT may also end without one: the firmware's system
 * management interrupt is invisible here (SDM vol. 3C 34.10).
 */
void
sched_idle(void)
{
	u_int me = curcpu_id();

	for (;;) {
		disable_intr();
		sched_leave_idle();
		if (sched_queue_length(me) != 0) {
			enable_intr();
			sched_yield();
			continue;
		}
		sched_enter_idle();
		cpu_idle();
	}
}
