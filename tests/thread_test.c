/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of threads, the scheduler, sleeps, signals, locks, and of what the CPUs
 * do to each other.  A case waits for other threads by eventually(), which has
 * a time limit, so that a lost wake-up fails the case and does not hang it.  It
 * is a limit of the time that the waiting thread is given: hosts may be busy.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/watchdog.h>
#include <machine/atomic.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <machine/mp.h>
#include <machine/tsc.h>
#include <vm/tlb.h>

#define	LIMIT_MS	20000u
#define	MAXTD		16u

/* Sleeps until cond holds, or the limit is over; returns whether it holds. */
#define	eventually(cond) __extension__({				\
	struct deadline limit_ = { 0 };					\
	while (!(cond) && !sleep_until(&limit_))			\
		continue;						\
	!!(cond);							\
})

/*
 * Sleeps for a millisecond, which counts for one at least, even if the thread
 * wakes on another CPU.  True when the limit is over.
 */
static bool
sleep_until(struct deadline *limit)
{
	limit->passed += ticks_per_ms;
	(void)thread_sleep_ms(1, 0);
	return (deadline_lasted(limit, LIMIT_MS));
}

static struct thread *
start(void (*fn)(void *), void *arg)
{
	struct thread *td = thread_create(fn, arg, "test");

	KASSERT(td != NULL, "test: no memory for a thread");
	return (td);
}

static struct thread *
start_on(u_int cpu, void (*fn)(void *), void *arg)
{
	struct thread *td = thread_create_on(cpu, fn, arg, "test");

	KASSERT(td != NULL, "test: no memory for a thread");
	return (td);
}

static u_int
last_cpu(void)
{
	return (mp_ncpus - 1);
}

/* --- threads --- */

static volatile uint32_t counter;

static void
count(void *arg)
{
	atomic_fetchadd_32(&counter, (uint32_t)(uintptr_t)arg);
}

TEST(many, "thread.many_come_and_go")
{
	struct thread *tds[MAXTD];

	counter = 0;
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < MAXTD; i++)
			tds[i] = start(count, (void *)(uintptr_t)(i + 1));
		for (uint32_t i = 0; i < MAXTD; i++)
			thread_join(tds[i]);
	}
	EXPECT_EQ(counter, 20 * MAXTD * (MAXTD + 1) / 2);
}

static void
end_late(void *arg)
{
	(void)thread_sleep_ms(30, 0);
	*(volatile uint32_t *)arg = 1;
	thread_exit();
}

TEST(join, "thread.join_waits_for_the_end")
{
	volatile uint32_t ended = 0;

	thread_join(start(end_late, (void *)&ended));
	EXPECT_EQ(ended, 1);
}

/* --- the scheduler --- */

static volatile uint32_t stop;

static void
spin_until_stopped(void *arg)
{
	volatile uint32_t *cpu = arg;
	struct deadline limit = { 0 };

	while (stop == 0 && !deadline_lasted(&limit, LIMIT_MS)) {
		*cpu = curcpu_id();
		cpu_spinwait();
	}
}

static void
stop_them(void *arg)
{
	(void)arg;
	stop = 1;
}

TEST(preemption, "sched.a_thread_that_spins_starves_no_other")
{
	volatile uint32_t cpu;
	struct thread *spinner, *other;

	stop = 0;
	spinner = start_on(last_cpu(), spin_until_stopped, (void *)&cpu);
	other = start_on(last_cpu(), stop_them, NULL);
	thread_join(other);
	EXPECT_EQ(stop, 1);
	thread_join(spinner);
}

static bool
all_differ(const volatile uint32_t *cpus, u_int n)
{
	for (u_int i = 0; i < n; i++)
		for (u_int j = 0; j < i; j++)
			if (cpus[i] == NOCPU || cpus[i] == cpus[j])
				return (false);
	return (true);
}

/* Wherever the threads start, the clock moves those that wait. */
TEST(spread, "sched.no_cpu_idles_while_a_thread_waits")
{
	volatile uint32_t cpus[MAXTD];
	struct thread *tds[MAXTD];
	u_int n = mp_ncpus < 8 ? mp_ncpus : 8;

	if (n == 1) {
		test_skip("one CPU");
		return;
	}
	stop = 0;
	sched_bind(0);
	for (u_int i = 0; i < n; i++) {
		cpus[i] = NOCPU;
		tds[i] = start(spin_until_stopped, (void *)&cpus[i]);
	}
	sched_unbind();
	EXPECT(eventually(all_differ(cpus, n)));
	stop = 1;
	for (u_int i = 0; i < n; i++)
		thread_join(tds[i]);
}

