/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_PCPU_H_
#define	_MACHINE_PCPU_H_

/*
 * What each CPU owns.  A CPU finds its own by %fs, whose segment's base is
 * its struct pcpu.  Who may write a field:
 *
 *	(o)	the owner, with interrupts off or so that it does not matter
 *	(a)	anyone, by locked instructions
 *	(t)	the owner, by the rules in vm/tlb.c
 *	(c)	counters, only ever added to, by the owner
 */

#include <sys/types.h>
#include <sys/sfstat.h>
#include <sys/thread.h>
#include <machine/ipi.h>

#define	MAXCPU		255

/*
 * The part of a CPU's pool of sf_buf slots that a miss is served from.
 * lock: (a); the rest: (o), or who has locked the pool.
 */
enum { SF_READY, SF_LOCKED, SF_FREE };	/* READY: free, and slots are ready */
struct sf_ready {
	volatile uint32_t lock;		/* of the pool: SF_READY and so on */
	volatile uint32_t left;		/* slots that are ready */
	volatile uint32_t last;		/* hint: they come after this one */
	volatile uint32_t end;		/* the last of them, once taken */
	volatile uint32_t bits;		/* of an entry: SF_PTE_NEW, _HELD */
};

struct sf_pool;
struct spinlock;
struct smp_call;
struct trapframe;

struct pcpu {
	struct pcpu *pc_self;
	struct thread *pc_curthread;		/* (o) */
	u_int pc_cpuid;
	u_int pc_apicid;
	struct spinlock *pc_held;		/* (o) the last taken first */
	uint32_t pc_saved_flags;	/* (o) EFLAGS before the first */
	u_int pc_intr_depth;			/* (o) handlers running */
	volatile uint32_t pc_need_resched;	/* (o) */
	struct thread *pc_switched_from;	/* (o) see sched_switched() */
	struct thread pc_idlethread;
	volatile uint32_t pc_online;		/* (o) 1 once it runs */
	volatile uint32_t pc_tlb;		/* (t) seen epoch and idle */
	volatile uint32_t pc_flush_wanted;	/* (a) an IPI_FLUSH is due */
	struct smp_call *volatile pc_call;	/* (a) for IPI_CALL */
	volatile uint32_t pc_ticks;		/* (o) clock interrupts */
	const struct trapframe *volatile pc_stopped; /* (o) by a panic, here */
	uint64_t pc_ipis_sent[IPI_NVERBS];	/* (c) */
	uint64_t pc_ipis_taken[IPI_NVERBS];	/* (c) */
	uint64_t pc_flushes;		/* (c) whole TLB, for any cause */
	uint64_t pc_switches;			/* (c) of threads */
	struct sf_buf_stats pc_sf;		/* (c) */
	uint32_t pc_sf_hits_seen;		/* (o) see carry_hits() */
	struct sf_pool *pc_sf_pool;		/* set at start */
	struct sf_ready pc_sf_ready;		/* sf_buf/sf_pool.c */
	volatile uint32_t pc_soft_masked;		/* (o) <machine/intr.h> */
	uint64_t pc_gdt[6];
	uint32_t pc_tss[2][26];			/* main, double fault */
	vm_offset_t pc_df_stack;		/* double fault's: its top */
};

_Static_assert(offsetof(struct pcpu, pc_curthread) == PC_CURTHREAD,
    "curthread() looks elsewhere");

extern struct pcpu *pcpus[MAXCPU];
extern u_int mp_ncpus;			/* CPUs that run */

/*
 * The pcpu of the CPU that this runs on now: good as long as the caller
 * cannot migrate.
 */
static inline struct pcpu *
curpcpu(void)
{
	struct pcpu *pc;

	__asm__ volatile("movl %%fs:0, %0" : "=r" (pc));
	return (pc);
}

static inline u_int
curcpu_id(void)
{
	u_int id;

	__asm__ volatile("movl %%fs:%c1, %0" : "=r" (id) :
	    "i" (offsetof(struct pcpu, pc_cpuid)));
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

/* The same of the low half only; somebody has to carry. */
#define	PCPU_COUNT_LOW(field)						\
	__asm__ volatile("addl $1, %%fs:%c0" : :			\
	    "i" (offsetof(struct pcpu, field)) : "memory", "cc")

/* Adds n, of 32 bits, to such a counter, with the carry. */
#define	PCPU_ADD(field, n)						\
	__asm__ volatile("addl %2, %%fs:%c0; adcl $0, %%fs:%c1" : :	\
	    "i" (offsetof(struct pcpu, field)),				\
	    "i" (offsetof(struct pcpu, field) + 4), "r" (n)		\
	    : "memory", "cc")

/*
 * A field, of 4 bytes, of the CPU that this runs on, in one instruction: right
 * as long as the caller cannot migrate.
 */
#define	PCPU_LOAD(field) __extension__({				\
	__typeof__(((struct pcpu *)0)->field + 0) p_;			\
									\
	__asm__ volatile("movl %%fs:%c1, %0" : "=r" (p_) :		\
	    "i" (offsetof(struct pcpu, field)));			\
	p_;								\
})

#define	PCPU_STORE(field, v)						\
	__asm__ volatile("movl %1, %%fs:%c0" : :			\
	    "i" (offsetof(struct pcpu, field)), "ri" (v) : "memory")

/* Takes v away from a field; true if something is left. */
#define	PCPU_SUB(field, v) __extension__({				\
	bool left_;							\
									\
	__asm__ volatile("subl %2, %%fs:%c1" : "=@ccnz" (left_) :	\
	    "i" (offsetof(struct pcpu, field)), "ri" (v) : "memory");	\
	left_;								\
})

/* Whether a field is v. */
#define	PCPU_IS(field, v) __extension__({				\
	bool is_;							\
									\
	__asm__ volatile("cmpl %2, %%fs:%c1" : "=@cce" (is_) :		\
	    "i" (offsetof(struct pcpu, field)), "ri" (v));		\
	is_;								\
})

/* Whether any bit of mask is set in a field, or in its low word. */
#define	PCPU_TEST(field, mask) __extension__({				\
	bool set_;							\
									\
	__asm__ volatile("testl %2, %%fs:%c1" : "=@ccnz" (set_) :	\
	    "i" (offsetof(struct pcpu, field)), "i" (mask));		\
	set_;								\
})

#endif /* !_MACHINE_PCPU_H_ */
