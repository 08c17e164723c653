/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Ratios of throughput.  Each is of a pair of short runs, one right after the
 * other, so that other work on the host, which usually lasts longer, slows both
 * alike.  The report gives the median and the quartiles of many pairs, and the
 * greatest ratio.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <tests/bench/bench.h>
#include <tests/bench/worker.h>

#define	SET		16384u	/* pages, all CPUs together */
#define	HIT_SET		64u
#define	PAIRS		31u	/* odd */
#define	RUN_MS		10u
#define	WARM_MS		20u	/* before a run: slots move to their users */
#define	CHUNK		64u	/* operations between looks at the clock */

/* Returns the operations that n workers together perform in 2^20 ticks. */
static uint64_t
rate(u_int n)
{
	uint64_t time;
	uint32_t ops;

	bench_workers_start(n);
	(void)bench_work_for(WARM_MS);
	ops = bench_workers_ops(n);
	time = bench_work_for(RUN_MS);
	ops = bench_workers_ops(n) - ops;
	bench_workers_stop(n);
	return (((uint64_t)ops << 20) / time);
}

#define	HUNDREDTHS(v)	(u_int)((v) / 100), (u_int)((v) % 100)

/* Prints the line for scripts.  `ratios' has PAIRS ratios, in hundredths. */
static void
report(const char *name, const char *scheme, u_int nworkers, u_int npages,
    uint64_t *ratios)
{
	bench_sort(ratios, PAIRS);
	printf("bench: case=%s scheme=%s cpus=%u workers=%u pages=%u "
	    "touch=read mode=shared ops=%u ratio=%u.%02u low=%u.%02u "
	    "high=%u.%02u most=%u.%02u\n", name, scheme, mp_ncpus, nworkers,
	    npages, PAIRS, HUNDREDTHS(ratios[PAIRS / 2]),
	    HUNDREDTHS(ratios[PAIRS / 4]),
	    HUNDREDTHS(ratios[PAIRS - 1 - PAIRS / 4]),
	    HUNDREDTHS(ratios[PAIRS - 1]));
}

/*
 * Measures how many times as fast as s the kernel's own scheme is on one CPU,
 * with the other CPUs busy.
 */
static void
faster_than(const struct bench_scheme *s, struct vm_page **pages)
{
	struct bench_worker ours = { .scheme = &bench_sf_buf, .pages = pages,
	    .npages = SET, .chunk = CHUNK, .touch = TOUCH_READ };
	struct bench_worker theirs = ours;
	uint64_t ratios[PAIRS], fast, slow;

	if (!bench_ready(s))
		return;
	theirs.scheme = s;
	bench_busy_start(1, mp_ncpus, false);
	sched_pin();
	for (u_int i = 0; i < PAIRS; i++) {
		bench_workers[0] = theirs;
		slow = rate(1);
		theirs.next = bench_workers[0].next;
		bench_workers[0] = ours;
		fast = rate(1);
		ours.next = bench_workers[0].next;
		ratios[i] = fast * 100 / (slow != 0 ? slow : 1);
	}
	sched_unpin();
	bench_busy_stop();
	report("faster", s->name, 1, SET, ratios);
}

BENCH(faster, "ratio.faster")
{
	struct vm_page **pages;

	if (mp_ncpus == 1 || (pages = bench_pages(SET, false)) == NULL)
		return;
	faster_than(&bench_sync, pages);
	faster_than(&bench_qenter, pages);
	bench_pages_free(pages, SET);
}

/* Divides the pages among n workers. */
static void
share_out(const struct bench_scheme *s, struct vm_page **pages, u_int npages,
    u_int n)
{
	u_int each = npages / n;

	for (u_int i = 0; i < n; i++)
		bench_workers[i] = (struct bench_worker){ .scheme = s,
		    .pages = pages + i * each, .npages = each,
		    .chunk = CHUNK, .touch = TOUCH_READ };
}

/*
 * Measures the throughput of all CPUs together, each with its part of the
 * pages, as a multiple of that of one CPU with all of the pages, during which
 * the other CPUs are busy in a loop.
 */
static void
throughput(const char *name, const struct bench_scheme *s, u_int npages)
{
	struct vm_page **pages;
	uint64_t ratios[PAIRS], one;

	if (!bench_ready(s) || (pages = bench_pages(npages, false)) == NULL)
		return;
	for (u_int i = 0; i < PAIRS; i++) {
		share_out(s, pages, npages, 1);
		bench_busy_start(1, mp_ncpus, false);
		one = rate(1);
		bench_busy_stop();
		share_out(s, pages, npages, mp_ncpus);
		ratios[i] = rate(mp_ncpus) * 100 / (one != 0 ? one : 1);
	}
	report(name, s->name, mp_ncpus, npages, ratios);
	bench_pages_free(pages, npages);
}

/*
 * sf_buf's misses are measured twice.  Each change between one CPU at work and
 * all of them moves slots between the CPUs' pools, so that in the second
 * measurement neighbouring slots belong to different CPUs.
 */
BENCH(throughput_of_all, "ratio.throughput")
{
	if (mp_ncpus == 1)
		return;
	throughput("throughput-miss", &bench_sf_buf, SET);
	throughput("throughput-miss-later", &bench_sf_buf, SET);
	throughput("throughput-hit", &bench_sf_buf, HIT_SET);
	throughput("throughput-miss", &bench_sync, SET);
	throughput("throughput-hit", &bench_sync, HIT_SET);
}
