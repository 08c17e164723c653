/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_SF_PTE_H_
#define	_MACHINE_SF_PTE_H_

/*
 * The machine's side of sf_buf(9): the page-table entry and the address of a
 * slot.  What a miss needs is inline; the rest, and the invariants of an entry,
 * are in arch/i386/mmu/sf_pte.c.
 *
 * A slot is named by the address of its structure, a page by the offset of its
 * own in vm_page_array (<sf_buf/slot.h>).  The sizes are powers of 2, so a
 * shift gives the entry's index, the slot's address and the physical address.
 */

#include <sys/types.h>
#include <machine/hw.h>
#include <machine/vmparam.h>

struct sf_buf;
extern volatile uint32_t sf_ptes[][2];	/* low, high half of each slot's */
extern uint32_t sf_pte_nx;		/* the NX bit of a high word, or 0 */

#define	SF_PAGE_SHIFT	7		/* page offset to physical address */
_Static_assert(VM_PAGE_STRUCT << SF_PAGE_SHIFT == PAGE_SIZE, "SF_PAGE_SHIFT");

#define	SF_PTE_V	0x001u		/* PG_V and so on, of a low word */
#define	SF_PTE_RW	0x002u
#define	SF_PTE_A	0x020u


/* The address that a slot maps. */
static inline vm_offset_t
sf_pte_kva(const struct sf_buf *sf)
{
	return ((vm_offset_t)(uint32_t)((uintptr_t)sf *
	    (PAGE_SIZE / SF_SLOT_SIZE)));
}
_Static_assert((uint32_t)(SF_SLOTS_MIN * (PAGE_SIZE / SF_SLOT_SIZE)) ==
    SF_BUF_MIN, "sf_pte_kva()");

static inline u_int
sf_pte_index(const struct sf_buf *sf)
{
	return ((u_int)((uintptr_t)sf - SF_SLOTS_MIN) / SF_SLOT_SIZE);
}

/* The halves of a slot's entry: low, high. */
static inline volatile uint32_t *
sf_pte_halves(const struct sf_buf *sf)
{
	return (sf_ptes[sf_pte_index(sf)]);
}

/* The address of a page that the direct map serves. */
static inline vm_offset_t
sf_dmap_kva(uint32_t page)
{
	return (DMAP_MIN + page * (PAGE_SIZE / VM_PAGE_STRUCT));
}

/*
 * sf_pte_enter: not-present to present; needs no invalidation if no translation
 * of the address is left anywhere (SDM vol. 3A 4.10.4.3).  Any context; the
 * caller owns the slot.  The high word is stored before the low one, which
 * holds P: the other way round a walker could pair the new low word with an old
 * high one and map a frame that is 4 GiB off.  The lowest byte is the
 * page's in an array that has the first page's at `states': SF_PTE_V, and
 * SF_PTE_RW if the page may be written.  (Given the address of that byte itself,
 * gcc would compute it too early, and save one more register.)  `accessed' is
 * SF_PTE_A if a TLB may cache this very translation already, else 0.
 */
static inline void
sf_pte_enter(const struct sf_buf *sf, uint32_t page,
    const volatile uint8_t *states, uint32_t accessed)
{
	u_int i = sf_pte_index(sf);

	hw_store32(&sf_ptes[i][1], page >> (32 - SF_PAGE_SHIFT) | sf_pte_nx);
	hw_store32(&sf_ptes[i][0], hw_or8(page << SF_PAGE_SHIFT | accessed,
	    states + page));
}

/*
 * sf_pte_remove: present to not-present; returns the low word that it
 * replaced, in which A is set if a TLB may cache the translation.  Any context;
 * the caller owns the slot.  P is cleared and A read by one locked exchange: a
 * walk that sets A looks at P again in the same locked access, so an entry
 * found with A=0 here was cached by no TLB (SDM vol. 3A 4.10.2.3, 4.10.4.3; AMD
 * APM vol. 2 5.5).  A load followed by a store would lose an A that a
 * speculative walk sets in between.
 */
static inline uint32_t
sf_pte_remove(const struct sf_buf *sf)
{
	return (hw_xchg32(sf_pte_halves(sf), 0));
}

/*
 * sf_pte_keep_accessed: leaves A of `bits' in an entry that sf_pte_remove() has
 * made not present, so that the next sf_pte_remove() returns it.  No walker
 * looks at the other bits of an entry without P.
 */
static inline void
sf_pte_keep_accessed(const struct sf_buf *sf, uint32_t bits)
{
	hw_store32(sf_pte_halves(sf), bits & SF_PTE_A);
}

/* sf_pte_invalidate: drops the slot's translation on this CPU only. */
static inline void
sf_pte_invalidate(const struct sf_buf *sf)
{
	hw_invlpg(sf_pte_kva(sf));
}

void	sf_pte_init(void);
uint32_t sf_dmap_pages(void);
const char *sf_pte_audit(const struct sf_buf *sf, uint32_t page,
	    uint32_t rights);

#endif /* !_MACHINE_SF_PTE_H_ */
