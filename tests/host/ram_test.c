/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests vm/ram.c on the host, over boot/physmem.c and reserved.c.  The kernel's
 * image is where the symbols below say; no memory is accessed.  Output is TAP.
 */

#include <stdlib.h>

#include "tests/host/harness.h"
#include "boot/physmem.c"
#include "boot/reserved.c"
#include "vm/ram.c"

#define	MB		(1ull << 20)
#define	GB		(1ull << 30)
#define	IMAGE_END	0x2ff000u
#define	LEFT_LEAST	(8 * MB)	/* that must be free */

/* kern_end is linked KERNBASE above. */
__asm__(".globl kern_start_pa, kern_end\n"
    "kern_start_pa = 0x100000\n"
    "kern_end = 0x802ff000");

static struct bootinfo bi;
static struct physmem given;

static void
give(vm_paddr_t start, vm_paddr_t end)
{
	given.ram[given.nram++] = (struct memrange){ start, end };
}

/* Whether the ranges that ram_release() gives away are these. */
static bool
released(const struct memrange *want, u_int n)
{
	given.nram = 0;
	ram_release(give);
	for (u_int i = 0; i < n && i < given.nram; i++)
		if (given.ram[i].start != want[i].start ||
		    given.ram[i].end != want[i].end)
			return (false);
	return (given.nram == n && plan.free.nram == 0);
}

#define	RELEASED(...)							\
	released((const struct memrange[]){ __VA_ARGS__ },		\
	    nitems(((const struct memrange[]){ __VA_ARGS__ })))

/* A machine with the first MiB as on a PC, and RAM from 1 MiB to `end'. */
static void
machine(vm_paddr_t end)
{
	memset(&bi, 0, sizeof(bi));
	physmem_add(&bi.mem, 0, 0x9f000);
	physmem_add(&bi.mem, 1 * MB, end);
}

static void
module(vm_paddr_t start, vm_paddr_t end)
{
	bi.has_mod = true;
	bi.mod_start = start;
	bi.mod_end = end;
	(void)reserved_add(&bi.reserved, start, end, "module");
}

/* What the tables take, and below which address. */
static vm_size_t tables;
static vm_paddr_t limit;
static char err[160];

static void
find_needs(const struct physmem *free, vm_paddr_t end, struct ram_needs *needs)
{
	(void)free;
	needs->size = tables;
	needs->limit = lower(end, limit);
	needs->left = LEFT_LEAST;
}

static bool
init(void)
{
	err[0] = '\0';
	return (ram_init(&bi, find_needs, err, sizeof(err)));
}

/* The pages of the array for memory up to `end'. */
static vm_paddr_t
array(vm_paddr_t end)
{
	return (vm_page_array_size(end));
}

static void
reserved(void)
{
	tables = 0;
	limit = 768 * MB;
	machine(64 * MB);
	ok(init() && ram_end == 64 * MB &&
	    RELEASED({ IMAGE_END, 64 * MB - array(64 * MB) }),
	    "the first MiB and the image are not free");

	machine(64 * MB);
	module(32 * MB + 1, 33 * MB + 1);
	(void)reserved_add(&bi.reserved, 8 * MB + 5, 8 * MB + 6, "tables");
	(void)reserved_add(&bi.reserved, 63 * MB, 64 * MB, "tables");
	(void)reserved_add(&bi.reserved, 70 * MB, 71 * MB, "tables");
	ok(init() && ram_end == 64 * MB && RELEASED({ IMAGE_END, 8 * MB },
	    { 8 * MB + PAGE_SIZE, 32 * MB },
	    { 33 * MB + PAGE_SIZE, 63 * MB - array(64 * MB) }),
	    "nor are the pages of the module and of other reserved ranges");

	memset(&bi, 0, sizeof(bi));
	ok(!init() && strcmp(err, "0 MiB of RAM have no room for the page "
	    "tables, the page array and what must be free besides.") == 0, "no RAM");
	physmem_add(&bi.mem, 0, 0x9f000);
	ok(!init() && strstr(err, "no room") != NULL, "only the first MiB");
}

static void
too_high(void)
{
	tables = 0;
	machine(64 * MB);
	physmem_add(&bi.mem, 48 * GB, 48 * GB + 64 * MB);
	ok(init() && ram_end == 64 * MB &&
	    RELEASED({ IMAGE_END, 64 * MB - array(64 * MB) }),
	    "RAM is dropped if the page array does not fit the rest");

	machine(3 * GB);
	physmem_add(&bi.mem, 4 * GB, 100 * GB);
	ok(init() && ram_end == 68 * GB &&
	    RELEASED({ IMAGE_END, 3 * GB },
	    { 4 * GB, 68 * GB - array(68 * GB) }),
	    "of a range across the end of the window the part below is used");
	machine(3 * GB);
	physmem_add(&bi.mem, 4 * GB, 68 * GB);
	physmem_add(&bi.mem, 68 * GB + PAGE_SIZE, 70 * GB);
	ok(init() && ram_end == 68 * GB, "a range behind the window");
	machine(3 * GB);
	physmem_add(&bi.mem, 4 * GB, 68 * GB - PAGE_SIZE);
	ok(init() && ram_end == 68 * GB - PAGE_SIZE,
	    "a range that ends before the window does");
}

