/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The supply of sf_buf slots.  Each CPU has a pool: a ring of slots, in which
 * five parts follow each other, and the first again the last.
 *
 *	QUEUE	mapped, the oldest first: candidates for eviction
 *	CLEAN	removed, and in no TLB
 *	BATCH0	removed before tlb_close() returned its stamp
 *	BATCH1	the same, later; so that the clock can close a batch while
 *		another CPU is late with its flush for the one before
 *	OPEN	removed since
 *
 * What becomes of a slot is a border that passes over it: a miss maps the
 * first of CLEAN, which becomes the last of QUEUE; eviction makes the first of
 * QUEUE the last of OPEN; the clock makes all of OPEN the end of a batch; and a
 * batch is the end of CLEAN once every TLB was flushed.  No list is changed
 * for it.  Slots are put in and taken out only where something comes between.
 *
 * A slot joins the queue when it is mapped, referenced as it is then: so the
 * free of a short-lived reference touches no ring.  One that is still
 * referenced when it comes to its eviction is taken out; its last free puts
 * it back.
 *
 * Slots are evicted ahead of need, about three quarters of all.  That does not
 * cost hits: a removed slot still knows its page, and goes back to it by
 * revive() for the price of a store, wherever in the ring it is: whoever comes
 * upon it looks at its state to see what it is now.  Batches are closed by the
 * clock, and become clean by the flushes of everybody's next tick; only when
 * clean slots run out before that, sf_pool_force() asks.  No ring is ever
 * scanned, so that no cost grows with the number of slots.
 *
 * Of CLEAN the first so many are ready: the CPU takes them without its pool's
 * lock, in sf_buf_map_ready(), in which it holds off interrupts, and says so
 * by pc_soft_masked.  Whoever takes the lock waits until it is out of there,
 * and then takes back what is ready.  The order of the accesses:
 *
 *	CPU:	[1] pc_soft_masked = 1
 *		[2] reads which slot is the first
 *		[3] claims it, by LOCK CMPXCHG
 *		[4] is `lock' SF_READY?
 *		[5] all else that it does to slot and pool
 *		[6] pc_soft_masked = 0
 *	Others:	[7] `lock' becomes SF_LOCKED, by LOCK CMPXCHG
 *		[8] wait until pc_soft_masked is 0
 *		[9] take back what is ready, change the pool
 *		[10] `lock' becomes SF_FREE; SF_READY only by the CPU itself
 *
 * [3] and [7] are barriers, so that either [4] sees [7], or [8] sees [1], and
 * with it waits for [6] and sees [5]: [5] and [9] exclude each other.  By
 * [10] the CPU also sees those who came and went before [1] left its store
 * buffer, so that what [2] read was not right any more.  Then it has claimed a
 * slot that it has no right to, in any ring; it lets go of it, and goes by the
 * lock.  Whoever came upon it in between took it for one that was revived, and
 * put it into a queue: so a queue may have removed slots, of which nobody
 * knows whether they are clean.
 *
 * The lock is of its own kind, as spin_lock() knows nothing of this.
 * Interrupts are off under it, at most one is held at a time, and nothing is
 * called under it that waits or takes another lock.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <sf_buf/sf_buf_var.h>
#include <vm/tlb.h>

#define	BATCH_MAX	192u	/* slots ready at once; twice so many are
				   evicted in one go, interrupts off */
#define	STEAL_MAX	256u	/* slots moved from pool to pool at once */
#define	ACTIVE		4u	/* forced flushes for which a pool stays it */
#define	SAMPLE		32u	/* misses a slot from sample to sample */
#define	PROBE		8u	/* of so many batches one tells by its A bits
				   whether mappings are used */

enum part { QUEUE, CLEAN, BATCH0, BATCH1, OPEN, NPARTS };

/*
 * A CPU's supply.  All of it is under its lock but `lost', which the CPU adds
 * to between [4] and [6].  A hint names a slot.  The first slot of a part comes
 * after the last one of the part before.
 *
 * sf_buf_map_ready() notes only how many are left and which was the last;
 * settle(), which is part of pool_lock(), makes up for that.
 */
static struct sf_pool {
	struct pcpu *pc;		/* whose it is */
	uint32_t home, home_size;	/* hints of its slots at start: from
					   here, so many */
	u_int holder;			/* the CPU that has the lock */
	u_int given;			/* how many were made ready */
	u_int lost;			/* of them, to another CPU */
	uint32_t last[NPARTS];		/* hint: last of the part or, if it is
					   empty, of the nearest before it */
	u_int len[NPARTS];
	u_int nslots;			/* the sum of them */
	uint32_t stamp[2];		/* of BATCH0 and BATCH1 */
	u_int unsampled;		/* misses since the peak was sampled */
	bool held;			/* a guess: the next to go has A set */
	bool used;			/* a guess: what is mapped is used */
	u_int batches;			/* made ready, for PROBE */
	u_int active;			/* for so many forces; see FORCE */
} __attribute__((aligned(128))) pools[MAXCPU];

/* A queue that reaches queue_high is brought down to queue_low. */
static u_int queue_high, queue_low, ready_max;
u_int sf_pool_queued = 4;	/* of so many slots one stays mapped */

static inline struct sf_pool *
my_pool(void)
{
	return (curpcpu()->pc_sf_pool);
}

/* Takes back what is ready, and counts what was taken. */
static void
settle(struct sf_pool *p)
{
	struct sf_ready *r = &p->pc->pc_sf_ready;
	uint32_t last = hw_load32(&r->last);
	u_int taken;

	if (p->given == 0)
		return;
	taken = p->given - hw_load32(&r->left);
	if (taken != 0) {
		p->last[QUEUE] = last != 0 ? last : hw_load32(&r->end);
		p->len[CLEAN] -= taken;
		p->len[QUEUE] += taken;
		p->unsampled += taken;
		PCPU_ADD(pc_sf.misses, taken - p->lost);
	}
	p->given = p->lost = 0;
	hw_store32(&r->last, 0);
}

