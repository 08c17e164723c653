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
#include <sys/thread.h>
#include <machine/pcpu.h>
#include <tests/bench/bench.h>
#include <vm/vm_page.h>

#define	HIT_PAGES	64u
#define	HIT_ROUNDS	64u
#define	MISS_PAGES	16384u

struct work {
	struct vm_page **pages;	/* NULL is behind the last */
	u_int rounds;		/* through all of them */
};

/* What is measured: inlined, so that nothing but the calls is in the way. */
static inline __attribute__((always_inline)) void
loop(const struct bench_scheme *s, bool read, int flags, const struct work *w)
{
	struct vm_page *m;
	struct sf_buf *sf;
	vm_offset_t va;

	for (u_int n = w->rounds; n > 0; n--)
		for (struct vm_page **p = w->pages; (m = *p) != NULL; p++) {
			sf = s->alloc(m, flags);
			va = s->kva(sf);
			if (read)
				(void)*(volatile uint32_t *)va;
			else
				__asm__ volatile("" : : "r" (va));
			s->free(sf);
		}
}

static __attribute__((noinline)) void
loop_empty(const struct work *w)
{
	struct vm_page *m;

	for (u_int n = w->rounds; n > 0; n--)
		for (struct vm_page **p = w->pages; (m = *p) != NULL; p++)
			__asm__ volatile("" : : "r" (m));
}

/*
 * The compiler sees the functions of the kernel's own, and the flags, as it
 * does in a caller, and puts in line what is meant to be; each loop stands in
 * a function of its own, so that none takes another's registers.
 */
static const struct bench_scheme straight = {
	.alloc = sf_buf_alloc, .kva = sf_buf_kva, .free = sf_buf_free,
};

static __attribute__((noinline)) void
loop_untouched(const struct work *w)
{
	loop(&straight, false, 0, w);
}

static __attribute__((noinline)) void
loop_untouched_private(const struct work *w)
{
	loop(&straight, false, SFB_CPUPRIVATE, w);
}

static __attribute__((noinline)) void
loop_read(const struct work *w)
{
	loop(&straight, true, 0, w);
}

static __attribute__((noinline)) void
loop_read_private(const struct work *w)
{
	loop(&straight, true, SFB_CPUPRIVATE, w);
}

static void
run_loop(const struct bench_scheme *s, bool read, int flags,
    const struct work *w)
{
	static void (*const loops[2][2])(const struct work *w) = {
		{ loop_untouched, loop_untouched_private },
		{ loop_read, loop_read_private },
	};

	if (s == &bench_sf_buf || s == &bench_direct)
		loops[read][flags == SFB_CPUPRIVATE](w);
	else if (read)
		loop(s, true, flags, w);
	else
		loop(s, false, flags, w);
}

/* With s NULL, of the empty loop. */
static uint64_t
insns(const struct bench_scheme *s, bool read, int flags, const struct work *w)
{
	uint64_t t0, t1, b0, b1;

	t0 = bench_busy_time(&b0);
	if (s != NULL)
		run_loop(s, read, flags, w);
	else
		loop_empty(w);
	t1 = bench_busy_time(&b1);
	return (t1 - t0 - (b1 - b0));
}

static u_int
miss_pages(void)
{
	return (nsfbufs > MISS_PAGES / 2 ? 2 * nsfbufs : MISS_PAGES);
}

/* A miss: far more pages than slots, in turn, so that none is found again. */
static void
measure(const char *name, const struct bench_scheme *s, bool hit,
    enum bench_touch touch, int flags, u_int cpus)
{
	u_int npages = hit ? HIT_PAGES : miss_pages();
	struct bench_result r = { .name = name, .scheme = s, .cpus = cpus,
	    .pages = npages, .touch = touch, .flags = flags };
	struct bench_counts before;
	struct work w = { .rounds = hit ? HIT_ROUNDS : 1 };

	if (!bench_ready(s))
		return;
	if ((w.pages = bench_pages(npages, s->direct)) == NULL)
		return;
	r.ops = npages * w.rounds;
	bench_busy_start(1, cpus, true);
	sched_pin();
	run_loop(s, touch != TOUCH_NONE, flags, &w);	/* into its stride */
	s->stats(&before);
	r.time = insns(s, touch != TOUCH_NONE, flags, &w);
	s->stats(&r.counts);
	r.time -= insns(NULL, false, 0, &w);
	sched_unpin();
	bench_busy_stop();
	bench_counts_sub(&r.counts, &before);
	bench_report(&r);
	bench_pages_free(w.pages, npages);
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
