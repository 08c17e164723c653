/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Keeps the TLBs of all CPUs coherent, by epochs.  docs/tlb-coherence.md has
 * the argument in full; here is the order of the accesses.
 *
 * tlb_epoch counts closed batches of removed mappings.  pc_tlb of each CPU
 * is one word: the epoch that it last published, shifted up, and TLB_IDLE.
 *
 * Remover:	[E1] removes entries
 *		[E2] stamp = fetch_add(tlb_epoch, 1) + 1, locked
 *		[E3] reads every pc_tlb: idle, or published stamp or later?
 * A flush:	[E4] e = tlb_epoch
 *		[E5] flushes by MOV CR3, which serialises (SDM vol. 3A 8.3)
 *		[E6] pc_tlb = e
 * Out of idle:	[E7] XCHG pc_tlb to not-idle and tlb_epoch, locked
 *		[E8] [E4] [E5] [E6]
 *		[E9] anything that may touch an sf_buf
 *
 * If [E3] sees what [E6] published, then [E4] read stamp or later, so [E2] and
 * with it [E1] came before [E5]: no translation from before survived, and none
 * can be loaded after.  Reading the epoch after the flush instead would
 * publish removals that the flush was too early for.  If [E3] sees idle, it
 * came before [E7], so [E2] came before [E8], which flushes.  With a plain
 * store in [E7] the load in [E8] could be done while the store waits in the
 * store buffer: each side would miss the other's.
 *
 * Epochs wrap: stamps are compared with epochs that are at most 2^29 away.
 * A CPU that is awake publishes at every tick; but an idle one may sleep
 * through any number, and what it published before could seem to lie ahead of
 * a stamp.  So [E7] publishes the epoch, and [E8] flushes always.  To publish
 * it before the flush is right, because this CPU touches no sf_buf in between,
 * and what counted as flushed while it idled stays so.
 *
 * A CPU that waits here has interrupts on and so answers flush requests.  One
 * that spins with interrupts off calls tlb_serve().
 *
 * From the machine this needs hw_flush_tlb() and hw_send_ipi(), whose
 * interrupt IPI_FLUSH calls tlb_serve().
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

/* [E4] [E5] [E6]; interrupts are off, so that no other flush comes between. */
static void
flush_and_publish(struct pcpu *pc)
{
	uint32_t e = hw_load32(&tlb_epoch);

	hw_flush_tlb();
	hw_store32(&pc->pc_tlb, e << 1);
	pc->pc_flushes++;
	KASSERT(!intr_enabled(), "flush_and_publish: interrupts are on "
	    "(called from %pC)", __caller());
}

/*
 * tlb_flush_here: flushes this CPU's TLB and publishes the epoch.  Any context
 * but NMI.
 */
void
tlb_flush_here(void)
{
	uint32_t flags = intr_save();

	flush_and_publish(curpcpu());
	intr_restore(flags);
}

/*
 * tlb_close: [E2] closes a batch.  What was removed before is gone from a TLB
 * once its CPU has published the stamp that this returns, or a later one.  Any
 * context.  Locked, so that no removal is in the store buffer afterwards.
 */
uint32_t
tlb_close(void)
{
	return (atomic_fetchadd_32(&tlb_epoch, 1) + 1);
}

/* [E3] True if the TLB of pc may still hold a translation from before stamp. */
static inline bool
lags(struct pcpu *pc, uint32_t stamp)
{
	uint32_t word = hw_load32(&pc->pc_tlb);

	return ((word & TLB_IDLE) == 0 && (int32_t)(word - (stamp << 1)) < 0);
}

/*
 * tlb_is_clean: true if no TLB holds a translation of the batch that stamp
 * closed.  The stamp must be recent.  Any context.
 */
bool
tlb_is_clean(uint32_t stamp)
{
	for (u_int i = 0; i < mp_ncpus; i++)
		if (lags(pcpus[i], stamp))
			return (false);
	return (true);
}