/* Waits a moment; false once this CPU has panicked, and goes on without. */
static bool
pool_wait(struct sf_pool *p, struct deadline *wait, u_int cpu, const char *how)
{
	if (panicked_here())
		return (false);
	KASSERT(panicked() || !deadline_passed(wait),
	    "sf_buf: CPU %u waits for pool %u, which CPU %u %s", curcpu_id(),
	    (u_int)(p - pools), cpu, how);
	tlb_serve();
	cpu_spinwait();
	return (true);
}

/* [7] to [9].  Interrupts off. */
static void
pool_lock(struct sf_pool *p)
{
	struct sf_ready *r = &p->pc->pc_sf_ready;
	struct deadline wait = { 0 };
	uint32_t was = hw_load32(&r->lock);

	while (was == SF_LOCKED ||
	    !atomic_fcmpset_32(&r->lock, &was, SF_LOCKED)) {
		if (!pool_wait(p, &wait, p->holder, "has locked"))
			return;
		was = hw_load32(&r->lock);
	}
	p->holder = curcpu_id();
	/* Acquire: `lost', which is not volatile, is settle()'s to read. */
	while (atomic_load_acq_32(&p->pc->pc_soft_masked) != 0)
		if (!pool_wait(p, &wait, p->pc->pc_cpuid, "maps from"))
			return;
	settle(p);
}

/* [10] */
static inline void
pool_unlock(struct sf_pool *p)
{
	atomic_store_rel_32(&p->pc->pc_sf_ready.lock,
	    p->given != 0 ? SF_READY : SF_FREE);
}

/* Lets others at the pool, and interrupts in, for a moment. */
static void
pool_breathe(struct sf_pool *p, uint32_t intr)
{
	pool_unlock(p);
	intr_restore(intr);
	(void)intr_save();
	pool_lock(p);
}

static inline enum part
before(enum part k)
{
	return (k == QUEUE ? OPEN : k - 1);
}

static inline enum part
after(enum part k)
{
	return (k == OPEN ? QUEUE : k + 1);
}

/* The last slot of part k is now this one, as of the empty parts after it. */
static void
set_last(struct sf_pool *p, enum part k, uint32_t slot)
{
	p->last[k] = slot;
	for (enum part j = after(k); j != k && p->len[j] == 0; j = after(j))
		p->last[j] = slot;
}

/* Puts n slots, linked from first to last, at the end of part k. */
static inline void
splice(struct sf_pool *p, enum part k, uint32_t first, uint32_t last, u_int n)
{
	struct sf_buf *prev = sf_of_hint(p->nslots == 0 ? last : p->last[k]);

	if (p->nslots != 0)
		sf_of_hint(last)->next = prev->next;
	prev->next = first;
	set_last(p, k, last);
	p->nslots += n;
	p->len[k] += n;
}

/* Takes the first n slots of part k, to `last', out; returns the first. */
static inline uint32_t
cut(struct sf_pool *p, enum part k, uint32_t last, u_int n)
{
	uint32_t prev = p->last[before(k)], first = sf_of_hint(prev)->next;

	sf_of_hint(prev)->next = sf_of_hint(last)->next;
	p->nslots -= n;
	p->len[k] -= n;
	if (p->len[k] == 0)
		set_last(p, k, prev);
	return (first);
}

static inline uint32_t
first_of(struct sf_pool *p, enum part k)
{
	return (sf_of_hint(p->last[before(k)])->next);
}

/* splice() and cut() of one slot, and of none as NULL. */
static void
insert(struct sf_pool *p, enum part k, struct sf_buf *sf)
{
	splice(p, k, sf_hint(sf), sf_hint(sf), 1);
}

static struct sf_buf *
remove_first(struct sf_pool *p, enum part k)
{
	if (p->len[k] == 0)
		return (NULL);
	return (sf_of_hint(cut(p, k, first_of(p, k), 1)));
}

/* Part k becomes the end of the part before it. */
static void
merge(struct sf_pool *p, enum part k)
{
	p->last[before(k)] = p->last[k];
	p->len[before(k)] += p->len[k];
	p->len[k] = 0;
}

/*
 * The owner's of a slot whose entry is gone: its page forgets it.  Only the
 * owner of a slot changes an m->sf that names it, so nothing comes between
 * the look and the store.
 */
static inline void
forget_page(struct sf_buf *sf)
{
	struct vm_page *m = sf_page_at(sf_page(sf));

	if (hw_load32(&m->sf) == sf_hint(sf))
		hw_store32(&m->sf, 0);
}

/* Puts a slot that we own, and whose entry is gone, where it belongs. */
static inline void
put_removed(struct sf_pool *p, struct sf_buf *sf, bool dirty)
{
	hw_store32(&sf->count, SF_REMOVED);
	insert(p, dirty ? OPEN : CLEAN, sf);
}

/*
 * The first slot of the queue was taken out; true if it is ours now.  If not,
 * it stays out as long as it is in use, or goes to the end of the queue: hit
 * since it was here last, which is forgiven once, unless `hard'; or in
 * somebody's hands, which is soon over.  One that is removed is for the taking.
 */
