/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The scheduler: a queue of runnable threads for each CPU, served in turn,
 * one clock tick each.
 *
 * Invariant: while a CPU switches, it holds the lock of its run queue, and
 * the thread that it switches to lets it go, in sched_switched().  Whoever makes
 * a thread runnable takes the lock of the queue of the CPU that it last ran
 * on first; so no thread is resumed before it is off its stack.
 *
 * A thread changes its CPU only when it becomes runnable, when the clock finds
 * it waiting while another CPU idles, or by sched_bind().
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/ipi.h>

static struct runq {
	struct spinlock lock;
	struct thread *head, *tail;	/* linked by td_next */
	volatile u_int len;
} runqs[MAXCPU];

/* sched_init_cpu: its queue and its idle thread.  Before the CPU runs. */
void
sched_init_cpu(u_int cpu)
{
	struct pcpu *pc = pcpus[cpu];
	struct thread *td = &pc->pc_idlethread;

	spin_init(&runqs[cpu].lock, "run queue", RANK_RUNQ);
	snprintf(td->td_name, sizeof(td->td_name), "idle %u", cpu);
	td->td_cpu = td->td_bound = cpu;
	td->td_state = TDS_RUNNING;
	if (pc->pc_curthread == NULL)
		pc->pc_curthread = td;
}

static void
enqueue(struct runq *q, struct thread *td)
{
	td->td_state = TDS_RUNNABLE;
	td->td_next = NULL;
	if (q->head == NULL)
		q->head = td;
	else
		q->tail->td_next = td;
	q->tail = td;
	q->len++;
}

static inline bool
may_move(const struct thread *td)
{
	return (td->td_bound == NOCPU && td->td_pinned == 0);
}

/* The first of the queue, or the first that may move; NULL if none. */
static struct thread *
dequeue(struct runq *q, bool movable)
{
	struct thread **p, *td, *prev = NULL;

	for (p = &q->head; (td = *p) != NULL; p = &td->td_next) {
		if (!movable || may_move(td))
			break;
		prev = td;
	}
	if (td == NULL)
		return (NULL);
	*p = td->td_next;
	if (q->tail == td)
		q->tail = prev;
	q->len--;
	return (td);
}

static inline bool
is_idle(const struct pcpu *pc)
{
	return (pc->pc_curthread == &pc->pc_idlethread);
}

/*
 * Where td is to run: where it must; else where it ran last, if that CPU has
 * nothing to do; else on any CPU that has not; else on the least loaded.  The
 * looks at other CPUs are not locked: at worst the choice is not the best.
 */
static u_int
choose_cpu(const struct thread *td)
{
	u_int cpu, best = td->td_cpu, load, least = ~0u;

	if (td->td_bound != NOCPU)
		return (td->td_bound);
	if (td->td_pinned != 0)
		return (td->td_cpu);
	for (u_int i = 0; i < mp_ncpus && least != 0; i++) {
		cpu = (td->td_cpu + i) % mp_ncpus;
		load = runqs[cpu].len + !is_idle(pcpus[cpu]);
		if (load < least) {
			least = load;
			best = cpu;
		}
	}
	return (best);
}

/*
 * A thread was put on q, the queue of an idle CPU: it is to look.  It looks
 * with interrupts off before it halts, and this interrupt, sent after the
 * thread is on the queue, ends the halt.  Who put the first one there sent
 * it.  Sent under the queue's lock, for who is pre-empted before it sends
 * would leave the CPU asleep for as long.
 */
static void
kick(const struct runq *q, u_int cpu)
{
	if (q->len != 1)
		return;
	if (cpu == curcpu_id())
		curpcpu()->pc_need_resched = 1;
	else
		hw_send_ipi(cpu, IPI_RESCHED);
}

/*
 * sched_ready: makes a thread runnable that is on no queue: a new one, or one
 * that was taken off its sleep queue.  Any context but NMI.
 *
 * td_cpu may be read unlocked: only who has taken the thread off its queue
 * changes it.  Taking the queue's lock of the CPU that it ran on waits until
 * that has switched away from it.
 */
void
sched_ready(struct thread *td)
{
	struct runq *q = &runqs[td->td_cpu];
	u_int cpu;

	spin_lock(&q->lock);
	cpu = choose_cpu(td);
	if (cpu != td->td_cpu) {
		spin_unlock(&q->lock);
		td->td_cpu = cpu;
		q = &runqs[cpu];
		spin_lock(&q->lock);
	}
	enqueue(q, td);
	if (is_idle(pcpus[cpu]))
		kick(q, cpu);
	spin_unlock(&q->lock);
}

/* sched_lock_self: locks the run queue of the CPU that this runs on. */
void
sched_lock_self(void)
{
	uint32_t flags = intr_save();
	struct pcpu *pc = curpcpu();
	bool outermost = pc->pc_held == NULL;

	spin_lock(&runqs[pc->pc_cpuid].lock);
	if (outermost)
		pc->pc_saved_flags = flags;
}

/*
 * sched_switched: the end of a switch, in the thread that was switched to:
 * releases the run queue, and does for the thread before what it could not
 * do for itself while it still ran.  What that is must be known before the
 * release: afterwards a sleeper may run, end and be gone.  In a critical
 * section: the idle thread, pre-empted here, would keep prev waiting for as
 * long as the CPU has work.
 */
