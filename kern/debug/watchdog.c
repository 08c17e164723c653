/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The watchdog.  At the end of each second of clock_seconds() the CPU that ends
 * it looks at all CPUs and threads, for
 *	a CPU whose clock has stopped although it is not idle,
 *	a CPU on which threads wait but which does not switch,
 *	a thread in a long sleep that it did not declare by SLEEP_LONG.
 * It reports each once, shows what a stuck CPU is doing, and lists everything
 * with the first report; it stops nothing.
 *
 * Any CPU whose clock runs may look, so the watchdog measures time in looks,
 * and not by the TSC, which differs from CPU to CPU.  CPUs 0 and 1 wake up for
 * it even when idle: hardclock_next().
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <sys/watchdog.h>
#include <machine/clock.h>
#include <machine/nmi.h>
#include <machine/trap.h>
#include <vm/tlb.h>

#define	MAXHELD		8u	/* locks shown of a CPU */

static u_int watchdog_s = 20;
TUNABLE_UINT(watchdog, "watchdog", watchdog_s, 1, 3600,
    "seconds after which a stuck CPU or an endless sleep is reported");

static struct spinlock watchdog_lock =
    SPINLOCK_INITIALIZER("watchdog", RANK_WATCHDOG);

/* A count that must move, as it was last seen. */
struct progress {
	uint64_t count;
	u_int looks;		/* in a row that found it unmoved */
	bool named;		/* it was reported */
};

/* Under watchdog_lock. */
static struct progress clocks[MAXCPU], switches[MAXCPU];
static u_int reports;

/*
 * True, once, if the count has not moved for too long.  Looks while the count
 * may rest do not count.  The first that does may find a CPU that has rested
 * until then and has just woken up, before its count moves; so only from that
 * look on the time is certain.
 */
static bool
is_stuck(struct progress *p, uint64_t count, bool may_rest)
{
	if (may_rest || count != p->count) {
		*p = (struct progress){ .count = count };
		return (false);
	}
	if (++p->looks <= watchdog_s || p->named)
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
	    clock_seconds() - td->td_slept <= watchdog_s)
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
watchdog_look(void)
{
	if (!spin_trylock(&watchdog_lock))
		return;		/* another CPU still looks */
	look_at_all();
	spin_unlock(&watchdog_lock);
}

u_int
watchdog_reports(void)
{
	return (reports);
}
