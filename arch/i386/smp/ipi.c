/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Interrupts between CPUs: sends them, counts them and calls the handler of
 * their verb; runs a function on another CPU.  Owns the table of handlers and
 * pc_call, a CPU's mailbox for functions.  All waiting is bounded.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <machine/lapic.h>

const char *const ipi_names[IPI_NVERBS] = {
	[IPI_FLUSH] = "flush", [IPI_CALL] = "call", [IPI_RESCHED] = "resched",
	[IPI_TEST] = "test",
};
_Static_assert(IPI_NVERBS == 4, "ipi_names");

struct smp_call {
	void (*fn)(void *);
	void *arg;
	volatile uint32_t done;
};

/* Runs the function in this CPU's mailbox. */
static void
take_call(void)
{
	struct pcpu *pc = curpcpu();
	struct smp_call *call = pc->pc_call;

	if (call == NULL)
		return;
	call->fn(call->arg);
	/* The mailbox is freed first: after `done' *call may be gone. */
	atomic_store_rel_ptr(&pc->pc_call, NULL);
	atomic_store_rel_32(&call->done, 1);
}

static void
resched(void)
{
	curpcpu()->pc_need_resched = 1;
}

static void (*handlers[IPI_NVERBS])(void) = {
	[IPI_CALL] = take_call, [IPI_RESCHED] = resched,
};

/*
 * ipi_register: from here on handler is called for verb, on the CPU that the
 * interrupt is for, with interrupts off.  Before the first is sent.  Any
 * context.
 */
void
ipi_register(enum ipi_verb verb, void (*handler)(void))
{
	atomic_store_rel_ptr(&handlers[verb], handler);
}

/*
 * hw_send_ipi: interrupts another CPU, or this one.  Any context.  The
 * sender's stores before it are seen by the handler: the write to the APIC
 * is uncached, which drains the store buffer first (SDM vol. 3A 8.3, 11.10).
 */
void
hw_send_ipi(u_int cpu, enum ipi_verb verb)
{
	uint32_t flags = intr_save();

	curpcpu()->pc_ipis_sent[verb]++;
	intr_restore(flags);
	lapic_send(pcpus[cpu]->pc_machine.apicid,
	    ICR_FIXED | (VECTOR_IPI + verb));
}

/*
 * ipi_handle: handles an interrupt from another CPU.  False if it has no
 * handler: then it is the firmware's.  Interrupts off.
 */
bool
ipi_handle(enum ipi_verb verb)
{
	struct pcpu *pc = curpcpu();

	if (handlers[verb] == NULL)
		return (false);
	pc->pc_ipis_taken[verb]++;
	handlers[verb]();
	return (true);
}

/*
 * smp_call: runs fn(arg) on a CPU, in interrupt context, and returns when
 * that is done.  Thread context, interrupts on, no spin lock held.  A CPU's
 * mailbox takes one call at a time; other callers wait until it is free.
 */
void
smp_call(u_int cpu, void (*fn)(void *), void *arg)
{
	struct smp_call call = { fn, arg, 0 };
	struct deadline free = { 0 }, done = { 0 };

	KASSERT(cpu < mp_ncpus, "smp_call: no CPU %u (called from %pC)", cpu,
	    __caller());
	KASSERT(intr_enabled() && !panicked(), "smp_call: may not wait here "
	    "(called from %pC)", __caller());
	while (!atomic_cmpset_ptr(&pcpus[cpu]->pc_call, NULL, &call)) {
		cpu_spinwait();
		KASSERT(!deadline_passed(&free), "smp_call: CPU %u does "
		    "not take calls (called from %pC)", cpu, __caller());
	}
	hw_send_ipi(cpu, IPI_CALL);
	while (atomic_load_acq_32(&call.done) == 0) {
		cpu_spinwait();
		KASSERT(!deadline_passed(&done), "smp_call: CPU %u does "
		    "not answer (called from %pC)", cpu, __caller());
	}
}
