/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SF_BUF_POOL_H_
#define	_SF_BUF_POOL_H_

/*
 * The pool of a CPU: the slots that its misses are served from, as a ring; and
 * what the files of sf_buf/ offer to each other.  A contract stands above each
 * function where it is defined.
 *
 * The lock of a pool is its own kind of lock, in ready.c, because its CPU takes
 * ready slots without it.  Interrupts are off under it, a CPU holds one at a
 * time, and nothing is called under it that waits or takes another lock.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sf_buf.h>
#include <sf_buf/ring.h>
#include <vm/tlb.h>

#define	READY_MAX	240u	/* slots made ready at a time */
#define	EVICT_MAX	240u	/* slots evicted in one go, interrupts off */
#define	QUEUE_MAX	220u	/* or a part of the share: pool_set_bounds() */
#define	QUEUE_SHARE	4u	/* one slot in this many of that share */
#define	RUN_MAX		120u	/* slots evicted as one run */
#define	RUN_LOOKS	4u	/* slots of a run, which count as one look */
#define	STEAL_MAX	256u	/* slots moved from pool to pool at a time */
#define	ACTIVE_FORCES	4u	/* forced flushes; see steal.c */
#define	ROUNDS		3u	/* of an allocation; see alloc.c */

/*
 * Protected by the pool's lock, except `lost', which its CPU adds to while it
 * maps a ready slot ([R4] to [R6] of ready.c).
 */
struct sf_pool {
	struct ring ring;
	struct pcpu *pc;		/* its CPU */
	uint32_t home, home_size;	/* slots that it began with: steal.c */
	u_int holder;			/* the CPU that has the lock */
	uint32_t saved_flags;		/* that CPU's EFLAGS before */
	u_int high, low;		/* bounds of the queue: evict.c */
	u_int looked;			/* slots looked at since the lock */
	u_int nready;			/* slots made ready */
	u_int lost;			/* of them, in a race for their page */
	uint32_t stamp;			/* of BATCH: tlb_close() */
	u_int active;			/* see steal.c */
	bool alone;			/* all other CPUs idled: private.c */
	u_int unsampled;		/* misses not yet sampled: sample.c */
	u_int sampled, sampled_inuse;	/* slots of the sample under way */
} __attribute__((aligned(128)));

extern struct sf_pool sf_pools[MAXCPU];

/* pool.c; variables, so that tests/sim can choose others. */
extern u_int sf_mapped_share;	/* one slot in this many stays mapped */
extern u_int sf_queue_max;	/* slots that one CPU keeps mapped, at most */
extern u_int sf_search_max;	/* looks at slots before the lock is let go */

/*
 * pool_set_bounds: sets the bounds of the queue by the size of the pool, which
 * changes when slots are stolen.  A CPU keeps a part of its pool mapped, one
 * slot in sf_mapped_share, but not more than one in QUEUE_SHARE of its share of
 * all slots or, where shares are small, than QUEUE_MAX.  A mapped slot must be
 * removed before it can be flushed; so a CPU that has most of the slots, and
 * keeps too many of them mapped, would run out of flushed ones.  A queue of
 * `high' slots is brought down to `low'; at most the slots between the two are
 * made ready at a time.
 */
static inline void
pool_set_bounds(struct sf_pool *p)
{
	u_int high = p->ring.nslots / sf_mapped_share, span;

	high = high < sf_queue_max ? high : sf_queue_max;
	p->high = high != 0 ? high : 1;
	span = p->high - p->high / 16;
	p->low = p->high - (span < READY_MAX ? span : READY_MAX);
	KDEBUG(p->low < p->high, "sf_buf: bounds %u and %u", p->low, p->high);
}

/* The number of slots that are removed and not known to be flushed. */
static inline u_int
pool_unflushed(const struct sf_pool *p)
{
	return (p->ring.len[BATCH] + p->ring.len[OPEN]);
}

/* The pool of the CPU that this runs on; the caller cannot migrate. */
static inline struct sf_pool *
pool_mine(void)
{
	return (curpcpu()->pc_sf_pool);
}

/*
 * Keeps the caller's address for messages: which code mapped a slot last, or
 * in strict mode freed it.  In debug builds and in strict mode.
 */
extern const void **sf_callers;
extern bool sf_strict;

static inline void
sf_set_caller(struct sf_buf *sf, const void *caller)
{
#ifdef DEBUG
	sf_callers[sf_index(sf)] = caller;
#else
	if (__builtin_expect(sf_strict, 0))
		sf_callers[sf_index(sf)] = caller;
#endif
}

/*
 * sf_forget_page: clears m->sf of the page that a slot last mapped.  Called by
 * the slot's owner once its entry is gone.  Only the owner of a slot changes an
 * m->sf that names it, so nothing comes between the look and the store.
 */
static inline void
sf_forget_page(struct sf_buf *sf)
{
	struct vm_page *m = sf_page_at(sf_page(sf));

	if (hw_load32(&m->sf) == sf_addr(sf))
		hw_store32(&m->sf, 0);
}

/* Panics unless a slot is CLAIMED, as it is while it has one owner. */
static inline void
sf_check_ours(struct sf_buf *sf)
{
	KDEBUG((sf->status & ~SF_PRIVATE) == SF_CLAIMED,
	    "sf_buf %u: status 0x%x, not CLAIMED", sf_index(sf), sf->status);
}