static bool
claim(struct sf_pool *p, struct sf_buf *sf, uint32_t *count, bool hard)
{
	uint32_t ncount;
	bool ours, out;

	*count = sf_count(sf);
	do {
		out = (*count & SF_STATE) == 0 && (*count & SF_COUNT) != 0;
		ours = *count == SF_REMOVED || (!out &&
		    (*count & SF_STATE) == 0 &&
		    (hard || (*count & SF_USED) == 0));
		ncount = out ? *count | SF_UNLISTED | SF_SLOW :
		    ours ? SF_CLAIMED | (*count & SF_PRIVATE) :
		    *count & ~SF_USED;
	} while (!atomic_fcmpset_32(&sf->count, count, ncount));
	if (!ours && !out)
		insert(p, QUEUE, sf);
	return (ours);
}

/*
 * Takes the mapping of a slot that we own away; true if a TLB may hold it
 * still.  That of a private slot counts as held whatever its A bit says:
 * another CPU may hold what the slot mapped before.
 */
static inline bool
unmap(struct sf_buf *sf, uint32_t private)
{
	bool dirty = sf_buf_md_remove(sf_hint(sf));

	PCPU_COUNT(pc_sf.removals);
	if (private != 0) {
		hw_store32(&sf->page, NOPAGE);
		dirty = true;
	}
	return (dirty);
}

/* Removed, and not known to be clean. */
static inline u_int
unclean(const struct sf_pool *p)
{
	return (p->len[BATCH0] + p->len[BATCH1] + p->len[OPEN]);
}

/*
 * Takes away the oldest mapping of the queue that nobody uses, one that was
 * hit since it was passed last going round once more; false if there is none,
 * or not among the first few unless `hard'.  Each pass over a slot is paid for
 * by a hit or by the miss that mapped it.  Who claims a slot without the lock
 * of its ring ([3]) and has no right to it leaves the page as it is; so half
 * the word will do.
 */
static bool __attribute__((noinline))
evict(struct sf_pool *p, bool hard)
{
	u_int n = hard ? 2 * p->len[QUEUE] : BATCH_MAX;
	struct sf_buf *sf;
	uint32_t count;

	for (; n > 0; n--) {
		if ((sf = remove_first(p, QUEUE)) == NULL)
			return (false);
		if (!claim(p, sf, &count, hard))
			continue;
		if (count == SF_REMOVED) {
			put_removed(p, sf, true);
			return (true);
		}
		p->held = unmap(sf, count & SF_PRIVATE);
		put_removed(p, sf, p->held);
		return (true);
	}
	return (false);
}

/*
 * The first n of the queue, to `last', were evicted.  If TLBs may hold them
 * they become the end of OPEN, else that of CLEAN, which may be elsewhere.
 */
static inline void
evicted(struct sf_pool *p, bool held, uint32_t last, u_int n)
{
	if (held) {
		p->last[OPEN] = last;
		p->len[OPEN] += n;
		p->len[QUEUE] -= n;
	} else if (n != 0)
		splice(p, CLEAN, cut(p, QUEUE, last, n), last, n);
}

/*
 * evict() for up to max, as long as they are all alike: unused, shared, and
 * held by a TLB or not.  A fifth of a miss goes here.  How many there were.
 * That nothing of them is in a TLB, where all should be, says that mappings are
 * not used; A of those that were entered with it never says that.
 */
static inline __attribute__((always_inline)) u_int
evict_run(struct sf_pool *p, u_int max, bool held)
{
	u_int left = max, n;
	uint32_t last = p->last[OPEN], slot;
	bool odd = false;

	while (left != 0) {
		slot = sf_of_hint(last)->next;
		if (!atomic_cmpset_32(&sf_of_hint(slot)->count, 0, SF_CLAIMED))
			break;
		odd = held ? !sf_buf_md_remove_held(slot) :
		    sf_buf_md_remove(slot);
		if (odd)
			break;
		hw_store32(&sf_handle(slot)->count, SF_REMOVED);
		last = slot;
		left--;
	}
	n = max - left;
	evicted(p, held, last, n);
	PCPU_ADD(pc_sf.removals, n);
	if (odd) {
		PCPU_COUNT(pc_sf.removals);
		p->held = !held;
		p->used = p->used && !held;
		put_removed(p, remove_first(p, QUEUE), !held);
	}
	return (n + odd);
}

/* The same of unused private ones of this CPU, or of one of any other kind. */
static u_int __attribute__((noinline))
evict_others(struct sf_pool *p, u_int max)
{
	uint32_t unused = SF_SLOW | SF_PRIVATE_TO(curcpu_id());
	uint32_t last = p->last[OPEN];
	struct sf_buf *sf;
	u_int n;

	for (n = 0; n < max; n++) {
		sf = sf_of_hint(sf_of_hint(last)->next);
		if (!atomic_cmpset_32(&sf->count, unused, SF_CLAIMED))
			break;
		(void)unmap(sf, unused);
		hw_store32(&sf->count, SF_REMOVED);
		last = sf_hint(sf);
	}
	evicted(p, true, last, n);
	return (n != 0 ? n : evict(p, false));
}

/*
 * Brings the queue down to what it may have, if that is not too much for one
 * go.  False once there is no more to do.
 */
static bool __attribute__((noinline))
evict_batch(struct sf_pool *p)
{
	u_int left = 2 * BATCH_MAX, max, n;

	if (p->len[QUEUE] != 0 && sf_buf_md_was_used(first_of(p, QUEUE)))
		p->used = true;
	while (left != 0 && p->len[QUEUE] > queue_low) {
		max = p->len[QUEUE] - queue_low;
		max = max < left ? max : left;
		n = p->held ? evict_run(p, max, true) :
		    evict_run(p, max, false);
		if (n == 0 && (n = evict_others(p, max)) == 0)
			return (false);
		left -= n;
	}
	return (left == 0);
}

static inline void
evict_ahead(struct sf_pool *p)
{
	if (p->len[QUEUE] >= queue_high)
		(void)evict_batch(p);
}

