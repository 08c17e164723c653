/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _BOOT_BIOS_H_
#define	_BOOT_BIOS_H_

/* What a PC's BIOS keeps below 1 MiB. */

#include <sys/types.h>
#include <boot/physmem.h>
#include <boot/reserved.h>

#define	EBDA_SCAN	1024u	/* where an RSDP may be, ACPI 6.4, 5.2.5.1 */

vm_paddr_t bios_ebda(phys_map_t *map);
vm_paddr_t bios_low_end(phys_map_t *map, uint32_t mem_lower);
void	bios_reserve(phys_map_t *map, struct reserved_list *list);

#endif /* !_BOOT_BIOS_H_ */
