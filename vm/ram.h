/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_RAM_H_
#define	_VM_RAM_H_

/* RAM during start-up, before the page allocator has it.  See vm/ram.c. */

#include <sys/types.h>

struct bootinfo;

/* What start-up needs; sizes in bytes. */
struct ram_needs {
	vm_size_t	size;		/* of all that ram_alloc() is asked
					   for, whole pages */
	vm_paddr_t	limit;		/* below which all of it must lie */
	vm_size_t	left;		/* that must then be free */
};

/*
 * Computes the needs of a machine whose page array ends at ram_end, and which
 * has this RAM free besides.
 */
struct physmem;
typedef void ram_needs_t(const struct physmem *free, vm_paddr_t ram_end,
	    struct ram_needs *needs);

/* End of the RAM that is used; the page array covers what is below. */
extern vm_paddr_t ram_end;
/* The limit of the needs: the direct map ends there. */
extern vm_paddr_t ram_limit;

bool	ram_init(const struct bootinfo *bi, ram_needs_t *needs, char *err,
	    size_t errlen);
vm_paddr_t ram_alloc(vm_size_t size);
vm_paddr_t ram_page_array(void);
void	ram_release(void (*give)(vm_paddr_t start, vm_paddr_t end));

#endif /* !_VM_RAM_H_ */
