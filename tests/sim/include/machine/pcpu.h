/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SIM_MACHINE_PCPU_H_
#define	_SIM_MACHINE_PCPU_H_

/*
 * The real struct pcpu.  curpcpu() finds it by the simulated CPU that runs now,
 * not by a segment register.
 */

#include <machine/hw.h>

#define	curpcpu		segment_curpcpu
#define	curcpu_id	segment_curcpu_id
#include "../../../../arch/i386/include/pcpu.h"
#undef curpcpu
#undef curcpu_id
#undef PCPU_COUNT
#undef PCPU_COUNT_LOW
#undef PCPU_ADD
#undef PCPU_LOAD
#undef PCPU_STORE
#undef PCPU_SUB
#undef PCPU_IS
#undef PCPU_TEST

extern struct pcpu *sim_pcpu;

static inline struct pcpu *
curpcpu(void)
{
	return (sim_pcpu);
}

/* Macros, because struct pcpu is defined after this. */
#define	curcpu_id()		(sim_pcpu->pc_cpuid)
#define	PCPU_COUNT(field)	((void)sim_pcpu->field++)
#define	PCPU_COUNT_LOW(field)	PCPU_COUNT(field)
#define	PCPU_ADD(field, n)	((void)(sim_pcpu->field += (n)))
#define	PCPU_TEST(field, mask)	((sim_pcpu->field & (mask)) != 0)

/* Each of these is a step; the caller cannot migrate. */
#define	PCPU_LOAD(field)	hw_load32(&sim_pcpu->field)
#define	PCPU_STORE(field, v)	hw_store32(&sim_pcpu->field, v)
#define	PCPU_IS(field, v)	(hw_load32(&sim_pcpu->field) == (v))
#define	PCPU_SUB(field, v)	sim_sub(&sim_pcpu->field, v)

/* Two steps for one instruction, so that an interrupt may come in between. */
static inline bool
sim_sub(volatile uint32_t *p, uint32_t v)
{
	v = hw_load32(p) - v;
	hw_store32(p, v);
	return (v != 0);
}

#endif /* !_SIM_MACHINE_PCPU_H_ */
