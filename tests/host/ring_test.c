/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests what of sf_buf/ knows neither pages nor TLBs.  The ring of ring.h is
 * held against a plain array for each part, under random operations.  What
 * sf_verdict() says of every status is held against a table that was written
 * by hand, from the comments of slot.h.
 *
 * A slot is named by 32 bits, so the program is linked below 4 GiB.
 *
 * gcc -std=gnu11 -Wall -Wextra -g -fsanitize=address,undefined -no-pie \
 *     -fno-pie -Itests/host/include -I. -Ibuild/include tests/host/ring_test.c
 */

#include <stdlib.h>

#include <sys/systm.h>

#include "sf_buf/ring.h"

#define	NSLOTS		300u
#define	NSEEDS		600u
#define	NOPS		400u

struct vm_page vm_page_array[1];
struct sf_buf sf_slots[NSLOTS];

/* What the ring should be: each part's slots, the first ones first. */
struct list {
	struct sf_buf *slot[NSLOTS];
	u_int n;
};
/* What the ring asserts; here a failed test. */
void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static struct list parts[NPARTS], outside;
static struct ring ring;
static uint32_t seed;
static const char *wrong;		/* the first thing that was */
static u_int ncases, nfailed;

static uint32_t
draw(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return (seed % n);
}

static void
note(bool good, const char *what)
{
	if (!good && wrong == NULL)
		wrong = what;
}

static void
report(const char *name)
{
	ncases++;
	nfailed += wrong != NULL;
	printf("%sok %u - %s\n", wrong == NULL ? "" : "not ", ncases, name);
	if (wrong != NULL)
		printf("# seed %u: %s\n", seed, wrong);
	wrong = NULL;
}

/* Moves the first n slots of a list to the end of another. */
static void
move(struct list *from, struct list *to, u_int n)
{
	memcpy(&to->slot[to->n], from->slot, n * sizeof(from->slot[0]));
	to->n += n;
	from->n -= n;
	memmove(from->slot, &from->slot[n], from->n * sizeof(from->slot[0]));
}

/* The last slot of part k or, if it is empty, of the nearest before it. */
static struct sf_buf *
last_of(enum part k)
{
	while (parts[k].n == 0)
		k = k == QUEUE ? OPEN : k - 1;
	return (parts[k].slot[parts[k].n - 1]);
}

/* Whether the ring holds what the lists do, in their order, and closes. */
static void
compare(void)
{
	struct sf_buf *sf;
	u_int sum = 0;

	note(ring_error(&ring) == NULL, "ring_error() finds something");
	for (enum part k = QUEUE; k < NPARTS; k++) {
		note(ring.len[k] == parts[k].n, "the length of a part");
		sum += parts[k].n;
	}
	note(ring.nslots == sum, "the length of the ring");
	if (sum == 0 || wrong != NULL)
		return;
	sf = ring_first(&ring, QUEUE);
	for (enum part k = QUEUE; k < NPARTS; k++) {
		note(ring.last[k] == last_of(k), "the last slot of a part");
		note(ring_first(&ring, k) == sf, "the first slot of a part");
		for (u_int i = 0; i < parts[k].n; i++) {
			note(sf == parts[k].slot[i], "the order of the slots");
			sf = sf_next(sf);
		}
	}
	note(sf == ring_first(&ring, QUEUE), "the ring does not close");
}

/* Appends the first n slots that are in no ring, as a run. */
static void
do_append(enum part k, u_int n)
{
	struct run run = { outside.slot[0], outside.slot[n - 1], n };

	for (u_int i = 1; i < n; i++)
		outside.slot[i - 1]->next = sf_addr(outside.slot[i]);
	if (n == 1)
		ring_put(&ring, k, run.first);
	else
		ring_append(&ring, k, run);
	move(&outside, &parts[k], n);
}

