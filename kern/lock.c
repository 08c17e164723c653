/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Spin locks.  Invariants: a CPU that holds one has interrupts off, so that
 * no interrupt handler of the same CPU can spin for it; pc_held of a CPU
 * lists the locks that it holds, in the order in which it took them.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/panic.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/pcpu.h>
#include <machine/smp.h>

#define	PANIC_MS	30000u

/* spin_init: for a lock that has no initializer.  Any context. */
void
spin_init(struct spinlock *l, const char *name, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INITIALIZER(name, rank);
}

/*
 * Waits until the lock looks free, answering requests to flush meanwhile:
 * the holder may wait for who waits for this CPU.  After a panic nobody else
 * runs, and the lock is as good as free: false.
 */
static bool
spin_wait(struct spinlock *l, const void *caller)
{
	uint64_t start = cpu_ticks();

	KASSERT(l->cpu != curcpu_id() + 1 || panicked(), "spin_lock: %s is "
	    "held here since %p (called from %p)", l->name, l->holder, caller);
	while (l->locked != 0) {
		if (panicked())
			return (false);
		tlb_serve();
		cpu_spinwait();
		KASSERT(ticks_per_ms == 0 ||
		    cpu_ticks() - start < PANIC_MS * ticks_per_ms,
		    "spin_lock: CPU %u waits for %s, held by CPU %u since %p "
		    "(called from %p)", curcpu_id(), l->name, l->cpu - 1,
		    l->holder, caller);
	}
	return (true);
}

static void
check_order(const struct pcpu *pc, const struct spinlock *l,
    const void *caller)
{
#ifdef DEBUG
	const struct spinlock *last;

	if (pc->pc_spin_nest == 0 || panicked())
		return;
	last = pc->pc_held[pc->pc_spin_nest - 1];
	KASSERT(last->rank < l->rank, "spin_lock: %s is taken after %s, which "
	    "is out of order (called from %p)", l->name, last->name, caller);
#else
	(void)pc;
	(void)l;
	(void)caller;
#endif
}

static void
taken(struct pcpu *pc, struct spinlock *l, uint32_t flags, const void *caller)
{
	KASSERT(pc->pc_spin_nest < MAXHELD, "spin_lock: CPU %u holds too many "
	    "(called from %p)", pc->pc_cpuid, caller);
	if (pc->pc_spin_nest == 0)
		pc->pc_saved_flags = flags;
	pc->pc_held[pc->pc_spin_nest++] = l;
	l->cpu = pc->pc_cpuid + 1;
	l->holder = caller;
}

/* spin_lock: any context but NMI; never sleeps; not recursive. */
void
spin_lock(struct spinlock *l)
{
	uint32_t flags = intr_save();
	struct pcpu *pc = curpcpu();

	check_order(pc, l, __caller());
	while (atomic_swap_32(&l->locked, 1) != 0)
		if (!spin_wait(l, __caller()))
			break;
	taken(pc, l, flags, __caller());
}

/* spin_trylock: as spin_lock(), but false at once if the lock is taken. */
bool
spin_trylock(struct spinlock *l)
{
	uint32_t flags = intr_save();

	if (atomic_swap_32(&l->locked, 1) != 0) {
		intr_restore(flags);
		return (false);
	}
	taken(curpcpu(), l, flags, __caller());
	return (true);
}

/* Out of the list of held locks; nearly always the last of it. */
static void
forget(struct pcpu *pc, struct spinlock *l)
{
	u_int i = --pc->pc_spin_nest;

	while (pc->pc_held[i] != l)
		i--;
	for (; i < pc->pc_spin_nest; i++)
		pc->pc_held[i] = pc->pc_held[i + 1];
}

/* spin_unlock: gives back what this CPU took; any context but NMI. */
void
spin_unlock(struct spinlock *l)
{
	struct pcpu *pc = curpcpu();

	KASSERT(l->locked != 0 && l->cpu == pc->pc_cpuid + 1, "spin_unlock: "
	    "%s is not held here (called from %p)", l->name, __caller());
	forget(pc, l);
	l->holder = NULL;
	l->cpu = 0;
	atomic_store_rel_32(&l->locked, 0);
	if (pc->pc_spin_nest == 0)
		intr_restore(pc->pc_saved_flags);
}

/* spin_print_held: what a CPU holds, for a panic. */
void
spin_print_held(u_int cpu)
{
	const struct pcpu *pc = pcpus[cpu];

	for (u_int i = 0; i < pc->pc_spin_nest && i < MAXHELD; i++)
		printf("  holds %s, taken at %p\n", pc->pc_held[i]->name,
		    pc->pc_held[i]->holder);
}
