/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests boot/multiboot.c, bios.c, reserved.c and physmem.c on the host.  map() returns a new
 * heap block of exactly the length requested, so that the sanitizer stops the
 * program on any read outside it.  Output is TAP.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/bios.c"
#include "boot/multiboot.c"
#include "boot/physmem.c"
#include "boot/reserved.c"

#define	BASE	0x9001u		/* odd: nothing is aligned */
#define	SIZE	8192u
#define	INFO	BASE
#define	CMD	(BASE + 0x100)
#define	MOD	(BASE + 0x600)
#define	MMAP	(BASE + 0xb00)
#define	KSTART	0x100000u
#define	KEND	0x200000u
#define	LIMIT	(1ull << 36)
#define	GB	(1ull << 30)

static uint8_t phys[SIZE];	/* physical memory from BASE */
static uint8_t bda[BDA_END];	/* and from 0 */
static void *lent;
static struct multiboot_info mbi;
static struct bootinfo bi;
static u_int ncase, nfail;

void
panic(const char *fmt, ...)
{
	printf("Bail out! panic: %s\n", fmt);
	exit(1);
}

static const void *
map(vm_paddr_t pa, vm_size_t len)
{
	free(lent);
	lent = NULL;
	if (pa < sizeof(bda) && len <= sizeof(bda) - pa) {
		lent = malloc(len);
		memcpy(lent, bda + pa, len);
		return (lent);
	}
	if (pa < BASE || len > SIZE || pa - BASE > SIZE - len)
		return (NULL);
	lent = malloc(len);
	memcpy(lent, phys + (pa - BASE), len);
	return (lent);
}

static void
ok(bool good, const char *what)
{
	u_int i;

	ncase++;
	if (!good)
		nfail++;
	printf("%sok %u - %s\n", good ? "" : "not ", ncase, what);
	if (good)
		return;
	printf("# error: %s\n", bi.error == NULL ? "none" : bi.error);
	for (i = 0; i < bi.mem.nram; i++)
		printf("# %llx-%llx\n", (long long)bi.mem.ram[i].start,
		    (long long)bi.mem.ram[i].end);
}

static void
put(vm_paddr_t pa, const void *src, size_t len)
{
	memcpy(phys + (pa - BASE), src, len);
}

static void
entry(uint64_t base, uint64_t length, uint32_t type)
{
	struct multiboot_mmap ent = { 20, base, length, type };

	put(MMAP + mbi.mmap_length, &ent, sizeof(ent));
	mbi.mmap_length += sizeof(ent);
}

/* Adds a module, whose name is at `string'. */
static void
named_module(uint32_t start, uint32_t end, uint32_t string)
{
	struct multiboot_module mod = { start, end, string, 0 };

	put(MOD + mbi.mods_count * sizeof(mod), &mod, sizeof(mod));
	mbi.mods_count++;
}

/* Makes this the only module. */
static void
module(uint32_t start, uint32_t end)
{
	mbi.flags |= MULTIBOOT_INFO_MODS;
	mbi.mods_addr = MOD;
	mbi.mods_count = 0;
	named_module(start, end, 0);
}

/* A good command line, and a memory map still without entries. */
static void
reset(void)
{
	memset(phys, 0xa5, sizeof(phys));
	memset(bda, 0, sizeof(bda));
	memset(&mbi, 0xa5, sizeof(mbi));
	mbi.flags = MULTIBOOT_INFO_CMDLINE | MULTIBOOT_INFO_MMAP;
	mbi.cmdline = CMD;
	put(CMD, "k a=1", 6);
	mbi.mmap_addr = MMAP;
	mbi.mmap_length = 0;
}

static bool
parse_at(uint32_t magic, vm_paddr_t info, vm_paddr_t limit)
{
	memset(&bi, 0xee, sizeof(bi));
	put(INFO, &mbi, sizeof(mbi));
	return (multiboot_parse(magic, info, map, KSTART, KEND, limit, &bi));
}

static bool
parse(void)
{
	return (parse_at(MULTIBOOT_MAGIC, INFO, LIMIT) && bi.error == NULL);
}

/* Whether it fails with this in its sentence, and the command line kept. */
static bool
fails(const char *part)
{
	return (!parse() && bi.error != NULL &&
	    strstr(bi.error, part) != NULL && strcmp(bi.cmdline, "k a=1") == 0);
}

static bool
range(u_int i, vm_paddr_t start, vm_paddr_t end)
{
	return (i < bi.mem.nram && bi.mem.ram[i].start == start &&
	    bi.mem.ram[i].end == end);
}

