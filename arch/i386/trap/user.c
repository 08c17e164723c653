/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What a CPU has loaded for a thread of a task.
 *
 * Invariants: while a thread of a task is the current one, its address space,
 * segments, %gs, FPU and stack for ring 0 are loaded, and td_user->fpu and gs
 * are out of date.  While a thread of the kernel runs, what the last task's
 * thread had loaded stays as long as it may, and is not used.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/control.h>
#include <machine/cpufunc.h>
#include <machine/desc.h>
#include <machine/intr.h>
#include <machine/pmap_user.h>
#include <machine/user.h>

#define	MSR_SYSENTER_ESP	0x175u

/* The state after FNINIT, as FXSAVE stores it, and MXCSR at a reset. */
#define	FPU_FCW		0		/* offsets: SDM vol. 1, table 10-2 */
#define	FPU_MXCSR	24
#define	FCW_INIT	0x037fu
#define	MXCSR_INIT	0x1f80u

/* Contracts of the public functions are in <machine/user.h>. */
const char *
user_supported(void)
{
	return (control_has_fxsr() ? NULL :
	    "a CPU without FXSAVE cannot run tasks");
}

bool
user_has_sysenter(void)
{
	return (control_has_sysenter());
}

/* --- what a CPU has loaded for a thread --- */

static void
load_gs(uint32_t sel)
{
	__asm__ volatile("movl %0, %%gs" : : "r" (sel));
}

static uint32_t
read_gs(void)
{
	uint32_t sel;

	__asm__ volatile("movl %%gs, %0" : "=r" (sel));
	return (sel);
}

/*
 * Sets where GSEL_TLS or GSEL_BLOCK begins on this CPU.  A segment register
 * that has the selector keeps the old base until it is loaded again.
 * Interrupts off.
 */
static void
set_base(u_int sel, uint32_t base)
{
	desc_set_base(&curpcpu()->pc_machine.gdt[GDT_ENTRY(sel)], base);
}

/*
 * FXRSTOR of older CPUs by AMD leaves the addresses of the last x87 instruction
 * and operand as another task had them, unless an exception is pending
 * (CVE-2006-1056).  FNINIT makes them 0 (SDM vol. 2, FINIT).
 */
static void
fpu_load(const struct user_thread *ut)
{
	__asm__ volatile("fninit; fxrstor %0" : : "m" (ut->fpu));
}

/* Stores what only the CPU has of the calling thread.  Interrupts off. */
static void
save(struct user_thread *ut)
{
	ut->gs = read_gs();
	__asm__ volatile("fxsave %0" : "=m" (ut->fpu));
}

/* Whether ring 3 can have loaded this selector, with whatever RPL. */
static bool
is_user_selector(uint32_t sel)
{
	sel |= SEL_RPL;
	return (sel == SEL_RPL || sel == GSEL_UCODE || sel == GSEL_UDATA ||
	    sel == GSEL_TLS || sel == GSEL_BLOCK);
}

/*
 * Loads %gs after its segment's base.  Every selector that ring 3 can have
 * loaded is valid here, on each CPU: there is no LDT, and the GDTs differ in
 * bases alone.  MSR_SYSENTER_ESP is the thread's own stack, and not a short one
 * to start from: an NMI may come on the first instruction after SYSENTER.
 */
static void
load(const struct user_thread *ut)
{
	KDEBUG(is_user_selector(ut->gs), "user: %%gs is 0x%x", ut->gs);
	pmap_activate(ut->pmap);
	curpcpu()->pc_machine.main_tss.esp0 = ut->esp0;
	if (control_has_sysenter())
		wrmsr(MSR_SYSENTER_ESP, ut->esp0);
	set_base(GSEL_TLS, ut->tls_base);
	set_base(GSEL_BLOCK, ut->block_base);
	load_gs(ut->gs);
	fpu_load(ut);
}

void
user_switch(struct thread *old, struct thread *new)
{
	if (old->td_user != NULL)
		save(old->td_user);
	if (new->td_user != NULL)
		load(new->td_user);
	else
		pmap_activate(NULL);
}

void
user_attach(struct user_thread *ut)
{
	struct thread *td = curthread();

	KASSERT(td->td_stack != 0, "user_attach: %s is not on a stack of its "
	    "own (called from %pC)", td->td_name, __caller());
	KASSERT(user_supported() == NULL, "user_attach: %s (called from %pC)",
	    user_supported(), __caller());
	disable_intr();
	td->td_user = ut;
	if (ut == NULL) {
		pmap_activate(NULL);
	} else {
		KASSERT(((vm_offset_t)ut->fpu & 15) == 0,
		    "user_attach: %p is not aligned (called from %pC)", ut,
		    __caller());
		/* The structure of a thread lies on top of its stack. */
		ut->esp0 = (uint32_t)(vm_offset_t)td;
		load(ut);
	}
	enable_intr();
}

void
user_save(void)
{
	disable_intr();
	save(curthread()->td_user);
	enable_intr();
}

void
user_fpu_init(struct user_thread *ut)
{
	const uint16_t fcw = FCW_INIT;
	const uint32_t mxcsr = MXCSR_INIT;

	memset(ut->fpu, 0, sizeof(ut->fpu));
	memcpy(ut->fpu + FPU_FCW, &fcw, sizeof(fcw));
	memcpy(ut->fpu + FPU_MXCSR, &mxcsr, sizeof(mxcsr));
}

void
user_set_tls(uint32_t base)
{
	disable_intr();
	curthread()->td_user->tls_base = base;
	set_base(GSEL_TLS, base);
	load_gs(GSEL_TLS);
	enable_intr();
}

void
user_set_block(uint32_t base)
{
	disable_intr();
	curthread()->td_user->block_base = base;
	set_base(GSEL_BLOCK, base);
	enable_intr();
}

/* --- frames --- */

struct userframe *
user_frame(struct thread *td)
{
	return ((struct userframe *)(vm_offset_t)td->td_user->esp0 - 1);
}

void
user_frame_init(struct userframe *uf, uint32_t eip, uint32_t esp)
{
	memset(uf, 0, sizeof(*uf));
	uf->tf.eip = eip;
	uf->tf.cs = GSEL_UCODE;
	uf->tf.eflags = EFLAGS_IF | EFLAGS_ALWAYS;
	uf->esp = esp;
	uf->ss = GSEL_UDATA;
}
