/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests how often CPUs are interrupted for mappings that are used and replaced,
 * while those CPUs are busy: idle ones are never interrupted.  The limits are
 * numbers of misses, not times, so they hold on a slow machine as well.
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/deadline.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/cpufunc.h>
#include <tests/bench/bench.h>
#include <vm/vm_page.h>

#define	MAX_BUSY	8u	/* CPUs, this one among them */
#define	MIN_POOL	64u	/* fewer slots make no batches */
#define	BATCHES		8u	/* of nsfbufs / 2 misses */
#define	TICKS		8u

static struct vm_page **pages;
static u_int npages, next_page;

static u_int
busy_cpus(void)
{
	return (mp_ncpus < MAX_BUSY ? mp_ncpus : MAX_BUSY);
}

/*
 * Takes twice as many pages as there are slots, so that using them in turn
 * misses, and keeps the other CPUs busy.  False if the case is skipped.
 */
static bool
setup(void)
{
	if (mp_ncpus == 1) {
		test_skip("one CPU: there is no other to interrupt");
		return (false);
	}
	if (nsfbufs < MIN_POOL || sf_strict) {
		test_skip("too few slots, or strict: no batches");
		return (false);
	}
	npages = 2 * nsfbufs;
	if ((pages = bench_pages(npages, false)) == NULL) {
		test_skip("too few pages that the direct map does not serve");
		return (false);
	}
	sched_bind(0);
	bench_busy_start(1, busy_cpus(), true);
	return (true);
}

static void
teardown(void)
{
	bench_busy_stop();
	sched_unbind();
	bench_pages_free(pages, npages);
}

/* Maps, reads and frees n pages in turn. */
static void
use_pages(u_int n)
{
	struct sf_buf *sf;

	while (n-- > 0) {
		sf = sf_buf_alloc(pages[next_page], 0);
		(void)*(volatile uint32_t *)sf_buf_kva(sf);
		sf_buf_free(sf);
		next_page = (next_page + 1) % npages;
	}
}

static struct sf_buf_stats
stats(void)
{
	struct sf_buf_stats s;

	sf_buf_stats_read(&s);
	return (s);
}

TEST(per_batch, "interrupts.one_a_cpu_for_half_a_pool_of_misses")
{
	struct sf_buf_stats before;
	uint64_t misses, interrupted;

	if (!setup())
		return;
	use_pages(npages);
	before = stats();
	use_pages(BATCHES * (nsfbufs / 2));
	misses = stats().misses - before.misses;
	interrupted = stats().interrupted - before.interrupted;
	teardown();
	printf("# %u slots, %u CPUs busy: %llu misses interrupted %llu CPUs, "
	    "%llu writes to an ICR\n", nsfbufs, busy_cpus() - 1,
	    (unsigned long long)misses, (unsigned long long)interrupted,
	    (unsigned long long)(stats().ipis_sent - before.ipis_sent));
	EXPECT(misses > BATCHES / 2 * (nsfbufs / 2));
	EXPECT(interrupted <= (busy_cpus() - 1) *
	    (misses / (nsfbufs / 2) + 1));
}

static void
wait_for_ticks(u_int first, u_int end)
{
	struct deadline wait = { 0 };
	uint32_t ticks[MAX_BUSY];

	for (u_int i = first; i < end; i++)
		ticks[i] = pcpus[i]->pc_ticks;
	for (u_int i = first; i < end; i++)
		while (pcpus[i]->pc_ticks == ticks[i]) {
			cpu_spinwait();
			KASSERT(!deadline_passed(&wait),
			    "CPU %u has no clock", i);
		}
}

/*
 * Waits for a clock interrupt here, and then for one on each other CPU.  In
 * this order, because an emulated CPU may be without a clock for a while, and
 * the batch that this CPU closed at its tick is flushed by the others' next
 * ticks.
 */
static void
wait_for_a_tick(void)
{
	wait_for_ticks(0, 1);
	wait_for_ticks(1, busy_cpus());
}

static void
use_pages_paced(u_int ticks)
{
	while (ticks-- > 0) {
		use_pages(nsfbufs / 4);
		wait_for_a_tick();
	}
}

TEST(paced, "interrupts.none_at_a_quarter_of_the_pool_a_tick")
{
	struct sf_buf_stats before;

	if (!setup())
		return;
	use_pages_paced(TICKS);		/* to reach a steady state */
	before = stats();
	use_pages_paced(TICKS);
	printf("# HZ is %u: %llu misses in %u ticks interrupted %llu CPUs\n",
	    HZ, (unsigned long long)(stats().misses - before.misses), TICKS,
	    (unsigned long long)(stats().interrupted - before.interrupted));
	EXPECT(stats().misses - before.misses > TICKS / 2 * (nsfbufs / 4));
	EXPECT_EQ(stats().interrupted - before.interrupted, 0);
	EXPECT_EQ(stats().ipis_sent - before.ipis_sent, 0);
	teardown();
}
