/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS__SF_BUF_H_
#define	_SYS__SF_BUF_H_

/*
 * Private to sf_buf(9): what a slot is, and the paths that are short enough
 * to stand in their callers: a hit, a free, the direct map.
 *
 * A slot is one page of kernel address space.  Its state is one 8-byte word:
 * the page that it maps, and what is called its count:
 *
 *	bits 0-19	references
 *	bits 20-27	0, or 1 + the CPU that it is private to
 *	LISTED		linked in exactly one list of one pool
 *	state		MAPPED, CLAIMED, REMOVED, REVIVING
 *
 *	MAPPED	 -> CLAIMED	unreferenced, by who took it off a list
 *	CLAIMED	 -> REMOVED	its entry is gone; it goes on a list
 *	REMOVED	 -> CLAIMED	by who took it off a list, for another page
 *	REMOVED	 -> REVIVING	by who wants the page back that it mapped
 *	REVIVING -> MAPPED	the entry is back; it is still on its list
 *	CLAIMED	 -> MAPPED	mapped anew and published
 *
 * Who moves a slot to CLAIMED or REVIVING owns it, has interrupts off until
 * it moves on, and may then store to the word as it likes, page before count.
 * All else changes it by a locked instruction.  Page and count are one word
 * so that a reference is taken only while the slot maps that page: a check
 * after a separate increment would leave stray references.
 *
 * m->sf of a page names its shared slot (sf_hint()), or none by 0.  It goes from 0 to a slot by
 * a compare-and-swap of the slot's owner, and back to 0 by the owner who gives
 * the slot to another page; nobody else changes it, and it never goes from
 * slot to slot.  So no page has two shared mappings.  It outlives the freeing
 * of the frame: what is mapped is a frame, not its owner.
 *
 * Where the direct map serves a page, the handle is the page's address with
 * bit 0 set, and m->sf_refs counts the references.
 */

#include <sys/types.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <machine/pcpu.h>
#include <machine/sf_buf.h>
#include <vm/vm_page.h>

struct sf_buf {
	union {
		volatile uint64_t word;
		struct {
			volatile uint32_t page;
			volatile uint32_t count;
		};
	};
	uint32_t next;		/* of its list, under the pool's lock */
	uint8_t used;	/* a hint: hit since the queue last passed */
};
_Static_assert(sizeof(struct sf_buf) == SF_SLOT_SIZE, "struct sf_buf");

#define	SF_COUNT	0x000fffffu
#define	SF_COUNT_MAX	0x0007ffffu	/* half: races never carry */
#define	SF_PRIVATE	0x0ff00000u
#define	SF_PRIVATE_TO(cpu) (((cpu) + 1) << 20)
#define	SF_LISTED	0x20000000u
#define	SF_STATE	0xc0000000u
#define	SF_MAPPED	0x00000000u
#define	SF_CLAIMED	0x40000000u
#define	SF_REMOVED	0x80000000u
#define	SF_REVIVING	0xc0000000u

extern struct sf_buf sf_slots[];	/* linker.ld says where */
/* The direct map serves the pages of the first so many bytes of the array. */
extern uintptr_t sf_direct_end;
extern volatile uint32_t sf_nwaiters;	/* threads that wait for a slot */

/* The rest of each function, in kern/sf_buf.c. */
struct sf_buf *sf_buf_alloc_checked(struct vm_page *m, int flags);
struct sf_buf *sf_buf_alloc_miss(struct vm_page *m, int flags);
void	sf_buf_free_rest(struct sf_buf *sf, uint32_t count, uint32_t page);
void	sf_buf_free_bad(struct sf_buf *sf) __attribute__((__noreturn__));
void	sf_buf_kva_bad(struct sf_buf *sf) __attribute__((__noreturn__));
void	sf_buf_slot_available(void);

#define	SF_LIKELY(x)	__builtin_expect(!!(x), 1)

