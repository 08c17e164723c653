/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Measures for how many instructions the public functions of sf_buf(9) keep
 * interrupts off, in the states of the pool that make it long.
 * tests/bench/budget.tsv holds the ceiling, one for all functions and all
 * numbers of slots.
 *
 * The clock of this CPU is stopped meanwhile.  So slots become clean only by
 * the flushes of the measured calls, and every run does the same.  All other
 * CPUs are busy.
 */

#include <sys/types.h>
#include <sys/ksym.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/clock.h>
#include <machine/intr.h>
#include <machine/lapic.h>
#include <sf_buf/pool.h>
#include <tests/bench/bench.h>
#include <tests/bench/stretch.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	HITS		8u
#define	AROUND		256u	/* misses before a flush, and as many after */
#define	PEAK_CYCLE	32u	/* misses a slot, from sample to sample */
#define	PEAK_LOOK	64u	/* misses from look to look at the peak */
#define	PEAK_STEPS	1024u	/* misses of which one takes the sample */

/* Twice as many pages as slots; reference_all() never takes the last one. */
static struct vm_page **pages, *spare;
static u_int npages;
static u_int next_page;			/* index of the page to miss next */
static struct sf_buf **refs;		/* references to the first pages */
static u_int nrefs;

/*
 * 1: every mapping is read.  2: every other one, so that eviction finds slots
 * that a TLB may have and others in turn, which costs it most.
 */
static u_int read_one_in = 1;

/* What a call needs, and returns. */
struct call {
	struct vm_page *m;
	int flags;
	struct sf_buf *sf;
};

static void
report(const char *name, const struct stretch *s)
{
	struct bench_result r = { .name = name, .scheme = &bench_sf_buf,
	    .cpus = mp_ncpus, .pages = nsfbufs, .ops = 1,
	    .time = s->longest };

	if (s->longest != 0)
		printf("# %u of %llu instructions, from %pS on\n", s->longest,
		    (unsigned long long)s->insns, (const void *)s->from);
	bench_report(&r);
}

/* Fails the run if a case is not in the state that it is named after. */
static void
expect(bool so, const char *what)
{
	if (so)
		return;
	printf("# not so: %s\n", what);
	bench_failed();
}

/* Calls fn(arg) and reports the longest stretch of that call. */
static void
measure(const char *name, void (*fn)(void *), void *arg)
{
	struct stretch s = { 0 };

	stretch_measure(&s, fn, arg);
	report(name, &s);
}

static void
call_alloc(void *arg)
{
	struct call *c = arg;

	c->sf = sf_buf_alloc(c->m, c->flags);
}

/* An interrupt is taken after the NOP, not right after STI. */
static void
call_alloc_masked(void *arg)
{
	disable_intr();
	call_alloc(arg);
	enable_intr();
	__asm__ volatile("nop");
}

static void
call_free(void *arg)
{
	sf_buf_free(arg);
}

static void
call_ref(void *arg)
{
	sf_buf_ref(arg);
}

static void
call_kva_and_page(void *arg)
{
	__asm__ volatile("" : : "r" (sf_buf_kva(arg)), "r" (sf_buf_page(arg)));
}

static void
call_referenced(void *arg)
{
	(void)sf_buf_page_referenced(arg);
}

static void
call_stats(void *arg)
{
	sf_buf_stats_read(arg);
}

static void
call_inuse(void *arg)
{
	*(u_int *)arg = sf_buf_inuse();
}

static void
call_audit(void *arg)
{
	*(u_int *)arg = sf_buf_audit();
}

static void
call_recount(void *arg)
{
	struct sf_recount c;

	(void)arg;
	for (u_int cpu = 0; cpu < mp_ncpus; cpu++)
		(void)sf_recount(cpu, &c);
}

static void
call_tick(void *arg)
{
	(void)arg;
	disable_intr();
	sf_buf_tick();
	enable_intr();
	__asm__ volatile("nop");
}

static void
call_yield(void *arg)
{
	(void)arg;
	sched_yield();
}

static void
call_free_and_yield(void *arg)
{
	sf_buf_free(arg);
	sched_yield();
}

/* Uses and frees what was allocated: reads one mapping in `read_one_in'. */
static void
use(struct sf_buf *sf)
{
	static u_int n;

	if (n++ % read_one_in == 0)
		(void)*(volatile uint32_t *)sf_buf_kva(sf);
	sf_buf_free(sf);
}

/* Allocates and frees the next page in turn, which no slot maps any more. */
static void
miss(int flags)
{
	if (next_page >= npages)
		next_page = nrefs;
	use(sf_buf_alloc(pages[next_page++], flags));
}

/* Has fn make a miss, and measures it into s. */
static void
miss_measured(struct stretch *s, void (*fn)(void *), int flags)
{
	struct call c = { .flags = flags };

	if (next_page >= npages)
		next_page = nrefs;
	c.m = pages[next_page++];
	stretch_measure(s, fn, &c);
	if (c.sf != NULL)
		use(c.sf);
	else
		miss(0);	/* which can force a flush, as fn could not */
}

