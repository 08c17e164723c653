/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CPUFUNC_H_
#define	_MACHINE_CPUFUNC_H_

/* One inline function for each privileged instruction that C needs. */

#include <sys/types.h>

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

static inline void
outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a" (v), "Nd" (port));
}

static inline uint16_t
inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a" (v) : "Nd" (port));
	return (v);
}

static inline void
do_cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__ volatile("cpuid" : "=a" (r[0]), "=b" (r[1]), "=c" (r[2]),
	    "=d" (r[3]) : "a" (leaf), "c" (0));
}

static inline uint64_t
rdmsr(uint32_t msr)
{
	uint64_t v;

	__asm__ volatile("rdmsr" : "=A" (v) : "c" (msr));
	return (v);
}

static inline void
wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c" (msr), "A" (v) : "memory");
}

static inline uint32_t
rcr2(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr2, %0" : "=r" (v));
	return (v);
}

static inline uint32_t
rcr0(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr0, %0" : "=r" (v));
	return (v);
}

static inline void
load_cr0(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr0" : : "r" (v) : "memory");
}

static inline uint32_t
rcr4(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr4, %0" : "=r" (v));
	return (v);
}

static inline void
load_cr4(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr4" : : "r" (v) : "memory");
}

/* The address of the first breakpoint (SDM vol. 3B 17.2). */
static inline void
load_dr0(vm_offset_t va)
{
	__asm__ volatile("movl %0, %%dr0" : : "r" (va));
}

/* Sets which breakpoints are on, and which accesses they stop. */
static inline void
load_dr7(uint32_t v)
{
	__asm__ volatile("movl %0, %%dr7" : : "r" (v) : "memory");
}

/*
 * Sleeps until an interrupt; on return they are on.  STI takes effect after
 * the instruction that follows it (SDM vol. 2, STI): none is lost between.
 */
static inline void
cpu_idle(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

/* The address of this instruction, by which a lock names its holder. */
static inline const void *
cpu_here(void)
{
	const void *pc;

	__asm__ volatile("movl $., %0" : "=r" (pc));
	return (pc);
}

/* In the loop of a wait for another CPU (SDM vol. 2, PAUSE). */
static inline void
cpu_spinwait(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void
cpu_halt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

#endif /* !_MACHINE_CPUFUNC_H_ */
