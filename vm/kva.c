/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Arenas of kernel addresses: owns which page of a window belongs to which
 * range, and which ranges wait until no TLB holds translations of them.
 * Accesses neither the addresses nor their page-table entries.
 *
 * A range is free, allocated, retired (no longer its owner's, while kmem.c
 * removes its entries) or in quarantine.  Its first page is a guard, which is
 * never mapped.  So an unmapped page lies before every allocated range, and
 * behind it: the next range's guard or the unmapped end of the window.
 *
 * Invariants, whenever the lock is free:
 *
 *  - The ranges cover the arena.  A tag has KVA_HEAD if and only if its page
 *    is the first of a range, KVA_TAIL if and only if it is the last one;
 *    both have the range's size and state.  So a range's neighbours are found
 *    in one step, and an address inside a range is not taken for its start.
 *  - Two neighbours are never both free: freeing merges them.
 *  - A free range is on the list of its size, and a list has its bit in
 *    nonempty[] if and only if it has a range.
 *  - A range in quarantine had a present entry that a TLB may hold; the pages
 *    of its chain were mapped there.
 *
 * Cost.  Sizes up to KVA_EXACT pages have a list each, larger ones one for
 * each power of two.  Freeing is O(1).  Allocating up to KVA_EXACT pages is
 * O(1) and best fit.  For larger sizes the ranges of one power of two are
 * tried in turn, at most npages / (KVA_EXACT + 1) of them, before a range of a
 * larger power is cut.  No allocation fails while a free range is large enough.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/systm.h>
#include <vm/kva.h>
#include <vm/tlb.h>

#define	KVA_HEAD	0x1u
#define	KVA_TAIL	0x2u
#define	KVA_FREE	0x4u
#define	KVA_RETIRED	0x8u		/* in quarantine as well */
#define	KVA_NONE	0xffffu		/* no range: no page's index */

/* The list that has the free ranges of this size. */
static u_int
list_of(u_int size)
{
	if (size <= KVA_EXACT)
		return (size - 1);
	return (KVA_EXACT + 25 - (u_int)__builtin_clz(size));
}

/* The first list, starting with `list', that has a range; or KVA_LISTS. */
static u_int
list_find(const struct kva_arena *a, u_int list)
{
	uint32_t bits;

	for (u_int w = list / 32; w < KVA_WORDS; w++) {
		bits = a->nonempty[w];
		if (w == list / 32)
			bits &= 0xffffffffu << list % 32;
		if (bits != 0)
			return (w * 32 + (u_int)__builtin_ctz(bits));
	}
	return (KVA_LISTS);
}

/* Makes [i, i + size) a range; the caller has cleared the tags inside it. */
static void
set_range(struct kva_arena *a, u_int i, u_int size, u_int state)
{
	struct kva_tag *head = &a->tags[i], *tail = &a->tags[i + size - 1];

	KASSERT(size > 0 && i + size <= a->npages, "%s: a range of %u pages at "
	    "%u", a->lock.name, size, i);
	head->size = tail->size = (uint16_t)size;
	head->flags = (uint16_t)(KVA_HEAD | state);
	if (head == tail)
		head->flags |= KVA_TAIL;
	else
		tail->flags = (uint16_t)(KVA_TAIL | state);
}

static void
list_insert(struct kva_arena *a, u_int i, u_int size)
{
	u_int list = list_of(size);
	struct kva_tag *t = &a->tags[i];

	set_range(a, i, size, KVA_FREE);
	t->prev = KVA_NONE;
	t->next = a->head[list];
	if (t->next != KVA_NONE)
		a->tags[t->next].prev = (uint16_t)i;
	a->head[list] = (uint16_t)i;
	a->nonempty[list / 32] |= 1u << list % 32;
	a->nfree += size;
}

/* Takes the free range at i off its list and clears its tags. */
static void
list_remove(struct kva_arena *a, u_int i)
{
	struct kva_tag *t = &a->tags[i];
	u_int list = list_of(t->size);

	KASSERT((t->flags & KVA_FREE) != 0 && a->nfree >= t->size, "%s: the "
	    "range at %u has flags 0x%x; %u pages are free", a->lock.name, i,
	    t->flags, a->nfree);
	if (t->next != KVA_NONE)
		a->tags[t->next].prev = t->prev;
	if (t->prev != KVA_NONE)
		a->tags[t->prev].next = t->next;
	else if ((a->head[list] = t->next) == KVA_NONE)
		a->nonempty[list / 32] &= ~(1u << list % 32);
	a->nfree -= t->size;
	a->tags[i + t->size - 1].flags = 0;
	t->flags = 0;
}

