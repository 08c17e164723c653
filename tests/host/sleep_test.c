/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests sleep queues, timeouts and mutexes in every order in which a sleep, a
 * wake-up, a signal and a timeout can meet.
 *
 * Each actor, a thread or a CPU's clock, is a coroutine that stops before and
 * after each atomic operation.  There another actor may go on.  The plain
 * schedule lets an actor run until it waits, and then the next one; all
 * schedules with at most `bound' deviations from it are run.  A schedule in
 * which all actors wait has lost a wake-up.
 *
 * gcc -std=gnu11 -Wall -Wextra -g -Itests/host/include -I. -Ibuild/include \
 *     tests/host/sleep_test.c
 */

#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include <sys/systm.h>

/* --- what the kernel's files use of the machine --- */

#define	_MACHINE_ATOMIC_H_
#define	_MACHINE_CPUFUNC_H_
#define	_MACHINE_CURTHREAD_H_
#define	_MACHINE_INTR_H_
#define	_SYS_PCPU_H_

#define	MAXCPU		4u
#define	EFLAGS_IF	0x200u

struct pcpu;
struct spinlock;
struct thread;
static struct thread *curthread(void);
static struct pcpu *curpcpu(void);
static void step(void);

#define	ATOMICALLY(value) __extension__({				\
	step();								\
	__typeof__(value) value_ = (value);				\
	step();								\
	value_;								\
})
#define	atomic_cmpset_ptr(p, old, new)					\
	ATOMICALLY(*(p) == (old) ? (*(p) = (new), true) : false)
#define	atomic_cmpset_32(p, old, new)	atomic_cmpset_ptr(p, old, new)
#define	atomic_swap_ptr(p, v) __extension__({				\
	step();								\
	__typeof__(*(p)) old_ = *(p);					\
	*(p) = (v);							\
	step();								\
	old_;								\
})
#define	atomic_store_rel_ptr(p, v)	((void)ATOMICALLY(*(p) = (v)))
#define	atomic_store_rel_32(p, v)	((void)ATOMICALLY(*(p) = (v)))
#define	atomic_load_acq_32(p)		ATOMICALLY(*(p))
#define	atomic_set_32(p, bits)		((void)ATOMICALLY(*(p) |= (bits)))

#define	atomic_interrupt_fence()	((void)0)

#define	intr_save()		EFLAGS_IF
#define	intr_restore(flags)	((void)(flags))
#define	intr_enabled()		(curpcpu()->pc_held == NULL)
#define	cpu_here()		NULL
#define	cpu_spinwait()		give_way()
static void give_way(void);

#include <sys/thread.h>

struct pcpu {
	struct spinlock *pc_held;
	struct thread pc_idlethread;
	uint32_t pc_saved_flags;
	u_int pc_cpuid, pc_intr_depth;
};
#define	curcpu_id()		(curpcpu()->pc_cpuid)

/* Not the shim of tests/host/include, but the kernel's own. */
#include "../../sys/lock.h"

#include "kern/sync/sleepq.c"
#include "kern/sync/mutex.c"
#include "kern/sched/timeout.c"

/* --- actors and schedules --- */

#define	MAXACTORS	6u
#define	MAXSTEPS	3000u
#define	STACK_SIZE	65536u

struct actor {
	ucontext_t context;
	char *stack;
	struct thread td;
	struct pcpu pc;
	void (*fn)(u_int me);
	enum { READY, WAITS, ENDED } state;
	int error[2];
	bool woken;
};
static struct actor actors[MAXACTORS], *now_runs;
static u_int nactors;
static ucontext_t scheduler;

/* Of a schedule: which alternative is taken at each place, of how many. */
static uint8_t taken[MAXSTEPS], ways[MAXSTEPS];
static u_int nplaces, preempted, nwaits, bound = 2;
static const char *wrong, *running;
static u_int ncases, nschedules;
static uint64_t tsc;
uint64_t ticks_per_ms = 1;
u_int ipi_timeout_ms;

#define	CHECK(cond)	do {						\
	if (!(cond) && wrong == NULL)					\
		wrong = #cond;						\
} while (0)

void
panic(const char *fmt, ...)
{
	(void)fmt;
	wrong = fmt;
	swapcontext(&now_runs->context, &scheduler);
	abort();
}

static struct thread *
curthread(void)
{
	return (&now_runs->td);
}

static struct pcpu *
curpcpu(void)
{
	return (&now_runs->pc);
}

uint64_t
cpu_ticks(void)
{
	return (tsc);
}

uint32_t
clock_seconds(void)
{
	return (0);
}

bool
deadline_passed(struct deadline *w)
{
	(void)w;
	return (false);
}

/* Chooses one of n ways at this place of the schedule. */
static u_int
choose(u_int n)
{
	u_int place = nplaces++;

	if (place >= MAXSTEPS) {
		wrong = "no end";
		return (0);
	}
	ways[place] = (uint8_t)n;
	return (taken[place]);
}

static void
switch_to(struct actor *a)
{
	struct actor *was = now_runs;

	now_runs = a;
	if (a != was)
		swapcontext(&was->context, &a->context);
}

/* Goes on with another actor that can; the n-th after this one. */
static bool
leave(u_int n)
{
	u_int me = (u_int)(now_runs - actors);

	for (u_int i = 1; i < nactors; i++) {
		struct actor *a = &actors[(me + i) % nactors];

		if (a->state == READY && n-- == 0) {
			switch_to(a);
			return (true);
		}
	}
	return (false);
}

static u_int
others(void)
{
	u_int n = 0;

	for (u_int i = 0; i < nactors; i++)
		n += &actors[i] != now_runs && actors[i].state == READY;
	return (n);
}

static void
fail(const char *why)
{
	if (wrong == NULL)
		wrong = why;
	swapcontext(&now_runs->context, &scheduler);
}

/* A place at which the actor may be preempted. */
static void
step(void)
{
	u_int way, n = others();

	if (preempted >= bound || n == 0)
		return;
	way = choose(n + 1);
	if (wrong != NULL)
		fail(wrong);
	if (way == 0)
		return;
	preempted++;
	(void)leave(way - 1);
}

/* The actor waits for what another one does. */
static void
give_way(void)
{
	u_int n = others();

	if (++nwaits > MAXSTEPS)
		fail("no end");
	if (n == 0)
		fail("all wait: a wake-up is lost");
	n = preempted < bound ? choose(n) : 0;
	if (wrong != NULL)
		fail(wrong);
	preempted += n != 0;
	(void)leave(n);
}

/* In the loops of this file, which may be over when no other actor can act. */
static void
poll(void)
{
	if (others() != 0)
		give_way();
	else if (++nwaits > MAXSTEPS)
		fail("no end");
}

void
spin_wait(struct spinlock *l)
{
	while (l->owner != 0)
		give_way();
	l->owner = curcpu_id() + 1;
}

void
spin_check_order(const struct pcpu *pc, const struct spinlock *l)
{
	(void)pc;
	(void)l;
}

void
spin_unlist(struct pcpu *pc, struct spinlock *l)
{
	CHECK(pc->pc_held->next == l);
	pc->pc_held->next = l->next;
}

void
spin_init(struct spinlock *l, const char *name, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INITIALIZER(name, rank);
}

void
sched_lock_self(void)
{
}

void
sched_ready(struct thread *td)
{
	struct actor *a = (struct actor *)((char *)td -
	    offsetof(struct actor, td));

	CHECK(!a->woken);
	a->woken = true;
	a->state = READY;
}

void
sched_ready_next(struct thread *td)
{
	sched_ready(td);
}

void
sched_switch(void)
{
	if (!now_runs->woken) {
		now_runs->state = WAITS;
		give_way();
	}
	now_runs->woken = false;
	now_runs->td.td_state = TDS_RUNNING;
}

static void
enter(void)
{
	now_runs->fn((u_int)(now_runs - actors));
	CHECK(now_runs->pc.pc_held == NULL);
	now_runs->state = ENDED;
	if (others() != 0)
		give_way();
	for (u_int i = 0; i < nactors; i++)
		if (actors[i].state != ENDED)
			fail("all wait: a wake-up is lost");
	swapcontext(&now_runs->context, &scheduler);
}

/* An actor on a CPU; actors of one CPU are a thread and that CPU's clock. */
static void
add_actor(void (*fn)(u_int), u_int cpu)
{
	struct actor *a = &actors[nactors++];
	char *stack = a->stack != NULL ? a->stack : malloc(STACK_SIZE);

	memset(a, 0, sizeof(*a));
	a->stack = stack;
	a->fn = fn;
	a->pc.pc_cpuid = cpu;
	a->td.td_state = TDS_RUNNING;
	a->error[0] = a->error[1] = -1;
	getcontext(&a->context);
	a->context.uc_stack.ss_sp = stack;
	a->context.uc_stack.ss_size = STACK_SIZE;
	makecontext(&a->context, enter, 0);
}

/* Goes to the next schedule; false if that was the last. */
static bool
next_schedule(void)
{
	while (nplaces > 0) {
		nplaces--;
		if (++taken[nplaces] < ways[nplaces])
			return (true);
		taken[nplaces] = 0;
	}
	return (false);
}

static void
failed(const char *why)
{
	printf("not ok %u - %s\n# schedule %u: %s\n", ncases + 1, running,
	    nschedules + 1, why);
	fflush(stdout);
	_exit(1);
}

static void
crashed(int sig)
{
	(void)sig;
	failed("it crashed");
}

/*
 * Runs a case, and ends the program if it fails: what is left of it could make
 * the next one hang.
 */
static void
all_schedules(const char *name, void (*setup)(void), void (*check)(void))
{
	running = name;

	memset(taken, 0, sizeof(taken));
	do {
		nplaces = nactors = preempted = nwaits = 0;
		setup();
		now_runs = &actors[0];
		swapcontext(&scheduler, &actors[0].context);
		if (wrong == NULL)
			check();
		if (wrong != NULL)
			failed(wrong);
		nschedules++;
	} while (next_schedule());
	printf("ok %u - %s\n", ++ncases, name);
}

/* --- the cases --- */

static char first, second;		/* channels */
static u_int granted;			/* wake-ups that found a sleeper */

/* As thread_signal() does. */
static void
signal_first(u_int me)
{
	(void)me;
	atomic_set_32(&actors[0].td.td_signals, 2u);
	sleepq_interrupt(&actors[0].td, EINTR);
}

static void
time_passes(u_int me)
{
	(void)me;
	tsc += 100;
	timeout_tick();
}

static void
wake_one(u_int me)
{
	(void)me;
	sleepq_lock(&first);
	granted += next_sleeper(&first, NULL) != NULL;
	sleepq_wakeup_one_locked(&first);
	sleepq_unlock(&first);
}

static bool
all_ended(u_int n)
{
	for (u_int i = 0; i < n; i++)
		if (actors[i].state != ENDED)
			return (false);
	return (true);
}

/* Wakes what still sleeps when the actors before this one have acted. */
static void
wake_the_rest(u_int me)
{
	bool acted = false;

	while (!all_ended(2)) {
		acted = true;
		for (u_int i = 2; i < me; i++)
			acted = acted && actors[i].state == ENDED;
		if (!acted || next_sleeper(&first, NULL) == NULL) {
			poll();
			continue;
		}
		sleepq_lock(&first);
		for (struct thread *td = next_sleeper(&first, NULL);
		    td != NULL; td = next_sleeper(&first, td))
			granted++;
		sleepq_wakeup_locked(&first);
		sleepq_unlock(&first);
	}
}

static void
sleep_all_ways(u_int me)
{
	sleepq_lock(&first);
	actors[me].error[0] = sleepq_wait(&first, "first", SLEEP_CATCH, 10);
}

static void
sleep_firmly(u_int me)
{
	sleepq_lock(&first);
	actors[me].error[0] = sleepq_wait(&first, "first", 0, 0);
}

static void
meet_setup(void)
{
	granted = 0;
	add_actor(sleep_all_ways, 0);
	add_actor(sleep_firmly, 1);
	add_actor(wake_one, 2);
	add_actor(time_passes, 0);
	add_actor(signal_first, 3);
	add_actor(wake_the_rest, 2);
}

/* Each wake-up that found a sleeper ended one sleep, with 0. */
static void
meet_check(void)
{
	int e = actors[0].error[0];

	CHECK(e == 0 || e == EINTR || e == EWOULDBLOCK);
	CHECK(actors[1].error[0] == 0);
	CHECK(granted == (u_int)(e == 0) + 1);
	CHECK(timeouts[0].first == NULL);
	CHECK(chain_of(&first)->head == NULL);
}

static void
sleep_twice(u_int me)
{
	sleepq_lock(&first);
	actors[me].error[0] = sleepq_wait(&first, "first", 0, 10);
	sleepq_lock(&second);
	actors[me].error[1] = sleepq_wait(&second, "second", 0, 0);
}

static void
wake_both(u_int me)
{
	while (actors[0].error[0] == -1) {
		wake_one(me);
		poll();
	}
	while (actors[0].td.td_wchan != &second && actors[0].state != ENDED)
		poll();
	/* The sleep is at its start, or the timeout has ended it by mistake. */
	sleepq_wakeup_one(&second);
}

static void
later_setup(void)
{
	add_actor(sleep_twice, 0);
	add_actor(wake_both, 1);
	add_actor(time_passes, 0);
}

static void
later_check(void)
{
	CHECK(actors[0].error[0] == 0 || actors[0].error[0] == EWOULDBLOCK);
	CHECK(actors[0].error[1] == 0);
}

static void
sleep_twice_timed(u_int me)
{
	sleepq_lock(&first);
	actors[me].error[0] = sleepq_wait(&first, "first", 0, 10);
	sleepq_lock(&second);
	actors[me].error[1] = sleepq_wait(&second, "second", 0, 10000);
}

static void
later_timed_setup(void)
{
	add_actor(sleep_twice_timed, 0);
	add_actor(wake_both, 1);
	add_actor(time_passes, 0);
}

static void
catch_one(u_int me)
{
	sleepq_lock(&first);
	actors[me].error[0] = sleepq_wait(&first, "first", SLEEP_CATCH, 0);
}

static void
catch_setup(void)
{
	add_actor(catch_one, 0);
	add_actor(signal_first, 1);
}

static void
catch_check(void)
{
	CHECK(actors[0].error[0] == EINTR);
	CHECK(actors[0].td.td_wchan == NULL);
}

static struct mtx mutex;
static u_int inside, entered;

static void
use_mutex(u_int me)
{
	(void)me;
	mtx_lock(&mutex);
	CHECK(inside++ == 0);
	step();
	CHECK(mtx_owned(&mutex));
	entered++;
	inside--;
	mtx_unlock(&mutex);
}

static void
mutex_setup(void)
{
	mtx_init(&mutex, "mutex", RANK_MUTEX);
	inside = entered = 0;
	for (u_int i = 0; i < 3; i++)
		add_actor(use_mutex, i);
}

static void
mutex_check(void)
{
	CHECK(entered == 3);
	CHECK(mutex.owner == 0);
}

static struct spinlock guard = SPINLOCK_INITIALIZER("guard", RANK_THREADS);
static u_int balls;

static void
take_ball(u_int me)
{
	(void)me;
	spin_lock(&guard);
	while (balls == 0)
		(void)sleepq_wait_spin(&balls, &guard, "ball", 0, 0);
	balls--;
	spin_unlock(&guard);
}

static void
give_balls(u_int me)
{
	(void)me;
	for (u_int i = 0; i < 2; i++) {
		spin_lock(&guard);
		balls++;
		spin_unlock(&guard);
		sleepq_wakeup_one(&balls);
	}
}

static void
balls_setup(void)
{
	balls = 0;
	add_actor(take_ball, 0);
	add_actor(take_ball, 1);
	add_actor(give_balls, 2);
}

static void
balls_check(void)
{
	CHECK(balls == 0);
}

/* --- the borders of timeouts, in one schedule each --- */

static u_int woken_at[4], norder;

static void
sleep_ms(u_int me)
{
	static const u_int ms[] = { 7, 3, 0, UINT32_MAX };
	uint64_t start = tsc;

	actors[me].error[0] = thread_sleep_ms(ms[me],
	    me == 3 ? SLEEP_CATCH : 0);
	woken_at[me] = (u_int)(tsc - start);
	norder++;
}

static void
tick_slowly(u_int me)
{
	uint64_t next;

	(void)me;
	while (actors[3].td.td_wchan == NULL)
		poll();
	for (u_int i = 0; i < 20; i++) {
		next = timeout_next();
		CHECK(next != 0);
		CHECK((int64_t)(next - tsc) > 0);
		tsc++;
		timeout_tick();
		poll();
	}
	CHECK(norder == 3);
	CHECK((int64_t)(timeout_next() - tsc) > UINT32_MAX - 100ll);
	atomic_set_32(&actors[3].td.td_signals, 2u);
	sleepq_interrupt(&actors[3].td, EINTR);
	while (actors[3].state != ENDED)
		poll();
	CHECK(timeout_next() == 0);
}

/* The TSC wraps during the longer ones. */
static void
border_setup(void)
{
	tsc = (uint64_t)-5;
	norder = 0;
	for (u_int i = 0; i < 4; i++)
		add_actor(sleep_ms, 0);
	add_actor(tick_slowly, 0);
}

static void
border_check(void)
{
	CHECK(woken_at[0] >= 7 && woken_at[0] <= 9);
	CHECK(woken_at[1] >= 3 && woken_at[1] <= 5);
	CHECK(woken_at[2] >= 1 && woken_at[2] <= 3);
	CHECK(actors[3].error[0] == EINTR);
}

int
main(void)
{
	signal(SIGSEGV, crashed);
	sleepq_init();
	timeout_init();
	printf("1..7\n");
	all_schedules("a_wakeup_ends_one_sleep_whatever_else_may_end_it",
	    meet_setup, meet_check);
	bound = 3;
	all_schedules("a_timeout_never_ends_a_later_sleep", later_setup,
	    later_check);
	all_schedules("a_timeout_never_ends_a_later_sleep_with_a_timeout",
	    later_timed_setup, later_check);
	all_schedules("a_signal_ends_a_sleep_whenever_it_comes", catch_setup,
	    catch_check);
	all_schedules("a_mutex_has_one_holder_and_is_handed_on", mutex_setup,
	    mutex_check);
	all_schedules("no_wakeup_between_the_look_and_the_sleep_is_lost",
	    balls_setup, balls_check);
	bound = 0;
	all_schedules("timeouts_of_all_lengths_end_in_order", border_setup,
	    border_check);
	printf("# %u schedules\n", nschedules);
	return (0);
}