void
sched_switched(void)
{
	struct thread *prev = curpcpu()->pc_switched_from;
	uint32_t state = prev->td_state;

	critical_enter();
	spin_unlock(&runqs[curcpu_id()].lock);
	if (state == TDS_MIGRATING) {
		sched_ready(prev);
	} else if (state == TDS_EXITING) {
		/* Once this lock is released, prev may be gone. */
		sleepq_lock(prev);
		prev->td_state = TDS_ZOMBIE;
		sleepq_wakeup_locked(prev);
		sleepq_unlock(prev);
	}
	critical_exit();
}

/*
 * sched_switch: runs the next thread of this CPU, or its idle thread.  The
 * run queue is locked, by sched_lock_self(), and released on return; the
 * caller has set its state, and put itself wherever it is to be found.
 */
void
sched_switch(void)
{
	struct pcpu *pc = curpcpu();
	struct thread *old = pc->pc_curthread, *new;
	uint32_t flags = pc->pc_saved_flags;

	KASSERT(pc->pc_held->next == NULL, "sched_switch: %s holds %s, taken "
	    "at %p (called from %p)", old->td_name, pc->pc_held->next->name,
	    pc->pc_held->next->where, __caller());
	KASSERT(pc->pc_intr_depth == 0, "sched_switch: in an interrupt "
	    "(called from %p)", __caller());
	pc->pc_need_resched = 0;
	old->td_preempt_pending = false;
	new = dequeue(&runqs[pc->pc_cpuid], false);
	if (new == NULL)
		new = &pc->pc_idlethread;
	new->td_state = TDS_RUNNING;
	pc->pc_switched_from = old;
	if (new != old) {
		pc->pc_switches++;
		pc->pc_curthread = new;
		cpu_switch(&old->td_sp, new->td_sp);
	}
	curpcpu()->pc_saved_flags = flags;
	sched_switched();
}

/* sched_yield: the calling thread goes to the end of its CPU's queue. */
void
sched_yield(void)
{
	struct thread *td = curthread();
	struct pcpu *pc;

	sched_lock_self();
	pc = curpcpu();
	if (td != &pc->pc_idlethread)
		enqueue(&runqs[pc->pc_cpuid], td);
	sched_switch();
}

/*
 * sched_preempt: from the end of an interrupt, when this CPU is to look at
 * its queue: yields, unless what was interrupted may not be; a critical
 * section does it at its end.  Interrupts off.
 */
void
sched_preempt(void)
{
	struct pcpu *pc = curpcpu();

	if (pc->pc_intr_depth != 0 || pc->pc_held != NULL)
		return;
	if (pc->pc_curthread->td_critnest != 0)
		pc->pc_curthread->td_preempt_pending = true;
	else
		sched_yield();
}

/* Some CPU that has nothing to do, or NOCPU. */
static u_int
idle_cpu(void)
{
	for (u_int i = 0; i < mp_ncpus; i++)
		if (runqs[i].len == 0 && is_idle(pcpus[i]))
			return (i);
	return (NOCPU);
}

/*
 * sched_tick: the clock's.  One tick for each thread, if others wait; and one
 * of those moves, if it may, where a CPU idles: so that none does for longer
 * than a tick while a thread waits that it could run.  Interrupts off.
 */
void
sched_tick(void)
{
	struct pcpu *pc = curpcpu();
	struct runq *q = &runqs[pc->pc_cpuid];
	struct thread *td;

	if (q->len == 0)
		return;
	pc->pc_need_resched = 1;
	if (is_idle(pc) || idle_cpu() == NOCPU)
		return;
	spin_lock(&q->lock);
	td = dequeue(q, true);
	spin_unlock(&q->lock);
	if (td != NULL)
		sched_ready(td);
}

/* sched_queue_length: how many threads wait for a CPU; a sample.  Any context. */
u_int
sched_queue_length(u_int cpu)
{
	return (runqs[cpu].len);
}

/*
 * critical_exit_slow: the section is over, and pre-emption was put off.  Where
 * interrupts are off, the next one's end does it.
 */
void
critical_exit_slow(void)
{
	KASSERT(curthread()->td_critnest == 0, "critical_exit: not entered "
	    "(called from %p)", __caller());
	if (!intr_enabled())
		return;
	disable_intr();
	sched_preempt();
	enable_intr();
}

void
sched_unpin_broken(void)
{
	panic("sched_unpin: not pinned (called from %p)", __caller());
}

/* Contracts of these are in <sys/thread.h>. */
bool
sched_is_pinned(void)
{
	const struct thread *td = curthread();

	return (td->td_pinned != 0 || td->td_bound != NOCPU ||
	    td->td_critnest != 0 || !intr_enabled() ||
	    curpcpu()->pc_intr_depth != 0);
}

void
sched_bind(u_int cpu)
{
	struct thread *td = curthread();

	KASSERT(cpu < mp_ncpus, "sched_bind: no CPU %u (called from %p)", cpu,
	    __caller());
	KASSERT(td->td_pinned == 0 && td->td_bound == NOCPU,
	    "sched_bind: already pinned or bound (called from %p)",
	    __caller());
	td->td_bound = cpu;
	sched_lock_self();
	if (td->td_cpu == cpu) {
		spin_unlock(&runqs[cpu].lock);
		return;
	}
	td->td_state = TDS_MIGRATING;
	sched_switch();
}

void
sched_unbind(void)
{
	KASSERT(curthread()->td_bound != NOCPU,
	    "sched_unbind: not bound (called from %p)", __caller());
	curthread()->td_bound = NOCPU;
}