/* Returns a free range of at least `size' pages, or KVA_NONE. */
static u_int
find_fit(const struct kva_arena *a, u_int size)
{
	u_int list = list_of(size), i;

	if (size > KVA_EXACT) {
		for (i = a->head[list]; i != KVA_NONE; i = a->tags[i].next)
			if (a->tags[i].size >= size)
				return (i);
		list++;
	}
	list = list_find(a, list);
	return (list < KVA_LISTS ? a->head[list] : KVA_NONE);
}

/* Frees the range at i and merges it with its neighbours. */
static void
range_free(struct kva_arena *a, u_int i)
{
	u_int size = a->tags[i].size, other;

	a->tags[i].flags = 0;
	a->tags[i + size - 1].flags = 0;
	other = i + size;
	if (other < a->npages && (a->tags[other].flags & KVA_FREE) != 0) {
		size += a->tags[other].size;
		list_remove(a, other);
	}
	if (i > 0 && (a->tags[i - 1].flags & KVA_FREE) != 0) {
		other = i - a->tags[i - 1].size;
		size += i - other;
		list_remove(a, other);
		i = other;
	}
	list_insert(a, i, size);
}

/* The index of the range whose guard is the page before va, or KVA_NONE. */
static u_int
range_at(const struct kva_arena *a, vm_offset_t va)
{
	vm_offset_t i = (va - a->base) / PAGE_SIZE - 1;

	if (va < a->base + PAGE_SIZE || i >= a->npages ||
	    (va & PAGE_MASK) != 0 || (a->tags[i].flags & KVA_HEAD) == 0)
		return (KVA_NONE);
	return ((u_int)i);
}

/* The index of the range at va; panics, naming func, if it is not retired. */
static u_int
retired_at(const struct kva_arena *a, vm_offset_t va, const char *func)
{
	u_int i = range_at(a, va);

	KASSERT(i != KVA_NONE && (a->tags[i].flags & KVA_RETIRED) != 0,
	    "%s: 0x%zx is not retired", func, (size_t)va);
	return (i);
}

/*
 * kva_init: makes an arena of npages pages from base, all free.  The tags, one
 * for each page, contents undefined, are the arena's for good.  Start-up, one
 * CPU.  Panics on an arena of more than KVA_MAXPAGES.
 */
void
kva_init(struct kva_arena *a, const char *name, vm_offset_t base,
    u_int npages, struct kva_tag *tags)
{
	KASSERT(npages > 0 && npages <= KVA_MAXPAGES, "kva_init: %s has %u "
	    "pages (called from %pC)", name, npages, __caller());
	memset(a, 0, sizeof(*a));
	memset(tags, 0, npages * sizeof(*tags));
	spin_init(&a->lock, name, RANK_KVA);
	a->base = base;
	a->npages = npages;
	a->tags = tags;
	a->open.head = a->closed.head = KVA_NONE;
	for (u_int l = 0; l < KVA_LISTS; l++)
		a->head[l] = KVA_NONE;
	list_insert(a, 0, npages);
}

/*
 * kva_alloc: allocates npages pages of address space, with nothing mapped there
 * and no translation in any TLB, between unmapped pages.  Any context but NMI,
 * no lock of rank RANK_KVA or later held; never sleeps.  0 if no free range is
 * large enough: kva_harvest() may then free one.  The range is the caller's
 * until kva_retire().
 */
vm_offset_t
kva_alloc(struct kva_arena *a, u_int npages, const void *caller)
{
	u_int size = npages + 1, i, left;

	KASSERT(npages > 0, "kva_alloc: no pages (called from %pC)", caller);
	if (npages >= a->npages)
		return (0);
	spin_lock(&a->lock);
	if ((i = find_fit(a, size)) == KVA_NONE) {
		spin_unlock(&a->lock);
		return (0);
	}
	KASSERT(a->tags[i].size >= size, "%s: %u pages do not fit the range of "
	    "%u", a->lock.name, size, a->tags[i].size);
	left = a->tags[i].size - size;
	list_remove(a, i);
	if (left > 0)
		list_insert(a, i + size, left);
	set_range(a, i, size, 0);
	a->tags[i].caller = caller;
	spin_unlock(&a->lock);
	return (a->base + ptoa(i + 1));
}

/*
 * kva_size: returns the pages of the allocated range that begins at va, without
 * its guard; 0 if none does.  *caller is the last caller that allocated or
 * freed a range there, or NULL.  Any context but NMI.
 */
u_int
kva_size(struct kva_arena *a, vm_offset_t va, const void **caller)
{
	vm_offset_t raw = (va - a->base) / PAGE_SIZE - 1;
	u_int i, size = 0;

	spin_lock(&a->lock);
	*caller = raw < a->npages ? a->tags[raw].caller : NULL;
	i = range_at(a, va);
	if (i != KVA_NONE && (a->tags[i].flags & (KVA_FREE | KVA_RETIRED)) == 0)
		size = a->tags[i].size - 1u;
	spin_unlock(&a->lock);
	return (size);
}