static void
good_cases(void)
{
	uint32_t size;
	u_int i;
	bool good;

	reset();
	entry(0, 0x9fc00, 1);
	entry(0x9fc00, 0x400, 2);
	entry(0x100000, 0x7ee0000, 1);
	module(0x300000, 0x300123);
	ok(parse() && bi.mem.nram == 2 && range(0, 0, 0x9f000) &&
	    range(1, 0x100000, 0x7fe0000) && bi.has_mod &&
	    physmem_size(&bi.mem) == 0x9f000 + 0x7ee0000 &&
	    bi.mod_start == 0x300000 && bi.mod_end == 0x300123 &&
	    strcmp(bi.cmdline, "k a=1") == 0, "usual PC");
	mbi.flags = MULTIBOOT_INFO_MMAP;
	ok(parse() && !bi.has_mod && bi.cmdline[0] == '\0',
	    "unset flags hide fields");
	mbi.flags |= MULTIBOOT_INFO_MODS;
	mbi.mods_count = 0;
	ok(parse() && !bi.has_mod, "no modules");
	module(0x150000, 0x150000);
	ok(parse() && bi.has_mod && bi.mod_start == bi.mod_end,
	    "empty module, even inside the kernel");
	module(KEND, KEND + 1);
	ok(parse(), "module right after the kernel");
	module(KSTART - 1, KSTART);
	ok(parse(), "module right before the kernel");

	reset();
	entry(0x5000, 0x2000, 1);
	entry(0x1000, 0x2000, 1);
	entry(0x2000, 0x4000, 1);
	ok(parse() && bi.mem.nram == 1 && range(0, 0x1000, 0x7000),
	    "unsorted and overlapping");
	reset();
	entry(0x4000, 0x1000, 2);
	entry(0x1000, 0x8000, 1);
	entry(0x8800, 1, 3);
	entry(0, 0x1001, 4);
	ok(parse() && bi.mem.nram == 2 && range(0, 0x2000, 0x4000) &&
	    range(1, 0x5000, 0x8000), "reserved wins, by whole pages");
	reset();
	entry(0x1000, 0x1000, 1);
	entry(0x3000, 0x1000, 1);
	entry(0x5000, 0x2000, 1);
	entry(0x1000, 0x4800, 0);
	ok(parse() && bi.mem.nram == 1 && range(0, 0x6000, 0x7000),
	    "reserved over several");
	reset();
	entry(0x1000, 0x800, 1);
	entry(0x1800, 0x800, 1);
	entry(0x3001, 0x1ffe, 1);
	ok(parse() && bi.mem.nram == 1 && range(0, 0x1000, 0x2000),
	    "shared page whole, part pages dropped");
	reset();
	entry(0x1000, 0x3000, 1);
	entry(0x2800, 0, 2);
	entry(0x8800, 0, 1);
	ok(parse() && bi.mem.nram == 1 && range(0, 0x1000, 0x4000),
	    "empty entries");
	reset();
	entry(3 * GB, 2 * GB, 1);
	entry(4 * GB - 0x1000, 0x2000, 2);
	ok(parse() && bi.mem.nram == 2 &&
	    range(0, 3 * GB, 4 * GB - 0x1000) &&
	    range(1, 4 * GB + 0x1000, 5 * GB), "straddles 4 GiB");
	reset();
	entry(LIMIT - 0x2000, 0x8000, 1);
	entry(LIMIT, 0x8000, 1);
	entry(UINT64_MAX - 5, 0x8000, 2);
	ok(parse() && bi.mem.nram == 1 && range(0, LIMIT - 0x2000, LIMIT) &&
	    bi.has_unreachable, "clipped to the limit");
	reset();
	entry(LIMIT - 0x2000, 0x2000, 1);
	ok(parse() && bi.mem.nram == 1 && !bi.has_unreachable,
	    "RAM that ends at the limit");
	reset();
	entry(LIMIT - 0x2000, 0x2001, 1);
	ok(parse() && bi.mem.nram == 1 && bi.has_unreachable,
	    "RAM that ends a byte behind it");
	reset();
	entry(0x1000, 0x1000, 1);
	entry(LIMIT, 0x1000, 2);
	ok(parse() && !bi.has_unreachable, "no RAM above the limit");
	entry(LIMIT, 0x1000, 1);
	ok(parse() && bi.has_unreachable, "RAM only above the limit");
	reset();
	entry(0x3000, UINT64_MAX, 1);
	entry(LIMIT - 0x1800, UINT64_MAX - 1, 2);
	ok(parse() && bi.mem.nram == 1 && range(0, 0x3000, LIMIT - 0x2000),
	    "base + length overflows");
	good = parse_at(MULTIBOOT_MAGIC, INFO, UINT64_MAX);
	ok(good && bi.mem.nram == 1 && range(0, 0x3000, LIMIT - 0x2000),
	    "limit of 2^64-1");
	reset();
	entry(0x1000, 0x1000, 2);
	ok(parse() && bi.mem.nram == 0, "no RAM");
	reset();
	entry(0x1000, 0x1000, 1);
	size = 24;
	put(MMAP, &size, 4);
	mbi.mmap_length += 4;
	entry(0x4000, 0x1000, 1);
	ok(parse() && bi.mem.nram == 2 && range(1, 0x4000, 0x5000),
	    "entry longer than ours");
	reset();
	for (i = 0; i < 64; i++)
		entry(0x200000 - 0x2000 * i, 0x1000, 1);
	ok(parse() && bi.mem.nram == 64 && range(63, 0x200000, 0x201000),
	    "64 ranges");
	reset();
	entry(0x1000, 0x1000, 1);
	memset(phys + (CMD - BASE), 'c', 1023);
	phys[CMD - BASE + 1023] = '\0';
	ok(parse() && strlen(bi.cmdline) == 1023, "longest command line");
	mbi.cmdline = BASE + SIZE - 2;
	put(mbi.cmdline, "x", 2);
	ok(parse() && strcmp(bi.cmdline, "x") == 0,
	    "command line at the end of the mapped memory");
}