/* A release build trusts a handle to be one; it still counts references. */
#ifdef DEBUG
#define	SF_CHECK_HANDLE(sf) do {					\
	uintptr_t off_ = (uintptr_t)(sf) - (uintptr_t)sf_slots;		\
									\
	if (off_ >= nsfbufs * SF_SLOT_SIZE || off_ % SF_SLOT_SIZE != 0)	\
		sf_buf_free_bad(sf);					\
} while (0)
#else
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

static inline bool
sf_is_direct(const struct sf_buf *sf)
{
	return (((uintptr_t)sf & 1) != 0);
}

static inline struct vm_page *
sf_direct_page(const struct sf_buf *sf)
{
	return ((struct vm_page *)((uintptr_t)sf - 1));
}

/* sf_buf_page_is_direct: whether the direct map serves m. */
static inline bool
sf_buf_page_is_direct(const struct vm_page *m)
{
	return ((uintptr_t)m - (uintptr_t)vm_page_array < sf_direct_end);
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

	return ((count & ~(SF_LISTED | SF_COUNT_MAX)) == 0 &&
	    hw_cmpxchg8b(&sf->word, page, count, page, count + 1));
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
	uint32_t page, hint;
	struct sf_buf *sf;

	if ((flags & ~(SFB_CATCH | SFB_NOWAIT)) != 0 && (flags !=
	    (flags & SFB_ALL) || curthread()->td_pinned == 0))
		return (sf_buf_alloc_checked(m, flags));
	if (sf_buf_page_is_direct(m)) {
		if (SF_LIKELY(hw_test32(&m->wire_count, ~0u) &&
		    atomic_inc_32(&m->sf_refs)))
			return ((struct sf_buf *)((uintptr_t)m + 1));
		return (sf_buf_alloc_checked(m, flags));
	}
	page = vm_page_index(m);
	if (!SF_LIKELY(page < vm_page_count &&
	    hw_test32(&m->wire_count, ~0u)))
		return (sf_buf_alloc_checked(m, flags));
	hint = hw_load32(&m->sf);
	if (hint == 0)
		return (sf_buf_alloc_miss(m, flags));
	sf = sf_of_hint(hint);
	if (!SF_LIKELY(sf_take_reference(sf, page)))
		return (sf_buf_alloc_checked(m, flags));
	sf->used = 1;
	PCPU_COUNT(pc_sf.hits);
	return (sf);
}

/* The last free of a slot that is on no list has more to do. */
static inline void
sf_buf_free(struct sf_buf *sf)
{
	uint32_t count, page;

	if (sf_is_direct(sf)) {
		if (!SF_LIKELY(atomic_dec_32(&sf_direct_page(sf)->sf_refs)))
			sf_buf_free_bad(sf);
		return;
	}
	SF_CHECK_HANDLE(sf);
	page = hw_load32(&sf->page);
	count = atomic_fetchadd_32(&sf->count, -1u);
	if (!SF_LIKELY(count - (SF_LISTED + 1) < SF_COUNT_MAX))
		sf_buf_free_rest(sf, count, page);
	else if (hw_test32(&sf_nwaiters, ~0u))
		sf_buf_slot_available();
}

/* Only a mapped slot has references. */
static inline vm_offset_t
sf_buf_kva(struct sf_buf *sf)
{
	if (sf_is_direct(sf))
		return (sf_buf_md_direct_kva((uintptr_t)sf_direct_page(sf) -
		    (uintptr_t)vm_page_array));
	if (!SF_LIKELY(hw_test32(&sf->count, SF_COUNT)))
		sf_buf_kva_bad(sf);
	return (sf_buf_md_kva_at((uintptr_t)sf - (uintptr_t)sf_slots));
}

static inline struct vm_page *
sf_buf_page(struct sf_buf *sf)
{
	if (sf_is_direct(sf))
		return (sf_direct_page(sf));
	if (!SF_LIKELY(hw_test32(&sf->count, SF_COUNT)))
		sf_buf_kva_bad(sf);
	return (&vm_page_array[hw_load32(&sf->page)]);
}

#endif /* !_SYS__SF_BUF_H_ */
