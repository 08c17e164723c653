/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Descriptor tables.  Owns the IDT, which all CPUs share, and for each CPU a
 * GDT and two tasks: the one that everything runs in, and the double-fault
 * task, which has a stack of its own, because the usual cause of a double
 * fault is that the stack is used up.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <machine/desc.h>
#include <machine/hw.h>
#include <machine/trap.h>

#define	GSEL_CODE	0x08
#define	GSEL_DATA	0x10
#define	GSEL_TSS	0x18
#define	GSEL_DFTSS	0x20
#define	GSEL_PCPU	0x28

#define	SEG_CODE	0x9a		/* present, execute and read */
#define	SEG_DATA	0x92		/* present, read and write */
#define	SEG_TSS		0x89		/* present, 32 bits, not busy */
#define	SEG_BIG		0xc		/* limit in pages, 32 bits */
#define	GATE_INTR	0x8e00		/* present, turns interrupts off */
#define	GATE_TASK	0x8500		/* present */

struct region {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

/* A segment or TSS descriptor (SDM vol. 3A, figure 3-8). */
static uint64_t
descriptor(const void *start, uint32_t limit, uint32_t access, uint32_t flags)
{
	uint32_t base = (uint32_t)(vm_offset_t)start;

	return ((uint64_t)((base & 0xff000000) | flags << 20 |
	    (limit & 0xf0000) | access << 8 | (base >> 16 & 0xff)) << 32 |
	    (base << 16 | (limit & 0xffff)));
}

static void
load_gdt(struct pcpu *pc)
{
	struct machine_pcpu *m = &pc->pc_machine;
	struct region r = { sizeof(m->gdt) - 1,
	    (uint32_t)(vm_offset_t)m->gdt };

	m->gdt[1] = descriptor(NULL, 0xfffff, SEG_CODE, SEG_BIG);
	m->gdt[2] = descriptor(NULL, 0xfffff, SEG_DATA, SEG_BIG);
	m->gdt[3] = descriptor(&m->main_tss, sizeof(struct tss) - 1, SEG_TSS,
	    0);
	m->gdt[4] = descriptor(&m->df_tss, sizeof(struct tss) - 1, SEG_TSS, 0);
	m->gdt[5] = descriptor(pc, 0xfffff, SEG_DATA, SEG_BIG);
	__asm__ volatile("lgdt %0; ljmp %1, $1f; 1: movl %2, %%ds; "
	    "movl %2, %%es; movl %2, %%ss; movl %2, %%gs; movl %4, %%fs; "
	    "ltr %w3" : : "m" (r), "i" (GSEL_CODE), "r" (GSEL_DATA),
	    "r" (GSEL_TSS), "r" (GSEL_PCPU) : "memory");
}

/* The boot CPU, which is the first, fills the table. */
static void
load_idt(void)
{
	struct region r = { NVECTORS * sizeof(idt[0]) - 1,
	    (uint32_t)(vm_offset_t)idt };

	for (u_int i = 0; i < NVECTORS && curcpu_id() == 0; i++)
		idt[i] = (uint64_t)((trap_stubs[i] & 0xffff0000) | GATE_INTR)
		    << 32 | GSEL_CODE << 16 | (trap_stubs[i] & 0xffff);
	idt[T_DOUBLEFLT] = (uint64_t)GATE_TASK << 32 | GSEL_DFTSS << 16;
	__asm__ volatile("lidt %0" : : "m" (r) : "memory");
}

/*
 * desc_init_cpu: loads this CPU's descriptor tables; curpcpu() works from here
 * on.  Once on each CPU, interrupts off.
 */
void
desc_init_cpu(struct pcpu *pc)
{
	struct tss *df = &pc->pc_machine.df_tss;

	pc->pc_self = pc;
	pc->pc_machine.main_tss.iomap = sizeof(struct tss);
	df->iomap = sizeof(struct tss);
	df->cr3 = hw_read_cr3();
	df->eip = (uint32_t)(vm_offset_t)double_fault_entry;
	df->esp = (uint32_t)pc->pc_machine.df_stack;
	df->eflags = 0x2;		/* a bit that is always set */
	df->cs = GSEL_CODE;
	df->ds = df->es = df->ss = df->gs = GSEL_DATA;
	df->fs = GSEL_PCPU;
	load_gdt(pc);
	load_idt();
}

/*
 * desc_set_cr3: copies this CPU's CR3 to its double-fault task: the switch to
 * that task loads CR3 from there.  To be called when the CPU has loaded other
 * page tables, which only the boot CPU does, once.  Interrupts off.
 */
void
desc_set_cr3(void)
{
	curpcpu()->pc_machine.df_tss.cr3 = hw_read_cr3();
}
