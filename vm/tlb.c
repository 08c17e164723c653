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
 * A switch to another address space is a flush like any other, because MOV CR3
 * drops what was cached in the old one (SDM vol. 3A 4.10.4.1): tlb_switch()
 * makes it [E5] and so publishes.  The tables of an address space that is gone
 * are freed by the epochs as well: pm_dead is set, then the epoch is closed,
 * [E2].  A flush loads the epoch, [E4], before it looks at pm_dead; so a CPU
 * that publishes the stamp or later has seen pm_dead set and left those tables
 * for the kernel's.  An idle CPU publishes nothing, so it has the kernel's
 * tables while it idles.
 *
 * From the machine this needs hw_load_cr3() and hw_send_ipi(), whose interrupt
 * IPI_FLUSH calls tlb_serve().
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
#include <machine/pmap_user.h>
#include <vm/tlb.h>

#define	RECENT		(1u << 29)

static volatile uint32_t tlb_epoch;

/*
 * [E4] [E5] [E6] by a load of the tables of pm, or of the kernel's if it is
 * NULL or gone; interrupts are off, so that no other flush comes between.
 * pm_gen is read before the load: the losses that it counts are flushed by it.
 */
static void
load_and_publish(struct pcpu *pc, struct pmap *pm)
{
	uint32_t e = hw_load32(&tlb_epoch), cr3 = kern_cr3;

	if (pm != NULL && hw_load32(&pm->pm_dead) != 0)
		pm = NULL;
	if (pm != NULL) {
		pc->pc_pmap_gen = hw_load32(&pm->pm_gen);
		cr3 = pm->pm_cr3;
	}
	pc->pc_pmap = pm;
	hw_load_cr3(cr3);
	hw_store32(&pc->pc_tlb, e << 1);
	pc->pc_flushes++;
	KASSERT(!intr_enabled(), "load_and_publish: interrupts are on "
	    "(called from %pC)", __caller());
}

static inline void
flush_and_publish(struct pcpu *pc)
{
	load_and_publish(pc, pc->pc_pmap);
}

/*
 * tlb_switch: loads the tables of an address space, or the kernel's if pm is
 * NULL; publishes the epoch, as every flush does.  Interrupts off.
 */
void
tlb_switch(struct pmap *pm)
{
	load_and_publish(curpcpu(), pm);
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

/* The address space of a forced flush that is for whatever a CPU runs. */
#define	ANY	((const struct pmap *)NULL)

/* [U3] [E3] True if a forced flush must wait for pc. */
static inline bool
owes(struct pcpu *pc, uint32_t stamp, const struct pmap *pm)
{
	return ((pm == ANY || pc->pc_runs == (uintptr_t)pm) &&
	    lags(pc, stamp));
}

/*
 * Asks every CPU that owes the flush; returns how many.  The flag is set,
 * locked, before the interrupt is sent, and taken, locked, before the flush: a
 * CPU that finds it set sends nothing, because the flush for it has not begun,
 * and will read our epoch.
 */
static u_int
ask_laggards(uint32_t stamp, const struct pmap *pm)
{
	uint32_t flags = intr_save();
	u_int n = 0;

	for (u_int i = 0; i < mp_ncpus; i++) {
		if (!owes(pcpus[i], stamp, pm))
			continue;
		n++;
		if (atomic_swap_32(&pcpus[i]->pc_flush_wanted, 1) == 0)
			hw_send_ipi(i, IPI_FLUSH);
	}
	intr_restore(flags);
	return (n);
}

/* Waits until no CPU owes the flush; panics after ipi.timeout. */
static void
wait_for_laggards(uint32_t stamp, const struct pmap *pm)
{
	struct deadline wait = { 0 };

	for (u_int i = 0; i < mp_ncpus; i++) {
		while (owes(pcpus[i], stamp, pm)) {
			cpu_spinwait();
			if (!deadline_passed(&wait))
				continue;
			panic("tlb_force: CPU %u waits for CPU %u to flush, "
			    "%u ms", curcpu_id(), i, ipi_timeout_ms);
		}
	}
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
	KASSERT(tlb_may_wait(), "tlb_force: may not wait here (called from "
	    "%pC)", __caller());
	tlb_flush_here();
	(void)ask_laggards(stamp, ANY);
	wait_for_laggards(stamp, ANY);
}

/*
 * tlb_force_space: as tlb_force(), but only for the CPUs that run a thread of
 * pm, by pc_runs.  A CPU that stops to run one while this waits owes the flush
 * no longer: arch/i386/space/pmap_space.c has the argument.  Returns how many
 * other CPUs it asked.
 */
u_int
tlb_force_space(uint32_t stamp, const struct pmap *pm)
{
	uint32_t flags;
	u_int n;

	KASSERT(tlb_may_wait(), "tlb_force_space: may not wait here (called "
	    "from %pC)", __caller());
	flags = intr_save();
	if (owes(curpcpu(), stamp, pm))
		flush_and_publish(curpcpu());
	intr_restore(flags);
	n = ask_laggards(stamp, pm);
	wait_for_laggards(stamp, pm);
	return (n);
}

/*
 * tlb_force_nowait: as tlb_force(), but does not wait; for callers that do not
 * need the address back soon.  Any context but NMI.
 */
void
tlb_force_nowait(uint32_t stamp)
{
	tlb_flush_here();
	(void)ask_laggards(stamp, ANY);
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
 * sees it late only waits longer.  It comes after the load of the kernel's
 * tables: while this CPU idles, others may free those of any address space.
 */
void
tlb_enter_idle(void)
{
	struct pcpu *pc = curpcpu();

	KASSERT(!intr_enabled() && pc->pc_runs == 0, "tlb_enter_idle: "
	    "interrupts are on, or it runs address space 0x%zx (called from "
	    "%pC)", (size_t)pc->pc_runs, __caller());
	if (pc->pc_pmap != NULL)
		tlb_switch(NULL);
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
