/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS__SF_BUF_H_
#define	_SYS__SF_BUF_H_

/*
 * Private to sf_buf(9): what a slot is, and the paths that are short enough
 * to stand in their callers: a hit, a miss that finds a slot ready, a free,
 * the direct map.
 *
 * A slot is one page of kernel address space.  Its state is one 8-byte word:
 * the page that it maps, told by how far its structure lies into the page
 * array, in bytes; and what is called its count:
 *
 *	USED		bit 0: hit since evict() last passed.  It is below the
 *			references, so that one too few borrows from the top
 *	bits 1-18	references, each SF_REF
 *	bits 19-26	0, or 1 + the CPU that it is private to
 *	state		MAPPED, CLAIMED, REMOVED, REVIVING
 *	UNLISTED	mapped and in no ring; all others are in the ring of one
 *			pool, or CLAIMED, or on their way there
 *	SLOW		not just MAPPED, in a ring, and for everybody: its frees
 *			have more to do.  The top bit, which instructions test
 *
 *	MAPPED	 -> CLAIMED	unreferenced, by who has its pool's lock, or in
 *				strict mode by the last free
 *	CLAIMED	 -> REMOVED	its entry is gone; it is in a ring
 *	REMOVED	 -> CLAIMED	by who has its pool's lock, or has it ready,
 *				for another page; and back, if that was wrong
 *	REMOVED	 -> REVIVING	by who wants the page back that it mapped
 *	REVIVING -> MAPPED	the entry is back; it stays where it was
 *	CLAIMED	 -> MAPPED	mapped anew and published
 *
 * Who moves a slot to CLAIMED or REVIVING owns it, and may then store to the
 * word as it likes, page before count.  As long as a page names it interrupts
 * are off, or held off, until it moves on.  All else changes it by a locked
 * instruction.  Page and count are one word so that a reference is taken only
 * while the slot maps that page: a check after a separate increment would leave
 * stray references.
 *
 * m->sf of a page names its shared slot (sf_hint()), or none by 0.  It goes
 * from 0 to a slot by a compare-and-swap of the slot's owner, and back to 0 by
 * the owner who gives the slot to another page; nobody else changes it, and it
 * never goes from slot to slot.  So no page has two shared mappings.  It
 * outlives the freeing of the frame: what is mapped is a frame, not its owner.
 *
 * Where the direct map serves a page, the handle is the page, which lies below
 * all slots, and m->sf_refs counts the references; where there is no wiring,
 * its sign says so.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/sf_pte.h>
#include <vm/vm_page.h>

struct sf_buf {
	union {
		volatile uint64_t word;
		struct {
			volatile uint32_t page;
			volatile uint32_t count;
		};
	};
	uint32_t next;		/* in its ring, as a hint; the pool's lock */
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct sf_buf) == SF_SLOT_SIZE, "struct sf_buf");

#define	SF_USED		0x00000001u
#define	SF_REF		0x00000002u
#define	SF_COUNT	0x0007fffeu
#define	SF_COUNT_MAX	0x0003fffeu	/* half: races never carry */
#define	SF_BORROWED	0x00060000u	/* from here up it was less than 0 */
#define	SF_PRIVATE	0x07f80000u
#define	SF_PRIVATE_TO(cpu) (((cpu) + 1) << 19)
#define	SF_STATE	0x30000000u	/* of which MAPPED is 0 */
#define	SF_UNLISTED	0x40000000u
#define	SF_SLOW		0x80000000u
/* The whole of a count in these states; one CLAIMED may be private, too. */
#define	SF_CLAIMED	(SF_SLOW | 0x10000000u)
#define	SF_REMOVED	(SF_SLOW | 0x20000000u)
#define	SF_REVIVING	(SF_SLOW | 0x30000000u)

extern struct sf_buf sf_slots[];	/* linker.ld says where */
/* The direct map serves the pages of the first so many bytes of the array. */
extern uintptr_t sf_direct_end;
extern uintptr_t sf_pages_end;		/* and here the array ends */
extern volatile uint32_t sf_nwaiters;	/* threads that wait for a slot */

/* The rest of each function, in sf_buf/sf_buf.c and sf_buf/sf_pool.c. */
struct sf_buf *sf_buf_alloc_checked(struct vm_page *m, int flags);
void	sf_buf_check_ready(uint32_t slot);
uint32_t sf_buf_none_ready(struct vm_page *m);
uint32_t sf_buf_not_ready(const struct vm_page *m, uint32_t slot);
uint32_t sf_buf_lose_ready(const struct vm_page *m, uint32_t slot);
uint32_t sf_buf_alloc_private(struct vm_page *m);
void	sf_buf_free_rest(struct sf_buf *sf, bool dropped);
void	sf_buf_free_bad(struct sf_buf *sf) __attribute__((__noreturn__));
void	sf_buf_kva_bad(struct sf_buf *sf) __attribute__((__noreturn__));
void	sf_buf_slot_available(void);

