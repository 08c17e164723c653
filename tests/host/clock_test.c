/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests the calibration of clocks on a simulated machine whose host stops it at
 * any place and for any time, the seconds that CPUs with different TSCs count
 * together, and the limits of waits.
 *
 * gcc -std=gnu11 -Wall -Wextra -g -fsanitize=address,undefined \
 *     -Itests/host/include -I. -Ibuild/include tests/host/clock_test.c
 */

#include <stdlib.h>

#include <sys/systm.h>

/* Of <sys/pcpu.h> this is all that clock.c uses. */
#define	_SYS_PCPU_H_
#define	MAXCPU		4u
#define	curcpu_id()	(cpu)
static unsigned cpu;			/* that runs now */

#include "arch/i386/pc/calibrate.c"
#include "arch/i386/pc/clock.c"

#define	PIT_HZ		1193182ull
#define	NS		1000000000ull

static u_int ncases, nfailed;
static const char *wrong;		/* the first thing that was */

#define	CHECK(cond)	do {						\
	if (!(cond) && wrong == NULL)					\
		wrong = #cond;						\
} while (0)

static void
end_case(const char *name)
{
	ncases++;
	if (wrong != NULL) {
		nfailed++;
		printf("not ok %u - %s\n# false: %s\n", ncases, name, wrong);
	} else
		printf("ok %u - %s\n", ncases, name);
	wrong = NULL;
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

/* --- calibration --- */

/* The machine, and when its host stops it. */
static struct machine {
	uint64_t ns;		/* now */
	uint64_t tsc_hz, hz;	/* of the TSC and of the other counter */
	uint64_t run, stop;	/* ns that it runs and is stopped, in turn */
	uint64_t left;		/* ns until the next stop */
	u_int nsteps, stop_at;	/* or one stop, before this step */
	uint64_t max;		/* or stops of random lengths up to this */
	uint64_t gap;		/* ns between two readings */
	bool dead;		/* the counter stands still */
	bool mad;		/* the counter's values are random */
} vm;

static uint32_t seed = 1;

static uint32_t
draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return (seed);
}

/* Lets time pass, before which the host may stop the machine. */
static void
step(uint64_t ns)
{
	if (vm.run != 0 && vm.left < ns) {
		vm.ns += vm.stop;
		vm.left = vm.run;
	}
	if (vm.nsteps++ == vm.stop_at)
		vm.ns += vm.stop;
	if (vm.max != 0 && draw() % 64 == 0)
		vm.ns += draw() % vm.max;
	vm.left -= ns;
	vm.ns += ns;
}

static uint64_t
tsc(void)
{
	step(20);
	/* In two parts, for the product is too large. */
	return (vm.ns / 1000 * (vm.tsc_hz / 1000) / 1000 +
	    vm.ns % 1000 * (vm.tsc_hz / 1000) / 1000000);
}

static void
read_counter(struct counter_reading *r)
{
	r->before = tsc();
	step(700);
	r->count = vm.dead ? 0xffff : vm.mad ? draw() :
	    (uint32_t)-(vm.ns / 1000 * vm.hz / 1000000);
	r->after = tsc();
	step(vm.gap);
}

static const struct counter pit = { .read = read_counter, .mask = 0xffff,
    .min_counts = PIT_HZ / 1000 };

static void
machine(uint64_t tsc_hz, uint64_t hz)
{
	vm = (struct machine){ .ns = 12345678, .tsc_hz = tsc_hz, .hz = hz,
	    .stop_at = ~0u, .gap = 40000 };
}

/* Calibrates c; true if the ratio is at most 1 % too large. */
static bool
is_right(const struct counter *c)
{
	uint64_t ratio = 0, right;

	if (calibrate(c, &ratio) != CAL_SOUND)
		return (false);
	right = ((vm.tsc_hz << 14) / vm.hz) << 10;
	return (ratio > right - right / 1000 && ratio < right + right / 100);
}

static void
one_stop(void)
{
	static const uint64_t lengths[] = { 3000, 90000, 1000000, 54000000,
	    55000000, 56000000, 90000000, NS, 6 * NS, 3600 * NS };
	u_int steps;

	machine(2100000000, PIT_HZ);
	CHECK(is_right(&pit));
	steps = vm.nsteps;
	for (u_int i = 0; i < nitems(lengths); i++) {
		for (u_int at = 0; at < steps && wrong == NULL; at++) {
			machine(2100000000, PIT_HZ);
			vm.stop = lengths[i];
			vm.stop_at = at;
			CHECK(is_right(&pit));
		}
	}
	end_case("calibration.one_stop_anywhere_changes_nothing");
}

static void
quotas(void)
{
	static const u_int us[][2] = { { 10000, 90000 }, { 10000, 45000 },
	    { 5000, 45000 }, { 3000, 27000 }, { 2000, 98000 },
	    { 1500, 58500 }, { 20000, 980000 } };
	static const uint64_t hz[] = { 60000000, 1000000000, 2100000000,
	    5800000000 };

	for (u_int i = 0; i < nitems(us); i++) {
		for (u_int j = 0; j < nitems(hz) * 16; j++) {
			machine(hz[j / 16], PIT_HZ);
			vm.run = us[i][0] * 1000ull;
			vm.stop = us[i][1] * 1000ull;
			vm.left = vm.run * (j % 16) / 16;
			CHECK(is_right(&pit));
		}
	}
	end_case("calibration.a_host_with_a_quota_changes_nothing");
}

