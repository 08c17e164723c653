/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The simulated threads: a queue of runnable threads for each CPU; sleeping
 * and waking on wait channels, with the contract of <sys/sleepq.h>; pinning as
 * in kern/sched/sched.c; traps in the order of arch/i386/trap/trap.c; a clock
 * that kern/sched/idle.c stops and starts.  Sleeps have no timeouts here, so
 * that a lost wake-up is not hidden by one.
 *
 * As in the kernel, a thread changes its CPU only when it is woken or asks for
 * it.
 */

#include <string.h>

#include <sys/clock.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>
#include "sim.h"

struct task tasks[NTASKS];
u_int nthreads;

static void (*thread_fn)(u_int thread);
#define	CHECKER	NTHREADS	/* the task that checks the end of a run */

static inline u_int
number(const struct task *t)
{
	return ((u_int)(t - tasks));
}

/*
 * Switches to the next task of this CPU's queue, or to its idle task; returns
 * when the calling task runs again.  Interrupts off.
 */
static void
run_next(void)
{
	struct task *next = cur->idle;

	sim_drain(cur);		/* as the run queue's lock does */
	if (cur->asleep)
		sim_fail("CPU %d is idle, and switches to another thread",
		    (int)(cur - cpus));
	cur->pc->pc_need_resched = 0;
	if (cur->nqueue != 0) {
		next = cur->queue[0];
		cur->nqueue--;
		memmove(cur->queue, cur->queue + 1,
		    cur->nqueue * sizeof(cur->queue[0]));
	}
	if (next == cur->task)
		return;
	sim_note("switches to thread %u", next->td.td_id);
	next->td.td_state = TDS_RUNNING;
	sim_switch_task(next);
}

/* Makes t, which is on no queue and no CPU, runnable on c. */
static void
enqueue(struct cpu *c, struct task *t)
{
	t->td.td_state = TDS_RUNNABLE;
	t->td.td_cpu = (u_int)(c - cpus);
	c->queue[c->nqueue++] = t;
	if (c->task != c->idle)
		return;
	/* This CPU needs the interrupt too: it may be about to halt. */
	if (c == cur)
		c->pending |= 1u << IPI_RESCHED;
	else
		sim_ipi(c, IPI_RESCHED);
}

/*
 * Makes a task that was asleep runnable, on its CPU or, by a decision,
 * another.
 */
static void
ready(struct task *t)
{
	u_int to = t->td.td_cpu, place;

	if (t->td.td_pinned == 0) {
		place = sim_choose(D_PLACE, sim_chance(sim_place) ?
		    1 + sim_draw(mp_ncpus) : 0);
		if (place != 0)
			to = (place - 1) % mp_ncpus;
	}
	enqueue(&cpus[to], t);
}

/*
 * Ends a sleep.  A task that has not left its CPU yet will see that wchan is
 * NULL.
 */
static void
wake(struct task *t, int error)
{
	sim_note("wakes thread %u", t->td.td_id);
	t->wchan = NULL;
	t->error = error;
	if (t->td.td_state == TDS_SLEEPING)
		ready(t);
}

/* Leaves the CPU until wake(). */
static void
sleep_here(struct task *t)
{
	bool intr_on = cur->intr_on;

	cur->intr_on = false;
	while (t->wchan != NULL) {
		t->td.td_state = TDS_SLEEPING;
		run_next();
	}
	cur->intr_on = intr_on;
}

int
sleepq_wait_spin(const void *wchan, struct spinlock *l, const char *wmesg,
    int flags, u_int timeout_ms)
{
	struct task *t = cur->task;

	(void)timeout_ms;
	sim_step("sleep", NULL, 0, __builtin_return_address(0));
	sim_drain(cur);
	if (cur->pc->pc_intr_depth != 0 || t == cur->idle)
		sim_fail("sleep for %s in an interrupt", wmesg);
	if (cur->pc->pc_held != l || l->next != NULL)
		sim_fail("sleep for %s under another spin lock", wmesg);
	if (t->td.td_critnest != 0)
		sim_fail("sleep for %s in a critical section", wmesg);
	t->catches = (flags & SLEEP_CATCH) != 0;
	t->error = 0;
	if (t->catches && t->td.td_signals != 0) {
		spin_unlock(l);
		spin_lock(l);
		return (EINTR);
	}
	t->wchan = wchan;
	t->sleeps++;
	/* Even if it is woken now, it must not run elsewhere before it left. */
	t->td.td_critnest++;
	spin_unlock(l);
	t->td.td_critnest--;
	sleep_here(t);
	spin_lock(l);
	return (t->error);
}

