/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The schemes side by side in time: working sets from one page to far more
 * than there are slots, untouched, read or zeroed, while the other CPUs are
 * busy, idle, or at the same work.  The pages of a working set are used in
 * turn.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/pcpu.h>
#include <machine/smp.h>
#include <tests/bench/bench.h>
#include <tests/bench/trace.h>
#include <vm/vm_page.h>

#define	MAX_PAGES	65536u
#define	SMALL_SET	64u	/* fits the pool */
#define	LARGE_SET	16384u	/* does not, with nsfbufs= below it */
#define	BATCHES		5u
#define	BATCH_MS	10u
#define	CHUNK		8u	/* operations between looks at the clock */
#define	WARM_MS		200u
#define	LIMIT_MS	200u	/* then there are no more batches */
#define	HITRATE_MAX	64u	/* times nsfbufs pages */
#define	HITRATE_OPS	200000u

static bool full;
TUNABLE_BOOL(bench_full, "bench.full", full,
    "benchmarks: every working set and touch, not two");

static const struct bench_scheme *const schemes[] = {
	&bench_qenter, &bench_sync, &bench_sf_buf, &bench_direct, NULL
};

/* One that allocates: each has a CPU, and pages in a row. */
static struct worker {
	const struct bench_scheme *scheme;
	struct vm_page **pages;
	u_int npages, next, chunk;
	enum bench_touch touch;
	int flags;
	volatile uint32_t ops;
	struct thread *td;
} __attribute__((aligned(64))) workers[MAXCPU];
static volatile uint32_t stop;

static void
touch_page(vm_offset_t va, enum bench_touch touch)
{
	if (touch == TOUCH_READ)
		(void)*(volatile uint32_t *)va;
	else if (touch == TOUCH_ZERO)
		memset((void *)va, 0, PAGE_SIZE);
}

static void
some_ops(struct worker *w)
{
	struct sf_buf *sf;

	for (u_int n = 0; n < w->chunk; n++) {
		sf = w->scheme->alloc(w->pages[w->next], w->flags);
		touch_page(w->scheme->kva(sf), w->touch);
		w->scheme->free(sf);
		if (++w->next == w->npages)
			w->next = 0;
	}
	w->ops += w->chunk;
}

static void
work(void *arg)
{
	sched_pin();
	while (atomic_load_acq_32(&stop) == 0)
		some_ops(arg);
	sched_unpin();
}

static uint32_t
all_ops(u_int nworkers)
{
	uint32_t ops = 0;

	for (u_int i = 0; i < nworkers; i++)
		ops += workers[i].ops;
	return (ops);
}

/*
 * The first worker's CPU is this one; the others get threads.  Each touches
 * its pages once first, but not for longer than WARM_MS.
 */
static void
start_workers(u_int n)
{
	uint64_t until = cpu_ticks() + WARM_MS * ticks_per_ms;

	stop = 0;
	for (u_int i = 1; i < n; i++) {
		workers[i].td = thread_create_on(i, work, &workers[i],
		    "bench");
		KASSERT(workers[i].td != NULL, "bench: no memory");
	}
	while (workers[0].ops < workers[0].npages && cpu_ticks() < until)
		some_ops(&workers[0]);
	/* Waiting for CPUs that the host has no time for takes long. */
	if (workers[0].ops < WARM_MS)
		workers[0].chunk = 1;
}

/* Time and counts of BATCHES batches: the median's time for one operation. */
static void
run_batches(struct bench_result *r, u_int nworkers)
{
	uint64_t per_op[BATCHES], t0, t1, end;
	struct bench_counts before;
	uint32_t ops;
	u_int b;

	r->scheme->stats(&before);
	end = cpu_ticks() + LIMIT_MS * ticks_per_ms;
	for (b = 0; b < BATCHES && cpu_ticks() < end; b++) {
		ops = all_ops(nworkers);
		t0 = cpu_ticks();
		do {
			some_ops(&workers[0]);
			t1 = cpu_ticks();
		} while (t1 - t0 < BATCH_MS * ticks_per_ms);
		ops = all_ops(nworkers) - ops;
		r->ops += ops;
		per_op[b] = (t1 - t0) * 100 / ops;
	}
	r->scheme->stats(&r->counts);
	bench_counts_sub(&r->counts, &before);
	bench_sort(per_op, b);
	r->time = per_op[b / 2] * r->ops / 100;
}

/*
 * One measurement: r says what of; pages: r->pages of them, which the workers
 * share out, or all use when `common'.  The CPUs from nworkers to busy - 1
 * are busy.
 */
static void
measure(struct bench_result *r, struct vm_page **pages, u_int nworkers,
    bool common, u_int busy)
{
	u_int each = common || r->pages < nworkers ? r->pages :
	    r->pages / nworkers;

	if (r->scheme->reset != NULL)
		r->scheme->reset();
	for (u_int i = 0; i < nworkers; i++) {
		workers[i] = (struct worker){ .scheme = r->scheme,
		    .pages = pages, .npages = each, .touch = r->touch,
		    .flags = r->flags, .chunk = CHUNK };
		if (common)
			workers[i].next = i * (each / nworkers);
		else if (r->pages >= nworkers)
			workers[i].pages += i * each;
	}
	bench_busy_start(nworkers, busy, false);
	sched_pin();
	start_workers(nworkers);
	run_batches(r, nworkers);
	sched_unpin();
	stop = 1;
	for (u_int i = 1; i < nworkers; i++)
		thread_join(workers[i].td);
	bench_busy_stop();
	bench_report(r);
}

struct sweep {
	const char *name;
	int flags;
	u_int workers;
	bool common;		/* all workers use the same pages */
	u_int busy;		/* CPUs that work or are busy */
	bool full;		/* every set and touch, not one of each kind */
};

static bool
is_wanted(const struct sweep *w, u_int set, enum bench_touch touch, u_int most)
{
	if (set > most)
		return (false);
	return (w->full || (touch == TOUCH_READ && (set == SMALL_SET ||
	    set == LARGE_SET)));
}

/* Working sets by touches, of one scheme. */
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

/* What two CPUs at once, and all of them, get done more than one. */
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
		touch_page(s->kva(sf), TOUCH_READ);
		s->free(sf);
	}
}

/*
 * How many are found again when some pages are wanted more often than
 * others, and how many would be if always the least recently used went.  As
 * many operations go before: nothing is found in an empty cache.
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
