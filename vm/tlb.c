/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The TLBs of all CPUs, kept right by epochs.  docs/tlb-coherence.md has the
 * argument in full; here is the order of the accesses.
 *
 * tlb_epoch counts closed batches of removed mappings.  pc_tlb of each CPU
 * is one word: the epoch that it last published, shifted up, and TLB_IDLE.
 *
 * Remover:	[1] removes entries
 *		[2] stamp = fetch_add(tlb_epoch, 1) + 1, locked
 *		[3] reads every pc_tlb: idle, or published stamp or later?
 * A flush:	[4] e = tlb_epoch
 *		[5] MOV CR3, which serialises (SDM vol. 3A 8.3)
 *		[6] pc_tlb = e
 * Out of idle:	[7] XCHG pc_tlb to not-idle and tlb_epoch, locked
 *		[8] [4] [5] [6]
 *		[9] anything that may touch an sf_buf
 *
 * If [3] sees what [6] published, then [4] read stamp or later, so [2] and
 * with it [1] came before [5]: no translation from before survived, and none
 * can be loaded after.  Reading the epoch after the flush instead would
 * publish removals that the flush was too early for.  If [3] sees idle, it
 * came before [7], so [2] came before [8], which flushes.  With a plain store
 * in [7] the load in [8] could be done while the store waits in the store
 * buffer: both sides would miss each other.
 *
 * Epochs wrap: stamps are compared with what is at most 2^29 of them away.
 * A CPU that is awake publishes at every tick; but one may sleep through any
 * number, and what it published then could seem to lie ahead of a stamp.  So
 * [7] says what the epoch is, and [8] flushes always.  To say so before the
 * flush is right, for this CPU touches nothing in between; and what was clean
 * while it idled stays so.
 *
 * A CPU that waits here serves the others' requests by taking their
 * interrupts, one that spins with interrupts off by tlb_serve().
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <vm/tlb.h>

#define	RECENT		(1u << 29)

static volatile uint32_t tlb_epoch;

/* [4] [5] [6]; interrupts are off, so that no other flush comes between. */
static void
flush_and_publish(struct pcpu *pc)
{
	uint32_t e = hw_load32(&tlb_epoch);

	hw_load_cr3(hw_read_cr3());
	hw_store32(&pc->pc_tlb, e << 1);
	pc->pc_flushes++;
}

/*
 * tlb_flush_here: flushes this CPU's TLB and publishes it.  Any context but
 * NMI.
 */
void
tlb_flush_here(void)
{
	uint32_t flags = intr_save();

	flush_and_publish(curpcpu());
	intr_restore(flags);
}

/*
 * tlb_close: closes a batch: what was removed before is gone from a TLB once
 * its CPU published the stamp that this returns.  Locked, so that no removal is
 * still in the store buffer by then.
 */
uint32_t
tlb_close(void)
{
	return (atomic_fetchadd_32(&tlb_epoch, 1) + 1);
}

/* Whether the TLB of pc may still hold something from before stamp. */
static inline bool
lags(struct pcpu *pc, uint32_t stamp)
{
	uint32_t word = hw_load32(&pc->pc_tlb);

	return ((word & TLB_IDLE) == 0 && (int32_t)(word - (stamp << 1)) < 0);
}

/* tlb_is_clean: whether no TLB holds what stamp closed.  Any context. */
bool
tlb_is_clean(uint32_t stamp)
{
	for (u_int i = 0; i < mp_ncpus; i++)
		if (lags(pcpus[i], stamp))
			return (false);
	return (true);
}

/*
 * tlb_is_recent: whether so few batches were closed since stamp that it can
 * be compared with anything.  Any context.
 */
bool
tlb_is_recent(uint32_t stamp)
{
	return (hw_load32(&tlb_epoch) - stamp < RECENT);
}

/*
 * Asks every CPU that lags.  The flag is set, locked, before the interrupt
 * is sent, and taken, locked, before the flush: who finds it set need send
 * nothing, for that flush is still to come and will see our epoch.
 */
