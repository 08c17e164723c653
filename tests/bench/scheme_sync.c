/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * A synchronous cache of mappings, as in FreeBSD on i386, for comparison with
 * sf_buf(9): a hash of the mapped pages, a list of the unreferenced slots in
 * the order of their last use, and one lock.
 *
 * If the Accessed bit of a replaced mapping shows that it was used, every CPU
 * may still have it in its TLB, and must invalidate the address before it uses
 * the new mapping.  The allocating CPU does so at once.  For a shared mapping
 * it also interrupts all other CPUs that have not yet done so, and waits for
 * them, under the lock.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/hw.h>
#include <machine/pmap.h>
#include <tests/bench/bench.h>
#include <tests/bench/window.h>
#include <vm/vm_page.h>

struct sync_buf {
	struct sync_buf *hash_next, **hash_prev;	/* while m != NULL */
	struct sync_buf *free_next, **free_prev;	/* while refs == 0 */
	struct vm_page *m;
	volatile uint32_t *pte;
	vm_offset_t kva;
	u_int refs;
	struct cpuset synced;	/* CPUs whose TLBs cache no older mapping */
};

static struct sync_buf *bufs, **hash, *free_head, **free_tail;
static u_int nbufs, hash_mask, nwaiting;
static struct bench_lock lock;
static struct cpuset all_cpus;
static const struct cpuset no_cpus;
static struct bench_counts counts;	/* under the lock */

static inline void
hash_insert(struct sync_buf *b)
{
	struct sync_buf **head = &hash[vm_page_index(b->m) & hash_mask];

	b->hash_next = *head;
	b->hash_prev = head;
	if (*head != NULL)
		(*head)->hash_prev = &b->hash_next;
	*head = b;
}

static inline void
hash_remove(struct sync_buf *b)
{
	*b->hash_prev = b->hash_next;
	if (b->hash_next != NULL)
		b->hash_next->hash_prev = b->hash_prev;
}

static inline struct sync_buf *
hash_find(const struct vm_page *m)
{
	struct sync_buf *b = hash[vm_page_index(m) & hash_mask];

	while (b != NULL && b->m != m)
		b = b->hash_next;
	return (b);
}

static inline void
free_insert(struct sync_buf *b)
{
	b->free_next = NULL;
	b->free_prev = free_tail;
	*free_tail = b;
	free_tail = &b->free_next;
}

static inline void
free_remove(struct sync_buf *b)
{
	*b->free_prev = b->free_next;
	if (b->free_next != NULL)
		b->free_next->free_prev = b->free_prev;
	else
		free_tail = b->free_prev;
}

/* True if `set' contains `of'.  Compares the words of existing CPUs only. */
static inline bool
covers(const struct cpuset *set, const struct cpuset *of)
{
	for (u_int i = 0; i <= (mp_ncpus - 1) / 32; i++)
		if ((of->word[i] & ~set->word[i]) != 0)
			return (false);
	return (true);
}

/*
 * Invalidates older mappings of the address on this CPU and, unless the request
 * is CPU-private, on all others.
 */
static inline void
make_current(struct sync_buf *b, int flags)
{
	u_int me = curcpu_id();
	struct cpuset others;

	if ((b->synced.word[me / 32] & 1u << (me % 32)) == 0) {
		b->synced.word[me / 32] |= 1u << (me % 32);
		hw_invlpg(b->kva);
		counts.invlpgs++;
	}
	if ((flags & SFB_CPUPRIVATE) != 0 || covers(&b->synced, &all_cpus))
		return;
	for (u_int i = 0; i <= (mp_ncpus - 1) / 32; i++)
		others.word[i] = all_cpus.word[i] & ~b->synced.word[i];
	b->synced = all_cpus;
	window_shootdown(&others, b->kva);
}

/*
 * Maps m in an unreferenced slot.  If the mapping that it replaces was
 * accessed, no TLB counts as synced any more; make_current() invalidates the
 * address.
 */
