/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The watchdog: once a second some CPU's clock looks at all CPUs and threads:
 * for a CPU whose clock has stopped though it is not idle, for one on which
 * threads wait and nothing switches, and for threads that have slept long
 * without saying that they may.  It names each once, shows what a CPU that
 * hangs is doing, and the first time lists everything; it ends nothing.
 *
 * Any CPU that ticks looks; CPUs 0 and 1 wake up for it even if they are idle,
 * so that one of the two looks when the other hangs.
 */

#include <sys/types.h>
#include <sys/ksym.h>
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

static u_int watchdog_s = 20;
TUNABLE_UINT(watchdog, "watchdog", watchdog_s, 1, 3600,
    "seconds after which a stuck CPU or an endless sleep is named");

static struct spinlock watchdog_lock =
    SPINLOCK_INITIALIZER("watchdog", RANK_WATCHDOG);

/* What was last seen of a count that must move, and since when; 0: rests. */
struct progress {
	uint64_t count, since;
	bool named;
};

/* All under watchdog_lock, but for last_look: each CPU has its own. */
static struct progress clocks[MAXCPU], switches[MAXCPU];
static u_int reports;
static uint64_t last_look[MAXCPU];

/* The clocks of two CPUs may differ a little: before is not long ago. */
static bool
long_ago(uint64_t since)
{
	return ((int64_t)(cpu_ticks() - since) >=
	    (int64_t)(watchdog_s * 1000 * ticks_per_ms));
}

/*
 * True, once, if the count has not moved for too long.  While it may rest no
 * time runs: what begins to wait just before a look has not waited since the
 * last one.
 */
static bool
is_stuck(struct progress *p, uint64_t count, bool may_rest)
{
	if (may_rest || count != p->count || p->since == 0) {
		*p = (struct progress){ count, may_rest ? 0 : cpu_ticks(),
		    false };
		return (false);
	}
	if (p->named || !long_ago(p->since))
		return (false);
	return (p->named = true);
}

/*
 * What it holds is not locked against it: it hangs, or at worst it moved on.
 * A CPU that finds itself hogged does so in its clock interrupt.
 */
static void
show_cpu(u_int cpu)
{
	const struct spinlock *l = pcpus[cpu]->pc_held;
	uintptr_t calls[BACKTRACE_MAX];
	char where[KSYM_STRLEN];
	u_int n;

	if (cpu == curcpu_id()) {
		backtrace(__builtin_frame_address(0));
		return;
	}
	n = nmi_backtrace(cpu, calls, BACKTRACE_MAX);
	for (u_int i = 0; i < 8 && l != NULL; i++, l = l->next)
		printf("  holds %s, taken at %p %s\n", l->name, l->where,
		    ksym_format((uintptr_t)l->where, where));
	if (n == 0)
		printf("  does not answer an NMI\n");
	backtrace_print(calls, n);
}

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
		printf("watchdog: on CPU %u %u threads have waited for %u s; "
		    "it runs %s\n", cpu, sched_queue_length(cpu), watchdog_s,
		    pc->pc_curthread->td_name);
	} else
		return;
	reports++;
	show_cpu(cpu);
}

/*
 * Not locked against the thread's waking up: at worst it is named as it
 * wakes.  Sleeps that a signal or a timeout ends are the sleeper's choice.
 */
static void
look_at_thread(struct thread *td, void *arg)
{
	(void)arg;
	if (td->td_state != TDS_SLEEPING || td->td_warned || td->td_sleeps_long ||
	    td->td_catch || td->td_deadline != 0 || !long_ago(td->td_slept))
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

/* If a CPU that hangs has the threads locked, the next second may do. */
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

/* watchdog_tick: the clock's.  Interrupts off. */
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

/*
 * watchdog_next: when this CPU is to wake up for a look, in TSC ticks; 0 if
 * others do.  Interrupts off.
 */
uint64_t
watchdog_next(void)
{
	u_int me = curcpu_id();

	return (me > 1 ? 0 : last_look[me] + LOOK_MS * ticks_per_ms);
}

/* watchdog_reports: how many stuck CPUs and sleepers were named. */
u_int
watchdog_reports(void)
{
	return (reports);
}
