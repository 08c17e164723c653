/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Spin locks: the parts that are not inline.  Invariants: a CPU that holds a
 * spin lock has interrupts off, so that none of its interrupt handlers can
 * spin for it; pc_held lists the locks that a CPU holds, the last taken first,
 * so a CPU holds a lock exactly if the lock is on its list.
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

/* Contracts of the public functions are in <sys/lock.h>. */
void
spin_init(struct spinlock *l, const char *name, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INITIALIZER(name, rank);
}

void
spin_check_order(const struct pcpu *pc, const struct spinlock *l)
{
	const struct spinlock *last = pc->pc_held;

	KASSERT(last == NULL || last->rank < l->rank || panicked(),
	    "spin_lock: %s is taken after %s, taken at %pC, which is out of "
	    "order (called from %pC)", l->name, last->name, last->where,
	    __caller());
}

/*
 * Warns after a second and panics after ipi.timeout.  The warning takes the
 * console's lock, so a CPU that waits for that lock does not warn.
 */
static void
check_wait(const struct spinlock *l, struct deadline *w, const void *caller)
{
	u_int holder = l->owner;

	if (deadline_warning_due(w) && l->rank != RANK_CONSOLE)
		printf("spin_lock: CPU %u has waited for %s for a second, CPU "
		    "%d took it at %pC (called from %pC)\n", curcpu_id(),
		    l->name, (int)holder - 1, l->where, caller);
	KASSERT(!deadline_over(w), "spin_lock: CPU %u has waited for %s for "
	    "%u ms, CPU %d took it at %pC (called from %pC)", curcpu_id(),
	    l->name, ipi_timeout_ms, (int)holder - 1, l->where, caller);
}

/*
 * Serves requests to flush while it waits, because the CPU that holds the lock
 * may itself wait for a CPU that sent such a request to this one.
 *
 * After a panic only the CPU that reports it goes on, and takes each lock
 * whether it is free or not.  The other CPUs wait here for its NMI: what the
 * lock guards may be half changed.
 */
void
spin_wait(struct spinlock *l)
{
	uint32_t me = curcpu_id() + 1;
	struct deadline wait = { 0 };

	KASSERT(l->owner != me || panicked_here(), "spin_lock: %s is held here "
	    "since %pC (called from %pC)", l->name, l->where, __caller());
	while (l->owner != 0 || !atomic_cmpset_32(&l->owner, 0, me)) {
		if (panicked_here()) {
			l->owner = me;
			return;
		}
		tlb_serve();
		cpu_spinwait();
		if (ticks_per_ms != 0 && !panicked())
			check_wait(l, &wait, __caller());
	}
}

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

void
spin_unlist(struct pcpu *pc, struct spinlock *l)
{
	struct spinlock **p;

	for (p = &pc->pc_held; *p != l; p = &(*p)->next)
		KASSERT(*p != NULL, "spin_unlock: %s is not held here (called "
		    "from %pC)", l->name, __caller());
	*p = l->next;
}

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
