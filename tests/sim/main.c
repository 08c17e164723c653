/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The program simulate: its options, its processes, and the totals, as TAP.
 *
 *	simulate [-j processes] [-n runs] [-f first seed] [-x bound]
 *	simulate -s seed
 *
 * -n runs this many seeds; -x runs all schedules of the small work with at most
 * `bound' decisions; -s runs one seed and, if it fails, makes the failing run
 * small and prints it.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define	MAXPROCS	64u

/* Shared with the processes, so that the seed of one that died is known too. */
struct result {
	struct figures f;
	bool passed;
	volatile uint64_t seed;		/* that runs now or failed */
};
static struct result *results;

static u_int nprocs = 2, bound;
static uint64_t nruns, first = 1, one;

/*
 * Options of the address sanitizer.  Leaks do not matter, for the process ends;
 * its own switch of stacks does not work with fiber.c.
 */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return ("detect_leaks=0:detect_stack_use_after_return=0:"
	    "abort_on_error=0");
}

static void __attribute__((__noreturn__))
usage(void)
{
	fprintf(stderr, "usage: simulate [-j processes] [-n runs] "
	    "[-f first seed] [-x bound] | -s seed\n");
	exit(2);
}

static uint64_t
number(const char *s)
{
	char *end;
	uint64_t v = strtoull(s, &end, 10);

	if (*s < '0' || *s > '9' || *end != '\0') {
		fprintf(stderr, "simulate: %s: not a number\n", s);
		usage();
	}
	return (v);
}

static void
options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "j:n:f:x:s:")) != -1) {
		switch (c) {
		case 'j':	nprocs = (u_int)number(optarg); break;
		case 'n':	nruns = number(optarg); break;
		case 'f':	first = number(optarg); break;
		case 'x':	bound = (u_int)number(optarg); break;
		case 's':	one = number(optarg); break;
		default:	usage();
		}
	}
	if (optind != argc || nprocs == 0 || nprocs > MAXPROCS ||
	    (nruns == 0 && bound == 0 && one == 0))
		usage();
}

/* Runs the part of one process. */
static void
work_share(u_int me, bool seeds)
{
	struct result *r = &results[me];
	bool passed;

	if (seeds)
		passed = search_seeds(first + me,
		    nruns / nprocs + (me < nruns % nprocs), nprocs, &r->f,
		    &r->seed);
	else
		passed = search_all(bound, me, nprocs, &r->f);
	r->passed = passed;
	fflush(stdout);
}

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

static pid_t
new_process(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("simulate");
		exit(2);
	}
	if (pid == 0)
		fiber_watch();
	return (pid);
}

/*
 * Divides the runs among the processes and adds up their results; the seed is
 * that of a process that failed.
 */
static struct result
share_out(bool seeds)
{
	struct result sum;

	memset(&sum, 0, sizeof(sum));
	memset(results, 0, MAXPROCS * sizeof(*results));
	sum.passed = true;
	for (u_int i = 0; i < nprocs; i++) {
		if (new_process() == 0) {
			work_share(i, seeds);
			exit(0);	/* writes make coverage's counters */
		}
	}
	while (wait(NULL) > 0)
		continue;
	for (u_int i = 0; i < nprocs; i++) {
		sum.f.runs += results[i].f.runs;
		sum.f.ops += results[i].f.ops;
		sum.f.steps += results[i].f.steps;
		if (!results[i].passed && sum.passed) {
			sum.passed = false;
			sum.seed = results[i].seed;
		}
	}
	return (sum);
}

/* Explains a failing seed, in a process of its own, for the run may crash. */
static bool
explain(uint64_t seed)
{
	bool passed;
	int status;

	if (new_process() == 0) {
		passed = search_explain(seed);
		fflush(stdout);
		_exit(passed ? 0 : 1);
	}
	(void)wait(&status);
	if (WIFSIGNALED(status))
		printf("seed %llu: ended by signal %d\n",
		    (unsigned long long)seed, WTERMSIG(status));
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool
report(u_int n, const char *what, bool seeds)
{
	double start = seconds();
	struct result r = share_out(seeds);

	printf("# %llu schedules, %llu operations, %llu steps, %.1f s\n",
	    (unsigned long long)r.f.runs, (unsigned long long)r.f.ops,
	    (unsigned long long)r.f.steps, seconds() - start);
	printf("%sok %u - %s\n", r.passed ? "" : "not ", n, what);
	if (seeds && !r.passed && r.seed != 0) {
		(void)explain(r.seed);
		printf("# to repeat: make simulate SEED=%llu\n",
		    (unsigned long long)r.seed);
	}
	return (r.passed);
}

int
main(int argc, char **argv)
{
	bool passed = true;
	u_int n = 0;

	options(argc, argv);
	results = mmap(NULL, MAXPROCS * sizeof(*results),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED) {
		perror("simulate");
		return (2);
	}
	run_init();
	if (one != 0) {
		passed = explain(one);
		printf("seed %llu %s\n", (unsigned long long)one,
		    passed ? "passed" : "failed");
		return (passed ? 0 : 1);
	}
	printf("1..%d\n", (nruns != 0) + (bound != 0));
	if (bound != 0)
		passed = report(++n, "simulation: every schedule of small work",
		    false);
	if (nruns != 0)
		passed = report(++n, "simulation: random schedules", true) &&
		    passed;
	return (passed ? 0 : 1);
}
