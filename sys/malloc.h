/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_MALLOC_H_
#define	_SYS_MALLOC_H_

/* Kernel memory by the byte: vm/kmalloc.c.  For pages see <vm/kmem.h>. */

#include <sys/types.h>

#define	M_ZERO		0x0100	/* fill with zeroes */

/*
 * kmalloc: allocates size bytes, aligned to 16; a size of 0 gives a valid
 * address, too.  Any context but NMI, no lock of rank RANK_MALLOC or later
 * held; never sleeps.  Returns NULL if out of memory.  The memory belongs to
 * the caller until kfree(); without M_ZERO its contents are undefined.
 */
void	*kmalloc(size_t size, int flags);

/*
 * kfree: frees what kmalloc() returned; does nothing if addr is NULL.  Context
 * as kmalloc().  Panics, naming the caller, if addr is not allocated; with
 * DEBUG it also names the caller that freed it first, and panics if bytes
 * before or behind the allocation were overwritten.
 */
void	kfree(void *addr);

/*
 * kmalloc_bytes: returns the bytes that are allocated, each allocation rounded
 * up.  Any context but NMI.
 */
size_t	kmalloc_bytes(void);

void	kmalloc_init(void);

#endif /* !_SYS_MALLOC_H_ */
