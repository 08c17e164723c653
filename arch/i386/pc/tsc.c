/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Time: the TSC, calibrated once against channel 2 of the 8254 (PIT), whose
 * gate and output are bits of port 0x61.  Every wait for the 8254 is bounded.
 * This file uses nothing but printf(), so that everything may use it.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/tsc.h>

#define	PIT_HZ		1193182u
#define	PIT_CH2		0x42
#define	PIT_MODE	0x43
#define	PIT_CH2_ONESHOT	0xb0		/* both bytes, mode 0 */
#define	PORT_B		0x61
#define	B_GATE2		0x01
#define	B_SPEAKER	0x02
#define	B_OUT2		0x20
#define	CALIBRATE_MS	10u
#define	MAX_POLLS	10000000u
#define	FALLBACK_TICKS	1000000u	/* 1 GHz */

uint64_t ticks_per_ms;		/* TSC ticks; 0 before tsc_init() */

/* cpu_ticks: this CPU's TSC.  Those of two CPUs may differ.  Any context. */
uint64_t
cpu_ticks(void)
{
	uint64_t v;

	__asm__ volatile("rdtsc" : "=A" (v));
	return (v);
}

/* tsc_init: calibrates the TSC.  Once, at start; takes 10 ms. */
void
tsc_init(void)
{
	u_int count = PIT_HZ * CALIBRATE_MS / 1000, polls = 0;
	uint64_t start;

	outb(PORT_B, (inb(PORT_B) & ~B_SPEAKER) | B_GATE2);
	outb(PIT_MODE, PIT_CH2_ONESHOT);
	outb(PIT_CH2, count & 0xff);
	outb(PIT_CH2, count >> 8);
	start = cpu_ticks();
	while ((inb(PORT_B) & B_OUT2) == 0 && ++polls < MAX_POLLS)
		continue;
	ticks_per_ms = (cpu_ticks() - start) / CALIBRATE_MS;
	if (polls == MAX_POLLS || ticks_per_ms == 0) {
		printf("clock: the 8254 does not count; 1 GHz assumed\n");
		ticks_per_ms = FALLBACK_TICKS;
	}
}

/* DELAY: spins for this many microseconds.  Any context. */
void
DELAY(u_int us)
{
	uint64_t until = cpu_ticks() + ticks_per_ms * us / 1000;

	while (cpu_ticks() < until)
		cpu_spinwait();
}
