/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Runs the benchmarks that bench= names.  Owns what they have in common: the
 * pages, the busy CPUs, waiting for CPUs, and the line that reports a
 * measurement.
 *
 * Lines for scripts begin with "bench: " and consist of words name=value; all
 * other lines are for people.
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/deadline.h>
#include <sys/job.h>
#include <sys/monitor.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/tsc.h>
#include <tests/bench/bench.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	SPIN_INSNS	4u	/* instructions in a turn of spin_pausing() */
#define	EXACT_NOPS	1000u
#define	MAXSCHEMES	8u
#define	MAX_SHIFT	10u

extern const struct bench *const __start_set_benches[], *const
    __stop_set_benches[];

static char wanted[TUNABLE_STRSIZE];
TUNABLE_STR(bench, "bench", wanted,
    "benchmarks to run: all, list, or names and beginnings*, between commas");

/* The state of each busy CPU, on a cache line of its own. */
static struct spinner {
	volatile uint32_t turns;
	struct thread *td;
} __attribute__((aligned(64))) spinners[MAXCPU];
static volatile uint32_t spin_stop;
static u_int busy_first, busy_end;

static bool failed;
static bool exact;		/* the TSC counts instructions */
u_int bench_tsc_shift;		/* an instruction lasts 2^this TSC ticks */

static bool
bench_wanted(void)
{
	return (wanted[0] != '\0');
}

/*
 * True if the pattern of len characters matches the name.  A pattern is "all",
 * a name, or the beginning of a name and a *.
 */
static bool
matches(const char *pattern, size_t len, const char *name)
{
	if (len == 3 && strncmp(pattern, "all", 3) == 0)
		return (true);
	if (len > 0 && pattern[len - 1] == '*')
		return (strncmp(pattern, name, len - 1) == 0);
	return (strlen(name) == len && strncmp(pattern, name, len) == 0);
}

static bool
selected(const struct bench *b)
{
	const char *p = wanted, *comma;

	while ((comma = strchr(p, ',')) != NULL) {
		if (matches(p, (size_t)(comma - p), b->name))
			return (true);
		p = comma + 1;
	}
	return (matches(p, strlen(p), b->name));
}

/*
 * bench_array: returns zeroed memory, which the caller gives back by
 * kmem_free(); panics if there is none.  Thread context.
 */
void *
bench_array(size_t size)
{
	void *array = kmem_alloc(size, M_ZERO);

	KASSERT(array != NULL, "bench_array: no memory for %zu bytes", size);
	return (array);
}

/*
 * bench_ready: initialises a scheme if that was not done before; returns false
 * if it cannot be used.
 */
bool
bench_ready(const struct bench_scheme *s)
{
	static struct {
		const struct bench_scheme *scheme;
		bool ready;
	} known[MAXSCHEMES];
	u_int i = 0;

	while (known[i].scheme != NULL && known[i].scheme != s)
		i++;
	KASSERT(i < MAXSCHEMES - 1, "bench: too many schemes");
	if (known[i].scheme == NULL) {
		known[i].scheme = s;
		known[i].ready = s->init == NULL || s->init(nsfbufs);
		if (!known[i].ready)
			printf("# %s cannot be used here\n", s->name);
	}
	return (known[i].ready);
}

/*
 * bench_pages: returns an array of n wired pages, all of which the direct map
 * serves if `direct', and none of which if not; behind them is a NULL.  Prints
 * a comment and returns NULL if there are too few such pages.  Thread context.
 * bench_pages_free() gives back the pages and the array.
 */
struct vm_page **
bench_pages(u_int n, bool direct)
{
	struct vm_page **pages = bench_array((n + 1) * sizeof(*pages)), *m;

	for (u_int i = 0; i < n; i++) {
		m = vm_page_alloc(VM_ALLOC_WIRED |
		    (direct ? VM_ALLOC_DIRECT : 0));
		if (m != NULL && sf_buf_page_is_direct(m) == direct) {
			pages[i] = m;
			continue;
		}
		if (m != NULL) {
			vm_page_unwire(m, 0);
			vm_page_free(m);
		}
		while (i-- > 0) {
			vm_page_unwire(pages[i], 0);
			vm_page_free(pages[i]);
		}
		kmem_free(pages, (n + 1) * sizeof(*pages));
		printf("# fewer than %u pages that the direct map %s\n", n,
		    direct ? "serves" : "does not serve");
		return (NULL);
	}
	return (pages);
}

