/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The life of kernel threads, and the list of all.  Invariants: a thread's
 * structure lies at the top of its stack, so both are made and freed together;
 * every thread but the idle threads is on the list from its creation until it
 * is joined.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/monitor.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/vmparam.h>
#include <vm/kmem.h>

#define	STACK_FRAME	6u	/* words: what cpu_switch() pops, and a 0 */

static struct spinlock threads_lock =
    SPINLOCK_INITIALIZER("threads", RANK_THREADS);
static struct thread *threads;		/* the list, by td_allnext */
static u_int nthreads, last_id;

/* The thread that runs kern_main(), on the boot stack. */
static struct thread thread0 = {
	.td_name = "main", .td_state = TDS_RUNNING, .td_bound = NOCPU,
};

static void
list_add(struct thread *td)
{
	spin_lock(&threads_lock);
	td->td_id = ++last_id;
	td->td_allnext = threads;
	threads = td;
	nthreads++;
	spin_unlock(&threads_lock);
}

static void
list_remove(struct thread *td)
{
	struct thread **p;

	spin_lock(&threads_lock);
	for (p = &threads; *p != td; p = &(*p)->td_allnext)
		continue;
	*p = td->td_allnext;
	nthreads--;
	spin_unlock(&threads_lock);
}

/* The first code of a new thread: cpu_switch() returns to it. */
static void __dead2
thread_start(void)
{
	struct thread *td = curthread();

	curpcpu()->pc_saved_flags = EFLAGS_IF;
	sched_switched();
	td->td_fn(td->td_arg);
	thread_exit();
}

/*
 * Makes the stack look as cpu_switch() leaves one, so that the first switch to
 * td calls entry.  The 0 on top ends backtraces.
 */
static void
make_frame(struct thread *td, uintptr_t *top, void (*entry)(void))
{
	uintptr_t *sp = top - STACK_FRAME;

	memset(sp, 0, STACK_FRAME * sizeof(*sp));
	sp[4] = (uintptr_t)entry;
	td->td_sp = sp;
}

/* Makes a thread, bound to cpu unless that is NOCPU; NULL if out of memory. */
static struct thread *
new_thread(u_int cpu, void (*fn)(void *), void *arg, const char *name)
{
	vm_offset_t stack = (vm_offset_t)kstack_alloc();
	struct thread *td;

	if (stack == 0)
		return (NULL);
	td = (struct thread *)((stack + KSTACK_SIZE - sizeof(*td)) &
	    ~(vm_offset_t)15);
	memset(td, 0, sizeof(*td));
	td->td_stack = stack;
	td->td_fn = fn;
	td->td_arg = arg;
	td->td_bound = cpu;
	td->td_cpu = cpu != NOCPU ? cpu : last_id % mp_ncpus;
	snprintf(td->td_name, sizeof(td->td_name), "%s", name);
	make_frame(td, (uintptr_t *)td, thread_start);
	list_add(td);
	sched_ready(td);
	return (td);
}

/* Contracts of the public functions are in <sys/thread.h>. */
struct thread *
thread_create(void (*fn)(void *), void *arg, const char *name)
{
	return (new_thread(NOCPU, fn, arg, name));
}

struct thread *
thread_create_on(u_int cpu, void (*fn)(void *), void *arg, const char *name)
{
	KASSERT(cpu < mp_ncpus, "thread_create_on: no CPU %u (called from "
	    "%pC)", cpu, __caller());
	return (new_thread(cpu, fn, arg, name));
}

void
thread_exit(void)
{
	struct thread *td = curthread();

	KASSERT(td != &thread0, "thread_exit: %s must not end (called from "
	    "%pC)", td->td_name, __caller());
	KASSERT(td->td_pinned == 0, "thread_exit: %s is still pinned (called "
	    "from %pC)", td->td_name, __caller());
	KASSERT(td->td_critnest == 0, "thread_exit: %s is in a critical "
	    "section (called from %pC)", td->td_name, __caller());
	KASSERT(td->td_mutexes == NULL, "thread_exit: %s holds %s, taken at "
	    "%pC (called from %pC)", td->td_name, td->td_mutexes->name,
	    td->td_mutexes->where, __caller());
	sched_lock_self();
	td->td_state = TDS_EXITING;
	sched_switch();
	panic("thread_exit: %s runs after its end", td->td_name);
}

void
thread_join(struct thread *td)
{
	KASSERT(td != curthread(), "thread_join: of itself (called from %pC)",
	    __caller());
	sleepq_lock(td);
	while (td->td_state != TDS_ZOMBIE) {
		(void)sleepq_wait(td, "join", SLEEP_LONG, 0);
		sleepq_lock(td);
	}
	sleepq_unlock(td);
	list_remove(td);
	kstack_free((void *)td->td_stack);
}

