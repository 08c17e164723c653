/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What a PC's BIOS keeps below 1 MiB: its data area, and the extended one
 * (EBDA) at the end of low memory.  The end of low memory is given up to four
 * times, and any of the figures may be wrong.  One that is too low costs some
 * pages, one that is too high costs memory that is in use.  So the lowest
 * counts, among those that are possible.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <boot/bios.h>

#define	BDA_END		0x500u	/* vectors, data area, and DOS's first 256 */
#define	BDA_EBDA	0x40eu	/* real-mode segment of the EBDA */
#define	BDA_LOW_KIB	0x413u	/* low memory in KiB, without the EBDA */
#define	LOW_RAM_LEAST	0x20000u /* no PC has less than 128 KiB */

static bool
is_possible(vm_paddr_t low_end)
{
	return (low_end >= LOW_RAM_LEAST && low_end < LOW_RAM_END);
}

static uint32_t
read16(phys_map_t *map, vm_paddr_t pa)
{
	const uint8_t *p = map(pa, 2);

	return (p == NULL ? 0 : p[0] | (uint32_t)p[1] << 8);
}

/*
 * bios_ebda: returns the address of the extended BIOS data area; 0 if there is
 * none, or the address is not possible.  Start-up, as long as map works.
 */
vm_paddr_t
bios_ebda(phys_map_t *map)
{
	vm_paddr_t ebda = read16(map, BDA_EBDA) << 4;

	return (is_possible(ebda) ? ebda : 0);
}

/*
 * bios_low_end: returns the end of low memory.  mem_lower is what the loader
 * says about it, in KiB, or 0.  Start-up, as long as map works.
 */
vm_paddr_t
bios_low_end(phys_map_t *map, uint32_t mem_lower)
{
	const vm_paddr_t given[] = {
		bios_ebda(map),
		(vm_paddr_t)read16(map, BDA_LOW_KIB) << 10,
		(vm_paddr_t)mem_lower << 10,
	};
	vm_paddr_t end = LOW_RAM_END;

	for (u_int i = 0; i < nitems(given); i++)
		if (is_possible(given[i]) && given[i] < end)
			end = given[i];
	return (end);
}

/*
 * bios_reserve: reserves what the BIOS keeps, as the first entries of the list.
 * Start-up, as long as map works.
 */
void
bios_reserve(phys_map_t *map, struct reserved_list *list)
{
	vm_paddr_t ebda = bios_ebda(map);

	(void)reserved_add(list, 0, BDA_END, "BIOS data area");
	if (ebda != 0)
		(void)reserved_add(list, ebda, LOW_RAM_END,
		    "extended BIOS data area");
}