static void
allocations(void)
{
	vm_paddr_t pa;

	tables = 3 * PAGE_SIZE;
	limit = 768 * MB;
	machine(256 * MB);
	physmem_remove(&bi.mem, 16 * MB, 17 * MB);
	physmem_add(&bi.mem, 1 * GB, 2 * GB);
	ok(init() && ram_page_array() == 2 * GB - array(2 * GB),
	    "the page array is at the top of the largest range of all");
	pa = ram_alloc(1);
	ok(pa == 17 * MB, "tables are in the largest range below the limit");
	ok(PANICKED_WITH((void)ram_alloc(2 * PAGE_SIZE + 1),
	    "are left of what was planned"), "more than was planned");
	ok(PANICKED_WITH(ram_release(give), "8192 bytes that were planned"),
	    "less than was planned");
	ok(ram_alloc(2 * PAGE_SIZE) == 17 * MB + PAGE_SIZE,
	    "from its start, in whole pages");
	ok(RELEASED({ IMAGE_END, 16 * MB },
	    { 17 * MB + 3 * PAGE_SIZE, 256 * MB },
	    { 1 * GB, 2 * GB - array(2 * GB) }), "the rest is released");
	ok(PANICKED_WITH((void)ram_alloc(PAGE_SIZE), "0 bytes are left"),
	    "nothing is left then");

	limit = 20 * MB;
	machine(256 * MB);
	physmem_remove(&bi.mem, 16 * MB, 17 * MB);
	ok(init() && ram_alloc(tables) == IMAGE_END, "another limit");
}

/* The module that ends at the last byte that leaves room, and the next one. */
static void
limits(void)
{
	vm_paddr_t end, most;

	tables = 3 * MB;
	limit = 768 * MB;
	machine(3 * GB);
	module(4 * MB, 4 * MB);
	physmem_add(&bi.mem, 4 * GB, 6 * GB);
	(void)reserved_add(&bi.reserved, 3 * MB, 3 * MB + 1, "tables");
	end = 765 * MB;
	module(4 * MB, end);
	ok(init() && ram_alloc(tables) == end,
	    "a module up to the tables, which end at the limit");
	bi.mod_end++;
	reserved_set_end(&bi.reserved, bi.mod_start, bi.mod_end);
	ok(!init() && strcmp(err, "The module, 797966337 bytes, leaves too "
	    "little memory; there is room for one of at most 797966336 bytes "
	    "and its copy.") == 0, "one of a byte more");

	machine(80 * MB);
	module(4 * MB, 75 * MB);
	ok(!init() && sscanf(err, "The module, %*u bytes, leaves too little "
	    "memory; there is room for one of at most %llu bytes and its "
	    "copy.", (unsigned long long *)&most) == 1 && most > 20 * MB &&
	    most < 40 * MB, "the limit has room for a copy");
	bi.mod_end = bi.mod_start + most;
	reserved_set_end(&bi.reserved, bi.mod_start, bi.mod_end);
	ok(init() && physmem_size(&plan.free) >= most + INDEX_SIZE(most) +
	    LEFT_LEAST && physmem_size(&plan.free) < most +
	    INDEX_SIZE(most) + LEFT_LEAST + 3 * PAGE_SIZE, "and no more");

	machine(40 * MB);
	module(4 * MB, 44 * MB);
	ok(!init() && strstr(err, "is not all in RAM; there is room for one "
	    "of at most ") != NULL, "a module that RAM ends in");
	machine(40 * MB);
	module(60 * MB, 61 * MB);
	ok(!init() && strcmp(err, "The module, 1048576 bytes at 0x3c00000, is "
	    "not in RAM.") == 0, "a module where no RAM is");
	machine(64 * MB);
	module(60 * MB, 60 * MB);
	ok(init(), "an empty module");
}

/* Many ranges, none of which is large enough; and just large enough. */
static void
pieces(void)
{
	tables = 1 * MB;
	limit = 768 * MB;
	memset(&bi, 0, sizeof(bi));
	for (u_int i = 3; i < 60; i++)
		physmem_add(&bi.mem, i * MB, i * MB + MB - PAGE_SIZE);
	ok(!init() && strstr(err, "56 MiB of RAM have no room") != NULL,
	    "no piece is large enough for the tables");
	tables -= PAGE_SIZE;
	ok(init() && ram_alloc(tables) == 4 * MB, "one is just large enough");

	tables = 0;
	memset(&bi, 0, sizeof(bi));
	physmem_add(&bi.mem, 4 * MB, 4 * MB + LEFT_LEAST + array(20 * MB));
	physmem_add(&bi.mem, 20 * MB - PAGE_SIZE, 20 * MB);
	physmem_remove(&bi.mem, 4 * MB, 4 * MB + PAGE_SIZE);
	ok(init() && physmem_size(&plan.free) == LEFT_LEAST,
	    "the least that must be left");
	physmem_remove(&bi.mem, 4 * MB, 4 * MB + 2 * PAGE_SIZE);
	ok(!init(), "a page less");
}

int
main(void)
{
	reserved();
	too_high();
	allocations();
	limits();
	pieces();
	return (harness_end());
}
