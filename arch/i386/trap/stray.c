/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Interrupts that nothing handles.  Firmware leaves some pending, an 8259 and a
 * local APIC make up others when a request goes away before its vector is read,
 * and a device may have a fault.  None is a fault of the kernel, so none ends
 * it: each is counted by its vector, the first one is named on the console, and
 * the monitor's command cpus shows the counts.
 *
 * An NMI may come in the middle of printf(), so it is named at the end of the
 * next ordinary interrupt, on whichever CPU that comes.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/i8259.h>
#include <machine/ipi.h>
#include <machine/lapic.h>
#include <machine/trap.h>

static struct {
	volatile uint32_t count;
	volatile uint32_t cpu;		/* of the last one */
	volatile uint32_t named;
} strays[NVECTORS];
static volatile uint32_t some_unnamed;

static const char *
describe(u_int vector)
{
	if (vector == T_NMI)
		return ("an NMI that nothing waited for");
	if (vector == VECTOR_8259 + 7 || vector == VECTOR_8259 + 15)
		return ("a spurious interrupt of an 8259");
	if (vector == VECTOR_SPURIOUS)
		return ("a spurious interrupt of the local APIC");
	if (vector >= VECTOR_ISA && vector < VECTOR_ISA + ISA_IRQS)
		return ("an ISA IRQ without a handler");
	if (vector >= VECTOR_IPI && vector < VECTOR_IPI + IPI_NVERBS)
		return ("an IPI without a handler");
	return ("a vector without an owner");
}

/* Contracts are in <machine/trap.h>. */
void
stray_note(u_int vector)
{
	strays[vector].cpu = curcpu_id();
	if (atomic_fetchadd_32(&strays[vector].count, 1) == 0)
		atomic_store_rel_32(&some_unnamed, 1);
}

void
stray_report(void)
{
	if (some_unnamed == 0 || atomic_swap_32(&some_unnamed, 0) == 0)
		return;
	for (u_int i = 0; i < NVECTORS; i++)
		if (strays[i].count != 0 &&
		    atomic_swap_32(&strays[i].named, 1) == 0)
			printf("intr: unexpected interrupt on vector 0x%02x of "
			    "CPU %u: %s\n", i, strays[i].cpu, describe(i));
}

u_int
stray_count(u_int vector)
{
	return (strays[vector].count);
}

void
stray_print(void)
{
	bool some = false;

	for (u_int i = 0; i < NVECTORS; i++) {
		if (strays[i].count == 0)
			continue;
		if (!some)
			printf("\n  unexpected interrupts\n"
			    "  %6s %10s %4s %s\n", "vector", "count", "cpu",
			    "the last one was");
		some = true;
		printf("    0x%02x %10u %4u %s\n", i, strays[i].count,
		    strays[i].cpu, describe(i));
	}
}
