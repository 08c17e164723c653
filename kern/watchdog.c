/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The watchdog: once a second each CPU's clock looks whether the next CPU's
 * clock still runs, and CPU 0's looks for threads that have slept long
 * without saying that they may.  It names them, once each; it ends nothing.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <sys/watchdog.h>
#include <machine/pcpu.h>
#include <machine/smp.h>

static u_int watchdog_s = 20;
TUNABLE_UINT(watchdog, "watchdog", watchdog_s, 1, 3600,
    "seconds after which a stuck CPU or an endless sleep is named");

/* What each CPU saw of the next one. */
static struct seen {
	uint32_t ticks;
	uint64_t since;
	bool named;
} seen[MAXCPU];
static uint64_t last_look[MAXCPU];

static void
look_at_cpu(u_int me)
{
	u_int next = (me + 1) % mp_ncpus;
	struct seen *s = &seen[me];
	const struct pcpu *pc = pcpus[next];

	if (pc->pc_ticks != s->ticks || (pc->pc_tlb & TLB_IDLE) != 0) {
		*s = (struct seen){ pc->pc_ticks, cpu_ticks(), false };
		return;
	}
	if (s->named || cpu_ticks() - s->since <
	    watchdog_s * 1000 * ticks_per_ms)
		return;
	s->named = true;
	printf("watchdog: the clock of CPU %u stopped %u s ago; it runs %s\n",
	    next, watchdog_s, pc->pc_curthread->td_name);
}

/*
 * Not locked against the thread's waking up: at worst it is named as it
 * wakes.  Sleeps that a signal or a timeout ends are the sleeper's choice.
 */
static void
look_at_thread(struct thread *td, void *arg)
{
	(void)arg;
	if (td->td_state != TDS_SLEEPING || td->td_warned || td->td_catch ||
	    td->td_deadline != 0 ||
	    cpu_ticks() - td->td_slept < watchdog_s * 1000 * ticks_per_ms)
		return;
	td->td_warned = true;
	printf("watchdog: thread %u, %s, has waited for %s (%p) for %u s\n",
	    td->td_id, td->td_name, td->td_wmesg, td->td_wchan, watchdog_s);
}

/*
 * watchdog_tick: the clock's.  Interrupts off.  CPU 0 wakes up for it once a
 * second even if all sleep: see clock_idle().
 */
void
watchdog_tick(void)
{
	u_int me = curcpu_id();

	if (cpu_ticks() - last_look[me] < 1000 * ticks_per_ms)
		return;
	last_look[me] = cpu_ticks();
	if (mp_ncpus > 1)
		look_at_cpu(me);
	/* If somebody has the list locked, the next second will do. */
	if (me == 0)
		(void)thread_foreach_try(look_at_thread, NULL);
}