/* Takes the first n of part k out, one way or another. */
static void
do_cut(enum part k, u_int n)
{
	struct run run;

	if (n == 1) {
		run.first = run.last = ring_get(&ring, k);
		run.n = 1;
	} else if (draw(2) == 0)
		run = ring_cut(&ring, k, parts[k].slot[n - 1], n);
	else
		run = ring_cut_first(&ring, k, n);
	note(run.n == n, "the length of a run");
	for (u_int i = 0; i < n && wrong == NULL; i++) {
		note(run.first == parts[k].slot[i], "the slots of a run");
		if (i + 1 < n)
			run.first = sf_next(run.first);
	}
	note(run.first == run.last, "the last slot of a run");
	move(&parts[k], &outside, n);
}

/* Moves borders over the first n of part k: as far as the parts are empty. */
static void
do_shift(enum part k, u_int n)
{
	enum part to = part_before(k);

	while (parts[to].n == 0 && part_before(to) != k && draw(2) == 0)
		to = part_before(to);
	ring_shift(&ring, k, to, parts[k].slot[n - 1], n);
	move(&parts[k], &parts[to], n);
}

static void
do_merge(enum part k)
{
	ring_merge(&ring, k);
	move(&parts[k], &parts[part_before(k)], parts[k].n);
}

/* One operation, if there is anything to do it with. */
static void
do_one(void)
{
	enum part k = draw(NPARTS);
	u_int op = draw(8), n = op < 3 ? outside.n : parts[k].n;

	if (op == 7) {
		do_merge(k);
		return;
	}
	if (n == 0) {
		note(op < 3 || ring_get(&ring, k) == NULL,
		    "a slot of an empty part");
		return;
	}
	/* All of it, one, or any number. */
	n = draw(4) == 0 ? n : draw(3) == 0 ? 1 : 1 + draw(n);
	if (op < 3)
		do_append(k, n);
	else if (op < 5)
		do_cut(k, n);
	else
		do_shift(k, n);
}

/* Few slots more often than many: then parts are empty more often. */
static void
start(uint32_t s)
{
	static const u_int sizes[] = { 1, 2, 3, 4, 6, 10, 40, NSLOTS };

	seed = s * 2654435761u + 1;
	memset(&ring, 0, sizeof(ring));
	memset(parts, 0, sizeof(parts));
	outside.n = sizes[s % (sizeof(sizes) / sizeof(sizes[0]))];
	for (u_int i = 0; i < outside.n; i++) {
		outside.slot[i] = &sf_slots[i];
		sf_slots[i].next = 0;
	}
}

static void
test_ring(void)
{
	for (uint32_t s = 0; s < NSEEDS && wrong == NULL; s++) {
		start(s);
		for (u_int i = 0; i < NOPS && wrong == NULL; i++) {
			do_one();
			compare();
		}
	}
	report("random operations agree with lists");
}

/* Every way to set a border or a length wrong is found. */
static void
test_error(void)
{
	struct ring r;

	start(5);
	do_append(QUEUE, 3);
	do_append(BATCH, 2);
	for (enum part k = QUEUE; k < NPARTS; k++) {
		r = ring;
		r.len[k]++;
		note(ring_error(&r) != NULL, "a wrong length is not found");
		r = ring;
		r.last[k] = &sf_slots[NSLOTS - 1];
		note(ring_error(&r) != NULL, "a wrong last slot is not found");
	}
	r = ring;
	r.nslots--;
	note(ring_error(&r) != NULL, "a wrong sum is not found");
	note(ring_error(&ring) == NULL, "a ring that is right has an error");
	report("ring_error() finds what is wrong");
}

/*
 * What is done with a slot: by hand.  A state; whether it has references and a
 * hit, where that matters; whether second chances are given; the verdict.
 */
#define	ANY	2u