/* Sleeps and yields while pinned, on a CPU where other threads wait. */
static void
stay_pinned(void *arg)
{
	volatile uint32_t *wrong = arg;
	u_int cpu;

	for (u_int i = 0; i < 20; i++) {
		sched_pin();
		cpu = curcpu_id();
		for (u_int j = 0; j < 20; j++) {
			if (j % 8 == 0)
				(void)thread_sleep_ms(1, 0);
			else
				sched_yield();
			if (curcpu_id() != cpu)
				atomic_fetchadd_32(wrong, 1);
		}
		sched_unpin();
		sched_yield();
	}
}

TEST(pinning, "sched.a_pinned_thread_never_migrates")
{
	volatile uint32_t wrong = 0;
	struct thread *tds[MAXTD];

	for (u_int i = 0; i < MAXTD; i++)
		tds[i] = start(stay_pinned, (void *)&wrong);
	for (u_int i = 0; i < MAXTD; i++)
		thread_join(tds[i]);
	EXPECT_EQ(wrong, 0);
}

TEST(binding, "sched.bind_moves_to_every_cpu")
{
	for (u_int i = mp_ncpus; i-- > 0; ) {
		sched_bind(i);
		EXPECT_EQ(curcpu_id(), i);
		(void)thread_sleep_ms(1, 0);
		EXPECT_EQ(curcpu_id(), i);
		sched_unbind();
	}
}

/* Ticks must pass in the section, so that its end carries out a pre-emption. */
static void
in_a_critical_section(void *arg)
{
	uint32_t ticks = curpcpu()->pc_ticks, inside;
	struct deadline limit = { 0 };
	struct thread *other;

	(void)arg;
	counter = 0;
	critical_enter();
	other = start_on(curcpu_id(), count, (void *)1);
	while (curpcpu()->pc_ticks - ticks < 3 &&
	    !deadline_lasted(&limit, LIMIT_MS))
		cpu_spinwait();
	inside = counter;
	critical_exit();
	EXPECT_EQ(counter, 1);
	EXPECT_EQ(inside, 0);
	thread_join(other);
}

TEST(critical, "sched.a_critical_section_puts_preemption_off_to_its_end")
{
	thread_join(start_on(last_cpu(), in_a_critical_section, NULL));
}

/* --- sleeps --- */

static struct sleeper {
	struct thread *td;
	int flags;
	u_int timeout, cpu;
	volatile int error;
	volatile uint32_t turn, again;
} sleepers[MAXTD];
static const char channel;
static volatile uint32_t turns;

static void
sleep_once(void *arg)
{
	struct sleeper *s = arg;

	sleepq_lock(&channel);
	s->error = sleepq_wait(&channel, "test", s->flags, s->timeout);
	s->turn = atomic_fetchadd_32(&turns, 1) + 1;
	if (s->again == 0)
		return;
	sleepq_lock(&channel);
	(void)sleepq_wait(&channel, "again", 0, 0);
}

static bool
asleep(const struct sleeper *s)
{
	return (s->td->td_wchan == &channel &&
	    s->td->td_state == TDS_SLEEPING);
}

/* Starts a sleeper on a CPU, or any if NOCPU, and returns when it sleeps. */
static struct sleeper *
put_to_sleep(u_int i, u_int cpu, int flags, u_int timeout, bool again)
{
	struct sleeper *s = &sleepers[i];

	*s = (struct sleeper){ .flags = flags, .timeout = timeout,
	    .error = -1, .again = again };
	if (i == 0)
		turns = 0;
	s->td = cpu == NOCPU ? start(sleep_once, s) :
	    start_on(cpu, sleep_once, s);
	EXPECT(eventually(asleep(s)));
	return (s);
}

