/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * A window of kernel addresses for the schemes that sf_buf(9) is compared
 * with, and the synchronous TLB shootdown that they use: it invalidates one
 * address on the CPUs that need it, and the caller waits for these.
 *
 * `lock' admits one shootdown at a time.  Its address is in target_va, and each
 * CPU that has invalidated it increments `acks'.  Both are stored before the
 * interrupts are sent; the write to the APIC drains the stores (hw_send_ipi()).
 */

#include <sys/types.h>
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

/*
 * bench_lock_wait: the slow path of bench_lock(), when another CPU has the
 * lock.  Panics after ipi.timeout=.
 */
void
bench_lock_wait(struct bench_lock *l)
{
	struct deadline wait = { 0 };

	do {
		while (hw_load32(&l->locked) != 0) {
			cpu_spinwait();
			KASSERT(!deadline_passed(&wait), "bench_lock: "
			    "not released (called from %pC)", __caller());
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
 * window_init: reserves the addresses of nslots pages for ever, and maps
 * nothing there.  Returns the first, or 0 if there are too few addresses or
 * too many CPUs.
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

/*
 * Sends interrupts to the CPUs of the set except this one; by one write if
 * these are all other CPUs.  Returns the number of CPUs that will acknowledge.
 */
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
 * window_shootdown: makes the CPUs of the set except this one invalidate va,
 * and waits for them.  Panics after ipi.timeout=.  Thread context, pinned,
 * interrupts on.
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

/*
 * window_flush_all: makes all CPUs flush, after entries were removed without a
 * shootdown.
 */
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
