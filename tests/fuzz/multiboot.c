/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Fuzzes boot/multiboot.c, with bios.c and reserved.c.  The input is the mapped physical memory, from
 * address 0, where the Multiboot information is.
 */

#include "tests/fuzz/fuzz.h"
#include "boot/bios.c"
#include "boot/multiboot.c"
#include "boot/physmem.c"
#include "boot/reserved.c"

#define	KERN_START	0x1000u		/* low, so that modules overlap it */
#define	KERN_END	0x3000u
#define	LIMIT		(1ull << 36)

static const uint8_t *memory;
static size_t memory_len;
static void *lent;

void
panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
}

/* Returns a new block each time, so that accesses beyond it are detected. */
static const void *
map(vm_paddr_t pa, vm_size_t len)
{
	free(lent);
	lent = NULL;
	if (len > memory_len || pa > memory_len - len)
		return (NULL);
	lent = malloc(len == 0 ? 1 : len);
	memcpy(lent, memory + pa, len);
	return (lent);
}

static void
check_ram(const struct physmem *mem)
{
	must(mem->nram <= PHYSMEM_MAXMAP);
	for (u_int i = 0; i < mem->nram; i++) {
		must(mem->ram[i].start < mem->ram[i].end);
		must(mem->ram[i].end <= LIMIT);
		must(mem->ram[i].start % PAGE_SIZE == 0);
		must(mem->ram[i].end % PAGE_SIZE == 0);
		must(i == 0 || mem->ram[i].start > mem->ram[i - 1].end);
	}
}

/* What was handed over is reserved, and outside the image. */
static void
check_reserved(const struct bootinfo *bi)
{
	const struct reserved_list *list = &bi->reserved;
	struct multiboot_info mbi;

	memcpy(&mbi, memory, offsetof(struct multiboot_info, drives_length));
	must(reserved_by(list, 0, 1) != NULL);
	must(reserved_by(list, mbi.mmap_addr, mbi.mmap_addr + 1ull) != NULL);
	if ((mbi.flags & MULTIBOOT_INFO_CMDLINE) != 0)
		must(reserved_by(list, mbi.cmdline, mbi.cmdline + 1ull) !=
		    NULL);
	if (bi->mod_start != bi->mod_end)
		must(reserved_by(list, bi->mod_end - 1, bi->mod_end) != NULL);
	must(reserved_by(list, KERN_START, KERN_END) == NULL);
	must(bi->low_end <= LOW_RAM_END);
}

static void
check_free(struct bootinfo *bi)
{
	vm_paddr_t pa = reserved_low_page(&bi->reserved, &bi->mem, bi->low_end);

	must(pa == 0 || (physmem_contains(&bi->mem, pa, pa + PAGE_SIZE) &&
	    reserved_by(&bi->reserved, pa, pa + PAGE_SIZE) == NULL));
	reserved_remove(&bi->reserved, &bi->mem);
	for (u_int i = 0; i < bi->mem.nram; i++)
		must(reserved_by(&bi->reserved, bi->mem.ram[i].start,
		    bi->mem.ram[i].end) == NULL);
}

/* No range of RAM contains any part of what the map calls something else. */
static void
check_against_map(const struct bootinfo *bi)
{
	struct multiboot_info mbi;
	struct multiboot_mmap e;
	const struct memrange *r;
	vm_paddr_t last;

	memcpy(&mbi, memory, offsetof(struct multiboot_info, drives_length));
	for (uint32_t off = 0; off < mbi.mmap_length; off += 4 + e.size) {
		memcpy(&e, memory + mbi.mmap_addr + off, sizeof(e));
		if (e.type == MULTIBOOT_MMAP_RAM || e.length == 0)
			continue;
		last = e.base + (e.length - 1) < e.base ? UINT64_MAX :
		    e.base + (e.length - 1);
		for (r = bi->mem.ram; r < bi->mem.ram + bi->mem.nram; r++)
			must(last < r->start || e.base >= r->end);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct bootinfo bi;
	bool good;

	memory = data;
	memory_len = len;
	memset(&bi, 0xa5, sizeof(bi));
	good = multiboot_parse(MULTIBOOT_MAGIC, 0, map, KERN_START, KERN_END,
	    LIMIT, &bi);
	must(good == (bi.error == NULL));
	must(memchr(bi.cmdline, '\0', sizeof(bi.cmdline)) != NULL);
	if (good) {
		check_ram(&bi.mem);
		check_against_map(&bi);
		must(!bi.has_mod || bi.mod_start <= bi.mod_end);
		must(bi.mod_start == bi.mod_end || bi.mod_end <= KERN_START ||
		    bi.mod_start >= KERN_END);
		check_reserved(&bi);
		check_free(&bi);
	}
	return (0);
}
