/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The supply of sf_buf slots: for each CPU a pool, and in it four lists.
 *
 *	mapped -> queue -(evict)-> open, or clean if no TLB can hold it
 *	open -(tlb_close)-> a batch -(all TLBs flushed since)-> clean
 *
 * A slot joins the queue when it is mapped, referenced as it is then: so the
 * free of a short-lived reference touches no list.  Who takes a slot off the
 * queue that is still referenced leaves it off; its last free lists it again.
 *
 * A miss takes from its CPU's clean list, and evicts one slot for whoever
 * comes next, so that about three quarters of all slots are removed ahead of
 * need.  That does not cost hits: a removed slot still knows its page, and
 * goes back to it (sf_buf.c, revive()) for the price of a store.  Batches are
 * closed by the clock, and become clean by the flushes of everybody's next
 * tick; only when clean slots run out before that, sf_pool_force() asks.
 *
 * Slots that were revived stay linked where they are: whoever takes a slot
 * off a list looks at its state to see what it is now.  No list is ever
 * scanned, so that no cost grows with the number of slots.
 *
 * A pool has a lock of its own kind, a word that says which CPU has it:
 * spin_lock() would cost a miss as much as the rest of it.  Interrupts are off
 * under it, at most one is held at a time, and nothing is called under it
 * that waits or takes another lock.
 */

#include <sys/types.h>
#include <sys/panic.h>
#include <sys/systm.h>
#include <kern/sf_buf_var.h>
#include <machine/cpufunc.h>
#include <machine/smp.h>

#define	QUEUED		4u	/* of so many slots one stays mapped */
#define	BATCH		16u	/* slots to evict in one go */
#define	STEAL_MAX	256u	/* slots moved from pool to pool at once */
#define	SAMPLE		4096u	/* misses between samples of the peak */

/* First in, first out, as hints; meaningless in an empty list. */
struct sf_list {
	uint32_t head, tail, len;
};

/* Slots that were removed before tlb_close() returned the stamp. */
struct sf_batch {
	struct sf_list list;
	uint32_t stamp;
};

/*
 * A CPU's supply.  (All of it is under its lock.)
 *	clean	removed, and in no TLB
 *	queue	mapped: candidates for eviction
 *	open	removed since the last batch was closed
 *	batch	two of them, the older first, so that the clock can close one
 *		while another CPU is late with its flush for the one before
 */
static struct sf_pool {
	volatile uint32_t lock;		/* 0, or 1 + the CPU that has it */
	struct sf_list clean, queue, open;
	struct sf_batch batch[2];
} __attribute__((aligned(128))) pools[MAXCPU];

/* A queue that holds more than queue_high is brought down to queue_max. */
static u_int queue_max, queue_high;

static inline struct sf_pool *
my_pool(void)
{
	return (PCPU_POINTER(pc_sf_pool));
}

static void __attribute__((noinline))
pool_lock_wait(struct sf_pool *p, uint32_t holder)
{
	uint64_t start = cpu_ticks();
	bool warned = false;

	do {
		if (panicked())
			return;
		KASSERT(!wait_expired(start, &warned), "sf_buf: CPU %u waits "
		    "for pool %u, which CPU %u has", curcpu_id(),
		    (u_int)(p - pools), holder - 1);
		tlb_serve();
		cpu_spinwait();
		holder = 0;
	} while (!atomic_fcmpset_32(&p->lock, &holder, curcpu_id() + 1));
}

static inline void
pool_lock(struct sf_pool *p)
{
	uint32_t holder = 0;

	if (!atomic_fcmpset_32(&p->lock, &holder, curcpu_id() + 1))
		pool_lock_wait(p, holder);
}

static inline void
pool_unlock(struct sf_pool *p)
{
	atomic_store_rel_32(&p->lock, 0);
}

static inline void
push(struct sf_list *l, struct sf_buf *sf)
{
	if (l->len++ == 0)
		l->head = sf_hint(sf);
	else
		sf_of_hint(l->tail)->next = sf_hint(sf);
	l->tail = sf_hint(sf);
}

static inline struct sf_buf *
pop(struct sf_list *l)
{
	struct sf_buf *sf;

	if (l->len == 0)
		return (NULL);
	l->len--;
	sf = sf_of_hint(l->head);
	l->head = sf->next;
	return (sf);
}

/* Moves all of one list to the end of another. */
static void
append(struct sf_list *to, struct sf_list *from)
{
	if (from->len == 0)
		return;
	if (to->len == 0)
		to->head = from->head;
	else
		sf_of_hint(to->tail)->next = from->head;
	to->tail = from->tail;
	to->len += from->len;
	from->len = 0;
}

