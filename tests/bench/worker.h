/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_BENCH_WORKER_H_
#define	_TESTS_BENCH_WORKER_H_

/*
 * Workers: each maps pages in turn with a scheme, on a CPU of its own, until it
 * is stopped.  worker.c.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <tests/bench/bench.h>

struct thread;

/* The worker of a CPU; bench_workers[] is indexed by the CPU's number. */
struct bench_worker {
	const struct bench_scheme *scheme;
	struct vm_page **pages;	/* an array of npages */
	u_int npages, next;
	u_int chunk;		/* operations between looks at the clock */
	enum bench_touch touch;
	int flags;
	volatile uint32_t ops;	/* done */
	struct thread *td;
} __attribute__((aligned(64)));

extern struct bench_worker bench_workers[MAXCPU];

void	bench_workers_start(u_int n);
void	bench_workers_stop(u_int n);
uint32_t bench_workers_ops(u_int n);
void	bench_work(struct bench_worker *w);
uint64_t bench_work_for(u_int ms);

#endif /* !_TESTS_BENCH_WORKER_H_ */