static void
wake_some(const void *wchan, bool all)
{
	/* The chain's lock is a locked operation. */
	sim_step("wakeup", NULL, 0, __builtin_return_address(0));
	sim_drain(cur);
	for (u_int i = 0; i < nthreads; i++) {
		if (tasks[i].wchan != wchan)
			continue;
		wake(&tasks[i], 0);
		if (!all)
			break;
	}
}

void
sleepq_wakeup(const void *wchan)
{
	wake_some(wchan, true);
}

void
sleepq_wakeup_one(const void *wchan)
{
	wake_some(wchan, false);
}

/* sim_count_force: the running thread is about to wait for all CPUs' flush. */
void	sim_count_force(void);
void
sim_count_force(void)
{
	cur->task->forces++;
}

/* thread_signal_sim: sends a signal; ends the thread's sleep if it catches. */
void
thread_signal_sim(u_int thread)
{
	struct task *t = &tasks[thread];

	sim_step("signal", NULL, thread, NULL);
	sim_drain(cur);
	t->td.td_signals = 1;
	if (t->wchan != NULL && !t->napping && t->catches)
		wake(t, EINTR);
}

/* thread_nap: sleeps until a decision wakes the thread, or all others sleep. */
void
thread_nap(void)
{
	struct task *t = cur->task;

	sim_step("nap", NULL, 0, NULL);
	t->napping = true;
	t->wchan = t;
	sleep_here(t);
}

static bool
others_wait(const struct task *me)
{
	for (u_int i = 0; i < nthreads; i++)
		if (&tasks[i] != me && !tasks[i].done && !tasks[i].busy &&
		    tasks[i].wchan == NULL)
			return (false);
	return (true);
}

/*
 * thread_busy: keeps its CPU busy, with interrupts enabled, until another
 * thread is queued on this CPU or every other thread sleeps, ended or is busy
 * too.  The clock may stand still meanwhile.  So if a flush request gets lost,
 * its sender waits for this CPU and this CPU for the sender, and the run ends
 * as a hang.
 */
void
thread_busy(void)
{
	struct task *t = cur->task;

	t->busy = true;
	while (!others_wait(t) && cur->nqueue == 0)
		cpu_spinwait();
	t->busy = false;
}

/*
 * thread_wake_nap: ends a nap; false if the thread does not nap.  Any context.
 */
bool
thread_wake_nap(u_int thread)
{
	struct task *t = &tasks[thread];

	if (!t->napping || t->wchan == NULL)
		return (false);
	t->napping = false;
	wake(t, 0);
	return (true);
}

/*
 * thread_move: moves the calling thread to another CPU, as sched_bind() does.
 */
void
thread_move(u_int cpu)
{
	struct task *t = cur->task;

	if (t->td.td_pinned != 0 || &cpus[cpu] == cur)
		return;
	sim_step("move", NULL, cpu, NULL);
	cur->intr_on = false;
	sim_drain(cur);
	if (&cpus[cpu] != cur) {
		t->td.td_state = TDS_MIGRATING;
		enqueue(&cpus[cpu], t);
		run_next();
	}
	cur->intr_on = true;
}

bool
sched_is_pinned(void)
{
	const struct thread *td = curthread();

	return (td->td_pinned != 0 || td->td_critnest != 0 ||
	    !intr_enabled() || curpcpu()->pc_intr_depth != 0);
}

static void
preempt(void)
{
	struct pcpu *pc = cur->pc;
	struct task *t = cur->task;

	if (pc->pc_need_resched == 0 || pc->pc_intr_depth != 0 ||
	    pc->pc_held != NULL)
		return;
	if (t->td.td_critnest != 0) {
		t->td.td_preempt_pending = true;
		return;
	}
	if (t != cur->idle && t->wchan == NULL) {
		t->td.td_state = TDS_RUNNABLE;
		cur->queue[cur->nqueue++] = t;
	}
	if (t != cur->idle && t->wchan != NULL)
		return;		/* on its way to sleep */
	run_next();
}

/* The slow path of critical_exit() in <sys/thread.h>. */
void
critical_exit_slow(void)
{
	if (!cur->intr_on)
		return;
	cur->task->td.td_preempt_pending = false;
	cur->intr_on = false;
	preempt();
	cur->intr_on = true;
}

void
sched_unpin_broken(void)
{
	sim_fail("sched_unpin: not pinned");
}

