/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SIM_MACHINE_PCPU_H_
#define	_SIM_MACHINE_PCPU_H_

/*
 * The real struct pcpu, found by the simulated CPU that runs instead of by a
 * segment register.
 */

#define	curpcpu		segment_curpcpu
#define	curcpu_id	segment_curcpu_id
#include "../../../../arch/i386/include/pcpu.h"
#undef curpcpu
#undef curcpu_id
#undef PCPU_COUNT
#undef PCPU_COUNT_LOW
#undef PCPU_ADD
#undef PCPU_POINTER
#undef PCPU_TEST

extern struct pcpu *sim_pcpu;

static inline struct pcpu *
curpcpu(void)
{
	return (sim_pcpu);
}

static inline u_int
curcpu_id(void)
{
	return (sim_pcpu->pc_cpuid);
}

#define	PCPU_COUNT(field)	((void)sim_pcpu->field++)
#define	PCPU_COUNT_LOW(field)	PCPU_COUNT(field)
#define	PCPU_ADD(field, n)	((void)(sim_pcpu->field += (n)))
#define	PCPU_POINTER(field)	(sim_pcpu->field)
#define	PCPU_TEST(field, mask)	((sim_pcpu->field & (mask)) != 0)

#endif /* !_SIM_MACHINE_PCPU_H_ */
