/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _KERN_SF_BUF_VAR_H_
#define	_KERN_SF_BUF_VAR_H_

/*
 * What kern/sf_buf.c, the interface, and kern/sf_pool.c, the supply of slots,
 * share.
 *
 * A slot is one page of kernel address space.  Its state is one 8-byte word:
 * the page that it maps, and what is called its count:
 *
 *	bits 0-19	references
 *	bits 20-27	0, or 1 + the CPU that it is private to
 *	DIRTY		removed with A set: some TLB may hold it
 *	USED		hit since it was listed: gets a second chance
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
 * m->sf of a page names its slot, plus 1.  It goes from 0 to a slot by a
 * compare-and-swap of the slot's owner, back to 0 by that of an owner who
 * gives the slot away; from a private slot also to another slot.  So no
 * page has two shared mappings.  It outlives the freeing of the frame: what
 * is mapped is a frame, not its owner.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <machine/hw.h>
#include <machine/vmparam.h>
#include <vm/vm_page.h>

#define	NOPAGE		0xffffffffu
#define	SF_COUNT	0x000fffffu
#define	SF_PRIVATE	0x0ff00000u
#define	SF_PRIVATE_TO(cpu) (((cpu) + 1) << 20)
#define	SF_DIRTY	0x10000000u
#define	SF_LISTED	0x20000000u
#define	SF_STATE	0xc0000000u
#define	SF_MAPPED	0x00000000u
#define	SF_CLAIMED	0x40000000u
#define	SF_REMOVED	0x80000000u
#define	SF_REVIVING	0xc0000000u
/* DIRTY is of removed slots, USED of mapped ones: one bit. */
#define	SF_USED		SF_DIRTY

#define	NOSLOT		0xffffffffu

struct sf_buf {
	union {
		volatile uint64_t word;
		struct {
			volatile uint32_t page;
			volatile uint32_t count;
		};
	} state;
	u_int next;		/* of its list, under the pool's lock */
	const void *caller;	/* who mapped it; in strict mode, who freed it */
};
_Static_assert(sizeof(struct sf_buf) == SF_SLOT_SIZE, "struct sf_buf grew");

/* First in, first out. */
struct sf_list {
	u_int head, tail, len;
};

/*
 * A CPU's supply.  (All lists of a pool are under its lock.)
 *	clean	removed, and in no TLB
 *	queue	mapped, unreferenced when they came: candidates for eviction
 *	open	removed since the last batch was closed
 *	closed	removed before tlb_close() returned closed_stamp
 */
struct sf_pool {
	struct spinlock lock;
	struct sf_list clean, queue, open, closed;
	uint32_t closed_stamp;
} __attribute__((aligned(64)));

extern struct sf_buf sf_slots[];	/* linker.ld says where */

static inline u_int
slot_of(const struct sf_buf *sf)
{
	return ((u_int)(sf - sf_slots));
}

static inline uint32_t
sf_count(struct sf_buf *sf)
{
	return (hw_load32(&sf->state.count));
}

static inline uint32_t
sf_page(struct sf_buf *sf)
{
	return (hw_load32(&sf->state.page));
}

/* One change of a slot's word, if it still is what the caller saw. */
static inline bool
sf_change(struct sf_buf *sf, uint32_t page, uint32_t count, uint32_t ncount)
{
	uint64_t old = (uint64_t)count << 32 | page;

	return (hw_cmpxchg8b(&sf->state.word, &old,
	    (uint64_t)ncount << 32 | page));
}

/* The owner's: page first, so that no state shows with the wrong page. */
static inline void
sf_store(struct sf_buf *sf, uint32_t page, uint32_t count)
{
	hw_store32(&sf->state.page, page);
	hw_store32(&sf->state.count, count);
}

/* sf_pool.c; contracts are there. */
void	sf_pool_init(void);
struct sf_buf *sf_pool_get(void);
struct sf_buf *sf_pool_get_removed(void);
struct sf_buf *sf_pool_get_any(bool *dirty);
bool	sf_pool_force(void);
void	sf_pool_retire(struct sf_buf *sf);
void	sf_pool_return(struct sf_buf *sf, bool dirty);
void	sf_pool_candidate(struct sf_buf *sf);
void	sf_pool_tick(void);
u_int	sf_pool_listed(void);
bool	sf_pool_evict(struct sf_buf *sf);

#endif /* !_KERN_SF_BUF_VAR_H_ */