/* Whatever the host does, a frequency that is accepted is right. */
static void
random_stops(void)
{
	uint64_t ratio, right = 0;
	u_int sound = 0;

	for (u_int i = 0; i < 2000; i++) {
		machine(2100000000, PIT_HZ);
		vm.max = 1000ull << (i % 20);
		if (calibrate(&pit, &ratio) != CAL_SOUND)
			continue;
		sound++;
		right = ((vm.tsc_hz << 14) / vm.hz) << 10;
		CHECK(ratio > right - right / 1000);
		CHECK(ratio < right + right / 16);
	}
	CHECK(sound > 1000);
	/* A stop in each sample, and the counter goes round in it. */
	for (u_int stop = 20; stop < 240; stop++) {
		for (u_int run = 200; run < 1000; run += 190) {
			machine(2100000000, PIT_HZ);
			vm.run = vm.left = run * 1000;
			vm.stop = stop * 500000ull;
			CHECK(calibrate(&pit, &ratio) != CAL_SOUND ||
			    ratio < right + right / 16);
		}
	}
	end_case("calibration.no_wrong_frequency_is_accepted");
}

static void
other_counters(void)
{
	struct counter timer = { .read = read_counter, .mask = UINT32_MAX,
	    .min_counts = 1000, .min_ticks = 2100000 };
	static const uint64_t hz[] = { 50000, 100000, 999999, 1000000, 24000000,
	    1000000000, 3900000000 };
	uint64_t ratio;

	for (u_int i = 0; i < nitems(hz); i++) {
		machine(2100000000, hz[i]);
		CHECK(is_right(&timer));
		vm.run = 3000000;
		vm.stop = 27000000;
		CHECK(is_right(&timer));
		CHECK(calibrate(&timer, &ratio) == CAL_SOUND && ratio != 0);
		if (wrong != NULL)
			break;
		CHECK(timer_counts(21000000, ratio) > hz[i] / 100 * 98 / 100);
		CHECK(timer_counts(21000000, ratio) <= hz[i] / 100 + 1);
	}
	end_case("calibration.a_slow_timer_is_not_rounded_to_nothing");
	machine(2100000000, PIT_HZ);
	vm.dead = true;
	CHECK(calibrate(&pit, &ratio) == CAL_STOPPED);
	machine(2100000000, 10);
	CHECK(calibrate(&timer, &ratio) == CAL_STOPPED);
	machine(2100000000, PIT_HZ);
	vm.mad = true;
	CHECK(calibrate(&pit, &ratio) != CAL_SOUND);
	end_case("calibration.what_does_not_count_is_no_clock");
}

static void
opinions(void)
{
	static const uint32_t none[4], tsc15[4] = { 2, 168, 25000000, 0 },
	    no_crystal[4] = { 2, 176, 0, 0 }, base[4] = { 2100, 3000, 100, 0 },
	    guest[4] = { 1900000, 0, 0, 0 }, large[4] = { 1, 1000, ~0u, 0 };
	bool differ;

	CHECK(tsc_hz_of_cpuid(none, none, none) == 0);
	CHECK(tsc_hz_of_cpuid(tsc15, base, none) == 2100000000);
	CHECK(tsc_hz_of_cpuid(no_crystal, base, none) == 2100000000);
	CHECK(tsc_hz_of_cpuid(no_crystal, none, none) == 0);
	CHECK(tsc_hz_of_cpuid(none, base, none) == 0);
	CHECK(tsc_hz_of_cpuid(tsc15, base, guest) == 1900000000);
	CHECK(tsc_hz_of_cpuid(large, none, none) == 4294967295000ull);
	CHECK(tsc_choose_hz(2100000000, 0, &differ) == 2100000000 && !differ);
	CHECK(tsc_choose_hz(0, 1900000000, &differ) == 1900000000 && !differ);
	CHECK(tsc_choose_hz(0, 0, &differ) == 0 && !differ);
	CHECK(tsc_choose_hz(TSC_MAX_HZ + 1, 1900000000, &differ) ==
	    1900000000 && !differ);
	CHECK(tsc_choose_hz(TSC_MAX_HZ, 0, &differ) == TSC_MAX_HZ);
	CHECK(tsc_choose_hz(TSC_MIN_HZ, 0, &differ) == TSC_MIN_HZ);
	CHECK(tsc_choose_hz(TSC_MIN_HZ - 1, 0, &differ) == 0);
	CHECK(tsc_choose_hz(0, TSC_MAX_HZ + 1, &differ) == 0);
	CHECK(tsc_choose_hz(2100000000, 2000000000, &differ) == 2100000000 &&
	    !differ);
	CHECK(tsc_choose_hz(2100000000, 1900000000, &differ) == 2100000000 &&
	    differ);
	CHECK(tsc_choose_hz(1900000000, 2100000000, &differ) == 1900000000 &&
	    differ);
	end_case("calibration.cpuid_is_the_second_opinion");
	CHECK(timer_counts(0, 1 << RATIO_SHIFT) == 0);
	CHECK(timer_counts(7, 1 << RATIO_SHIFT) == 7);
	CHECK(timer_counts(UINT32_MAX, 1 << RATIO_SHIFT) == UINT32_MAX);
	CHECK(timer_counts(1ull << 32, 1 << RATIO_SHIFT) == UINT32_MAX);
	CHECK(timer_counts(UINT64_MAX, 1 << RATIO_SHIFT) == UINT32_MAX);
	CHECK(timer_counts(1ull << 40, 1u << 31) == UINT32_MAX);
	CHECK(timer_counts((1ull << 40) - 1, 1u << 31) == UINT32_MAX);
	CHECK(timer_counts(1ull << 39, 1u << 31) == UINT32_MAX);
	CHECK(timer_counts(1ull << 38, 1u << 31) == 1u << 31);
	end_case("calibration.a_long_time_is_the_timer_s_longest");
}

