/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Strict mode: sf_buf.strict=1, for debugging.
 *
 * Takes away: cached mappings.  The last free removes the entry, flushes here,
 * and interrupts the CPUs that have not flushed since, without waiting for
 * them; so a use after it faults, and the slot still knows enough to describe
 * the fault.
 * Costs: a flush, and up to one interrupt of each other CPU, for each last
 * free.  All slots are in one pool, so that addresses come back in the order in
 * which they were freed.
 * Checked by: row panic-use-after-free, the simulation.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/intr.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

/*
 * sf_strict_last_free: if sf has no reference left, removes its mapping on
 * every CPU.  Waits for no CPU, but asks all, so that none keeps a translation
 * for long.  The slot keeps its page, to describe a fault on its address, but
 * the page forgets the slot.  Any context but NMI.
 */
void
sf_strict_last_free(struct sf_buf *sf, const void *caller)
{
	uint32_t flags = intr_save(), status = sf_status(sf);
	struct sf_pool *p;

	KDEBUG(sf_strict, "sf_buf %u: removed, but not in strict mode",
	    sf_index(sf));
	if ((status & (SF_STATE | SF_REF_MASK)) == 0 &&
	    atomic_cmpset_32(&sf->status, status, SF_CLAIMED)) {
		sf_set_caller(sf, caller);
		p = pool_lock_mine();
		(void)sf_remove_mapping(sf);
		sf_forget_page(sf);
		sf_put_removed(p, sf, OPEN);
		pool_unlock(p);
		tlb_force_nowait(tlb_close());
	}
	intr_restore(flags);
}
