/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Descriptor tables and exceptions.  Owns the GDT, the IDT and for each
 * CPU two tasks: the one that everything runs in, and the double-fault task,
 * which has a stack of its own, for the usual cause is that there is none
 * left.
 */

#include <sys/types.h>
#include <sys/ksym.h>
#include <sys/panic.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/ioapic.h>
#include <machine/ipi.h>
#include <machine/lapic.h>
#include <machine/nmi.h>
#include <machine/pcpu.h>
#include <machine/trap.h>
#include <vm/tlb.h>

#define	GSEL_CODE	0x08
#define	GSEL_DATA	0x10
#define	GSEL_TSS	0x18
#define	GSEL_DFTSS	0x20
#define	GSEL_PCPU	0x28
#define	T_DEBUG		1
#define	T_NMI		2
#define	T_DOUBLEFLT	8
#define	T_PAGEFLT	14
#define	NTRAPS		32
#define	NVECTORS	256

struct tss {			/* SDM vol. 3A, figure 7-2 */
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2;
	uint32_t cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt, iomap;
};
_Static_assert(sizeof(struct tss) == 104, "TSS");

struct region {
	uint16_t limit;
	uint32_t base;
} __attribute__((packed));

extern const uint32_t trap_stubs[NVECTORS];
void	double_fault_entry(void);
void	double_fault(void) __dead2;

static uint64_t idt[NVECTORS];
void (*trap_step)(const struct trapframe *tf);

static const char *const names[NTRAPS] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow",
	"bound range", "invalid opcode", "no FPU", "double fault",
	"coprocessor overrun", "invalid TSS", "segment not present",
	"stack fault", "general protection", "page fault", "reserved",
	"FPU error", "alignment check", "machine check", "SIMD error",
};

/* A segment or TSS descriptor (SDM vol. 3A, figure 3-8). */
static uint64_t
descriptor(uint32_t base, uint32_t limit, uint32_t access, uint32_t flags)
{
	return ((uint64_t)((base & 0xff000000) | flags << 20 |
	    (limit & 0xf0000) | access << 8 | (base >> 16 & 0xff)) << 32 |
	    (base << 16 | (limit & 0xffff)));
}

static void
load_gdt(struct pcpu *pc)
{
	uint64_t *gdt = pc->pc_gdt;
	struct region r = { sizeof(pc->pc_gdt) - 1,
	    (uint32_t)(vm_offset_t)gdt };

	gdt[1] = descriptor(0, 0xfffff, 0x9a, 0xc);
	gdt[2] = descriptor(0, 0xfffff, 0x92, 0xc);
	gdt[3] = descriptor((uint32_t)(vm_offset_t)pc->pc_tss[0],
	    sizeof(struct tss) - 1, 0x89, 0);
	gdt[4] = descriptor((uint32_t)(vm_offset_t)pc->pc_tss[1],
	    sizeof(struct tss) - 1, 0x89, 0);
	gdt[5] = descriptor((uint32_t)(vm_offset_t)pc, 0xfffff, 0x92, 0xc);
	__asm__ volatile("lgdt %0; ljmp %1, $1f; 1: movl %2, %%ds; "
	    "movl %2, %%es; movl %2, %%ss; movl %2, %%gs; movl %4, %%fs; "
	    "ltr %w3" : : "m" (r), "i" (GSEL_CODE), "r" (GSEL_DATA),
	    "r" (GSEL_TSS), "r" (GSEL_PCPU) : "memory");
}

static void
load_idt(void)
{
	struct region r = { sizeof(idt) - 1, (uint32_t)(vm_offset_t)idt };

	for (u_int i = 0; i < NVECTORS && curcpu_id() == 0; i++)
		idt[i] = (uint64_t)((trap_stubs[i] & 0xffff0000) | 0x8e00)
		    << 32 | GSEL_CODE << 16 | (trap_stubs[i] & 0xffff);
	idt[T_DOUBLEFLT] = (uint64_t)0x8500 << 32 | GSEL_DFTSS << 16;
	__asm__ volatile("lidt %0" : : "m" (r) : "memory");
}

/*
 * trap_init_cpu: this CPU's descriptor tables, and from here on curpcpu().
 * Once on each CPU, interrupts off, when the final page tables are loaded.
 */
void
trap_init_cpu(void *pcpu)
{
	struct pcpu *pc = pcpu;
	struct tss *df = (struct tss *)pc->pc_tss[1];

	pc->pc_self = pc;
	((struct tss *)pc->pc_tss[0])->iomap = sizeof(struct tss);
	df->iomap = sizeof(struct tss);
	df->cr3 = hw_read_cr3();
	df->eip = (uint32_t)(vm_offset_t)double_fault_entry;
	df->esp = (uint32_t)pc->pc_df_stack;
	df->eflags = 0x2;
	df->cs = GSEL_CODE;
	df->ds = df->es = df->ss = df->gs = GSEL_DATA;
	df->fs = GSEL_PCPU;
	load_gdt(pc);
	load_idt();
}