/*
 * Makes misses until this CPU flushes its TLB, npages at most.  Returns their
 * number.
 */
static u_int
misses_until_flush(int flags)
{
	uint64_t flushes = curpcpu()->pc_flushes;
	u_int n;

	for (n = 0; n < npages && curpcpu()->pc_flushes == flushes; n++)
		miss(flags);
	return (n);
}

/*
 * Measures misses of every kind: those that find ready slots, those that make
 * slots ready, and one that finds no clean slot, and flushes.  The number of
 * misses between two flushes is found out first.
 */
static void
measure_misses(const char *name, int flags)
{
	struct stretch s = { 0 };
	u_int n;

	(void)misses_until_flush(flags);
	(void)misses_until_flush(flags);
	n = misses_until_flush(flags);
	for (u_int i = AROUND; i < n; i++)
		miss(flags);
	for (u_int i = 0; i < 2 * AROUND; i++)
		miss_measured(&s, call_alloc, flags);
	report(name, &s);
}

static void
free_all(void)
{
	while (nrefs > 0)
		sf_buf_free(refs[--nrefs]);
}

/*
 * Has fn make misses, one of which samples the peak.  While there are more
 * references than ever before, a sample shows in the statistics; the next
 * sample is due a known number of misses later.
 */
static void
measure_peak(const char *name, void (*fn)(void *), int flags)
{
	struct sf_buf_stats stats;
	struct stretch s = { 0 };
	uint64_t peak;
	u_int n;

	sf_buf_stats_read(&stats);
	peak = stats.peak;
	for (nrefs = 0; nrefs <= peak + 1; nrefs++)
		refs[nrefs] = sf_buf_alloc(pages[nrefs], 0);
	next_page = nrefs;
	for (n = 0; n < (PEAK_CYCLE + 1) * nsfbufs && stats.peak == peak; n++) {
		miss(0);
		if (n % PEAK_LOOK == 0)
			sf_buf_stats_read(&stats);
	}
	if (stats.peak == peak)
		printf("# no miss takes a sample of the peak\n");
	for (n = 2 * PEAK_LOOK; n < PEAK_CYCLE * nsfbufs; n++)
		miss(0);
	for (n = 0; n < PEAK_STEPS; n++)
		miss_measured(&s, fn, flags);
	free_all();
	report(name, &s);
}

static void
measure_short(void)
{
	static const struct {
		const char *name;
		int flags;
	} hits[] = {
		{ "off-hit", 0 }, { "off-hit-nowait", SFB_NOWAIT },
		{ "off-hit-private", SFB_CPUPRIVATE },
	};
	struct call c = { .m = spare };
	struct sf_buf *sf = sf_buf_alloc(spare, 0);
	struct sf_buf_stats stats;
	u_int n;

	for (u_int i = 0; i < sizeof(hits) / sizeof(hits[0]); i++) {
		c.flags = hits[i].flags;
		measure(hits[i].name, call_alloc, &c);
		sf_buf_free(c.sf);
	}
	measure("off-ref", call_ref, sf);
	sf_buf_free(sf);
	measure("off-kva-page", call_kva_and_page, sf);
	measure("off-page-referenced", call_referenced, spare);
	measure("off-free", call_free, sf);
	measure("off-stats-read", call_stats, &stats);
	measure("off-inuse", call_inuse, &n);
	measure("off-audit", call_audit, &n);
	expect(n == 0, "every entry is right");
	measure("off-recount", call_recount, NULL);
	for (u_int i = 0; i < AROUND; i++)
		miss(0);
	measure("off-tick", call_tick, NULL);
}

/* References every slot, each by a page of its own. */
static void
reference_all(void)
{
	for (nrefs = 0; nrefs < nsfbufs; nrefs++) {
		refs[nrefs] = sf_buf_alloc(pages[nrefs], SFB_NOWAIT);
		KASSERT(refs[nrefs] != NULL, "intr-off: no slot");
	}
}

/*
 * References every slot in such a way that all are in the ring of a pool: most
 * of them revived, in the parts of removed slots; or, if `queued', all in the
 * queue.
 */
static void
arrange(bool queued)
{
	struct sf_buf_stats before, after;

	/* Of the pages the second half, and then the first, come last. */
	next_page = nsfbufs;
	for (u_int i = 0; i < 2 * npages; i++)
		miss(0);
	sf_buf_stats_read(&before);
	reference_all();
	sf_buf_stats_read(&after);
	expect(after.revived - before.revived >= nsfbufs / 2,
	    "half of the slots are revived");
	if (!queued)
		return;
	/* A search takes them out of the rings; their last frees queue them. */
	expect(sf_buf_alloc(spare, SFB_NOWAIT) == NULL, "no slot is left");
	free_all();
	reference_all();
}

