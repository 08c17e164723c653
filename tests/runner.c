/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Runs the in-kernel tests.  Owns the choice of cases, their order, the report
 * and the leak fence around each case: what a case takes it must give back,
 * and it must leave its thread as it found it.  Invariant: each line of the
 * report is printed by one printf(), so that no other text is in it.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/fence.h>
#include <sys/job.h>
#include <sys/lock.h>
#include <sys/monitor.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/tsc.h>

#define	SLOW_MS		500u	/* a case that takes longer is reported */
#define	LOOKS		4u	/* at a case, before it has taken too long */

extern const struct test *const __start_set_tests[], *const
    __stop_set_tests[];

static char wanted[TUNABLE_STRSIZE];
TUNABLE_STR(test, "test", wanted,
    "tests to run: all, list, or patterns with *, between commas");
static char unwanted[TUNABLE_STRSIZE];
TUNABLE_STR(skip, "skip", unwanted, "tests to leave out: patterns");
static u_int repeat = 1;
TUNABLE_UINT(repeat, "repeat", repeat, 1, 1000000, "runs of each test");
static u_int seed = 1;
TUNABLE_UINT(seed, "seed", seed, 0, 0xffffffffu,
    "where the tests' random numbers start");
static u_int limit_s = 30;
TUNABLE_UINT(test_limit, "test.limit", limit_s, 1, 3600,
    "seconds after which a test that has not ended is a panic");

/* These belong to the running case. */
static volatile uint32_t failures;
static const char *skip_reason;		/* NULL: it was not skipped */
static uint32_t case_seed;		/* 0: no case has run */
static const struct test *volatile case_running;	/* NULL: none */
static volatile uint32_t case_runs;	/* that have begun */

void
test_expect_eq(uint64_t a, uint64_t b, const char *as, const char *bs,
    const char *file, int line)
{
	if (a == b)
		return;
	atomic_fetchadd_32(&failures, 1);
	printf("# %s:%d: %s is 0x%llx, %s is 0x%llx\n", file, line, as,
	    (unsigned long long)a, bs, (unsigned long long)b);
}

void
test_skip(const char *reason)
{
	skip_reason = reason;
}

uint32_t
test_seed(void)
{
	return (case_seed != 0 ? case_seed : seed);
}

/*
 * Counts in *state and mixes the bits of the count (Steele, Lea and Flood,
 * "Fast splittable pseudorandom number generators"), so every state is good.
 */
uint32_t
test_random(uint32_t *state)
{
	uint32_t z = *state += 0x9e3779b9u;

	z = (z ^ z >> 16) * 0x85ebca6bu;
	z = (z ^ z >> 13) * 0xc2b2ae35u;
	return (z ^ z >> 16);
}

