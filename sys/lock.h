/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_LOCK_H_
#define	_SYS_LOCK_H_

/*
 * Spin locks and mutexes: kern/sync/lock.c, kern/sync/mutex.c.  While a CPU
 * holds a spin lock its interrupts are off, and its thread does not sleep.
 * The holder of a mutex may sleep.  A lock records where it was taken.
 *
 * A thread takes locks in the order of their ranks, so that threads cannot
 * wait for each other in a circle.  Builds with DEBUG panic if a thread
 * breaks the order.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>

/* The order of acquisition: the holder of a lock takes only later ones. */
enum lock_rank {
	RANK_MUTEX,		/* mutexes of users and tests */
	RANK_MUTEX_INNER,	/* taken by the holder of a RANK_MUTEX */
	RANK_HANDLES,		/* mutex: a task's handles */
	RANK_RIGHTS,		/* mutex: ends in messages: ipc/rights.c */
	RANK_MAP,		/* mutex: an address space */
	RANK_OBJECT,		/* mutex: a memory object */
	RANK_SF_PAIR,		/* mutex: may sleep for an sf_buf with one in hand */
	RANK_WATCHDOG,		/* what the watchdog saw */
	RANK_CHANNELS,		/* the list of all channels */
	RANK_CHANNEL,		/* a channel */
	RANK_TASKS,		/* the list of all tasks */
	RANK_TASK,		/* a task */
	RANK_FUTEX,		/* threads that wait for a word */
	RANK_THREADS,		/* the list of all threads */
	RANK_PMAP,		/* page tables of an address space */
	RANK_SF_WAITERS,	/* the threads that wait for an sf_buf */
	RANK_MALLOC,
	RANK_KVA,		/* kernel address arenas */
	RANK_TABLES,		/* page tables that wait for a flush */
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
	struct spinlock *next;	/* on the list of the holder's locks */
};

#define	SPINLOCK_INITIALIZER(n, r)	{ .name = (n), .rank = (r) }

/* spin_init: for a lock without an initializer.  Any context. */
void	spin_init(struct spinlock *l, const char *name, enum lock_rank rank);

/*
 * spin_trylock: as spin_lock(), but returns false at once if the lock is
 * taken, and may be called in any order of ranks.
 */
bool	spin_trylock(struct spinlock *l);

/* spin_held: returns how many spin locks this CPU holds.  Thread context. */
u_int	spin_held(void);

/*
 * These are called by the inline functions below only, with interrupts off.
 * spin_wait: waits for a lock that is not free; on return this CPU owns it.
 * spin_unlist: removes from the list of this CPU's locks a lock that is not
 * its first; panics if it is not on the list.
 * spin_check_order: panics if this CPU holds l, or a lock of a rank that does
 * not come before l's.
 */
void	spin_wait(struct spinlock *l);
void	spin_unlist(struct pcpu *pc, struct spinlock *l);
void	spin_check_order(const struct pcpu *pc, const struct spinlock *l);

/*
 * spin_lock: takes the lock; spins while another CPU has it.  Any context but
 * NMI; never sleeps; not recursive.  Interrupts are off from here until this
 * CPU has released all its spin locks.
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
 * spin_unlock: releases a lock that this CPU holds, usually the one that it
 * took last.  Any context but NMI.
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
	volatile uintptr_t owner;	/* struct thread *; bit 0: contested */
	enum lock_rank rank;
	const char *name;
	const void *where;		/* the owner's call of mtx_lock() */
	struct mtx *next;		/* on the list td_mutexes */
};

#define	MTX_INITIALIZER(n, r)	{ .name = (n), .rank = (r) }

/* mtx_init: for a mutex without an initializer.  Any context. */
void	mtx_init(struct mtx *m, const char *name, enum lock_rank rank);

/*
 * mtx_lock: takes the mutex; sleeps while another thread has it.  Thread
 * context, no spin lock held; not recursive.
 * mtx_unlock: releases it.  By the thread that locked it; never sleeps.
 */
void	mtx_lock(struct mtx *m);
void	mtx_unlock(struct mtx *m);

/* mtx_owned: returns whether the calling thread holds it. */
bool	mtx_owned(const struct mtx *m);

#endif /* !_SYS_LOCK_H_ */
