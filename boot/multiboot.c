/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Decodes the Multiboot information.  That is hostile input: every field is
 * copied out through map() before it is checked, nothing outside of what
 * map() returned is read, and every sum of two of its numbers is computed in
 * 64 bits or checked for overflow.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <boot/multiboot.h>
#include <boot/physmem.h>

_Static_assert(MULTIBOOT_MAXRAM < PHYSMEM_MAXRAM, "one more range must fit");

/* Copies len bytes out of physical memory; false if they are not mapped. */
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
	 * Byte by byte, because a string may end where the mapped memory
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
	/* Part of a command line could mean something else: keep none. */
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
	/* An empty module is valid, and overlaps nothing. */
	if (mod.mod_start != mod.mod_end && mod.mod_start < kern_end &&
	    kern_start < mod.mod_end)
		return ("The module overlaps the kernel image.");
	bi->mod_start = mod.mod_start;
	bi->mod_end = mod.mod_end;
	bi->has_mod = true;
	return (NULL);
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
		/* Use `size', which was checked, and not ent.size below. */
		if (!fetch(map, pa + off, &ent, sizeof(ent)))
			return ("The memory map is outside mapped memory.");

		if ((ent.type == MULTIBOOT_MMAP_RAM) != ram ||
		    ent.length == 0 || ent.base >= limit)
			continue;
		start = ent.base;
		end = ent.length > limit - start ? limit : start + ent.length;
		if (ram)
			physmem_add(mem, start, end);
		else
			physmem_remove(mem, trunc_page(start),
			    round_page(end));
		if (mem->nram > MULTIBOOT_MAXRAM)
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

	/* Rounding an address below the limit up then never passes it. */
	limit = trunc_page(limit);

	/*
	 * Two passes, because the entries come in any order, and what is not
	 * RAM wins where entries overlap.  The first adds the RAM in bytes,
	 * because two entries may share a page and make it whole; the second
	 * removes whole pages.
	 */
	error = walk_mmap(map, mbi->mmap_addr, mbi->mmap_length, limit, true,
	    mem);
	if (error != NULL)
		return (error);
	physmem_trim(mem);
	return (walk_mmap(map, mbi->mmap_addr, mbi->mmap_length, limit, false,
	    mem));
}

/*
 * multiboot_parse: decodes into *bi what the loader handed over.
 *
 * Context:	boot, once, before there is any memory allocator.
 * Sleeps:	no.  Locks: none.
 * Arguments:	magic is EAX and info is EBX at entry.  map returns a pointer
 *		to len bytes of physical memory at pa, or NULL if they are not
 *		all mapped; the pointer is used only until the next call.
 *		[kern_start, kern_end) is the kernel's image, in bytes of
 *		physical address.  limit is the first address that the CPU
 *		cannot form, in bytes; RAM at and above it is dropped.
 * Returns:	true, and bi->error is NULL.  bi->mem is the usable RAM, from
 *		which neither the image nor the module is taken out; its nram
 *		is 0 if no whole page is usable.  Modules after the first are
 *		ignored.
 * Errors:	false on malformed input, with a sentence in bi->error.  Of the
 *		other fields only bi->cmdline may then be used; it is empty if
 *		there is no command line or it could not be read.  More than
 *		MULTIBOOT_MAXRAM ranges at any moment are an error, even if a
 *		later entry would have joined two of them.
 * Source:	Multiboot 1, section 3.3.
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
	/* An old loader's structure is shorter: fetch only what is used. */
	if (!fetch(map, info, &mbi,
	    offsetof(struct multiboot_info, drives_length))) {
		bi->error = "The Multiboot information is outside mapped "
		    "memory.";
		return (false);
	}

	/* First, because options say where other errors are reported. */
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
