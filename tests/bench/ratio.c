/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Ratios of times, each of a pair of short runs right after one another, many
 * times: what slows the host for longer than that slows both.  Reported are
 * the median and the quartiles of the pairs, and the greatest.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/pcpu.h>
#include <machine/smp.h>
#include <tests/bench/bench.h>

#define	SET		16384u	/* pages, all CPUs together */
#define	HIT_SET		64u
#define	PAIRS		31u	/* odd */
#define	RUN_MS		10u
#define	WARM_MS		20u	/* before a run: slots move to who uses them */
#define	CHUNK		16u	/* operations between looks at the clock */

/* One CPU at it; the first is this one. */
static struct worker {
	const struct bench_scheme *scheme;
	struct vm_page **pages;
	u_int npages, next;
	volatile uint32_t ops;
} __attribute__((aligned(64))) workers[MAXCPU];
static volatile uint32_t nready, go, stop;

static void
some_ops(struct worker *w)
{
	const struct bench_scheme *s = w->scheme;
	u_int next = w->next;
	struct sf_buf *sf;

	for (u_int i = 0; i < CHUNK; i++) {
		sf = s->alloc(w->pages[next], 0);
		(void)*(volatile uint32_t *)s->kva(sf);
		s->free(sf);
		if (++next == w->npages)
			next = 0;
	}
	w->next = next;
	w->ops += CHUNK;
}

/* Times are of this one: the clocks of other CPUs are not looked at. */
static uint64_t
run_here(u_int ms)
{
	uint64_t t0 = cpu_ticks(), t;

	do {
		some_ops(&workers[0]);
		t = cpu_ticks() - t0;
	} while (t < ms * ticks_per_ms);
	return (t);
}

static void
run_there(void *arg)
{
	sched_pin();
	atomic_fetchadd_32(&nready, 1);
	bench_await(&go, 1, "starts");
	while (atomic_load_acq_32(&stop) == 0)
		some_ops(arg);
	sched_unpin();
}

static uint32_t
all_ops(u_int n)
{
	uint32_t ops = 0;

	for (u_int i = 0; i < n; i++)
		ops += workers[i].ops;
	return (ops);
}

/* Operations in 2^20 ticks by n workers at once. */
static uint64_t
rate(u_int n)
{
	struct thread *tds[MAXCPU];
	uint64_t time;
	uint32_t ops;

	nready = go = stop = 0;
	for (u_int i = 1; i < n; i++) {
		tds[i] = thread_create_on(i, run_there, &workers[i], "bench");
		KASSERT(tds[i] != NULL, "bench: no memory");
	}
	bench_await(&nready, n - 1, "CPUs that are ready");
	atomic_store_rel_32(&go, 1);
	(void)run_here(WARM_MS);
	ops = all_ops(n);
	time = run_here(RUN_MS);
	ops = all_ops(n) - ops;
	atomic_store_rel_32(&stop, 1);
	for (u_int i = 1; i < n; i++)
		thread_join(tds[i]);
	return (((uint64_t)ops << 20) / time);
}

#define	HUNDREDTHS(v)	(u_int)((v) / 100), (u_int)((v) % 100)

/* The line that scripts read: in hundredths, from PAIRS ratios. */
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

/* How many times as fast the kernel's own is, the other CPUs busy. */
static void
faster_than(const struct bench_scheme *s, struct vm_page **pages)
{
	struct worker ours = { .scheme = &bench_sf_buf, .pages = pages,
	    .npages = SET };
	struct worker theirs = ours;
	uint64_t ratios[PAIRS], fast, slow;

	if (!bench_ready(s))
		return;
	theirs.scheme = s;
	bench_busy_start(1, mp_ncpus, false);
	sched_pin();
	for (u_int i = 0; i < PAIRS; i++) {
		workers[0] = theirs;
		slow = rate(1);
		theirs.next = workers[0].next;
		workers[0] = ours;
		fast = rate(1);
		ours.next = workers[0].next;
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

/* The pages, shared out among n CPUs. */
static void
share_out(const struct bench_scheme *s, struct vm_page **pages, u_int npages,
    u_int n)
{
	u_int each = npages / n;

	for (u_int i = 0; i < n; i++)
		workers[i] = (struct worker){ .scheme = s,
		    .pages = pages + i * each, .npages = each };
}

/*
 * What n CPUs get done in the time in which one gets 1 done, of the same
 * pages, which that has all, and of which each of those has its part.
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
		one = rate(1);
		share_out(s, pages, npages, mp_ncpus);
		ratios[i] = rate(mp_ncpus) * 100 / (one != 0 ? one : 1);
	}
	report(name, s->name, mp_ncpus, npages, ratios);
	bench_pages_free(pages, npages);
}

/*
 * Twice: slots that one CPU had go to another, each time that one works alone
 * and then all do, until those of different CPUs lie side by side.
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
