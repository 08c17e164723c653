/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The scheme before sf_buf(9), for comparison: pmap_qenter(9) and
 * pmap_qremove(9) on every use.  An allocation takes an address from a stack of
 * free ones and enters the page.  A free removes the entry, invalidates the
 * address on all CPUs, and waits for them.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/hw.h>
#include <tests/bench/bench.h>
#include <tests/bench/window.h>
#include <vm/vm_page.h>

struct qenter_slot {
	struct qenter_slot *next;	/* while it is free */
	volatile uint32_t *pte;
	vm_offset_t kva;
};

static struct qenter_slot *free_slots;
static struct bench_lock lock;
static struct cpuset all_cpus;
static struct bench_counts counts;	/* under the lock */

static struct sf_buf *
qenter_alloc(struct vm_page *m, int flags)
{
	struct qenter_slot *s;

	(void)flags;
	bench_lock(&lock);
	s = free_slots;
	KASSERT(s != NULL, "qenter_alloc: no address is free");
	free_slots = s->next;
	counts.misses++;
	counts.pte_writes++;
	bench_unlock(&lock);
	window_enter(s->pte, VM_PAGE_TO_PHYS(m));
	return ((struct sf_buf *)s);
}

static vm_offset_t
qenter_kva(struct sf_buf *sf)
{
	return (((struct qenter_slot *)sf)->kva);
}

static void
qenter_free(struct sf_buf *sf)
{
	struct qenter_slot *s = (struct qenter_slot *)sf;

	(void)window_remove(s->pte);
	critical_enter();
	hw_invlpg(s->kva);
	if (mp_ncpus > 1)
		window_shootdown(&all_cpus, s->kva);
	critical_exit();
	bench_lock(&lock);
	s->next = free_slots;
	free_slots = s;
	counts.pte_writes++;
	counts.invlpgs++;
	bench_unlock(&lock);
}

static void
qenter_stats(struct bench_counts *c)
{
	*c = counts;
	c->ipis = window_ipis();
	c->interrupted = window_interrupted();
}

static bool
qenter_init(u_int nslots)
{
	u_int n = nslots < QENTER_SLOTS ? nslots : QENTER_SLOTS;
	struct qenter_slot *slots;
	vm_offset_t va = window_init(n);

	if (va == 0)
		return (false);
	slots = bench_array(n * sizeof(*slots));
	window_all_cpus(&all_cpus);
	for (u_int i = n; i-- > 0; free_slots = &slots[i]) {
		slots[i].kva = va + (i << PAGE_SHIFT);
		slots[i].pte = window_pte(slots[i].kva);
		slots[i].next = free_slots;
	}
	return (true);
}

const struct bench_scheme bench_qenter = {
	.name = "qenter", .alloc = qenter_alloc, .kva = qenter_kva,
	.free = qenter_free, .stats = qenter_stats, .init = qenter_init,
};
