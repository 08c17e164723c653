/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_HW_H_
#define	_MACHINE_HW_H_

/*
 * The simulated hardware, with the names of the real one.  Each call is a step:
 * before it takes effect other CPUs may run, interrupts may come, and TLBs may
 * load entries.  tests/sim/machine.c.
 */

#include <sys/types.h>

uint32_t hw_load32(volatile uint32_t *p);
void	hw_store32(volatile uint32_t *p, uint32_t v);
uint32_t hw_xchg32(volatile uint32_t *p, uint32_t v);
uint32_t hw_or8(uint32_t v, const volatile uint8_t *p);
bool	hw_test32(const volatile uint32_t *p, uint32_t mask);
bool	hw_cmpxchg8b(volatile uint64_t *p, uint32_t old_low, uint32_t old_high,
	    uint32_t new_low, uint32_t new_high);
void	hw_invlpg(vm_offset_t va);
void	hw_load_cr3(uint32_t v);

#endif /* !_MACHINE_HW_H_ */