TEST(order, "sleepq.wakeup_one_takes_the_first_that_came")
{
	for (u_int i = 0; i < 5; i++)
		(void)put_to_sleep(i, NOCPU, 0, 0, false);
	for (u_int i = 0; i < 5; i++) {
		EXPECT_EQ(turns, i);
		sleepq_wakeup_one(&channel);
		EXPECT(eventually(turns == i + 1));
		EXPECT_EQ(sleepers[i].turn, i + 1);
		thread_join(sleepers[i].td);
		EXPECT_EQ(sleepers[i].error, 0);
	}
}

/* Threads that sleep again at once must not be woken by the same wake-up. */
TEST(all, "sleepq.wakeup_wakes_each_once")
{
	for (u_int i = 0; i < MAXTD; i++)
		(void)put_to_sleep(i, NOCPU, 0, 0, true);
	sleepq_wakeup(&channel);
	EXPECT(eventually(turns == MAXTD));
	for (u_int i = 0; i < MAXTD; i++)
		EXPECT(eventually(asleep(&sleepers[i])));
	sleepq_wakeup(&channel);
	for (u_int i = 0; i < MAXTD; i++)
		thread_join(sleepers[i].td);
}

TEST(timeouts, "sleepq.a_timeout_ends_a_sleep_and_not_before")
{
	static const u_int ms[] = { 1, 7, 25, 60 };
	uint64_t begin, took;

	sched_bind(last_cpu());
	for (u_int i = 0; i < nitems(ms); i++) {
		begin = cpu_ticks();
		sleepq_lock(&channel);
		EXPECT_EQ(sleepq_wait(&channel, "test", 0, ms[i]),
		    EWOULDBLOCK);
		took = cpu_ticks() - begin;
		EXPECT(took >= ms[i] * ticks_per_ms);
		EXPECT(took < (ms[i] + LIMIT_MS) * ticks_per_ms);
	}
	sched_unbind();
}

/* The second sleep is longer than what was left of the first. */
TEST(stopped, "sleepq.a_wakeup_ends_the_timeout_too")
{
	struct sleeper *s = put_to_sleep(0, NOCPU, 0, 50, true);

	sleepq_wakeup_one(&channel);
	EXPECT(eventually(turns == 1));
	if (s->error == 0) {
		(void)thread_sleep_ms(80, 0);
		EXPECT(eventually(asleep(s)));
	}
	sleepq_wakeup(&channel);
	(void)eventually(s->td->td_state == TDS_ZOMBIE);
	thread_join(s->td);
}

/* Two threads that pass a ball to each other. */
static struct game {
	struct spinlock lock;
	uint32_t ball, rounds, late;
} game = { .lock = SPINLOCK_INITIALIZER("game", RANK_THREADS) };

static void
play(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;

	spin_lock(&game.lock);
	for (uint32_t i = 0; i < game.rounds; i++) {
		while (game.ball % 2 != me && game.late == 0)
			if (sleepq_wait_spin(&game.ball, &game.lock, "ball", 0,
			    LIMIT_MS) == EWOULDBLOCK)
				game.late++;
		game.ball++;
		sleepq_wakeup_one(&game.ball);
	}
	spin_unlock(&game.lock);
}

static void
play_on(u_int a, u_int b, uint32_t rounds)
{
	struct thread *ta, *tb;

	game.ball = game.late = 0;
	game.rounds = rounds;
	ta = start_on(a, play, (void *)0);
	tb = start_on(b, play, (void *)1);
	thread_join(ta);
	thread_join(tb);
	EXPECT_EQ(game.ball, 2 * rounds);
	EXPECT_EQ(game.late, 0);
}

/* Few rounds: waking another CPU is slow in an emulator.  repeat= adds more. */
TEST(ping_pong, "sleepq.no_wakeup_is_lost")
{
	play_on(last_cpu(), last_cpu(), 10000);
	play_on(0, last_cpu(), 300);
}

/* --- signals --- */

TEST(sig_during, "signal.ends_an_interruptible_sleep_only")
{
	struct sleeper *a = put_to_sleep(0, NOCPU, SLEEP_CATCH, 0, false);
	struct sleeper *b = put_to_sleep(1, NOCPU, 0, 0, false);

	thread_signal(a->td, 3);
	thread_signal(b->td, 3);
	thread_join(a->td);
	EXPECT_EQ(a->error, EINTR);
	(void)thread_sleep_ms(20, 0);
	EXPECT(asleep(b));
	sleepq_wakeup(&channel);
	thread_join(b->td);
	EXPECT_EQ(b->error, 0);
}

