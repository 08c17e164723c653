/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Decodes the Multiboot information, and reserves the memory of all of it.
 * That is hostile input: every field is copied out through map() before it is
 * checked, nothing outside of what map() returned is read, and every sum of two
 * of its numbers is computed in 64 bits or checked for overflow.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <boot/bios.h>
#include <boot/multiboot.h>
#include <boot/physmem.h>
#include <boot/reserved.h>

_Static_assert(PHYSMEM_MAXMAP < PHYSMEM_MAXRAM, "one more range must fit");

/* Copies len bytes out of physical memory; false if they are not mapped. */
static bool
fetch(phys_map_t *map, vm_paddr_t pa, void *dst, vm_size_t len)
{
	const void *src;

	src = map(pa, len);
	if (src == NULL)
		return (false);
	/* A loader need not align its structures, hence a copy by bytes. */
	memcpy(dst, src, len);
	return (true);
}

/* Reserves [pa, pa + len); returns NULL or a sentence. */
static const char *
reserve(struct bootinfo *bi, vm_paddr_t pa, vm_size_t len, const char *what)
{
	if (reserved_add(&bi->reserved, pa, pa + len, what))
		return (NULL);
	return ("The loader and the firmware use more than 64 ranges of "
	    "memory.");
}

static const char *
parse_cmdline(phys_map_t *map, vm_paddr_t pa, struct bootinfo *bi)
{
	char *cmdline = bi->cmdline;
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
			return (reserve(bi, pa, i + 1, "command line"));
	}
	/* Part of a command line could mean something else: keep none. */
	cmdline[0] = '\0';
	return ("The command line does not end within 1024 bytes.");
}

/*
 * Reserves a module's string, and keeps its last word, or the start of that, as
 * the module's name.  A string that does not end is no error: no option is in
 * it.
 */
static const char *
parse_name(phys_map_t *map, vm_paddr_t pa, struct boot_module *mod,
    struct bootinfo *bi)
{
	vm_size_t len = 0;
	u_int n = 0;
	char c = '\0';

	if (pa == 0)
		return (NULL);
	while (len < BOOTINFO_CMDLINE && fetch(map, pa + len, &c, 1)) {
		len++;
		if (c == '\0')
			break;
		if (c == ' ')
			n = 0;
		else if (n < sizeof(mod->name) - 1)
			mod->name[n++] = c;
	}
	mod->name[n] = '\0';
	return (reserve(bi, pa, len, "name of a module"));
}

/* Decodes one module of the list. */
static const char *
parse_module(phys_map_t *map, vm_paddr_t pa, struct bootinfo *bi)
{
	const char *what = bi->has_mod ? "later module" : "module", *other;
	struct multiboot_module mod;

	if (!fetch(map, pa, &mod, sizeof(mod)))
		return ("The module list is outside mapped memory.");
	if (mod.mod_end < mod.mod_start)
		return ("The module ends before it starts.");
	other = reserved_by(&bi->reserved, mod.mod_start, mod.mod_end);
	/* An empty module is valid, and overlaps nothing. */
	if (mod.mod_start != mod.mod_end && other != NULL) {
		snprintf(bi->sentence, sizeof(bi->sentence),
		    "The %s overlaps the %s.", what, other);
		return (bi->sentence);
	}
	if (!bi->has_mod) {
		bi->mod_start = mod.mod_start;
		bi->mod_end = mod.mod_end;
		bi->has_mod = true;
	}
	bi->mods[bi->nmods++] = (struct boot_module){ .start = mod.mod_start,
	    .end = mod.mod_end };
	return (reserve(bi, mod.mod_start, mod.mod_end - mod.mod_start, what));
}

static const char *
parse_modules(phys_map_t *map, const struct multiboot_info *mbi,
    struct bootinfo *bi)
{
	const vm_size_t size = sizeof(struct multiboot_module);
	const char *error;
	uint32_t string;

	if (mbi->mods_count > PHYSMEM_MAXRESERVED)
		return ("The loader gives more than 64 modules.");
	error = reserve(bi, mbi->mods_addr, mbi->mods_count * size,
	    "module list");
	for (u_int i = 0; error == NULL && i < mbi->mods_count; i++)
		error = parse_module(map, mbi->mods_addr + i * size, bi);
	for (u_int i = 0; error == NULL && i < mbi->mods_count; i++) {
		if (!fetch(map, mbi->mods_addr + i * size +
		    offsetof(struct multiboot_module, string), &string,
		    sizeof(string)))
			return ("The module list is outside mapped memory.");
		error = parse_name(map, string, &bi->mods[i], bi);
	}
	return (error);
}

/*
 * Walks the memory map once: adds the RAM entries when ram is true, and
 * removes the others when it is false.
 */
static const char *
walk_mmap(phys_map_t *map, vm_paddr_t pa, uint32_t length,
    vm_paddr_t limit, bool ram, struct bootinfo *bi)
{
	struct physmem *mem = &bi->mem;
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
		    ent.length == 0)
			continue;
		if (ram && (ent.base >= limit ||
		    ent.length > limit - ent.base))
			bi->has_unreachable = true;
		if (ent.base >= limit)
			continue;
		start = ent.base;
		end = ent.length > limit - start ? limit : start + ent.length;
		if (ram)
			physmem_add(mem, start, end);
		else
			physmem_remove(mem, trunc_page(start),
			    round_page(end));
		if (mem->nram > PHYSMEM_MAXMAP)
			return ("The memory map has more than 64 ranges of "
			    "RAM.");
	}
	return (NULL);
}

