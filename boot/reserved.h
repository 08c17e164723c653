/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _BOOT_RESERVED_H_
#define	_BOOT_RESERVED_H_

/*
 * Which bytes of memory the loader and the firmware have in use, whether their
 * maps say so or not.  What has to be placed in memory is placed elsewhere.
 */

#include <sys/types.h>
#include <boot/physmem.h>

#define	LOW_RAM_END	0xa0000u	/* of a PC, 640 KiB */

struct reserved_list {
	struct reserved {
		vm_paddr_t	start;		/* bytes; never empty */
		vm_paddr_t	end;
		const char	*what;		/* for messages */
	} r[PHYSMEM_MAXRESERVED];
	u_int		n;
};

bool	reserved_add(struct reserved_list *list, vm_paddr_t start,
	    vm_paddr_t end, const char *what);
void	reserved_set_end(struct reserved_list *list, vm_paddr_t start,
	    vm_paddr_t end);
const char *reserved_by(const struct reserved_list *list, vm_paddr_t start,
	    vm_paddr_t end);
void	reserved_remove(const struct reserved_list *list, struct physmem *mem);
vm_paddr_t reserved_low_page(const struct reserved_list *list,
	    const struct physmem *ram, vm_paddr_t low_end);

#endif /* !_BOOT_RESERVED_H_ */
