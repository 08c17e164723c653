/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Time: the TSC, calibrated against channel 0 of the 8254 (PIT), which counts
 * without a gate.  CPUID is the second opinion.  calibrate.c has the
 * arithmetic; this file uses nothing but printf() and the end of the run, so
 * that everything may use it.
 *
 * Invariant: the TSCs of two CPUs may differ by any amount, so a difference is
 * only ever taken between two readings on one CPU.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/calibrate.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/tsc.h>

#define	PIT_HZ		1193182u
#define	PIT_CH0		0x40
#define	PIT_MODE	0x43
#define	PIT_CH0_RATE	0x34		/* both bytes, mode 2 */
#define	PIT_CH0_LATCH	0x00
#define	PIT_MASK	0xffffu
#define	SAMPLE_COUNTS	(PIT_HZ / 1000)
#define	CPUID_HYPERVISOR 0x80000000u	/* of leaf 1, in ECX */
#define	LAP_MS		20u		/* the most that a lap counts for */

uint64_t ticks_per_ms;		/* TSC ticks; 0 before tsc_init() */
uint64_t boot_ticks;

#ifdef DEBUG
static u_int skew_s;
TUNABLE_UINT(tsc_skew, "tsc.skew", skew_s, 0, 86400,
    "seconds by which the TSC of each CPU is ahead of the one before it");

static uint64_t
skew(void)
{
	return (skew_s == 0 ? 0 : skew_s * 1000 * ticks_per_ms * curcpu_id());
}
#else
static uint64_t
skew(void)
{
	return (0);
}
#endif

/* cpu_ticks: this CPU's TSC.  Those of two CPUs may differ.  Any context. */
uint64_t
cpu_ticks(void)
{
	uint64_t v;

	__asm__ volatile("rdtsc" : "=A" (v));
	return (v + skew());
}

/* Reads channel 0.  The count is that of the moment of the latch command. */
static void
pit_read(struct counter_reading *r)
{
	r->before = cpu_ticks();
	outb(PIT_MODE, PIT_CH0_LATCH);
	r->after = cpu_ticks();
	r->count = inb(PIT_CH0);
	r->count |= (uint32_t)inb(PIT_CH0) << 8;
}

static void
read_leaf(uint32_t leaf, uint32_t max, uint32_t r[4])
{
	if (leaf <= max)
		do_cpuid(leaf, r);
}

/* Returns the TSC's frequency as CPUID names it, or 0. */
static uint64_t
named_hz(void)
{
	uint32_t r[4], leaf15[4] = { 0 }, leaf16[4] = { 0 }, guest[4] = { 0 };

	do_cpuid(0, r);
	read_leaf(0x15, r[0], leaf15);
	read_leaf(0x16, r[0], leaf16);
	do_cpuid(1, r);
	if ((r[2] & CPUID_HYPERVISOR) != 0) {
		do_cpuid(0x40000000, r);
		read_leaf(0x40000010, r[0], guest);
	}
	return (tsc_hz_of_cpuid(leaf15, leaf16, guest));
}

/* Returns the frequency measured, or 0 after a message. */
static uint64_t
measured_hz(void)
{
	static const struct counter pit = { .read = pit_read,
	    .mask = PIT_MASK, .min_counts = SAMPLE_COUNTS };
	uint64_t ratio;

	outb(PIT_MODE, PIT_CH0_RATE);
	outb(PIT_CH0, 0);		/* 65536 */
	outb(PIT_CH0, 0);
	switch (calibrate(&pit, &ratio)) {
	case CAL_STOPPED:
		printf("clock: the 8254 does not count\n");
		return (0);
	case CAL_UNSTEADY:
		printf("clock: each measurement of the TSC against the "
		    "8254 gives a different frequency\n");
		return (0);
	default:
		return ((ratio * PIT_HZ) >> RATIO_SHIFT);
	}
}

/*
 * tsc_init: calibrates the TSC.  Once, at start, with interrupts off; takes
 * some 10 ms.  Ends the run if there is no way to find its frequency: without
 * it every time limit would be a wrong one.
 */
void
tsc_init(void)
{
	uint64_t measured = measured_hz(), named = named_hz(), hz;
	bool differ;

	hz = tsc_choose_hz(measured, named, &differ);
	if (differ)
		printf("clock: the TSC counts at %u MHz by the 8254, at %u "
		    "MHz by CPUID\n", (u_int)(measured / 1000000),
		    (u_int)(named / 1000000));
	if (hz == 0) {
		printf("clock: the TSC's frequency cannot be found: %llu Hz "
		    "by the 8254, %llu Hz by CPUID\n",
		    (unsigned long long)measured, (unsigned long long)named);
		machine_exit(EXIT_NOTHING);
	}
	if (hz != measured)
		printf("clock: %u MHz, as CPUID says\n",
		    (u_int)(hz / 1000000));
	ticks_per_ms = hz / 1000;
}

/*
 * stopwatch_lap: returns the TSC ticks since the call before, of the time that
 * the caller was given: 20 ms for any longer time, in which the CPU may have
 * been stopped or may have run another thread.  0 at the first call.  A change
 * of the CPU takes longer than the microsecond that it counts for, so that a
 * wait ends even if its thread changes its CPU in each turn.  Any context.
 */
uint64_t
stopwatch_lap(struct stopwatch *w)
{
	uint32_t flags = intr_save();
	uint64_t now = cpu_ticks(), lap = now - w->last;
	u_int cpu = curcpu_id() + 1;

	intr_restore(flags);
	if (w->cpu != cpu)
		lap = w->cpu == 0 ? 0 : ticks_per_ms / 1000;
	w->cpu = cpu;
	w->last = now;
	return (lap > LAP_MS * ticks_per_ms ? LAP_MS * ticks_per_ms : lap);
}

/* DELAY: spins for this many microseconds at least.  Any context. */
void
DELAY(u_int us)
{
	struct stopwatch w = { 0 };
	uint64_t left = ticks_per_ms * us / 1000, lap;

	while ((lap = stopwatch_lap(&w)) < left) {
		left -= lap;
		cpu_spinwait();
	}
}