static const struct row {
	uint32_t state;
	u_int referenced, hit, second;
	enum sf_verdict verdict;
} table[] = {
	/* removed already: taken, whatever else */
	{ SF_REMOVED, ANY, ANY, ANY, TAKE },
	/* in transition, which is soon over: goes round */
	{ SF_CLAIMED, ANY, ANY, ANY, REQUEUE },
	{ SF_REVIVING, ANY, ANY, ANY, REQUEUE },
	/* referenced: out, until its last free */
	{ 0, 1, ANY, ANY, UNLIST },
	/* mapped and idle: goes, but for one that was hit and has a chance */
	{ 0, 0, 0, ANY, TAKE },
	{ 0, 0, 1, 0, TAKE },
	{ 0, 0, 1, 1, REQUEUE },
};

/* What a status becomes by each verdict, field by field. */
static uint32_t
status_after(enum sf_verdict verdict, uint32_t status)
{
	uint32_t private = status & SF_PRIVATE;

	switch (verdict) {
	case TAKE:		/* the owner's, no reference, no hit */
		return (0x80000000u | 0x10000000u | private);
	case UNLIST:		/* in no ring: a free takes the slow path */
		return (status | 0x40000000u | 0x80000000u);
	case REQUEUE:		/* only the hit is forgiven */
		return ((status >> 1) << 1);
	}
	return (~0u);
}

static bool
is(u_int want, bool what)
{
	return (want == ANY || want == what);
}

static const struct row *
row_of(uint32_t status, bool second)
{
	const struct row *found = NULL;
	uint32_t state = status & SF_STATE;

	for (const struct row *r = table;
	    r < &table[sizeof(table) / sizeof(table[0])]; r++) {
		if ((r->state & SF_STATE) != state ||
		    !is(r->referenced, (status & SF_REF_MASK) != 0) ||
		    !is(r->hit, (status & SF_HIT) != 0) ||
		    !is(r->second, second))
			continue;
		note(found == NULL, "two rows for one status");
		found = r;
	}
	return (found);
}

static u_int
check_status(uint32_t status)
{
	const struct row *r;
	enum sf_verdict verdict;

	for (u_int second = 0; second < 2; second++) {
		r = row_of(status, second != 0);
		verdict = sf_verdict(status, second != 0 ? SECOND_CHANCE :
		    NO_CHANCE);
		if (r == NULL || verdict != r->verdict) {
			note(false, "the verdict on a status");
			printf("# status 0x%x, second chance %u: %u\n", status,
			    second, verdict);
			return (0);
		}
		note(sf_verdict_status(verdict, status) ==
		    status_after(verdict, status), "the status afterwards");
	}
	return (2);
}

/* Each number of references, up to the most that there may be. */
static u_int
check_mapped(uint32_t private, uint32_t unlisted)
{
	uint32_t slow = private != 0 || unlisted != 0 ? SF_FREE_SLOW : 0;
	u_int n = 0;

	for (uint32_t refs = 0; refs <= SF_REF_MAX + SF_REF && wrong == NULL;
	    refs += private == 0 || refs < 64 * SF_REF ? SF_REF :
	    4093 * SF_REF)
		for (uint32_t hit = 0; hit <= SF_HIT; hit++)
			n += check_status(refs | hit | private | unlisted |
			    slow);
	return (n);
}

static void
test_verdict(void)
{
	uint32_t private;
	u_int n = 0;

	n += check_status(SF_REMOVED) + check_status(SF_REVIVING);
	for (u_int cpu = 0; cpu <= 255 && wrong == NULL; cpu++) {
		private = cpu == 0 ? 0 : SF_PRIVATE_TO(cpu - 1);
		n += check_status(SF_CLAIMED | private);
		n += check_mapped(private, 0);
		n += check_mapped(private, SF_UNLISTED);
	}
	printf("# %u verdicts\n", n);
	report("the verdict on every status is that of the table");
}

int
main(void)
{
	printf("1..3\n");
	test_ring();
	test_error();
	test_verdict();
	return (nfailed != 0);
}
