/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_MP_H_
#define	_MACHINE_MP_H_

/* Finds and starts the other CPUs: arch/i386/smp/mp.c. */

#include <sys/types.h>
#include <sys/pcpu.h>

u_int	mp_init(uint8_t apicids[MAXCPU], vm_paddr_t low_page);
bool	mp_start_ap(struct pcpu *pc, void *stack, void (*run)(void));

#endif /* !_MACHINE_MP_H_ */
