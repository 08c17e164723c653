/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The table of CPUs, which at first has the boot CPU alone.  mp.c adds the
 * others, at start.
 */

#include <sys/types.h>
#include <sys/pcpu.h>

extern char boot_df_stack_top[];

static struct pcpu pcpu0 = {
	.pc_machine.df_stack = (vm_offset_t)boot_df_stack_top,
};

struct pcpu *pcpus[MAXCPU] = { &pcpu0 };
u_int mp_ncpus = 1;
