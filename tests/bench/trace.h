/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_BENCH_TRACE_H_
#define	_TESTS_BENCH_TRACE_H_

/* Made-up accesses, the same in every run, and true LRU.  trace.c. */

#include <sys/types.h>

/* Zipf's distribution of 0 to n - 1, exponent 1. */
struct zipf {
	u_int n;
	uint32_t *sums;		/* of the weights up to each */
};

uint32_t trace_random(uint32_t *state);
void	zipf_init(struct zipf *z, u_int n);
void	zipf_free(struct zipf *z);
u_int	zipf_next(const struct zipf *z, uint32_t *state);
u_int	lognormal_next(u_int median, uint32_t *state);

/*
 * Numbers 0 to n - 1, of which the `capacity' used last are held, each in a
 * place of its own from 0 to capacity - 1.
 */
struct lru {
	u_int n, capacity, held;
	uint32_t *place;	/* of each number, plus 1; 0: not held */
	uint32_t *holds;	/* which number, of each place */
	uint32_t *newer, *older; /* places, plus 1 */
	uint32_t newest, oldest;
};

void	lru_init(struct lru *l, u_int n, u_int capacity);
void	lru_free(struct lru *l);
u_int	lru_use(struct lru *l, u_int number, bool *hit);

#endif /* !_TESTS_BENCH_TRACE_H_ */
