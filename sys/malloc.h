/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_MALLOC_H_
#define	_SYS_MALLOC_H_

/* Kernel memory by the byte: vm/kmalloc.c.  By the page: <vm/kmem.h>. */

#include <sys/types.h>

#define	M_ZERO		0x0100	/* fill with zeroes */

/*
 * kmalloc: size bytes, aligned to 16; 0 bytes is an address as well.  Any
 * context but NMI, no lock of rank RANK_MALLOC or later held; never sleeps.
 * NULL if there is no memory.  It is the caller's until kfree(); without
 * M_ZERO its contents are undefined.
 */
void	*kmalloc(size_t size, int flags);

/*
 * kfree: gives back what kmalloc() returned; NULL is nothing to do.  Context
 * as kmalloc().  Panics, naming the caller, if addr is no live allocation;
 * with DEBUG it names who freed it too, and panics if anything was written
 * before or behind the allocation.
 */
void	kfree(void *addr);

/* kmalloc_bytes: what is allocated, rounded up.  Any context but NMI. */
size_t	kmalloc_bytes(void);

void	kmalloc_init(void);

#endif /* !_SYS_MALLOC_H_ */
