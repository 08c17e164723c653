/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SF_BUF_INLINE_H_
#define	_SF_BUF_INLINE_H_

/*
 * The two paths of sf_buf(9) that are short enough to stand in their callers:
 * an allocation that finds the page mapped, a hit; and a free.  Everything
 * else is a function: sf_buf_miss() in ready.c, sf_buf_none_ready() and
 * sf_buf_alloc_slow() in alloc.c, sf_private_try() in private.c,
 * sf_buf_free_slow() in free.c.  Contracts are in <sys/sf_buf.h>; what a slot
 * is, and why one locked instruction suffices, in <sf_buf/slot.h>.
 */

#include <sys/types.h>
#include <machine/curthread.h>
#include <machine/sf_pte.h>
#include <sf_buf/slot.h>
#include <sys/pcpu.h>
#include <sys/thread.h>

#define	SF_LIKELY(x)	__builtin_expect(!!(x), 1)
#define	SF_UNLIKELY(x)	__builtin_expect(!!(x), 0)

/* The direct map serves the pages whose offsets lie below this. */
extern page_off_t sf_direct_end;
extern page_off_t sf_pages_end;		/* where the page array ends */
extern volatile uint32_t sf_nwaiters;	/* threads that wait for a slot */

struct sf_buf *sf_buf_alloc_slow(struct vm_page *m, int flags);
struct sf_buf *sf_buf_miss(page_off_t page);
struct sf_buf *sf_buf_none_ready(struct vm_page *m, int flags);
struct sf_buf *sf_private_try(struct vm_page *m);
void	sf_buf_free_slow(struct sf_buf *sf);
void	sf_buf_free_dropped(struct sf_buf *sf);
void	sf_buf_free_bad(struct sf_buf *sf) __attribute__((__noreturn__));
void	sf_buf_kva_bad(struct sf_buf *sf) __attribute__((__noreturn__));
void	sf_waiters_serve(void);

static inline bool
sf_is_direct(const struct sf_buf *sf)
{
	return ((uintptr_t)sf < (uintptr_t)sf_slots);
}

/*
 * The handle of a page that the direct map serves.  Here, and in
 * sf_not_direct(), the compiler learns which of the two kinds a handle is:
 * sf_buf_kva() and sf_buf_free(), inlined next to it, then drop their test, two
 * instructions of each allocation.
 */
static inline struct sf_buf *
sf_of_direct_page(struct vm_page *m)
{
	struct sf_buf *sf = (void *)m;

	if (!sf_is_direct(sf))
		__builtin_unreachable();
	return (sf);
}

static inline struct vm_page *
sf_direct_page(const struct sf_buf *sf)
{
	return ((void *)(uintptr_t)sf);
}

/* sf_is_handle: whether sf is the address of a slot or of a page. */
static inline bool
sf_is_handle(const struct sf_buf *sf)
{
	uintptr_t off = (uintptr_t)sf - (uintptr_t)sf_slots;

	if (sf_is_direct(sf)) {
		off = VM_PAGE_OFFSET(sf);
		return (off < sf_pages_end && off % VM_PAGE_STRUCT == 0);
	}
	return (off < nsfbufs * SF_SLOT_SIZE && off % SF_SLOT_SIZE == 0);
}

/*
 * Debug builds check each handle that comes back.  A release build trusts a
 * handle to be one; it still finds a free too many by the count itself.
 */
static inline void
sf_check_handle(struct sf_buf *sf __attribute__((__unused__)))
{
#ifdef DEBUG
	if (SF_UNLIKELY(!sf_is_handle(sf)))
		sf_buf_free_bad(sf);
#endif
}

static inline void
sf_check_referenced(struct sf_buf *sf __attribute__((__unused__)))
{
#ifdef DEBUG
	if (SF_UNLIKELY(!hw_test32(&sf->status, SF_REF_MASK)))
		sf_buf_kva_bad(sf);
#endif
}

/* sf_buf_page_is_direct: whether the direct map serves m. */
static inline bool
sf_buf_page_is_direct(const struct vm_page *m)
{
	return (sf_page_off(m) < sf_direct_end);
}

