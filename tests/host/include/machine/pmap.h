/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_PMAP_H_
#define	_MACHINE_PMAP_H_

/* Host shim: the test defines these functions and variables. */

#include <sys/types.h>

#define	KSTACK_SIZE	16384u

extern vm_paddr_t dmap_limit;

void	*pmap_dmap(vm_paddr_t pa);
void	pmap_kenter(vm_offset_t va, vm_paddr_t pa);
bool	pmap_kremove(vm_offset_t va);
vm_paddr_t pmap_kextract(vm_offset_t va);

#endif /* !_MACHINE_PMAP_H_ */
