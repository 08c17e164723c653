/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_VM_PAGE_H_
#define	_VM_VM_PAGE_H_

/*
 * The page array: one struct vm_page for each frame from 0 to the end of
 * RAM, holes included.  A frame's index in the array is its frame number.
 */

#include <sys/types.h>

struct vm_page {
	union {
		uint32_t next;	/* free list: frame of the next block; */
		volatile uint32_t writers;	/* or <vm/vm_state.h> */
	};
	union {
		uint32_t prev;	/*	both are the owner's if allocated, */
		volatile uint32_t holders;	/*	has them */
	};
	union {
		uint64_t wiring;	/* both words, for one exchange */
		struct {
			uint32_t wire_count;	/* vm_page_wire(9); atomic */
			uint32_t sf_refs;	/* see below; atomic */
		};
	};
	uint32_t sf;		/* its shared slot, sf_addr(), or 0; atomic */
	uint16_t sf_private;	/* its last CPU-private slot, or stale */
	union {
		uint8_t order;	/* of the free block that this page heads */
		uint8_t state;	/* if allocated: <vm/vm_state.h> */
	};
	uint8_t zone : 2;	/* enum vm_zone, fixed at start */
	uint8_t flags : 6;	/* VPF_* */
	const void *caller;	/* of the last allocation or free */
} __attribute__((aligned(32)));	/* a shift finds the index */
_Static_assert(sizeof(struct vm_page) == 32, "struct vm_page grew");

/*
 * sf_refs counts the references of sf_buf(9) that no shared slot counts.  While
 * the page has no wiring it is SF_REFS_UNWIRED instead, whose top bit stays set
 * when sf_buf(9) adds or subtracts a reference.  So the sign of the result
 * says whether the page is wired and the count valid.
 */
#define	SF_REFS_UNWIRED	0xc0000000u

/* No frame: ends a chain of pages by their `next' or `prev'. */
#define	VM_PAGE_NONE	0xffffffffu

static inline bool
sf_refs_any(uint32_t refs)
{
	return (refs != 0 && refs != SF_REFS_UNWIRED);
}

#define	VPF_FREE	0x01	/* heads a block on a free list */
#define	VPF_RESERVED	0x02	/* a hole, firmware or the kernel's image */
#define	VPF_ALLOCATED	0x04	/* handed out by vm_page_alloc */
#define	VPF_SLAB	0x08	/* the owner's: a slab of kmalloc.c */
#define	VPF_MALLOC	0x10	/* the owner's: first of a large kmalloc() */
#define	VPF_POISONED	0x20	/* free, filled by vm_page_poison() */

enum vm_zone {
	VM_ZONE_LOW,		/* below 16 MiB: ISA DMA, trampoline */
	VM_ZONE_DIRECT,		/* below the direct map's limit */
	VM_ZONE_MID,		/* below 4 GiB: 32-bit DMA */
	VM_ZONE_HIGH,		/* 4 GiB and above */
	VM_NZONES
};

/* Requests for vm_page_alloc().  By default, the highest zone with a page. */
#define	VM_ALLOC_DIRECT	0x01	/* must be in the direct map */
#define	VM_ALLOC_HIGH	0x02	/* must be at 4 GiB or above */
#define	VM_ALLOC_LOW	0x04	/* must be below 16 MiB */
#define	VM_ALLOC_USER	0x08	/* must not be in the direct map */
#define	VM_ALLOC_WIRED	0x10	/* comes with one wiring */
#define	VM_ALLOC_EASY	0x20	/* only if it is free: no vm_lowmem() */

/*
 * linker.ld gives the array the address of its window (<machine/vmparam.h>), so
 * that indexing it loads no pointer.
 */
extern struct vm_page vm_page_array[];
extern uint32_t vm_page_count;		/* frames covered by the array */

/*
 * Called when an allocation finds no page.  Returns true if it freed pages, so
 * that another try may succeed.  vm/kmem.c sets it at start-up,
 * and arch/i386/space/pmap_wait.c then puts itself before that.
 */
extern bool (*vm_lowmem)(void);

static inline uint32_t
vm_page_index(const struct vm_page *m)
{
	return ((uint32_t)(m - vm_page_array));
}

/* The bytes of the page array for the frames below `end'. */
static inline vm_size_t
vm_page_array_size(vm_paddr_t end)
{
	return ((vm_size_t)round_page(atop(end) * sizeof(struct vm_page)));
}

#define	VM_PAGE_TO_PHYS(m)	ptoa(vm_page_index(m))
#define	PHYS_TO_VM_PAGE(pa)	(&vm_page_array[atop(pa)])

/* vm_page.c: the allocator. */
void	vm_page_startup(uint32_t count, vm_paddr_t dmap_limit);
void	vm_page_add_range(vm_paddr_t start, vm_paddr_t end);
struct vm_page *vm_page_alloc(int req);
struct vm_page *vm_page_alloc_order(int req, u_int order);
void	vm_page_free(struct vm_page *m);
void	vm_page_free_order(struct vm_page *m, u_int order);
void	vm_page_free_for(struct vm_page *m, const void *caller);

/* vm_wire.c: wirings. */
void	vm_page_wire(struct vm_page *m);
void	vm_page_unwire(struct vm_page *m, int activate);
bool	vm_page_wired(const struct vm_page *m);

/* vm_stat.c: counts, in pages. */
uint32_t vm_page_wired_count(void);
uint32_t vm_page_zone_free(enum vm_zone zone);
uint32_t vm_page_zone_wired(enum vm_zone zone);
uint32_t vm_page_zone_total(enum vm_zone zone);
const char *vm_page_zone_name(enum vm_zone zone);

#ifdef DEBUG
/* vm_poison.c: free pages hold a pattern, which finds writes to them. */
bool	vm_page_poison(const struct vm_page *m);
void	vm_page_poison_check(const struct vm_page *m, const void *caller);
#endif

#endif /* !_VM_VM_PAGE_H_ */