/*
 * A slot that was removed was revived since: it goes where mapped slots
 * belong, and another in its place.
 */
static void __attribute__((noinline))
exchange_revived(struct sf_pool *p, struct sf_buf *sf)
{
	insert(p, QUEUE, sf);
	evict_ahead(p);
}

/* The first slot of a part of removed ones, claimed; NULL if none is left. */
static struct sf_buf *
take(struct sf_pool *p, enum part k)
{
	struct sf_buf *sf;

	while ((sf = remove_first(p, k)) != NULL) {
		if (atomic_cmpset_32(&sf->count, SF_REMOVED, SF_CLAIMED)) {
			forget_page(sf);
			return (sf);
		}
		exchange_revived(p, sf);
	}
	return (NULL);
}

/* The first slot of the first part that has one; *dirty if not of CLEAN. */
static struct sf_buf *
take_own(struct sf_pool *p, bool *dirty)
{
	struct sf_buf *sf;

	for (enum part k = CLEAN; k <= OPEN; k++)
		if ((sf = take(p, k)) != NULL) {
			*dirty = k != CLEAN;
			return (sf);
		}
	return (NULL);
}

/* What was closed is clean once every TLB was flushed since. */
static void
absorb(struct sf_pool *p)
{
	while (p->len[BATCH0] != 0 && tlb_is_clean(p->stamp[0])) {
		merge(p, BATCH0);
		merge(p, BATCH1);
		p->stamp[0] = p->stamp[1];
	}
}

/*
 * The stamp of a batch is taken after its last removal, which is the whole
 * point of it; see vm/tlb.c.
 */
static void
close_batch(struct sf_pool *p, enum part k)
{
	merge(p, OPEN);
	if (k == BATCH0)
		merge(p, BATCH1);
	if (p->len[k] != 0)
		p->stamp[k - BATCH0] = tlb_close();
}

/*
 * All in one batch, for who is about to flush for it.  The new stamp covers
 * the older batches as well, whose own may be of so long ago that they look
 * like ones to come.
 */
static void
close_all(struct sf_pool *p)
{
	close_batch(p, BATCH0);
}

/*
 * If no other CPU is awake, a flush of this TLB cleans all that is removed,
 * without an interrupt.
 */
static void
clean_here(struct sf_pool *p)
{
	if (unclean(p) == 0 || !tlb_others_idle())
		return;
	close_all(p);
	tlb_flush_here();
	absorb(p);
}

/*
 * What to do when a CPU has no clean slot.  Who can force a flush leaves a CPU
 * that maps pages as well its slots: the flush is for both.  Else each slot
 * would change hands about once for each use, and with it the cache lines of
 * its entry.  A CPU maps pages, and its pool is active, if it made slots ready
 * within the last few forced flushes: not just since the last, for it may not
 * have run for that long, as in a guest.
 */
enum source {
	STEAL,			/* all that there is: may not wait */
	FORCE			/* can force: what the others can spare */
};

static inline bool
at_home(const struct sf_pool *p, uint32_t slot)
{
	return (slot - p->home < p->home_size);
}

/* Takes the first n slots of CLEAN out; returns n, which is not 0. */
static u_int
cut_first(struct sf_pool *p, u_int n, uint32_t *first, uint32_t *last)
{
	*last = first_of(p, CLEAN);
	for (u_int i = 1; i < n; i++)
		*last = sf_of_hint(*last)->next;
	*first = cut(p, CLEAN, *last, n);
	return (n);
}

/* The same of up to max that are at home in `mine', or not; how many. */
static u_int
cut_run(struct sf_pool *p, const struct sf_pool *mine, bool home, u_int max,
    uint32_t *first, uint32_t *last)
{
	uint32_t slot = first_of(p, CLEAN);
	u_int n = 0;

	for (; n < max && at_home(mine, slot) == home; n++)
		slot = sf_of_hint(slot)->next;
	return (n == 0 ? 0 : cut_first(p, n, first, last));
}

/*
 * Takes up to max slots of CLEAN out that are at home in `mine', if any are
 * among the first ones; the others of those go to the end.
 */
static u_int
cut_home(struct sf_pool *p, const struct sf_pool *mine, u_int max,
    uint32_t *first, uint32_t *last)
{
	u_int look = p->len[CLEAN], n = 0, run;
	uint32_t from = 0, to = 0;

	look = look < 2 * STEAL_MAX ? look : 2 * STEAL_MAX;
	for (; look != 0 && n < max; look -= run) {
		run = cut_run(p, mine, false, look, &from, &to);
		if (run != 0) {
			splice(p, CLEAN, from, to, run);
			continue;
		}
		run = cut_run(p, mine, true, look < max - n ? look : max - n,
		    &from, &to);
		if (n == 0)
			*first = from;
		else
			sf_of_hint(*last)->next = from;
		*last = to;
		n += run;
	}
	return (n);
}

/*
 * Takes some of the clean slots of the first other pool that has some to spare;
 * false if none has.  The lock of `mine' is released meanwhile; what is in
 * no ring is in transit, so the caller must see to those who wait: sf_buf.c,
 * waiters.
 *
 * Slots that are at home here come first, and of an active pool those only,
 * unless this one is poor.  So a CPU that had the slots of one that slept gives
 * them back, and neighbours stay together, which share the cache lines of
 * their states and of their entries.
 */
