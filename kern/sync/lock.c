/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Spin locks: what is out of line.  Invariants: a CPU that holds one has
 * interrupts off, so that no interrupt handler of the same CPU can spin for
 * it; pc_held of a CPU lists the locks that it holds, the last taken first,
 * so a lock is held here exactly if it is on that list.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/lock.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/intr.h>
#include <machine/tsc.h>
#include <vm/tlb.h>

/* spin_init: for a lock that has no initializer.  Any context. */
void
spin_init(struct spinlock *l, const char *name, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INITIALIZER(name, rank);
}

/*
 * spin_check_order: panics if this CPU holds a lock that comes after l, or l
 * itself.  Interrupts off.
 */
void
spin_check_order(const struct pcpu *pc, const struct spinlock *l)
{
	const struct spinlock *last = pc->pc_held;

	KASSERT(last == NULL || last->rank < l->rank || panicked(),
	    "spin_lock: %s is taken after %s, taken at %p, which is out of "
	    "order (called from %p)", l->name, last->name, last->where,
	    __caller());
}

/*
 * A word after a second, a panic after ipi.timeout.  The word needs the
 * console's lock, so nobody says it who waits for that.
 */
static void
spin_waited(const struct spinlock *l, struct deadline *w, const void *caller)
{
	u_int holder = l->owner;

	if (deadline_warning_due(w) && l->rank != RANK_CONSOLE)
		printf("spin_lock: CPU %u has waited for %s for a second, CPU "
		    "%d took it at %p (called from %p)\n", curcpu_id(),
		    l->name, (int)holder - 1, l->where, caller);
	KASSERT(!deadline_over(w), "spin_lock: CPU %u has waited for %s for "
	    "%u ms, CPU %d took it at %p (called from %p)", curcpu_id(),
	    l->name, ipi_timeout_ms, (int)holder - 1, l->where, caller);
}

/*
 * spin_wait: the rest of spin_lock() when the lock is not free: returns when
 * this CPU owns it.  Requests to flush are answered meanwhile, for whoever
 * sent them waits for this CPU with interrupts on, but perhaps not for long.
 * Interrupts off.
 *
 * After a panic only the CPU that shows it runs, or soon will, and its locks
 * are as good as free.  The others wait for its NMI: they must not go on into
 * what somebody else is in the middle of.
 */
void
spin_wait(struct spinlock *l)
{
	uint32_t me = curcpu_id() + 1;
	struct deadline wait = { 0 };

	KASSERT(l->owner != me || panicked_here(), "spin_lock: %s is held here "
	    "since %p (called from %p)", l->name, l->where, __caller());
	while (l->owner != 0 || !atomic_cmpset_32(&l->owner, 0, me)) {
		if (panicked_here()) {
			l->owner = me;
			return;
		}
		tlb_serve();
		cpu_spinwait();
		if (ticks_per_ms != 0 && !panicked())
			spin_waited(l, &wait, __caller());
	}
}

/* spin_trylock: as spin_lock(), but false at once if the lock is taken. */
bool
spin_trylock(struct spinlock *l)
{
	uint32_t flags = intr_save();
	struct pcpu *pc = curpcpu();

	if (!atomic_cmpset_32(&l->owner, 0, pc->pc_cpuid + 1)) {
		intr_restore(flags);
		return (false);
	}
	if (pc->pc_held == NULL)
		pc->pc_saved_flags = flags;
	l->where = __caller();
	l->next = pc->pc_held;
	pc->pc_held = l;
	return (true);
}

/*
 * spin_unlist: the rest of spin_unlock() when the lock is not the last that
 * this CPU took.  Interrupts off.
 */
void
spin_unlist(struct pcpu *pc, struct spinlock *l)
{
	struct spinlock **p;

	for (p = &pc->pc_held; *p != l; p = &(*p)->next)
		KASSERT(*p != NULL, "spin_unlock: %s is not held here (called "
		    "from %p)", l->name, __caller());
	*p = l->next;
}

/* spin_held: how many spin locks this CPU holds.  Thread context. */
u_int
spin_held(void)
{
	uint32_t flags = intr_save();
	u_int n = 0;

	for (const struct spinlock *l = curpcpu()->pc_held; l != NULL;
	    l = l->next)
		n++;
	intr_restore(flags);
	return (n);
}
