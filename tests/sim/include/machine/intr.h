/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_INTR_H_
#define	_MACHINE_INTR_H_

/*
 * Interrupts, soft-masked or turned off, with the interface of
 * arch/i386/include/intr.h.  Each call is one step, which takes effect on the
 * CPU on which the thread is after it.  tests/sim/machine.c.
 */

#include <sys/types.h>

#define	INTR_SOFT_MASKED	1u
#define	INTR_DEFERRED(vector)	((vector) << 8)
#define	INTR_DEFERRED_VECTOR(mask) ((mask) >> 8)

uint32_t intr_save(void);
void	intr_restore(uint32_t flags);
void	disable_intr(void);
void	enable_intr(void);
bool	intr_enabled(void);
bool	intr_were_on(uint32_t flags);
void	intr_soft_mask(void);
void	intr_soft_unmask(void);

#endif /* !_MACHINE_INTR_H_ */
