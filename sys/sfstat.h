/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SFSTAT_H_
#define	_SYS_SFSTAT_H_

#include <sys/types.h>

/*
 * What sf_buf(9) costs.  Each CPU counts its own, sf_buf_stats_read() adds
 * them up.  What the direct map serves costs nothing and is not counted.
 */
struct sf_buf_stats {
	uint64_t hits;		/* found a mapping of the page */
	uint64_t misses;	/* took a slot for it */
	uint64_t revived;	/* took back the removed mapping of the page */
	uint64_t removals;	/* mappings taken away */
	uint64_t privates;	/* misses that took a CPU-private slot */
	uint64_t invlpgs;	/* local invalidations */
	uint64_t forced;	/* forced flushes */
	uint64_t sleeps;
	uint64_t failures;	/* NULL returned */
	uint64_t peak;		/* referenced slots, sampled on misses */
	/* In sums only: */
	uint64_t pte_writes;	/* entries entered and taken away */
	uint64_t ipis_sent;	/* to flush */
	uint64_t interrupted;	/* CPUs, to flush */
};

#endif /* !_SYS_SFSTAT_H_ */