/*
 * kva_retire: ends the allocation of a range.  The caller then removes its
 * entries, and calls kva_release() or kva_quarantine().  Any context but NMI.
 * Panics if no allocated range of npages pages begins at va, naming the last
 * caller that allocated or freed there.
 */
void
kva_retire(struct kva_arena *a, vm_offset_t va, u_int npages,
    const void *caller)
{
	const void *last;
	u_int i, size = 0;

	spin_lock(&a->lock);
	i = range_at(a, va);
	if (i != KVA_NONE && (a->tags[i].flags & (KVA_FREE | KVA_RETIRED)) == 0)
		size = a->tags[i].size - 1u;
	if (size == 0 || size != npages) {
		spin_unlock(&a->lock);
		size = kva_size(a, va, &last);
		panic("%s: free of %u pages at 0x%zx, where %u are allocated; "
		    "last caller there %pC (called from %pC)", a->lock.name,
		    npages, (size_t)va, size, last, caller);
	}
	set_range(a, i, size + 1, KVA_RETIRED);
	a->tags[i].caller = caller;
	spin_unlock(&a->lock);
}

/*
 * kva_release: frees a retired range of which no TLB holds a translation.  Any
 * context but NMI.
 */
void
kva_release(struct kva_arena *a, vm_offset_t va)
{
	spin_lock(&a->lock);
	range_free(a, retired_at(a, va, "kva_release"));
	spin_unlock(&a->lock);
}

/*
 * kva_quarantine: keeps a retired range, and the pages that were mapped there
 * (a chain by their `next', or VM_PAGE_NONE), until no TLB can hold the
 * translations that the caller has removed.  Any context but NMI.
 */
void
kva_quarantine(struct kva_arena *a, vm_offset_t va, uint32_t pages)
{
	struct kva_batch *b = &a->open;
	u_int i;

	spin_lock(&a->lock);
	i = retired_at(a, va, "kva_quarantine");
	a->tags[i].pages = pages;
	a->tags[i].next = KVA_NONE;
	if (b->head == KVA_NONE)
		b->head = (uint16_t)i;
	else
		a->tags[b->tail].next = (uint16_t)i;
	b->tail = (uint16_t)i;
	a->nquarantined += a->tags[i].size - 1u;
	spin_unlock(&a->lock);
}

/*
 * Makes the open batch the closed one.  Ranges join it under the lock after
 * their entries were removed, so tlb_close() comes after all the removals, as
 * tlb.c demands.
 */
static void
close_open(struct kva_arena *a)
{
	KASSERT(a->open.head != KVA_NONE, "%s: an empty batch is closed",
	    a->lock.name);
	a->closed = a->open;
	a->closed.stamp = tlb_close();
	a->open.head = KVA_NONE;
}

/*
 * kva_harvest: frees one range that has left quarantine, and hands the chain of
 * its pages to the caller, which frees them.  False if no range has been
 * flushed; forces no flush.  Any context but NMI; O(CPUs).
 */
bool
kva_harvest(struct kva_arena *a, uint32_t *pages)
{
	u_int i = KVA_NONE;

	spin_lock(&a->lock);
	if (a->closed.head == KVA_NONE && a->open.head != KVA_NONE)
		close_open(a);
	if (a->closed.head != KVA_NONE && tlb_is_clean(a->closed.stamp)) {
		i = a->closed.head;
		a->closed.head = a->tags[i].next;
		KASSERT(a->nquarantined >= a->tags[i].size - 1u, "%s: %u pages "
		    "leave quarantine, which has %u", a->lock.name,
		    a->tags[i].size - 1u, a->nquarantined);
		a->nquarantined -= a->tags[i].size - 1u;
		*pages = a->tags[i].pages;
		range_free(a, i);
	}
	spin_unlock(&a->lock);
	return (i != KVA_NONE);
}

/*
 * kva_close: closes all ranges in quarantine as one batch, with a new stamp:
 * after every CPU has flushed, kva_harvest() frees all of them.  False if there
 * are none.  The stamp is new even for the batch that was closed before: an old
 * stamp could look unflushed for ever, once the epoch has advanced by half of
 * its range.
 */
bool
kva_close(struct kva_arena *a, uint32_t *stamp)
{
	bool any;

	spin_lock(&a->lock);
	if (a->closed.head != KVA_NONE && a->open.head != KVA_NONE) {
		a->tags[a->closed.tail].next = a->open.head;
		a->open.head = a->closed.head;
	} else if (a->closed.head != KVA_NONE)
		a->open = a->closed;
	any = a->open.head != KVA_NONE;
	if (any) {
		close_open(a);
		*stamp = a->closed.stamp;
	}
	spin_unlock(&a->lock);
	return (any);
}
