/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Compares the schemes by time: with working sets from one page to far more
 * than there are slots, with pages untouched, read or zeroed, while the other
 * CPUs are busy, idle, or allocate too.  The pages of a working set are used
 * in turn.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <machine/tsc.h>
#include <tests/bench/bench.h>
#include <tests/bench/trace.h>
#include <tests/bench/worker.h>

#define	MAX_PAGES	65536u
#define	SMALL_SET	64u	/* fits the pool */
#define	LARGE_SET	16384u	/* does not fit, if nsfbufs= is less */
#define	BATCHES		5u
#define	BATCH_MS	10u
#define	CHUNK		8u	/* operations between looks at the clock */
#define	WARM_MS		200u
#define	LIMIT_MS	200u	/* no batch begins after this time */
#define	HITRATE_MAX	64u	/* pages per slot, at most */
#define	HITRATE_OPS	200000u

static bool full;
TUNABLE_BOOL(bench_full, "bench.full", full,
    "benchmarks: every working set and touch, not two");

static const struct bench_scheme *const schemes[] = {
	&bench_qenter, &bench_sync, &bench_sf_buf, &bench_direct, NULL
};

/*
 * Starts n workers, and lets them warm up until the first has used each of its
 * pages once, but for WARM_MS at most.
 */
static void
start_workers(u_int n)
{
	struct bench_worker *w = &bench_workers[0];
	uint64_t until;

	bench_workers_start(n);
	until = cpu_ticks() + WARM_MS * ticks_per_ms;
	while (w->ops < w->npages && cpu_ticks() < until)
		bench_work(w);
	/*
	 * The operations are slow: they wait for CPUs that the host does not
	 * run.  So look at the clock after each.
	 */
	if (w->ops < w->npages && w->ops < WARM_MS)
		w->chunk = 1;
}

/*
 * Runs up to BATCHES batches and adds up their counts.  r->time becomes the
 * time of all operations at the median batch's time for one.
 */
static void
run_batches(struct bench_result *r, u_int nworkers)
{
	uint64_t per_op[BATCHES], time, end;
	struct bench_counts before;
	uint32_t ops;
	u_int b;

	r->scheme->stats(&before);
	end = cpu_ticks() + LIMIT_MS * ticks_per_ms;
	for (b = 0; b < BATCHES && cpu_ticks() < end; b++) {
		ops = bench_workers_ops(nworkers);
		time = bench_work_for(BATCH_MS);
		ops = bench_workers_ops(nworkers) - ops;
		r->ops += ops;
		per_op[b] = time * 100 / ops;
	}
	r->scheme->stats(&r->counts);
	bench_counts_sub(&r->counts, &before);
	bench_sort(per_op, b);
	r->time = per_op[b / 2] * r->ops / 100;
}

/*
 * Makes the measurement that r describes, and reports it.  The workers divide
 * the first r->pages of `pages' among them or, if `common', all use all of
 * them.  The CPUs from nworkers to busy - 1 are busy.
 */
static void
measure(struct bench_result *r, struct vm_page **pages, u_int nworkers,
    bool common, u_int busy)
{
	u_int each = common || r->pages < nworkers ? r->pages :
	    r->pages / nworkers;
	struct bench_worker *w;

	if (r->scheme->reset != NULL)
		r->scheme->reset();
	for (u_int i = 0; i < nworkers; i++) {
		w = &bench_workers[i];
		*w = (struct bench_worker){ .scheme = r->scheme,
		    .pages = pages, .npages = each, .touch = r->touch,
		    .flags = r->flags, .chunk = CHUNK };
		if (common)
			w->next = i * (each / nworkers);
		else if (r->pages >= nworkers)
			w->pages += i * each;
	}
	bench_busy_start(nworkers, busy, false);
	sched_pin();
	start_workers(nworkers);
	run_batches(r, nworkers);
	sched_unpin();
	bench_workers_stop(nworkers);
	bench_busy_stop();
	bench_report(r);
}

struct sweep {
	const char *name;
	int flags;
	u_int workers;
	bool common;		/* all workers use the same pages */
	u_int busy;		/* workers and busy CPUs together */
	bool full;		/* every set and touch, not only two sets */
};

static bool
is_wanted(const struct sweep *w, u_int set, enum bench_touch touch, u_int most)
{
	if (set > most)
		return (false);
	return (w->full || (touch == TOUCH_READ && (set == SMALL_SET ||
	    set == LARGE_SET)));
}

