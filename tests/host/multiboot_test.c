/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests boot/multiboot.c and boot/physmem.c on the host.  map() returns a new
 * heap block of exactly the length requested, so that the sanitizer stops the
 * program on any read outside it.  Output is TAP.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/multiboot.c"
#include "boot/physmem.c"

#define	BASE	0x9001u		/* odd: nothing is aligned */
#define	SIZE	8192u
#define	INFO	BASE
#define	CMD	(BASE + 0x100)
#define	MOD	(BASE + 0x600)
#define	MMAP	(BASE + 0x700)
#define	KSTART	0x100000u
#define	KEND	0x200000u
#define	LIMIT	(1ull << 36)
#define	GB	(1ull << 30)

static uint8_t phys[SIZE];	/* physical memory from BASE */
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

static void
module(uint32_t start, uint32_t end)
{
	struct multiboot_module mod = { start, end, 0, 0 };

	put(MOD, &mod, sizeof(mod));
	mbi.flags |= MULTIBOOT_INFO_MODS;
	mbi.mods_addr = MOD;
	mbi.mods_count = 1;
}

/* A good command line, and a memory map still without entries. */
static void
reset(void)
{
	memset(phys, 0xa5, sizeof(phys));
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
	ok(parse() && bi.mem.nram == 1 && range(0, LIMIT - 0x2000, LIMIT),
	    "clipped to the limit");
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
	ok(parse() && bi.mem.nram == 1, "one entry of 2^32-1 bytes");
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

int
main(void)
{
	good_cases();
	bad_cases();
	free(lent);
	printf("1..%u\n", ncase);
	return (nfail != 0);
}
