/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_THREAD_H_
#define	_SYS_THREAD_H_

/*
 * Kernel threads: kern/sched/thread.c makes and ends them, kern/sched/sched.c runs them,
 * kern/sync/sleepq.c puts them to sleep.  See docs/locking.md.
 */

#include <sys/types.h>
#include <machine/atomic.h>
#include <machine/curthread.h>

struct mtx;

enum thread_state {
	TDS_RUNNING,		/* on its CPU */
	TDS_RUNNABLE,		/* on a run queue */
	TDS_SLEEPING,		/* on a sleep queue */
	TDS_MIGRATING,		/* on its way to another CPU */
	TDS_EXITING,		/* for the last time on its stack */
	TDS_ZOMBIE		/* waits for thread_join() */
};

#define	THREAD_NAMELEN	16
#define	NOCPU		0xffffffffu

/*
 * Who may touch a field:
 *	(s)	the thread itself
 *	(r)	the lock of the run queue of td_cpu
 *	(q)	the lock of the sleep queue of td_wchan
 *	(l)	threads_lock
 *	(a)	anyone, by locked instructions
 */
struct thread {
	struct thread *td_next;		/* (r) or (q) */
	void *td_sp;			/* (r) while it does not run */
	volatile uint32_t td_state;	/* (r), (q); enum thread_state */
	volatile u_int td_cpu;		/* (r) runs there, or did last */
	u_int td_bound;			/* (s) bound to this CPU, or NOCPU */
	u_int td_pinned;		/* (s) sched_pin() depth */
	u_int td_critnest;		/* (s) critical_enter() depth */
	bool td_preempt_pending;			/* (s) pre-emption put off by that */
	u_int td_id;
	char td_name[THREAD_NAMELEN];

	const void *volatile td_wchan;	/* (q) what it waits for, or NULL */
	const char *td_wmesg;		/* (q) the same, for people */
	int td_error;			/* (q) why it was woken */
	bool td_catch;			/* (q) a signal ends the sleep */
	uint64_t td_slept;		/* (q) cpu_ticks() when it began */
	bool td_sleeps_long;		/* (q) the watchdog is not to name it */
	bool td_warned;			/* the watchdog has */
	volatile uint32_t td_signals;	/* (a) pending, one bit each */

	struct thread *td_timonext;	/* timeouts of td_timocpu */
	uint64_t td_deadline;		/* the same; 0: none */
	u_int td_timocpu;		/* (s) */
	volatile uint32_t td_timeout_running;	/* a tick is waking it */

	struct mtx *td_mutexes;		/* (s) held, the last taken first */
	void (*td_fn)(void *);
	void *td_arg;
	struct thread *td_allnext;	/* (l) */
	vm_offset_t td_stack;		/* lowest address */
};

/*
 * thread_create: a new runnable thread that calls fn(arg) and ends when that
 * returns.  Thread context; does not sleep.  NULL if memory ran out.  Every
 * thread must be joined, once.
 */
struct thread *thread_create(void (*fn)(void *), void *arg, const char *name);

/* thread_create_on: the same, bound to a CPU for its life. */
struct thread *thread_create_on(u_int cpu, void (*fn)(void *), void *arg,
    const char *name);

/* thread_exit: ends the calling thread. */
void	thread_exit(void) __attribute__((__noreturn__));

/* thread_join: sleeps until td ended, then frees it.  Thread context. */
void	thread_join(struct thread *td);

/*
 * thread_signal: makes signal `sig' (0 to 31) pending for td, and wakes it if
 * it sleeps interruptibly.  Any context but NMI; td must not be joined yet.
 */
void	thread_signal(struct thread *td, u_int sig);

/* Takes the pending signals of the calling thread, as a mask. */
uint32_t thread_signals_take(void);

/* run_on_all_cpus: fn(arg) in a thread bound to each CPU, joined. */
void	run_on_all_cpus(void (*fn)(void *), void *arg);

u_int	thread_count(void);		/* threads that are not idle threads */
void	thread_init(void);
void	thread_init_idle(void);
void	thread_foreach(void (*fn)(struct thread *td, void *arg), void *arg);
bool	thread_foreach_try(void (*fn)(struct thread *td, void *arg), void *arg);
void	thread_print_all(void);

#endif /* !_SYS_THREAD_H_ */
