/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_BENCH_H_
#define	_SYS_BENCH_H_

/* bench_ipi: what IPI_BENCH asks a CPU to do.  Interrupts off. */
void	bench_ipi(void);

#endif /* !_SYS_BENCH_H_ */
