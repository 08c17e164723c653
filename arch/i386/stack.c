/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Shows what a CPU was doing: registers and the chain of calls. */

#include <sys/types.h>
#include <sys/ksym.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/pmap.h>
#include <machine/trap.h>

#define	BACKTRACE_MAX	24
#define	FRAME_MAX	16384u		/* bytes: no frame is larger */

static void
print_call(uintptr_t pc)
{
	char where[KSYM_STRLEN];

	printf("  at %p %s\n", (const void *)pc, ksym_format(pc, where));
}

/*
 * backtrace: the calls from a frame on, until the 0 that starts every stack,
 * or a frame that cannot be one.  Any context.  What is looked up is the
 * call, not the return address behind it: after a call that does not return,
 * that may already belong to the next function.
 */
void
backtrace(const void *start)
{
	const uintptr_t *frame = start, *next;

	for (int i = 0; i < BACKTRACE_MAX && frame != NULL; i++) {
		if (!pmap_is_mapped((vm_offset_t)frame) || frame[1] == 0)
			return;
		print_call(frame[1] - 1);
		next = (const uintptr_t *)frame[0];
		if (next <= frame || (vm_offset_t)next - (vm_offset_t)frame >
		    FRAME_MAX)
			return;
		frame = next;
	}
}

/* backtrace_frame: the same from what a trap interrupted. */
void
backtrace_frame(const struct trapframe *tf)
{
	print_call(tf->eip);
	backtrace((const void *)(vm_offset_t)tf->ebp);
}

void
trapframe_print(const struct trapframe *tf)
{
	printf("  eip %08x eflags %08x trap %u error %x\n"
	    "  eax %08x ebx %08x ecx %08x edx %08x\n"
	    "  esi %08x edi %08x ebp %08x esp %08x\n", tf->eip, tf->eflags,
	    tf->trapno, tf->err, tf->eax, tf->ebx, tf->ecx, tf->edx, tf->esi,
	    tf->edi, tf->ebp, (uint32_t)(vm_offset_t)(tf + 1));
}

/* cpu_print_registers: the control registers of this CPU. */
void
cpu_print_registers(void)
{
	printf("  cr0 %08x cr2 %08x cr3 %08x cr4 %08x eflags %08x\n", rcr0(),
	    rcr2(), hw_read_cr3(), rcr4(), read_eflags());
}