static inline void
map(struct sync_buf *b, struct vm_page *m)
{
	if (b->m != NULL) {
		hash_remove(b);
		counts.pte_writes++;
		if (window_remove(b->pte))
			b->synced = no_cpus;
	}
	b->m = m;
	hash_insert(b);
	window_enter(b->pte, VM_PAGE_TO_PHYS(m));
	counts.pte_writes++;
}

/*
 * Returns the least recently used of the unreferenced slots.  If all are
 * referenced, sleeps until one is not; NULL with SFB_NOWAIT.  The lock is
 * released while it sleeps, so another thread may map the same page, which then
 * has two mappings.  That does no harm, because each is right; FreeBSD's does
 * so too.
 */
static inline struct sync_buf *
get_slot(int flags)
{
	while (free_head == NULL && (flags & SFB_NOWAIT) == 0) {
		nwaiting++;
		counts.sleeps++;
		sleepq_lock(&free_head);
		bench_unlock(&lock);
		(void)sleepq_wait(&free_head, "sync_buf", 0, 0);
		bench_lock(&lock);
		nwaiting--;
	}
	return (free_head);
}

static struct sf_buf *
sync_alloc(struct vm_page *m, int flags)
{
	struct sync_buf *b;

	bench_lock(&lock);
	b = hash_find(m);
	if (b != NULL) {
		counts.hits++;
		if (b->refs++ == 0)
			free_remove(b);
	} else if ((b = get_slot(flags)) != NULL) {
		counts.misses++;
		free_remove(b);
		b->refs = 1;
		map(b, m);
	}
	if (b != NULL)
		make_current(b, flags);
	bench_unlock(&lock);
	return ((struct sf_buf *)b);
}

static void
sync_free(struct sf_buf *sf)
{
	struct sync_buf *b = (struct sync_buf *)sf;

	bench_lock(&lock);
	KASSERT(b->refs > 0, "sync_free: not referenced");
	if (--b->refs == 0) {
		free_insert(b);
		if (nwaiting != 0)
			sleepq_wakeup_one(&free_head);
	}
	bench_unlock(&lock);
}

static vm_offset_t
sync_kva(struct sf_buf *sf)
{
	return (((struct sync_buf *)sf)->kva);
}

static void
sync_stats(struct bench_counts *c)
{
	*c = counts;
	c->ipis = window_ipis();
	c->interrupted = window_interrupted();
}

static bool
sync_init(u_int nslots)
{
	vm_offset_t va;

	nbufs = nslots < SYNC_SLOTS ? nslots : SYNC_SLOTS;
	for (hash_mask = 1; hash_mask < nbufs; hash_mask <<= 1)
		continue;
	if ((va = window_init(nbufs)) == 0)
		return (false);
	hash = bench_array(hash_mask-- * sizeof(*hash));
	bufs = bench_array(nbufs * sizeof(*bufs));
	free_tail = &free_head;
	window_all_cpus(&all_cpus);
	for (u_int i = 0; i < nbufs; i++) {
		bufs[i].kva = va + (i << PAGE_SHIFT);
		bufs[i].pte = window_pte(bufs[i].kva);
		bufs[i].synced = all_cpus;
		free_insert(&bufs[i]);
	}
	return (true);
}

/* Forgets all mappings, so that each measurement starts with an empty cache. */
static void
sync_reset(void)
{
	bench_lock(&lock);
	for (u_int i = 0; i < nbufs; i++) {
		KASSERT(bufs[i].refs == 0, "sync_reset: slot %u is in use", i);
		if (bufs[i].m != NULL) {
			hash_remove(&bufs[i]);
			(void)window_remove(bufs[i].pte);
		}
		bufs[i].m = NULL;
		bufs[i].synced = all_cpus;
	}
	bench_unlock(&lock);
	window_flush_all();
}

const struct bench_scheme bench_sync = {
	.name = "sync", .alloc = sync_alloc, .kva = sync_kva,
	.free = sync_free, .stats = sync_stats, .init = sync_init,
	.reset = sync_reset,
};
