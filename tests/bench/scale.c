/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Costs as a function of the number of slots and CPUs.  Some must not grow
 * with these: operations while all slots but one are referenced.  Others may:
 * a forced flush with all other CPUs busy.  The cost of start-up is in the
 * line that begins every run (bench.c).
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <tests/bench/bench.h>
#include <vm/kmem.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>

#define	SPARE_PAGES	64u
#define	FULL_OPS	4096u
#define	FLUSHES		16u
#define	LOOKS		256u

/*
 * Returns the time of n operations on the pages in turn, without the loops of
 * the busy CPUs.
 */
static uint64_t
ops_time(struct vm_page **pages, u_int npages, bool read, u_int n)
{
	uint64_t t0, t1, b0, b1;
	struct sf_buf *sf;

	t0 = bench_busy_time(&b0);
	for (u_int i = 0; i < n; i++) {
		sf = sf_buf_alloc(pages[i % npages], 0);
		if (read)
			(void)*(volatile uint32_t *)sf_buf_kva(sf);
		sf_buf_free(sf);
	}
	t1 = bench_busy_time(&b1);
	return (t1 - t0 - (b1 - b0));
}

static void
full_case(const char *name, struct vm_page **pages, u_int npages, bool read)
{
	struct bench_result r = { .name = name, .scheme = &bench_sf_buf,
	    .cpus = 1, .pages = npages, .ops = FULL_OPS,
	    .touch = read ? TOUCH_READ : TOUCH_NONE };
	struct bench_counts before;

	(void)ops_time(pages, npages, read, 2 * npages);
	r.scheme->stats(&before);
	r.time = ops_time(pages, npages, read, FULL_OPS);
	r.scheme->stats(&r.counts);
	bench_counts_sub(&r.counts, &before);
	bench_report(&r);
}

/* All slots but one are referenced; the spare pages share the last one. */
BENCH(full, "scale.full")
{
	u_int nkept = nsfbufs - 1, npages = nkept + SPARE_PAGES;
	struct vm_page **pages = bench_pages(npages, false);
	struct sf_buf **kept;

	if (pages == NULL)
		return;
	kept = bench_array(nkept * sizeof(struct sf_buf *));
	for (u_int i = 0; i < nkept; i++)
		kept[i] = sf_buf_alloc(pages[i], 0);
	full_case("full-hit", pages, nkept < SPARE_PAGES ? nkept :
	    SPARE_PAGES, false);
	full_case("full-miss-untouched", pages + nkept, SPARE_PAGES, false);
	full_case("full-miss-read", pages + nkept, SPARE_PAGES, true);
	for (u_int i = 0; i < nkept; i++)
		sf_buf_free(kept[i]);
	kmem_free(kept, nkept * sizeof(struct sf_buf *));
	bench_pages_free(pages, npages);
}

static void
report_cost(const char *name, u_int npages, u_int ops, uint64_t time)
{
	struct bench_result r = { .name = name, .scheme = &bench_sf_buf,
	    .cpus = mp_ncpus, .pages = npages, .touch = TOUCH_READ,
	    .ops = ops, .time = time };

	bench_report(&r);
}

/*
 * The cost to evict a slot and to have it flushed.  The first slots of a new
 * pool are flushed, and nothing is evicted while the first quarter of them is
 * taken; each later miss pays for one eviction.  So this benchmark must be the
 * first that uses the pool.
 */
BENCH(harvest, "scale.harvest")
{
	u_int npages = 2 * nsfbufs, nfirst = nsfbufs / 8;
	struct vm_page **pages;
	struct sf_buf_stats s;
	uint64_t first, later;

	sf_buf_stats_read(&s);
	if (s.misses != 0) {
		printf("# scale.harvest needs a pool that was never used\n");
		return;
	}
	if ((pages = bench_pages(npages, false)) == NULL)
		return;
	first = ops_time(pages, npages, true, nfirst);
	sf_buf_stats_read(&s);
	if (s.removals != 0)
		bench_failed();
	(void)ops_time(pages, npages, true, npages);
	later = ops_time(pages, npages, true, npages);
	report_cost("miss-of-a-new-pool", npages, nfirst, first);
	report_cost("miss-of-a-used-pool", npages, npages, later);
	report_cost("harvest", npages, npages, later - first * npages / nfirst);
	bench_pages_free(pages, npages);
}

/*
 * The cost to find out whether a batch is flushed: a look at all CPUs, which
 * are busy and have flushed.
 */
BENCH(decide, "scale.decide")
{
	uint32_t stamp;
	uint64_t t0, t1, b0, b1;
	bool flushed = true;

	bench_busy_start(1, mp_ncpus, true);
	stamp = tlb_close();
	tlb_flush_all_wait();
	t0 = bench_busy_time(&b0);
	for (u_int i = 0; i < LOOKS; i++)
		flushed = tlb_is_clean(stamp) && flushed;
	t1 = bench_busy_time(&b1);
	bench_busy_stop();
	if (!flushed)
		bench_failed();
	report_cost("decide", 0, LOOKS, t1 - t0 - (b1 - b0));
}

/* A forced flush: asks all other CPUs to flush, and waits for them. */
BENCH(force, "scale.force")
{
	struct bench_result r = { .name = "forced-flush",
	    .scheme = &bench_sf_buf, .cpus = mp_ncpus, .ops = FLUSHES };
	struct bench_counts before;
	uint64_t t0, t1, b0, b1;

	bench_busy_start(1, mp_ncpus, true);
	tlb_flush_all_wait();
	r.scheme->stats(&before);
	t0 = bench_busy_time(&b0);
	for (u_int i = 0; i < FLUSHES; i++)
		tlb_flush_all_wait();
	t1 = bench_busy_time(&b1);
	r.time = t1 - t0 - (b1 - b0);
	r.scheme->stats(&r.counts);
	bench_counts_sub(&r.counts, &before);
	bench_busy_stop();
	bench_report(&r);
}
