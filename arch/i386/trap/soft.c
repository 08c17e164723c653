/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* The end of a soft-masked section that an interrupt came into. */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <machine/intr.h>
#include <machine/trap.h>

/*
 * intr_deliver_deferred: delivers the deferred interrupt as if it came now; its
 * frame turns interrupts on again.  May pre-empt the thread, and return on
 * another CPU.  Called by intr_soft_unmask(); interrupts off.
 */
void
intr_deliver_deferred(void)
{
	struct pcpu *pc = curpcpu();
	uint32_t vector = INTR_DEFERRED_VECTOR(pc->pc_soft_masked);

	pc->pc_soft_masked = 0;
	trap_again(vector);
}