/* --- the seconds --- */

uint64_t ticks_per_ms = 1000;
static uint64_t ms, ahead[MAXCPU];	/* of the other TSCs */
static uint64_t oneshot;
static bool periodic;

uint64_t
cpu_ticks(void)
{
	return (ms * ticks_per_ms + ahead[cpu]);
}

bool
lapic_present(void)
{
	return (true);
}

void
lapic_timer_stop(void)
{
	oneshot = 0;
	periodic = false;
}

void
lapic_timer_oneshot(uint64_t ticks)
{
	oneshot = ticks;
}

void
lapic_timer_periodic(void)
{
	periodic = true;
}

/* Lets the CPUs of a mask tick for this time; returns the seconds ended. */
static u_int
tick(u_int mask, u_int for_ms)
{
	u_int ended = 0;

	for (u_int i = 0; i < for_ms / 10; i++) {
		ms += 10;
		for (cpu = 0; cpu < MAXCPU; cpu++)
			if ((mask & 1u << cpu) != 0)
				ended += clock_second_tick();
	}
	cpu = 0;
	return (ended);
}

static void
seconds_cases(void)
{
	static const uint64_t hour = 3600ull * 1000 * 1000;
	uint32_t start;
	u_int n;

	for (u_int mask = 1; mask < 1u << MAXCPU; mask++) {
		for (u_int i = 0; i < MAXCPU; i++)
			ahead[i] = (mask & 1) != 0 ? i * hour : -(i * hour);
		(void)tick(mask, 2000);		/* the others have rested */
		start = clock_seconds();
		n = tick(mask, 100000);
		CHECK(n == clock_seconds() - start);
		CHECK(n >= 98 && n <= 100);
	}
	end_case("seconds.cpus_with_hours_between_count_one_a_second");
	ahead[1] = 0;
	(void)tick(0x3, 1500);
	start = clock_seconds();
	for (u_int i = 0; i < 10; i++) {
		ahead[1] += i % 2 == 0 ? hour : -2 * hour;
		(void)tick(0x3, 10);
		CHECK(clock_seconds() - start <= i + 1);
	}
	ms += 3600000;			/* all were stopped */
	start = clock_seconds();
	(void)tick(0xf, 10);
	CHECK(clock_seconds() - start <= 1);
	end_case("seconds.a_jump_counts_for_one_at_most");
	seconds = UINT32_MAX;
	(void)tick(0x1, 10);
	CHECK(tick(0x1, 3000) >= 2);
	CHECK(clock_seconds() - UINT32_MAX >= 2);
	end_case("seconds.they_wrap");
	ahead[0] = -ms * ticks_per_ms - 500 * ticks_per_ms;
	(void)tick(0x1, 10);
	CHECK(clock_second_end() != 0);
	n = tick(0x1, 3000);		/* the TSC wraps */
	CHECK(n >= 2 && n <= 3);
	end_case("seconds.the_tsc_may_wrap");
}

static void
idle_cases(void)
{
	clock_start();
	CHECK(periodic);
	clock_stop(0);
	CHECK(!periodic && oneshot == 0);
	clock_start();
	CHECK(periodic);
	clock_stop(cpu_ticks() + 7);
	CHECK(oneshot == 7);
	clock_stop(cpu_ticks() - 7);
	CHECK(oneshot == 1);
	clock_stop(cpu_ticks());
	CHECK(oneshot == 1);
	ahead[0] = -ms * ticks_per_ms - 3;
	clock_stop(cpu_ticks() + 9);
	CHECK(oneshot == 9);
	end_case("idle.the_clock_is_set_for_the_next_time_of_this_cpu");
}

int
main(void)
{
	one_stop();
	quotas();
	random_stops();
	other_counters();
	opinions();
	seconds_cases();
	idle_cases();
	printf("1..%u\n", ncases);
	return (nfailed != 0);
}
