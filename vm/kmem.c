/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Kernel memory by the page: owns the arena of kernel addresses, and the pages
 * that are mapped there.
 *
 * What is freed goes through quarantine, the addresses and the pages:
 *
 *	kva_retire	the range no longer belongs to its owner
 *	pmap_kremove	removes each entry by a locked exchange
 *	kva_quarantine	the range joins a batch; the batch gets a stamp
 *	kva_harvest	every CPU flushed after the stamp: the range is free
 *	vm_page_free	so are its pages
 *
 * The addresses must wait, because a CPU could otherwise reach the old page at
 * a reused address, through a translation that its TLB still holds.  The pages
 * wait because of wrong code: a write to freed memory through such a
 * translation would change a page that has a new owner by then.  Until the
 * flush the page has no new owner, so such a write does no harm; after the
 * flush it faults.
 *
 * Nothing forces a flush as long as there is memory: every CPU flushes at its
 * next tick, and each call here frees some ranges that have left quarantine.
 * Only if addresses or pages run out does kmem_reclaim() make the other CPUs
 * flush; vm_page_alloc() calls it, too, as vm_lowmem().
 *
 * A range whose entries were never used (A is clear in all of them) is in no
 * TLB, and skips the quarantine.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/pmap.h>
#include <vm/kmem.h>
#include <vm/kva.h>
#include <vm/ram.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>

#define	HARVEST_MAX	4u	/* ranges that one call frees besides */

static struct kva_arena kmem_arena;

/* Unwires and frees a chain of pages, whose mappings no TLB holds. */
static void
free_pages(uint32_t pages)
{
	struct vm_page *m;

	while (pages != VM_PAGE_NONE) {
		m = &vm_page_array[pages];
		pages = m->next;
		vm_page_unwire(m, 0);
		vm_page_free(m);
	}
}

/* Frees at most `max' ranges that have left quarantine; returns how many. */
static u_int
harvest(u_int max)
{
	uint32_t pages;
	u_int n;

	for (n = 0; n < max && kva_harvest(&kmem_arena, &pages); n++)
		free_pages(pages);
	return (n);
}

/* Contracts of the public functions are in <vm/kmem.h>. */
bool
kmem_reclaim(void)
{
	uint32_t stamp;

	if (tlb_may_wait() && kva_close(&kmem_arena, &stamp))
		tlb_force(stamp);
	return (harvest(~0u) > 0);
}

static vm_offset_t
alloc_range(u_int npages, const void *caller)
{
	vm_offset_t va;

	(void)harvest(HARVEST_MAX);
	while ((va = kva_alloc(&kmem_arena, npages, caller)) == 0)
		if (!kmem_reclaim())
			return (0);
	return (va);
}

/* Unmaps the first `mapped' pages of a retired range, and frees it. */
static void
free_range(vm_offset_t va, u_int mapped)
{
	uint32_t pages = VM_PAGE_NONE;
	bool unflushed = false;		/* a TLB may hold an entry */
	struct vm_page *m;
	vm_paddr_t pa;

	for (u_int i = 0; i < mapped; i++) {
		pa = pmap_kextract(va + i * PAGE_SIZE);
		KASSERT(pa != 0, "kmem_free: nothing is mapped at 0x%zx",
		    (size_t)va + i * PAGE_SIZE);
		unflushed |= pmap_kremove(va + i * PAGE_SIZE);
		m = PHYS_TO_VM_PAGE(pa);
		KASSERT(vm_page_wired(m), "kmem_free: frame 0x%x at 0x%zx is "
		    "not wired", vm_page_index(m), (size_t)va + i * PAGE_SIZE);
		m->next = pages;
		pages = vm_page_index(m);
	}
	if (unflushed) {
		kva_quarantine(&kmem_arena, va, pages);
		return;
	}
	kva_release(&kmem_arena, va);
	free_pages(pages);
}

void *
kmem_alloc_for(vm_size_t size, int flags, const void *caller)
{
	struct vm_page *m;
	vm_offset_t va;
	u_int npages;

	KASSERT((flags & ~M_ZERO) == 0 && size != 0, "kmem_alloc: %zu bytes, "
	    "flags 0x%x (called from %pC)", size, (u_int)flags, caller);
	if (size > (vm_size_t)KVA_MAXPAGES << PAGE_SHIFT)
		return (NULL);		/* before round_page() can wrap */
	npages = (u_int)(round_page(size) >> PAGE_SHIFT);
	if ((va = alloc_range(npages, caller)) == 0)
		return (NULL);
	for (u_int i = 0; i < npages; i++) {
		m = vm_page_alloc(VM_ALLOC_WIRED);
		if (m == NULL) {
			kva_retire(&kmem_arena, va, npages, caller);
			free_range(va, i);
			return (NULL);
		}
		pmap_kenter(va + i * PAGE_SIZE, VM_PAGE_TO_PHYS(m));
	}
	if ((flags & M_ZERO) != 0)
		memset((void *)va, 0, (vm_size_t)npages << PAGE_SHIFT);
	return ((void *)va);
}

void
kmem_free_for(void *addr, vm_size_t size, const void *caller)
{
	vm_offset_t va = (vm_offset_t)addr;
	u_int npages = (u_int)(round_page(size) >> PAGE_SHIFT);

	kva_retire(&kmem_arena, va, npages, caller);
	free_range(va, npages);
	(void)harvest(HARVEST_MAX);
}

void *
kmem_alloc(vm_size_t size, int flags)
{
	return (kmem_alloc_for(size, flags, __caller()));
}

void
kmem_free(void *addr, vm_size_t size)
{
	kmem_free_for(addr, size, __caller());
}

vm_offset_t
kmem_kva_alloc(vm_size_t size)
{
	return (alloc_range((u_int)(round_page(size) >> PAGE_SHIFT),
	    __caller()));
}

u_int
kmem_size(const void *addr, const void **caller)
{
	return (kva_size(&kmem_arena, (vm_offset_t)addr, caller));
}

void *
kstack_alloc(void)
{
	return (kmem_alloc_for(KSTACK_SIZE, 0, __caller()));
}

void
kstack_free(void *stack)
{
	kmem_free_for(stack, KSTACK_SIZE, __caller());
}

void
kmem_stats_read(struct kmem_stats *s)
{
	s->total = kmem_arena.npages;
	s->free = kmem_arena.nfree;
	s->quarantined = kmem_arena.nquarantined;
}

vm_size_t
kmem_tags_size(vm_offset_t start, vm_offset_t end)
{
	return (round_page(((end - start) >> PAGE_SHIFT) *
	    sizeof(struct kva_tag)));
}

void
kmem_init(vm_offset_t start, vm_offset_t end)
{
	u_int npages = (end - start) >> PAGE_SHIFT;

	KASSERT(start < end && ((start | end) & PAGE_MASK) == 0, "kmem_init: "
	    "0x%zx to 0x%zx (called from %pC)", (size_t)start, (size_t)end,
	    __caller());
	kva_init(&kmem_arena, "kva", start, npages,
	    pmap_dmap(ram_alloc(kmem_tags_size(start, end))));
	kmalloc_init();
	vm_lowmem = kmem_reclaim;
}
