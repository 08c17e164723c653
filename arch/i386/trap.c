/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Descriptor tables and exceptions.  Owns the GDT, the IDT and two tasks:
 * the one that everything runs in, and the double-fault task, which has a
 * stack of its own, for the usual cause is that there is none left.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/trap.h>

#define	GSEL_CODE	0x08
#define	GSEL_DATA	0x10
#define	GSEL_TSS	0x18
#define	GSEL_DFTSS	0x20
#define	T_DOUBLEFLT	8
#define	T_PAGEFLT	14
#define	NTRAPS		32
#define	DF_STACK	4096

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

extern const uint32_t trap_stubs[NTRAPS];
void	double_fault_entry(void);
void	double_fault(void) __dead2;

static uint64_t gdt[5];
static uint64_t idt[NTRAPS];
static struct tss main_tss, df_tss;
static uint8_t df_stack[DF_STACK] __attribute__((aligned(16)));

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
load_gdt(void)
{
	struct region r = { sizeof(gdt) - 1, (uint32_t)(vm_offset_t)gdt };

	gdt[1] = descriptor(0, 0xfffff, 0x9a, 0xc);
	gdt[2] = descriptor(0, 0xfffff, 0x92, 0xc);
	gdt[3] = descriptor((uint32_t)(vm_offset_t)&main_tss,
	    sizeof(main_tss) - 1, 0x89, 0);
	gdt[4] = descriptor((uint32_t)(vm_offset_t)&df_tss,
	    sizeof(df_tss) - 1, 0x89, 0);
	__asm__ volatile("lgdt %0; ljmp %1, $1f; 1: movl %2, %%ds; "
	    "movl %2, %%es; movl %2, %%ss; movl %2, %%fs; movl %2, %%gs; "
	    "ltr %w3" : : "m" (r), "i" (GSEL_CODE), "r" (GSEL_DATA),
	    "r" (GSEL_TSS) : "memory");
}

static void
load_idt(void)
{
	struct region r = { sizeof(idt) - 1, (uint32_t)(vm_offset_t)idt };

	for (u_int i = 0; i < NTRAPS; i++)
		idt[i] = (uint64_t)((trap_stubs[i] & 0xffff0000) | 0x8e00) <<
		    32 | GSEL_CODE << 16 | (trap_stubs[i] & 0xffff);
	idt[T_DOUBLEFLT] = (uint64_t)0x8500 << 32 | GSEL_DFTSS << 16;
	__asm__ volatile("lidt %0" : : "m" (r) : "memory");
}

/* trap_init: once, when the final page tables are loaded. */
void
trap_init(void)
{
	main_tss.iomap = df_tss.iomap = sizeof(struct tss);
	df_tss.cr3 = hw_read_cr3();
	df_tss.eip = (uint32_t)(vm_offset_t)double_fault_entry;
	df_tss.esp = (uint32_t)(vm_offset_t)(df_stack + DF_STACK);
	df_tss.eflags = 0x2;
	df_tss.cs = GSEL_CODE;
	df_tss.ds = df_tss.es = df_tss.ss = df_tss.fs = df_tss.gs = GSEL_DATA;
	load_gdt();
	load_idt();
}

/* The task switch left the state of the fault in the other TSS. */
void
double_fault(void)
{
	panic("double fault at %p, esp %p (stack overflow?), cr2 %p",
	    (void *)(vm_offset_t)main_tss.eip,
	    (void *)(vm_offset_t)main_tss.esp, (void *)(vm_offset_t)rcr2());
}

void
trap(struct trapframe *tf)
{
	const char *name = tf->trapno < NTRAPS && names[tf->trapno] != NULL ?
	    names[tf->trapno] : "trap";

	printf("eip %08x eflags %08x eax %08x ebx %08x ecx %08x edx %08x\n"
	    "esi %08x edi %08x ebp %08x\n", tf->eip, tf->eflags, tf->eax,
	    tf->ebx, tf->ecx, tf->edx, tf->esi, tf->edi, tf->ebp);
	if (tf->trapno == T_PAGEFLT)
		panic("page fault at %p: %s of %p, %s (error code 0x%x)",
		    (void *)(vm_offset_t)tf->eip, (tf->err & 0x10) != 0 ?
		    "execution" : (tf->err & 2) != 0 ? "write" : "read",
		    (void *)(vm_offset_t)rcr2(), (tf->err & 1) != 0 ?
		    "not allowed" : "not present", tf->err);
	panic("%s at %p (error code 0x%x)", name,
	    (void *)(vm_offset_t)tf->eip, tf->err);
}