/*
 * The owner's of a slot whose entry is gone: its page forgets it.  Only the
 * owner of a slot changes an m->sf that names it, so nothing comes between
 * the look and the store.
 */
static inline void
forget_page(struct sf_buf *sf)
{
	struct vm_page *m = &vm_page_array[sf_page(sf)];

	if (hw_load32(&m->sf) == sf_hint(sf))
		hw_store32(&m->sf, 0);
}

/* Puts a slot that we own, and whose entry is gone, on the right list. */
static inline void
put_removed(struct sf_pool *p, struct sf_buf *sf, bool dirty)
{
	hw_store32(&sf->count, SF_REMOVED | SF_LISTED);
	push(dirty ? &p->open : &p->clean, sf);
}

/*
 * A slot was taken off a list, and is not plainly unreferenced and shared.
 * In use, it is left off; in somebody's hands, which is soon over, it goes
 * to the end of the queue.  True: it was private and is ours now.
 */
static bool
claim_other(struct sf_pool *p, struct sf_buf *sf, uint32_t count)
{
	uint32_t ncount;

	for (;;) {
		if ((count & SF_STATE) != SF_MAPPED) {
			push(&p->queue, sf);
			return (false);
		}
		ncount = (count & SF_COUNT) != 0 ? count & ~SF_LISTED :
		    SF_CLAIMED | (count & SF_PRIVATE);
		if (atomic_fcmpset_32(&sf->count, &count, ncount))
			return ((count & SF_COUNT) == 0);
	}
}

/*
 * Takes the mapping of a slot that we own away; true if a TLB may hold it
 * still.  That of a private slot counts as held whatever its A bit says:
 * another CPU may hold what the slot mapped before.
 */
static inline bool
unmap(struct sf_buf *sf, uint32_t private)
{
	bool dirty = sf_buf_md_remove(slot_of(sf));

	PCPU_COUNT(pc_sf.removals);
	if (private != 0) {
		hw_store32(&sf->page, NOPAGE);
		dirty = true;
	}
	return (dirty);
}

/*
 * Takes away the oldest mapping of the queue that nobody uses, one that was
 * hit since the queue last passed going round once more; false if there is
 * none.  Each pass over a slot is paid for by a hit or by the miss that
 * mapped it.  Only who took a slot off a list may claim it, so its page stays
 * and half the word will do.
 */
static bool __attribute__((noinline))
evict(struct sf_pool *p, bool hard)
{
	struct sf_buf *sf;
	uint32_t count;

	for (u_int n = 2 * p->queue.len; n > 0; n--) {
		if ((sf = pop(&p->queue)) == NULL)
			return (false);
		if (sf->used != 0 && !hard) {
			sf->used = 0;
			push(&p->queue, sf);
			continue;
		}
		count = SF_LISTED;
		if (atomic_fcmpset_32(&sf->count, &count, SF_CLAIMED) ||
		    claim_other(p, sf, count)) {
			put_removed(p, sf, unmap(sf, count & SF_PRIVATE));
			return (true);
		}
	}
	return (false);
}

/*
 * Evicts what the queue has too many.  What evict() does in most cases stands
 * here once more, in a loop as short as it can be: it is a third of a miss.
 */
static void __attribute__((noinline))
evict_batch(struct sf_pool *p)
{
	struct sf_buf *sf;
	uint32_t count, n = 0;

	while (p->queue.len > queue_max) {
		sf = sf_of_hint(p->queue.head);
		count = SF_LISTED;
		if (sf->used == 0 &&
		    atomic_fcmpset_32(&sf->count, &count, SF_CLAIMED)) {
			p->queue.head = sf->next;
			p->queue.len--;
			put_removed(p, sf, sf_buf_md_remove(slot_of(sf)));
			n++;
		} else if (!evict(p, false))
			break;
	}
	PCPU_ADD(pc_sf.removals, n);
}

static inline void
evict_ahead(struct sf_pool *p)
{
	if (p->queue.len > queue_high)
		evict_batch(p);
}

/*
 * A slot of a list of removed ones was revived since: it goes where mapped
 * slots belong, and another in its place.
 */
static void __attribute__((noinline))
exchange_revived(struct sf_pool *p, struct sf_buf *sf)
{
	push(&p->queue, sf);
	evict_ahead(p);
}

