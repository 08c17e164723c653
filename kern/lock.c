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
#include <machine/pcpu.h>
#include <machine/smp.h>

#define	PANIC_MS	30000u

/*
 * Waits for the holder, answering other CPUs' requests meanwhile: the
 * holder may itself be waiting for this CPU's answer.
 */
static void
spin_wait(struct spinlock *l, const void *caller)
{
	uint64_t start = cpu_ticks();

	KASSERT(l->cpu != curcpu_id() + 1, "spin_lock: %s is held here since "
	    "%p (called from %p)", l->name, l->holder, caller);
	while (l->locked != 0) {
		tlb_serve();
		__asm__ volatile("pause");
		KASSERT(ticks_per_ms == 0 ||
		    cpu_ticks() - start < PANIC_MS * ticks_per_ms,
		    "spin_lock: CPU %u waits for %s, held by CPU %u since %p "
		    "(called from %p)", curcpu_id(), l->name, l->cpu - 1,
		    l->holder, caller);
	}
}

/* spin_lock: any context but NMI; never sleeps; not recursive. */
void
spin_lock(struct spinlock *l)
{
	uint32_t flags = read_eflags();

	disable_intr();
	if (curpcpu()->pc_spin_nest++ == 0)
		curpcpu()->pc_saved_flags = flags;
	while (atomic_swap_32(&l->locked, 1) != 0)
		spin_wait(l, __caller());
	l->cpu = curcpu_id() + 1;
	l->holder = __caller();
}

/* spin_unlock: gives back what this CPU took; any context but NMI. */
void
spin_unlock(struct spinlock *l)
{
	KASSERT(l->locked != 0, "spin_unlock: %s is not held (called from %p)",
	    l->name, __caller());
	l->holder = NULL;
	l->cpu = 0;
	atomic_store_rel_32(&l->locked, 0);
	if (--curpcpu()->pc_spin_nest == 0 &&
	    (curpcpu()->pc_saved_flags & EFLAGS_IF) != 0)
		enable_intr();
}
