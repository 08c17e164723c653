/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_BENCH_TRACE_H_
#define	_TESTS_BENCH_TRACE_H_

/*
 * Pseudo-random sequences of accesses, the same in every run, and a cache with
 * true LRU replacement.  trace.c.
 */

#include <sys/types.h>

/* Zipf's distribution over 0 to n - 1, with exponent 1. */
struct zipf {
	u_int n;
	uint32_t *sums;		/* of each number: its weight and those below */
};

uint32_t trace_random(uint32_t *state);
void	zipf_init(struct zipf *z, u_int n);
void	zipf_free(struct zipf *z);
u_int	zipf_next(const struct zipf *z, uint32_t *state);
u_int	lognormal_next(u_int median, uint32_t *state);

/*
 * A cache of the numbers 0 to n - 1: the `capacity' most recently used ones
 * have a place each, from 0 to capacity - 1.
 */
struct lru {
	u_int n, capacity, nused;	/* nused: places in use */
	uint32_t *place;	/* of each number: its place + 1; 0 if none */
	uint32_t *holds;	/* of each place: its number */
	uint32_t *newer, *older; /* of each place + 1: a place + 1; 0 if none */
	uint32_t newest, oldest;
};

void	lru_init(struct lru *l, u_int n, u_int capacity);
void	lru_free(struct lru *l);
u_int	lru_use(struct lru *l, u_int number, bool *hit);

#endif /* !_TESTS_BENCH_TRACE_H_ */