/* The oldest slot of a list of removed ones, claimed; NULL if none is left. */
static inline struct sf_buf *
take(struct sf_pool *p, struct sf_list *l)
{
	struct sf_buf *sf;
	uint32_t count;

	while ((sf = pop(l)) != NULL) {
		count = SF_REMOVED | SF_LISTED;
		if (atomic_fcmpset_32(&sf->count, &count, SF_CLAIMED)) {
			forget_page(sf);
			return (sf);
		}
		exchange_revived(p, sf);
	}
	return (NULL);
}

/* What was closed is clean once every TLB was flushed since. */
static void
absorb(struct sf_pool *p)
{
	struct sf_batch *b = p->batch;

	while (b[0].list.len != 0 && tlb_is_clean(b[0].stamp)) {
		append(&p->clean, &b[0].list);
		b[0] = b[1];
		b[1].list.len = 0;
	}
}

/* Removed, and not known to be clean. */
static inline u_int
unclean(const struct sf_pool *p)
{
	return (p->open.len + p->batch[0].list.len + p->batch[1].list.len);
}

/*
 * The stamp is taken after the last removal of the batch, which is the whole
 * point of it; see arch/i386/tlb.c.
 */
static void
close_batch(struct sf_pool *p, struct sf_batch *b)
{
	append(&b->list, &p->open);
	if (b->list.len != 0)
		b->stamp = tlb_close();
}

/*
 * All in one batch, for who is about to flush for it.  The new stamp covers
 * the older batches as well, whose own may be of so long ago that they look
 * like ones to come.
 */
