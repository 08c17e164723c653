/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The ELF loader's reader of headers: what a program's file asks to be mapped.
 * The layout is that of the System V ABI (gABI, chapters 4 and 5) and of its
 * supplement for the i386.  Nothing that the file says is used before it is
 * checked, and no sum can wrap: sizes are below 2^32, sums are of 64 bits.
 */

#include <stdbool.h>
#include "user/elf.h"

struct ehdr {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct phdr {
	uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

#define	CLASS		4	/* index in ident: 1 is 32-bit, 2 64-bit */
#define	DATA		5	/* 1 is little-endian */
#define	VERSION		6
#define	ET_EXEC		2
#define	ET_DYN		3
#define	EM_386		3
#define	PT_LOAD		1
#define	PT_INTERP	3
#define	PT_GNU_STACK	0x6474e551u
#define	PF_X		1u
#define	PF_W		2u
#define	PF_R		4u

/* What is known while the headers are read. */
struct reader {
	uint64_t size;
	uint32_t low, high;
	uint32_t phoff;
	struct elf_image *img;
};

static void
copy(void *dst, const uint8_t *src, size_t n)
{
	for (uint8_t *d = dst; n > 0; n--)
		*d++ = *src++;
}

static const char *
check_ident(const struct ehdr *eh)
{
	if (eh->ident[0] != 0x7f || eh->ident[1] != 'E' ||
	    eh->ident[2] != 'L' || eh->ident[3] != 'F')
		return ("not an ELF program");
	if (eh->ident[CLASS] == 2)
		return ("a 64-bit program; this is a 32-bit machine");
	if (eh->ident[CLASS] != 1 || eh->ident[DATA] != 1 ||
	    eh->ident[VERSION] != 1 || eh->machine != EM_386)
		return ("a program for another machine");
	if (eh->type != ET_EXEC && eh->type != ET_DYN)
		return ("not a linked program");
	return (NULL);
}

static const char *
check_header(const struct ehdr *eh, size_t headlen)
{
	const char *why = check_ident(eh);

	if (why != NULL)
		return (why);
	if (eh->phnum == 0)
		return ("malformed: no program headers");
	if (eh->phentsize != sizeof(struct phdr))
		return ("malformed: size of program headers");
	if ((uint64_t)eh->phoff + eh->phnum * sizeof(struct phdr) > headlen)
		return ("malformed: program headers are not in the first page");
	return (NULL);
}

static const char *
check_load(const struct reader *rd, const struct phdr *ph)
{
	uint64_t start = (uint64_t)rd->img->base + ph->vaddr;

	if (ph->filesz > ph->memsz)
		return ("malformed: a segment is larger in the file");
	if (ph->vaddr % ELF_PAGE != ph->offset % ELF_PAGE)
		return ("malformed: alignment of a segment");
	if ((uint64_t)ph->offset + ph->filesz > rd->size)
		return ("truncated");
	if ((ph->flags & (PF_W | PF_X)) == (PF_W | PF_X))
		return ("a segment is writable and executable");
	if (start - start % ELF_PAGE < rd->low ||
	    start + ph->memsz > rd->high)
		return ("wants an address that it cannot have");
	return (NULL);
}

static uint32_t
rights_of(const struct phdr *ph)
{
	return (((ph->flags & PF_R) != 0 ? ELF_READ : 0) |
	    ((ph->flags & PF_W) != 0 ? ELF_WRITE | ELF_READ : 0) |
	    ((ph->flags & PF_X) != 0 ? ELF_EXEC | ELF_READ : 0));
}

static uint32_t
page_up(uint32_t addr)
{
	return ((addr + ELF_PAGE - 1) & ~(ELF_PAGE - 1));
}

static const char *
add_segment(struct reader *rd, const struct phdr *ph)
{
	struct elf_image *img = rd->img;
	struct elf_segment *seg = &img->segments[img->nsegments];
	const char *why;
	uint32_t addr;

	if (ph->memsz == 0)
		return (NULL);
	why = check_load(rd, ph);
	if (why != NULL)
		return (why);
	if (img->nsegments == ELF_SEGMENTS)
		return ("malformed: too many segments");
	addr = img->base + ph->vaddr;
	seg->start = addr - addr % ELF_PAGE;
	if (img->nsegments > 0 && seg->start < seg[-1].end)
		return ("malformed: segments overlap, or are not in order");
	seg->zero = addr + ph->filesz;
	seg->file_end = ph->filesz == 0 ? seg->start : page_up(seg->zero);
	seg->end = page_up(addr + ph->memsz);
	seg->page = ph->offset / ELF_PAGE;
	seg->rights = rights_of(ph);
	/* Only writable memory can be cleared behind the file's bytes. */
	if (ph->memsz > ph->filesz && (seg->rights & ELF_WRITE) == 0)
		return ("malformed: zeros in a segment that is not writable");
	if (rd->phoff >= ph->offset && rd->phoff +
	    (uint64_t)img->phnum * sizeof(*ph) <= (uint64_t)ph->offset +
	    ph->filesz)
		img->phdr = addr + (rd->phoff - ph->offset);
	img->end = addr + ph->memsz;
	img->nsegments++;
	return (NULL);
}

static const char *
add_header(struct reader *rd, const struct phdr *ph)
{
	switch (ph->type) {
	case PT_LOAD:
		return (add_segment(rd, ph));
	case PT_INTERP:
		return ("a dynamic program; only static ones run here");
	case PT_GNU_STACK:
		if ((ph->flags & PF_X) != 0)
			return ("wants an executable stack");
		return (NULL);
	default:
		return (NULL);
	}
}

static bool
is_code(const struct elf_image *img, uint32_t addr)
{
	for (uint32_t i = 0; i < img->nsegments; i++) {
		const struct elf_segment *seg = &img->segments[i];

		if (addr >= seg->start && addr < seg->end)
			return ((seg->rights & ELF_EXEC) != 0);
	}
	return (false);
}

const char *
elf_parse(const void *head, size_t headlen, uint64_t size, uint32_t low,
    uint32_t high, uint32_t base, struct elf_image *img)
{
	struct reader rd = { size, low, high, 0, img };
	const char *why;
	struct ehdr eh;
	struct phdr ph;

	if (headlen < sizeof(eh))
		return ("not an ELF program");
	copy(&eh, head, sizeof(eh));
	why = check_header(&eh, headlen);
	if (why != NULL)
		return (why);
	*img = (struct elf_image){ .phnum = eh.phnum };
	img->base = eh.type == ET_DYN ? base : 0;
	rd.phoff = eh.phoff;
	for (uint32_t i = 0; i < eh.phnum; i++) {
		copy(&ph, (const uint8_t *)head + eh.phoff + i * sizeof(ph),
		    sizeof(ph));
		why = add_header(&rd, &ph);
		if (why != NULL)
			return (why);
	}
	img->entry = img->base + eh.entry;
	if (!is_code(img, img->entry))
		return ("malformed: the entry is not in executable memory");
	return (NULL);
}
