/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_LOCK_H_
#define	_SYS_LOCK_H_

/*
 * Spin locks: interrupts stay off from the outermost spin_lock to its
 * spin_unlock.  A lock knows its holder's call site; taking it twice panics.
 */

#include <sys/types.h>

struct spinlock {
	volatile uint32_t locked;
	const char *name;
	const void *holder;	/* call site of the holder */
	u_int cpu;		/* the holder's number plus 1 */
};

#define	SPINLOCK_INITIALIZER(n)	{ 0, (n), NULL, 0 }

void	spin_lock(struct spinlock *l);
void	spin_unlock(struct spinlock *l);

#endif /* !_SYS_LOCK_H_ */
