/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_PCPU_H_
#define	_MACHINE_PCPU_H_

/*
 * The hardware's share of struct pcpu, and a CPU's way to its own: by %fs,
 * whose segment starts at its struct pcpu.
 */

#ifndef _SYS_PCPU_H_
#error "include <sys/pcpu.h>, which includes this"
#endif

#include <sys/types.h>
#include <machine/curthread.h>
#include <machine/desc.h>

#define	MAXCPU		255	/* as many as 8-bit APIC ids can name */

/* All set before the CPU runs; by the CPU itself but for the stack. */
struct machine_pcpu {
	u_int apicid;
	uint64_t gdt[NGDT];
	struct tss main_tss;		/* the task that everything runs in */
	struct tss df_tss;		/* the double-fault task */
	vm_offset_t df_stack;		/* its stack: the top */
};

/* Offsets in struct pcpu. */
#define	PC_SELF		0
#define	PC_CPUID	(2 * sizeof(void *))

/*
 * curpcpu: the pcpu of the CPU that this runs on now: right as long as the
 * caller cannot migrate.
 */
static inline struct pcpu *
curpcpu(void)
{
	struct pcpu *pc;

	__asm__ volatile("movl %%fs:%c1, %0" : "=r" (pc) : "i" (PC_SELF));
	return (pc);
}

/* curcpu_id: its number, in one instruction. */
static inline u_int
curcpu_id(void)
{
	u_int id;

	__asm__ volatile("movl %%fs:%c1, %0" : "=r" (id) : "i" (PC_CPUID));
	return (id);
}

/*
 * Adds 1 to a 64-bit counter of whatever CPU this runs on.  A move to another
 * CPU between the two instructions puts the carry there, where it counts as
 * much: only sums over the CPUs are ever read.
 */
#define	PCPU_COUNT(field)						\
	__asm__ volatile("addl $1, %%fs:%c0; adcl $0, %%fs:%c1" : :	\
	    "i" (offsetof(struct pcpu, field)),				\
	    "i" (offsetof(struct pcpu, field) + 4) : "memory", "cc")

/* Adds 1 to the low 32 bits only; sf_buf_tick() carries into the high half. */
#define	PCPU_COUNT_LOW(field)						\
	__asm__ volatile("addl $1, %%fs:%c0" : :			\
	    "i" (offsetof(struct pcpu, field)) : "memory", "cc")

/* Adds n, of 32 bits, to a 64-bit counter, with the carry. */
#define	PCPU_ADD(field, n)						\
	__asm__ volatile("addl %2, %%fs:%c0; adcl $0, %%fs:%c1" : :	\
	    "i" (offsetof(struct pcpu, field)),				\
	    "i" (offsetof(struct pcpu, field) + 4), "r" (n)		\
	    : "memory", "cc")

/*
 * Reads a field, of 4 bytes, of the CPU that this runs on, in one
 * instruction: right as long as the caller cannot migrate.
 */
#define	PCPU_LOAD(field) __extension__({				\
	__typeof__(((struct pcpu *)0)->field + 0) p_;			\
									\
	__asm__ volatile("movl %%fs:%c1, %0" : "=r" (p_) :		\
	    "i" (offsetof(struct pcpu, field)));			\
	p_;								\
})

/* Writes such a field in one instruction. */
#define	PCPU_STORE(field, v)						\
	__asm__ volatile("movl %1, %%fs:%c0" : :			\
	    "i" (offsetof(struct pcpu, field)), "ri" (v) : "memory")

/* Subtracts v from a field; true if the result is not 0. */
#define	PCPU_SUB(field, v) __extension__({				\
	bool left_;							\
									\
	__asm__ volatile("subl %2, %%fs:%c1" : "=@ccnz" (left_) :	\
	    "i" (offsetof(struct pcpu, field)), "ri" (v) : "memory");	\
	left_;								\
})

/* True if a field equals v. */
#define	PCPU_IS(field, v) __extension__({				\
	bool is_;							\
									\
	__asm__ volatile("cmpl %2, %%fs:%c1" : "=@cce" (is_) :		\
	    "i" (offsetof(struct pcpu, field)), "ri" (v));		\
	is_;								\
})

/* True if any bit of mask is set in a field, or in its low 32 bits. */
#define	PCPU_TEST(field, mask) __extension__({				\
	bool set_;							\
									\
	__asm__ volatile("testl %2, %%fs:%c1" : "=@ccnz" (set_) :	\
	    "i" (offsetof(struct pcpu, field)), "i" (mask));		\
	set_;								\
})

#endif /* !_MACHINE_PCPU_H_ */