#define	SF_LIKELY(x)	__builtin_expect(!!(x), 1)

/* A release build trusts a handle to be one; it still counts references. */
#ifdef DEBUG
#define	SF_CHECK_REFERENCED(sf) do {					\
	if (!SF_LIKELY(hw_test32(&(sf)->count, SF_COUNT)))		\
		sf_buf_kva_bad(sf);					\
} while (0)
#define	SF_CHECK_HANDLE(sf) do {					\
	if (!SF_LIKELY(sf_buf_is_handle(sf)))				\
		sf_buf_free_bad(sf);					\
} while (0)
#else
#define	SF_CHECK_REFERENCED(sf)	do { } while (0)
#define	SF_CHECK_HANDLE(sf)	do { } while (0)
#endif

/*
 * What m->sf holds for a slot: how far it lies behind the one in front of the
 * first; so no slot has 0, and to find the slot takes one addition.
 */
static inline uint32_t
sf_hint(const struct sf_buf *sf)
{
	return ((uint32_t)((uintptr_t)sf - (uintptr_t)sf_slots + SF_SLOT_SIZE));
}

static inline struct sf_buf *
sf_of_hint(uint32_t hint)
{
	return ((struct sf_buf *)((uintptr_t)sf_slots - SF_SLOT_SIZE + hint));
}

/*
 * sf_of_hint() once more, for who has other uses of the hint: gcc takes this
 * for another address, and does not keep the two in registers for long.
 */
static inline struct sf_buf *
sf_handle(uint32_t hint)
{
	return ((void *)((char *)sf_slots + hint - SF_SLOT_SIZE));
}

static inline bool
sf_is_direct(const struct sf_buf *sf)
{
	return ((uintptr_t)sf < (uintptr_t)sf_slots);
}

/*
 * The handle of a slot, of which the compiler learns that it is none of a page:
 * so a caller that takes its address next is spared the question.
 */
static inline struct sf_buf *
sf_handle_of_slot(uint32_t hint)
{
	struct sf_buf *sf = sf_handle(hint);

	if (sf_is_direct(sf))
		__builtin_unreachable();
	return (sf);
}

static inline struct sf_buf *
sf_of_direct_page(struct vm_page *m)
{
	return ((void *)m);
}

static inline struct vm_page *
sf_direct_page(const struct sf_buf *sf)
{
	return ((void *)(uintptr_t)sf);
}

/* Whether it is the address of a slot or of a page. */
static inline bool
sf_buf_is_handle(const struct sf_buf *sf)
{
	uintptr_t off = (uintptr_t)sf - (uintptr_t)sf_slots;

	if (sf_is_direct(sf)) {
		off = VM_PAGE_OFFSET(sf);
		return (off < sf_pages_end && off % VM_PAGE_STRUCT == 0);
	}
	return (off < nsfbufs * SF_SLOT_SIZE && off % SF_SLOT_SIZE == 0);
}

/* How far the page's structure lies into the array; and back. */
static inline uintptr_t
sf_offset_of_page(const struct vm_page *m)
{
	return (VM_PAGE_OFFSET(m));
}

static inline struct vm_page *
sf_page_at(uint32_t off)
{
	return ((struct vm_page *)((uintptr_t)vm_page_array + off));
}

/* sf_buf_page_is_direct: whether the direct map serves m. */
static inline bool
sf_buf_page_is_direct(const struct vm_page *m)
{
	return (sf_offset_of_page(m) < sf_direct_end);
}

/*
 * A reference on a slot that maps `page' for everybody; false if it does not,
 * or is in somebody's hands, or somebody else changed the word meanwhile.
 * The compare-and-swap compares the page, too: what was loaded is only half.
 */
static inline bool
sf_take_reference(struct sf_buf *sf, uint32_t page)
{
	uint32_t count = hw_load32(&sf->count);

	return ((count & ~(SF_SLOW | SF_UNLISTED | SF_USED |
	    SF_COUNT_MAX)) == 0 && hw_cmpxchg8b(&sf->word, page, count,
	    page, (count + SF_REF) | SF_USED));
}

/*
 * A ready slot is taken: it is the last of the queue now.  After the last one
 * `last' is 0, so that none is found, and `end' keeps it for settle().
 */
static inline void
sf_buf_pass_ready(uint32_t slot)
{
	PCPU_STORE(pc_sf_ready.last, slot);
	if (SF_LIKELY(PCPU_SUB(pc_sf_ready.left, 1u)))
		return;
	PCPU_STORE(pc_sf_ready.end, slot);
	PCPU_STORE(pc_sf_ready.last, 0u);
}

/*
 * A miss: maps m in the first slot that is ready, whose hint it returns; 0 if
 * none can be made so, or it was revived, or another CPU maps m, or has locked
 * the pool: then sf_pool_map() has more to do.  m is wired; any context but
 * NMI.  The steps are those of sf_buf/sf_pool.c.
 *
 * If none is ready this comes upon the slot that no hint names, which nobody
 * can claim.  A slot that is removed and has a page is what that page's m->sf
 * names, so the page is forgotten without a look; NOPAGE is frame 0, whose
 * m->sf is 0 anyway.  Threads that wait for m need not be told: their look at
 * the pools, before they slept, waited for [6], and nothing gets ready for as
 * long as they wait.
 */
