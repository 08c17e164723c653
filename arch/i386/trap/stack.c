/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Shows what a CPU was doing: registers and the chain of calls. */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/pmap.h>
#include <machine/trap.h>
#include <machine/user.h>

#define	FRAME_MAX	16384u		/* bytes: no frame is larger */

extern char boot_stack_guard[], boot_stack_top[];

/* Before pmap.c has built its tables, only the boot stack is readable. */
static bool
is_readable(const uintptr_t *frame)
{
	vm_offset_t va = (vm_offset_t)frame;

	if (va >= (vm_offset_t)boot_stack_guard + PAGE_SIZE &&
	    va < (vm_offset_t)boot_stack_top - sizeof(*frame))
		return (true);
	return (pmap_is_mapped(va) && pmap_is_mapped(va + sizeof(*frame)));
}

/*
 * backtrace_collect: stores the addresses of the calls from a frame on, at most
 * max, until the 0 at the start of every stack, or a frame that cannot be one.
 * Returns how many.  Any context.  Stored is the last byte of the call, not the
 * return address after it: after a call that does not return, that may already
 * belong to the next function.
 */
u_int
backtrace_collect(const void *start, uintptr_t calls[], u_int max)
{
	const uintptr_t *frame = start, *next;
	u_int n;

	for (n = 0; n < max && is_readable(frame) && frame[1] != 0;
	    frame = next) {
		calls[n++] = frame[1] - 1;
		next = (const uintptr_t *)frame[0];
		if (next <= frame || (vm_offset_t)next - (vm_offset_t)frame >
		    FRAME_MAX)
			break;
	}
	return (n);
}

/* backtrace_print: prints calls with their names.  Any context but NMI. */
void
backtrace_print(const uintptr_t calls[], u_int n)
{
	for (u_int i = 0; i < n; i++)
		printf("  at %pS\n", (const void *)calls[i]);
}

/* backtrace: prints the calls from a frame on.  Any context but NMI. */
void
backtrace(const void *frame)
{
	uintptr_t calls[BACKTRACE_MAX];

	backtrace_print(calls,
	    backtrace_collect(frame, calls, BACKTRACE_MAX));
}

/* backtrace_frame: as backtrace(), from the code that a trap interrupted. */
void
backtrace_frame(const struct trapframe *tf)
{
	uintptr_t eip = tf->eip;

	backtrace_print(&eip, 1);
	if (!trapframe_is_user(tf))
		backtrace((const void *)(vm_offset_t)tf->ebp);
}

/*
 * trapframe_print: prints the registers of a frame.  From ring 0, ESP was above
 * it.  Any context but NMI.
 */
void
trapframe_print(const struct trapframe *tf)
{
	uint32_t esp = trapframe_is_user(tf) ?
	    ((const struct userframe *)tf)->esp :
	    (uint32_t)(vm_offset_t)(tf + 1);

	printf("  eip %08x eflags %08x trap %u error %x\n"
	    "  eax %08x ebx %08x ecx %08x edx %08x\n"
	    "  esi %08x edi %08x ebp %08x esp %08x\n", tf->eip, tf->eflags,
	    tf->trapno, tf->err, tf->eax, tf->ebx, tf->ecx, tf->edx, tf->esi,
	    tf->edi, tf->ebp, esp);
}

/* cpu_print_registers: prints the control registers of this CPU. */
void
cpu_print_registers(void)
{
	printf("  cr0 %08x cr2 %08x cr3 %08x cr4 %08x eflags %08x\n", rcr0(),
	    rcr2(), hw_read_cr3(), rcr4(), read_eflags());
}
