/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_PEEK_H_
#define	_MACHINE_PEEK_H_

/* Physical memory on the bootstrap page tables: arch/i386/mmu/peek.c. */

#include <sys/types.h>
#include <boot/physmem.h>

phys_map_t boot_map, boot_peek;

#endif /* !_MACHINE_PEEK_H_ */
