/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_NMI_H_
#define	_MACHINE_NMI_H_

/* Non-maskable interrupts between CPUs: arch/i386/smp/nmi.c. */

#include <sys/types.h>

struct trapframe;

void	nmi_stop_others(void);
bool	nmi_handle(const struct trapframe *tf);
u_int	nmi_backtrace(u_int cpu, uintptr_t calls[], u_int max);

#endif /* !_MACHINE_NMI_H_ */
