/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The watchdog.  Once a second one CPU's clock interrupt looks at all CPUs and
 * threads, for
 *	a CPU whose clock has stopped although it is not idle,
 *	a CPU on which threads wait but which does not switch,
 *	a thread in a long sleep that it did not declare by SLEEP_LONG.
 * It reports each once, shows what a stuck CPU is doing, and lists everything
 * with the first report; it stops nothing.
 *
 * Any CPU whose clock runs may look.  CPUs 0 and 1 wake up for it even when
 * idle, so that one of them looks when the other is stuck.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <sys/watchdog.h>
#include <machine/nmi.h>
#include <machine/trap.h>
#include <machine/tsc.h>
#include <vm/tlb.h>

#define	LOOK_MS		1000u
#define	MAXHELD		8u	/* locks shown of a CPU */

static u_int watchdog_s = 20;
TUNABLE_UINT(watchdog, "watchdog", watchdog_s, 1, 3600,
    "seconds after which a stuck CPU or an endless sleep is reported");

static struct spinlock watchdog_lock =
    SPINLOCK_INITIALIZER("watchdog", RANK_WATCHDOG);

/* A count that must move, as it was last seen. */
struct progress {
	uint64_t count;
	uint64_t since;		/* cpu_ticks() when it stopped, or 0 */
	u_int looks;		/* after that, which found it unmoved */
	bool named;		/* it was reported */
};

/* Under watchdog_lock, except last_look, of which each CPU has its own. */
static struct progress clocks[MAXCPU], switches[MAXCPU];
static u_int reports;
static uint64_t last_look[MAXCPU];

/*
 * Whether `since' is watchdog= seconds ago.  The clocks of two CPUs may
 * differ: a time slightly in the future is not long ago.
 */
static bool
long_ago(uint64_t since)
{
	return ((int64_t)(cpu_ticks() - since) >=
	    (int64_t)(watchdog_s * 1000 * ticks_per_ms));
}

/*
 * True, once, if the count has not moved for too long.  While the count may
 * rest the timer is reset, so that a wait that began just before a look is not
 * counted from the look before.  A single look may find a CPU that has rested
 * since the look before and has just woken up, before its count moves; two
 * looks in a row do not.
 */
static bool
is_stuck(struct progress *p, uint64_t count, bool may_rest)
{
	if (may_rest || count != p->count || p->since == 0) {
		*p = (struct progress){ .count = count,
		    .since = may_rest ? 0 : cpu_ticks() };
		return (false);
	}
	if (++p->looks < 2 || p->named || !long_ago(p->since))
		return (false);
	return (p->named = true);
}

/*
 * Shows the calls and the locks of a stuck CPU, which may be this one: then it
 * is in its clock interrupt.  The list of its locks is read without a lock: it
 * may change only if the CPU is not stuck after all.
 */
static void
show_cpu(u_int cpu)
{
	const struct spinlock *l = pcpus[cpu]->pc_held;
	uintptr_t calls[BACKTRACE_MAX];
	u_int n;

	if (cpu == curcpu_id()) {
		backtrace(__builtin_frame_address(0));
		return;
	}
	n = nmi_backtrace(cpu, calls, BACKTRACE_MAX);
	for (u_int i = 0; i < MAXHELD && l != NULL; i++, l = l->next)
		printf("  holds %s, taken at %pC\n", l->name, l->where);
	if (n == 0)
		printf("  does not answer an NMI\n");
	backtrace_print(calls, n);
}

/* Reports the CPU if its clock or its switches have stopped. */
static void
look_at_cpu(u_int cpu)
{
	const struct pcpu *pc = pcpus[cpu];
	bool idle = (pc->pc_tlb & TLB_IDLE) != 0;

	if (is_stuck(&clocks[cpu], pc->pc_ticks, idle)) {
		printf("watchdog: the clock of CPU %u stopped %u s ago; it "
		    "runs %s\n", cpu, watchdog_s, pc->pc_curthread->td_name);
	} else if (is_stuck(&switches[cpu], pc->pc_switches,
	    sched_queue_length(cpu) == 0)) {
		printf("watchdog: CPU %u has not switched for %u s, but %u "
		    "threads wait; it runs %s\n", cpu, watchdog_s,
		    sched_queue_length(cpu), pc->pc_curthread->td_name);
	} else
		return;
	reports++;
	show_cpu(cpu);
}

/*
 * Reports a thread that has slept for too long.  No lock keeps the thread
 * asleep: at worst it is reported as it wakes.  A sleep that a signal or a
 * timeout may end is never reported.
 */
static void
look_at_thread(struct thread *td, void *arg)
{
	(void)arg;
	if (td->td_state != TDS_SLEEPING || td->td_warned ||
	    td->td_sleeps_long || td->td_catch || td->td_deadline != 0 ||
	    !long_ago(td->td_slept))
		return;
	td->td_warned = true;
	reports++;
	printf("watchdog: thread %u, %s, has waited for %s (%p) for %u s\n",
	    td->td_id, td->td_name, td->td_wmesg, td->td_wchan, watchdog_s);
}

static void
list_everything(void)
{
	const struct pcpu *pc;

	for (u_int i = 0; i < mp_ncpus; i++) {
		pc = pcpus[i];
		printf("CPU %u: thread %u %s, %u more wait, %u ticks%s\n", i,
		    pc->pc_curthread->td_id, pc->pc_curthread->td_name,
		    sched_queue_length(i), pc->pc_ticks,
		    (pc->pc_tlb & TLB_IDLE) != 0 ? ", idle" : "");
	}
	thread_print_all();
}

/* If the list of threads is locked, the next look may find it free. */
static void
look_at_all(void)
{
	static bool listed;

	for (u_int i = 0; i < mp_ncpus; i++)
		look_at_cpu(i);
	if (!thread_foreach_try(look_at_thread, NULL))
		return;
	if (reports != 0 && !listed) {
		listed = true;
		list_everything();
	}
}

/* Contracts are in <sys/watchdog.h>. */
void
watchdog_tick(void)
{
	u_int me = curcpu_id();

	if (cpu_ticks() - last_look[me] < LOOK_MS * ticks_per_ms)
		return;
	last_look[me] = cpu_ticks();
	if (!spin_trylock(&watchdog_lock))
		return;		/* another CPU is looking */
	look_at_all();
	spin_unlock(&watchdog_lock);
}

uint64_t
watchdog_next(void)
{
	u_int me = curcpu_id();

	return (me > 1 ? 0 : last_look[me] + LOOK_MS * ticks_per_ms);
}

u_int
watchdog_reports(void)
{
	return (reports);
}