void
thread_signal(struct thread *td, u_int sig)
{
	KASSERT(sig < 32, "thread_signal: no signal %u (called from %pC)", sig,
	    __caller());
	/* A locked instruction, before td_wchan is read: see sleepq_wait(). */
	atomic_set_32(&td->td_signals, 1u << sig);
	sleepq_interrupt(td, EINTR);
}

uint32_t
thread_signals_take(void)
{
	return (atomic_swap_32(&curthread()->td_signals, 0));
}

void
run_on_all_cpus(void (*fn)(void *), void *arg)
{
	static struct thread *tds[MAXCPU];	/* one caller at a time */

	for (u_int i = 0; i < mp_ncpus; i++) {
		tds[i] = thread_create_on(i, fn, arg, "on every cpu");
		KASSERT(tds[i] != NULL, "run_on_all_cpus: no memory");
	}
	for (u_int i = 0; i < mp_ncpus; i++)
		thread_join(tds[i]);
}

u_int
thread_count(void)
{
	return (nthreads);
}

void
thread_foreach(void (*fn)(struct thread *td, void *arg), void *arg)
{
	spin_lock(&threads_lock);
	for (struct thread *td = threads; td != NULL; td = td->td_allnext)
		fn(td, arg);
	spin_unlock(&threads_lock);
}

bool
thread_foreach_try(void (*fn)(struct thread *td, void *arg), void *arg)
{
	if (!spin_trylock(&threads_lock))
		return (false);
	for (struct thread *td = threads; td != NULL; td = td->td_allnext)
		fn(td, arg);
	spin_unlock(&threads_lock);
	return (true);
}

/*
 * Copies the thread with the lowest number above id; false if there is none.
 */
static bool
copy_next(u_int id, struct thread *copy)
{
	const struct thread *next = NULL;

	spin_lock(&threads_lock);
	for (const struct thread *td = threads; td != NULL;
	    td = td->td_allnext)
		if (td->td_id > id &&
		    (next == NULL || td->td_id < next->td_id))
			next = td;
	if (next != NULL)
		*copy = *next;
	spin_unlock(&threads_lock);
	return (next != NULL);
}

static void
print_thread(const struct thread *td, bool idle)
{
	static const char *const states[] = { "running", "runnable",
	    "sleeping", "migrating", "exiting", "zombie" };
	char where[24], channel[24] = "-";

	snprintf(where, sizeof(where), "%u%s", td->td_cpu,
	    td->td_bound != NOCPU ? " bound" : td->td_pinned != 0 ?
	    " pinned" : "");
	if (td->td_wchan != NULL)
		snprintf(channel, sizeof(channel), "%p", td->td_wchan);
	printf("  %5u %-15s %-9s %-10s %-12s %s\n", td->td_id, td->td_name,
	    idle ? "idle" : states[td->td_state], where,
	    td->td_wchan != NULL ? td->td_wmesg : "-", channel);
}

/*
 * Each thread is copied, so that the list is not locked, with interrupts off,
 * for as long as a slow console takes to print it.
 */
void
thread_print_all(void)
{
	struct thread copy;

	printf("  %5s %-15s %-9s %-10s %-12s %s\n", "id", "name", "state",
	    "cpu", "waits for", "channel");
	for (u_int id = 0; copy_next(id, &copy); id = copy.td_id)
		print_thread(&copy, false);
	for (u_int i = 0; i < mp_ncpus; i++)
		print_thread(&pcpus[i]->pc_idlethread,
		    pcpus[i]->pc_curthread != &pcpus[i]->pc_idlethread);
}

SAFE_COMMAND(command_ps, "ps", "", "every thread, and what it waits for")
{
	thread_print_all();
}

void
thread_init(void)
{
	curpcpu()->pc_curthread = &thread0;
	sched_init_cpu(0);
	list_add(&thread0);
}

/* The first code of an idle thread. */
static void __dead2
idle_start(void)
{
	curpcpu()->pc_saved_flags = EFLAGS_IF;
	sched_switched();
	sched_idle();
}

void
thread_init_idle(void)
{
	struct thread *td = &curpcpu()->pc_idlethread;
	vm_offset_t stack = (vm_offset_t)kstack_alloc();

	KASSERT(stack != 0, "thread_init_idle: no memory");
	make_frame(td, (uintptr_t *)(stack + KSTACK_SIZE), idle_start);
}
