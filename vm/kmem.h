/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_KMEM_H_
#define	_VM_KMEM_H_

/*
 * Kernel memory by the page: wired pages, mapped at addresses of their own
 * between unmapped ones.  See vm/kmem.c.  Smaller pieces are kmalloc()'s.
 */

#include <sys/types.h>
#include <sys/malloc.h>		/* M_ZERO */

struct kva_tag;
struct kmem_stats {
	u_int total;		/* pages of address space */
	u_int free;		/* of them, with guards */
	u_int quarantined;	/* of them, without guards */
};

/*
 * kmem_alloc: size bytes, rounded up to pages, readable, writable and not
 * executable, an unmapped page before and behind.  Any context but NMI, no
 * lock of rank RANK_KVA or later held; does not sleep, but where that is
 * allowed (tlb_may_wait()) it may wait for other CPUs to flush rather than
 * fail.  NULL if pages or addresses ran out.  The memory is the caller's
 * until kmem_free(); its contents are undefined without M_ZERO.
 */
void	*kmem_alloc(vm_size_t size, int flags);

/*
 * kmem_free: gives back what kmem_alloc() returned, with the same size.  Any
 * context but NMI; never waits.  Addresses and pages are used again only
 * when no TLB can hold a translation.  Panics on anything else, naming the
 * caller and who had the address before.
 */
void	kmem_free(void *addr, vm_size_t size);

/* The same on behalf of another caller, for kmalloc(). */
void	*kmem_alloc_for(vm_size_t size, int flags, const void *caller);
void	kmem_free_for(void *addr, vm_size_t size, const void *caller);

/*
 * kmem_reclaim: gives back what is in quarantine; false if that was nothing.
 * Where it may wait for other CPUs it makes them flush and so gets all of
 * it, else only what is clean.  Context as kmem_alloc().
 */
bool	kmem_reclaim(void);

/* kmem_kva_alloc: addresses only, for whom maps there.  0 if none left. */
vm_offset_t kmem_kva_alloc(vm_size_t size);

/* What is where; each figure right by itself.  Any context but NMI. */
void	kmem_stats_read(struct kmem_stats *s);

/* A thread's stack: KSTACK_SIZE bytes.  NULL if there is no memory. */
void	*kstack_alloc(void);
void	kstack_free(void *stack);

/*
 * kmem_size: pages of the allocation that begins at addr, 0 if none does;
 * *caller: who allocated or freed there last, or NULL.  Any context but NMI.
 */
u_int	kmem_size(const void *addr, const void **caller);

void	kmem_init(vm_offset_t base, vm_size_t size, struct kva_tag *tags);

#endif /* !_VM_KMEM_H_ */
