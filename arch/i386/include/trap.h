/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_TRAP_H_
#define	_MACHINE_TRAP_H_

/* Exceptions and interrupts: arch/i386/trap/. */

#include <sys/types.h>

/* What the stubs of exception.asm push, lowest address first. */
struct trapframe {
	uint32_t edi, esi, ebp, esp_unused, ebx, edx, ecx, eax;
	uint32_t trapno, err;
	uint32_t eip, cs, eflags;	/* the CPU pushes these */
};

/* Whether it is of ring 3: then its EBP is anything, and no frame of calls. */
static inline bool
trapframe_is_user(const struct trapframe *tf)
{
	return ((tf->cs & 3) != 0);
}

#define	NVECTORS	256
#define	NTRAPS		32	/* the first are those of exceptions */
#define	T_DEBUG		1
#define	T_NMI		2
#define	T_BREAKPOINT	3
#define	T_OVERFLOW	4
#define	T_DOUBLEFLT	8
#define	T_PAGEFLT	14

/* A page fault's error code (SDM vol. 3A, figure 4-12). */
#define	PF_PRESENT	0x01u		/* not allowed; else not present */
#define	PF_WRITE	0x02u
#define	PF_USER		0x04u
#define	PF_FETCH	0x10u
#define	T_MACHINE	18
#define	T_INT80		0x80	/* INT 0x80 of ring 3 */

extern const uint32_t trap_stubs[NVECTORS];	/* exception.asm */
extern uint64_t idt[NVECTORS];			/* idt.asm */

/* trap_name: the name of an exception, for messages.  Any context. */
const char *trap_name(u_int vector);

void	trap(struct trapframe *tf);
void	trap_again(uint32_t vector);		/* idt.asm */
void	double_fault_entry(void);		/* exception.asm */
void	double_fault(void) __attribute__((__noreturn__));

/*
 * trap_step: called after each instruction that begins with EFLAGS.TF set
 * (SDM vol. 3B 17.3.1.4), with interrupts off and the frame of the next
 * instruction.  NULL, as at start: such a trap is a panic.
 */
extern void (*trap_step)(const struct trapframe *tf);

/*
 * stray.c: interrupts that nothing handles: counted, and named once.
 * stray_note: counts one.  Any context.
 * stray_report: names on the console what was counted for the first time and
 * is not named yet.  Any context but NMI.
 * stray_count: returns how many came on a vector.  Any context.
 * stray_print: prints a line for each vector on which one came.
 */
void	stray_note(u_int vector);
void	stray_report(void);
u_int	stray_count(u_int vector);
void	stray_print(void);

/* stack.c: for a panic. */
#define	BACKTRACE_MAX	24
u_int	backtrace_collect(const void *frame, uintptr_t calls[], u_int max);
void	backtrace_print(const uintptr_t calls[], u_int n);
void	backtrace(const void *frame);
void	backtrace_frame(const struct trapframe *tf);
void	trapframe_print(const struct trapframe *tf);
void	cpu_print_registers(void);

#endif /* !_MACHINE_TRAP_H_ */
