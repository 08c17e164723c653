/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _BOOT_PHYSMEM_H_
#define	_BOOT_PHYSMEM_H_

/*
 * A list of ranges of physical memory.  boot/multiboot.c builds one from the
 * loader's memory map, and vm/ram.c takes from a copy of it what is in use.
 */

#include <sys/types.h>

#define	PHYSMEM_MAXMAP	64	/* ranges that the loader's map may have */
#define	PHYSMEM_MAXRESERVED 64	/* ranges that boot/reserved.h may have */
/* Each reserved range, the first MiB and the image may split one in two. */
#define	PHYSMEM_MAXRAM	(PHYSMEM_MAXMAP + PHYSMEM_MAXRESERVED + 8)

/*
 * Ranges of RAM: sorted, disjoint, none empty.  physmem_add() joins ranges
 * that touch.  Addresses are in bytes.
 */
struct physmem {
	struct memrange {
		vm_paddr_t	start;
		vm_paddr_t	end;		/* first byte past the end */
	} ram[PHYSMEM_MAXRAM];
	u_int		nram;
};

/*
 * Returns a pointer to len bytes of physical memory at pa, which is good until
 * the next call, or NULL if they cannot be mapped.
 */
typedef const void *phys_map_t(vm_paddr_t pa, vm_size_t len);

void	physmem_add(struct physmem *mem, vm_paddr_t start, vm_paddr_t end);
void	physmem_remove(struct physmem *mem, vm_paddr_t start, vm_paddr_t end);
bool	physmem_contains(const struct physmem *mem, vm_paddr_t start,
	    vm_paddr_t end);
void	physmem_trim(struct physmem *mem);
vm_paddr_t physmem_size(const struct physmem *mem);
vm_paddr_t physmem_reach(const struct physmem *mem, vm_paddr_t size);

#endif /* !_BOOT_PHYSMEM_H_ */
