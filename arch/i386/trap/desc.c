/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Descriptor tables.  Owns the IDT, which all CPUs share, and for each CPU a
 * GDT and two tasks of the hardware: the one that everything runs in, and the
 * double-fault task, which has a stack of its own, because the usual cause of a
 * double fault is that the stack is used up.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/abi/call.h>
#include <machine/desc.h>
#include <machine/hw.h>
#include <machine/trap.h>

#define	SEG_CODE	0x9a		/* present, execute and read */
#define	SEG_DATA	0x92		/* present, read and write */
#define	SEG_USER	0x60		/* DPL 3 */
#define	SEG_TSS		0x89		/* present, 32 bits, not busy */
#define	SEG_BIG		0xc		/* limit in pages, 32 bits */
#define	GATE_INTR	0x8e00		/* present, turns interrupts off */
#define	GATE_USER	0x6000		/* DPL 3: ring 3 may INT to it */
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
set(struct machine_pcpu *m, u_int sel, const void *start, uint32_t access)
{
	m->gdt[GDT_ENTRY(sel)] = access == SEG_TSS ?
	    descriptor(start, sizeof(struct tss) - 1, access, 0) :
	    descriptor(start, 0xfffff, access, SEG_BIG);
}

/*
 * There is no LDT: as a reset leaves it, that would be at address 0, which a
 * task may map (SDM vol. 3A, table 9-1).
 */
static void
load_gdt(struct pcpu *pc)
{
	struct machine_pcpu *m = &pc->pc_machine;
	struct region r = { sizeof(m->gdt) - 1,
	    (uint32_t)(vm_offset_t)m->gdt };

	set(m, GSEL_CODE, NULL, SEG_CODE);
	set(m, GSEL_DATA, NULL, SEG_DATA);
	set(m, GSEL_UCODE, NULL, SEG_CODE | SEG_USER);
	set(m, GSEL_UDATA, NULL, SEG_DATA | SEG_USER);
	set(m, GSEL_TSS, &m->main_tss, SEG_TSS);
	set(m, GSEL_DFTSS, &m->df_tss, SEG_TSS);
	set(m, GSEL_PCPU, pc, SEG_DATA);
	desc_set_base(&m->gdt[GDT_ENTRY(GSEL_TLS)], 0);
	desc_set_base(&m->gdt[GDT_ENTRY(GSEL_BLOCK)], 0);
	__asm__ volatile("lgdt %0; ljmp %1, $1f; 1: movl %2, %%ds; "
	    "movl %2, %%es; movl %2, %%ss; movl %2, %%gs; movl %4, %%fs; "
	    "ltr %w3; lldt %w5" : : "m" (r), "i" (GSEL_CODE), "r" (GSEL_DATA),
	    "r" (GSEL_TSS), "r" (GSEL_PCPU), "r" (0) : "memory");
}

/*
 * Ring 3 may use the gates of INT3 and INTO, the gate of calls, and INT 0x80,
 * which is given back to the task.  By any other it gets a #GP.
 */
static uint32_t
gate(u_int vector)
{
	return (vector == T_BREAKPOINT || vector == T_OVERFLOW ||
	    vector == T_INT80 || vector == CALL_VECTOR ?
	    GATE_INTR | GATE_USER : GATE_INTR);
}

/* The boot CPU, which is the first, fills the table. */
static void
load_idt(void)
{
	struct region r = { NVECTORS * sizeof(idt[0]) - 1,
	    (uint32_t)(vm_offset_t)idt };

	for (u_int i = 0; i < NVECTORS && curcpu_id() == 0; i++)
		idt[i] = (uint64_t)((trap_stubs[i] & 0xffff0000) | gate(i))
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
	/* Ring 3 may use no I/O port: the bit map lies beyond the limit. */
	pc->pc_machine.main_tss.iomap = sizeof(struct tss);
	pc->pc_machine.main_tss.ss0 = GSEL_DATA;
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