static bool
steal(struct sf_pool *mine, enum source source)
{
	u_int dirty = unclean(mine), n = 0, max;
	bool poor = dirty < nsfbufs / mp_ncpus / 4;
	bool away = mine->nslots * SF_SLOT_SIZE < mine->home_size;
	uint32_t first = 0, last = 0;
	struct sf_pool *p;

	pool_unlock(mine);
	for (u_int i = 1; i < mp_ncpus && n == 0; i++) {
		p = &pools[(curcpu_id() + i) % mp_ncpus];
		pool_lock(p);
		absorb(p);
		max = (p->len[CLEAN] + 1) / 2;
		max = max < STEAL_MAX ? max : STEAL_MAX;
		if (away)
			n = cut_home(p, mine, max, &first, &last);
		if (n == 0 && max != 0 && (source == STEAL ||
		    p->active == 0 ||
		    (poor && p->len[CLEAN] > dirty / mp_ncpus)))
			n = cut_first(p, max, &first, &last);
		pool_unlock(p);
	}
	pool_lock(mine);
	if (n != 0)
		splice(mine, CLEAN, first, last, n);
	return (n != 0);
}

/*
 * CLEAN is empty: what can be had without a flush.  All that is stolen may
 * turn out to be revived, and then there may be more.  Others' come first: a
 * CPU that maps alone is to have all slots, not to use its own over and over.
 */
static struct sf_buf *
refill(struct sf_pool *p, enum source source)
{
	struct sf_buf *sf;

	absorb(p);
	/* Who idles maps nothing, however active its pool was. */
	if (tlb_others_idle())
		source = STEAL;
	while ((sf = take(p, CLEAN)) == NULL)
		if (!steal(p, source)) {
			clean_here(p);
			return (take(p, CLEAN));
		}
	return (sf);
}

/* Nobody may find the loser's page in its slot: it has another by now. */
static void
lose(struct sf_pool *p, struct sf_buf *sf)
{
	hw_store32(&sf->page, NOPAGE);
	put_removed(p, sf, unmap(sf, 0));
}

/*
 * Maps m in a slot that we own, and publishes it; NULL if somebody else was
 * faster.  The entry is in place before anybody finds the slot, and until
 * the count is stored nobody can take a reference.
 */
static struct sf_buf *
enter(struct sf_pool *p, struct sf_buf *sf, struct vm_page *m,
    const void *caller)
{
	uint32_t page = (uint32_t)sf_offset_of_page(m);

	sf_buf_md_enter(sf_hint(sf), page, SF_PTE_NEW);
	hw_store32(&sf->page, page);
	if (!atomic_cmpset_32(&m->sf, 0, sf_hint(sf))) {
		lose(p, sf);
		return (NULL);
	}
	sf_set_caller(sf, caller);
	if (sf_strict) {
		hw_store32(&sf->count, SF_SLOW | SF_UNLISTED | SF_REF);
	} else {
		insert(p, QUEUE, sf);
		hw_store32(&sf->count, SF_REF);
	}
	p->unsampled++;
	PCPU_COUNT(pc_sf.misses);
	return (sf);
}

/*
 * The next misses need not look: see sf_buf_map_ready().  By the owner only,
 * and the last change of the ring under the lock.  None for as long as threads
 * wait: those found no clean slot, and are to be the first who get one.
 *
 * If mappings are used as a rule, A is set from the start: that spares each
 * walk the locked access that sets it, and the removal the exchange that reads
 * it.
 */
static void
make_ready(struct sf_pool *p)
{
	struct sf_ready *r = &p->pc->pc_sf_ready;
	u_int n = p->len[CLEAN] < ready_max ? p->len[CLEAN] : ready_max;
	bool used;

	if (n == 0 || hw_load32(&sf_nwaiters) != 0)
		return;
	used = p->used && p->batches++ % PROBE != 0;
	p->given = n;
	p->active = ACTIVE;
	hw_store32(&r->bits, used ? SF_PTE_HELD : SF_PTE_NEW);
	hw_store32(&r->last, p->last[QUEUE]);
	hw_store32(&r->left, n);
}

static inline bool
sample_wanted(const struct sf_pool *p)
{
	return (p->unsampled >= SAMPLE * nsfbufs);
}

/* Whether it is time for a sample of the peak; if so, the caller takes it. */
static bool
sample_due(struct sf_pool *p)
{
	if (!sample_wanted(p))
		return (false);
	p->unsampled = 0;
	return (true);
}

/*
 * sf_pool_map: maps m in a clean slot.  NULL if there is none on any CPU; or,
 * if the caller can force a flush, none that the others can spare; or somebody
 * else has mapped m meanwhile.  Any context but NMI.
 */
struct sf_buf *
sf_pool_map(struct vm_page *m, const void *caller)
{
	bool force = tlb_may_wait();
	uint32_t intr = intr_save();
	struct sf_pool *p = my_pool();
	struct sf_buf *sf;
	bool sample;

	pool_lock(p);
	evict_ahead(p);
	if ((sf = take(p, CLEAN)) == NULL)
		sf = refill(p, force ? FORCE : STEAL);
	if (sf != NULL)
		sf = enter(p, sf, m, caller);
	make_ready(p);
	sample = sample_due(p);
	pool_unlock(p);
	intr_restore(intr);
	if (sample)
		sf_buf_sample_peak();
	return (sf);
}

#ifdef DEBUG
/*
 * sf_buf_check_ready: a slot that was ready is about to get a page from the
 * caller: the one that it had names it.
 */
void
sf_buf_check_ready(uint32_t slot)
{
	uint32_t page = sf_page(sf_of_hint(slot));

	KASSERT(page == NOPAGE || hw_load32(&sf_page_at(page)->sf) == slot,
	    "sf_buf %u: its page %u names 0x%x (called from %pC)",
	    slot_of(sf_of_hint(slot)), sf_frame(sf_of_hint(slot)),
	    sf_page_at(page)->sf, __caller());
	sf_set_caller(sf_of_hint(slot), __caller());
}
#endif

