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

/* The order of acquisition: whoever holds one takes only later ones. */
enum lock_rank {
	RANK_MUTEX,		/* tests' and users' mutexes: */
	RANK_MUTEX_INNER,	/*	two steps are enough so far */
	RANK_THREADS,		/* the list of all threads */
	RANK_SF_WAITERS,	/* who waits for an sf_buf */
	RANK_SF_POOL,		/* a CPU's slots */
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
	volatile uint32_t locked;
	enum lock_rank rank;
	const char *name;
	const void *holder;	/* call site of the holder */
	u_int cpu;		/* the holder's number plus 1 */
};

#define	SPINLOCK_INITIALIZER(n, r)	{ .name = (n), .rank = (r) }

void	spin_init(struct spinlock *l, const char *name, enum lock_rank rank);
void	spin_lock(struct spinlock *l);
bool	spin_trylock(struct spinlock *l);
void	spin_unlock(struct spinlock *l);
void	spin_print_held(u_int cpu);

struct thread;

struct mtx {
	volatile uintptr_t owner;	/* struct thread *, and 1: contested */
	enum lock_rank rank;
	const char *name;
	const void *holder;		/* call site of the holder */
	struct mtx *next;		/* of the same holder */
};

#define	MTX_INITIALIZER(n, r)	{ .name = (n), .rank = (r) }

void	mtx_init(struct mtx *m, const char *name, enum lock_rank rank);
void	mtx_lock(struct mtx *m);
void	mtx_unlock(struct mtx *m);
bool	mtx_owned(const struct mtx *m);

#endif /* !_SYS_LOCK_H_ */
