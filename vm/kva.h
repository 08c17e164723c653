/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_KVA_H_
#define	_VM_KVA_H_

/*
 * Arenas of kernel addresses, by the page.  See vm/kva.c; vm/kmem.c backs the
 * addresses with memory.
 */

#include <sys/types.h>
#include <sys/lock.h>

#define	KVA_MAXPAGES	0xfffeu		/* indices and sizes are 16 bits */
#define	KVA_EXACT	63u		/* lists for each size up to this */
#define	KVA_LISTS	(KVA_EXACT + 10)
#define	KVA_WORDS	((KVA_LISTS + 31) / 32)

/*
 * One for each page of an arena.  Only the tags of the first and the last page
 * of a range have flags and size; the other fields are valid in the first.
 */
struct kva_tag {
	uint16_t flags;		/* KVA_* of kva.c */
	uint16_t size;		/* of the range, in pages, guard included */
	uint16_t next;		/* of its free list or quarantine */
	uint16_t prev;		/* of its free list */
	uint32_t pages;		/* in quarantine: chain of its pages */
	const void *caller;	/* of the last allocation or free */
};

/* Ranges whose entries were removed, and which share a stamp. */
struct kva_batch {
	uint16_t head, tail;
	uint32_t stamp;		/* from tlb_close(), after the removals */
};

struct kva_arena {
	struct spinlock lock;	/* protects all below */
	vm_offset_t base;
	u_int npages;
	u_int nfree;		/* pages */
	u_int nquarantined;	/* pages */
	struct kva_tag *tags;
	struct kva_batch open, closed;
	uint32_t nonempty[KVA_WORDS];
	uint16_t head[KVA_LISTS];
};

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
