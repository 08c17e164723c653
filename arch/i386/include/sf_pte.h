/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_SF_BUF_H_
#define	_MACHINE_SF_BUF_H_

/*
 * The machine's side of sf_buf(9): slots, pages and addresses, no references.
 * What a miss needs is inline; the rest, and the invariants of an entry, are
 * in arch/i386/mmu/sf_pte.c.
 *
 * The portable part tells a slot and a page by how far their structures lie
 * into their arrays, in bytes, and the first slot by 1 slot; powers of 2 as
 * the sizes are, an entry and a frame's address are a shift away.
 */

#include <sys/types.h>
#include <machine/hw.h>
#include <machine/vmparam.h>

extern volatile uint32_t sf_ptes[][2];	/* low, high; the first slot's is [1] */
extern uint32_t sf_pte_nx;		/* the NX bit of a high word, or 0 */

#define	SF_PAGE_SHIFT	7		/* from a page as told to its address */
_Static_assert(VM_PAGE_STRUCT << SF_PAGE_SHIFT == PAGE_SIZE, "SF_PAGE_SHIFT");

#define	SF_PTE_V	0x001u		/* PG_V and so on, of a low word */
#define	SF_PTE_RW	0x002u
#define	SF_PTE_A	0x020u
#define	SF_PTE_TOLD	0x200u		/* ours to use: A says nothing */

/* What an entry begins with: */
#define	SF_PTE_NEW	(SF_PTE_V | SF_PTE_RW)	/* A will tell of its use */
#define	SF_PTE_HELD	(SF_PTE_NEW | SF_PTE_A | SF_PTE_TOLD) /* a TLB may
				hold it already, or as a rule soon will */

/* The address of the slot whose structure is this. */
static inline vm_offset_t
sf_buf_md_kva_of(const void *sf)
{
	return ((vm_offset_t)(uint32_t)((uintptr_t)sf *
	    (PAGE_SIZE / SF_SLOT_SIZE)));
}
_Static_assert((uint32_t)(SF_SLOTS_MIN * (PAGE_SIZE / SF_SLOT_SIZE)) ==
    SF_BUF_MIN, "sf_buf_md_kva_of()");

static inline vm_offset_t
sf_buf_md_kva(uint32_t slot)
{
	return (SF_BUF_MIN - PAGE_SIZE + slot * (PAGE_SIZE / SF_SLOT_SIZE));
}

/* The halves of its entry: low, high. */
static inline volatile uint32_t *
sf_buf_md_pte(uint32_t slot)
{
	return (sf_ptes[slot / SF_SLOT_SIZE]);
}

/* The address of a page that the direct map serves. */
static inline vm_offset_t
sf_buf_md_direct_kva(uintptr_t page)
{
	return (DMAP_MIN + page * (PAGE_SIZE / VM_PAGE_STRUCT));
}

/*
 * sf_buf_md_enter: not-present to present; needs no invalidation if no
 * translation of the address is left anywhere (SDM vol. 3A 4.10.4.3).  Any
 * context; the caller owns the slot.  The high word is stored before the low
 * one, which holds P: the other way round a walker could pair the new low
 * word with an old high one and map a frame that is 4 GiB off.  `bits' is one
 * of SF_PTE_NEW and its like.
 */
static inline void
sf_buf_md_enter(uint32_t slot, uint32_t page, uint32_t bits)
{
	uint32_t i = slot / SF_SLOT_SIZE;

	hw_store32(&sf_ptes[i][1], page >> (32 - SF_PAGE_SHIFT) | sf_pte_nx);
	hw_store32(&sf_ptes[i][0], page << SF_PAGE_SHIFT | bits);
}

/*
 * sf_buf_md_remove: present to not-present; true if a TLB may hold the
 * translation.  Any context; the caller owns the slot.  P is cleared and A
 * read by one locked exchange: a walk that sets A looks at P again in the
 * same locked access, so an entry found with A=0 here was cached by nobody
 * (SDM vol. 3A 4.10.2.3, 4.10.4.3; AMD APM vol. 2 5.5).  A load followed by
 * a store would lose an A that a speculative walk sets in between.
 */
static inline bool
sf_buf_md_remove(uint32_t slot)
{
	return ((hw_xchg32(sf_buf_md_pte(slot), 0) & SF_PTE_A) != 0);
}

/*
 * sf_buf_md_remove_held: the same by a store if A is found set; else by
 * sf_buf_md_remove(), which decides.  A that is set can tell nothing more, and
 * a walker that sets D does so by a locked access, before the store or not at
 * all.
 */
static inline bool
sf_buf_md_remove_held(uint32_t slot)
{
	if (!hw_test32(sf_buf_md_pte(slot), SF_PTE_A))
		return (sf_buf_md_remove(slot));
	hw_store32(sf_buf_md_pte(slot), 0);
	return (true);
}

/*
 * sf_buf_md_was_used: whether there is a mapping, and its A bit says that it
 * was used.
 */
static inline bool
sf_buf_md_was_used(uint32_t slot)
{
	return ((hw_load32(sf_buf_md_pte(slot)) &
	    (SF_PTE_V | SF_PTE_A | SF_PTE_TOLD)) == (SF_PTE_V | SF_PTE_A));
}

/* sf_buf_md_invalidate: drops the slot's translation on this CPU only. */
static inline void
sf_buf_md_invalidate(uint32_t slot)
{
	hw_invlpg(sf_buf_md_kva(slot));
}

void	sf_buf_md_init(void);
uint32_t sf_buf_md_direct_pages(void);
const char *sf_buf_md_audit(uint32_t slot, bool mapped, uint32_t page);

#endif /* !_MACHINE_SF_BUF_H_ */
