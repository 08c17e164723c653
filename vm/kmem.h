/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_KMEM_H_
#define	_VM_KMEM_H_

/*
 * Kernel memory by the page: wired pages, mapped at addresses of their own
 * between unmapped ones.  See vm/kmem.c.  kmalloc() allocates smaller pieces.
 */

#include <sys/types.h>
#include <sys/malloc.h>		/* M_ZERO */

struct kmem_stats {
	u_int total;		/* pages of address space */
	u_int free;		/* of total; guards included */
	u_int quarantined;	/* of total; guards not included */
};

/*
 * kmem_alloc: allocates size bytes, rounded up to pages, readable, writable
 * and not executable, with an unmapped page before and behind.  Any context but
 * NMI, no lock of rank RANK_KVA or later held.  Does not sleep; but if the
 * context allows it (tlb_may_wait()) waits for other CPUs to flush rather than
 * fail.  NULL if pages or addresses ran out.  The memory is the caller's until
 * kmem_free(); its contents are undefined without M_ZERO.
 */
void	*kmem_alloc(vm_size_t size, int flags);

/*
 * kmem_free: frees what kmem_alloc() returned; the size is the same.  Any
 * context but NMI; never waits.  Addresses and pages are used again only when
 * no TLB can hold a translation.  Panics if no allocation of that size begins
 * at addr, naming the caller and the last caller that allocated or freed there.
 */
void	kmem_free(void *addr, vm_size_t size);

/* As kmem_alloc() and kmem_free(), on behalf of another caller. */
void	*kmem_alloc_for(vm_size_t size, int flags, const void *caller);
void	kmem_free_for(void *addr, vm_size_t size, const void *caller);

/*
 * kmem_reclaim: frees ranges that are in quarantine; false if there was none to
 * free.  If it may wait for other CPUs it makes them flush, and frees all
 * ranges; if not, it frees those that have been flushed.  Context as
 * kmem_alloc().
 */
bool	kmem_reclaim(void);

/*
 * kmem_kva_alloc: as kmem_alloc(), but addresses only, for callers that map
 * there themselves.  0 if none are left.  They are never freed.
 */
vm_offset_t kmem_kva_alloc(vm_size_t size);

/*
 * kmem_stats_read: reads the counts of pages, one after another: they may not
 * fit each other.  Any context but NMI.
 */
void	kmem_stats_read(struct kmem_stats *s);

/*
 * kstack_alloc, kstack_free: allocate and free a thread's stack, KSTACK_SIZE
 * bytes, as kmem_alloc() and kmem_free() do.
 */
void	*kstack_alloc(void);
void	kstack_free(void *stack);

/*
 * kmem_size: returns the pages of the allocation that begins at addr, 0 if none
 * does.  *caller is the last caller that allocated or freed there, or NULL.
 * Any context but NMI.
 */
u_int	kmem_size(const void *addr, const void **caller);

/*
 * kmem_tags_size: returns the bytes that kmem_init() will take by ram_alloc(),
 * exactly.
 */
vm_size_t kmem_tags_size(vm_offset_t start, vm_offset_t end);

/*
 * kmem_init: makes [start, end), which has page tables and nothing mapped, the
 * arena of kernel addresses.  Start-up, once, before ram_release().
 */
void	kmem_init(vm_offset_t start, vm_offset_t end);

#endif /* !_VM_KMEM_H_ */
