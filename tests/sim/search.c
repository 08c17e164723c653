/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Many runs: of a range of seeds, or of all schedules of small work up to a
 * number of decisions.  Also finds, for a failing run, a smaller one that
 * fails too.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/sf_buf.h>
#include "sim.h"

#define	TRIES	300u	/* random schedules tried with less work */

static const struct noise quiet = { .gap = 1 };

static void
count(struct figures *f, const struct work *w)
{
	f->runs++;
	f->ops += work_count(w);
	f->steps = total_steps;
}

/*
 * search_seeds: runs the n seeds first, first + stride, ...  Returns false at
 * the first that fails, which is then in *seed.
 */
bool
search_seeds(uint64_t first, uint64_t n, uint64_t stride, struct figures *f,
    volatile uint64_t *seed)
{
	static struct work w;
	struct noise noise;

	for (uint64_t i = 0; i < n; i++) {
		*seed = first + i * stride;
		work_draw(&w, *seed);
		run_noise(&noise, *seed);
		count(f, &w);
		if (run(&w, SIM_RANDOM, &noise, NULL, *seed) == FAILED)
			return (false);
	}
	return (true);
}

/* The failing run that is made small. */
static struct work work;
static struct decisions decisions;
static char kind[12];		/* the first letters of its message */

static bool
fails_alike(void)
{
	return (strncmp(sim_message, kind, sizeof(kind)) == 0);
}

static bool
still_fails(const struct work *w, const struct decisions *d)
{
	return (run(w, SIM_REPLAY, &quiet, d, 1) == FAILED && fails_alike());
}

/*
 * Replaces `work' by w if w fails alike, under the same decisions or in one of
 * TRIES random schedules.  True if it did.
 */
static bool
adopt(const struct work *w)
{
	struct noise noise;

	if (still_fails(w, &decisions)) {
		work = *w;
		return (true);
	}
	for (uint64_t s = 1; s <= TRIES; s++) {
		run_noise(&noise, s);
		if (run(w, SIM_RANDOM, &noise, NULL, s) == PASSED ||
		    !fails_alike() || recording_full)
			continue;
		work = *w;
		decisions = taken;
		return (true);
	}
	return (false);
}

static bool
drop_ops(void)
{
	static struct work w;
	bool any = false;

	for (u_int t = 0; t < work.nthreads; t++) {
		for (u_int i = 0; i < work.nops[t];) {
			w = work;
			w.nops[t]--;
			memmove(&w.ops[t][i], &w.ops[t][i + 1],
			    (w.nops[t] - i) * sizeof(w.ops[t][0]));
			if (adopt(&w))
				any = true;
			else
				i++;
		}
	}
	return (any);
}

/* Removes decisions, as long as the run fails alike: first many at a time. */
static bool
drop_decisions(void)
{
	static struct decisions d;
	bool any = false;

	for (u_int size = (decisions.n + 1) / 2; size > 0; size /= 2) {
		for (u_int i = 0; i + size <= decisions.n;) {
			d = decisions;
			memmove(&d.list[i], &d.list[i + size],
			    (d.n - i - size) * sizeof(d.list[0]));
			d.n -= size;
			if (still_fails(&work, &d)) {
				decisions = d;
				any = true;
			} else {
				i += size;
			}
		}
	}
	return (any);
}

static void
print_interleaving(void)
{
	printf("%u operations, %u decisions left:\n", work_count(&work),
	    decisions.n);
	work_print(&work);
	tracing = true;
	(void)run(&work, SIM_REPLAY, &quiet, &decisions, 1);
	tracing = false;
	printf("%s\n", sim_message);
}

/*
 * search_explain: runs one seed.  If it fails, makes the run small, prints it
 * step by step, and returns false.
 */
bool
search_explain(uint64_t seed)
{
	struct noise noise;

	work_draw(&work, seed);
	run_noise(&noise, seed);
	if (run(&work, SIM_RANDOM, &noise, NULL, seed) == PASSED)
		return (true);
	decisions = taken;
	memcpy(kind, sim_message, sizeof(kind));
	printf("seed %llu: %s\n%u operations, %u decisions\n",
	    (unsigned long long)seed, sim_message, work_count(&work),
	    decisions.n);
	if (!still_fails(&work, &decisions)) {
		printf("its recorded decisions do not make it fail again:\n");
		work_print(&work);
		tracing = true;
		(void)run(&work, SIM_RANDOM, &noise, NULL, seed);
		tracing = false;
		return (false);
	}
	/* A loop takes its seconds each time, so it is not made small. */
	while (strncmp(kind, "loop:", 5) != 0 && drop_ops())
		continue;
	while (strncmp(kind, "loop:", 5) != 0 && drop_decisions())
		continue;
	print_interleaving();
	return (false);
}

/* All schedules of small work. */
static struct {
	struct decision *list;
	u_int n, max;
} offers;
static struct decision offered_at;