/* Makes slots ready, or leaves it to those who have more to do. */
static void
refresh(struct sf_pool *p)
{
	pool_lock(p);
	absorb(p);
	if (p->len[CLEAN] != 0 && !sample_wanted(p)) {
		evict_ahead(p);
		make_ready(p);
	}
	pool_unlock(p);
}

/*
 * sf_buf_none_ready: the rest of sf_buf_map_ready() if it could not claim a
 * slot.  If that is because none was ready, and not because the first was
 * revived, it gets some, and once more its turn; with interrupts off it does
 * not: so the second turn, which has them off, ends.  The look at the pool is
 * not locked: if it is wrong sf_pool_map() has more to do.
 */
uint32_t
sf_buf_none_ready(struct vm_page *m)
{
	const void *caller = __caller();
	bool none = PCPU_LOAD(pc_sf_ready.last) == 0;
	uint32_t slot = 0;
	struct sf_pool *p;

	intr_soft_unmask();
	if (!none || sf_strict || !intr_enabled())
		return (0);
	disable_intr();
	p = my_pool();
	if (p->given != 0 || p->len[CLEAN] != 0) {
		refresh(p);
		slot = sf_buf_map_ready(m);
	}
	if (slot != 0)
		sf_set_caller(sf_of_hint(slot), caller);
	enable_intr();
	return (slot);
}

/*
 * sf_buf_not_ready: it has claimed a slot in vain, which is let go.  By an
 * exchange, for who looked for a slot meanwhile may wait for one: sf_buf.c,
 * waiters.
 */
uint32_t
sf_buf_not_ready(const struct vm_page *m, uint32_t slot)
{
	(void)atomic_swap_32(&sf_of_hint(slot)->count, SF_REMOVED);
	intr_soft_unmask();
	if (hw_load32(&sf_nwaiters) != 0)
		sf_buf_was_mapped(m);
	return (0);
}

/*
 * sf_buf_lose_ready: the same if somebody else was faster to map m.  The slot
 * joins the queue, removed; nobody may find m in it, which names another.
 */
uint32_t
sf_buf_lose_ready(const struct vm_page *m, uint32_t slot)
{
	(void)sf_buf_md_remove(slot);
	PCPU_COUNT(pc_sf.removals);
	hw_store32(&sf_of_hint(slot)->page, NOPAGE);
	my_pool()->lost++;
	sf_buf_pass_ready(slot);
	return (sf_buf_not_ready(m, slot));
}

/*
 * Maps m, for this CPU only, in a slot that we own and other TLBs may still
 * hold, once this one does not.  It has its place in the queue already, or
 * gets it before anybody may look.  m->sf_private is a guess that the slot's
 * own word confirms, so a plain store will do.
 */
static void
enter_private(struct sf_pool *p, struct sf_buf *sf, struct vm_page *m)
{
	uint32_t page = (uint32_t)sf_offset_of_page(m);

	sf_buf_md_invalidate(sf_hint(sf));
	PCPU_COUNT(pc_sf.invlpgs);
	sf_buf_md_enter(sf_hint(sf), page, SF_PTE_NEW);
	hw_store32(&sf->page, page);
	(void)atomic_inc_32(&m->sf_refs);
	hw_store32(&sf->count, SF_SLOW | SF_PRIVATE_TO(curcpu_id()) | SF_REF);
	m->sf_private = (uint16_t)slot_of(sf);
	p->unsampled++;
	PCPU_COUNT(pc_sf.misses);
	PCPU_COUNT(pc_sf.privates);
}

/*
 * Maps m, for this CPU only, in the first removed slot, which becomes the last
 * of QUEUE as that of CLEAN would.  0 if there is none, or it was revived, or
 * if CLEAN has one.
 */
static uint32_t
map_next_private(struct sf_pool *p, struct vm_page *m)
{
	enum part k = BATCH0;
	uint32_t slot;

	if (p->len[CLEAN] != 0)
		return (0);
	while (p->len[k] == 0)
		if (k++ == OPEN)
			return (0);
	slot = first_of(p, k);
	if (!atomic_cmpset_32(&sf_of_hint(slot)->count, SF_REMOVED,
	    SF_CLAIMED))
		return (0);
	forget_page(sf_of_hint(slot));
	p->len[k]--;
	p->len[QUEUE]++;
	while (k-- != QUEUE)
		p->last[k] = slot;
	enter_private(p, sf_of_hint(slot), m);
	return (slot);
}

/*
 * sf_buf_alloc_private: no slot is ready for a private mapping of m: this
 * CPU's own will do, or one in a slot that other TLBs may hold; not while
 * threads wait, nor where a flush of this TLB alone makes slots clean.  0 if
 * there is none that easily.  The caller cannot migrate.
 */
uint32_t
sf_buf_alloc_private(struct vm_page *m)
{
	struct sf_buf *sf = sf_buf_lookup_private(m);
	struct sf_pool *p = my_pool();
	uint32_t intr, slot = 0;

	if (sf != NULL)
		return (sf_hint(sf));
	intr = intr_save();
	pool_lock(p);
	if (!sf_strict && hw_load32(&sf_nwaiters) == 0 && !tlb_others_idle() &&
	    !sample_wanted(p)) {
		evict_ahead(p);
		slot = map_next_private(p, m);
	}
#ifdef DEBUG
	if (slot != 0)
		sf_set_caller(sf_of_hint(slot), __caller());
#endif
	pool_unlock(p);
	intr_restore(intr);
	return (slot);
}

/*
 * sf_pool_map_given: maps m in a slot that sf_pool_get_any() gave, and that is
 * clean by now.  NULL if somebody else was faster; the slot is given back.
 */
