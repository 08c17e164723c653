/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_INTR_H_
#define	_MACHINE_INTR_H_

/*
 * Interrupts put off, as arch/i386/include/intr.h has them: each is one step,
 * on the CPU that the thread is on when it is done.  tests/sim/machine.c.
 */

#define	INTR_HELD	1u
#define	INTR_CAME(vector) ((vector) << 8)

void	intr_hold(void);
void	intr_release(void);

#endif /* !_MACHINE_INTR_H_ */
