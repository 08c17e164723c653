/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What one operation, allocate + address + free, costs in instructions:
 * exact under -icount shift=0, where the TSC counts those of all CPUs.  Taken
 * off are the empty loop and what busy CPUs did for being busy; what they
 * did in interrupts is not, nor are the clock's ticks and forced flushes:
 * cleaning is in.  tests/bench/budget.tsv holds the ceilings.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <machine/pcpu.h>
#include <tests/bench/bench.h>
#include <vm/vm_page.h>

#define	HIT_PAGES	64u
#define	MISS_PAGES	16384u

struct work {
	struct vm_page **pages;
	u_int npages;
	u_int ops;
	int flags;
};

/* What is measured: inlined, so that nothing but the calls is in the way. */
static inline __attribute__((always_inline)) void
loop(const struct bench_scheme *s, bool read, const struct work *w)
{
	struct sf_buf *sf;
	vm_offset_t va;
	u_int i = 0;

	for (u_int n = w->ops; n > 0; n--) {
		sf = s->alloc(w->pages[i], w->flags);
		va = s->kva(sf);
		if (read)
			(void)*(volatile uint32_t *)va;
		s->free(sf);
		if (++i == w->npages)
			i = 0;
	}
}

static __attribute__((noinline)) void
loop_empty(const struct work *w)
{
	u_int i = 0;

	for (u_int n = w->ops; n > 0; n--) {
		__asm__ volatile("" : : "r" (w->pages[i]));
		if (++i == w->npages)
			i = 0;
	}
}

/* The compiler sees the functions of these, and calls them straight. */
static const struct bench_scheme straight = {
	.alloc = sf_buf_alloc, .kva = sf_buf_kva, .free = sf_buf_free,
};

static __attribute__((noinline)) void
run_loop(const struct bench_scheme *s, enum bench_touch touch,
    const struct work *w)
{
	if (s->alloc == sf_buf_alloc && touch == TOUCH_NONE)
		loop(&straight, false, w);
	else if (s->alloc == sf_buf_alloc)
		loop(&straight, true, w);
	else if (touch == TOUCH_NONE)
		loop(s, false, w);
	else
		loop(s, true, w);
}

static uint64_t
insns(const struct bench_scheme *s, enum bench_touch touch,
    const struct work *w)
{
	uint64_t t0, t1, b0, b1;

	t0 = bench_busy_time(&b0);
	if (s != NULL)
		run_loop(s, touch, w);
	else
		loop_empty(w);
	t1 = bench_busy_time(&b1);
	return (t1 - t0 - (b1 - b0));
}

/* A miss: far more pages than slots, in turn, so that none is found again. */
static void
measure(const char *name, const struct bench_scheme *s, bool hit,
    enum bench_touch touch, int flags, u_int cpus)
{
	struct bench_result r = { .name = name, .scheme = s, .cpus = cpus,
	    .touch = touch, .flags = flags };
	struct bench_counts before;
	struct work w = { .flags = flags };

	if (!bench_ready(s))
		return;
	w.npages = hit ? HIT_PAGES : nsfbufs > MISS_PAGES / 2 ? 2 * nsfbufs :
	    MISS_PAGES;
	w.ops = hit ? HIT_PAGES * 64 : w.npages;
	r.pages = w.npages;
	if ((w.pages = bench_pages(w.npages, s->direct)) == NULL)
		return;
	r.ops = w.ops;
	bench_busy_start(1, cpus, true);
	run_loop(s, touch, &w);		/* so that all is in its stride */
	s->stats(&before);
	r.time = insns(s, touch, &w);
	s->stats(&r.counts);
	r.time -= insns(NULL, touch, &w);
	bench_busy_stop();
	bench_counts_sub(&r.counts, &before);
	bench_report(&r);
	bench_pages_free(w.pages, w.npages);
}

#define	EXACT(ident, name, ...)						\
	BENCH(ident, "exact." name)					\
	{								\
		measure(name, __VA_ARGS__);				\
	}

EXACT(hit_shared, "hit-shared", &bench_sf_buf, true, TOUCH_NONE, 0, 1)
EXACT(hit_private, "hit-private", &bench_sf_buf, true, TOUCH_NONE,
    SFB_CPUPRIVATE, 1)
EXACT(miss_untouched, "miss-untouched", &bench_sf_buf, false, TOUCH_NONE, 0, 1)
EXACT(miss_private, "miss-read-private", &bench_sf_buf, false, TOUCH_READ,
    SFB_CPUPRIVATE, 1)
EXACT(miss_shared, "miss-read-shared", &bench_sf_buf, false, TOUCH_READ, 0,
    mp_ncpus)
EXACT(direct_map, "direct", &bench_direct, true, TOUCH_NONE, 0, 1)

/* What the others cost, counted the same way. */
static void
baseline(const struct bench_scheme *s)
{
	measure("hit-shared", s, true, TOUCH_NONE, 0, 1);
	measure("hit-private", s, true, TOUCH_NONE, SFB_CPUPRIVATE, 1);
	measure("miss-untouched", s, false, TOUCH_NONE, 0, 1);
	measure("miss-read-private", s, false, TOUCH_READ, SFB_CPUPRIVATE, 1);
	measure("miss-read-shared", s, false, TOUCH_READ, 0, mp_ncpus);
}

BENCH(sync, "baseline.sync")
{
	baseline(&bench_sync);
}

BENCH(qenter, "baseline.qenter")
{
	measure("miss-read-shared", &bench_qenter, false, TOUCH_READ, 0,
	    mp_ncpus);
}
