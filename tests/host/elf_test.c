/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests user/elf.c on the host: what a good program's file asks for, and that
 * each bad one is refused for its own reason.  Output is TAP.
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/elf.c"

#define	LOW	0x1000u
#define	HIGH	0x7e800000u
#define	BASE	0x00400000u

static struct {
	struct ehdr eh;
	struct phdr ph[10];
} file;
static uint64_t size;
static struct elf_image img;
static unsigned int ncases, nfailed;

static void
ok(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++ncases, name);
	nfailed += !good;
}

static void
segment(int i, uint32_t offset, uint32_t vaddr, uint32_t filesz,
    uint32_t memsz, uint32_t flags)
{
	file.ph[i] = (struct phdr){ PT_LOAD, offset, vaddr, vaddr, filesz,
	    memsz, flags, ELF_PAGE };
}

/* A program as linkers make them: text, data with zeros, a stack. */
static void
good(void)
{
	memset(&file, 0, sizeof(file));
	memcpy(file.eh.ident, "\177ELF\1\1\1", 7);
	file.eh.type = ET_EXEC;
	file.eh.machine = EM_386;
	file.eh.version = 1;
	file.eh.entry = 0x8048100;
	file.eh.phoff = sizeof(file.eh);
	file.eh.phentsize = sizeof(struct phdr);
	file.eh.phnum = 3;
	segment(0, 0, 0x8048000, 0x1800, 0x1800, PF_R | PF_X);
	segment(1, 0x1800, 0x804a800, 0x900, 0x3000, PF_R | PF_W);
	file.ph[2] = (struct phdr){ .type = PT_GNU_STACK,
	    .flags = PF_R | PF_W };
	size = 0x2100;
}

static const char *
parse(void)
{
	return (elf_parse(&file, sizeof(file), size, LOW, HIGH, BASE, &img));
}

/* Whether it is refused, for a reason with these words in it. */
static void
refused(const char *words, const char *name)
{
	const char *why = parse();

	ok(why != NULL && strstr(why, words) != NULL, name);
	if (why == NULL || strstr(why, words) == NULL)
		printf("# %s\n", why == NULL ? "taken" : why);
	good();
}

static bool
is_segment(uint32_t i, uint32_t start, uint32_t file_end, uint32_t end,
    uint32_t page, uint32_t rights)
{
	const struct elf_segment *s = &img.segments[i];

	return (s->start == start && s->file_end == file_end &&
	    s->end == end && s->page == page && s->rights == rights);
}

static void
test_good(void)
{
	good();
	ok(parse() == NULL && img.nsegments == 2, "a program is taken");
	ok(is_segment(0, 0x8048000, 0x804a000, 0x804a000, 0,
	    ELF_READ | ELF_EXEC), "text: whole pages of the file");
	ok(is_segment(1, 0x804a000, 0x804c000, 0x804e000, 1,
	    ELF_READ | ELF_WRITE), "data: pages of the file, then zeros");
	ok(img.segments[1].zero == 0x804b100, "data: where zeros begin");
	ok(img.entry == 0x8048100 && img.phdr == 0x8048034 &&
	    img.phnum == 3 && img.end == 0x804d800 && img.base == 0,
	    "entry, headers, end");
	file.ph[0].flags = PF_X;
	ok(parse() == NULL && img.segments[0].rights == (ELF_READ | ELF_EXEC),
	    "what is executable can be read");
	good();
	segment(1, 0, 0x804b000, 0, 0x1000, PF_R | PF_W);
	ok(parse() == NULL && is_segment(1, 0x804b000, 0x804b000, 0x804c000, 0,
	    ELF_READ | ELF_WRITE), "a segment of zeros alone");
	good();
	segment(0, 0, 0, 0x1800, 0x1800, PF_R | PF_X);
	segment(1, 0x1800, 0x2800, 0x900, 0x3000, PF_R | PF_W);
	file.eh.type = ET_DYN;
	file.eh.entry = 0x100;
	ok(parse() == NULL && img.base == BASE && img.entry == BASE + 0x100 &&
	    img.segments[1].start == BASE + 0x2000,
	    "a position-independent one is moved");
	good();
	file.ph[0].memsz = 0;
	refused("entry", "a segment without memory is none");
}

