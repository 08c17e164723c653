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
 * the fault.  No slot is MAPPED without a reference.
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
 * Removes the mapping of a slot that we own on every CPU.  Waits for none, but
 * asks all, so that none keeps a translation for long.  The slot keeps its
 * page, to describe a fault on its address, but the page forgets the slot.
 */
static void
remove_everywhere(struct sf_buf *sf, const void *caller)
{
	struct sf_pool *p;

	sf_set_caller(sf, caller);
	p = pool_lock_mine();
	(void)sf_remove_mapping(sf);
	sf_forget_page(sf);
	sf_put_removed(p, sf, OPEN);
	pool_unlock(p);
	tlb_force_nowait(tlb_close());
}

/*
 * sf_strict_free: as sf_buf_free().  One compare-and-swap drops the last
 * reference and claims the slot, so the free that drops it removes the mapping
 * itself: when it returns the entry is gone, this TLB is flushed and the others
 * are asked.  With two steps, first the drop and then the claim, another CPU's
 * free could claim the slot between them; and this free would return before
 * that CPU has removed the mapping.  Any context but NMI.
 */
void
sf_strict_free(struct sf_buf *sf, const void *caller)
{
	uint32_t flags = intr_save(), status = sf_status(sf), new;

	KDEBUG(sf_strict, "sf_buf %u: not in strict mode", sf_index(sf));
	do {
		if (!sf_is_referenced(status))
			sf_bad_handle(sf, "sf_buf_free", caller);
		new = sf_references(status) == 1 ? SF_CLAIMED :
		    status - SF_REF;
	} while (!atomic_fcmpset_32(&sf->status, &status, new));
	if (new == SF_CLAIMED)
		remove_everywhere(sf, caller);
	intr_restore(flags);
}
