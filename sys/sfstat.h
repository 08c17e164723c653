/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SFSTAT_H_
#define	_SYS_SFSTAT_H_

#include <sys/types.h>

/*
 * What sf_buf(9) costs.  Each CPU counts its own operations;
 * sf_buf_stats_read() adds them up.  Operations that the direct map serves
 * cost nothing and are not counted.
 */
struct sf_buf_stats {
	uint64_t hits;		/* found a mapping of the page */
	uint64_t misses;	/* took a slot for the page */
	uint64_t revived;	/* restored the page's removed mapping */
	uint64_t removals;	/* mappings removed */
	uint64_t privates;	/* misses that took a CPU-private slot */
	uint64_t races;		/* entries of a page that another CPU mapped */
	uint64_t invlpgs;	/* local invalidations */
	uint64_t forced;	/* forced flushes */
	uint64_t sleeps;
	uint64_t failures;	/* NULL returned */
	uint64_t peak;		/* referenced slots, sampled on misses */
	/* These are not counted by each CPU, only made by the sum: */
	uint64_t pte_writes;	/* page-table entries written and removed */
	uint64_t ipis_sent;	/* requests to flush */
	uint64_t interrupted;	/* CPUs interrupted by such requests */
};

#endif /* !_SYS_SFSTAT_H_ */