static void
test_identity(void)
{
	file.eh.ident[0] = '#';
	refused("not an ELF", "a script");
	file.eh.ident[CLASS] = 2;
	refused("64-bit", "a 64-bit program");
	file.eh.machine = 62;
	refused("another machine", "another machine's");
	file.eh.ident[DATA] = 2;
	refused("another machine", "big-endian");
	file.eh.type = 1;
	refused("not a linked", "an object");
	file.ph[2].type = PT_INTERP;
	refused("dynamic", "a dynamic program");
	file.ph[2].flags |= PF_X;
	refused("executable stack", "an executable stack");
	ok(elf_parse(&file, 51, size, LOW, HIGH, BASE, &img) != NULL,
	    "a header cut short");
	ok(elf_parse(&file, 52 + 95, size, LOW, HIGH, BASE, &img) != NULL,
	    "program headers cut short");
}

static void
test_headers(void)
{
	file.eh.phnum = 0;
	refused("no program headers", "no program headers");
	file.eh.phentsize = 31;
	refused("size of program headers", "headers of another size");
	file.eh.phoff = 0xfffffff0;
	refused("first page", "headers whose place wraps");
	file.eh.phnum = 0xffff;
	refused("first page", "more headers than fit");
	file.eh.phnum = 10;
	for (int i = 0; i < 10; i++)
		segment(i, 0, 0x8048000 + i * ELF_PAGE, 0x100, 0x100, PF_R);
	refused("too many", "more segments than there is room for");
	file.eh.entry = 0x804a900;
	refused("entry", "an entry in data");
	file.eh.entry = 0;
	refused("entry", "an entry in nothing");
}

static void
test_segments(void)
{
	file.ph[1].filesz = 0x3001;
	size = 0x10000;
	refused("larger in the file", "more bytes in the file than in memory");
	file.ph[1].vaddr++;
	refused("alignment", "an address that does not fit its offset");
	size--;
	refused("truncated", "a file that is a byte short");
	file.ph[1].offset = 0xfffff800;
	refused("truncated", "an offset that wraps");
	file.ph[0].flags |= PF_W;
	refused("writable and executable", "W and X");
	file.ph[1].vaddr = 0x8049800;
	refused("overlap", "segments that share a page");
	segment(1, 0x1800, 0x8047800, 0x900, 0x900, PF_R | PF_W);
	refused("overlap", "segments out of order");
	file.ph[0].memsz += 0x100;
	refused("zeros", "zeros where nothing can be written");
}

static void
test_addresses(void)
{
	segment(0, 0, 0, 0x1800, 0x1800, PF_R | PF_X);
	refused("address", "page 0");
	segment(1, 0x1800, HIGH - 0x800, 0x800, 0x800, PF_R | PF_W);
	ok(parse() == NULL, "the last page that it may have");
	segment(1, 0x1800, HIGH - 0x800, 0x800, 0x801, PF_R | PF_W);
	refused("address", "a byte behind it");
	segment(1, 0x1800, 0x7f000800, 0x900, 0x900, PF_R | PF_W);
	refused("address", "where the personality is");
	segment(1, 0x1800, 0xc0000800, 0x900, 0x900, PF_R | PF_W);
	refused("address", "the kernel's");
	segment(1, 0x1800, 0xfffff800, 0x900, 0x900, PF_R | PF_W);
	refused("address", "an address that wraps");
	file.ph[1].memsz = 0xffffffff;
	refused("address", "a size that wraps");
	file.eh.type = ET_DYN;
	file.ph[1].vaddr = 0xffc00800;
	refused("address", "an address that wraps when it is moved");
}

int
main(void)
{
	test_good();
	test_identity();
	test_headers();
	test_segments();
	test_addresses();
	printf("1..%u\n", ncases);
	return (nfailed != 0);
}
