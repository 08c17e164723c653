/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The two schemes of the kernel itself: sf_buf(9) from slots and from the
 * direct map.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <tests/bench/bench.h>

static void
stats(struct bench_counts *c)
{
	struct sf_buf_stats s;

	sf_buf_stats_read(&s);
	c->hits = s.hits + s.revived;
	c->misses = s.misses;
	c->pte_writes = s.pte_writes;
	c->invlpgs = s.invlpgs;
	c->ipis = s.ipis_sent;
	c->interrupted = s.interrupted;
	c->sleeps = s.sleeps;
}

const struct bench_scheme bench_sf_buf = {
	.name = "sf_buf", .alloc = sf_buf_alloc, .kva = sf_buf_kva,
	.free = sf_buf_free, .stats = stats,
};

const struct bench_scheme bench_direct = {
	.name = "direct", .alloc = sf_buf_alloc, .kva = sf_buf_kva,
	.free = sf_buf_free, .stats = stats, .direct = true,
};
