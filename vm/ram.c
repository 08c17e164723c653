/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * RAM during start-up: owns the RAM that has no owner yet, from the time when
 * the loader's memory map is known until the page allocator has all of it.
 *
 * What must exist before vm/vm_page.c can work comes from here: the kernel's
 * page tables, slots and tags, in one piece that is cut off in advance, and the
 * page array, another piece.  Both are never freed.  All of it is planned
 * before any of it is placed, so that a machine that is too small, or whose
 * boot module is too large, is refused and does not panic half way.
 *
 * Invariants:
 *
 *  - Each range consists of whole pages and is free: it overlaps neither the
 *    first MiB, nor the kernel's image, a reserved range or a piece cut off.
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

#define	LOW_RESERVED	0x100000u	/* firmware's, trampoline's */
#define	MODULE_MOST	0x40000000u	/* of the main job: 1 GiB */
/* The main job keeps 4 bytes for each page of a module. */
#define	INDEX_SIZE(size) round_page((size) / (PAGE_SIZE / 4))

extern char kern_start_pa[], kern_end[];

vm_paddr_t ram_end, ram_limit;

/* What is placed where, and what is then free. */
struct plan {
	struct physmem	free;
	vm_paddr_t	end;		/* of what the page array covers */
	vm_paddr_t	array;		/* where the page array is */
	vm_paddr_t	limit;		/* where the direct map ends */
	vm_paddr_t	next, last;	/* the piece for ram_alloc() */
	vm_size_t	left;		/* what must be free, at least */
};

static struct plan plan;

static vm_paddr_t
lower(vm_paddr_t a, vm_paddr_t b)
{
	return (a < b ? a : b);
}

/* The largest piece of free RAM below a limit; empty if there is none. */
static struct memrange
largest_below(const struct physmem *mem, vm_paddr_t limit)
{
	struct memrange best = { 0, 0 }, r;

	for (u_int i = 0; i < mem->nram && mem->ram[i].start < limit; i++) {
		r = mem->ram[i];
		r.end = lower(r.end, limit);
		if (r.end - r.start > best.end - best.start)
			best = r;
	}
	return (best);
}

/*
 * Returns the end of the RAM that can be used, or 0.  The page array, with a
 * structure for each frame below that end, must fit its window of addresses and
 * the largest range of free RAM.  RAM that lies too high for that is not used.
 */
static vm_paddr_t
usable_end(const struct physmem *all, const struct physmem *free)
{
	struct memrange r;
	vm_paddr_t end;

	for (u_int i = all->nram; i-- > 0;) {
		end = lower(all->ram[i].end, ptoa(VM_PAGES_MAX_FRAMES));
		r = largest_below(free, end);
		if (all->ram[i].start < end &&
		    r.end - r.start > vm_page_array_size(end))
			return (end);
	}
	return (0);
}

static bool
module_in_ram(const struct bootinfo *bi, vm_paddr_t end)
{
	vm_paddr_t start = trunc_page(bi->mod_start);

	return (bi->mod_start == bi->mod_end ||
	    (round_page(bi->mod_end) <= end &&
	    physmem_contains(&bi->mem, start, round_page(bi->mod_end))));
}

/* Plans the whole start-up; false if something does not fit. */
static bool
make_plan(const struct bootinfo *bi, ram_needs_t *find_needs, struct plan *p)
{
	struct ram_needs needs;
	vm_size_t array;

	p->free = bi->mem;
	physmem_remove(&p->free, 0, LOW_RESERVED);
	physmem_remove(&p->free, (vm_offset_t)kern_start_pa,
	    (vm_offset_t)kern_end - KERNBASE);
	reserved_remove(&bi->reserved, &p->free);
	p->end = usable_end(&bi->mem, &p->free);
	if (p->end == 0 || !module_in_ram(bi, p->end))
		return (false);
	physmem_remove(&p->free, p->end, ~(vm_paddr_t)0);
	/* From the top, because low memory is what others may want. */
	array = round_page(vm_page_array_size(p->end));
	p->array = largest_below(&p->free, p->end).end - array;
	physmem_remove(&p->free, p->array, p->array + array);
	find_needs(&p->free, p->end, &needs);
	p->left = needs.left;
	p->limit = needs.limit;
	p->next = largest_below(&p->free, needs.limit).start;
	p->last = p->next + needs.size;
	if (p->last > largest_below(&p->free, needs.limit).end)
		return (false);
	physmem_remove(&p->free, p->next, p->last);
	return (physmem_size(&p->free) >= p->left);
}

