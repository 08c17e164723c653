/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The start of the other CPUs: gives each its memory and its idle thread, and
 * adds it to the table.  arch/i386/smp/mp.c finds them and starts one.
 */

#include <sys/types.h>
#include <sys/job.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/smp.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/ipi.h>
#include <machine/mp.h>
#include <machine/vmparam.h>
#include <boot/multiboot.h>
#include <vm/kmem.h>
#include <vm/tlb.h>

static u_int max_cpus = MAXCPU;
TUNABLE_UINT(maxcpus, "maxcpus", max_cpus, 1, MAXCPU, "CPUs to use");

/*
 * A new CPU, on its own stack, interrupts off.  Ends in its idle thread.  Until
 * mp_ncpus includes this CPU it counts as idle, because no flush waits for it.
 */
static void __dead2
run_cpu(void)
{
	while (atomic_load_acq_32(&mp_ncpus) <= curcpu_id())
		cpu_spinwait();
	sched_leave_idle();
	sched_idle();
}

/*
 * Adds one CPU.  It is in pcpus[] before it runs, because it takes locks, and
 * starts out idle, so that no flush waits for it.  The memory of a CPU that
 * never came is not freed: it might still arrive.
 */
static void
add_cpu(u_int apicid)
{
	struct pcpu *pc = kmem_alloc(sizeof(struct pcpu), M_ZERO);
	void *stack = kstack_alloc();
	void *df_stack = kmem_alloc(DF_STACK_SIZE, 0);

	if (pc == NULL || stack == NULL || df_stack == NULL) {
		printf("mp: APIC id %u left out: no memory\n", apicid);
		return;
	}
	pc->pc_cpuid = mp_ncpus;
	pc->pc_tlb = TLB_IDLE;
	pc->pc_machine.apicid = apicid;
	pc->pc_machine.df_stack = (vm_offset_t)df_stack + DF_STACK_SIZE;
	pcpus[mp_ncpus] = pc;
	sched_init_cpu(pc->pc_cpuid);
	if (mp_start_ap(pc, stack, run_cpu))
		atomic_store_rel_32(&mp_ncpus, mp_ncpus + 1);
}

/* Contracts are in <sys/smp.h>. */
void
smp_start(void)
{
	static uint8_t apicids[MAXCPU];
	const struct bootinfo *bi = boot_info();
	u_int n, i;

	ipi_register(IPI_FLUSH, tlb_serve);
	n = mp_init(apicids, reserved_low_page(&bi->reserved, &bi->mem,
	    bi->low_end));
	for (i = 0; i < n && mp_ncpus < max_cpus; i++)
		add_cpu(apicids[i]);
	if (i < n)
		printf("mp: %u more CPUs are left out: the limit is %u\n",
		    n - i, max_cpus);
}
