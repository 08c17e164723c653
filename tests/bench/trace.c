/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Sequences of accesses that resemble those of a real system.  All arithmetic
 * is in integers, for the kernel has no floating point.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <tests/bench/bench.h>
#include <tests/bench/trace.h>
#include <vm/kmem.h>

/*
 * trace_random: returns the next random number, by xorshift32 (Marsaglia 2003).
 * *state must not be 0, and never becomes 0.
 */
uint32_t
trace_random(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return (*state = x);
}

/*
 * zipf_init: prepares z to draw numbers from 0 to n - 1 by Zipf's law.  Number
 * i has the weight 2^28 / (i + 1); the sum fits in 32 bits for n up to 65536.
 */
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

/*
 * zipf_next: draws a number: the first whose sum of weights is above a random
 * part of the sum of all.
 */
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
 * lognormal_next: draws a log-normal number: the median times 2^(2 x), where x
 * is normal.  x is the sum of twelve uniform numbers minus 6, in units of
 * 2^-16.  Between powers of two the exponential is interpolated linearly,
 * which is wrong by at most 6%.
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

/*
 * lru_use: makes `number' the most recently used one, and returns its place.
 * *hit is true if it had a place already; if not, it may take over the place of
 * the least recently used number.
 */
u_int
lru_use(struct lru *l, u_int number, bool *hit)
{
	uint32_t p = l->place[number];

	*hit = p != 0;
	if (p == 0 && l->nused < l->capacity) {
		p = ++l->nused;
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
