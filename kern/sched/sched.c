/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The scheduler: for each CPU a queue of runnable threads, which run in turn,
 * one clock tick each.
 *
 * Invariant: a CPU that switches holds the lock of its run queue until the
 * thread that it switches to releases it, in sched_switched().  Before a
 * thread is made runnable, the lock of the queue of the CPU that it last ran
 * on is taken; so no thread is resumed before that CPU has left its stack.
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
#include <machine/user.h>

static struct runq {
	struct spinlock lock;
	struct thread *head, *tail;	/* linked by td_next */
	volatile u_int len;
} runqs[MAXCPU];

/* Contracts of the public functions are in <sys/sched.h>. */
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

/* Puts td, which is on no queue, at the end of q, which is locked. */
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

/* Takes the thread after prev, or the first if prev is NULL, off q. */
static void
unlink_after(struct runq *q, struct thread *prev)
{
	struct thread **p = prev == NULL ? &q->head : &prev->td_next;
	struct thread *td = *p;

	*p = td->td_next;
	if (q->tail == td)
		q->tail = prev;
	q->len--;
}

/* Takes the first thread off q, which is locked; NULL if there is none. */
static struct thread *
dequeue(struct runq *q)
{
	struct thread *td = q->head;

	if (td != NULL)
		unlink_after(q, NULL);
	return (td);
}

/* Takes the first thread off q that may move; NULL if there is none. */
static struct thread *
dequeue_movable(struct runq *q)
{
	struct thread *td, *prev = NULL;

	for (td = q->head; td != NULL; prev = td, td = td->td_next) {
		if (may_move(td)) {
			unlink_after(q, prev);
			return (td);
		}
	}
	return (NULL);
}

static inline bool
is_idle(const struct pcpu *pc)
{
	return (pc->pc_curthread == &pc->pc_idlethread);
}

/*
 * Returns the CPU that td is to run on: the one that it is bound or pinned to;
 * else the one it ran on last, if that is idle; else an idle one; else the
 * least loaded.  Reads other CPUs' queues without their locks: at worst the
 * choice is not the best.
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
 * Wakes an idle CPU after a thread was put on its queue.  The idle loop looks
 * at its queue with interrupts off before it halts; this interrupt, sent after
 * the thread was queued, ends the halt.  Only the first thread on the queue
 * needs it.  The queue is locked, so that the sender is not pre-empted between
 * the two, which would leave the CPU halted for as long.
 */
static void
wake_idle(const struct runq *q, u_int cpu)
{
	if (q->len != 1)
		return;
	if (cpu == curcpu_id())
		curpcpu()->pc_need_resched = 1;
	else
		hw_send_ipi(cpu, IPI_RESCHED);
}

/*
 * td_cpu may be read without a lock, because the thread is on no queue and
 * only its waker changes it.  The lock of the queue of td_cpu is free once
 * that CPU has switched away from the thread.
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
		wake_idle(q, cpu);
	spin_unlock(&q->lock);
}

/*
 * The thread goes before those that wait for this CPU: it has, so to speak,
 * what is left of the caller's slice.  At the end of that the clock makes it
 * yield like any other, so two threads that hand the CPU to each other do not
 * keep it from a third.  No CPU is woken: this one runs.  Interrupts are off,
 * so that it stays this one.
 */
void
sched_ready_next(struct thread *td)
{
	uint32_t flags = intr_save();
	u_int cpu = curcpu_id();
	struct runq *q;

	if (td->td_cpu != cpu && !may_move(td)) {
		intr_restore(flags);
		sched_ready(td);
		return;
	}
	/* As in sched_ready(): once locked, its last CPU has left its stack. */
	q = &runqs[td->td_cpu];
	spin_lock(&q->lock);
	if (td->td_cpu != cpu) {
		spin_unlock(&q->lock);
		td->td_cpu = cpu;
		q = &runqs[cpu];
		spin_lock(&q->lock);
	}
	td->td_state = TDS_RUNNABLE;
	td->td_next = q->head;
	q->head = td;
	if (q->tail == NULL)
		q->tail = td;
	q->len++;
	spin_unlock(&q->lock);
	intr_restore(flags);
}

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
 * The state of prev is read before the release of the queue, because after it
 * a thread that sleeps may run, end and be freed.  The rest is a critical
 * section: if the idle thread were pre-empted here, prev would wait for as
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
		/* When this lock is released, prev may be freed. */
		sleepq_lock(prev);
		prev->td_state = TDS_ZOMBIE;
		sleepq_wakeup_locked(prev);
		sleepq_unlock(prev);
	}
	critical_exit();
}

void
sched_switch(void)
{
	struct pcpu *pc = curpcpu();
	struct thread *old = pc->pc_curthread, *new;
	uint32_t flags = pc->pc_saved_flags;

	KASSERT(pc->pc_held->next == NULL, "sched_switch: %s holds %s, taken "
	    "at %pC (called from %pC)", old->td_name, pc->pc_held->next->name,
	    pc->pc_held->next->where, __caller());
	KASSERT(pc->pc_intr_depth == 0, "sched_switch: in an interrupt "
	    "(called from %pC)", __caller());
	pc->pc_need_resched = 0;
	old->td_preempt_pending = false;
	new = dequeue(&runqs[pc->pc_cpuid]);
	if (new == NULL)
		new = &pc->pc_idlethread;
	new->td_state = TDS_RUNNING;
	pc->pc_switched_from = old;
	if (new != old) {
		pc->pc_switches++;
		pc->pc_curthread = new;
		if (old->td_user != NULL || new->td_user != NULL)
			user_switch(old, new);
		cpu_switch(&old->td_sp, new->td_sp);
	}
	curpcpu()->pc_saved_flags = flags;
	sched_switched();
}

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

/* Returns an idle CPU without a waiting thread, or NOCPU. */
static u_int
idle_cpu(void)
{
	for (u_int i = 0; i < mp_ncpus; i++)
		if (runqs[i].len == 0 && is_idle(pcpus[i]))
			return (i);
	return (NOCPU);
}

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
	td = dequeue_movable(q);
	spin_unlock(&q->lock);
	if (td != NULL)
		sched_ready(td);
}

u_int
sched_queue_length(u_int cpu)
{
	return (runqs[cpu].len);
}

/* If interrupts are off, the end of the next interrupt yields. */
void
critical_exit_slow(void)
{
	KASSERT(curthread()->td_critnest == 0, "critical_exit: not entered "
	    "(called from %pC)", __caller());
	if (!intr_enabled())
		return;
	disable_intr();
	sched_preempt();
	enable_intr();
}

void
sched_unpin_broken(void)
{
	panic("sched_unpin: not pinned (called from %pC)", __caller());
}

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

	KASSERT(cpu < mp_ncpus, "sched_bind: no CPU %u (called from %pC)", cpu,
	    __caller());
	KASSERT(td->td_pinned == 0 && td->td_bound == NOCPU,
	    "sched_bind: already pinned or bound (called from %pC)",
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
	    "sched_unbind: not bound (called from %pC)", __caller());
	curthread()->td_bound = NOCPU;
}
