/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Ring 3, but for its first and last instructions, which are ring3.asm's: what a
 * CPU has loaded for a thread of a task, what came from ring 3, and what is
 * done before a return to it.
 *
 * Invariants: while a thread of a task is the current one, its address space,
 * segments, %gs, FPU and stack for ring 0 are loaded, and td_user->fpu and gs
 * are out of date.  While a thread of the kernel runs, what the last task's
 * thread had loaded stays, and is not used.  No thread returns to ring 3 with a
 * lock, pinned, or in a critical section.
 */

#include <sys/types.h>
#include <sys/abi/call.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/control.h>
#include <machine/cpufunc.h>
#include <machine/desc.h>
#include <machine/intr.h>
#include <machine/pmap_user.h>
#include <machine/trap.h>
#include <machine/user.h>

#define	MSR_SYSENTER_CS		0x174u
#define	MSR_SYSENTER_ESP	0x175u
#define	MSR_SYSENTER_EIP	0x176u

/* What a task may have in EFLAGS: no IOPL, no VM. */
#define	EFLAGS_USER	0x00254dd5u
#define	EFLAGS_ALWAYS	0x00000002u

/* The state after FNINIT, as FXSAVE stores it, and MXCSR at a reset. */
#define	FPU_FCW		0		/* offsets: SDM vol. 1, table 10-2 */
#define	FPU_MXCSR	24
#define	FCW_INIT	0x037fu
#define	MXCSR_INIT	0x1f80u

extern char user_sysenter[], user_sysenter_clean[];
void	user_go(const struct userframe *uf, uint32_t top) __dead2;
void	user_trap(struct userframe *uf);
void	user_finish(struct userframe *uf);

/* The numbers in ring3.inc. */
_Static_assert(GSEL_DATA == 0x10 && GSEL_UCODE == 0x1b && GSEL_UDATA == 0x23 &&
    GSEL_PCPU == 0x38 && GSEL_BLOCK == 0x4b && SEL_RPL == 3 && T_DEBUG == 1 &&
    T_NMI == 2 && T_MACHINE == 18 && CALL_VECTOR == 0x81 && UF_FAST == 0 &&
    EFLAGS_IF == 0x200, "ring3.inc: a number");
_Static_assert(offsetof(struct trapframe, esi) == 4 &&
    offsetof(struct trapframe, ebp) == 8 &&
    offsetof(struct trapframe, ebx) == 16 &&
    offsetof(struct trapframe, eax) == 28 &&
    offsetof(struct trapframe, err) == 36 &&
    offsetof(struct trapframe, eip) == 40 &&
    offsetof(struct trapframe, cs) == 44 &&
    offsetof(struct trapframe, eflags) == 48 &&
    offsetof(struct userframe, esp) == 52 &&
    sizeof(struct userframe) == 60, "ring3.inc: a frame");
_Static_assert(PC_CURTHREAD == 4 &&
    offsetof(struct pcpu, pc_need_resched) == 24 &&
    offsetof(struct thread, td_user) == 8 &&
    offsetof(struct thread, td_ast) == 12 &&
    offsetof(struct user_thread, ops) == 512 &&
    offsetof(struct user_ops, syscall) == 0, "ring3.inc: a field");
/* The selectors that SYSENTER and SYSEXIT compute. */
_Static_assert(GSEL_DATA == GSEL_CODE + 8 &&
    GSEL_UCODE == ((GSEL_CODE + 16) | SEL_RPL) &&
    GSEL_UDATA == ((GSEL_CODE + 24) | SEL_RPL), "SYSENTER's order");

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

