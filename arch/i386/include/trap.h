/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_TRAP_H_
#define	_MACHINE_TRAP_H_

#include <sys/types.h>

/* What the stubs of exception.asm push, lowest address first. */
struct trapframe {
	uint32_t edi, esi, ebp, esp_unused, ebx, edx, ecx, eax;
	uint32_t trapno, err;
	uint32_t eip, cs, eflags;	/* the CPU pushes these */
};

void	trap(struct trapframe *tf);
void	trap_again(uint32_t vector);	/* exception.asm */

/*
 * trap_step: called after each instruction that begins with EFLAGS.TF set
 * (SDM vol. 3B 17.3.1.4), with interrupts off and the frame of the next
 * instruction.  NULL, as at start: such a trap is a panic.
 */
extern void (*trap_step)(const struct trapframe *tf);

/* trap.c: this CPU's descriptor tables. */
void	trap_init_cpu(void *pcpu);

/* stack.c: for a panic. */
#define	BACKTRACE_MAX	24
u_int	backtrace_collect(const void *frame, uintptr_t calls[], u_int max);
void	backtrace_print(const uintptr_t calls[], u_int n);
void	backtrace(const void *frame);
void	backtrace_frame(const struct trapframe *tf);
void	trapframe_print(const struct trapframe *tf);
void	cpu_print_registers(void);

#endif /* !_MACHINE_TRAP_H_ */