static void
bad_cases(void)
{
	static const uint32_t sizes[] = { 0, 1, 19 };
	uint32_t size;
	u_int i;

	reset();
	entry(0x1000, 0x1000, 1);
	ok(!parse_at(0x1BADB002, INFO, LIMIT) &&
	    strstr(bi.error, "0x2BADB002") != NULL && bi.cmdline[0] == '\0',
	    "wrong magic");
	ok(!parse_at(MULTIBOOT_MAGIC, BASE + SIZE - 51, LIMIT) &&
	    strstr(bi.error, "outside") != NULL, "information not mapped");
	ok(!parse_at(MULTIBOOT_MAGIC, UINT64_MAX, LIMIT) &&
	    strstr(bi.error, "outside") != NULL, "information at 2^64-1");
	mbi.flags &= ~MULTIBOOT_INFO_MMAP;
	ok(fails("no memory map"), "no memory map");
	reset();
	ok(fails("no memory map"), "memory map of no bytes");

	for (i = 0; i < nitems(sizes); i++) {
		reset();
		entry(0x1000, 0x1000, 1);
		entry(0x4000, 0x1000, 1);
		put(MMAP + 24, &sizes[i], 4);
		ok(fails("below 20"), "entry of a size below 20");
	}
	reset();
	entry(0x1000, 0x1000, 1);
	mbi.mmap_length--;
	ok(fails("past the end"), "entry past the end by a byte");
	mbi.mmap_length = 24 + 3;
	ok(fails("past the end"), "less than a size left");
	size = UINT32_MAX;
	mbi.mmap_length = 24;
	put(MMAP, &size, 4);
	ok(fails("past the end"), "entry of size 2^32-1");
	size = UINT32_MAX - 4;
	mbi.mmap_length = UINT32_MAX;
	put(MMAP, &size, 4);
	ok(fails("The memory map overlaps the kernel image"),
	    "one entry of 2^32-1 bytes");
	reset();
	entry(0x1000, 0x1000, 1);
	mbi.mmap_addr = BASE + SIZE - 23;
	size = 20;
	put(mbi.mmap_addr, &size, 4);
	ok(fails("outside"), "entry half mapped");
	mbi.mmap_addr = UINT32_MAX - 1;
	ok(fails("outside"), "map not mapped");

	reset();
	for (i = 0; i < 65; i++)
		entry(0x1000 + 0x2000 * i, 0x1000, 1);
	ok(fails("more than 64"), "65 ranges");
	reset();
	for (i = 0; i < 64; i++)
		entry(0x10000 * i, 0x8000, 1);
	entry(0x2000, 0x1000, 2);
	ok(fails("more than 64"), "65 ranges by a split");

	reset();
	entry(0x1000, 0x1000, 1);
	module(0x300001, 0x300000);
	ok(fails("ends before"), "module end before start");
	module(KEND - 1, KEND + 1);
	ok(fails("overlaps"), "module over the kernel's end");
	module(KSTART - 1, KSTART + 1);
	ok(fails("overlaps"), "module over the kernel's start");
	module(0, UINT32_MAX);
	ok(fails("overlaps"), "module around the kernel");
	module(KSTART + 1, KSTART + 2);
	ok(fails("overlaps"), "module inside the kernel");
	mbi.mods_addr = BASE + SIZE - 15;
	ok(fails("outside"), "module list not mapped");

	reset();
	entry(0x1000, 0x1000, 1);
	memset(phys + (CMD - BASE), 'c', 1024);
	ok(!parse() && strstr(bi.error, "1024") != NULL &&
	    bi.cmdline[0] == '\0', "command line unterminated");
	mbi.cmdline = BASE + SIZE - 2;
	ok(!parse() && strstr(bi.error, "outside") != NULL &&
	    bi.cmdline[0] == '\0', "command line leaves mapped memory");
}

