/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SF_BUF_SLOT_H_
#define	_SF_BUF_SLOT_H_

/*
 * What a slot is: one page of kernel address space that can map any page.
 * Read this file first; docs/stairs.md says what to read next.
 *
 * The state of a slot is one 8-byte word: the page that it maps, as the byte
 * offset of its struct vm_page in vm_page_array, and a status, with these
 * fields:
 *
 *	HIT		bit 0: hit since eviction last passed over the slot.  It
 *			lies below the references: a free subtracts SF_REF, and
 *			one free too many makes the subtraction borrow from
 *			every field above, which sets the top bit
 *	bits 1-18	references, each SF_REF
 *	bits 19-26	0, or 1 + the CPU to which the mapping is CPU-private
 *	state		MAPPED, CLAIMED, REMOVED, REVIVING
 *	UNLISTED	mapped and in no ring; every other slot is in the ring
 *			of one pool, or CLAIMED, or on its way into a ring
 *	FREE_SLOW	set unless the slot is MAPPED, in a ring and shared: its
 *			free takes the slow path.  The top bit, so that a free
 *			tests the sign
 *
 *	MAPPED	 -> CLAIMED	by the holder of the lock of its pool, when it
 *				has no reference; in strict mode by the free of
 *				its last reference; by the sealing of its page
 *	CLAIMED	 -> REMOVED	the entry is gone; the slot is in a ring
 *	REMOVED	 -> CLAIMED	by the holder of the pool's lock, or by the CPU
 *				for which the slot is ready, to map another
 *				page; by the sealing of the page that it last
 *				mapped, then back; back to REMOVED if that CPU
 *				finds that the pool was locked
 *	REMOVED	 -> REVIVING	by an allocation of the page that it last mapped
 *	REVIVING -> MAPPED	the entry is back; the slot keeps its place in
 *				its ring
 *	CLAIMED	 -> MAPPED	another page is mapped and published; or no
 *				page, PAGE_NONE, when the page was sealed
 *				(seal.c): then the slot keeps its place in its
 *				ring until eviction comes to it
 *
 * The CPU that moves a slot to CLAIMED or REVIVING owns it, and may then store
 * to either half of the word, the page before the status.  While m->sf of a
 * page still names a slot in these states, its owner keeps interrupts off or
 * soft-masked, because other CPUs may spin until the slot has moved on.  Every
 * other change is a locked instruction on the status or on the word.  Page and
 * status are one word so that a reference is taken only while the slot maps
 * that page: with two words a CPU could add a reference just after the slot has
 * changed its page.
 *
 * m->sf of a page points to its shared slot, or is 0 if it has none.  It goes
 * from 0 to a slot by a compare-and-swap of that slot's owner, and back to 0
 * by the owner that gives the slot to another page.  No other CPU changes it,
 * and it never goes from slot to slot; so no page has two shared mappings.  It
 * stays when the frame is freed, because the mapping stays until its slot is
 * evicted.
 *
 * A page that the direct map serves has no slot: its handle is the address of
 * its struct vm_page, which lies below all slots, and m->sf_refs counts its
 * references (<vm/vm_page.h>).
 */

#include <sys/types.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <machine/vmparam.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>

typedef uint32_t sf_addr_t;	/* where a slot is: sf_addr(); 0 is none */
typedef uint32_t page_off_t;	/* a page: its offset in vm_page_array */

struct sf_buf {
	union {
		volatile uint64_t word;
		struct {
			volatile page_off_t page;
			volatile uint32_t status;
		};
	};
	sf_addr_t next;	/* the next slot of its ring; the pool's lock */
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct sf_buf) == SF_SLOT_SIZE, "struct sf_buf");

#define	SF_HIT		0x00000001u
#define	SF_REF		0x00000002u
#define	SF_REF_MASK	0x0007fffeu
/* Up to this count another may be added: half, so that all CPUs may at once. */
#define	SF_REF_MAX	0x0003fffeu
#define	SF_REF_WRAPPED	0x00060000u	/* from here up it wrapped below 0 */
#define	SF_PRIVATE	0x07f80000u
#define	SF_PRIVATE_TO(cpu) (((cpu) + 1) << 19)
#define	SF_STATE	0x30000000u	/* in which MAPPED is 0 */
#define	SF_UNLISTED	0x40000000u
#define	SF_FREE_SLOW	0x80000000u
/* The whole status in these states; CLAIMED may keep the CPU-private bits. */
#define	SF_CLAIMED	(SF_FREE_SLOW | 0x10000000u)
#define	SF_REMOVED	(SF_FREE_SLOW | 0x20000000u)
#define	SF_REVIVING	(SF_FREE_SLOW | 0x30000000u)

