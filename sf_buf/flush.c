/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Flushes, in batches and by epochs.
 *
 * Takes away from the simple scheme: the interrupt of all other CPUs for each
 * re-use of a mapping that was accessed.  Removed slots wait in OPEN; the clock
 * closes them into BATCH, with the stamp that tlb_close() returns; and once
 * every CPU has flushed since, which all do at their next tick anyway, the
 * whole batch joins FLUSHED.
 * Costs: slots that wait.  Only when flushed ones run out before a batch is
 * through does a CPU force a flush, for the batches of all CPUs at once.
 * Checked by: tests/model/tlb.pml and force.pml, the simulation, smp.*,
 * tests/interrupts_test.c.  The argument is docs/tlb-coherence.md; the epochs
 * themselves are vm/tlb.c's.
 *
 * Invariant: the stamp of a batch is taken after its last removal.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/intr.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>

/*
 * Closes OPEN: its slots join the batch, and the new stamp covers those that
 * were in the batch before as well.
 */
static void
close_batch(struct sf_pool *p)
{
	ring_merge(&p->ring, OPEN);
	if (p->ring.len[BATCH] != 0)
		p->stamp = tlb_close();
}

/*
 * sf_flush_alone: if no other CPU is awake, a flush of this TLB flushes all
 * that is removed, without an interrupt.  The pool is locked.
 */
void
sf_flush_alone(struct sf_pool *p)
{
	if (pool_unflushed(p) == 0 || !tlb_others_idle())
		return;
	close_batch(p);
	tlb_flush_here();
	sf_flush_promote(p);
}

/*
 * One pool's part in a forced flush: evicts what its queue has too much of, or
 * half of it if nothing else is removed, and closes the batch.  The stamp of
 * the latest batch is left in *stamp if *unflushed is set.  Returns whether
 * something is flushed or will be.
 */
static bool
close_for_flush(struct sf_pool *p, bool *unflushed, uint32_t *stamp)
{
	bool some;

	pool_lock(p);
	if (p->active != 0)
		p->active--;
	sf_flush_promote(p);
	while (sf_evict_batch(p))
		pool_let_go(p);
	if (pool_unflushed(p) + p->ring.len[FLUSHED] == 0)
		sf_evict_half(p);
	/*
	 * If another CPU has just closed the batch, little was removed since:
	 * its stamp will do.
	 */
	if (p->ring.len[OPEN] > p->ring.len[BATCH] / 8 ||
	    !tlb_is_recent(p->stamp))
		close_batch(p);
	if (p->ring.len[BATCH] != 0) {
		if (!*unflushed || (int32_t)(p->stamp - *stamp) > 0)
			*stamp = p->stamp;
		*unflushed = true;
	}
	some = p->ring.len[FLUSHED] + p->ring.len[BATCH] != 0;
	pool_unlock(p);
	return (some);
}

/*
 * sf_flush_force: flushes the batches of all CPUs by one forced flush.  False
 * if there was nothing to flush: then every slot is referenced, or in
 * transition.  Thread context, interrupts on, no spin lock held; waits.
 */
bool
sf_flush_force(void)
{
	uint32_t stamp = 0;
	bool some = false, unflushed = false;

	KDEBUG(tlb_may_wait(), "sf_buf: forces a flush, but may not wait");
	for (u_int i = 0; i < mp_ncpus; i++)
		some = close_for_flush(&sf_pools[i], &unflushed, &stamp) ||
		    some;
	if (unflushed) {
		PCPU_COUNT(pc_sf.forced);
		tlb_force(stamp);
	}
	return (some);
}

/*
 * sf_flush_tick: called by the clock interrupt, before tlb_tick() flushes, and
 * before a CPU stops its clock to idle.  Interrupts off.  A batch that still
 * waits is left alone: to join it would put off its flush.  But a CPU that
 * idles closes all, for no later tick will: what it left open would stay
 * unflushed as long as it idles.  Another CPU that searches the pool later may
 * still put slots into OPEN; they wait until a forced flush, or until this CPU
 * wakes and its clock ticks.
 */
void
sf_flush_tick(bool idles)
{
	struct sf_pool *p = pool_mine();

	/*
	 * While CPUs are being started there is no pool yet.  The look takes no
	 * lock: what another CPU adds to the pool just then waits as above.
	 */
	if (p == NULL || pool_unflushed(p) == 0)
		return;
	pool_lock(p);
	sf_flush_promote(p);
	if (p->ring.len[BATCH] == 0 || (idles && p->ring.len[OPEN] != 0))
		close_batch(p);
	pool_unlock(p);
}
