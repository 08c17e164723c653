/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The kernel's epochs, with a way to start them just before they wrap.
 */

#include "../../vm/tlb.c"

void	sim_set_epoch(uint32_t epoch, bool sleeper);

/*
 * sim_set_epoch: as if so many batches had been closed, and all TLBs flushed;
 * but the last CPU has idled since nearly half of all epochs ago: what it
 * published then looks like one to come.
 */
void
sim_set_epoch(uint32_t epoch, bool sleeper)
{
	tlb_epoch = epoch;
	for (u_int i = 0; i < mp_ncpus; i++)
		pcpus[i]->pc_tlb = epoch << 1;
	if (sleeper)
		pcpus[mp_ncpus - 1]->pc_tlb = (epoch + 3) << 1 | TLB_IDLE;
}
