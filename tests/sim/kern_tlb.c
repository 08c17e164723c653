/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The kernel's epochs; a function that lets them start just before they wrap;
 * and one that counts the flushes for which a thread waits.
 */

#define	tlb_force	kern_tlb_force
#include "../../vm/tlb.c"
#undef tlb_force

void	tlb_force(uint32_t stamp);
void	sim_count_force(void);

/* As the kernel's, which is called by another name here. */
void
tlb_force(uint32_t stamp)
{
	sim_count_force();
	kern_tlb_force(stamp);
}

void	sim_set_epoch(uint32_t epoch, bool sleeper);

/*
 * sim_set_epoch: sets the state after `epoch' batches were closed and all TLBs
 * flushed.  With `sleeper', the last CPU has been idle for nearly half of all
 * epochs, so that the epoch which it published last looks like a future one.
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