/*
 * The page of a slot that must not be revived, or whose page was sealed: frame
 * 0, which is never wired and so never mapped.
 */
#define	PAGE_NONE	0u

extern struct sf_buf sf_slots[];	/* linker.ld places it */

/* A slot that is in no ring and never REMOVED, in front of the others. */
#define	SF_SENTINEL							\
	((struct sf_buf *)((uintptr_t)sf_slots - SF_SLOT_SIZE))

extern uint32_t nsfbufs;

/*
 * sf_addr, sf_at: a pointer to a slot in the 32 bits that a page, a ring and a
 * CPU have for it, and back.  Only the host, on which the simulation runs, has
 * longer pointers; it keeps the slots where 32 bits suffice.
 */
static inline sf_addr_t
sf_addr(const struct sf_buf *sf)
{
	return ((sf_addr_t)(uintptr_t)sf);
}

static inline struct sf_buf *
sf_at(sf_addr_t addr)
{
	return ((struct sf_buf *)(uintptr_t)addr);
}

/* sf_next: the slot after sf in its ring. */
static inline struct sf_buf *
sf_next(const struct sf_buf *sf)
{
	return (sf_at(sf->next));
}

/* sf_index: its number, from 0 to nsfbufs - 1, for messages. */
static inline u_int
sf_index(const struct sf_buf *sf)
{
	return ((u_int)(sf - sf_slots));
}

static inline page_off_t
sf_page_off(const struct vm_page *m)
{
	return ((page_off_t)VM_PAGE_OFFSET(m));
}

static inline struct vm_page *
sf_page_at(page_off_t page)
{
	return ((struct vm_page *)((uintptr_t)vm_page_array + page));
}

/* The two halves of a slot's word, by one load each. */
static inline page_off_t
sf_page(struct sf_buf *sf)
{
	return (hw_load32(&sf->page));
}

static inline uint32_t
sf_status(struct sf_buf *sf)
{
	return (hw_load32(&sf->status));
}

static inline uint32_t
sf_frame(struct sf_buf *sf)
{
	return (vm_page_index(sf_page_at(sf_page(sf))));
}

/*
 * The state of frame 0.  That of a page, its offset further on, is the low byte
 * of its entry: it says what the entry allows.  A page whose state changes to
 * one that allows less has no entry: seal.c.
 */
#define	SF_STATES	((const volatile uint8_t *)&vm_page_array->state)

/* sf_references: how many references a status counts, for messages. */
static inline u_int
sf_references(uint32_t status)
{
	return ((status & SF_REF_MASK) / SF_REF);
}

static inline bool
sf_is_referenced(uint32_t status)
{
	return ((status & SF_STATE) == 0 && (status & SF_REF_MASK) != 0);
}

/* sf_change: sets the status if the word is still what the caller saw. */
static inline bool
sf_change(struct sf_buf *sf, page_off_t page, uint32_t status, uint32_t new)
{
	return (hw_cmpxchg8b(&sf->word, page, status, page, new));
}

/*
 * sf_verdict: what eviction does with the first slot of a queue, by its status:
 * takes it, if it is removed already or has no reference; leaves it in no ring
 * until its last free, if it has one; or puts it at the end of the queue, if it
 * is in transition, which is soon over, or was hit since eviction last passed
 * over it and gets a second chance.
 */
enum sf_chance { SECOND_CHANCE, NO_CHANCE };
enum sf_verdict { TAKE, UNLIST, REQUEUE };

static inline enum sf_verdict
sf_verdict(uint32_t status, enum sf_chance chance)
{
	if (status == SF_REMOVED)
		return (TAKE);
	if ((status & SF_STATE) != 0)
		return (REQUEUE);
	if ((status & SF_REF_MASK) != 0)
		return (UNLIST);
	return (chance == SECOND_CHANCE && (status & SF_HIT) != 0 ? REQUEUE :
	    TAKE);
}

/* sf_verdict_status: the status that goes with it. */
static inline uint32_t
sf_verdict_status(enum sf_verdict verdict, uint32_t status)
{
	if (verdict == TAKE)
		return (SF_CLAIMED | (status & SF_PRIVATE));
	if (verdict == UNLIST)
		return (status | SF_UNLISTED | SF_FREE_SLOW);
	return (status & ~SF_HIT);
}

#endif /* !_SF_BUF_SLOT_H_ */
