/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Non-maskable interrupts between CPUs: a panic stops the others with them,
 * and the watchdog looks at a CPU that hangs, perhaps with interrupts off.
 */

#include <sys/types.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/lapic.h>
#include <machine/nmi.h>
#include <machine/trap.h>
#include <machine/tsc.h>

#define	STOP_MS		1000u
#define	BACKTRACE_MS	100u

static volatile uint32_t stopping;	/* 1 once a panic stops the others */

/* What nmi_backtrace() asks for and nmi_handle(), on that CPU, answers. */
static struct {
	uintptr_t calls[BACKTRACE_MAX];
	u_int ncalls;
	volatile uint32_t wanted_of;	/* a CPU's number plus 1, or 0 */
} request;

static void __dead2
stop(struct pcpu *pc, const struct trapframe *tf)
{
	pc->pc_stopped = tf;
	for (;;)
		cpu_halt();
}

/*
 * nmi_handle: handles an NMI: stops this CPU for a panic (does not return), or
 * records its back-trace for nmi_backtrace().  False if no CPU sent it.  NMI
 * context: takes no lock and prints nothing, for it may have come in the
 * middle of either.
 */
bool
nmi_handle(const struct trapframe *tf)
{
	struct pcpu *pc = curpcpu();

	if (stopping != 0 && !panicked_here())
		stop(pc, tf);
	if (atomic_load_acq_32(&request.wanted_of) != pc->pc_cpuid + 1)
		return (false);
	request.calls[0] = tf->eip;
	request.ncalls = 1 + backtrace_collect((const void *)(vm_offset_t)
	    tf->ebp, request.calls + 1, BACKTRACE_MAX - 1);
	/* Last, for it says that the calls are there. */
	atomic_store_rel_32(&request.wanted_of, 0);
	return (true);
}

/*
 * nmi_backtrace: asks another CPU by NMI what it is doing: stores the addresses
 * of its calls, at most max.  Returns how many; 0 if it did not answer in
 * 100 ms.  Any context but NMI, one user at a time.
 */
u_int
nmi_backtrace(u_int cpu, uintptr_t calls[], u_int max)
{
	struct stopwatch watch = { 0 };
	uint64_t passed = 0;

	request.wanted_of = cpu + 1;
	lapic_send(pcpus[cpu]->pc_machine.apicid, ICR_NMI);
	while (atomic_load_acq_32(&request.wanted_of) != 0) {
		passed += stopwatch_lap(&watch);
		if (passed > BACKTRACE_MS * ticks_per_ms)
			return (0);
		cpu_spinwait();
	}
	if (max > request.ncalls)
		max = request.ncalls;
	memcpy(calls, request.calls, max * sizeof(*calls));
	return (max);
}

/*
 * nmi_stop_others: called by a panic: stops the other CPUs by NMI, wherever
 * they are; returns when all have stopped, or after a second.  Each leaves its
 * registers in pc_stopped.
 */
void
nmi_stop_others(void)
{
	struct stopwatch watch = { 0 };
	uint64_t passed = 0;
	u_int me = curcpu_id();

	stopping = 1;
	for (u_int i = 0; i < mp_ncpus; i++)
		if (i != me)
			lapic_send(pcpus[i]->pc_machine.apicid, ICR_NMI);
	for (u_int i = 0; i < mp_ncpus; i++)
		while (i != me && pcpus[i]->pc_stopped == NULL &&
		    passed < STOP_MS * ticks_per_ms) {
			passed += stopwatch_lap(&watch);
			cpu_spinwait();
		}
}
