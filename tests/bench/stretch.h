/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_BENCH_STRETCH_H_
#define	_TESTS_BENCH_STRETCH_H_

/* How long a CPU cannot be interrupted, in instructions: stretch.c. */

#include <sys/types.h>

/* The longest stretch that stretch_measure() has seen, and what it saw. */
struct stretch {
	uint32_t longest;	/* instructions */
	uintptr_t from;		/* where the longest began */
	uint64_t insns;		/* all instructions, interrupts on or off */
};

/*
 * stretch_measure: calls fn(arg), one instruction at a time, and raises
 * s->longest to the longest stretch in which the CPU took no interrupt.
 * Thread context, interrupts on, bound to a CPU whose clock is stopped.  If
 * fn switches to other threads, what they execute until fn returns counts,
 * too.
 */
void	stretch_measure(struct stretch *s, void (*fn)(void *), void *arg);

/* stretch_works: whether stretches of known length are measured exactly. */
bool	stretch_works(void);

#endif /* !_TESTS_BENCH_STRETCH_H_ */