/* The task switch left the state of the fault in the other TSS. */
void
double_fault(void)
{
	struct pcpu *pc = curpcpu();
	const struct tss *tss = (const struct tss *)pc->pc_tss[0];
	static struct trapframe tf;	/* the first panic's only */
	char where[KSYM_STRLEN];

	tf = (struct trapframe){ .edi = tss->edi, .esi = tss->esi,
	    .ebp = tss->ebp, .ebx = tss->ebx, .edx = tss->edx,
	    .ecx = tss->ecx, .eax = tss->eax, .trapno = T_DOUBLEFLT,
	    .eip = tss->eip, .cs = tss->cs, .eflags = tss->eflags };
	panic_frame(&tf, "double fault at %s, esp %p (stack overflow of %s?), "
	    "cr2 %p", ksym_format(tss->eip, where),
	    (void *)(vm_offset_t)tss->esp, pc->pc_curthread->td_name,
	    (void *)(vm_offset_t)rcr2());
}

static void __dead2
page_fault(struct trapframe *tf)
{
	vm_offset_t va = rcr2();
	char where[KSYM_STRLEN];

	sf_buf_describe_fault(va);
	panic_frame(tf, "page fault at %s: %s of %p, %s (error code 0x%x)",
	    ksym_format(tf->eip, where), (tf->err & 0x10) != 0 ?
	    "execution" : (tf->err & 2) != 0 ? "write" : "read", (void *)va,
	    (tf->err & 1) != 0 ? "not allowed" : "not present", tf->err);
}

static void
exception(struct trapframe *tf)
{
	char where[KSYM_STRLEN];

	if (tf->trapno == T_NMI && nmi_handle(tf))
		return;
	if (tf->trapno == T_DEBUG && trap_step != NULL) {
		trap_step(tf);
		return;
	}
	if (tf->trapno == T_PAGEFLT)
		page_fault(tf);
	panic_frame(tf, "%s at %s (error code 0x%x)",
	    tf->trapno < NTRAPS && names[tf->trapno] != NULL ?
	    names[tf->trapno] : "trap", ksym_format(tf->eip, where), tf->err);
}

static void
interrupt(u_int vector)
{
	struct pcpu *pc = curpcpu();

	if (vector == VECTOR_SPURIOUS)
		return;		/* takes no EOI (SDM vol. 3A 10.9) */
	pc->pc_intr_depth++;
	lapic_eoi();
	if (vector == VECTOR_CLOCK)
		clock_intr();
	else if (vector >= VECTOR_IPI && vector < VECTOR_IPI + IPI_NVERBS)
		ipi_handle((enum ipi_verb)(vector - VECTOR_IPI));
	else if (vector >= VECTOR_ISA && vector < VECTOR_ISA + ISA_IRQS)
		isa_intr(vector - VECTOR_ISA);
	else
		panic("interrupt on vector 0x%x, which nobody has", vector);
	pc->pc_intr_depth--;
	if (pc->pc_need_resched != 0)
		sched_preempt();
}

/*
 * An interrupt came while the CPU holds them off: turns them off in what it
 * goes back to, so that there is one at most, and leaves it for
 * intr_deliver_deferred().  The local APIC still has it in service.
 */
static void
defer_interrupt(struct pcpu *pc, struct trapframe *tf)
{
	pc->pc_soft_masked |= INTR_DEFERRED(tf->trapno);
	tf->eflags &= ~EFLAGS_IF;
}

/*
 * intr_deliver_deferred: takes the interrupt that came meanwhile, with a frame as if it
 * came now, which turns interrupts on.  It may pre-empt, and end on another
 * CPU.  Interrupts off.
 */
void
intr_deliver_deferred(void)
{
	struct pcpu *pc = curpcpu();
	uint32_t vector = pc->pc_soft_masked >> 8;

	pc->pc_soft_masked = 0;
	trap_again(vector);
}

/*
 * trap: every exception and interrupt, on the stack of whom it interrupted;
 * interrupts are off.  A CPU found idle leaves idle here, before anything
 * that may touch an sf_buf (tlb.c).
 */
void
trap(struct trapframe *tf)
{
	if ((curpcpu()->pc_tlb & TLB_IDLE) != 0) {
		tlb_leave_idle();
		clock_start();
	}
	if (tf->trapno < NTRAPS)
		exception(tf);
	else if (curpcpu()->pc_soft_masked != 0)
		defer_interrupt(curpcpu(), tf);
	else
		interrupt(tf->trapno);
}
