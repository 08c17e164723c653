/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the decoding of the Multiboot information.  That is hostile input:
 * every field is copied out through map() before it is judged, nothing
 * outside what map() gave is read, and every sum of two of its numbers is
 * done in 64 bits or checked for overflow.  Invariant: between the passes
 * below, mem->ram is sorted and disjoint.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <boot/multiboot.h>

/* Copies len bytes out of physical memory; false when they are not mapped. */
static bool
fetch(multiboot_map_t *map, vm_paddr_t pa, void *dst, vm_size_t len)
{
	const void *src;

	src = map(pa, len);
	if (src == NULL)
		return (false);
	/* A loader need not align its structures, hence a copy by bytes. */
	memcpy(dst, src, len);
	return (true);
}

static const char *
parse_cmdline(multiboot_map_t *map, vm_paddr_t pa, char *cmdline)
{
	u_int i;

	/*
	 * By the byte, because a string may end where the mapped memory
	 * ends, and a longer request would then be refused.
	 */
	for (i = 0; i < BOOTINFO_CMDLINE; i++) {
		if (!fetch(map, pa + i, &cmdline[i], 1)) {
			cmdline[0] = '\0';
			return ("The command line is outside mapped memory.");
		}
		if (cmdline[i] == '\0')
			return (NULL);
	}
	/* Half a command line could mean something else: show none. */
	cmdline[0] = '\0';
	return ("The command line does not end within 1024 bytes.");
}

static const char *
parse_module(multiboot_map_t *map, vm_paddr_t pa, vm_paddr_t kern_start,
    vm_paddr_t kern_end, struct bootinfo *bi)
{
	struct multiboot_module mod;

	if (!fetch(map, pa, &mod, sizeof(mod)))
		return ("The module list is outside mapped memory.");
	if (mod.mod_end < mod.mod_start)
		return ("The module ends before it starts.");
	/* An empty module is valid, and overlaps nothing wherever it is. */
	if (mod.mod_start != mod.mod_end && mod.mod_start < kern_end &&
	    kern_start < mod.mod_end)
		return ("The module overlaps the kernel image.");
	bi->mod_start = mod.mod_start;
	bi->mod_end = mod.mod_end;
	bi->has_mod = true;
	return (NULL);
}

/* Adds [start, end) to the list; false when it does not fit. */
static bool
ram_add(struct physmem *mem, vm_paddr_t start, vm_paddr_t end)
{
	struct memrange *ram;
	u_int i, j;

	ram = mem->ram;
	for (i = 0; i < mem->nram && ram[i].end < start; i++)
		;
	/* [i, j) are the ranges that overlap or touch the new one. */
	for (j = i; j < mem->nram && ram[j].start <= end; j++) {
		if (ram[j].start < start)
			start = ram[j].start;
		if (ram[j].end > end)
			end = ram[j].end;
	}
	if (i == j && mem->nram == PHYSMEM_MAXRAM)
		return (false);
	memmove(&ram[i + 1], &ram[j], (mem->nram - j) * sizeof(ram[0]));
	mem->nram = mem->nram + 1 - (j - i);
	ram[i].start = start;
	ram[i].end = end;
	return (true);
}

/* Takes [start, end) out of the list; false when a split does not fit. */
static bool
ram_remove(struct physmem *mem, vm_paddr_t start, vm_paddr_t end)
{
	struct memrange *ram, r;
	u_int from, to;

	ram = mem->ram;
	to = 0;
	for (from = 0; from < mem->nram; from++) {
		r = ram[from];
		if (r.end <= start || r.start >= end) {
			ram[to++] = r;
			continue;
		}
		if (r.start < start && end < r.end) {
			/* A split touches no other range: we are done. */
			if (mem->nram == PHYSMEM_MAXRAM)
				return (false);
			memmove(&ram[from + 2], &ram[from + 1],
			    (mem->nram - from - 1) * sizeof(ram[0]));
			ram[from].end = start;
			ram[from + 1].start = end;
			ram[from + 1].end = r.end;
			mem->nram++;
			return (true);
		}
		if (r.start < start) {
			ram[to].start = r.start;
			ram[to++].end = start;
		} else if (end < r.end) {
			ram[to].start = end;
			ram[to++].end = r.end;
		}
	}
	mem->nram = to;
	return (true);
}

/* Drops the pages that are only partly usable. */
static void
ram_trim(struct physmem *mem)
{
	vm_paddr_t start, end;
	u_int from, to;

	to = 0;
	for (from = 0; from < mem->nram; from++) {
		/* No overflow: no address is above the page-aligned limit. */
		start = round_page(mem->ram[from].start);
		end = trunc_page(mem->ram[from].end);
		if (start >= end)
			continue;
		mem->ram[to].start = start;
		mem->ram[to++].end = end;
	}
	mem->nram = to;
}

/*
 * Walks the memory map once: adds the RAM entries when ram is true, and
 * removes the others when it is false.
 */