/*
 * Returns the size of the largest module, where this one starts, that fits and
 * leaves room for the copy that the main job makes.
 */
static vm_paddr_t
largest_module(const struct bootinfo *bi, ram_needs_t *find_needs)
{
	static struct bootinfo other;
	static struct plan p;
	uint32_t low = 0, high = atop(MODULE_MOST), pages;
	vm_paddr_t size;

	other = *bi;
	while (low < high) {
		pages = (low + high + 1) / 2;
		size = ptoa(pages);
		other.mod_end = bi->mod_start + size;
		reserved_set_end(&other.reserved, bi->mod_start, other.mod_end);
		if (make_plan(&other, find_needs, &p) &&
		    physmem_size(&p.free) >= size + INDEX_SIZE(size) + p.left)
			low = pages;
		else
			high = pages - 1;
	}
	return (ptoa(low));
}

/* Writes a sentence that says what does not fit. */
static void
explain(const struct bootinfo *bi, ram_needs_t *find_needs, char *err,
    size_t errlen)
{
	unsigned long long size = bi->mod_end - bi->mod_start, most = 0;
	bool in_ram = module_in_ram(bi, ~(vm_paddr_t)0);

	if (size != 0)
		most = largest_module(bi, find_needs);
	if (most != 0)
		snprintf(err, errlen, "The module, %llu bytes, %s; there is "
		    "room for one of at most %llu bytes and its copy.", size,
		    in_ram ? "leaves too little memory" : "is not all in RAM",
		    most);
	else if (!in_ram)
		snprintf(err, errlen, "The module, %llu bytes at 0x%llx, is "
		    "not in RAM.", size, (unsigned long long)bi->mod_start);
	else
		snprintf(err, errlen, "%u MiB of RAM have no room for the page "
		    "tables, the page array and what must be free besides.",
		    (u_int)(physmem_size(&bi->mem) >> 20));
}

/* Names the RAM at and above ram_end, which is not used. */
static void
print_unused(const struct physmem *all)
{
	const struct memrange *r;

	for (r = all->ram; r < &all->ram[all->nram]; r++)
		if (r->end > ram_end)
			printf("ram: the RAM from 0x%llx to 0x%llx is not "
			    "used: the page array cannot cover it\n",
			    (unsigned long long)(r->start > ram_end ?
			    r->start : ram_end), (unsigned long long)r->end);
}

/*
 * ram_init: takes over the RAM of the loader's memory map that is free, and
 * sets ram_end and ram_limit.  Prints what RAM it cannot use.  Once.
 * find_needs says what will be allocated, and what must be free besides.
 * Returns false, and a sentence in err, if that does not fit.
 */
bool
ram_init(const struct bootinfo *bi, ram_needs_t *find_needs, char *err,
    size_t errlen)
{
	if (!make_plan(bi, find_needs, &plan)) {
		explain(bi, find_needs, err, errlen);
		return (false);
	}
	ram_end = plan.end;
	ram_limit = plan.limit;
	print_unused(&bi->mem);
	return (true);
}

/*
 * ram_alloc: returns the physical address of `size' bytes, rounded up to pages,
 * contents undefined, the caller's for good.  They are below the limit that
 * ram_init() was told.  Panics if more is allocated than was planned.
 */
vm_paddr_t
ram_alloc(vm_size_t size)
{
	vm_paddr_t pa = plan.next;

	KASSERT(size <= plan.last - pa, "ram: %zu bytes of tables, but %llu "
	    "bytes are left of what was planned (called from %pC)", size,
	    (unsigned long long)(plan.last - pa), __caller());
	plan.next += round_page(size);
	return (pa);
}

/* ram_page_array: returns the physical address of the page array. */
vm_paddr_t
ram_page_array(void)
{
	return (plan.array);
}

/*
 * ram_release: passes every range that is left to give(), and keeps none.
 * Once, as the last call of this file.  Panics if less was allocated than was
 * planned.
 */
void
ram_release(void (*give)(vm_paddr_t start, vm_paddr_t end))
{
	const struct memrange *r;

	KASSERT(plan.next == plan.last, "ram: %llu bytes that were planned for "
	    "tables are left", (unsigned long long)(plan.last - plan.next));
	for (r = plan.free.ram; r < &plan.free.ram[plan.free.nram]; r++) {
		KASSERT(r->end <= ram_end, "ram: a range ends at 0x%llx, above "
		    "0x%llx", (unsigned long long)r->end,
		    (unsigned long long)ram_end);
		give(r->start, r->end);
	}
	plan.free.nram = 0;
}
