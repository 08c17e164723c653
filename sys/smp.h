/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SMP_H_
#define	_SYS_SMP_H_

/* The start of the other CPUs: kern/smp.c. */

/*
 * smp_start: starts this CPU's clock, the interrupt controllers, and every CPU
 * that the firmware names, up to maxcpus=.  Once, by the boot CPU, with
 * interrupts off; they are on afterwards.
 */
void	smp_start(void);

#endif /* !_SYS_SMP_H_ */