static bool
is_reserved(vm_paddr_t start, vm_paddr_t end, const char *what)
{
	const char *by = reserved_by(&bi.reserved, start, start + 1);

	for (vm_paddr_t pa = start; pa < end; pa++) {
		by = reserved_by(&bi.reserved, pa, pa + 1);
		if (by == NULL || strcmp(by, what) != 0)
			return (false);
	}
	return (true);
}

/* All that the loader handed over, and nothing around it. */
static void
reserved_cases(void)
{
	reset();
	entry(0, 0x9fc00, 1);
	entry(0x100000, 0x7ee0000, 1);
	module(0x300000, 0x300123);
	named_module(0x301000, 0x301001, CMD + 0x20);
	named_module(0x8000, 0x9000, 0);
	put(CMD + 0x20, "name", 5);
	bda[0x40e] = 0xc0;		/* segment 0x9fc0 */
	bda[0x40f] = 0x9f;
	ok(parse() && is_reserved(0, 0x500, "BIOS data area") &&
	    is_reserved(0x9fc00, 0xa0000, "extended BIOS data area"),
	    "what the BIOS keeps is reserved");
	ok(is_reserved(INFO, INFO + 52, "Multiboot information") &&
	    is_reserved(CMD, CMD + 6, "command line") &&
	    is_reserved(MMAP, MMAP + 48, "memory map"),
	    "information, command line and map are reserved");
	ok(is_reserved(MOD, MOD + 48, "module list") &&
	    is_reserved(0x300000, 0x300123, "module") &&
	    is_reserved(0x301000, 0x301001, "later module") &&
	    is_reserved(0x8000, 0x9000, "later module") &&
	    is_reserved(CMD + 0x20, CMD + 0x25, "name of a module"),
	    "all modules, their list and their names are reserved");
	ok(bi.nmods == 3 && strcmp(bi.mods[1].name, "name") == 0 &&
	    bi.mods[1].start == 0x301000 && bi.mods[2].end == 0x9000 &&
	    bi.mods[2].name[0] == '\0', "all modules are listed");
	put(CMD + 0x20, "/dev/fd/4 last", 15);
	ok(parse() && strcmp(bi.mods[1].name, "last") == 0,
	    "the last word of a string is the module's name");
	ok(reserved_by(&bi.reserved, 0x500, 0x8000) == NULL &&
	    reserved_by(&bi.reserved, CMD + 6, CMD + 0x20) == NULL &&
	    reserved_by(&bi.reserved, 0x300123, 0x301000) == NULL &&
	    reserved_by(&bi.reserved, 0x301001, ~0ull) == NULL,
	    "nothing else is");
	ok(bi.mod_start == 0x300000 && bi.mod_end == 0x300123,
	    "the first module counts");
	reserved_remove(&bi.reserved, &bi.mem);
	ok(bi.mem.nram == 4 && range(0, 0x1000, 0x8000) &&
	    range(1, 0xa000, 0x9f000) && range(2, 0x100000, 0x300000) &&
	    range(3, 0x302000, 0x7fe0000), "their pages are not free");
}

static void
overlaps(uint32_t start, uint32_t end, const char *sentence)
{
	reset();
	entry(0, 0x9fc00, 1);
	bda[0x40e] = 0xc0;
	bda[0x40f] = 0x9f;
	mbi.mmap_length = 24;
	module(start, end);
	ok(fails(sentence), sentence);
}

