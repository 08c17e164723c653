/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * A window of kernel addresses for the schemes that sf_buf(9) is compared
 * with, and their way to keep TLBs right: at once, one address at a time, on
 * the CPUs that need it, and the caller waits until they have done it.
 *
 * One shootdown is under way at a time, under `lock'; its address is in
 * target_va and the CPUs that are done with it count up `acks'.  Both are
 * stored before the interrupts are sent, by stores that the write to the APIC
 * drains (hw_send_ipi()).
 */

#include <sys/types.h>
#include <sys/bench.h>
#include <sys/deadline.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/ipi.h>
#include <machine/lapic.h>
#include <machine/pmap.h>
#include <tests/bench/window.h>
#include <vm/kmem.h>
#include <vm/tlb.h>

#define	ICR_OTHERS	0xc0000u	/* all but self (SDM vol. 3A 10.6.1) */

static struct bench_lock lock;
static vm_offset_t target_va;
static volatile uint32_t acks;

/* bench_lock_wait: the rest of bench_lock(), when somebody else has it. */
void
bench_lock_wait(struct bench_lock *l)
{
	struct deadline wait = { 0 };

	do {
		while (hw_load32(&l->locked) != 0) {
			cpu_spinwait();
			KASSERT(!deadline_passed(&wait), "bench_lock: "
			    "not released (called from %p)", __caller());
		}
	} while (atomic_swap_32(&l->locked, 1) != 0);
}

/* What IPI_TEST asks of a CPU.  Interrupts off. */
static void
invalidate(void)
{
	hw_invlpg(target_va);
	(void)atomic_fetchadd_32(&acks, 1);
}

/*
 * window_init: addresses for nslots pages, which are ours for good, without
 * pages.  0 if there are not so many, or too many CPUs.
 */
vm_offset_t
window_init(u_int nslots)
{
	if (mp_ncpus > WINDOW_MAXCPU)
		return (0);
	ipi_register(IPI_TEST, invalidate);
	return (kmem_kva_alloc(nslots << PAGE_SHIFT));
}

volatile uint32_t *
window_pte(vm_offset_t va)
{
	return ((volatile uint32_t *)pmap_kpte(va));
}

void
window_all_cpus(struct cpuset *set)
{
	memset(set, 0, sizeof(*set));
	for (u_int i = 0; i < mp_ncpus; i++)
		set->word[i / 32] |= 1u << (i % 32);
}

/* Sends the interrupts; how many CPUs will acknowledge. */
static u_int
send(const struct cpuset *set)
{
	u_int n = 0, me = curcpu_id(), last = 0;

	for (u_int i = 0; i < mp_ncpus; i++)
		if (i != me && (set->word[i / 32] & 1u << (i % 32)) != 0)
			n++;
	if (n > 1 && n == mp_ncpus - 1) {
		curpcpu()->pc_ipis_sent[IPI_TEST]++;
		lapic_send(0, ICR_FIXED | ICR_OTHERS |
		    (VECTOR_IPI + IPI_TEST));
		return (n);
	}
	for (u_int i = 0; last < n; i++) {
		if (i == me || (set->word[i / 32] & 1u << (i % 32)) == 0)
			continue;
		hw_send_ipi(i, IPI_TEST);
		last++;
	}
	return (n);
}

/*
 * window_shootdown: invalidates va on the CPUs of the set but this one, and
 * waits until they have.  Thread context, pinned, interrupts on.
 */
void
window_shootdown(const struct cpuset *set, vm_offset_t va)
{
	struct deadline wait = { 0 };
	u_int n;

	bench_lock(&lock);
	target_va = va;
	atomic_store_rel_32(&acks, 0);
	n = send(set);
	while (atomic_load_acq_32(&acks) != n) {
		cpu_spinwait();
		KASSERT(!deadline_passed(&wait), "window_shootdown: %u "
		    "of %u CPUs answered", acks, n);
	}
	bench_unlock(&lock);
}

/* window_flush_all: when entries were removed and nobody was told. */
void
window_flush_all(void)
{
	tlb_flush_all_wait();
}

uint64_t
window_ipis(void)
{
	uint64_t n = 0;

	for (u_int i = 0; i < mp_ncpus; i++)
		n += pcpus[i]->pc_ipis_sent[IPI_TEST];
	return (n);
}

uint64_t
window_interrupted(void)
{
	uint64_t n = 0;

	for (u_int i = 0; i < mp_ncpus; i++)
		n += pcpus[i]->pc_ipis_taken[IPI_TEST];
	return (n);
}
