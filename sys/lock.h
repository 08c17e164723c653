/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_LOCK_H_
#define	_SYS_LOCK_H_

/*
 * Spin locks and mutexes.  A spin lock keeps interrupts off from the
 * outermost spin_lock() to its spin_unlock(); its holder never sleeps.  The
 * holder of a mutex may sleep.  Both know their holder's call site.
 *
 * A thread takes locks in the order of their ranks, so that no two can wait
 * for each other in a circle; builds with DEBUG panic when one does not.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>

/* The order of acquisition: whoever holds one takes only later ones. */
enum lock_rank {
	RANK_MUTEX,		/* tests' and users' mutexes: */
	RANK_MUTEX_INNER,	/*	two steps are enough so far */
	RANK_WATCHDOG,		/* what the watchdog saw */
	RANK_THREADS,		/* the list of all threads */
	RANK_SF_WAITERS,	/* who waits for an sf_buf */
	RANK_MALLOC,
	RANK_KVA,		/* kernel address arenas */
	RANK_PAGE,		/* free pages */
	RANK_SLEEPQ,		/* a chain of sleep queues */
	RANK_TIMEOUT,		/* a CPU's timeouts */
	RANK_RUNQ,		/* a CPU's run queue */
	RANK_DEVICE,		/* an I/O APIC, the console's input */
	RANK_CONSOLE		/* printf() works under every other */
};

struct spinlock {
	volatile uint32_t owner;	/* 0, or the holder's number plus 1 */
	enum lock_rank rank;
	const char *name;
	const void *where;	/* the holder's call of spin_lock() */
	struct spinlock *next;	/* of those that the same CPU holds */
};

#define	SPINLOCK_INITIALIZER(n, r)	{ .name = (n), .rank = (r) }

void	spin_init(struct spinlock *l, const char *name, enum lock_rank rank);
bool	spin_trylock(struct spinlock *l);
u_int	spin_held(void);		/* by this CPU; thread context */

/* Of the inline functions below: the contended and the broken cases. */
void	spin_wait(struct spinlock *l);
void	spin_unlist(struct pcpu *pc, struct spinlock *l);
void	spin_check_order(const struct pcpu *pc, const struct spinlock *l);

/*
 * spin_lock: any context but NMI; never sleeps; not recursive.  Interrupts
 * are off from here to the last spin_unlock() of this CPU.
 */
static inline void
spin_lock(struct spinlock *l)
{
	uint32_t flags = intr_save();
	struct pcpu *pc = curpcpu();

#ifdef DEBUG
	spin_check_order(pc, l);
#endif
	if (!atomic_cmpset_32(&l->owner, 0, pc->pc_cpuid + 1))
		spin_wait(l);
	if (pc->pc_held == NULL)
		pc->pc_saved_flags = flags;
	l->where = cpu_here();
	l->next = pc->pc_held;
	pc->pc_held = l;
}

/*
 * spin_unlock: gives back what this CPU took, nearly always the last; any
 * context but NMI.
 */
static inline void
spin_unlock(struct spinlock *l)
{
	struct pcpu *pc = curpcpu();

	if (__builtin_expect(pc->pc_held == l, 1))
		pc->pc_held = l->next;
	else
		spin_unlist(pc, l);
	atomic_store_rel_32(&l->owner, 0);
	if (pc->pc_held == NULL)
		intr_restore(pc->pc_saved_flags);
}

struct thread;

struct mtx {
	volatile uintptr_t owner;	/* struct thread *, and 1: contested */
	enum lock_rank rank;
	const char *name;
	const void *where;		/* the owner's call of mtx_lock() */
	struct mtx *next;		/* of the same holder */
};

#define	MTX_INITIALIZER(n, r)	{ .name = (n), .rank = (r) }

void	mtx_init(struct mtx *m, const char *name, enum lock_rank rank);
void	mtx_lock(struct mtx *m);
void	mtx_unlock(struct mtx *m);
bool	mtx_owned(const struct mtx *m);

#endif /* !_SYS_LOCK_H_ */
