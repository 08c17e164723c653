/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The monitor's command that lists the CPUs, and the interrupts that have no
 * handler.
 */

#include <sys/types.h>
#include <sys/monitor.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/ipi.h>
#include <machine/trap.h>
#include <vm/tlb.h>

static void
print_cpu(const struct pcpu *pc)
{
	printf("  %3u %4u %10u %10llu %10llu %10u %s\n", pc->pc_cpuid,
	    pc->pc_machine.apicid, pc->pc_ticks,
	    (unsigned long long)pc->pc_switches,
	    (unsigned long long)pc->pc_flushes, pc->pc_tlb >> 1,
	    (pc->pc_tlb & TLB_IDLE) != 0 ? "idle" :
	    pc->pc_curthread->td_name);
}

static void
print_ipis(const uint64_t n[IPI_NVERBS])
{
	for (u_int v = 0; v < IPI_NVERBS; v++)
		printf(" %8llu", (unsigned long long)n[v]);
}

static void
print_ipi_names(void)
{
	for (u_int v = 0; v < IPI_NVERBS; v++)
		printf(" %8s", ipi_names[v]);
}

SAFE_COMMAND(command_cpus, "cpus", "", "every CPU, its TLB's epoch, its IPIs")
{
	printf("  %3s %4s %10s %10s %10s %10s %s\n", "cpu", "apic", "ticks",
	    "switches", "flushes", "epoch", "state");
	for (u_int i = 0; i < mp_ncpus; i++)
		print_cpu(pcpus[i]);
	printf("\n  %3s%*s%*s\n  %3s", "", 9 * IPI_NVERBS, "IPIs sent",
	    9 * IPI_NVERBS, "IPIs taken", "cpu");
	print_ipi_names();
	print_ipi_names();
	printf("\n");
	for (u_int i = 0; i < mp_ncpus; i++) {
		printf("  %3u", i);
		print_ipis(pcpus[i]->pc_ipis_sent);
		print_ipis(pcpus[i]->pc_ipis_taken);
		printf("\n");
	}
	stray_print();
}