struct sf_buf *
sf_pool_map_given(struct sf_buf *sf, struct vm_page *m, const void *caller)
{
	uint32_t intr = intr_save();
	struct sf_pool *p = my_pool();

	pool_lock(p);
	sf = enter(p, sf, m, caller);
	pool_unlock(p);
	intr_restore(intr);
	return (sf);
}

/* A slot of one pool for a thread that waits; see below. */
static struct sf_buf *
take_any(struct sf_pool *p, bool *dirty)
{
	struct sf_buf *sf;

	/* What was evicted may be revived at once, and then there is more. */
	do {
		absorb(p);
		if ((sf = take_own(p, dirty)) != NULL)
			return (sf);
	} while (evict(p, true));
	return (NULL);
}

/*
 * sf_pool_get_any: an unreferenced slot of any kind, claimed, for a thread
 * that waits; *dirty says that tlb_flush_all_wait() must come before its use.
 * NULL only if every slot is referenced, or in somebody's hands.  Interrupts
 * off.
 */
struct sf_buf *
sf_pool_get_any(bool *dirty)
{
	struct sf_buf *sf = NULL;
	struct sf_pool *p;

	for (u_int i = 0; i < mp_ncpus && sf == NULL; i++) {
		p = &pools[(curcpu_id() + i) % mp_ncpus];
		pool_lock(p);
		sf = take_any(p, dirty);
		pool_unlock(p);
	}
	return (sf);
}

/*
 * sf_pool_map_private: as sf_pool_map(), but if this CPU has no clean slot m
 * gets a private mapping in a removed one; other CPUs' slots come last.  NULL
 * if every slot is referenced, or somebody else has mapped m.  Not in strict
 * mode.  The caller cannot migrate.
 */
struct sf_buf *
sf_pool_map_private(struct vm_page *m, const void *caller)
{
	uint32_t intr = intr_save();
	struct sf_pool *p = my_pool();
	struct sf_buf *sf;
	bool dirty = false, sample;

	pool_lock(p);
	evict_ahead(p);
	absorb(p);
	if ((sf = take(p, CLEAN)) == NULL) {
		clean_here(p);
		sf = take_own(p, &dirty);
	}
	if (sf == NULL) {
		pool_unlock(p);
		sf = sf_pool_get_any(&dirty);
		pool_lock(p);
	}
	if (sf != NULL && dirty) {
		sf_set_caller(sf, caller);
		insert(p, QUEUE, sf);
		enter_private(p, sf, m);
	} else if (sf != NULL)
		sf = enter(p, sf, m, caller);
	make_ready(p);
	sample = sample_due(p);
	pool_unlock(p);
	intr_restore(intr);
	if (sample)
		sf_buf_sample_peak();
	return (sf);
}

/*
 * Half of the queue, hard, as nothing else is removed: in strides, between
 * which interrupts come in and other CPUs at the pool.
 */
static void
evict_half(struct sf_pool *p, uint32_t intr)
{
	u_int n = (p->len[QUEUE] + 1) / 2;

	for (u_int i = 1; i <= n && evict(p, true); i++)
		if (i % BATCH_MAX == 0)
			pool_breathe(p, intr);
}

/*
 * One pool's part in a forced flush: evicts what its queue has too much of,
 * or half of it if nothing else is removed, and closes the batch.
 * Returns whether something is clean or will be.
 */
static bool
prepare(struct sf_pool *p, bool *dirty, uint32_t *stamp)
{
	uint32_t intr = intr_save();
	bool some;

	pool_lock(p);
	if (p->active != 0)
		p->active--;
	absorb(p);
	while (evict_batch(p))
		pool_breathe(p, intr);
	if (unclean(p) + p->len[CLEAN] == 0)
		evict_half(p, intr);
	/* What another has just closed for the same reason will do. */
	if (p->len[OPEN] > p->len[BATCH0] / 8 || p->len[BATCH1] != 0 ||
	    !tlb_is_recent(p->stamp[0]))
		close_all(p);
	if (p->len[BATCH0] != 0) {
		if (!*dirty || (int32_t)(p->stamp[0] - *stamp) > 0)
			*stamp = p->stamp[0];
		*dirty = true;
	}
	some = p->len[CLEAN] + p->len[BATCH0] != 0;
	pool_unlock(p);
	intr_restore(intr);
	return (some);
}

/*
 * sf_pool_force: makes slots clean that are not, the batches of all CPUs, by
 * one forced flush.  False if there was nothing to clean: then every slot is
 * referenced, or in somebody's hands.  Thread context, interrupts on, no
 * spin lock held.
 */
bool
sf_pool_force(void)
{
	uint32_t stamp = 0;
	bool some = false, dirty = false;

	for (u_int i = 0; i < mp_ncpus; i++)
		some = prepare(&pools[i], &dirty, &stamp) || some;
	if (dirty) {
		PCPU_COUNT(pc_sf.forced);
		tlb_force(stamp);
	}
	return (some);
}

/*
 * sf_pool_last_free: a reference was dropped of a slot that may be in no ring;
 * if it was the last one the slot becomes a candidate, unless somebody was
 * faster.  Any context but NMI.
 */
void
sf_pool_last_free(struct sf_buf *sf)
{
	uint32_t intr = intr_save(), count = sf_count(sf), ncount;
	struct sf_pool *p;

	do {
		if ((count & (SF_STATE | SF_COUNT)) != 0 ||
		    (count & SF_UNLISTED) == 0) {
			intr_restore(intr);
			return;
		}
		ncount = count & ~SF_UNLISTED;
		if ((count & SF_PRIVATE) == 0)
			ncount &= ~SF_SLOW;
	} while (!atomic_fcmpset_32(&sf->count, &count, ncount));
	p = my_pool();
	pool_lock(p);
	insert(p, QUEUE, sf);
	pool_unlock(p);
	intr_restore(intr);
}

