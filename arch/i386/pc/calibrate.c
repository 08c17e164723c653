/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The arithmetic of calibration: how many TSC ticks pass in a count of another
 * counter.  The machine may be a guest, which its host stops at any place and
 * for any time, while both counters go on.  So:
 *
 *	The ticks of a sample begin before its first reading and end after its
 *	last one, so a stop makes a sample too large and never too small, and
 *	the smallest sample is the best.
 *	A sample lasts about a millisecond, so that one fits between two stops.
 *	One good sample cannot be told from a wrong one: some samples that agree
 *	can.
 *	If the counter goes round in a stop, a sample is at least twice too
 *	large, and all are if the host stops the machine at a regular pace.
 *	Very short samples, which are not exact, show that.
 *
 * Pure functions, without hardware of their own: tests/host/clock_test.c runs
 * them on a simulated host.
 */

#include <sys/types.h>
#include <machine/calibrate.h>

#define	MAX_SAMPLES	200u
#define	MAX_POLLS	1000000u	/* of a counter, in one sample */
#define	AGREE		5u		/* samples that must agree, */
#define	AGREE_PART	64u		/* within this part of the smallest */
#define	SHORT_SAMPLES	50u
#define	SHORT_PART	32u		/* of a sample's length */
#define	SHORT_ERROR	4u		/* a short sample's, one part in this */
#define	DIFFER_PART	16u		/* measured and named frequency */

/* The samples so far: the smallest ratio, and how many are close to it. */
struct samples {
	uint64_t smallest;
	u_int close;
};

/*
 * Takes one sample, or one of a part of its length.  False if the counter
 * stands still, or counts so slowly that the sample would not end.  *ratio
 * becomes UINT64_MAX if the sample took too long for the arithmetic.
 */
static bool
take_sample(const struct counter *c, u_int part, uint64_t *ratio)
{
	struct counter_reading first, last;
	uint32_t counts;
	uint64_t ticks;
	u_int polls = 0;

	c->read(&first);
	do {
		if (++polls > MAX_POLLS)
			return (false);
		c->read(&last);
		counts = (first.count - last.count) & c->mask;
		ticks = last.after - first.before;
	} while (counts < c->min_counts / part || ticks < c->min_ticks / part);
	*ratio = ticks >> (64 - RATIO_SHIFT) != 0 ? UINT64_MAX :
	    (ticks << RATIO_SHIFT) / counts;
	return (true);
}

/* Adds a sample.  One that is much smaller than all others replaces them. */
static void
add_sample(struct samples *s, uint64_t ratio)
{
	uint64_t margin = s->smallest / AGREE_PART;

	if (s->close == 0 || ratio < s->smallest - margin) {
		s->smallest = ratio;
		s->close = 1;
	} else if (ratio - s->smallest <= margin || ratio < s->smallest) {
		s->close++;
		if (ratio < s->smallest)
			s->smallest = ratio;
	}
}

/*
 * calibrate: measures the TSC ticks in a count of c: CAL_SOUND, with the ratio
 * times 2^RATIO_SHIFT in *ratio; CAL_STOPPED if the counter stands still;
 * CAL_UNSTEADY if too few samples agree.  The first sample is not used, because
 * a counter that was just set may not have begun.  Takes a few milliseconds
 * while the machine is not stopped.
 */
enum calibration
calibrate(const struct counter *c, uint64_t *ratio)
{
	struct samples s = { 0, 0 };
	uint64_t one, shortest = UINT64_MAX;

	if (!take_sample(c, 1, &one))
		return (CAL_STOPPED);
	for (u_int i = 0; i < MAX_SAMPLES && s.close < AGREE; i++) {
		if (!take_sample(c, 1, &one))
			return (CAL_STOPPED);
		add_sample(&s, one);
	}
	for (u_int i = 0; i < SHORT_SAMPLES; i++)
		if (take_sample(c, SHORT_PART, &one) && one < shortest)
			shortest = one;
	*ratio = s.smallest;
	return (s.close < AGREE || s.smallest - s.smallest / SHORT_ERROR >
	    shortest ? CAL_UNSTEADY : CAL_SOUND);
}

/*
 * tsc_hz_of_cpuid: returns the TSC's frequency as CPUID names it, or 0: the
 * hypervisor's leaf 40000010H (EAX, in kHz); leaf 15H (ECX, the crystal in Hz,
 * times EBX over EAX); or, for a crystal that leaf 15H does not name, the base
 * frequency of leaf 16H (EAX, in MHz), at which the TSC then counts (SDM vol.
 * 2, CPUID).  Leaves that the CPU does not have are all zero.
 */
uint64_t
tsc_hz_of_cpuid(const uint32_t leaf15[4], const uint32_t leaf16[4],
    const uint32_t hypervisor[4])
{
	if (hypervisor[0] != 0)
		return (hypervisor[0] * 1000ull);
	if (leaf15[0] == 0 || leaf15[1] == 0)
		return (0);
	if (leaf15[2] != 0)
		return ((uint64_t)leaf15[2] * leaf15[1] / leaf15[0]);
	return ((leaf16[0] & 0xffff) * 1000000ull);
}

static bool
plausible(uint64_t hz)
{
	return (hz >= TSC_MIN_HZ && hz <= TSC_MAX_HZ);
}

/*
 * tsc_choose_hz: returns the frequency to use, or 0 if neither can be: the
 * measured one, unless it is 0 or no frequency that a TSC has; else the one
 * that CPUID names.  *differ: both could be, and are far from each other.
 */
uint64_t
tsc_choose_hz(uint64_t measured, uint64_t named, bool *differ)
{
	uint64_t off = measured > named ? measured - named : named - measured;

	*differ = plausible(measured) && plausible(named) &&
	    off > named / DIFFER_PART;
	if (plausible(measured))
		return (measured);
	return (plausible(named) ? named : 0);
}

/*
 * timer_counts: returns the counts in this many TSC ticks, for a ratio of
 * calibrate(); UINT32_MAX if they are more.
 */
uint32_t
timer_counts(uint64_t ticks, uint64_t ratio)
{
	uint64_t counts;

	if (ticks >> (64 - RATIO_SHIFT) != 0)
		return (UINT32_MAX);
	counts = (ticks << RATIO_SHIFT) / ratio;
	return (counts > UINT32_MAX ? UINT32_MAX : (uint32_t)counts);
}