static void
collect(enum decision_kind k, uint32_t arg)
{
	if (offers.n == offers.max) {
		offers.max = offers.max * 2 + 1024;
		offers.list = realloc(offers.list,
		    offers.max * sizeof(offers.list[0]));
		if (offers.list == NULL)
			abort();
	}
	offered_at = (struct decision){ cur->steps, (uint8_t)(cur - cpus),
	    (uint8_t)k, (uint16_t)arg };
	offers.list[offers.n++] = offered_at;
}

/*
 * Runs `work' under `decisions'; then, for each decision that is possible after
 * the last of these, under `decisions' and that one, and so on up to `bound'
 * decisions.  False if a run fails.
 */
static bool
explore(u_int bound, struct figures *f)
{
	u_int first = offers.n;

	sim_offer = decisions.n < bound ? collect : NULL;
	count(f, &work);
	if (run(&work, SIM_REPLAY, &quiet, &decisions, 1) == FAILED)
		return (false);
	for (u_int i = first, last = offers.n; i < last; i++) {
		decisions.list[decisions.n++] = offers.list[i];
		if (!explore(bound, f))
			return (false);
		decisions.n--;
		offers.n = last;
	}
	offers.n = first;
	return (true);
}

/*
 * Small work: a program for each of two threads, on two CPUs.  The digits 0
 * and 1 allocate that page, with the flags that follow: n(owait), c(atch), p
 * (CPU- private).  The letters are operations: r(ead), f(ree), g(ive), t(ake),
 * F(lush), s(ignal the other thread), z (nap), m(ove to CPU 1), e (take a page
 * from the allocator and give it back).
 */
static const char *const small[][2] = {
	{ "0rf1rf", "1rf0rf" },
	{ "0rf1rf", "0rf1rf" },
	{ "0r1nrff", "1r0nrff" },
	{ "0prf1prf", "1rf0rf" },
	{ "0pr1nprff", "0rf1prf" },
	{ "0g1rf", "1rft" },
	{ "0rfz1rf", "0rfz1rf" },
	{ "0crf1crf", "1crsf0crf" },
	{ "0fFF1rf", "0rf1rf" },
	{ "0fm1rf", "1fz0rf" },
	{ "S0rf", "0rf1rf" },
};

/* Shorter programs, for schedules with more decisions. */
static const char *const tiny[][2] = {
	{ "0rf", "1rf" },
	{ "0rf", "0rf" },
	{ "0prf", "1rf" },
	{ "0pf1f", "0pf" },
	{ "0cf", "1cs" },
};

static struct op
parse_op(const char **p)
{
	static const char letters[] = "rfgtFszmeS";
	static const uint8_t kinds[] = { OP_READ, OP_FREE, OP_GIVE, OP_TAKE,
	    OP_FLUSH, OP_SIGNAL, OP_NAP, OP_MOVE, OP_RECYCLE,
	    OP_SEAL };
	struct op op = { OP_ALLOC, (uint8_t)(**p - '0'), SFB_DEFAULT };

	if (**p != '0' && **p != '1') {
		op.kind = kinds[strchr(letters, *(*p)++) - letters];
		op.a = op.kind == OP_SIGNAL || op.kind == OP_MOVE;
		return (op);
	}
	for (++*p; **p == 'n' || **p == 'c' || **p == 'p'; ++*p)
		op.b |= **p == 'n' ? SFB_NOWAIT : **p == 'c' ? SFB_CATCH :
		    SFB_CPUPRIVATE;
	return (op);
}

static void
small_work(const char *const programs[2], u_int nslots, bool strict)
{
	const char *p;

	memset(&work, 0, sizeof(work));
	work.ncpus = work.nthreads = work.npages = 2;
	work.nslots = nslots;
	work.queued = 4;
	work.search = 1;
	work.strict = strict;
	work.wired = true;
	work.epoch = 0x7fffffff;
	for (u_int t = 0; t < 2; t++)
		for (p = programs[t]; *p != '\0';)
			work.ops[t][work.nops[t]++] = parse_op(&p);
}

/*
 * search_all: runs every schedule with at most `bound' decisions, of the small
 * work, or of the tiny work if `bound' is more than two; of the `parts' parts
 * of the work, only `part'.  Returns false, after printing it, if a run
 * failed.
 */
bool
search_all(u_int bound, u_int part, u_int parts, struct figures *f)
{
	const char *const (*programs)[2] = bound > 2 ? tiny : small;
	u_int n = bound > 2 ? nitems(tiny) : nitems(small);
	bool passed = true;

	for (u_int i = part; i < n * 4 && passed; i += parts) {
		small_work(programs[i / 4], 1 + (i & 1), (i & 2) != 0);
		decisions.n = 0;
		offers.n = 0;
		passed = explore(bound, f);
		sim_offer = NULL;
	}
	if (!passed)
		print_interleaving();
	return (passed);
}
