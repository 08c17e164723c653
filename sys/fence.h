/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_FENCE_H_
#define	_SYS_FENCE_H_

/*
 * The leak fence: how much the kernel has handed out, so that what a test or a
 * program took can be held against what was there before: kern/debug/fence.c.
 */

#include <sys/types.h>

enum fence_count {
	FENCE_THREADS,
	FENCE_SF_BUFS,		/* references, those of direct pages as well */
	FENCE_PAGES,		/* not free; none is kept or waits */
	FENCE_WIRED_PAGES,
	FENCE_HEAP_BYTES,
	FENCE_NCOUNTS
};

struct fence {
	uint32_t counts[FENCE_NCOUNTS];
};

/*
 * fence_read: counts, after a reclaim of what is kept for later use.  Thread
 * context, sleeps.  Exact only while nothing else takes or gives back.
 * fence_compare: prints a line for each count that differs, behind `prefix', and
 * returns how many do.
 */
void	fence_read(struct fence *f);
u_int	fence_compare(const char *prefix, const struct fence *was,
	    const struct fence *is);

#endif /* !_SYS_FENCE_H_ */