static void
close_all(struct sf_pool *p)
{
	append(&p->batch[0].list, &p->batch[1].list);
	close_batch(p, &p->batch[0]);
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
 * Takes up to half of the clean slots of the first other pool that has some;
 * false if none has.  The lock of `mine' is released meanwhile; what is on no
 * list is in transit, so the caller must see to those who wait: sf_buf.c,
 * waiters.
 */
static bool
steal(struct sf_pool *mine)
{
	struct sf_list some = { 0, 0, 0 };
	struct sf_pool *p;
	u_int n;

	pool_unlock(mine);
	for (u_int i = 1; i < mp_ncpus && some.len == 0; i++) {
		p = &pools[(curcpu_id() + i) % mp_ncpus];
		pool_lock(p);
		absorb(p);
		n = (p->clean.len + 1) / 2;
		for (n = n < STEAL_MAX ? n : STEAL_MAX; n > 0; n--)
			push(&some, pop(&p->clean));
		pool_unlock(p);
	}
	pool_lock(mine);
	if (some.len == 0)
		return (false);
	append(&mine->clean, &some);
	return (true);
}

/*
 * The clean list is empty: what can be had without asking anybody; a private
 * request leaves the others' pools alone.  All that is stolen may turn out to
 * be revived, and then there may be more.
 */
static struct sf_buf * __attribute__((noinline))
refill(struct sf_pool *p, int flags)
{
	struct sf_buf *sf;

	absorb(p);
	if ((sf = take(p, &p->clean)) != NULL)
		return (sf);
	clean_here(p);
	while ((sf = take(p, &p->clean)) == NULL)
		if ((flags & SFB_CPUPRIVATE) != 0 || !steal(p))
			return (NULL);
	return (sf);
}

/*
 * Maps m in a slot that we own, and publishes it; NULL if somebody else was
 * faster.  The entry is in place before anybody finds the slot, and until
 * the count is stored nobody can take a reference.  The loser's page must
 * not be found in the removed slot: it has a mapping already.
 */
static inline struct sf_buf *
enter(struct sf_pool *p, struct sf_buf *sf, struct vm_page *m,
    const void *caller)
{
	uint32_t none = 0;

	sf_buf_md_enter(slot_of(sf), vm_page_index(m), false);
	hw_store32(&sf->page, vm_page_index(m));
	if (!atomic_fcmpset_32(&m->sf, &none, sf_hint(sf))) {
		hw_store32(&sf->page, NOPAGE);
		put_removed(p, sf, unmap(sf, 0));
		return (NULL);
	}
	sf_set_caller(sf, caller);
	if (__builtin_expect(sf_strict, 0)) {
		hw_store32(&sf->count, 1);
	} else {
		sf->used = 0;
		push(&p->queue, sf);
		hw_store32(&sf->count, SF_LISTED | 1);
	}
	PCPU_COUNT(pc_sf.misses);
	return (sf);
}

/* Maps m in a clean slot; see below. */
static inline struct sf_buf *
map_clean(struct vm_page *m, int flags, const void *caller)
{
	uint32_t intr = intr_save();
	struct sf_pool *p = my_pool();
	struct sf_buf *sf;

	pool_lock(p);
	evict_ahead(p);
	sf = take(p, &p->clean);
	if (__builtin_expect(sf == NULL, 0))
		sf = refill(p, flags);
	if (__builtin_expect(sf != NULL, 1))
		sf = enter(p, sf, m, caller);
	pool_unlock(p);
	intr_restore(intr);
	return (sf);
}

/*
 * sf_pool_map: maps m in a clean slot.  NULL if there is none on any CPU, or
 * somebody else has mapped m meanwhile.  Any context but NMI.
 */
struct sf_buf *
sf_pool_map(struct vm_page *m, const void *caller)
{
	return (map_clean(m, SFB_DEFAULT, caller));
}

/*
 * sf_buf_alloc_miss: sf_buf_alloc() found m->sf to be 0, and the request in
 * order.  A private request takes a clean slot as well, but not from others.
 */
struct sf_buf *
sf_buf_alloc_miss(struct vm_page *m, int flags)
{
	const void *caller = __caller();
	struct sf_buf *sf;

	if (__builtin_expect(hw_test32(&sf_nwaiters, ~0u), 0))
		return (sf_buf_alloc_rest(m, flags, caller));
	sf = map_clean(m, flags, caller);
	if (__builtin_expect(hw_test32(&sf_nwaiters, ~0u), 0))
		sf_buf_was_mapped(m);
	if (__builtin_expect(sf == NULL, 0))
		return (sf_buf_alloc_rest(m, flags, caller));
	if (!PCPU_TEST(pc_sf.misses, SAMPLE - 1))
		sf_buf_sample_peak();
	return (sf);
}

/*
 * Maps m, for this CPU only, in a slot that other TLBs may still hold, once
 * this one does not.  m->sf_private is a guess that the slot's own word
 * confirms, so a plain store will do.
 */
static struct sf_buf *
enter_private(struct sf_pool *p, struct sf_buf *sf, struct vm_page *m,
    const void *caller)
{
	sf_set_caller(sf, caller);
	sf_buf_md_invalidate(slot_of(sf));
	PCPU_COUNT(pc_sf.invlpgs);
	sf_buf_md_enter(slot_of(sf), vm_page_index(m), false);
	hw_store32(&sf->page, vm_page_index(m));
	(void)atomic_inc_32(&m->sf_refs);
	sf->used = 0;
	push(&p->queue, sf);
	hw_store32(&sf->count, SF_LISTED | SF_PRIVATE_TO(curcpu_id()) | 1);
	m->sf_private = (uint16_t)slot_of(sf);
	PCPU_COUNT(pc_sf.misses);
	PCPU_COUNT(pc_sf.privates);
	return (sf);
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

/* sf_pool_give_back: a slot that sf_pool_get_any() gave, clean by now. */
void
sf_pool_give_back(struct sf_buf *sf)
{
	uint32_t intr = intr_save();
	struct sf_pool *p = my_pool();

	hw_store32(&sf->page, NOPAGE);
	pool_lock(p);
	put_removed(p, sf, false);
	pool_unlock(p);
	intr_restore(intr);
}

/* The oldest slot that some TLB may still hold; NULL if there is none. */
static struct sf_buf *
take_unclean(struct sf_pool *p)
{
	struct sf_buf *sf;

	if ((sf = take(p, &p->batch[0].list)) != NULL ||
	    (sf = take(p, &p->batch[1].list)) != NULL)
		return (sf);
	return (take(p, &p->open));
}

/* A slot of one pool for a thread that waits; see below. */
static struct sf_buf *
take_any(struct sf_pool *p, bool *dirty)
{
	struct sf_buf *sf;

	absorb(p);
	*dirty = false;
	if ((sf = take(p, &p->clean)) != NULL)
		return (sf);
	*dirty = true;
	if ((sf = take_unclean(p)) != NULL)
		return (sf);
	if (!evict(p, true))
		return (NULL);
	if ((sf = take_unclean(p)) != NULL)
		return (sf);
	*dirty = false;
	return (take(p, &p->clean));
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
	bool dirty = false;

	pool_lock(p);
	if ((sf = take(p, &p->clean)) == NULL &&
	    (sf = refill(p, SFB_CPUPRIVATE)) == NULL) {
		dirty = true;
		sf = take_unclean(p);
	}
	if (sf == NULL) {
		pool_unlock(p);
		sf = sf_pool_get_any(&dirty);
		pool_lock(p);
	}
	if (sf != NULL)
		sf = dirty ? enter_private(p, sf, m, caller) :
		    enter(p, sf, m, caller);
	pool_unlock(p);
	intr_restore(intr);
	return (sf);
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
	absorb(p);
	while (p->queue.len > queue_max && evict(p, false))
		continue;
	if (unclean(p) + p->clean.len == 0)
		for (u_int n = (p->queue.len + 1) / 2; n > 0; n--)
			(void)evict(p, true);
	/* What another has just closed for the same reason will do. */
	if (p->open.len > p->batch[0].list.len / 8 ||
	    p->batch[1].list.len != 0 || !tlb_is_recent(p->batch[0].stamp))
		close_all(p);
	if (p->batch[0].list.len != 0) {
		if (!*dirty || (int32_t)(p->batch[0].stamp - *stamp) > 0)
			*stamp = p->batch[0].stamp;
		*dirty = true;
	}
	some = p->clean.len + p->batch[0].list.len != 0;
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
 * sf_pool_last_free: the last reference of a slot went that was on no list;
 * it becomes a candidate, unless somebody was faster.  Any context but NMI.
 */
void
sf_pool_last_free(struct sf_buf *sf)
{
	uint32_t count = sf_count(sf), intr;
	struct sf_pool *p;

	do {
		if ((count & (SF_STATE | SF_COUNT | SF_LISTED)) != 0)
			return;
	} while (!atomic_fcmpset_32(&sf->count, &count, count | SF_LISTED));
	intr = intr_save();
	p = my_pool();
	pool_lock(p);
	push(&p->queue, sf);
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
	uint32_t intr = intr_save();
	struct sf_pool *p = my_pool();

	if (sf_change(sf, sf_page(sf), 0, SF_CLAIMED)) {
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
	if (p->batch[0].list.len == 0)
		close_batch(p, &p->batch[0]);
	else if (p->batch[1].list.len == 0)
		close_batch(p, &p->batch[1]);
	pool_unlock(p);
}

static bool
unlink(struct sf_list *l, struct sf_buf *sf)
{
	struct sf_buf *s;
	bool found = false;

	for (u_int n = l->len; n > 0; n--) {
		s = pop(l);
		if (s == sf)
			found = true;
		else
			push(l, s);
	}
	return (found);
}

/* Finds an idle slot in one pool; then it is claimed, its entry gone. */
static bool
extract(struct sf_pool *p, struct sf_buf *sf)
{
	uint32_t count = SF_LISTED;

	if (unlink(&p->clean, sf) || unlink(&p->open, sf) ||
	    unlink(&p->batch[0].list, sf) || unlink(&p->batch[1].list, sf)) {
		count = SF_REMOVED | SF_LISTED;
		if (atomic_fcmpset_32(&sf->count, &count, SF_CLAIMED))
			return (true);
		count = SF_LISTED;	/* revived */
	} else if (!unlink(&p->queue, sf))
		return (false);
	if (!atomic_fcmpset_32(&sf->count, &count, SF_CLAIMED)) {
		push(&p->queue, sf);
		return (false);
	}
	(void)unmap(sf, 0);
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
	forget_page(sf);
	hw_store32(&sf->page, NOPAGE);
	pool_lock(p);
	hw_store32(&sf->count, SF_REMOVED | SF_LISTED);
	sf->next = p->clean.head;
	if (p->clean.len++ == 0)
		p->clean.tail = sf_hint(sf);
	p->clean.head = sf_hint(sf);
	pool_unlock(p);
	intr_restore(intr);
	return (true);
}

/* sf_pool_init: every slot clean.  Once, when all CPUs run. */
void
sf_pool_init(void)
{
	queue_max = nsfbufs / QUEUED / mp_ncpus;
	queue_high = queue_max + (nsfbufs / 64 < BATCH ? nsfbufs / 64 : BATCH);
	/* In strict mode there is one, so that addresses come back in order. */
	for (u_int i = 0; i < mp_ncpus; i++)
		pcpus[i]->pc_sf_pool = &pools[sf_strict ? 0 : i];
	for (u_int i = 0; i < nsfbufs; i++) {
		hw_store32(&sf_slots[i].page, NOPAGE);
		hw_store32(&sf_slots[i].count, SF_REMOVED | SF_LISTED);
		push(&pools[0].clean, &sf_slots[i]);
	}
}