TEST(sig_before, "signal.pending_before_a_sleep_ends_it_at_once")
{
	struct thread *td = curthread();

	thread_signal(td, 0);
	thread_signal(td, 31);
	EXPECT_EQ(thread_sleep_ms(10000, SLEEP_CATCH), EINTR);
	EXPECT_EQ(thread_sleep_ms(5, 0), 0);
	EXPECT_EQ(thread_signals_take(), 0x80000001u);
	EXPECT_EQ(thread_signals_take(), 0);
	EXPECT_EQ(thread_sleep_ms(5, SLEEP_CATCH), 0);
}

static void
take_signal(void *arg)
{
	volatile uint32_t *taken = arg;
	struct deadline limit = { 0 };

	while (curthread()->td_signals == 0 &&
	    !deadline_lasted(&limit, LIMIT_MS))
		cpu_spinwait();
	*taken = thread_signals_take();
}

TEST(sig_running, "signal.reaches_a_thread_that_runs")
{
	volatile uint32_t taken = 0;
	struct thread *td = start_on(last_cpu(), take_signal, (void *)&taken);

	thread_signal(td, 5);
	thread_join(td);
	EXPECT_EQ(taken, 1u << 5);
}

/*
 * A thread that is woken by sleepq_wakeup_one() and then signalled returns 0.
 * As an error the wake-up would be lost, because the second sleeper was not
 * woken.  All are on one CPU, so that no sleeper runs between the two.
 */
static void
wake_and_signal(void *arg)
{
	bool signal_first = arg != NULL;
	struct sleeper *a, *b;

	a = put_to_sleep(0, curcpu_id(), SLEEP_CATCH, 0, false);
	b = put_to_sleep(1, curcpu_id(), SLEEP_CATCH, 0, false);
	critical_enter();
	if (signal_first)
		thread_signal(a->td, 1);
	sleepq_wakeup_one(&channel);
	if (!signal_first)
		thread_signal(a->td, 1);
	critical_exit();
	thread_join(a->td);
	EXPECT_EQ(a->error, signal_first ? EINTR : 0);
	if (signal_first)
		EXPECT(eventually(b->turn != 0));
	else
		EXPECT(asleep(b));
	sleepq_wakeup(&channel);
	thread_join(b->td);
	EXPECT_EQ(b->error, 0);
}

TEST(sig_wakeup, "signal.takes_no_wakeup_away")
{
	thread_join(start_on(last_cpu(), wake_and_signal, NULL));
	thread_join(start_on(last_cpu(), wake_and_signal, (void *)1));
}

/* --- locks --- */

static struct mtx mutex = MTX_INITIALIZER("test mutex", RANK_MUTEX);
static struct spinlock lock = SPINLOCK_INITIALIZER("test lock", RANK_THREADS);
static volatile uint32_t guarded, inside;

static void
use_mutex(void *arg)
{
	uint32_t n = (uint32_t)(uintptr_t)arg;

	for (uint32_t i = 0; i < n; i++) {
		mtx_lock(&mutex);
		if (inside++ != 0)
			atomic_fetchadd_32(&counter, 1);
		guarded++;
		if (i % 16 == 0)
			(void)thread_sleep_ms(1, 0);
		else if (i % 4 == 0)
			sched_yield();
		inside--;
		mtx_unlock(&mutex);
	}
}

TEST(mutual, "mutex.one_holder_at_a_time_on_all_cpus")
{
	uint32_t n = 64 / mp_ncpus + 2;
	struct thread *more[4];

	counter = guarded = inside = 0;
	for (u_int i = 0; i < nitems(more); i++)
		more[i] = start(use_mutex, (void *)(uintptr_t)n);
	run_on_all_cpus(use_mutex, (void *)(uintptr_t)n);
	for (u_int i = 0; i < nitems(more); i++)
		thread_join(more[i]);
	EXPECT_EQ(counter, 0);
	EXPECT_EQ(guarded, n * (mp_ncpus + nitems(more)));
	EXPECT(!mtx_owned(&mutex));
}