void
user_init_cpu(void)
{
	if (!control_has_sysenter())
		return;
	wrmsr(MSR_SYSENTER_CS, GSEL_CODE);
	wrmsr(MSR_SYSENTER_EIP, (vm_offset_t)user_sysenter);
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
 * FXRSTOR of AMD's CPUs up to family 16h leaves the addresses of the last x87
 * instruction and operand as another task had them, unless an exception is
 * pending (APM vol. 2 11.4.4; CVE-2006-1056).  So these are overwritten first,
 * by a load that can raise no exception.
 */
static void
fpu_load(const struct user_thread *ut)
{
	__asm__ volatile("fnclex; emms; fildl %0; fxrstor %1" : :
	    "m" (ut->esp0), "m" (ut->fpu));
}

/* Stores what only the CPU has of the calling thread.  Interrupts off. */
static void
save(struct user_thread *ut)
{
	ut->gs = read_gs();
	__asm__ volatile("fxsave %0" : "=m" (ut->fpu));
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
	KDEBUG((ut->gs & SEL_RPL) == SEL_RPL || (ut->gs & ~SEL_RPL) == 0,
	    "user: %%gs is 0x%x", ut->gs);
	pmap_activate(ut->pmap);
	curpcpu()->pc_machine.main_tss.esp0 = ut->esp0;
	if (control_has_sysenter())
		wrmsr(MSR_SYSENTER_ESP, ut->esp0);
	desc_set_base(GSEL_TLS, ut->tls_base);
	desc_set_base(GSEL_BLOCK, ut->block_base);
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
	desc_set_base(GSEL_TLS, base);
	load_gs(GSEL_TLS);
	enable_intr();
}

void
user_set_block(uint32_t base)
{
	disable_intr();
	curthread()->td_user->block_base = base;
	desc_set_base(GSEL_BLOCK, base);
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

void
user_enter(const struct userframe *uf)
{
	struct userframe copy = *uf;

	KASSERT(curthread()->td_user != NULL, "user_enter: %s is of no task "
	    "(called from %pC)", curthread()->td_name, __caller());
	disable_intr();
	user_go(&copy, curthread()->td_user->esp0);
}

/* --- what came from ring 3, and the return --- */

/*
 * user_finish: does what is to be done before a return to ring 3: gives up the
 * CPU, calls ops->ast.  Called by ring3.asm, interrupts off, as on return: what
 * is asked for later comes by an interrupt, in ring 3.  A task's frame may have
 * been changed by what the task said, so EFLAGS is checked here.
 */
void
user_finish(struct userframe *uf)
{
	struct thread *td = curthread();

	while (td->td_ast != 0 || curpcpu()->pc_need_resched != 0) {
		if (curpcpu()->pc_need_resched != 0)
			sched_yield();
		if (td->td_ast == 0)
			continue;
		enable_intr();
		td->td_user->ops->ast(uf);
		disable_intr();
	}
	KDEBUG(curpcpu()->pc_held == NULL && curpcpu()->pc_soft_masked == 0 &&
	    td->td_critnest == 0 && td->td_pinned == 0 &&
	    td->td_mutexes == NULL, "user: %s returns to ring 3 with a lock or "
	    "pinned, after trap 0x%x eax 0x%x", td->td_name, uf->tf.trapno,
	    uf->tf.eax);
	uf->tf.eflags = (uf->tf.eflags & EFLAGS_USER) | EFLAGS_IF |
	    EFLAGS_ALWAYS;
}

/*
 * user_trap: handles what came from ring 3 by a gate, and what is to be done
 * before the return.  Called by exception.asm, interrupts off, as on return.
 * CR2 is read before another page fault can come.
 */
void
user_trap(struct userframe *uf)
{
	const struct user_ops *ops = curthread()->td_user->ops;
	u_int vector = uf->tf.trapno;
	vm_offset_t va;

	if (vector == CALL_VECTOR) {
		enable_intr();
		ops->syscall(uf);
	} else if (vector < NTRAPS || vector == T_INT80) {
		va = vector == T_PAGEFLT ? rcr2() : 0;
		enable_intr();
		ops->exception(uf, va);
	} else {
		trap(&uf->tf);
	}
	disable_intr();
	user_finish(uf);
}

bool
user_step(struct trapframe *tf)
{
	if ((tf->eflags & EFLAGS_TF) == 0 ||
	    tf->eip < (vm_offset_t)user_sysenter ||
	    tf->eip > (vm_offset_t)user_sysenter_clean)
		return (false);
	tf->eflags &= ~EFLAGS_TF;
	return (true);
}