void
bench_pages_free(struct vm_page **pages, u_int n)
{
	for (u_int i = 0; i < n; i++) {
		vm_page_unwire(pages[i], 0);
		vm_page_free(pages[i]);
	}
	kmem_free(pages, (n + 1) * sizeof(*pages));
}

/* bench_counts_sub: subtracts b, the counts at an earlier time, from c. */
void
bench_counts_sub(struct bench_counts *c, const struct bench_counts *b)
{
	c->hits -= b->hits;
	c->misses -= b->misses;
	c->pte_writes -= b->pte_writes;
	c->invlpgs -= b->invlpgs;
	c->ipis -= b->ipis;
	c->interrupted -= b->interrupted;
	c->sleeps -= b->sleeps;
}

/*
 * bench_report: prints the result of a measurement as a line for scripts.
 * cost= is that of one operation.
 */
void
bench_report(const struct bench_result *r)
{
	static const char *const touch[] = { "none", "read", "zero" };
	uint64_t cost = r->time * 100 / r->ops;
	const struct bench_counts *c = &r->counts;

	printf("bench: case=%s scheme=%s cpus=%u workers=%u pages=%u "
	    "touch=%s mode=%s ops=%llu cost=%llu.%02u hits=%llu "
	    "misses=%llu pte=%llu invlpg=%llu ipis=%llu interrupted=%llu "
	    "sleeps=%llu\n", r->name, r->scheme->name, r->cpus,
	    r->workers == 0 ? 1 : r->workers, r->pages, touch[r->touch],
	    (r->flags & SFB_CPUPRIVATE) != 0 ? "private" : "shared",
	    (unsigned long long)r->ops, (unsigned long long)(cost / 100),
	    (u_int)(cost % 100), (unsigned long long)c->hits,
	    (unsigned long long)c->misses, (unsigned long long)c->pte_writes,
	    (unsigned long long)c->invlpgs, (unsigned long long)c->ipis,
	    (unsigned long long)c->interrupted,
	    (unsigned long long)c->sleeps);
}

/* bench_sort: sorts n numbers in place, the least first; meant for few. */
void
bench_sort(uint64_t *v, u_int n)
{
	uint64_t t;

	for (u_int i = 1; i < n; i++)
		for (u_int j = i; j > 0 && v[j] < v[j - 1]; j--) {
			t = v[j];
			v[j] = v[j - 1];
			v[j - 1] = t;
		}
}

/*
 * bench_await: spins until other CPUs have raised *p to `least'.  Panics after
 * ipi.timeout=, naming what *p counts.  Thread context.
 */
void
bench_await(volatile uint32_t *p, uint32_t least, const char *what)
{
	struct deadline wait = { 0 };

	while (atomic_load_acq_32(p) < least) {
		cpu_spinwait();
		KASSERT(!deadline_passed(&wait), "bench: %s: %u, not %u "
		    "(called from %pC)", what, *p, least, __caller());
	}
}

/* Keeps a CPU busy, with interrupts on, until spin_stop is set. */
static void
spin(void *arg)
{
	struct spinner *s = arg;

	s->turns = 1;
	__asm__ volatile("1: cmpl $0, %0; je 1b" : : "m" (spin_stop) :
	    "memory", "cc");
}

/*
 * As spin(), for machines whose CPUs run one at a time, as under -icount: PAUSE
 * lets the next CPU run.  Counts the turns of its loop, of SPIN_INSNS
 * instructions each, so that busy_insns() can subtract them.
 */
static void
spin_pausing(void *arg)
{
	struct spinner *s = arg;

	__asm__ volatile("1: incl %0; pause; cmpl $0, %1; je 1b"
	    : "+m" (s->turns) : "m" (spin_stop) : "memory", "cc");
}

/*
 * bench_busy_start: keeps the CPUs from `first' to `end' - 1 busy until
 * bench_busy_stop(), in a loop with PAUSE if `pause'.  Thread context, on none
 * of these CPUs.
 */
void
bench_busy_start(u_int first, u_int end, bool pause)
{
	spin_stop = 0;
	busy_first = first;
	busy_end = end;
	for (u_int i = first; i < end; i++) {
		spinners[i].turns = 0;
		spinners[i].td = thread_create_on(i,
		    pause || exact ? spin_pausing : spin, &spinners[i],
		    "busy");
		KASSERT(spinners[i].td != NULL, "bench: no memory");
		bench_await(&spinners[i].turns, 1, "turns of a busy CPU");
	}
}