/* thread_trap: handles an interrupt as trap() does.  Interrupts off. */
void
thread_trap(uint32_t what)
{
	struct pcpu *pc = cur->pc;
	uint32_t device;

	sched_leave_idle();
	pc->pc_intr_depth++;
	switch (what) {
	case INTR_CLOCK:
		sf_buf_tick();
		tlb_tick();
		pc->pc_need_resched = cur->nqueue != 0;
		break;
	case INTR_DEVICE:
		device = cur->device[--cur->ndevice];
		if (cur->ndevice != 0)
			cur->pending |= INTR_DEVICE;
		work_device(device);
		break;
	case 1u << IPI_FLUSH:
		pc->pc_ipis_taken[IPI_FLUSH]++;
		tlb_serve();
		break;
	case 1u << IPI_RESCHED:
		pc->pc_need_resched = 1;
		break;
	default:
		sim_fail("unexpected interrupt 0x%x", what);
	}
	pc->pc_intr_depth--;
	preempt();
}

/* --- what kern/sched/idle.c asks of the scheduler and the clock --- */

u_int
sched_queue_length(u_int cpu)
{
	return (cpus[cpu].nqueue);
}

void
sched_yield(void)
{
	cur->intr_on = false;
	run_next();
	cur->intr_on = true;
}

uint64_t
hardclock_next(void)
{
	return (0);
}

void
clock_stop(uint64_t next)
{
	(void)next;
	if (cur->pc->pc_sf_pool->ring.len[OPEN] != 0)
		sim_fail("CPU %d idles with an open batch",
		    (int)(cur - cpus));
	cur->asleep = true;
}

/* From here on this CPU may use any shared mapping. */
void
clock_start(void)
{
	cur->asleep = false;
	sim_check_tlb(cur);
}

static void
idle_loop(void)
{
	fiber_entered();
	if (cur->asleep)
		cpu_idle();		/* since before the run began */
	sched_idle();
}

static void
thread_loop(void)
{
	struct task *t = cur->task;

	fiber_entered();
	cur->intr_on = true;
	if (number(t) == CHECKER)
		work_check();		/* does not return */
	thread_fn(number(t));
	sim_note("ends");
	cur->intr_on = false;
	t->done = true;
	run_next();
}

/*
 * threads_stuck: called when every CPU halts and no interrupt is on its way.
 * Ends a nap or frees a shared mapping, if there is one.  If not, and threads
 * still sleep, their wake-up was lost; if all have ended, starts the checker.
 */
void
threads_stuck(void)
{
	u_int sleeping = 0;

	work_check_waiters();
	for (u_int i = 0; i < nthreads; i++)
		if (thread_wake_nap(i))
			return;
	if (work_release_shared())
		return;
	for (u_int i = 0; i < nthreads; i++)
		sleeping += !tasks[i].done;
	if (sleeping != 0)
		sim_fail("lost wake-up: %u threads sleep, %u of %u slots are "
		    "referenced", sleeping, sf_buf_inuse(), nsfbufs);
	machine_calm();
	enqueue(&cpus[0], &tasks[CHECKER]);
	cpus[0].pending |= 1u << IPI_RESCHED;
}

static void
task_make(u_int i, u_int id, u_int cpu, void (*entry)(void))
{
	struct task *t = &tasks[i];
	struct fiber f = t->fiber;

	memset(t, 0, sizeof(*t));
	t->fiber = f;
	t->td.td_id = id;
	t->td.td_cpu = cpu;
	t->td.td_bound = NOCPU;
	fiber_make(&t->fiber, entry);
}

/*
 * threads_reset: makes n threads, spread over the CPUs, that run fn, and the
 * idle tasks and the checker.
 */
void
threads_reset(u_int n, void (*fn)(u_int thread))
{
	u_int idle;

	nthreads = n;
	thread_fn = fn;
	task_make(CHECKER, 99, 0, thread_loop);
	for (u_int c = 0; c < mp_ncpus; c++) {
		idle = CHECKER + 1 + c;
		task_make(idle, 100 + c, c, idle_loop);
		cpus[c].idle = cpus[c].task = &tasks[idle];
		cpus[c].pc->pc_curthread = &tasks[idle].td;
	}
	for (u_int i = 0; i < n; i++) {
		task_make(i, i, i % mp_ncpus, thread_loop);
		cpus[i % mp_ncpus].queue[cpus[i % mp_ncpus].nqueue++] =
		    &tasks[i];
	}
}
