/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Spin locks.  Invariant: a CPU that holds one has interrupts off, so that
 * no interrupt handler of the same CPU can spin for it.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>

static u_int nest;		/* spin locks held */
static uint32_t saved_flags;	/* EFLAGS before the first of them */

/* spin_lock: any context but NMI; never sleeps; not recursive. */
void
spin_lock(struct spinlock *l)
{
	uint32_t flags = read_eflags();

	disable_intr();
	if (nest++ == 0)
		saved_flags = flags;
	KASSERT(atomic_swap_32(&l->locked, 1) == 0,
	    "spin_lock: %s is held since %p (called from %p)", l->name,
	    l->holder, __caller());
	l->holder = __caller();
}

/* spin_unlock: gives back what this CPU took; any context but NMI. */
void
spin_unlock(struct spinlock *l)
{
	KASSERT(l->locked != 0, "spin_unlock: %s is not held (called from %p)",
	    l->name, __caller());
	l->holder = NULL;
	atomic_store_rel_32(&l->locked, 0);
	if (--nest == 0 && (saved_flags & EFLAGS_IF) != 0)
		enable_intr();
}
