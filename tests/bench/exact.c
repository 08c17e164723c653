/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Counts the instructions of one operation: allocate, take the address, free.
 * The counts are exact under -icount, where the TSC counts the instructions of
 * all CPUs.  The empty loop and the loops of the busy CPUs are subtracted;
 * clock ticks, interrupt handlers and forced flushes are not, so the counts
 * contain the cost of flushing.  tests/bench/budget.tsv has the ceilings.
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/tsc.h>
#include <tests/bench/bench.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	HIT_PAGES	64u
#define	HITS		4096u
#define	MISS_PAGES	16384u

/*
 * The loop that is measured, over pages with a NULL behind the last.  It is
 * inlined into functions of constant arguments, so that it has no instructions
 * beyond the operations and the step to the next page.
 */
static inline __attribute__((always_inline)) void
loop(const struct bench_scheme *s, bool read, int flags,
    struct vm_page **p)
{
	struct vm_page *m;
	struct sf_buf *sf;
	vm_offset_t va;

	for (; (m = *p) != NULL; p++) {
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
loop_empty(struct vm_page **p)
{
	struct vm_page *m;

	for (; (m = *p) != NULL; p++)
		__asm__ volatile("" : : "r" (m));
}

/*
 * The flags are constants, as they are in a caller.  Each loop is a function of
 * its own, so that the loops do not share registers.
 */

static __attribute__((noinline)) void
loop_untouched(struct vm_page **p)
{
	loop(&bench_in_line, false, 0, p);
}

static __attribute__((noinline)) void
loop_untouched_private(struct vm_page **p)
{
	loop(&bench_in_line, false, SFB_CPUPRIVATE, p);
}

static __attribute__((noinline)) void
loop_read(struct vm_page **p)
{
	loop(&bench_in_line, true, 0, p);
}

static __attribute__((noinline)) void
loop_read_private(struct vm_page **p)
{
	loop(&bench_in_line, true, SFB_CPUPRIVATE, p);
}

static void
run_loop(const struct bench_scheme *s, bool read, int flags,
    struct vm_page **p)
{
	static void (*const loops[2][2])(struct vm_page **p) = {
		{ loop_untouched, loop_untouched_private },
		{ loop_read, loop_read_private },
	};

	if (bench_is_own(s))
		loops[read][flags == SFB_CPUPRIVATE](p);
	else if (read)
		loop(s, true, flags, p);
	else
		loop(s, false, flags, p);
}

/* Counts the instructions of a loop; of the empty loop if s is NULL. */
static uint64_t
insns(const struct bench_scheme *s, bool read, int flags, struct vm_page **p)
{
	uint64_t t0, t1, b0, b1;

	t0 = bench_busy_time(&b0);
	if (s != NULL)
		run_loop(s, read, flags, p);
	else
		loop_empty(p);
	t1 = bench_busy_time(&b1);
	return (t1 - t0 - (b1 - b0));
}

/*
 * Returns the number of pages for misses: at least twice as many as slots, but
 * on a machine with little memory not more than half of the free ones, as long
 * as these are more than four times the slots.
 */
static u_int
miss_pages(void)
{
	u_int n = nsfbufs > MISS_PAGES / 2 ? 2 * nsfbufs : MISS_PAGES;
	uint32_t free = 0;

	for (u_int z = 0; z < VM_NZONES; z++)
		free += vm_page_zone_free((enum vm_zone)z);
	while (n > free / 2 && n > 4 * nsfbufs)
		n /= 2;
	return (n);
}

/* Returns a list of n pages: the npages given ones, repeated in turn. */
static struct vm_page **
repeat(struct vm_page **pages, u_int npages, u_int n)
{
	struct vm_page **list = bench_array((n + 1) * sizeof(*list));

	for (u_int i = 0; i < n; i++)
		list[i] = pages[i % npages];
	return (list);
}

/*
 * Measures hits or misses, and reports.  A miss uses far more pages than slots,
 * in turn, so that no page is still mapped when its turn comes again.
 */
static void
measure(const char *name, const struct bench_scheme *s, bool hit,
    enum bench_touch touch, int flags, u_int cpus)
{
	u_int npages = hit ? HIT_PAGES : miss_pages();
	struct bench_result r = { .name = name, .scheme = s, .cpus = cpus,
	    .pages = npages, .touch = touch, .flags = flags,
	    .ops = hit ? HITS : npages };
	struct bench_counts before;
	struct vm_page **pages, **list;

	if (!bench_ready(s))
		return;
	if ((pages = bench_pages(npages, s->direct)) == NULL)
		return;
	list = repeat(pages, npages, r.ops);
	bench_busy_start(1, cpus, true);
	sched_pin();
	/*
	 * Warms up.  In the pause between the two runs the CPUs' clock ticks
	 * flush the slots that earlier benchmarks had left unflushed.
	 */
	for (u_int i = 0; i < 2; i++) {
		run_loop(s, touch != TOUCH_NONE, flags, list);
		DELAY(3 * 1000000 / HZ);
	}
	run_loop(s, touch != TOUCH_NONE, flags, list);
	s->stats(&before);
	r.time = insns(s, touch != TOUCH_NONE, flags, list);
	s->stats(&r.counts);
	r.time -= insns(NULL, false, 0, list);
	sched_unpin();
	bench_busy_stop();
	bench_counts_sub(&r.counts, &before);
	bench_report(&r);
	kmem_free(list, (r.ops + 1) * sizeof(*list));
	bench_pages_free(pages, npages);
}

/* All CPUs allocate at once, each on its own part of the pages. */
static struct vm_page **parts[MAXCPU];
static volatile uint32_t nready, go;

static void
run_part(void *arg)
{
	atomic_fetchadd_32(&nready, 1);
	bench_await(&go, 1, "starts");
	loop_read(arg);
}

static uint64_t
run_parts(void)
{
	struct thread *tds[MAXCPU];
	uint64_t t0;

	nready = go = 0;
	for (u_int i = 1; i < mp_ncpus; i++) {
		tds[i] = thread_create_on(i, run_part, parts[i], "bench");
		KASSERT(tds[i] != NULL, "bench: no memory");
	}
	bench_await(&nready, mp_ncpus - 1, "CPUs that are ready");
	t0 = cpu_ticks();
	atomic_store_rel_32(&go, 1);
	loop_read(parts[0]);
	for (u_int i = 1; i < mp_ncpus; i++)
		thread_join(tds[i]);
	return ((cpu_ticks() - t0) >> bench_tsc_shift);
}

/*
 * The cost of a miss while all CPUs miss at once.  If it equals the cost on one
 * CPU, n CPUs perform n times as many operations, apart from the effects of
 * caches and memory, which are not counted.
 */
BENCH(all_cpus, "exact.miss-all-cpus")
{
	u_int each = miss_pages() / mp_ncpus;
	struct bench_result r = { .name = "miss-all-cpus",
	    .scheme = &bench_sf_buf, .cpus = mp_ncpus, .workers = mp_ncpus,
	    .pages = miss_pages(), .touch = TOUCH_READ,
	    .ops = each * mp_ncpus };
	struct bench_counts before;
	u_int i;

	for (i = 0; i < mp_ncpus; i++)
		if ((parts[i] = bench_pages(each, false)) == NULL)
			break;
	if (i == mp_ncpus) {
		(void)run_parts();
		r.scheme->stats(&before);
		r.time = run_parts();
		r.scheme->stats(&r.counts);
		bench_counts_sub(&r.counts, &before);
		bench_report(&r);
	}
	while (i-- > 0)
		bench_pages_free(parts[i], each);
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
EXACT(miss_private_busy, "miss-read-private-busy", &bench_sf_buf, false,
    TOUCH_READ, SFB_CPUPRIVATE, mp_ncpus)
EXACT(miss_shared, "miss-read-shared", &bench_sf_buf, false, TOUCH_READ, 0,
    mp_ncpus)
EXACT(direct_map, "direct", &bench_direct, true, TOUCH_NONE, 0, 1)

/* Measures another scheme in the same way. */
static void
baseline(const struct bench_scheme *s)
{
	measure("hit-shared", s, true, TOUCH_NONE, 0, 1);
	measure("hit-private", s, true, TOUCH_NONE, SFB_CPUPRIVATE, 1);
	measure("miss-untouched", s, false, TOUCH_NONE, 0, 1);
	measure("miss-read-private", s, false, TOUCH_READ, SFB_CPUPRIVATE, 1);
	measure("miss-read-private-busy", s, false, TOUCH_READ, SFB_CPUPRIVATE,
	    mp_ncpus);
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