static const char *
walk_mmap(multiboot_map_t *map, vm_paddr_t pa, uint32_t length,
    vm_paddr_t limit, bool ram, struct physmem *mem)
{
	struct multiboot_mmap ent;
	vm_paddr_t start, end;
	uint32_t left, off, size;
	bool fits;

	for (off = 0; off < length; off += sizeof(size) + size) {
		left = length - off;
		if (left < sizeof(size))
			return ("A memory map entry runs past the end of the "
			    "map.");
		if (!fetch(map, pa + off, &size, sizeof(size)))
			return ("The memory map is outside mapped memory.");
		if (size < MULTIBOOT_MMAP_MINSIZE)
			return ("A memory map entry has a size below 20 "
			    "bytes.");
		if (size > left - sizeof(size))
			return ("A memory map entry runs past the end of the "
			    "map.");
		/* From here on ent.size is not looked at: size is checked. */
		if (!fetch(map, pa + off, &ent, sizeof(ent)))
			return ("The memory map is outside mapped memory.");

		if ((ent.type == MULTIBOOT_MMAP_RAM) != ram ||
		    ent.length == 0 || ent.base >= limit)
			continue;
		start = ent.base;
		end = ent.length > limit - start ? limit : start + ent.length;
		if (ram)
			fits = ram_add(mem, start, end);
		else
			fits = ram_remove(mem, trunc_page(start),
			    round_page(end));
		if (!fits)
			return ("The memory map has more than 64 ranges of "
			    "RAM.");
	}
	return (NULL);
}

static const char *
parse_mmap(multiboot_map_t *map, const struct multiboot_info *mbi,
    vm_paddr_t limit, struct physmem *mem)
{
	const char *error;

	/* So that rounding up below the limit never goes past it. */
	limit = trunc_page(limit);

	/*
	 * The RAM first, in bytes, because two entries may share a page and
	 * make it whole; then, by the page, what is taken from it, because
	 * the entries come in any order and whatever is not RAM wins.
	 */
	error = walk_mmap(map, mbi->mmap_addr, mbi->mmap_length, limit, true,
	    mem);
	if (error != NULL)
		return (error);
	ram_trim(mem);
	return (walk_mmap(map, mbi->mmap_addr, mbi->mmap_length, limit, false,
	    mem));
}

/*
 * multiboot_parse: decodes what the loader handed over into *bi.
 * Context: boot, once, before there is any memory allocator.
 * magic is %eax and info %ebx at entry.  map gives a pointer to len bytes of
 * physical memory at pa, or NULL when they are not all mapped; the pointer
 * is used only until the next call.  [kern_start, kern_end) is the kernel
 * image, in bytes; it is not taken out of the RAM, and neither is the
 * module.  limit is the first address that the processor cannot form, in
 * bytes; RAM above it is dropped.  Modules after the first are ignored.
 * Returns true and bi->error NULL; bi->mem.nram may be 0, when no whole page
 * is usable.  Returns false on malformed input, with a sentence in
 * bi->error; of the rest, only bi->cmdline is then to be used, and it is
 * empty when there is no command line or it could not be read.  More than
 * 64 ranges at any moment is an error, even if a later entry would have
 * joined two of them.
 */
bool
multiboot_parse(uint32_t magic, vm_paddr_t info, multiboot_map_t *map,
    vm_paddr_t kern_start, vm_paddr_t kern_end, vm_paddr_t limit,
    struct bootinfo *bi)
{
	struct multiboot_info mbi;

	memset(bi, 0, sizeof(*bi));
	if (magic != MULTIBOOT_MAGIC) {
		bi->error = "The loader is not a Multiboot 1 loader: its "
		    "magic number is not 0x2BADB002.";
		return (false);
	}
	/* Old loaders give a shorter structure: ask for what is used. */
	if (!fetch(map, info, &mbi,
	    offsetof(struct multiboot_info, drives_length))) {
		bi->error = "The Multiboot information is outside mapped "
		    "memory.";
		return (false);
	}

	/* First, as it says where and how to report what else is wrong. */
	if ((mbi.flags & MULTIBOOT_INFO_CMDLINE) != 0) {
		bi->error = parse_cmdline(map, mbi.cmdline, bi->cmdline);
		if (bi->error != NULL)
			return (false);
	}
	if ((mbi.flags & MULTIBOOT_INFO_MODS) != 0 && mbi.mods_count != 0) {
		bi->error = parse_module(map, mbi.mods_addr, kern_start,
		    kern_end, bi);
		if (bi->error != NULL)
			return (false);
	}
	if ((mbi.flags & MULTIBOOT_INFO_MMAP) == 0 || mbi.mmap_length == 0)
		bi->error = "The loader gave no memory map.";
	else
		bi->error = parse_mmap(map, &mbi, limit, &bi->mem);
	return (bi->error == NULL);
}

/* physmem_size: bytes of usable RAM.  Any context. */
vm_paddr_t
physmem_size(const struct physmem *mem)
{
	vm_paddr_t size = 0;

	for (u_int i = 0; i < mem->nram; i++)
		size += mem->ram[i].end - mem->ram[i].start;
	return (size);
}