static void
use_spin_lock(void *arg)
{
	uint32_t n = (uint32_t)(uintptr_t)arg;

	for (uint32_t i = 0; i < n; i++) {
		spin_lock(&lock);
		guarded++;
		spin_unlock(&lock);
	}
}

TEST(exclusion, "lock.spin_locks_exclude_all_cpus")
{
	uint32_t n = 20000 / mp_ncpus;

	guarded = 0;
	run_on_all_cpus(use_spin_lock, (void *)(uintptr_t)n);
	EXPECT_EQ(guarded, n * mp_ncpus);
}

TEST(nesting, "lock.interrupts_are_off_until_the_last_is_released")
{
	static struct spinlock inner =
	    SPINLOCK_INITIALIZER("inner", RANK_PAGE);

	spin_lock(&lock);
	spin_lock(&inner);
	EXPECT_EQ(spin_held(), 2);
	EXPECT(!spin_trylock(&lock));
	spin_unlock(&lock);		/* not the last taken */
	EXPECT(!intr_enabled());
	EXPECT(spin_trylock(&lock));
	spin_unlock(&lock);
	spin_unlock(&inner);
	EXPECT(intr_enabled());
	EXPECT_EQ(spin_held(), 0);
}

/* --- CPUs --- */

static void
note_cpu(void *arg)
{
	*(volatile uint32_t *)arg = curcpu_id();
}

static uint64_t
ipis(enum ipi_verb verb, bool sent)
{
	uint64_t n = 0;

	for (u_int i = 0; i < mp_ncpus; i++)
		n += sent ? pcpus[i]->pc_ipis_sent[verb] :
		    pcpus[i]->pc_ipis_taken[verb];
	return (n);
}

TEST(calls, "smp.a_call_runs_on_its_cpu_and_is_counted_at_both_ends")
{
	uint64_t sent = ipis(IPI_CALL, true), taken = ipis(IPI_CALL, false);
	volatile uint32_t cpu;

	for (u_int i = 0; i < mp_ncpus; i++) {
		cpu = NOCPU;
		smp_call(i, note_cpu, (void *)&cpu);
		EXPECT_EQ(cpu, i);
	}
	EXPECT_EQ(ipis(IPI_CALL, true) - sent, mp_ncpus);
	EXPECT_EQ(ipis(IPI_CALL, false) - taken, mp_ncpus);
}

/*
 * An interrupt that comes while interrupts are soft-masked is delivered when
 * they are unmasked, once; then interrupts are on again, if they were on.
 */
TEST(soft_mask, "intr.one_that_comes_soft_masked_is_delivered_at_the_unmask")
{
	struct pcpu *pc;
	uint64_t before, during;
	bool on, off;

	sched_bind(mp_ncpus - 1);
	pc = curpcpu();
	before = pc->pc_ipis_taken[IPI_CALL];
	on = intr_enabled();
	intr_soft_mask();
	hw_send_ipi(curcpu_id(), IPI_CALL);
	for (u_int i = 0; i < 1000000 && intr_enabled(); i++)
		cpu_spinwait();
	off = !intr_enabled();
	during = pc->pc_ipis_taken[IPI_CALL];
	intr_soft_unmask();
	EXPECT(on && off && intr_enabled());
	EXPECT_EQ(during, before);
	EXPECT_EQ(pc->pc_ipis_taken[IPI_CALL], before + 1);
	disable_intr();
	intr_soft_mask();
	intr_soft_unmask();
	EXPECT(!intr_enabled());
	enable_intr();
	sched_unbind();
}

/* CPUs 0 and 1 wake up for the watchdog, the last CPU does not. */
TEST(idle, "smp.an_idle_cpu_halts_without_a_clock_and_wakes_for_work")
{
	struct pcpu *pc = pcpus[last_cpu()];
	uint32_t ticks, word;
	volatile uint32_t cpu = NOCPU;

	if (mp_ncpus < 3) {
		test_skip("fewer than 3 CPUs");
		return;
	}
	sched_bind(0);
	EXPECT(eventually((pc->pc_tlb & TLB_IDLE) != 0));
	ticks = pc->pc_ticks;
	word = pc->pc_tlb;
	for (u_int i = 0; i < 20; i++) {
		(void)tlb_close();
		(void)thread_sleep_ms(10, 0);
	}
	EXPECT_EQ(pc->pc_ticks, ticks);
	EXPECT_EQ(pc->pc_tlb, word);
	thread_join(start_on(last_cpu(), note_cpu, (void *)&cpu));
	EXPECT_EQ(cpu, last_cpu());
	EXPECT(pc->pc_tlb != word);
	sched_unbind();
}