/* The handle of a slot, which is not NULL: see sf_of_direct_page(). */
static inline struct sf_buf *
sf_not_direct(struct sf_buf *sf)
{
	if (sf_is_direct(sf))
		__builtin_unreachable();
	return (sf);
}

/*
 * Takes a reference if the slot is MAPPED, shared and maps this page.  False if
 * not, or if the word changed between the look and the compare-and-swap; that
 * compares the page, too, for the status that was loaded is only half.
 */
static inline bool
sf_take_reference(struct sf_buf *sf, page_off_t page)
{
	uint32_t status = hw_load32(&sf->status);

	return ((status & ~(SF_FREE_SLOW | SF_UNLISTED | SF_HIT |
	    SF_REF_MAX)) == 0 && hw_cmpxchg8b(&sf->word, page, status,
	    page, (status + SF_REF) | SF_HIT));
}

/*
 * sf_buf_alloc_slow() checks the request in full.  The inline path leaves to it
 * what it cannot vouch for: unknown flags, a CPU-private mapping for a thread
 * that is not pinned by sched_pin(), a page that is not wired or no page.
 */
static inline struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	page_off_t page = sf_page_off(m);
	struct sf_buf *sf;

	if ((flags & ~(SFB_CATCH | SFB_NOWAIT)) != 0 && (flags !=
	    (flags & SFB_ALL) || !hw_test32(&curthread()->td_pinned, ~0u)))
		return (sf_buf_alloc_slow(m, flags));
	if (SF_UNLIKELY(page < sf_direct_end)) {
		if (SF_LIKELY(atomic_inc_32(&m->sf_refs)))
			return (sf_of_direct_page(m));
		return (sf_buf_alloc_slow(m, flags));
	}
	if (SF_UNLIKELY(page >= sf_pages_end ||
	    !hw_test32(&m->wire_count, ~0u)))
		return (sf_buf_alloc_slow(m, flags));
	sf = sf_at(hw_load32(&m->sf));
	if (SF_UNLIKELY(sf == NULL)) {
		if (SF_LIKELY((sf = sf_buf_miss(page)) != NULL))
			return (sf_not_direct(sf));
		if ((flags & SFB_CPUPRIVATE) != 0 &&
		    (sf = sf_private_try(m)) != NULL)
			return (sf_not_direct(sf));
		return (sf_buf_none_ready(m, flags));
	}
	if (SF_UNLIKELY(!sf_take_reference(sf, page)))
		return (sf_buf_alloc_slow(m, flags));
	PCPU_COUNT_LOW(pc_sf.hits);
	return (sf_not_direct(sf));
}

/*
 * Between the look at FREE_SLOW and the drop, the slot may be taken out of its
 * ring, because it is referenced; so the drop looks again.
 */
static inline void
sf_buf_free(struct sf_buf *sf)
{
	sf_check_handle(sf);
	if (sf_is_direct(sf)) {
		if (SF_UNLIKELY(!atomic_dec_32(&sf_direct_page(sf)->sf_refs)))
			sf_buf_free_bad(sf);
		return;
	}
	if (SF_UNLIKELY(hw_test32(&sf->status, SF_FREE_SLOW)))
		sf_buf_free_slow(sf);
	else if (SF_UNLIKELY(!atomic_sub_32(&sf->status, SF_REF)))
		sf_buf_free_dropped(sf);
	else if (hw_test32(&sf_nwaiters, ~0u))
		sf_waiters_serve();
}

static inline vm_offset_t
sf_buf_kva(struct sf_buf *sf)
{
	if (sf_is_direct(sf))
		return (sf_dmap_kva(sf_page_off(sf_direct_page(sf))));
	sf_check_referenced(sf);
	return (sf_pte_kva(sf));
}

static inline struct vm_page *
sf_buf_page(struct sf_buf *sf)
{
	if (sf_is_direct(sf))
		return (sf_direct_page(sf));
	sf_check_referenced(sf);
	return (sf_page_at(hw_load32(&sf->page)));
}

#endif /* !_SF_BUF_INLINE_H_ */
