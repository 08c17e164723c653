/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_LOCK_H_
#define	_SYS_LOCK_H_

/*
 * Host shim: spin locks that only check that they are taken and released in
 * turn.  The tests have one thread, so taking a lock that is held would never
 * end.
 */

#include <assert.h>

struct spinlock {
	const char *name;
	int held;
};

#define	SPINLOCK_INITIALIZER(n, rank)	{ .name = (n), .held = 0 }

enum lock_rank { RANK_MALLOC, RANK_KVA, RANK_PAGE };

extern int host_locks_held;

static inline void
spin_init(struct spinlock *l, const char *name, enum lock_rank rank)
{
	(void)rank;
	*l = (struct spinlock)SPINLOCK_INITIALIZER(name, rank);
}

static inline void
spin_lock(struct spinlock *l)
{
	assert(l->held == 0);
	l->held = 1;
	host_locks_held++;
}

static inline void
spin_unlock(struct spinlock *l)
{
	assert(l->held == 1);
	l->held = 0;
	host_locks_held--;
}

#endif /* !_SYS_LOCK_H_ */