/* Measures one scheme with each working set and each touch. */
static void
sweep_scheme(const struct sweep *w, const struct bench_scheme *s)
{
	static const u_int sets[] = { 1, SMALL_SET, 512, 1024, 4096, LARGE_SET,
	    MAX_PAGES };
	u_int n = w->full ? MAX_PAGES : LARGE_SET;
	struct vm_page **pages;

	if (!bench_ready(s) || (pages = bench_pages(n, s->direct)) == NULL)
		return;
	printf("# %s of %s, %u CPUs\n", w->name, s->name, mp_ncpus);
	for (u_int i = 0; i < nitems(sets); i++)
		for (u_int t = TOUCH_NONE; t <= TOUCH_ZERO; t++) {
			struct bench_result r = { .name = w->name,
			    .scheme = s, .cpus = mp_ncpus,
			    .workers = w->workers, .pages = sets[i],
			    .touch = (enum bench_touch)t, .flags = w->flags };

			if (is_wanted(w, sets[i], r.touch, n))
				measure(&r, pages, w->workers, w->common,
				    w->busy);
		}
	bench_pages_free(pages, n);
}

static void
sweep(struct sweep w)
{
	for (const struct bench_scheme *const *s = schemes; *s != NULL; s++)
		sweep_scheme(&w, *s);
}

BENCH(busy, "sweep.busy")
{
	sweep((struct sweep){ .name = "busy", .workers = 1, .busy = mp_ncpus,
	    .full = full });
}

BENCH(idle, "sweep.idle")
{
	sweep((struct sweep){ .name = "idle", .workers = 1, .busy = 1 });
}

BENCH(private, "sweep.private")
{
	sweep((struct sweep){ .name = "private", .flags = SFB_CPUPRIVATE,
	    .workers = 1, .busy = mp_ncpus });
}

BENCH(common, "sweep.common")
{
	sweep((struct sweep){ .name = "common", .workers = mp_ncpus,
	    .common = true, .busy = 1 });
}

/* The throughput of one CPU, of two at once, and of all at once. */
BENCH(threads, "sweep.threads")
{
	for (u_int n = 1; n <= mp_ncpus; n = n < 2 || n == mp_ncpus ? n + 1 :
	    mp_ncpus)
		sweep((struct sweep){ .name = "threads", .workers = n,
		    .busy = 1 });
}

static void
zipf_ops(const struct bench_scheme *s, struct vm_page **pages,
    const struct zipf *z, uint32_t *seed)
{
	struct sf_buf *sf;

	for (u_int i = 0; i < HITRATE_OPS; i++) {
		sf = s->alloc(pages[zipf_next(z, seed)], 0);
		(void)*(volatile uint32_t *)s->kva(sf);
		s->free(sf);
	}
}

/*
 * Measures how many operations are hits if some pages are wanted more often
 * than others.  As many operations precede the measurement, to fill the cache.
 */
static void
hit_rate(const struct bench_scheme *s, struct vm_page **pages,
    const struct zipf *z)
{
	struct bench_result r = { .name = "hitrate", .scheme = s,
	    .cpus = mp_ncpus, .workers = 1, .pages = z->n,
	    .touch = TOUCH_READ, .ops = HITRATE_OPS };
	struct bench_counts before;
	uint32_t seed = 1;

	if (s->reset != NULL)
		s->reset();
	zipf_ops(s, pages, z, &seed);
	s->stats(&before);
	r.time = cpu_ticks();
	zipf_ops(s, pages, z, &seed);
	r.time = cpu_ticks() - r.time;
	s->stats(&r.counts);
	bench_counts_sub(&r.counts, &before);
	bench_report(&r);
}

/*
 * Counts the hits of a cache that always evicts the least recently used page.
 */
static void
true_lru(const struct zipf *z)
{
	static const struct bench_scheme lru = { .name = "lru" };
	struct bench_result r = { .name = "hitrate", .scheme = &lru,
	    .cpus = mp_ncpus, .workers = 1, .pages = z->n,
	    .touch = TOUCH_READ, .ops = HITRATE_OPS };
	uint32_t seed = 1;
	struct lru l;
	bool hit;

	lru_init(&l, z->n, nsfbufs);
	for (u_int i = 0; i < HITRATE_OPS; i++)
		(void)lru_use(&l, zipf_next(z, &seed), &hit);
	for (u_int i = 0; i < HITRATE_OPS; i++) {
		(void)lru_use(&l, zipf_next(z, &seed), &hit);
		r.counts.hits += hit;
		r.counts.misses += !hit;
	}
	lru_free(&l);
	bench_report(&r);
}

static void
hit_rates(u_int n)
{
	struct vm_page **pages = bench_pages(n, false);
	struct zipf z;

	if (pages == NULL)
		return;
	zipf_init(&z, n);
	true_lru(&z);
	hit_rate(&bench_sf_buf, pages, &z);
	if (bench_ready(&bench_sync))
		hit_rate(&bench_sync, pages, &z);
	zipf_free(&z);
	bench_pages_free(pages, n);
}

BENCH(hitrate, "sweep.hitrate")
{
	for (u_int n = 2; n <= HITRATE_MAX && n * nsfbufs <= MAX_PAGES; n *= 2)
		hit_rates(n * nsfbufs);
}
