/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What one CPU makes another do: run a function, look at its run queue, or
 * flush its TLB (tlb.c).  All waiting is bounded: after a second a word on
 * the console, after ipi.timeout a panic that shows every CPU.
 */

#include <sys/types.h>
#include <sys/bench.h>
#include <sys/deadline.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <machine/lapic.h>
#include <machine/pcpu.h>
#include <machine/tsc.h>
#include <vm/tlb.h>

#define	WARN_MS		1000u

u_int ipi_timeout_ms = 30000;
TUNABLE_UINT(ipi_timeout, "ipi.timeout", ipi_timeout_ms, 100, 600000,
    "milliseconds after which a CPU that does not answer is a panic");

const char *const ipi_names[IPI_NVERBS] = {
	[IPI_FLUSH] = "flush", [IPI_CALL] = "call", [IPI_RESCHED] = "resched",
	[IPI_BENCH] = "bench",
};
_Static_assert(IPI_NVERBS == 4, "ipi_names");

struct smp_call {
	void (*fn)(void *);
	void *arg;
	volatile uint32_t done;
};

static bool
has_lasted(struct deadline *w, u_int ms)
{
	uint64_t now = cpu_ticks();

	if (w->start == 0)
		w->start = now;
	/* The thread may be on a CPU by now whose clock is a little behind. */
	return ((int64_t)(now - w->start) > (int64_t)(ms * ticks_per_ms));
}

/* deadline_warning_due: true once, after a second: time for a word.  Any context. */
bool
deadline_warning_due(struct deadline *w)
{
	if (w->warned || !has_lasted(w, WARN_MS))
		return (false);
	w->warned = true;
	return (true);
}

static void
warn_of_wait(const void *caller)
{
	static volatile uint32_t warning;

	/* Many may wait for one: they must not wait for the console. */
	if (!atomic_cmpset_32(&warning, 0, 1))
		return;
	printf("CPU %u waits for another for a second (called from %p)\n",
	    curcpu_id(), caller);
	atomic_store_rel_32(&warning, 0);
}

/* deadline_over: the rest of deadline_passed(), for who has words of its own. */
bool
deadline_over(struct deadline *w)
{
	u_int rest = ipi_timeout_ms / 16;

	if (!has_lasted(w, w->late ? rest : ipi_timeout_ms - rest))
		return (false);
	if (w->late)
		return (true);
	w->late = true;
	w->start = cpu_ticks();
	return (false);
}

/*
 * deadline_passed: for a loop that waits for another CPU, each time that it
 * looked in vain: warns once, and says true when ipi.timeout is over.  The
 * last sixteenth of it begins when the rest was seen to be over: that may have
 * passed while no CPU ran, or not this one, as in a guest, and then the other
 * was ready long ago, or soon will be.  Any context.
 */
bool
deadline_passed(struct deadline *w)
{
	if (deadline_warning_due(w))
		warn_of_wait(__caller());
	return (deadline_over(w));
}

/*
 * hw_send_ipi: interrupts another CPU, or this one.  Any context.  The
 * sender's stores before it are seen by the handler: the write to the APIC
 * is uncached, which drains the store buffer first (SDM vol. 3A 8.3, 11.10).
 */
void
hw_send_ipi(u_int cpu, u_int verb)
{
	struct pcpu *pc = pcpus[cpu];

	uint32_t flags = intr_save();

	curpcpu()->pc_ipis_sent[verb]++;
	intr_restore(flags);
	lapic_send(pc->pc_apicid, ICR_FIXED | (VECTOR_IPI + verb));
}

/*
 * smp_call: runs fn(arg) on a CPU, in interrupt context, and returns when
 * that is done.  Thread context, interrupts on, no spin lock held.  One call
 * at a time has the target's mailbox; the others wait for it.
 */
void
smp_call(u_int cpu, void (*fn)(void *), void *arg)
{
	struct smp_call call = { fn, arg, 0 };
	struct deadline free = { 0 }, done = { 0 };

	KASSERT(cpu < mp_ncpus && tlb_may_wait(), "smp_call: CPU %u from a "
	    "context that may not wait, or of none (called from %p)", cpu,
	    __caller());
	while (!atomic_cmpset_ptr(&pcpus[cpu]->pc_call, NULL, &call))
		KASSERT(!deadline_passed(&free), "smp_call: CPU %u does "
		    "not take calls (called from %p)", cpu, __caller());
	hw_send_ipi(cpu, IPI_CALL);
	while (atomic_load_acq_32(&call.done) == 0) {
		cpu_spinwait();
		KASSERT(!deadline_passed(&done), "smp_call: CPU %u does "
		    "not answer (called from %p)", cpu, __caller());
	}
}

static void
take_call(struct pcpu *pc)
{
	struct smp_call *call = pc->pc_call;

	if (call == NULL)
		return;
	call->fn(call->arg);
	/* Free the mailbox first: after `done' the call is off its stack. */
	atomic_store_rel_ptr(&pc->pc_call, NULL);
	atomic_store_rel_32(&call->done, 1);
}

/* ipi_handle: an interrupt from another CPU.  Interrupts off. */
void
ipi_handle(enum ipi_verb verb)
{
	struct pcpu *pc = curpcpu();

	pc->pc_ipis_taken[verb]++;
	switch (verb) {
	case IPI_FLUSH:
		tlb_serve();
		break;
	case IPI_CALL:
		take_call(pc);
		break;
	case IPI_RESCHED:
		pc->pc_need_resched = 1;
		break;
	case IPI_BENCH:
		bench_ipi();
		break;
	default:
		panic("ipi: unknown verb %u", (u_int)verb);
	}
}