static void
ask_laggards(uint32_t stamp)
{
	uint32_t intr = intr_save();

	for (u_int i = 0; i < mp_ncpus; i++)
		if (lags(pcpus[i], stamp) &&
		    atomic_swap_32(&pcpus[i]->pc_flush_wanted, 1) == 0)
			hw_send_ipi(i, IPI_FLUSH);
	intr_restore(intr);
}

/*
 * tlb_serve: does what IPI_FLUSH asks; called by that, and from spin loops
 * with interrupts off.  Interrupts off.
 */
void
tlb_serve(void)
{
	struct pcpu *pc = curpcpu();

	if (hw_load32(&pc->pc_flush_wanted) != 0 &&
	    atomic_swap_32(&pc->pc_flush_wanted, 0) != 0)
		flush_and_publish(pc);
}

/*
 * tlb_may_wait: whether this context may wait for other CPUs.  Interrupts are
 * off in every handler and under every spin lock, so they tell it all.
 */
bool
tlb_may_wait(void)
{
	return (intr_enabled() && !panicked());
}

/*
 * tlb_force: returns when tlb_is_clean(stamp).  Interrupts at most every
 * other CPU, once.  Thread context, interrupts on, no spin lock held.
 */
void
tlb_force(uint32_t stamp)
{
	struct deadline wait = { 0 };

	KASSERT(tlb_may_wait(), "tlb_force: may not wait here (called from %p)",
	    __caller());
	tlb_flush_here();
	ask_laggards(stamp);
	for (u_int i = 0; i < mp_ncpus; i++) {
		while (lags(pcpus[i], stamp)) {
			cpu_spinwait();
			if (!deadline_passed(&wait))
				continue;
			panic("tlb_force: CPU %u waits for CPU %u to flush, "
			    "%u ms", curcpu_id(), i, ipi_timeout_ms);
		}
	}
}

/*
 * tlb_force_nowait: the same without the wait, which is for who does not
 * need the address back soon.  Any context but NMI.
 */
void
tlb_force_nowait(uint32_t stamp)
{
	tlb_flush_here();
	ask_laggards(stamp);
}

/*
 * tlb_flush_all_wait: after removing entries without G anywhere; returns when
 * no TLB holds them.  As tlb_force().
 */
void
tlb_flush_all_wait(void)
{
	tlb_force(tlb_close());
}

/* tlb_tick: the clock's: publishes if a batch closed since.  Interrupts off. */
void
tlb_tick(void)
{
	struct pcpu *pc = curpcpu();

	if (hw_load32(&tlb_epoch) << 1 != hw_load32(&pc->pc_tlb))
		flush_and_publish(pc);
}

/*
 * tlb_enter_idle: from here to tlb_leave_idle() this CPU touches no sf_buf
 * and counts as clean.  Interrupts off.  A plain store: a remover that sees
 * it late only waits longer.
 */
void
tlb_enter_idle(void)
{
	struct pcpu *pc = curpcpu();

	hw_store32(&pc->pc_tlb, hw_load32(&pc->pc_tlb) | TLB_IDLE);
}

/* tlb_leave_idle: [7] and [8].  Interrupts off. */
void
tlb_leave_idle(void)
{
	struct pcpu *pc = curpcpu();

	(void)hw_xchg32(&pc->pc_tlb, hw_load32(&tlb_epoch) << 1);
	flush_and_publish(pc);
}

/*
 * tlb_others_idle: whether all other CPUs idle, so that tlb_flush_here()
 * cleans whatever was closed.  Any context.
 */
bool
tlb_others_idle(void)
{
	for (u_int i = 0; i < mp_ncpus; i++)
		if (i != curcpu_id() &&
		    (hw_load32(&pcpus[i]->pc_tlb) & TLB_IDLE) == 0)
			return (false);
	return (true);
}