/* The part for a removed slot whose low word sf_pte_remove() returned. */
static inline enum part
sf_removed_part(uint32_t bits)
{
	return ((bits & SF_PTE_A) != 0 ? OPEN : FLUSHED);
}

/*
 * sf_put_removed: puts a slot that we own, and whose entry is gone, into part
 * FLUSHED or OPEN of the pool, which is locked.
 */
static inline void
sf_put_removed(struct sf_pool *p, struct sf_buf *sf, enum part k)
{
	KDEBUG(k == FLUSHED || k == OPEN, "sf_buf %u: removed, to part %u",
	    sf_index(sf), k);
	sf_check_ours(sf);
	hw_store32(&sf->status, SF_REMOVED);
	ring_put(&p->ring, k, sf);
}

/*
 * sf_remove_mapping: takes away the shared mapping of a slot that we own;
 * returns the part of a ring in which the slot belongs now.
 */
static inline enum part
sf_remove_mapping(struct sf_buf *sf)
{
	PCPU_COUNT(pc_sf.removals);
	return (sf_removed_part(sf_pte_remove(sf)));
}

/*
 * sf_remove_private: as sf_remove_mapping(), of a CPU-private one.  It counts
 * as cached whatever its A bit says, for another CPU may cache what the slot
 * mapped before; and it must not be revived, so the slot forgets its page.
 */
static inline enum part
sf_remove_private(struct sf_buf *sf)
{
	PCPU_COUNT(pc_sf.removals);
	(void)sf_pte_remove(sf);
	hw_store32(&sf->page, PAGE_NONE);
	return (OPEN);
}

/* ref.c */
struct sf_buf *sf_ref_lookup(struct vm_page *m, const void *caller);
void	sf_bad_handle(const struct sf_buf *sf, const char *func,
	    const void *caller) __attribute__((__noreturn__));

/* map.c */
struct sf_buf *sf_map(struct vm_page *m, const void *caller);
struct sf_buf *sf_map_in(struct sf_buf *sf, bool needs_flush,
	    struct vm_page *m, const void *caller);
struct sf_buf *sf_map_and_publish(struct sf_pool *p, struct sf_buf *sf,
	    struct vm_page *m, const void *caller);

/* ready.c */
void	pool_lock(struct sf_pool *p);
struct sf_pool *pool_lock_mine(void);
void	pool_unlock(struct sf_pool *p);
void	pool_acquire(struct sf_pool *p);
void	pool_release(struct sf_pool *p);
void	pool_let_go(struct sf_pool *p);
void	sf_ready_make(struct sf_pool *p);
void	sf_ready_reclaim_all(void);

/* evict.c */
bool	sf_evict_one(struct sf_pool *p);
bool	sf_evict_batch(struct sf_pool *p);
void	sf_evict_half(struct sf_pool *p);
struct sf_buf *sf_take_from(struct sf_pool *p, enum part k);
struct sf_buf *sf_take_removed(struct sf_pool *p, bool *cached);
enum sf_verdict sf_evict_claim(struct sf_pool *p, struct sf_buf *sf,
	    enum sf_chance chance, uint32_t *status);

/* flush.c */
void	sf_flush_alone(struct sf_pool *p);
bool	sf_flush_force(void);
void	sf_flush_tick(bool idles);

/*
 * sf_flush_promote: makes BATCH the end of FLUSHED if every TLB was flushed
 * since its stamp.  The pool is locked.
 */
static inline void
sf_flush_promote(struct sf_pool *p)
{
	if (p->ring.len[BATCH] != 0 && tlb_is_clean(p->stamp))
		ring_merge(&p->ring, BATCH);
}

/* Keeps the queue within its bounds.  The pool is locked. */
static inline void
sf_evict_ahead(struct sf_pool *p)
{
	if (p->ring.len[QUEUE] >= p->high)
		(void)sf_evict_batch(p);
}

/* steal.c */
struct sf_buf *sf_steal_flushed(struct sf_pool *p);
struct sf_buf *sf_take_any(bool *needs_flush);

/* private.c */
struct sf_buf *sf_private_lookup(struct vm_page *m);
struct sf_buf *sf_private_map(struct vm_page *m, const void *caller);

/* strict.c */
void	sf_strict_free(struct sf_buf *sf, const void *caller);

/* waiters.c */
struct sf_buf *sf_wait(struct vm_page *m, int flags, const void *caller,
	    bool *interrupted);
void	sf_waiters_wake_for(const struct vm_page *m);

/* audit.c: what a recount of one ring finds. */
struct sf_recount {
	struct ring ring;		/* as it was at the start */
	u_int slots, referenced;
	bool closed;			/* the links come back to the start */
};
bool	sf_recount(u_int cpu, struct sf_recount *c);

/* sample.c */
void	sf_sample_one(struct sf_pool *p);
void	sf_sample_all(void);

#define	SAMPLE		256u	/* one slot is sampled in this many misses */

/*
 * Goes on with the sample of how many slots are referenced, if it is time.  The
 * pool is locked.
 */
static inline void
sf_sample(struct sf_pool *p)
{
	if (p->unsampled >= SAMPLE)
		sf_sample_one(p);
}

#endif /* !_SF_BUF_POOL_H_ */
