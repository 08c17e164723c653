/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Non-maskable interrupts between CPUs: a panic stops the others with them,
 * and the watchdog looks at a CPU that hangs, perhaps with interrupts off.
 *
 * An NMI says neither what it is for nor which CPU sent it, and may come long
 * after it was sent, if the CPU that it is for does not run, as in a guest.  So
 * there is a state for each CPU.  Invariant: an NMI for a back-trace is sent to
 * a CPU only if the state was neither WANTED nor GIVEN_UP.
 *
 * An NMI from elsewhere, as from a device, may answer the request instead.  The
 * answer is as good, but the NMI that was sent may then find nothing to answer.
 * So an NMI that nothing waited for may be one that another CPU sent.
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

/*
 * What nmi_backtrace() asks a CPU for, and nmi_handle(), on that CPU, answers.
 * The calls belong to that CPU in the states WANTED and GIVEN_UP, and to the
 * CPU that asks in the others.
 */
enum { NONE, WANTED, GIVEN_UP, ANSWERED };
static struct request {
	volatile uint32_t state;	/* NONE to ANSWERED */
	u_int ncalls;
	uintptr_t calls[BACKTRACE_MAX];
} requests[MAXCPU];

static void __dead2
stop(struct pcpu *pc, const struct trapframe *tf)
{
	pc->pc_stopped = tf;
	for (;;)
		cpu_halt();
}

/*
 * Answers the request to this CPU, if there is one.  One that was given up ends
 * here, unless it is wanted again meanwhile.
 */
static bool
answer(struct request *r, const struct trapframe *tf)
{
	uint32_t state = atomic_load_acq_32(&r->state);

	if (state != WANTED && state != GIVEN_UP)
		return (false);
	r->calls[0] = tf->eip;
	r->ncalls = 1;
	if (!trapframe_is_user(tf))
		r->ncalls += backtrace_collect(
		    (const void *)(vm_offset_t)tf->ebp, r->calls + 1,
		    BACKTRACE_MAX - 1);
	while (!atomic_cmpset_32(&r->state, WANTED, ANSWERED) &&
	    !atomic_cmpset_32(&r->state, GIVEN_UP, NONE))
		continue;
	return (true);
}

/*
 * nmi_handle: handles an NMI: stops this CPU for a panic (does not return), or
 * records its back-trace for nmi_backtrace().  False if nothing waited for it.  NMI
 * context: takes no lock and prints nothing, for it may have come in the
 * middle of either.
 */
bool
nmi_handle(const struct trapframe *tf)
{
	struct pcpu *pc = curpcpu();

	if (stopping != 0 && !panicked_here())
		stop(pc, tf);
	return (answer(&requests[pc->pc_cpuid], tf));
}

/*
 * Sends an NMI for a back-trace to another CPU, unless one that was given up is
 * still on its way there: that one will answer.
 */
static void
ask(u_int cpu)
{
	struct request *r = &requests[cpu];

	if (atomic_cmpset_32(&r->state, GIVEN_UP, WANTED))
		return;
	atomic_store_rel_32(&r->state, WANTED);
	lapic_send(pcpus[cpu]->pc_machine.apicid, ICR_NMI);
}

/*
 * nmi_backtrace: asks another CPU by NMI what it is doing: stores the addresses
 * of its calls, at most max.  Returns how many; 0 if it did not answer in
 * 100 ms.  An answer that comes later is dropped, but if that CPU is asked
 * again before it comes, it answers that request.  Any context but NMI, one
 * user at a time.
 */
u_int
nmi_backtrace(u_int cpu, uintptr_t calls[], u_int max)
{
	struct request *r = &requests[cpu];
	struct stopwatch watch = { 0 };
	uint64_t passed = 0;

	ask(cpu);
	while (atomic_load_acq_32(&r->state) != ANSWERED) {
		passed += stopwatch_lap(&watch);
		if (passed > BACKTRACE_MS * ticks_per_ms &&
		    atomic_cmpset_32(&r->state, WANTED, GIVEN_UP))
			return (0);
		cpu_spinwait();
	}
	if (max > r->ncalls)
		max = r->ncalls;
	memcpy(calls, r->calls, max * sizeof(*calls));
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
