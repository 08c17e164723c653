/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SCHED_H_
#define	_SYS_SCHED_H_

/*
 * The scheduler: kern/sched/sched.c.  What keeps a thread on its CPU, and what
 * the makers of threads, sleep queues and interrupts need.
 */

#include <sys/thread.h>

/*
 * sched_pin: from here to sched_unpin() the thread stays on its CPU; it may be
 * pre-empted and may sleep.  Nests.  Any context but NMI.  sched_pin(9).
 */
static inline void
sched_pin(void)
{
	curthread()->td_pinned++;
	atomic_interrupt_fence();
}

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
 * sched_unbind().  It must be neither pinned nor bound.  Thread context.
 */
void	sched_bind(u_int cpu);
void	sched_unbind(void);

/* Whether whatever runs here now cannot leave this CPU.  Any context. */
bool	sched_is_pinned(void);

/*
 * No pre-emption, and so no migration, between the two; no sleep either.
 * Nests.  Any context but NMI.
 */
static inline void
critical_enter(void)
{
	curthread()->td_critnest++;
	atomic_interrupt_fence();
}

void	critical_exit_slow(void);

/*
 * Who was to be pre-empted meanwhile is so now.  The thread itself holds the
 * mark: one of the CPU could be another CPU's by the time it is read.  Below
 * 0 it was not entered.
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

/* sched_yield: lets others of this CPU run first.  Thread context. */
void	sched_yield(void);

/* For kern/sched/thread.c, kern/sync/sleepq.c and the machine's interrupt code. */
void	sched_init_cpu(u_int cpu);
void	sched_ready(struct thread *td);
void	sched_switch(void);		/* with this CPU's run queue locked */
void	sched_lock_self(void);
void	sched_switched(void);
void	sched_idle(void) __attribute__((__noreturn__));
void	sched_tick(void);
void	sched_preempt(void);
u_int	sched_queue_length(u_int cpu);

/* arch/i386/trap/switch.asm */
void	cpu_switch(void **save, void *restore);

#endif /* !_SYS_SCHED_H_ */
