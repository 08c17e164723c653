/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_THREAD_H_
#define	_SYS_THREAD_H_

/*
 * Kernel threads.  kern/sched/thread.c makes and ends them,
 * kern/sched/sched.c runs them, kern/sync/sleepq.c puts them to sleep.  See
 * docs/locking.md.
 */

#include <sys/types.h>
#include <machine/atomic.h>
#include <machine/curthread.h>

struct mtx;

enum thread_state {
	TDS_RUNNING,		/* on its CPU */
	TDS_RUNNABLE,		/* on a run queue */
	TDS_SLEEPING,		/* on a sleep queue */
	TDS_MIGRATING,		/* leaves its CPU: see sched_switched() */
	TDS_EXITING,		/* leaves its stack for the last time */
	TDS_ZOMBIE		/* waits for thread_join() */
};

#define	THREAD_NAMELEN	16
#define	NOCPU		0xffffffffu

/*
 * What protects a field:
 *	(s)	only the thread itself changes it
 *	(r)	the lock of the run queue of td_cpu
 *	(q)	the lock of the sleep queue of td_wchan
 *	(t)	the lock of the timeouts of td_timocpu
 *	(l)	threads_lock
 *	(a)	locked instructions, by any thread
 * The others do not change during the thread's life.
 */
struct thread {
	struct thread *td_next;		/* (r) or (q) */
	void *td_sp;			/* (r) while it does not run */
	struct user_thread *td_user;	/* (s) what a task's thread has; NULL */
	volatile uint32_t td_ast;	/* (a) not 0: ops->ast before ring 3 */
	volatile uint32_t td_state;	/* (r), (q); enum thread_state */
	volatile u_int td_cpu;		/* (r) runs there, or did last */
	u_int td_bound;			/* (s) bound to this CPU, or NOCPU */
	u_int td_pinned;		/* (s) sched_pin() depth */
	u_int td_critnest;		/* (s) critical_enter() depth */
	bool td_preempt_pending;	/* (s) put off by a critical section */
	u_int td_id;
	char td_name[THREAD_NAMELEN];

	const void *volatile td_wchan;	/* (q) what it waits for, or NULL */
	const char *td_wmesg;		/* (q) the reason, for listings */
	int td_error;			/* (q) why it was woken */
	bool td_catch;			/* (q) a signal ends the sleep */
	uint32_t td_slept;		/* (q) clock_seconds() at its start */
	bool td_sleeps_long;		/* (q) not reported by the watchdog */
	bool td_warned;			/* the watchdog has reported it */
	volatile uint32_t td_signals;	/* (a) pending, one bit each */

	struct thread *td_timonext;	/* (t) next by deadline */
	uint64_t td_deadline;		/* (s) in TSC ticks, odd; 0: none */
	u_int td_timocpu;		/* (s) CPU whose clock ends the sleep */
	volatile uint32_t td_timeout_running;	/* (t) that clock uses td */

	struct mtx *td_mutexes;		/* (s) held, the last taken first */
	void (*td_fn)(void *);
	void *td_arg;
	struct thread *td_allnext;	/* (l) */
	vm_offset_t td_stack;		/* its lowest address */
};

/*
 * thread_create: makes a runnable thread that calls fn(arg) and ends when that
 * returns.  Thread context; does not sleep.  Returns NULL if out of memory.
 * Every thread must be joined, once.
 */
struct thread *thread_create(void (*fn)(void *), void *arg, const char *name);

/* thread_create_on: as thread_create(); the thread is bound to a CPU. */
struct thread *thread_create_on(u_int cpu, void (*fn)(void *), void *arg,
    const char *name);

/*
 * thread_exit: ends the calling thread, which holds no lock, is not pinned and
 * not in a critical section.
 */
void	thread_exit(void) __attribute__((__noreturn__));

/* thread_join: sleeps until td has ended, and frees it.  Thread context. */
void	thread_join(struct thread *td);

/*
 * thread_signal: makes signal `sig' (0 to 31) pending for td, and wakes it if
 * it sleeps interruptibly.  Any context but NMI; td must not be joined yet.
 */
void	thread_signal(struct thread *td, u_int sig);

/*
 * thread_signals_take: returns the pending signals of the calling thread, as a
 * mask, and clears them.
 */
uint32_t thread_signals_take(void);

/*
 * run_on_all_cpus: calls fn(arg) on every CPU, each time in a thread bound to
 * it, and returns when all have returned.  Thread context, one caller at a
 * time; sleeps.
 */
void	run_on_all_cpus(void (*fn)(void *), void *arg);

/*
 * thread_count: returns the number of threads without the idle threads, as a
 * sample.  Any context.
 */
u_int	thread_count(void);

/*
 * thread_foreach: calls fn for each thread but the idle threads, with the list
 * locked.  Any context but NMI.
 * thread_foreach_try: does so and returns true, or returns false at once if
 * the list is locked; for the watchdog, which must not wait for a stuck CPU.
 */
void	thread_foreach(void (*fn)(struct thread *td, void *arg), void *arg);
bool	thread_foreach_try(void (*fn)(struct thread *td, void *arg), void *arg);

/* thread_print_all: prints a line for each thread.  Any context but NMI. */
void	thread_print_all(void);

/*
 * thread_init: makes the calling code the thread "main", and gives this CPU a
 * queue and an idle thread.  Once, before any lock is taken.
 * thread_init_idle: gives the idle thread of this CPU, the first, its stack,
 * once there is memory.
 */
void	thread_init(void);
void	thread_init_idle(void);

#endif /* !_SYS_THREAD_H_ */
