/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_PCPU_H_
#define	_MACHINE_PCPU_H_

/*
 * What each CPU owns.  A CPU finds its own by %fs, whose segment's base is
 * its struct pcpu; only the owner writes it, but for the fields marked (a),
 * which are changed by locked instructions.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>

#define	MAXCPU		255

struct cpuset {
	volatile uint32_t bits[(MAXCPU + 31) / 32];
};

/* What a CPU may be asked to do by an interrupt. */
enum ipi_verb {
	IPI_INVLPG,		/* drop the translation of one page */
	IPI_WORK,		/* run what pc_work says, in its main loop */
	IPI_NVERBS
};

struct pcpu {
	struct pcpu *pc_self;
	u_int pc_cpuid;
	u_int pc_apicid;
	u_int pc_spin_nest;		/* spin locks held */
	uint32_t pc_saved_flags;	/* EFLAGS before the first of them */
	u_int pc_intr_depth;		/* interrupt handlers running */
	volatile uint32_t pc_online;
	void (*volatile pc_work)(void *); /* (a) NULL: none */
	void *volatile pc_work_arg;
	vm_offset_t pc_inval_va;	/* what it asks others to drop */
	struct cpuset pc_pending;	/* (a) who has yet to drop it */
	struct cpuset pc_requests;	/* (a) who asks this CPU */
	uint64_t pc_ipis_sent[IPI_NVERBS];
	uint64_t pc_ipis_taken[IPI_NVERBS];
	struct sf_buf_stats pc_sf;
	uint64_t pc_gdt[6];
	uint32_t pc_tss[2][26];		/* main, double fault */
	uint8_t pc_df_stack[4096] __attribute__((aligned(16)));
};

extern struct pcpu *pcpus[MAXCPU];
extern u_int mp_ncpus;			/* CPUs that run */

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
	return (curpcpu()->pc_cpuid);
}

#define	CPU_BIT(n)		(1u << ((n) % 32))
#define	CPU_ISSET(n, s)		(((s)->bits[(n) / 32] & CPU_BIT(n)) != 0)
#define	CPU_SET_ATOMIC(n, s)						\
	__atomic_fetch_or(&(s)->bits[(n) / 32], CPU_BIT(n), __ATOMIC_SEQ_CST)
#define	CPU_CLR_ATOMIC(n, s)						\
	__atomic_fetch_and(&(s)->bits[(n) / 32], ~CPU_BIT(n), __ATOMIC_SEQ_CST)

#endif /* !_MACHINE_PCPU_H_ */
