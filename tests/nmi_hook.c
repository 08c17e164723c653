/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Has a CPU run a test's function at the entry of nmi_handle(), before the NMI
 * does anything: further NMIs wait until that function returns.  So a test can
 * have a CPU answer late, or do something while a panic tries to stop it.  A
 * breakpoint in DR0 of that CPU does it (SDM vol. 3B 17.2); the kernel's code
 * is as it is.  One hook at a time.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/ipi.h>
#include <machine/nmi.h>
#include <machine/trap.h>
#include <tests/nmi_hook.h>

#define	DR7_NONE	0x400u		/* a bit that is always set */
#define	DR7_EXECUTE_DR0	0x402u

static void (*hook)(void);

static void
run_hook(const struct trapframe *tf)
{
	(void)tf;
	load_dr7(DR7_NONE);
	hook();
}

static void
set_breakpoint(void *arg)
{
	load_dr0((vm_offset_t)arg);
	load_dr7(DR7_EXECUTE_DR0);
}

/* nmi_hook_set: fn runs in the next NMI of the CPU.  Thread context. */
void
nmi_hook_set(u_int cpu, void (*fn)(void))
{
	hook = fn;
	trap_step = run_hook;
	smp_call(cpu, set_breakpoint, (void *)(vm_offset_t)nmi_handle);
}

/* nmi_hook_clear: after fn has run. */
void
nmi_hook_clear(void)
{
	trap_step = NULL;
}
