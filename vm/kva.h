/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_KVA_H_
#define	_VM_KVA_H_

/*
 * Arenas of kernel addresses, by the page.  See vm/kva.c; what backs them
 * with memory is <vm/kmem.h>.
 */

#include <sys/types.h>
#include <sys/lock.h>

#define	KVA_MAXPAGES	0xfffeu		/* indices and sizes are 16 bits */
#define	KVA_EXACT	63u		/* lists for each size up to this */
#define	KVA_LISTS	(KVA_EXACT + 10)
#define	KVA_WORDS	((KVA_LISTS + 31) / 32)

/*
 * One for each page of an arena.  Only the first and the last page of a
 * range have flags, and so a size; the rest is of its first page.
 */
struct kva_tag {
	uint16_t flags;		/* KVA_* of kva.c */
	uint16_t size;		/* of the range, in pages, guard included */
	uint16_t next;		/* of its free list or quarantine */
	uint16_t prev;		/* of its free list */
	uint32_t pages;		/* in quarantine: chain of pages to free */
	const void *caller;	/* who allocated or freed it last */
};

/* Ranges whose entries were removed, for one flush of all TLBs. */
struct kva_batch {
	uint16_t head, tail;
	uint32_t stamp;		/* what tlb_close() returned after it */
};

struct kva_arena {
	struct spinlock lock;	/* guards all below */
	vm_offset_t base;
	u_int npages;
	u_int nfree;		/* pages */
	u_int nquarantined;	/* pages */
	struct kva_tag *tags;
	struct kva_batch open, closed;
	uint32_t nonempty[KVA_WORDS];
	uint16_t head[KVA_LISTS];
};

/* What vm_page_index() never is: ends a chain of pages. */
#define	KVA_NOPAGES	0xffffffffu

void	kva_init(struct kva_arena *a, const char *name, vm_offset_t base,
	    u_int npages, struct kva_tag *tags);
vm_offset_t kva_alloc(struct kva_arena *a, u_int npages, const void *caller);
u_int	kva_size(struct kva_arena *a, vm_offset_t va, const void **caller);
void	kva_retire(struct kva_arena *a, vm_offset_t va, u_int npages,
	    const void *caller);
void	kva_release(struct kva_arena *a, vm_offset_t va);
void	kva_quarantine(struct kva_arena *a, vm_offset_t va, uint32_t pages);
bool	kva_harvest(struct kva_arena *a, uint32_t *pages);
bool	kva_close(struct kva_arena *a, uint32_t *stamp);

#endif /* !_VM_KVA_H_ */