/*
 * sf_pool_last_free_strict: in strict mode the mapping goes at once,
 * everywhere: nobody waits for the other CPUs, but none is left with a
 * translation for long.  The slot keeps its page's number, for who faults on
 * the address, but the page forgets the slot.
 */
void
sf_pool_last_free_strict(struct sf_buf *sf, const void *caller)
{
	uint32_t intr = intr_save(), count = sf_count(sf);
	struct sf_pool *p = my_pool();

	if ((count & (SF_STATE | SF_COUNT)) == 0 &&
	    atomic_cmpset_32(&sf->count, count, SF_CLAIMED)) {
		sf_set_caller(sf, caller);
		pool_lock(p);
		(void)unmap(sf, 0);
		forget_page(sf);
		put_removed(p, sf, true);
		pool_unlock(p);
		tlb_force_nowait(tlb_close());
	}
	intr_restore(intr);
}

/* sf_pool_tick: the clock's, before it flushes for it.  Interrupts off. */
void
sf_pool_tick(void)
{
	struct sf_pool *p = my_pool();

	/* While CPUs are being started there is no pool yet. */
	if (p == NULL || unclean(p) == 0)
		return;		/* at worst a tick late */
	pool_lock(p);
	absorb(p);
	/* Joining a batch that still waits would put off its cleaning. */
	if (p->len[BATCH0] == 0)
		close_batch(p, BATCH0);
	else if (p->len[BATCH1] == 0)
		close_batch(p, BATCH1);
	pool_unlock(p);
}

/* Takes sf out of part k, which goes round once; false if it is not there. */
static bool
unlink(struct sf_pool *p, enum part k, struct sf_buf *sf)
{
	struct sf_buf *s;
	bool found = false;

	for (u_int n = p->len[k]; n > 0; n--) {
		s = remove_first(p, k);
		if (s == sf)
			found = true;
		else
			insert(p, k, s);
	}
	return (found);
}

/*
 * Finds an idle slot in one pool; then it is claimed, its entry gone, and
 * nobody looks for it.
 */
static bool
extract(struct sf_pool *p, struct sf_buf *sf)
{
	uint32_t count;

	if (unlink(p, CLEAN, sf) || unlink(p, BATCH0, sf) ||
	    unlink(p, BATCH1, sf) || unlink(p, OPEN, sf)) {
		if (!atomic_cmpset_32(&sf->count, SF_REMOVED, SF_CLAIMED)) {
			insert(p, QUEUE, sf);	/* revived */
			return (extract(p, sf));
		}
	} else if (!unlink(p, QUEUE, sf) || !claim(p, sf, &count, true)) {
		return (false);
	} else if (count != SF_REMOVED) {
		(void)unmap(sf, 0);
	}
	forget_page(sf);
	hw_store32(&sf->page, NOPAGE);
	return (true);
}

/*
 * sf_pool_evict: for tests: takes the mapping of an idle shared slot away,
 * cleans it, has its page forget it, and makes it the next to be used on this
 * CPU.  False if it is referenced.  Thread context, pinned; scans.
 */
bool
sf_pool_evict(struct sf_buf *sf)
{
	struct sf_pool *p;
	uint32_t intr;
	bool found = false;

	for (u_int i = 0; i < mp_ncpus && !found; i++) {
		p = &pools[i];
		intr = intr_save();
		pool_lock(p);
		found = extract(p, sf);
		pool_unlock(p);
		intr_restore(intr);
	}
	if (!found)
		return (false);
	tlb_flush_all_wait();
	intr = intr_save();
	p = my_pool();
	pool_lock(p);
	put_removed(p, sf, false);
	for (u_int n = p->len[CLEAN] - 1; n > 0; n--)	/* to the front */
		insert(p, CLEAN, remove_first(p, CLEAN));
	pool_unlock(p);
	intr_restore(intr);
	return (true);
}

/* sf_pool_settle_all: so that the counters are right.  Any context but NMI. */
void
sf_pool_settle_all(void)
{
	for (u_int i = 0; i < mp_ncpus; i++) {
		uint32_t intr = intr_save();

		pool_lock(&pools[i]);
		pool_unlock(&pools[i]);
		intr_restore(intr);
	}
}

/*
 * sf_pool_init: every slot clean, and shared out among the CPUs, side by side;
 * in strict mode all in one pool.  Once, when all CPUs run.
 */
void
sf_pool_init(void)
{
	struct sf_pool *p;
	u_int batch;

	queue_high = nsfbufs / sf_pool_queued / mp_ncpus;
	if (queue_high == 0)
		queue_high = 1;
	batch = queue_high - queue_high / 4;
	batch = batch < BATCH_MAX ? batch : BATCH_MAX;
	queue_low = queue_high - batch;
	/* In strict mode there is one, so that addresses come back in order. */
	ready_max = sf_strict ? 0 : batch;
	for (u_int i = 0; i < mp_ncpus; i++) {
		pools[i].pc = pcpus[i];
		pcpus[i]->pc_sf_pool = &pools[sf_strict ? 0 : i];
	}
	for (u_int i = 0; i < nsfbufs; i++) {
		hw_store32(&sf_slots[i].page, NOPAGE);
		hw_store32(&sf_slots[i].count, SF_REMOVED);
		p = &pools[sf_strict ? 0 : i * mp_ncpus / nsfbufs];
		if (p->home_size == 0)
			p->home = sf_hint(&sf_slots[i]);
		p->home_size += SF_SLOT_SIZE;
		insert(p, CLEAN, &sf_slots[i]);
	}
}