static const char *
parse_mmap(phys_map_t *map, const struct multiboot_info *mbi,
    vm_paddr_t limit, struct bootinfo *bi)
{
	const char *error;

	error = reserve(bi, mbi->mmap_addr, mbi->mmap_length, "memory map");
	if (error != NULL)
		return (error);
	/* Rounding an address below the limit up then never passes it. */
	limit = trunc_page(limit);

	/*
	 * Two passes, because the entries come in any order, and what is not
	 * RAM wins where entries overlap.  The first adds the RAM in bytes,
	 * because two entries may share a page and make it whole; the second
	 * removes whole pages.
	 */
	error = walk_mmap(map, mbi->mmap_addr, mbi->mmap_length, limit, true,
	    bi);
	if (error != NULL)
		return (error);
	physmem_trim(&bi->mem);
	return (walk_mmap(map, mbi->mmap_addr, mbi->mmap_length, limit, false,
	    bi));
}

/*
 * Refuses whatever lies in the kernel's image: start-up has written there, and
 * the loader before it.
 */
static const char *
check_image(struct bootinfo *bi, vm_paddr_t kern_start, vm_paddr_t kern_end)
{
	const char *what = reserved_by(&bi->reserved, kern_start, kern_end);

	if (what == NULL)
		return (NULL);
	snprintf(bi->sentence, sizeof(bi->sentence), "The %s overlaps the "
	    "kernel image.", what);
	return (bi->sentence);
}

/* Decodes all that *mbi points to; returns NULL or a sentence. */
static const char *
parse_info(phys_map_t *map, const struct multiboot_info *mbi,
    vm_paddr_t limit, struct bootinfo *bi)
{
	const char *error = NULL;

	/* First, because options say where other errors are reported. */
	if ((mbi->flags & MULTIBOOT_INFO_CMDLINE) != 0)
		error = parse_cmdline(map, mbi->cmdline, bi);
	if (error != NULL)
		return (error);
	if ((mbi->flags & MULTIBOOT_INFO_MEMORY) != 0)
		bi->mem_upper = mbi->mem_upper;
	bi->low_end = bios_low_end(map, (mbi->flags &
	    MULTIBOOT_INFO_MEMORY) != 0 ? mbi->mem_lower : 0);
	if ((mbi->flags & MULTIBOOT_INFO_MMAP) == 0 || mbi->mmap_length == 0)
		error = "The loader gave no memory map.";
	else
		error = parse_mmap(map, mbi, limit, bi);
	if (error != NULL)
		return (error);
	/* Last, because a module must overlap nothing else. */
	if ((mbi->flags & MULTIBOOT_INFO_MODS) != 0 && mbi->mods_count != 0)
		error = parse_modules(map, mbi, bi);
	return (error);
}

/*
 * multiboot_parse: decodes into *bi what the loader handed over.
 *
 * Context:	boot, once, before there is any memory allocator.
 * Sleeps:	no.  Locks: none.
 * Arguments:	magic is EAX and info is EBX at entry.
 *		[kern_start, kern_end) is the kernel's image, in bytes of
 *		physical address.  limit is the first address that the CPU
 *		cannot form, in bytes; RAM at and above it is dropped.
 * Returns:	true, and bi->error is NULL.  bi->mem is the usable RAM, from
 *		which neither the image nor bi->reserved is taken out; its nram
 *		is 0 if no whole page is usable.  bi->reserved has what the
 *		loader handed over and what the BIOS keeps.  Modules after the
 *		first are reserved, and otherwise ignored.
 * Errors:	false on malformed input, with a sentence in bi->error.  Of the
 *		other fields only bi->cmdline may then be used; it is empty if
 *		there is no command line or it could not be read.  More than
 *		PHYSMEM_MAXMAP ranges at any moment are an error, even if a
 *		later entry would have joined two of them.
 * Source:	Multiboot 1, section 3.3.
 */
bool
multiboot_parse(uint32_t magic, vm_paddr_t info, phys_map_t *map,
    vm_paddr_t kern_start, vm_paddr_t kern_end, vm_paddr_t limit,
    struct bootinfo *bi)
{
	struct multiboot_info mbi;

	memset(bi, 0, sizeof(*bi));
	bios_reserve(map, &bi->reserved);
	/* An old loader's structure is shorter: fetch only what is used. */
	if (magic != MULTIBOOT_MAGIC)
		bi->error = "The loader is not a Multiboot 1 loader: its "
		    "magic number is not 0x2BADB002.";
	else if (!fetch(map, info, &mbi,
	    offsetof(struct multiboot_info, drives_length)))
		bi->error = "The Multiboot information is outside mapped "
		    "memory.";
	else
		bi->error = reserve(bi, info, offsetof(struct multiboot_info,
		    drives_length), "Multiboot information");
	if (bi->error == NULL)
		bi->error = parse_info(map, &mbi, limit, bi);
	if (bi->error == NULL)
		bi->error = check_image(bi, kern_start, kern_end);
	return (bi->error == NULL);
}
