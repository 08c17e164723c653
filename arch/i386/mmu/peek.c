/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Shows physical memory as long as the bootstrap page tables are in use.  Owns
 * two entries of their upper directory, which map nothing else.  One CPU runs.
 */

#include <sys/types.h>
#include <machine/hw.h>
#include <machine/peek.h>
#include <machine/pmap.h>

#define	LARGE_PAGE	0x200000u
#define	PEEK		(DMAP_SIZE / LARGE_PAGE)	/* and the next one */

extern uint64_t boot_high_pd[];		/* early.c: mapped one to one */

/*
 * boot_map: returns the address of physical memory that the bootstrap tables
 * map: all of the direct map, whether there is RAM or not.  NULL if len bytes
 * at pa are not all in there.
 */
const void *
boot_map(vm_paddr_t pa, vm_size_t len)
{
	if (pa >= DMAP_SIZE || len > DMAP_SIZE - pa)
		return (NULL);
	return ((const void *)(DMAP_MIN + (vm_offset_t)pa));
}

/*
 * Maps a large page by the first or the second entry, read-only.  Not present
 * first: an entry of 64 bits must not be present while it is half changed.
 */
static void
show(u_int i, vm_paddr_t pa)
{
	volatile uint32_t *half = (volatile uint32_t *)&boot_high_pd[PEEK + i];

	hw_store32(&half[0], 0);
	hw_store32(&half[1], (uint32_t)(pa >> 32));
	if (pa < 1ull << pmap_maxphyaddr())
		hw_store32(&half[0], (uint32_t)pa | PG_V | PG_PS);
	hw_invlpg(DMAP_MIN + (PEEK + i) * LARGE_PAGE);
}

/*
 * boot_peek: returns an address of len bytes, at most 2 MiB, at any physical
 * address, which is good until the next call.  NULL if the CPU cannot form the
 * address.
 */
const void *
boot_peek(vm_paddr_t pa, vm_size_t len)
{
	vm_paddr_t limit = 1ull << pmap_maxphyaddr();
	vm_offset_t off = (vm_offset_t)(pa & (LARGE_PAGE - 1));

	if (boot_map(pa, len) != NULL)
		return (boot_map(pa, len));
	if (len > LARGE_PAGE || pa >= limit || len > limit - pa)
		return (NULL);
	show(0, pa - off);
	show(1, pa - off + LARGE_PAGE);
	return ((const void *)(DMAP_MIN + PEEK * LARGE_PAGE + off));
}