static inline uint32_t
sf_buf_map_ready(struct vm_page *m)
{
	uint32_t page = (uint32_t)sf_offset_of_page(m), slot;

	intr_soft_mask();						/* [1] */
	slot = sf_of_hint(PCPU_LOAD(pc_sf_ready.last))->next;	/* [2] */
	if (!SF_LIKELY(atomic_cmpset_32(&sf_of_hint(slot)->count, SF_REMOVED,
	    SF_CLAIMED)))					/* [3] */
		return (sf_buf_none_ready(m));
	if (!SF_LIKELY(PCPU_IS(pc_sf_ready.lock, SF_READY)))	/* [4] */
		return (sf_buf_not_ready(m, slot));
#ifdef DEBUG
	sf_buf_check_ready(slot);
#endif
	hw_store32(&sf_page_at(hw_load32(&sf_of_hint(slot)->page))->sf, 0);
	hw_store32(&sf_of_hint(slot)->page, page);		/* [5] */
	sf_buf_md_enter(slot, page, PCPU_LOAD(pc_sf_ready.bits));
	if (!SF_LIKELY(atomic_cmpset_0_32(&m->sf, slot)))
		return (sf_buf_lose_ready(m, slot));
	sf_buf_pass_ready(slot);
	hw_store32(&sf_handle(slot)->count, SF_REF);
	intr_soft_unmask();						/* [6] */
	return (slot);
}

/*
 * Contracts of the four are in <sys/sf_buf.h>.  What the fast path of
 * sf_buf_alloc() cannot vouch for, it leaves to sf_buf_alloc_checked(): flags
 * that are unknown, a private mapping for who is not pinned by sched_pin(), a
 * page that is not wired or no page.
 */
static inline struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	uintptr_t page = sf_offset_of_page(m);
	uint32_t slot;

	if ((flags & ~(SFB_CATCH | SFB_NOWAIT)) != 0 && (flags !=
	    (flags & SFB_ALL) || !hw_test32(&curthread()->td_pinned, ~0u)))
		return (sf_buf_alloc_checked(m, flags));
	if (sf_buf_page_is_direct(m)) {
		if (SF_LIKELY(atomic_inc_32(&m->sf_refs)))
			return (sf_of_direct_page(m));
		return (sf_buf_alloc_checked(m, flags));
	}
	if (!SF_LIKELY(page < sf_pages_end &&
	    hw_test32(&m->wire_count, ~0u)))
		return (sf_buf_alloc_checked(m, flags));
	slot = hw_load32(&m->sf);
	if (!SF_LIKELY(slot != 0)) {
		slot = sf_buf_map_ready(m);
		if (!SF_LIKELY(slot != 0) && (flags & SFB_CPUPRIVATE) != 0)
			slot = sf_buf_alloc_private(m);
		return (SF_LIKELY(slot != 0) ? sf_handle_of_slot(slot) :
		    sf_buf_alloc_checked(m, flags));
	}
	if (!SF_LIKELY(sf_take_reference(sf_of_hint(slot), (uint32_t)page)))
		return (sf_buf_alloc_checked(m, flags));
	PCPU_COUNT_LOW(pc_sf.hits);
	return (sf_handle_of_slot(slot));
}

/*
 * Between the look and the drop the slot may be taken out of its ring, as it
 * is referenced; so the drop looks again.
 */
static inline void
sf_buf_free(struct sf_buf *sf)
{
	SF_CHECK_HANDLE(sf);
	if (sf_is_direct(sf)) {
		if (!SF_LIKELY(atomic_dec_32(&sf_direct_page(sf)->sf_refs)))
			sf_buf_free_bad(sf);
		return;
	}
	if (!SF_LIKELY(!hw_test32(&sf->count, SF_SLOW)))
		sf_buf_free_rest(sf, false);
	else if (!SF_LIKELY(atomic_sub_32(&sf->count, SF_REF)))
		sf_buf_free_rest(sf, true);
	else if (hw_test32(&sf_nwaiters, ~0u))
		sf_buf_slot_available();
}

static inline vm_offset_t
sf_buf_kva(struct sf_buf *sf)
{
	if (sf_is_direct(sf))
		return (sf_buf_md_direct_kva(sf_offset_of_page(
		    sf_direct_page(sf))));
	SF_CHECK_REFERENCED(sf);
	return (sf_buf_md_kva_of(sf));
}

static inline struct vm_page *
sf_buf_page(struct sf_buf *sf)
{
	if (sf_is_direct(sf))
		return (sf_direct_page(sf));
	SF_CHECK_REFERENCED(sf);
	return (sf_page_at(hw_load32(&sf->page)));
}

#endif /* !_SYS__SF_BUF_H_ */
