/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CPUFUNC_H_
#define	_MACHINE_CPUFUNC_H_

/* The instructions that the simulated code uses; tests/sim/machine.c. */

#include <sys/types.h>

void	cpu_idle(void);
void	cpu_spinwait(void);

#define	cpu_here()	__builtin_return_address(0)

#endif /* !_MACHINE_CPUFUNC_H_ */
