/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_RAM_H_
#define	_VM_RAM_H_

/* RAM during start-up, before the page allocator has it.  See vm/ram.c. */

#include <sys/types.h>

struct bootinfo;

/* End of RAM and of the boot module; the page array covers what is below. */
extern vm_paddr_t ram_end;

void	ram_init(const struct bootinfo *bi);
vm_paddr_t ram_alloc(vm_size_t size, vm_paddr_t limit);
vm_paddr_t ram_alloc_top(vm_size_t size);
void	ram_release(void (*give)(vm_paddr_t start, vm_paddr_t end));

#endif /* !_VM_RAM_H_ */
