/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the boot CPU's stack and that of its double-fault task.  The stack of
 * the first instructions is in start.asm, the one on which application
 * processors start in trampoline.asm.
 *
 * Below each stack is a guard, a page that pmap_bootstrap() leaves unmapped:
 * an overflow faults there.  linker.ld puts the two one after the other, and
 * names their guards and their tops.
 */

#include <sys/types.h>
#include <machine/vmparam.h>

#define	STACK(name, size)						\
	static struct {							\
		char guard[PAGE_SIZE];					\
		char stack[size];					\
	} name __attribute__((__used__, __aligned__(PAGE_SIZE),		\
	    __section__(".bss." #name)))

STACK(boot_df_stack, DF_STACK_SIZE);
STACK(boot_stack, KSTACK_SIZE);