/* Measures the search for the only slot without a reference, which is last. */
static void
measure_last(void)
{
	struct call c = { .m = spare, .flags = SFB_NOWAIT };

	arrange(true);
	sf_buf_free(refs[--nrefs]);
	measure("off-last", call_alloc, &c);
	expect(c.sf != NULL, "a slot is left");
	if (c.sf != NULL)
		sf_buf_free(c.sf);
	free_all();
}

static void
waiter(void *arg)
{
	sf_buf_free(sf_buf_alloc(arg, 0));
}

static struct thread *
waiter_create(struct vm_page *m)
{
	struct thread *td = thread_create_on(0, waiter, m, "waiter");

	KASSERT(td != NULL, "bench: no memory");
	return (td);
}

/* Measures an allocation that may not sleep, with every slot referenced. */
static void
measure_failure(void)
{
	struct call c = { .m = spare, .flags = SFB_NOWAIT };

	arrange(false);
	measure("off-failure", call_alloc, &c);
	expect(c.sf == NULL, "no slot is left");
	free_all();
}

/*
 * Every slot is referenced, and in no ring, as a search leaves them.  Measures
 * a thread that goes to sleep; then the free that wakes it up, and the rest of
 * its allocation.
 */
static void
measure_wait(void)
{
	struct thread *td;

	arrange(false);
	expect(sf_buf_alloc(spare, SFB_NOWAIT) == NULL, "no slot is left");
	td = waiter_create(spare);
	measure("off-sleep", call_yield, NULL);
	measure("off-free-waited", call_free_and_yield, refs[--nrefs]);
	free_all();
	thread_join(td);
}

/*
 * The first of two threads waits, and has got a slot, but did not run since.
 * Meanwhile the queue has filled with referenced slots again.  Measures how the
 * second thread joins the first, for which all of the queue is searched.
 */
static void
measure_fed(void)
{
	struct thread *first, *second;

	arrange(true);
	first = waiter_create(pages[npages - 2]);
	sched_yield();
	second = waiter_create(spare);
	free_all();
	nrefs = nsfbufs - 1;
	for (u_int i = 0; i < nrefs; i++)
		refs[i] = sf_buf_alloc(pages[i], SFB_NOWAIT);
	measure("off-fed", call_yield, NULL);
	free_all();
	thread_join(first);
	thread_join(second);
}

/* Measures frees of slots that a search took out of their ring. */
static void
measure_free_unlisted(void)
{
	struct stretch s = { 0 };

	arrange(false);
	expect(sf_buf_alloc(spare, SFB_NOWAIT) == NULL, "no slot is left");
	for (u_int i = 0; i < HITS; i++)
		stretch_measure(&s, call_free, refs[--nrefs]);
	report("off-free-unlisted", &s);
	free_all();
}

/* Measures a tick and a miss with every slot in the queue, unreferenced. */
static void
measure_full_queue(void)
{
	struct call c = { .m = spare };

	arrange(true);
	free_all();
	measure("off-tick-full", call_tick, NULL);
	measure("off-miss-full", call_alloc, &c);
	sf_buf_free(c.sf);
}

static void
measure_all(void)
{
	measure_peak("off-miss-peak", call_alloc, 0);
	measure_peak("off-miss-peak-masked", call_alloc_masked, SFB_NOWAIT);
	measure_misses("off-miss", 0);
	measure_misses("off-miss-nowait", SFB_NOWAIT);
	measure_misses("off-miss-private", SFB_CPUPRIVATE);
	read_one_in = 2;
	measure_misses("off-miss-mixed", 0);
	measure_misses("off-miss-mixed-private", SFB_CPUPRIVATE);
	read_one_in = 1;
	measure_short();
	measure_free_unlisted();
	measure_wait();
	measure_failure();
	measure_last();
	measure_fed();
	measure_full_queue();
}

static void
clock_off(void)
{
	uint32_t flags = intr_save();

	if (lapic_present())
		lapic_timer_oneshot(0);
	intr_restore(flags);
}

static void
clock_on(void)
{
	uint32_t flags = intr_save();

	clock_start();
	intr_restore(flags);
}

BENCH(intr_off, "intr-off")
{
	npages = 2 * nsfbufs;
	if ((pages = bench_pages(npages, false)) == NULL)
		return;
	spare = pages[npages - 1];
	refs = bench_array(nsfbufs * sizeof(*refs));
	bench_busy_start(1, mp_ncpus, true);
	clock_off();
	if (stretch_works()) {
		sched_pin();
		measure_all();
		sched_unpin();
	} else {
		bench_failed();
	}
	clock_on();
	bench_busy_stop();
	kmem_free(refs, nsfbufs * sizeof(*refs));
	bench_pages_free(pages, npages);
}
