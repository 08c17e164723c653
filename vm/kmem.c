/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Kernel memory by the page: owns the arena of kernel addresses and what is
 * mapped there.
 *
 * What is freed goes through quarantine, address and pages both:
 *
 *	kva_retire	the range is its owner's no more
 *	pmap_kremove	entry by entry, each by a locked exchange
 *	kva_quarantine	the range joins a batch; the batch gets a stamp
 *	kva_harvest	every CPU flushed since the stamp: the address is free
 *	vm_page_free	and so are the pages
 *
 * The address must wait, because a CPU could otherwise reach the new memory
 * at it through the old translation, or the other way round.  The pages wait
 * for another reason.  Nobody may touch memory after he freed it; but one who
 * does, through a translation that his TLB still holds, would write to a page
 * that by then is somebody else's.  Kept until the flush, the page takes such
 * a write alone, and after the flush the access faults.
 *
 * Nothing forces a flush as long as there is memory: every CPU flushes with
 * its next tick, and each call here takes along what got clean.  Only when
 * addresses or pages run out does kmem_reclaim() make the others flush;
 * vm_page_alloc() calls it too, as vm_lowmem.
 *
 * A range whose entries were never used (A=0 in all of them) is in no TLB
 * and skips the quarantine.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/pmap.h>
#include <vm/kmem.h>
#include <vm/kva.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>

#define	HARVEST		4	/* ranges that a call takes along */

static struct kva_arena kmem_arena;

/* Frees a chain of pages, which is in no TLB; the wiring goes with them. */
static void
free_pages(uint32_t pages)
{
	struct vm_page *m;

	while (pages != KVA_NOPAGES) {
		m = &vm_page_array[pages];
		pages = m->next;
		vm_page_unwire(m, 0);
		vm_page_free(m);
	}
}

/* Takes along at most `most' ranges that left quarantine; how many. */
static u_int
harvest(u_int most)
{
	uint32_t pages;
	u_int n;

	for (n = 0; n < most && kva_harvest(&kmem_arena, &pages); n++)
		free_pages(pages);
	return (n);
}

/* Its contract, and that of the others here, is in <vm/kmem.h>. */
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

	(void)harvest(HARVEST);
	while ((va = kva_alloc(&kmem_arena, npages, caller)) == 0)
		if (!kmem_reclaim())
			return (0);
	return (va);
}

/* Unmaps the first `mapped' pages of a retired range, and lets it go. */
static void
free_range(vm_offset_t va, u_int mapped)
{
	uint32_t pages = KVA_NOPAGES;
	bool dirty = false;
	struct vm_page *m;
	vm_paddr_t pa;

	for (u_int i = 0; i < mapped; i++) {
		pa = pmap_kextract(va + i * PAGE_SIZE);
		KASSERT(pa != 0, "kmem_free: nothing is mapped at 0x%zx",
		    (size_t)va + i * PAGE_SIZE);
		dirty |= pmap_kremove(va + i * PAGE_SIZE);
		m = PHYS_TO_VM_PAGE(pa);
		m->next = pages;
		pages = vm_page_index(m);
	}
	if (dirty) {
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
	    "flags 0x%x (called from %p)", size, (u_int)flags, caller);
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
	(void)harvest(HARVEST);
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

/*
 * kmem_init: makes [base, base + size), which has page tables and nothing
 * mapped, the arena.  tags: one a page, zeroed.  Start-up, once.
 */
void
kmem_init(vm_offset_t base, vm_size_t size, struct kva_tag *tags)
{
	kva_init(&kmem_arena, "kva", base, (u_int)(size >> PAGE_SHIFT), tags);
	kmalloc_init();
	vm_lowmem = kmem_reclaim;
}
