/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SCHED_H_
#define	_SYS_SCHED_H_

/*
 * The scheduler: kern/sched/sched.c.  First what any code may use, to keep a
 * thread on its CPU and to yield; then what threads, sleep queues and the
 * machine's interrupt code use.
 */

#include <sys/thread.h>

/*
 * sched_pin: keeps the thread on its CPU until sched_unpin(); it may be
 * pre-empted and may sleep.  Nests.  Any context but NMI.  See sched_pin(9).
 */
static inline void
sched_pin(void)
{
	curthread()->td_pinned++;
	atomic_interrupt_fence();
}

/* The panic of sched_unpin() in a thread that is not pinned. */
void	sched_unpin_broken(void) __attribute__((__noreturn__));

static inline void
sched_unpin(void)
{
	struct thread *td = curthread();

	atomic_interrupt_fence();
	if (__builtin_expect(td->td_pinned-- == 0, 0))
		sched_unpin_broken();
}

/*
 * sched_bind: moves the thread to a CPU, and keeps it there until
 * sched_unbind().  The thread must be neither pinned nor bound.  Thread
 * context, no spin lock held.
 */
void	sched_bind(u_int cpu);
void	sched_unbind(void);

/* sched_is_pinned: whether the caller cannot leave its CPU.  Any context. */
bool	sched_is_pinned(void);

/*
 * critical_enter: keeps the thread from being pre-empted, and so on its CPU,
 * until critical_exit(); it must not sleep.  Nests.  Any context but NMI.
 */
static inline void
critical_enter(void)
{
	curthread()->td_critnest++;
	atomic_interrupt_fence();
}

/* The rest of critical_exit() when a pre-emption was put off, or it panics. */
void	critical_exit_slow(void);

/*
 * critical_exit: the last one carries out a pre-emption that the section put
 * off.  The mark is in the thread, because the thread may have moved by the
 * time a CPU's mark is read.  A negative depth means that the section was not
 * entered.
 */
static inline void
critical_exit(void)
{
	struct thread *td = curthread();

	atomic_interrupt_fence();
	if ((int)--td->td_critnest <= 0 &&
	    __builtin_expect(td->td_critnest != 0 || td->td_preempt_pending, 0))
		critical_exit_slow();
}

/*
 * sched_yield: moves the calling thread to the end of its CPU's queue, so that
 * the others run first.  Thread context, no lock held.
 */
void	sched_yield(void);

/*
 * What follows is for kern/sched/, kern/sync/sleepq.c, kern/debug/watchdog.c
 * and the machine's interrupt code.
 */

/* sched_init_cpu: makes a CPU's queue and idle thread, before the CPU runs. */
void	sched_init_cpu(u_int cpu);

/*
 * sched_ready: makes a thread runnable that is on no queue: a new one, or one
 * that was taken off its sleep queue.  Any context but NMI.
 */
void	sched_ready(struct thread *td);

/*
 * sched_ready_next: as sched_ready(), but td is the next thread of this CPU if
 * it may run here.  For a thread that is about to sleep until td has done
 * something.  Thread context.
 */
void	sched_ready_next(struct thread *td);

/* sched_lock_self: locks the run queue of the CPU that it is called on. */
void	sched_lock_self(void);

/*
 * sched_switch: runs the next thread of this CPU, or its idle thread.  The run
 * queue is locked, by sched_lock_self(), and released on return; the caller
 * has set td_state and put itself on the queue that it waits on.
 */
void	sched_switch(void);

/*
 * sched_switched: ends a switch, in the thread that was switched to: releases
 * the run queue, and completes for the previous thread what it could not do
 * while it was still on its stack.
 */
void	sched_switched(void);

/*
 * sched_idle: the body of a CPU's idle thread: runs the threads of this CPU's
 * queue; when there is none, halts with the clock stopped.
 */
void	sched_idle(void) __attribute__((__noreturn__));

/*
 * sched_enter_idle: marks this CPU idle, so that no flush waits for it, and
 * stops its clock, or sets it for what is due next.
 * sched_leave_idle: if this CPU is marked idle, flushes its TLB, unmarks it and
 * starts its clock.  Called by everything that may run first after the halt,
 * before it touches an sf_buf or a stack other than the idle thread's.
 * Interrupts off.
 */
void	sched_enter_idle(void);
void	sched_leave_idle(void);

/*
 * sched_tick: called by the clock interrupt.  Ends the running thread's slice
 * if others wait, and hands one waiting thread to an idle CPU; so no CPU idles
 * for more than a tick while a thread that it could run waits.  Interrupts
 * off.
 */
void	sched_tick(void);

/*
 * sched_preempt: called at the end of an interrupt if pc_need_resched is set.
 * Yields, unless the interrupted code must not be pre-empted; a critical
 * section then yields when it ends.  Interrupts off.
 */
void	sched_preempt(void);

/*
 * sched_queue_length: returns how many threads wait for a CPU, as a sample.
 * Any context.
 */
u_int	sched_queue_length(u_int cpu);

/*
 * cpu_switch: saves the stack pointer in *save and goes on at the stack
 * `restore', where another thread called this: arch/i386/trap/switch.asm.
 */
void	cpu_switch(void **save, void *restore);

#endif /* !_SYS_SCHED_H_ */
