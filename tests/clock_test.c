/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of time: that the TSC's frequency is right, and that nothing subtracts
 * the TSCs of two CPUs.  The option tsc.skew= puts hours between those.
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/deadline.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/watchdog.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <machine/tsc.h>

#define	RTC_INDEX	0x70
#define	RTC_DATA	0x71
#define	RTC_SECOND	0x00
#define	RTC_NO_NMI	0x80
#define	RTC_SECONDS	2u
#define	MAXSLEEPERS	8u

static uint8_t
rtc_second(void)
{
	outb(RTC_INDEX, RTC_NO_NMI | RTC_SECOND);
	return (inb(RTC_DATA));
}

/* Waits until the RTC's second changes; returns the TSC then. */
static uint64_t
rtc_edge(void)
{
	uint8_t now = rtc_second();

	for (u_int i = 0; i < 100000000u && rtc_second() == now; i++)
		cpu_spinwait();
	return (cpu_ticks());
}

/*
 * The clock of another chip says how long some seconds are.  A host that stops
 * the machine makes an edge be seen late, so only a factor of 2 is an error.
 */
HIDDEN_TEST(rtc, "clock.a_second_of_the_rtc_is_a_second")
{
	uint64_t start;
	u_int ms;

	sched_bind(0);
	start = rtc_edge();
	for (u_int i = 0; i < RTC_SECONDS; i++)
		(void)rtc_edge();
	ms = (u_int)((cpu_ticks() - start) / ticks_per_ms);
	sched_unbind();
	printf("# %u s by the RTC, %u ms by the TSC at %u kHz\n", RTC_SECONDS,
	    ms, (u_int)ticks_per_ms);
	EXPECT(ms > RTC_SECONDS * 500 && ms < RTC_SECONDS * 2000);
}

TEST(lap, "clock.a_lap_counts_only_what_its_cpu_was_given")
{
	struct stopwatch w = { 0 };
	uint64_t start;

	sched_bind(0);
	EXPECT_EQ(stopwatch_lap(&w), 0);
	start = cpu_ticks();
	while (cpu_ticks() - start < 100 * ticks_per_ms)
		cpu_spinwait();
	EXPECT_EQ(stopwatch_lap(&w), 20 * ticks_per_ms);
	sched_unbind();
	sched_bind(mp_ncpus - 1);
	if (mp_ncpus > 1)
		EXPECT_EQ(stopwatch_lap(&w), ticks_per_ms / 1000);
	sched_unbind();
}

/* --- the clock, after each way out of idle --- */

static char way_out;
static volatile uint32_t runs;

static void
expect_clock(void)
{
	struct deadline limit = { 0 };
	uint32_t ticks = curpcpu()->pc_ticks;

	while (curpcpu()->pc_ticks - ticks < 2 &&
	    !deadline_lasted(&limit, 2000))
		cpu_spinwait();
	EXPECT(curpcpu()->pc_ticks - ticks >= 2);
}

static void
leave_idle(void *arg)
{
	(void)arg;
	expect_clock();			/* a new thread woke the CPU, */
	(void)thread_sleep_ms(30, 0);	/* its timer, */
	expect_clock();
	runs = 1;
	sleepq_lock(&way_out);		/* another CPU's wake-up, */
	(void)sleepq_wait(&way_out, "a wake-up", 0, 0);
	expect_clock();
	runs = 2;
	sleepq_lock(&way_out);		/* a handler's wake-up, */
	(void)sleepq_wait(&way_out, "a call", 0, 0);
	expect_clock();
	runs = 3;
	(void)thread_sleep_ms(10000, SLEEP_CATCH);	/* a signal */
	expect_clock();
}

static void
wake_from_handler(void *arg)
{
	sleepq_wakeup(arg);
}

/* Sleeps until the CPU rests and the thread has come this far. */
static void
await_idle(const struct thread *td, uint32_t wanted)
{
	while (runs != wanted || td->td_state != TDS_SLEEPING)
		(void)thread_sleep_ms(1, 0);
	(void)thread_sleep_ms(20, 0);
}

TEST(ways_out, "clock.runs_after_each_way_out_of_idle")
{
	struct thread *td;

	if (mp_ncpus < 2) {
		test_skip("one CPU");
		return;
	}
	runs = 0;
	sched_bind(0);
	(void)thread_sleep_ms(20, 0);
	td = thread_create_on(mp_ncpus - 1, leave_idle, NULL, "idler");
	await_idle(td, 1);
	sleepq_wakeup((void *)&way_out);
	await_idle(td, 2);
	smp_call(mp_ncpus - 1, wake_from_handler, (void *)&way_out);
	await_idle(td, 3);
	thread_signal(td, 1);
	thread_join(td);
	sched_unbind();
}

/* --- hours between the TSCs --- */

static void
sleep_unnoticed(void *arg)
{
	sleepq_lock(arg);
	(void)sleepq_wait(arg, "nothing", 0, 0);
}

/* With watchdog=20, which is less than tsc.skew=. */
HIDDEN_TEST(accuse, "watchdog.accuses_no_thread_of_a_cpu_with_another_clock")
{
	struct thread *tds[MAXSLEEPERS];
	u_int n = mp_ncpus < MAXSLEEPERS ? mp_ncpus : MAXSLEEPERS;
	u_int before = watchdog_reports();
	uint32_t second = clock_seconds();

	for (u_int i = 0; i < n; i++)
		tds[i] = thread_create_on(i, sleep_unnoticed, &tds, "sleeper");
	while (clock_seconds() - second < 4)
		(void)thread_sleep_ms(100, 0);
	EXPECT_EQ(watchdog_reports(), before);
	for (u_int i = 0; i < n; i++)
		while (tds[i]->td_state != TDS_ZOMBIE) {
			sleepq_wakeup(&tds);
			(void)thread_sleep_ms(1, 0);
		}
	for (u_int i = 0; i < n; i++)
		thread_join(tds[i]);
}
