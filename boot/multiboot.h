/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _BOOT_MULTIBOOT_H_
#define	_BOOT_MULTIBOOT_H_

/*
 * The layout of what a Multiboot 1 loader hands over, and struct bootinfo,
 * the form in which the kernel keeps it.  Only multiboot.c reads the loader's
 * structures.
 */

#include <sys/types.h>
#include <boot/physmem.h>
#include <boot/reserved.h>

#define	MULTIBOOT_MAGIC		0x2BADB002u	/* in %eax at entry */

#define	MULTIBOOT_INFO_MEMORY	(1u << 0)	/* mem_* are valid */
#define	MULTIBOOT_INFO_CMDLINE	(1u << 2)	/* cmdline is valid */
#define	MULTIBOOT_INFO_MODS	(1u << 3)	/* mods_* are valid */
#define	MULTIBOOT_INFO_MMAP	(1u << 6)	/* mmap_* are valid */

#define	MULTIBOOT_MMAP_RAM	1u		/* type: usable RAM */
#define	MULTIBOOT_MMAP_MINSIZE	20u		/* least value of size */

struct multiboot_info {
	uint32_t	flags;
	uint32_t	mem_lower;		/* KiB */
	uint32_t	mem_upper;		/* KiB */
	uint32_t	boot_device;
	uint32_t	cmdline;		/* physical address */
	uint32_t	mods_count;
	uint32_t	mods_addr;		/* physical address */
	uint32_t	syms[4];
	uint32_t	mmap_length;		/* bytes */
	uint32_t	mmap_addr;		/* physical address */
	uint32_t	drives_length;		/* nothing from here is used */
	uint32_t	drives_addr;
	uint32_t	config_table;
	uint32_t	boot_loader_name;
	uint32_t	apm_table;
	uint32_t	vbe_control_info;
	uint32_t	vbe_mode_info;
	uint16_t	vbe_mode;
	uint16_t	vbe_interface_seg;
	uint16_t	vbe_interface_off;
	uint16_t	vbe_interface_len;
} __attribute__((packed));

struct multiboot_module {
	uint32_t	mod_start;		/* physical address */
	uint32_t	mod_end;		/* first byte past the end */
	uint32_t	string;			/* physical address */
	uint32_t	reserved;
} __attribute__((packed));

struct multiboot_mmap {
	uint32_t	size;			/* bytes after this field */
	uint64_t	base;			/* bytes */
	uint64_t	length;			/* bytes */
	uint32_t	type;
} __attribute__((packed));

_Static_assert(sizeof(struct multiboot_info) == 88, "multiboot_info");
_Static_assert(sizeof(struct multiboot_module) == 16, "multiboot_module");
_Static_assert(sizeof(struct multiboot_mmap) == 24, "multiboot_mmap");

#define	BOOTINFO_CMDLINE	1024	/* bytes, with the final NUL */
#define	BOOTINFO_MAXMODS	PHYSMEM_MAXRESERVED
#define	BOOTINFO_MODNAME	60	/* bytes, with the final NUL */

struct boot_module {
	vm_paddr_t	start;			/* bytes */
	vm_paddr_t	end;
	char		name[BOOTINFO_MODNAME];	/* last word of its string */
};

struct bootinfo {
	char		cmdline[BOOTINFO_CMDLINE];
	struct physmem	mem;			/* whole pages, none touch */
	struct reserved_list reserved;		/* what is in use of it */
	uint32_t	mem_upper;		/* KiB from 1 MiB on; 0: not
						   given */
	bool		has_unreachable;	/* RAM above the CPU's limit */
	vm_paddr_t	low_end;		/* of low memory, bytes */
	vm_paddr_t	mod_start;		/* both 0 unless has_mod */
	vm_paddr_t	mod_end;
	bool		has_mod;
	struct boot_module mods[BOOTINFO_MAXMODS];	/* mods[0] is the above */
	u_int		nmods;
	const char	*error;			/* a sentence, or NULL */
	char		sentence[96];		/* where error may point */
};

extern struct bootinfo boot_bi;	/* for kern_main(); boot_info() */

bool	multiboot_parse(uint32_t magic, vm_paddr_t info, phys_map_t *map,
	    vm_paddr_t kern_start, vm_paddr_t kern_end, vm_paddr_t limit,
	    struct bootinfo *bi);

#endif /* !_BOOT_MULTIBOOT_H_ */
