/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Exceptions and interrupts: decides what each one is, and calls its handler.
 * All of them come here on the stack of the interrupted code, with interrupts
 * off, and handlers of interrupts do not nest.  From ring 3 only interrupts and
 * NMIs come here: user.c has the rest.
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/fault.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/ioapic.h>
#include <machine/ipi.h>
#include <machine/lapic.h>
#include <machine/nmi.h>
#include <machine/trap.h>
#include <machine/user.h>

extern void (*const __start_set_fault_describers[])(vm_offset_t),
    (*const __stop_set_fault_describers[])(vm_offset_t);

void (*trap_step)(const struct trapframe *tf);

static const char *const names[NTRAPS] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow",
	"bound range", "invalid opcode", "no FPU", "double fault",
	"coprocessor overrun", "invalid TSS", "segment not present",
	"stack fault", "general protection", "page fault", "reserved",
	"FPU error", "alignment check", "machine check", "SIMD error",
};

const char *
trap_name(u_int vector)
{
	return (vector < NTRAPS && names[vector] != NULL ? names[vector] :
	    "trap");
}

/*
 * double_fault: ends the run after a double fault, whose task this is.  The
 * task switch left the interrupted registers in the main TSS.
 */
void
double_fault(void)
{
	struct pcpu *pc = curpcpu();
	const struct tss *tss = &pc->pc_machine.main_tss;
	/* On this CPU's own stack: another CPU may be here as well. */
	struct trapframe tf = { .edi = tss->edi, .esi = tss->esi,
	    .ebp = tss->ebp, .ebx = tss->ebx, .edx = tss->edx,
	    .ecx = tss->ecx, .eax = tss->eax, .trapno = T_DOUBLEFLT,
	    .eip = tss->eip, .cs = tss->cs, .eflags = tss->eflags };

	panic_frame(&tf, "double fault at %pS, esp %p (stack overflow of %s?), "
	    "cr2 %p", (void *)(vm_offset_t)tss->eip,
	    (void *)(vm_offset_t)tss->esp, pc->pc_curthread->td_name,
	    (void *)(vm_offset_t)rcr2());
}

static void
describe_fault(vm_offset_t va)
{
	for (void (*const *fn)(vm_offset_t) = __start_set_fault_describers;
	    fn < __stop_set_fault_describers; fn++)
		(*fn)(va);
}

static void __dead2
page_fault(struct trapframe *tf)
{
	vm_offset_t va = rcr2();

	describe_fault(va);
	panic_frame(tf, "page fault at %pS: %s of %p, %s (error code 0x%x)",
	    (void *)(vm_offset_t)tf->eip, (tf->err & PF_FETCH) != 0 ?
	    "execution" : (tf->err & PF_WRITE) != 0 ? "write" : "read",
	    (void *)va, (tf->err & PF_PRESENT) != 0 ? "not allowed" :
	    "not present", tf->err);
}

static void
exception(struct trapframe *tf)
{
	if (tf->trapno == T_NMI) {
		if (!nmi_handle(tf))
			stray_note(T_NMI);
		return;
	}
	if (tf->trapno == T_DEBUG && user_step(tf))
		return;
	if (tf->trapno == T_DEBUG && trap_step != NULL) {
		trap_step(tf);
		return;
	}
	if (tf->trapno == T_PAGEFLT)
		page_fault(tf);
	panic_frame(tf, "%s at %pS (error code 0x%x)", trap_name(tf->trapno),
	    (void *)(vm_offset_t)tf->eip, tf->err);
}

/* Calls the handler of a vector; false if it has none. */
static bool
dispatch(u_int vector)
{
	if (vector >= VECTOR_IPI && vector < VECTOR_IPI + IPI_NVERBS)
		return (ipi_handle((enum ipi_verb)(vector - VECTOR_IPI)));
	if (vector >= VECTOR_ISA && vector < VECTOR_ISA + ISA_IRQS)
		return (isa_intr(vector - VECTOR_ISA));
	if (vector != VECTOR_CLOCK)
		return (false);
	hardclock();
	return (true);
}

/*
 * Handles an interrupt.  Spurious ones, of the local APIC and of an 8259, are
 * not in service in the local APIC, and take no EOI (SDM vol. 3A 10.9): that
 * would end another interrupt.
 */
static void
interrupt(u_int vector)
{
	struct pcpu *pc = curpcpu();

	pc->pc_intr_depth++;
	if (lapic_in_service() == vector)
		lapic_eoi();
	if (!dispatch(vector))
		stray_note(vector);
	stray_report();
	pc->pc_intr_depth--;
	if (pc->pc_need_resched != 0)
		sched_preempt();
}

/*
 * Defers an interrupt that came in a soft-masked section: clears IF in the
 * frame, so that no second one comes, and records the vector for
 * intr_deliver_deferred().  The local APIC still has the interrupt in service.
 */
static void
defer_interrupt(struct pcpu *pc, struct trapframe *tf)
{
	pc->pc_soft_masked |= INTR_DEFERRED(tf->trapno);
	tf->eflags &= ~EFLAGS_IF;
}

/*
 * trap: handles every exception and interrupt; called by the stubs of
 * exception.asm, on the stack of the interrupted code, interrupts off.  A CPU
 * that was idle leaves idle here, before anything that may touch an sf_buf
 * (vm/tlb.c).
 */
void
trap(struct trapframe *tf)
{
	sched_leave_idle();
	if (tf->trapno < NTRAPS)
		exception(tf);
	else if (curpcpu()->pc_soft_masked != 0)
		defer_interrupt(curpcpu(), tf);
	else
		interrupt(tf->trapno);
}
