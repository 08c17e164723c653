/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * RAM during start-up: owns the RAM that has no owner yet, from the time when
 * the loader's memory map is known until the page allocator has all of it.
 *
 * What must exist before vm/vm_page.c can work comes from here: the kernel's
 * page tables and the page array.  An allocation takes a piece off one end of
 * a free range, and is never freed.
 *
 * Invariants:
 *
 *  - Each range consists of whole pages and is free: it overlaps neither the
 *    first MiB, nor the kernel's image, the boot module or an allocation.
 *  - No range, and no byte of the module, lies at or above ram_end.
 *
 * All functions here run on the boot CPU during start-up.  They take no lock
 * and do not sleep.  Addresses and sizes are in bytes.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/vmparam.h>
#include <boot/multiboot.h>
#include <vm/ram.h>
#include <vm/vm_page.h>

#define	LOW_RESERVED	0x100000u	/* firmware's, trampolines' */

extern char kern_start_pa[], kern_end[];

vm_paddr_t ram_end;

static struct physmem ram;		/* what is free */

/* Takes the pages of [start, end) out of the free RAM. */
static void
reserve(vm_paddr_t start, vm_paddr_t end)
{
	physmem_remove(&ram, trunc_page(start), round_page(end));
}

static struct memrange *
largest_range(void)
{
	struct memrange *r, *best = &ram.ram[0];

	for (r = best; r < &ram.ram[ram.nram]; r++)
		if (r->end - r->start > best->end - best->start)
			best = r;
	return (best);
}

static void
drop_ram(vm_paddr_t start, vm_paddr_t end)
{
	printf("ram: the RAM from 0x%llx to 0x%llx is not used: the page "
	    "array cannot cover it\n", (unsigned long long)start,
	    (unsigned long long)end);
	reserve(start, end);
}

/*
 * Returns the end of RAM and of the module.  The page array, with a structure
 * for each frame below that end, must fit its window of addresses and the
 * largest range of RAM.  RAM that lies too high for that is dropped, range by
 * range.
 */
static vm_paddr_t
fit_ram(vm_paddr_t mod_end)
{
	const vm_paddr_t max = ptoa(VM_PAGES_MAX_FRAMES);
	const struct memrange *top, *large;
	vm_paddr_t end;

	for (;;) {
		KASSERT(ram.nram > 0, "ram: no RAM is left");
		top = &ram.ram[ram.nram - 1];
		large = largest_range();
		end = top->end > mod_end ? top->end : round_page(mod_end);
		if (end <= max &&
		    large->end - large->start > vm_page_array_size(end))
			return (end);
		/* If a range crosses the limit, its part below is used. */
		drop_ram(top->start < max && top->end > max ? max : top->start,
		    top->end);
	}
}

/*
 * ram_init: takes over the RAM of the loader's memory map that is free, and
 * sets ram_end.  Prints what RAM it cannot use.  Once.  Panics if there is no
 * RAM to use.
 */
void
ram_init(const struct bootinfo *bi)
{
	KASSERT(bi->mem.nram > 0, "ram: no RAM at all");
	ram = bi->mem;
	reserve(0, LOW_RESERVED);
	reserve((vm_offset_t)kern_start_pa, (vm_offset_t)kern_end - KERNBASE);
	reserve(bi->mod_start, bi->mod_end);
	ram_end = fit_ram(bi->mod_end);
}

/*
 * ram_alloc: returns the physical address of `size' bytes below `limit',
 * rounded up to pages, contents undefined, the caller's for good.  They come
 * from the start of the range with the most RAM below the limit, so that small
 * ranges stay whole.  Panics if no range has enough.
 */
vm_paddr_t
ram_alloc(vm_size_t size, vm_paddr_t limit)
{
	struct memrange *r, *pick = NULL;
	vm_paddr_t end, pa, most = 0;

	size = round_page(size);
	for (r = ram.ram; r < &ram.ram[ram.nram]; r++) {
		end = r->end < limit ? r->end : limit;
		if (r->start < end && end - r->start > most) {
			most = end - r->start;
			pick = r;
		}
	}
	KASSERT(pick != NULL && most >= size, "ram: %zu bytes of tables do not "
	    "fit the largest free RAM, %llu bytes (called from %pC)", size,
	    (unsigned long long)most, __caller());
	pa = pick->start;
	pick->start += size;
	return (pa);
}

/*
 * ram_alloc_top: as ram_alloc(), but from the end of the largest range of all,
 * wherever that is.
 */
vm_paddr_t
ram_alloc_top(vm_size_t size)
{
	struct memrange *r = largest_range();

	size = round_page(size);
	KASSERT(ram.nram > 0 && r->end - r->start >= size, "ram: %zu bytes do "
	    "not fit the largest free RAM (called from %pC)", size, __caller());
	r->end -= size;
	return (r->end);
}

/*
 * ram_release: passes every range that is left to give(), and keeps none.
 * Once, as the last call of this file.
 */
void
ram_release(void (*give)(vm_paddr_t start, vm_paddr_t end))
{
	const struct memrange *r;

	for (r = ram.ram; r < &ram.ram[ram.nram]; r++) {
		KASSERT(r->end <= ram_end, "ram: a range ends at 0x%llx, above "
		    "0x%llx", (unsigned long long)r->end,
		    (unsigned long long)ram_end);
		give(r->start, r->end);
	}
	ram.nram = 0;
}