/* Hashes the name by FNV-1a, so that cases differ in their random numbers. */
static uint32_t
seed_of(const struct test *t, u_int run)
{
	uint32_t h = 2166136261u;

	for (const char *s = t->name; *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return (h ^ (seed + run) * 0x9e3779b9u);
}

/* --- which cases --- */

/* Whether the len characters of a pattern match all of s. */
static bool
matches(const char *pattern, size_t len, const char *s)
{
	const char *star = NULL, *from = NULL, *end = pattern + len;

	/* On a mismatch the last star matches one character more. */
	while (*s != '\0') {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			from = s;
		} else if (pattern < end && *pattern == *s) {
			pattern++;
			s++;
		} else if (star != NULL) {
			pattern = star;
			s = ++from;
		} else
			return (false);
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return (pattern == end);
}

/* Whether an element, one pattern of a list, selects t. */
static bool
element_selects(const char *element, size_t len, const struct test *t)
{
	if (strlen(t->name) == len && strncmp(element, t->name, len) == 0)
		return (true);
	if (t->kind != TEST_PLAIN)
		return (false);
	if (len == 3 && strncmp(element, "all", len) == 0)
		return (true);
	return (matches(element, len, t->name));
}

static const char *
element_end(const char *element)
{
	const char *comma = strchr(element, ',');

	return (comma != NULL ? comma : element + strlen(element));
}

static bool
list_selects(const char *patterns, const struct test *t)
{
	const char *end;

	for (const char *p = patterns; *p != '\0'; p = end + (*end == ',')) {
		end = element_end(p);
		if (element_selects(p, (size_t)(end - p), t))
			return (true);
	}
	return (false);
}

static bool
selected(const char *patterns, const struct test *t)
{
	return (list_selects(patterns, t) && !list_selects(unwanted, t));
}

/* The order of cases, which does not depend on the compiler and the linker. */
static int
compare_cases(const struct test *a, const struct test *b)
{
	int order = strcmp(a->file, b->file);

	return (order != 0 ? order : a->line - b->line);
}

/* The case after t by file and line; the first, if t is NULL. */
static const struct test *
next_case(const struct test *t)
{
	const struct test *const *p, *next = NULL;

	for (p = __start_set_tests; p < __stop_set_tests; p++)
		if ((t == NULL || compare_cases(*p, t) > 0) &&
		    (next == NULL || compare_cases(*p, next) < 0))
			next = *p;
	return (next);
}

/* Prints the first pattern that selects no case, and returns false. */
static bool
all_name_something(const char *patterns)
{
	const struct test *t;
	const char *end;
	size_t len;

	for (const char *p = patterns; *p != '\0'; p = end + (*end == ',')) {
		end = element_end(p);
		len = (size_t)(end - p);
		for (t = next_case(NULL); t != NULL; t = next_case(t))
			if (element_selects(p, len, t))
				break;
		if (t == NULL) {
			printf("mayfly: no test is called %.*s; test=list "
			    "names them\n", (int)len, p);
			return (false);
		}
	}
	return (true);
}

/* --- the fence --- */

/*
 * What a case must leave as it was: the state of its thread and CPU, which is
 * restored first, because the kernel's counts cannot be read while a lock is
 * held, and those counts (sys/fence.h).
 */
enum {
	SPIN_LOCKS, MUTEXES, INTERRUPTS, CRITICAL, PINNED, BOUND, PENDING, NSTATE
};

static const char *const state_names[NSTATE] = {
	[SPIN_LOCKS] = "spin locks held",
	[MUTEXES] = "mutexes held",
	[INTERRUPTS] = "interrupts enabled",
	[CRITICAL] = "critical-section depth",
	[PINNED] = "pin depth",
	[BOUND] = "bound to a CPU",
	[PENDING] = "pending signals",
};

static void
read_state(uint32_t v[NSTATE])
{
	const struct thread *td = curthread();

	v[SPIN_LOCKS] = spin_held();
	v[MUTEXES] = 0;
	for (const struct mtx *m = td->td_mutexes; m != NULL; m = m->next)
		v[MUTEXES]++;
	v[INTERRUPTS] = intr_enabled();
	v[CRITICAL] = td->td_critnest;
	v[PINNED] = td->td_pinned;
	v[BOUND] = td->td_bound != NOCPU;
	v[PENDING] = td->td_signals;
}

/* Restores the thread's state, so that the next case starts clean. */
static void
restore_state(const uint32_t was[NSTATE])
{
	struct thread *td = curthread();

	while (spin_held() > was[SPIN_LOCKS])
		spin_unlock(curpcpu()->pc_held);
	if (was[INTERRUPTS] != 0)
		enable_intr();
	while (td->td_critnest > was[CRITICAL])
		critical_exit();
	while (td->td_pinned > was[PINNED])
		sched_unpin();
	if (td->td_bound != NOCPU && was[BOUND] == 0)
		sched_unbind();
	while (td->td_mutexes != NULL && was[MUTEXES] == 0)
		mtx_unlock(td->td_mutexes);
	if (td->td_signals != 0)
		(void)thread_signals_take();
}

/* Reports the values that differ. */
static void
expect_same(const uint32_t was[NSTATE], const uint32_t is[NSTATE])
{
	for (u_int i = 0; i < NSTATE; i++) {
		if (is[i] == was[i])
			continue;
		failures++;
		printf("# leak: %s: %u before, %u after\n", state_names[i],
		    was[i], is[i]);
	}
}

static void
run_fenced(const struct test *t)
{
	uint32_t was[NSTATE], is[NSTATE];
	struct fence before, after;

	read_state(was);
	fence_read(&before);
	t->run();
	read_state(is);
	expect_same(was, is);
	restore_state(was);
	fence_read(&after);
	failures += fence_compare("# ", &before, &after);
	EXPECT_EQ(sf_buf_audit(), 0);
}

/* --- the limit --- */

/*
 * Lists the threads and panics, which shows all CPUs, if a case still runs at
 * LOOKS looks in a row: a row that only runs out of time does not say which
 * case hangs.  A look counts for nothing while the console has output that its
 * reader has not taken, because the case may wait for that.  Compares no times,
 * because those of two CPUs may differ.  A signal ends the thread.
 */
static void
watch_cases(void *arg)
{
	const struct test *t;
	uint32_t seen = 0;
	u_int looks = 0;

	(void)arg;
	while (thread_sleep_ms(limit_s * 1000 / LOOKS, SLEEP_CATCH) == 0) {
		t = case_running;
		if (t == NULL || case_runs != seen || !cons_idle())
			looks = 0;
		seen = case_runs;
		if (t != NULL && looks++ == LOOKS) {
			thread_print_all();
			panic("test %s has not ended in %u s", t->name,
			    limit_s);
		}
	}
}

/* On the first CPU, which wakes up now and then for the watchdog anyway. */
static struct thread *
limit_start(void)
{
	struct thread *td = thread_create_on(0, watch_cases, NULL, "limit");

	KASSERT(td != NULL, "test: no memory");
	return (td);
}

static void
limit_end(struct thread *td)
{
	thread_signal(td, 0);
	thread_join(td);
}

/* --- the report --- */

/*
 * start_time, time_since: the TSC ticks that a case takes, which may change its
 * CPU: both readings are of one CPU.
 */
static uint64_t
start_time(u_int *cpu)
{
	uint64_t t;

	sched_pin();
	*cpu = curcpu_id();
	t = cpu_ticks();
	sched_unpin();
	return (t);
}

static uint64_t
time_since(uint64_t start, u_int cpu)
{
	uint64_t t;

	sched_bind(cpu);
	t = cpu_ticks() - start;
	sched_unbind();
	return (t);
}

/* Runs a case `repeat' times, or until it fails; false if it failed. */
static bool
run_case(const struct test *t, u_int number)
{
	uint64_t start;
	u_int run = 0, cpu, ms;

	failures = 0;
	skip_reason = NULL;
	start = start_time(&cpu);
	do {
		case_seed = seed_of(t, run);
		case_runs++;
		case_running = t;
		run_fenced(t);
		case_running = NULL;
	} while (++run < repeat && failures == 0 && skip_reason == NULL);
	ms = (u_int)(time_since(start, cpu) / ticks_per_ms);
	if (t->kind == TEST_PANICS && skip_reason == NULL) {
		failures++;
		printf("# it returned, without a panic\n");
	}
	if (ms >= SLOW_MS)
		printf("# %s: %u ms, %u runs\n", t->name, ms, run);
	if (failures != 0)
		printf("# run %u of %u; to repeat: test=%s seed=%u\n"
		    "not ok %u %s\n", run, repeat, t->name, seed + run - 1,
		    number, t->name);
	else
		printf("ok %u %s%s%s\n", number, t->name, skip_reason != NULL ?
		    " # SKIP " : "", skip_reason != NULL ? skip_reason : "");
	return (failures == 0);
}

/* Ends with the number of names, so that a list that was cut is noticed. */
static u_int
list(void)
{
	static const char *const notes[] = {
		[TEST_PLAIN] = "", [TEST_HIDDEN] = " (hidden)",
		[TEST_PANICS] = " (panics)",
	};
	const struct test *t;
	u_int n = 0;

	for (t = next_case(NULL); t != NULL; t = next_case(t), n++)
		printf("%s%s\n", t->name, notes[t->kind]);
	printf("mayfly: %u names\n", n);
	return (EXIT_NOTHING);
}

/*
 * Runs the cases that comma-separated patterns select; "list" only names
 * them.  Returns a value for machine_exit(): EXIT_NOTHING also if a pattern
 * selects no case.
 */
static u_int
run_pattern(const char *patterns)
{
	u_int planned = 0, number = 0, failed = 0;
	const struct test *t;
	struct thread *limit;

	if (strcmp(patterns, "list") == 0)
		return (list());
	if (!all_name_something(patterns) || !all_name_something(unwanted))
		return (EXIT_NOTHING);
	for (t = next_case(NULL); t != NULL; t = next_case(t))
		planned += selected(patterns, t);
	if (planned == 0) {
		printf("mayfly: test= and skip= together leave no test\n");
		return (EXIT_NOTHING);
	}
	printf("KTAP version 1\n1..%u\n", planned);
	limit = limit_start();
	for (t = next_case(NULL); t != NULL; t = next_case(t))
		if (selected(patterns, t) && !run_case(t, ++number))
			failed++;
	limit_end(limit);
	if (failed != 0)
		printf("# %u of %u tests failed\n", failed, planned);
	return (failed == 0 ? EXIT_PASSED : EXIT_FAILED);
}

static bool
test_wanted(void)
{
	return (wanted[0] != '\0');
}

static u_int
test_run(void)
{
	return (run_pattern(wanted));
}

JOB(test, 10, test_wanted, test_run);

COMMAND(command_test, "test", "[pattern]", "run tests: all if none is named")
{
	switch (run_pattern(argc > 1 ? argv[1] : "all")) {
	case EXIT_PASSED:
		printf("test: passed\n");
		break;
	case EXIT_FAILED:
		printf("test: FAILED\n");
		break;
	}
}
