/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What came from ring 3, and what is done before a return to it.  The first and
 * the last instructions are those of ring3.asm and exception.asm.
 *
 * Invariant: no thread returns to ring 3 with a lock, pinned, or in a critical
 * section, nor with interrupts off or privileges in EFLAGS.
 */

#include <sys/types.h>
#include <sys/abi/call.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/cpufunc.h>
#include <machine/desc.h>
#include <machine/intr.h>
#include <machine/trap.h>
#include <machine/user.h>

#define	MSR_SYSENTER_CS		0x174u
#define	MSR_SYSENTER_EIP	0x176u

/* What a task may have in EFLAGS: no IOPL, no VM. */
#define	EFLAGS_USER	0x00254dd5u

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
void
user_init_cpu(void)
{
	if (!user_has_sysenter())
		return;
	wrmsr(MSR_SYSENTER_CS, GSEL_CODE);
	wrmsr(MSR_SYSENTER_EIP, (vm_offset_t)user_sysenter);
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
