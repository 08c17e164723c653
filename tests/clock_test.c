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
 * the machine now and then makes an edge be seen late, by less than a second.
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
	EXPECT(ms > RTC_SECONDS * 700 && ms < RTC_SECONDS * 1300);
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
		EXPECT_EQ(stopwatch_lap(&w), 0);
	sched_unbind();
}

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

/*
 * A clock that shall run for a second of this CPU: in that time another CPU may
 * have ended the second, but none may have ended two.
 */
HIDDEN_TEST(seconds, "clock.seconds_are_not_shorter_than_by_any_tsc")
{
	uint32_t second;
	uint64_t start;

	for (u_int i = 0; i < mp_ncpus && i < 4; i++) {
		sched_bind(i);
		second = clock_seconds();
		start = cpu_ticks();
		while (cpu_ticks() - start < 900 * ticks_per_ms)
			cpu_spinwait();
		EXPECT(clock_seconds() - second <= 1);
		sched_unbind();
	}
}