static void
overlapping_cases(void)
{
	overlaps(CMD + 5, CMD + 6, "The module overlaps the command line.");
	overlaps(INFO - 1, INFO + 1,
	    "The module overlaps the Multiboot information.");
	overlaps(MMAP + 23, MMAP + 24, "The module overlaps the memory map.");
	overlaps(MOD + 15, MOD + 16, "The module overlaps the module list.");
	overlaps(0, 1, "The module overlaps the BIOS data area.");
	overlaps(0x9ffff, 0xa0000,
	    "The module overlaps the extended BIOS data area.");
	overlaps(KEND - 1, KEND, "The module overlaps the kernel image.");
	named_module(0x300000, 0x300001, 0);
	module(0x300000, 0x300010);
	named_module(0x30000f, 0x300020, 0);
	ok(fails("The later module overlaps the module."), "two modules");
	module(0x300000, 0x300010);
	named_module(0x400000, 0x400020, 0);
	named_module(0x40001f, 0x400030, 0);
	ok(fails("The later module overlaps the later module."),
	    "two modules after the first");
	module(0x300000, 0x300010);
	named_module(KSTART, KSTART + 1, 0);
	ok(fails("The later module overlaps the kernel image."),
	    "a later module over the kernel");
	module(0x300000, 0x300010);
	named_module(0x300010, 0x300020, 0);
	ok(parse(), "two modules that touch");
	mbi.mods_count = 65;
	ok(fails("more than 64 modules"), "65 modules");
	mbi.mods_count = UINT32_MAX;
	ok(fails("more than 64 modules"), "2^32-1 modules");
	module(0, 0);
	for (u_int i = 1; i < 64; i++)
		named_module(0x300000 + i * 0x2000, 0x300001 + i * 0x2000, 0);
	ok(fails("more than 64 ranges"), "64 modules and all else");
}

/* The end of low memory: the lowest of what is possible. */
static void
low_memory(void)
{
	const vm_paddr_t all = LOW_RAM_END;

	reset();
	ok(bios_low_end(map, 0) == all, "640 KiB, if nothing is given");
	ok(bios_low_end(map, 639) == 639 << 10, "as mem_lower says");
	bda[0x413] = 0x7c;		/* 636 KiB */
	bda[0x414] = 0x02;
	ok(bios_low_end(map, 639) == 636 << 10, "as the BIOS says, if lower");
	bda[0x40e] = 0x00;		/* 632 KiB */
	bda[0x40f] = 0x9e;
	ok(bios_low_end(map, 639) == 632 << 10 && bios_ebda(map) == 0x9e000,
	    "below the extended data area");
	bda[0x40f] = 0xf0;
	ok(bios_low_end(map, 127) == 636 << 10 && bios_ebda(map) == 0,
	    "impossible ones do not count");
	bda[0x40f] = 0x20;
	ok(bios_ebda(map) == 0x20000, "the lowest that is possible");
	bda[0x40f] = 0x1f;
	ok(bios_ebda(map) == 0, "one lower");
}

static vm_paddr_t
low_page(vm_paddr_t low_end)
{
	return (reserved_low_page(&bi.reserved, &bi.mem, low_end));
}

static void
low_pages(void)
{
	reset();
	entry(0, 0x9fc00, 1);
	(void)parse();
	ok(low_page(0x9fc00) == 0x9e000, "the highest page of low memory");
	ok(low_page(0xa0000) == 0x9e000, "that is RAM");
	ok(reserved_add(&bi.reserved, 0x1234, 0x9e001, "module") &&
	    low_page(0x9fc00) == 0, "none, if all are in use; never page 0");
	bi.reserved.r[bi.reserved.n - 1].end = 0x9e000;
	ok(low_page(0x9fc00) == 0x9e000, "the page behind what is in use");
	bi.reserved.r[bi.reserved.n - 1] = (struct reserved){ 0x2000, 0xa0000,
	    "module" };
	ok(low_page(0x9fc00) == 0x1000, "the page before what is in use");
	bi.mem.nram = 0;
	ok(low_page(0x9fc00) == 0, "none, if there is no RAM");
}

/* Each range splits one of the most pieces that a map may have. */
static void
full_lists(void)
{
	static struct physmem mem;
	static struct reserved_list list;
	bool good = true;

	memset(&mem, 0, sizeof(mem));
	memset(&list, 0, sizeof(list));
	for (u_int i = 0; i < PHYSMEM_MAXMAP; i++)
		physmem_add(&mem, ptoa(16 * i), ptoa(16 * i + 15));
	for (u_int i = 0; i < PHYSMEM_MAXRESERVED; i++)
		good &= reserved_add(&list, ptoa(16 * i + 4),
		    ptoa(16 * i + 5), "module");
	ok(good && !reserved_add(&list, GB, GB + 1, "module"), "a full list");
	ok(reserved_add(&list, GB, GB, "module"), "an empty range always fits");
	reserved_remove(&list, &mem);
	ok(mem.nram == 2 * PHYSMEM_MAXMAP, "all ranges split all pieces");
}

int
main(void)
{
	good_cases();
	bad_cases();
	reserved_cases();
	overlapping_cases();
	low_memory();
	low_pages();
	full_lists();
	free(lent);
	printf("1..%u\n", ncase);
	return (nfail != 0);
}
