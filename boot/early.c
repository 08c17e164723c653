/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The code that runs with paging off, at physical addresses.  Owns the
 * bootstrap page tables.  early_gate() checks by CPUID that the CPU has what
 * the kernel needs; if not, it names each missing feature and ends the machine.
 * Compiled for the i486, because it must run on one.
 *
 * Invariant: nothing here refers to anything that is linked above KERNBASE.
 */

#include <stdbool.h>
#include <stdint.h>

#define	COM1		0x3f8
#define	MAX_POLLS	1000000u	/* about a second */
#define	VGA_LINE	160u	/* two lines of 80 */
#define	VGA_GREY	0x0700
#define	EXIT_PORT	0xf4	/* isa-debug-exit */
#define	EXIT_NOTHING	0x13	/* <sys/power.h> */
#define	PG_P_RW		0x003
#define	PG_PS		0x080
#define	NPDE		512u
#define	DMAP_PDES	384u	/* 768 MiB in 2 MB pages */
#define	IDENT_PDES	8u	/* 16 MiB, one to one: this code is in it */
#define	EFLAGS_ID	0x00200000u

uint64_t boot_pdpt[4] __attribute__((aligned(32)));
static uint64_t ident_pd[NPDE] __attribute__((aligned(4096)));
uint64_t boot_high_pd[NPDE] __attribute__((aligned(4096)));

static const struct {
	uint32_t bit;
	char name[16];
} wanted[] = {
	{ 1u << 0, "FPU" },
	{ 1u << 4, "TSC" },
	{ 1u << 5, "MSR" },
	{ 1u << 6, "PAE" },
	{ 1u << 8, "CMPXCHG8B" },
	{ 1u << 9, "local APIC" },
};

static inline void
outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a" (v), "Nd" (port));
}

static inline uint8_t
inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a" (v) : "Nd" (port));
	return (v);
}

/*
 * Prints to the serial port and to the screen, because a machine may have only
 * one of them.  A UART that is absent reads as ready; for one that never gets
 * ready this waits only once.  The message is at the top of the screen, on
 * blank lines.
 */
static void
early_puts(const char *s)
{
	static volatile uint16_t *vga = (volatile uint16_t *)0xb8000;
	static bool begun, stuck;
	uint32_t polls;

	if (!begun) {
		begun = true;
		outb(COM1 + 3, 0x80);	/* the divisor: 115,200 baud */
		outb(COM1, 1);
		outb(COM1 + 1, 0);
		outb(COM1 + 3, 0x03);	/* 8 bits, no parity; no interrupts */
		outb(COM1 + 1, 0);
		for (uint32_t i = 0; i < VGA_LINE; i++)
			vga[i] = VGA_GREY | ' ';
	}
	for (; *s != '\0'; s++) {
		polls = 0;
		while (!stuck && (inb(COM1 + 5) & 0x20) == 0)
			stuck = ++polls == MAX_POLLS;
		outb(COM1, (uint8_t)*s);
		if (*s >= ' ')
			*vga++ = (uint16_t)(VGA_GREY | (uint8_t)*s);
	}
}

static void __attribute__((__noreturn__))
early_end(void)
{
	early_puts("\r\n");
	outb(EXIT_PORT, EXIT_NOTHING);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* EFLAGS.ID can be flipped only where CPUID exists (SDM vol. 1, 20.1.2). */
static bool
has_cpuid(void)
{
	uint32_t before, after;

	__asm__ volatile("pushfl; popl %0; movl %0, %1; xorl %2, %1; "
	    "pushl %1; popfl; pushfl; popl %1"
	    : "=&r" (before), "=&r" (after) : "i" (EFLAGS_ID) : "cc");
	return (((before ^ after) & EFLAGS_ID) != 0);
}

/*
 * Maps the first 16 MiB one to one, and the first 768 MiB at KERNBASE, by 2 MB
 * pages.
 */
static void
build_tables(void)
{
	for (uint32_t i = 0; i < IDENT_PDES; i++)
		ident_pd[i] = ((uint64_t)i << 21) | PG_P_RW | PG_PS;
	for (uint32_t i = 0; i < DMAP_PDES; i++)
		boot_high_pd[i] = ((uint64_t)i << 21) | PG_P_RW | PG_PS;
	boot_pdpt[0] = (uintptr_t)ident_pd | 1;
	boot_pdpt[2] = (uintptr_t)boot_high_pd | 1;
}

void early_gate(void);

/*
 * early_gate: ends the machine with a message if the CPU lacks a feature that
 * the kernel needs; builds the bootstrap page tables if not.  Called by
 * start.asm, once, paging and interrupts off.
 */
void
early_gate(void)
{
	uint32_t eax, ebx, ecx, edx = 0;
	bool fit = true;

	if (has_cpuid()) {
		__asm__ volatile("cpuid" : "=a" (eax), "=b" (ebx), "=c" (ecx),
		    "=d" (edx) : "a" (1));
	}
	for (uint32_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (edx & wanted[i].bit)
			continue;
		early_puts(fit ? "mayfly: this CPU lacks " : ", ");
		early_puts(wanted[i].name);
		fit = false;
	}
	if (!fit)
		early_end();
	build_tables();
}