void
bench_busy_stop(void)
{
	spin_stop = 1;
	for (u_int i = busy_first; i < busy_end; i++)
		thread_join(spinners[i].td);
	busy_end = busy_first;
}

static uint64_t
busy_insns(void)
{
	uint64_t turns = 0;

	for (u_int i = busy_first; i < busy_end; i++)
		turns += spinners[i].turns;
	return (turns * SPIN_INSNS);
}

/*
 * bench_busy_time: under -icount, returns the number of instructions that all
 * CPUs have executed since start-up, and in *busy the part of it that the busy
 * CPUs executed in their loops.  Reads both again if a busy CPU ran between the
 * two, so that they belong to the same moment.
 */
uint64_t
bench_busy_time(uint64_t *busy)
{
	uint64_t t;

	do {
		*busy = busy_insns();
		t = cpu_ticks() >> bench_tsc_shift;
	} while (busy_insns() != *busy);
	return (t);
}

/*
 * True if the TSC counts instructions, 2^N for each, as under -icount shift=N.
 * Then EXACT_NOPS NOPs take hardly more than EXACT_NOPS * 2^N ticks, and
 * exactly as many the second time.  *shift is set to N.
 */
static bool
tsc_is_exact(u_int *shift)
{
	uint64_t t[4], insns;

	for (u_int i = 0; i < 4; i += 2) {
		t[i] = cpu_ticks();
		__asm__ volatile(".rept %c0; nop; .endr" : : "i" (EXACT_NOPS));
		t[i + 1] = cpu_ticks();
	}
	for (*shift = 0; *shift <= MAX_SHIFT; ++*shift) {
		insns = (t[1] - t[0]) >> *shift;
		if (insns >= EXACT_NOPS && insns < EXACT_NOPS + EXACT_NOPS / 2)
			return (t[1] - t[0] == t[3] - t[2]);
	}
	*shift = 0;
	return (false);
}

/* Ends with the number of names, so that a list that was cut is noticed. */
static u_int
list(void)
{
	for (const struct bench *const *b = __start_set_benches;
	    b < __stop_set_benches; b++)
		printf("%s\n", (*b)->name);
	printf("mayfly: %u names\n",
	    (u_int)(__stop_set_benches - __start_set_benches));
	return (EXIT_NOTHING);
}

/*
 * bench_failed: records that a benchmark's result is wrong, so that the run
 * ends with EXIT_FAILED.
 */
void
bench_failed(void)
{
	failed = true;
}

/*
 * Prints the line that describes the machine.  frames, free and start serve to
 * compare machines and pools of different sizes; start is in instructions if
 * the TSC counts these.
 */
static void
report_machine(void)
{
	uint32_t free = 0;

	for (u_int z = 0; z < VM_NZONES; z++)
		free += vm_page_zone_free((enum vm_zone)z);
	printf("bench: begin nsfbufs=%u cpus=%u mhz=%u hz=%u exact=%s "
	    "frames=%u free=%u page-bytes=%u start=%llu\n", nsfbufs, mp_ncpus,
	    (u_int)(ticks_per_ms / 1000), HZ, exact ? "yes" : "no",
	    vm_page_count, free, (u_int)sizeof(struct vm_page),
	    (unsigned long long)(cpu_ticks() >> bench_tsc_shift));
}

static u_int
bench_run(void)
{
	u_int ran = 0;

	if (strcmp(wanted, "list") == 0)
		return (list());
	exact = tsc_is_exact(&bench_tsc_shift);
	failed = false;
	report_machine();
	sched_bind(0);
	for (const struct bench *const *b = __start_set_benches;
	    b < __stop_set_benches; b++) {
		if (!selected(*b))
			continue;
		printf("# %s\n", (*b)->name);
		(*b)->run();
		ran++;
	}
	sched_unbind();
	if (ran == 0) {
		printf("mayfly: no benchmark is called %s; bench=list names "
		    "them\n", wanted);
		return (EXIT_NOTHING);
	}
	printf("bench: end ran=%u failed=%u\n", ran, failed);
	return (failed ? EXIT_FAILED : EXIT_PASSED);
}

JOB(bench, 20, bench_wanted, bench_run);

COMMAND(bench_command, "bench", "[pattern]", "run benchmarks; list names them")
{
	snprintf(wanted, sizeof(wanted), "%s", argc > 1 ? argv[1] : "list");
	(void)bench_run();
}