/*
 * tlb_is_recent: true if so few batches have been closed since stamp that it
 * can be compared with every published epoch.  Any context.
 */
bool
tlb_is_recent(uint32_t stamp)
{
	return (hw_load32(&tlb_epoch) - stamp < RECENT);
}

/*
 * Asks every CPU that lags to flush.  The flag is set, locked, before the
 * interrupt is sent, and taken, locked, before the flush: a CPU that finds it
 * set sends nothing, because the flush for it has not begun, and will read our
 * epoch.
 */
static void
ask_laggards(uint32_t stamp)
{
	uint32_t flags = intr_save();

	for (u_int i = 0; i < mp_ncpus; i++)
		if (lags(pcpus[i], stamp) &&
		    atomic_swap_32(&pcpus[i]->pc_flush_wanted, 1) == 0)
			hw_send_ipi(i, IPI_FLUSH);
	intr_restore(flags);
}

/*
 * tlb_serve: flushes if another CPU asked for it.  Called by IPI_FLUSH, and by
 * loops that spin with interrupts off.  Interrupts off.
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
 * tlb_may_wait: true if this context may wait for other CPUs.  Interrupts are
 * off in every handler and under every spin lock, so the interrupt flag
 * answers it; after a panic there is no other CPU to wait for.
 */
bool
tlb_may_wait(void)
{
	return (intr_enabled() && !panicked());
}

/*
 * tlb_force: flushes, here and on every CPU that lags; returns when
 * tlb_is_clean(stamp).  Interrupts at most every other CPU, once.  Panics after
 * ipi.timeout.  Thread context, interrupts on, no spin lock held.
 */
void
tlb_force(uint32_t stamp)
{
	struct deadline wait = { 0 };

	KASSERT(tlb_may_wait(), "tlb_force: may not wait here (called from "
	    "%pC)", __caller());
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
 * tlb_force_nowait: as tlb_force(), but does not wait; for callers that do not
 * need the address back soon.  Any context but NMI.
 */
void
tlb_force_nowait(uint32_t stamp)
{
	tlb_flush_here();
	ask_laggards(stamp);
}

/*
 * tlb_flush_all_wait: returns when no TLB holds a non-global translation that
 * was removed before the call.  Contexts as of tlb_force().
 */
void
tlb_flush_all_wait(void)
{
	tlb_force(tlb_close());
}

/*
 * tlb_tick: called by hardclock(): flushes and publishes if a batch was closed
 * since this CPU last did.  Interrupts off.
 */
void
tlb_tick(void)
{
	struct pcpu *pc = curpcpu();

	if (hw_load32(&tlb_epoch) << 1 != hw_load32(&pc->pc_tlb))
		flush_and_publish(pc);
}

/*
 * tlb_enter_idle: from here to tlb_leave_idle() this CPU touches no sf_buf,
 * and no flush waits for it.  Interrupts off.  A plain store: a remover that
 * sees it late only waits longer.
 */
void
tlb_enter_idle(void)
{
	struct pcpu *pc = curpcpu();

	KASSERT(!intr_enabled(), "tlb_enter_idle: interrupts are on (called "
	    "from %pC)", __caller());
	hw_store32(&pc->pc_tlb, hw_load32(&pc->pc_tlb) | TLB_IDLE);
}

/*
 * tlb_leave_idle: [E7] and [E8].  sched_leave_idle() calls this each time that
 * idling ends, before any code that may touch an sf_buf.  Interrupts off.
 */
void
tlb_leave_idle(void)
{
	struct pcpu *pc = curpcpu();

	(void)hw_xchg32(&pc->pc_tlb, hw_load32(&tlb_epoch) << 1);
	flush_and_publish(pc);
}

/*
 * tlb_others_idle: true if all other CPUs idle, so that tlb_flush_here() is
 * enough for every batch closed so far.  Any context.
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
