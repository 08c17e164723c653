/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What the files of sf_buf/ share: the pools, and what is set once at start.
 * Holds no code, so it depends on no other file of sf_buf/.
 */

#include <sys/types.h>
#include <sys/tunable.h>
#include <sf_buf/pool.h>

struct sf_pool sf_pools[MAXCPU];
const void **sf_callers;
page_off_t sf_direct_end;
page_off_t sf_pages_end;
volatile uint32_t sf_nwaiters;

bool sf_strict;
TUNABLE_BOOL(sf_strict, "sf_buf.strict", sf_strict,
    "unmap at the last free, so that a use after it faults");

u_int sf_mapped_share = 2;
u_int sf_search_max = 48;
u_int sf_queue_max;
