/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Accesses that look like those of a real system, in integers alone, for the
 * kernel has no floating point.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <tests/bench/bench.h>
#include <tests/bench/trace.h>
#include <vm/kmem.h>

/* xorshift32 (Marsaglia 2003); *state is never 0. */
uint32_t
trace_random(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return (*state = x);
}

/* Weights 2^28 / (i + 1): their sum fits 32 bits for n up to 65536. */
void
zipf_init(struct zipf *z, u_int n)
{
	uint32_t sum = 0;

	KASSERT(n > 0 && n <= 65536, "zipf_init: %u numbers", n);
	z->n = n;
	z->sums = bench_array(n * sizeof(*z->sums));
	for (u_int i = 0; i < n; i++) {
		sum += (1u << 28) / (i + 1);
		z->sums[i] = sum;
	}
}

void
zipf_free(struct zipf *z)
{
	kmem_free(z->sums, z->n * sizeof(*z->sums));
}

/* The first whose sum is above a random part of the whole. */
u_int
zipf_next(const struct zipf *z, uint32_t *state)
{
	uint32_t r = (uint32_t)((uint64_t)trace_random(state) *
	    z->sums[z->n - 1] >> 32);
	u_int low = 0, high = z->n - 1, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (z->sums[middle] > r)
			high = middle;
		else
			low = middle + 1;
	}
	return (low);
}

/*
 * A log-normal number: the median times 2^(2 x), x normal: the sum of twelve
 * uniform numbers less 6, in units of 2^-16.  Between powers of two it is
 * linear, which is off by 6% at most.
 */
u_int
lognormal_next(u_int median, uint32_t *state)
{
	int32_t x = -6 * 65536;
	uint32_t whole, part;

	for (u_int i = 0; i < 12; i++)
		x += (int32_t)(trace_random(state) >> 16);
	x = 2 * x + 16 * 65536;		/* above 0 */
	whole = (uint32_t)x >> 16;
	part = (uint32_t)x & 0xffff;
	return ((u_int)((uint64_t)median * (65536 + part) << whole >> 32));
}

void
lru_init(struct lru *l, u_int n, u_int capacity)
{
	*l = (struct lru){ .n = n, .capacity = capacity };
	l->place = bench_array(n * sizeof(uint32_t));
	l->holds = bench_array(capacity * sizeof(uint32_t));
	l->newer = bench_array((capacity + 1) * sizeof(uint32_t));
	l->older = bench_array((capacity + 1) * sizeof(uint32_t));
}

void
lru_free(struct lru *l)
{
	kmem_free(l->place, l->n * sizeof(uint32_t));
	kmem_free(l->holds, l->capacity * sizeof(uint32_t));
	kmem_free(l->newer, (l->capacity + 1) * sizeof(uint32_t));
	kmem_free(l->older, (l->capacity + 1) * sizeof(uint32_t));
}

static void
lru_unlink(struct lru *l, uint32_t p)
{
	if (l->newer[p] != 0)
		l->older[l->newer[p]] = l->older[p];
	else
		l->newest = l->older[p];
	if (l->older[p] != 0)
		l->newer[l->older[p]] = l->newer[p];
	else
		l->oldest = l->newer[p];
}

static void
lru_link(struct lru *l, uint32_t p)
{
	l->newer[p] = 0;
	l->older[p] = l->newest;
	if (l->newest != 0)
		l->newer[l->newest] = p;
	else
		l->oldest = p;
	l->newest = p;
}

/* Uses a number; its place from now on.  *hit: it was held before. */
u_int
lru_use(struct lru *l, u_int number, bool *hit)
{
	uint32_t p = l->place[number];

	*hit = p != 0;
	if (p == 0 && l->held < l->capacity) {
		p = ++l->held;
	} else {
		if (p == 0) {
			p = l->oldest;
			l->place[l->holds[p - 1]] = 0;
		}
		lru_unlink(l, p);
	}
	l->place[number] = p;
	l->holds[p - 1] = number;
	lru_link(l, p);
	return (p - 1);
}
