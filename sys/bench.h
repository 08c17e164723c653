/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_BENCH_H_
#define	_SYS_BENCH_H_

/* The benchmarks of tests/bench/, which the boot option bench= names. */

#include <sys/types.h>

bool	bench_wanted(void);
u_int	bench_run(void);	/* a value for machine_exit */

#endif /* !_SYS_BENCH_H_ */
