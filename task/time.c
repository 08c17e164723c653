/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The time that tasks see, in nanoseconds since time_init().
 *
 * The TSCs of two CPUs may differ by any amount (docs/locking.md, Time), so each
 * CPU's distance to the first one's is measured once: a thread reads the TSC of
 * the first CPU, of the other, and of the first again; the middle of the first
 * and the last is the time of the second, give or take half of what is between
 * them.  Where that is no more than the distance itself, the two are taken to be
 * one clock.
 *
 * Invariant: time_ns() is never less than it was in a call that returned before.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <machine/intr.h>
#include <machine/tsc.h>
#include <task/task.h>

#define	SHIFT		24u		/* of ns_per_tick */
#define	TRIES		5u		/* to measure a CPU: the best counts */
#define	MOST_MS		1000000u	/* the longest sleep at a time */

static uint64_t behind[MAXCPU];		/* to be added to a CPU's TSC */
static bool differ;			/* some of them are not 0 */
static uint64_t start;			/* of the first CPU's TSC */
static uint64_t ns_per_tick;		/* times 2 ^ SHIFT */

static struct spinlock last_lock =
    SPINLOCK_INITIALIZER("time", RANK_DEVICE);
static uint64_t last;			/* what time_ns() returned last */

static uint64_t
ticks_of(u_int cpu)
{
	uint64_t t;

	sched_bind(cpu);
	t = cpu_ticks();
	sched_unbind();
	return (t);
}

/* Measures how far a CPU's TSC is behind the first one's. */
static uint64_t
measure(u_int cpu)
{
	uint64_t best = ~0ull, found = 0, before, there, after;

	for (u_int i = 0; i < TRIES; i++) {
		before = ticks_of(0);
		there = ticks_of(cpu);
		after = ticks_of(0);
		if (after - before >= best)
			continue;
		best = after - before;
		found = before + best / 2 - there;
	}
	return ((int64_t)found > (int64_t)best ||
	    (int64_t)found < -(int64_t)best ? found : 0);
}

/* Contracts of the public functions are in <task/task.h>. */
void
time_init(void)
{
	if (ns_per_tick != 0)
		return;
	for (u_int i = 1; i < mp_ncpus; i++) {
		behind[i] = measure(i);
		differ = differ || behind[i] != 0;
	}
	start = ticks_of(0);
	ns_per_tick = (1000000ull << SHIFT) / ticks_per_ms;
}

/* The product needs more than 64 bits, so it is made of two halves. */
static uint64_t
to_ns(uint64_t ticks)
{
	return (((ticks >> 32) * ns_per_tick << (32 - SHIFT)) +
	    ((ticks & 0xffffffffu) * ns_per_tick >> SHIFT));
}

/* Where the clocks differ, a CPU could see less than another did before. */
static uint64_t
never_back(uint64_t now)
{
	spin_lock(&last_lock);
	if (now > last)
		last = now;
	now = last;
	spin_unlock(&last_lock);
	return (now);
}

uint64_t
time_ns(void)
{
	uint32_t flags = intr_save();
	uint64_t ticks = cpu_ticks() + behind[curcpu_id()] - start;

	intr_restore(flags);
	/* One clock of all may still be some ticks less here than there. */
	if ((int64_t)ticks < 0)
		ticks = 0;
	return (differ ? never_back(to_ns(ticks)) : to_ns(ticks));
}

bool
time_left_ms(uint64_t deadline, u_int *ms)
{
	uint64_t now, left;

	*ms = 0;
	if (deadline == TIME_NEVER)
		return (true);
	now = time_ns();
	if (now >= deadline)
		return (false);
	left = (deadline - now + 999999) / 1000000;
	*ms = left > MOST_MS ? MOST_MS : (u_int)left;
	return (true);
}
