/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Pages of tables that are free but for a flush.
 *
 * A CPU may keep directory entries in its paging-structure caches, or may still
 * have a PDPT loaded, long after memory no longer shows them (SDM vol. 3A
 * 4.10.3), and its walks read, and write A and D, where they lead.  So the
 * pages wait in a queue until each CPU has loaded CR3 since, or idles with the
 * kernel's tables: vm/tlb.c.  Nothing forces a flush as long as there is
 * memory; every CPU flushes at its next tick.  Pages whose wait is over are the
 * next tables; when more than TABLES_KEPT wait, each call that adds pages frees
 * some.
 *
 * Invariant: a page on the queue has the stamp of an epoch that was closed when
 * no entry led to it any more.  Stamps do not fall from the head to the tail,
 * but for those that were replaced because they had become too old to compare.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/systm.h>
#include <vm/tlb.h>
#include <arch/i386/space/tables.h>

#define	TABLES_KEPT	64u	/* for the next tables */

static struct wait_queue {
	struct spinlock lock;
	uint32_t head, tail;		/* frames, by m->next */
	u_int n;
} waiting = {
	.lock = SPINLOCK_INITIALIZER("waiting page tables", RANK_TABLES),
	.head = VM_PAGE_NONE, .tail = VM_PAGE_NONE,
};

static bool (*next_lowmem)(void);

/* Contracts are in <arch/i386/space/tables.h> and <machine/pmap_user.h>. */
void
pmap_table_free(struct vm_page *m)
{
	vm_page_unwire(m, 0);
	vm_page_free(m);
}

/* Frees a chain; returns whether there was a page in it. */
static bool
free_chain(uint32_t frame)
{
	struct vm_page *m;
	bool any = frame != VM_PAGE_NONE;

	while (frame != VM_PAGE_NONE) {
		m = &vm_page_array[frame];
		frame = m->next;
		pmap_table_free(m);
	}
	return (any);
}

/*
 * Whether the wait of m is over.  A stamp that is too old to be compared gets
 * replaced by a new one: m waits longer than it must, once in 2^29 epochs.
 */
static bool
wait_is_over(struct vm_page *m)
{
	if (!tlb_is_recent(m->prev))
		m->prev = tlb_close();
	return (tlb_is_clean(m->prev));
}

/* Takes at most `max' pages whose wait is over off the queue, as a chain. */
static uint32_t
take_clean(u_int max)
{
	uint32_t chain = VM_PAGE_NONE;
	struct vm_page *m, *last = NULL;
	u_int n = 0;

	if (waiting.head == VM_PAGE_NONE)
		return (chain);		/* a look without the lock */
	spin_lock(&waiting.lock);
	for (; n < max && waiting.head != VM_PAGE_NONE; n++, last = m) {
		m = &vm_page_array[waiting.head];
		if (!(last != NULL && last->prev == m->prev) &&
		    !wait_is_over(m))
			break;
		if (last == NULL)
			chain = waiting.head;
		waiting.head = m->next;
	}
	if (last != NULL)
		last->next = VM_PAGE_NONE;
	waiting.n -= n;
	spin_unlock(&waiting.lock);
	return (chain);
}

/* A page that has waited long enough serves at once, wired as it is. */
struct vm_page *
pmap_page_alloc(void)
{
	uint32_t frame = take_clean(1);

	return (frame != VM_PAGE_NONE ? &vm_page_array[frame] :
	    vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED));
}

struct vm_page *
pmap_table_alloc(void)
{
	struct vm_page *m = pmap_page_alloc();

	if (m == NULL)
		return (NULL);
	memset(pmap_dmap(VM_PAGE_TO_PHYS(m)), 0, PAGE_SIZE);
	m->next = 0;
	return (m);
}

bool
pmap_harvest(u_int max)
{
	return (free_chain(take_clean(max)));
}

/*
 * When many pages wait it frees twice as many as it adds, if their wait is
 * over, so that the queue stays as long as a few ticks need.  The epoch is
 * closed under the lock, so that the stamps are in order.  Closing it is a
 * locked instruction: what the caller removed, and pm_dead, are visible before
 * a CPU can have read the new epoch.
 */
void
pmap_wait(uint32_t chain)
{
	uint32_t stamp, last = chain;
	u_int n = 1;

	for (; vm_page_array[last].next != VM_PAGE_NONE; n++)
		last = vm_page_array[last].next;
	if (waiting.n > TABLES_KEPT)
		(void)pmap_harvest(2 * n);
	spin_lock(&waiting.lock);
	stamp = tlb_close();
	for (uint32_t f = chain; f != VM_PAGE_NONE; f = vm_page_array[f].next)
		vm_page_array[f].prev = stamp;
	if (waiting.head == VM_PAGE_NONE)
		waiting.head = chain;
	else
		vm_page_array[waiting.tail].next = chain;
	waiting.tail = last;
	waiting.n += n;
	spin_unlock(&waiting.lock);
}

/* Takes all pages off the queue, and flushes every TLB; then none waits. */
static uint32_t
take_all(void)
{
	uint32_t chain;

	spin_lock(&waiting.lock);
	chain = waiting.head;
	waiting.head = VM_PAGE_NONE;
	waiting.n = 0;
	spin_unlock(&waiting.lock);
	if (chain != VM_PAGE_NONE)
		tlb_flush_all_wait();
	return (chain);
}

bool
pmap_reclaim(void)
{
	return (tlb_may_wait() ? free_chain(take_all()) : pmap_harvest(~0u));
}

u_int
pmap_waiting(void)
{
	return (waiting.n);
}

/* For vm_page_alloc(): what waits here, and what else there is. */
static bool
lowmem(void)
{
	bool any = pmap_reclaim();

	return (next_lowmem() || any);
}

void
pmap_user_init(void)
{
	next_lowmem = vm_lowmem;
	vm_lowmem = lowmem;
}
