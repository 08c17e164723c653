/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _KERN_SF_BUF_VAR_H_
#define	_KERN_SF_BUF_VAR_H_

/*
 * What sf_buf/sf_buf.c, references and waiters, and sf_buf/sf_pool.c, the supply
 * of slots, share.  What a slot is stands in <sys/_sf_buf.h>.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>

/*
 * A removed slot that no page may have back names this one, frame 0, which
 * vm_page_wire() does not give a wiring.
 */
#define	NOPAGE		0u

static inline u_int
slot_of(const struct sf_buf *sf)
{
	return ((u_int)(sf - sf_slots));
}

static inline uint32_t
sf_count(struct sf_buf *sf)
{
	return (hw_load32(&sf->count));
}

/* The page as the slot's word tells it, and as people do. */
static inline uint32_t
sf_page(struct sf_buf *sf)
{
	return (hw_load32(&sf->page));
}

static inline uint32_t
sf_frame(struct sf_buf *sf)
{
	return (vm_page_index(sf_page_at(sf_page(sf))));
}

/* The references in a count, for people. */
static inline u_int
sf_references(uint32_t count)
{
	return ((count & SF_COUNT) / SF_REF);
}

static inline bool
sf_is_referenced(uint32_t count)
{
	return ((count & SF_STATE) == 0 && (count & SF_COUNT) != 0);
}

/* One change of a slot's word, if it still is what the caller saw. */
static inline bool
sf_change(struct sf_buf *sf, uint32_t page, uint32_t count, uint32_t ncount)
{
	return (hw_cmpxchg8b(&sf->word, page, count, page, ncount));
}

/*
 * Who mapped a slot last, and in strict mode who freed it: for people.  Kept
 * by debug builds and in strict mode.
 */
extern const void **sf_callers;

static inline void
sf_set_caller(struct sf_buf *sf, const void *caller)
{
#ifdef DEBUG
	sf_callers[slot_of(sf)] = caller;
#else
	if (__builtin_expect(sf_strict, 0))
		sf_callers[slot_of(sf)] = caller;
#endif
}

/* sf_buf.c; contracts are there. */
struct sf_buf *sf_buf_lookup_private(struct vm_page *m);
void	sf_buf_was_mapped(const struct vm_page *m);
void	sf_buf_sample_peak(void);

/* sf_pool.c; contracts are there. */
extern u_int sf_pool_queued;	/* a variable for tests/sim */
void	sf_pool_init(void);
void	sf_pool_settle_all(void);
struct sf_buf *sf_pool_map(struct vm_page *m, const void *caller);
struct sf_buf *sf_pool_map_private(struct vm_page *m, const void *caller);
struct sf_buf *sf_pool_map_given(struct sf_buf *sf, struct vm_page *m,
    const void *caller);
struct sf_buf *sf_pool_get_any(bool *dirty);
bool	sf_pool_force(void);
void	sf_pool_last_free(struct sf_buf *sf);
void	sf_pool_last_free_strict(struct sf_buf *sf, const void *caller);
void	sf_pool_tick(void);
bool	sf_pool_evict(struct sf_buf *sf);

#endif /* !_KERN_SF_BUF_VAR_H_ */
