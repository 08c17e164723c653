/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_PCPU_H_
#define	_SYS_PCPU_H_

/*
 * What each CPU owns, and the table of the CPUs.  <machine/pcpu.h> has the
 * hardware's share, and the accesses of a CPU to its own structure: curpcpu(),
 * curcpu_id() and PCPU_*().  Who may write a field:
 *
 *	(o)	the owner; with interrupts off, unless an interrupt in
 *		between does no harm
 *	(a)	any CPU, by locked instructions
 *	(t)	the owner, by the rules in vm/tlb.c; interrupts off
 *	(c)	a counter, to which only the owner adds
 *	(s)	set once, at start
 */

#include <sys/types.h>
#include <sys/sfstat.h>
#include <sys/thread.h>
#include <machine/ipi.h>
#include <machine/pcpu.h>

/*
 * What a miss is served from: sf_buf/ready.c.  pool_state: (a), the lock of
 * the CPU's pool; the other fields: (o), or the holder of that lock.  Slots are
 * named by sf_addr().
 */
enum { POOL_FREE_WITH_READY, POOL_LOCKED, POOL_FREE };
struct sf_ready {
	volatile uint32_t pool_state;
	volatile uint32_t nleft;	/* slots that are still ready */
	volatile uint32_t before_first;	/* the slot before them */
	volatile uint32_t last_taken;	/* the last of them, once taken */
};

/* What address spaces cost: the monitor's command pmap prints the sums. */
struct pmap_stats {
	uint64_t switches;	/* loads of a task's tables */
	uint64_t spared;	/* they were loaded, and nothing was lost */
	uint64_t owed;		/* of switches: as that, but rights were */
	uint64_t entered;	/* entries made present */
	uint64_t removed;	/* and not present */
	uint64_t flushes;	/* calls of pmap_flush() */
	uint64_t forced;	/* of them, that interrupted other CPUs */
};

struct pmap;
struct sf_pool;
struct spinlock;
struct smp_call;
struct trapframe;

struct pcpu {
	struct pcpu *pc_self;			/* (s) */
	struct thread *pc_curthread;		/* (o) */
	u_int pc_cpuid;			/* (s) its index in pcpus[] */
	struct spinlock *pc_held;	/* (o) locks, the last taken first */
	uint32_t pc_saved_flags;	/* (o) EFLAGS before the first lock */
	u_int pc_intr_depth;			/* (o) handlers running */
	volatile uint32_t pc_need_resched;	/* (o) */
	struct thread *pc_switched_from;	/* (o) see sched_switched() */
	struct thread pc_idlethread;
	volatile uint32_t pc_online;		/* (o) 1 once it runs */
	volatile uint32_t pc_tlb;		/* (t) seen epoch and idle */
	volatile uint32_t pc_flush_wanted;	/* (a) an IPI_FLUSH is due */
	struct pmap *pc_pmap;		/* (t) tables it has; NULL: kernel's */
	uint32_t pc_pmap_gen;		/* (t) losses that it has flushed */
	volatile uintptr_t pc_runs;	/* (o) struct pmap * of its thread */
	struct smp_call *volatile pc_call;	/* (a) for IPI_CALL */
	volatile uint32_t pc_ticks;		/* (o) clock interrupts */
	const struct trapframe *volatile pc_stopped; /* (o) by panic */
	uint64_t pc_ipis_sent[IPI_NVERBS];	/* (c) */
	uint64_t pc_ipis_taken[IPI_NVERBS];	/* (c) */
	uint64_t pc_flushes;		/* (c) whole TLB, for any cause */
	uint64_t pc_switches;			/* (c) of threads */
	struct pmap_stats pc_user;		/* (c) */
	struct sf_buf_stats pc_sf;		/* (c) */
	uint32_t pc_sf_hits_seen;		/* (o) see carry_hits() */
	struct sf_pool *pc_sf_pool;		/* (s) */
	struct sf_ready pc_sf_ready;		/* sf_buf/ready.c */
	volatile uint32_t pc_soft_masked;	/* (o) <machine/intr.h> */
	struct machine_pcpu pc_machine;		/* (s) the hardware's share */
};

_Static_assert(offsetof(struct pcpu, pc_self) == PC_SELF &&
    offsetof(struct pcpu, pc_curthread) == PC_CURTHREAD &&
    offsetof(struct pcpu, pc_cpuid) == PC_CPUID,
    "<machine/pcpu.h> and <machine/curthread.h> look elsewhere");

/*
 * The CPUs, by their numbers, of which mp_ncpus run.  CPUs are only ever
 * added, at start: arch/i386/smp/cpus.c.
 */
extern struct pcpu *pcpus[MAXCPU];
extern u_int mp_ncpus;

#endif /* !_SYS_PCPU_H_ */
