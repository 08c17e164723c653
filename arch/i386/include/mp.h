/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_MP_H_
#define	_MACHINE_MP_H_

/* The start of the other CPUs: arch/i386/smp/mp.c. */

#include <sys/types.h>

struct pcpu;

void	mp_start(void);
bool	mp_start_ap(struct pcpu *pc, void *stack);

#endif /* !_MACHINE_MP_H_ */