static volatile uint32_t holding, may_release;

/* Holds the lock, and so interrupts off, until the case ends. */
static void
hold_lock(void *arg)
{
	struct deadline limit = { 0 };

	(void)arg;
	spin_lock(&lock);
	holding = 1;
	while (may_release == 0 && !deadline_lasted(&limit, LIMIT_MS)) {
		tlb_serve();
		cpu_spinwait();
	}
	spin_unlock(&lock);
}

static void
wait_for_lock(void *arg)
{
	disable_intr();
	*(volatile uint32_t *)arg = 1;
	spin_lock(&lock);
	spin_unlock(&lock);
	enable_intr();
}

TEST(serving, "smp.a_cpu_that_waits_for_a_lock_serves_flushes")
{
	volatile uint32_t waiting = 0;
	struct thread *holder, *waiter;

	if (mp_ncpus < 3) {
		test_skip("fewer than 3 CPUs");
		return;
	}
	holding = may_release = 0;
	sched_bind(0);
	holder = start_on(1, hold_lock, NULL);
	EXPECT(eventually(holding != 0));
	waiter = start_on(2, wait_for_lock, (void *)&waiting);
	EXPECT(eventually(waiting != 0));
	for (u_int i = 0; i < 10; i++)
		tlb_flush_all_wait();
	EXPECT_EQ(lock.owner, 2);
	may_release = 1;
	thread_join(holder);
	thread_join(waiter);
	sched_unbind();
}

/* Only a machine with 255 CPUs has a CPU with this APIC id. */
HIDDEN_TEST(no_show, "smp.a_cpu_that_never_starts_is_left_out")
{
	static struct pcpu ghost = { .pc_machine.apicid = 0xfe };
	u_int n = mp_ncpus;

	EXPECT(!mp_start_ap(&ghost, &ghost, NULL));
	EXPECT_EQ(mp_ncpus, n);
	EXPECT_EQ(ghost.pc_online, 0);
}

/* --- the watchdog: boot with watchdog=1 --- */

/*
 * Spins until the watchdog has reported something, and for two more of its
 * looks, in which it could report it again.
 */
static void
spin_until_reported(void)
{
	struct deadline limit = { 0 };
	u_int before = watchdog_reports();
	uint32_t second;

	while (watchdog_reports() == before &&
	    !deadline_lasted(&limit, LIMIT_MS))
		cpu_spinwait();
	second = clock_seconds();
	while (clock_seconds() - second < 3 &&
	    !deadline_lasted(&limit, LIMIT_MS))
		cpu_spinwait();
}

static void
hang(void *arg)
{
	(void)arg;
	spin_lock(&lock);
	spin_until_reported();
	spin_unlock(&lock);
}

static void
hog(void *arg)
{
	struct thread *other;

	(void)arg;
	critical_enter();
	other = start_on(curcpu_id(), count, NULL);
	spin_until_reported();
	critical_exit();
	thread_join(other);
}

HIDDEN_TEST(hung, "watchdog.names_a_cpu_that_hangs")
{
	u_int before = watchdog_reports();

	thread_join(start_on(last_cpu(), hang, NULL));
	EXPECT_EQ(watchdog_reports(), before + 1);
}

/* Here the CPU itself looks too, and may see that the host stopped another. */
HIDDEN_TEST(hogged, "watchdog.names_a_cpu_on_which_threads_wait")
{
	u_int before = watchdog_reports();

	thread_join(start_on(last_cpu(), hog, NULL));
	EXPECT(watchdog_reports() > before);
}

HIDDEN_TEST(slept, "watchdog.names_a_thread_that_sleeps_for_long")
{
	u_int before = watchdog_reports();
	struct sleeper *s = put_to_sleep(0, NOCPU, 0, 0, false);

	EXPECT(eventually(watchdog_reports() != before));
	(void)thread_sleep_ms(2500, 0);
	sleepq_wakeup(&channel);
	thread_join(s->td);
	EXPECT(watchdog_reports() > before);
}
