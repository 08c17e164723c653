/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_ATOMIC_H_
#define	_MACHINE_ATOMIC_H_

/*
 * Atomic operations on the simulated machine; each is a step, as those of
 * <machine/hw.h>.  Loads and stores go through the store buffer, the other
 * operations drain it.
 */

#include <machine/hw.h>

uint32_t atomic_fetchadd_32(volatile uint32_t *p, uint32_t v);
bool	atomic_inc_32(volatile uint32_t *p);
bool	atomic_dec_32(volatile uint32_t *p);
bool	atomic_sub_32(volatile uint32_t *p, uint32_t v);
bool	atomic_fcmpset_32(volatile uint32_t *p, uint32_t *old, uint32_t new);
void	atomic_set_32(volatile uint32_t *p, uint32_t bits);

/* Stores new if *p is old; returns true if it did. */
static inline bool
atomic_cmpset_32(volatile uint32_t *p, uint32_t old, uint32_t new)
{
	return (atomic_fcmpset_32(p, &old, new));
}

#define	atomic_cmpset_0_32(p, new)	atomic_cmpset_32(p, 0, new)

#define	atomic_interrupt_fence()	__atomic_signal_fence(__ATOMIC_SEQ_CST)

#define	atomic_load_acq_32(p)		hw_load32(p)
#define	atomic_store_rel_32(p, v)	hw_store32(p, v)
#define	atomic_swap_32(p, v)		hw_xchg32(p, v)

#endif /* !_MACHINE_ATOMIC_H_ */
