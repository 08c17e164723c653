/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The supply of sf_buf slots: for each CPU a pool, and in it four lists.
 *
 *	mapped, last reference dropped -> queue -(evict)-> open or clean
 *	open -(tlb_close)-> closed -(all TLBs flushed since)-> clean
 *
 * A miss takes from its CPU's clean list, and evicts one or two for it, so
 * that about three quarters of a pool's idle slots are removed ahead of need.
 * That does not cost hits: a removed slot still knows its page, and goes back
 * to it (sf_buf.c, revive()) for the price of a store.  Batches are closed
 * by the clock, and become clean by the flushes of everybody's next tick; only
 * when clean slots run out before that, sf_pool_force() asks for them.
 *
 * Slots that were revived stay linked where they are: whoever takes a slot
 * off a list looks at its state to see what it is now.  No list is ever
 * scanned, so that no cost grows with the number of slots.
 *
 * Interrupts are off in everything here but sf_pool_force(), and at most one
 * pool is locked at a time.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <kern/sf_buf_var.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/pcpu.h>
#include <machine/sf_buf.h>
#include <machine/smp.h>

#define	AHEAD		3u	/* removed slots for each candidate */
#define	FORCE_MIN	64u	/* slots worth a forced flush */

static struct sf_pool pools[MAXCPU];

/* In strict mode there is one, so that addresses come back in order. */
static inline struct sf_pool *
my_pool(void)
{
	return (&pools[sf_strict ? 0 : curcpu_id()]);
}

static void
push(struct sf_list *l, struct sf_buf *sf)
{
	u_int slot = slot_of(sf);

	sf->next = NOSLOT;
	if (l->len++ == 0)
		l->head = slot;
	else
		sf_slots[l->tail].next = slot;
	l->tail = slot;
}

static struct sf_buf *
pop(struct sf_list *l)
{
	struct sf_buf *sf;

	if (l->len == 0)
		return (NULL);
	sf = &sf_slots[l->head];
	l->head = sf->next;
	l->len--;
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
		sf_slots[to->tail].next = from->head;
	to->tail = from->tail;
	to->len += from->len;
	from->len = 0;
}

/*
 * Takes the mapping of a slot that we own away; true if a TLB may hold it
 * still.  That of a private slot counts as held whatever its A bit says:
 * another CPU may hold what the slot mapped before.  Its page forgets it.
 */
static bool
unmap(struct sf_buf *sf, uint32_t count)
{
	uint32_t hint = slot_of(sf) + 1, page = sf_page(sf);
	bool dirty = sf_buf_md_remove(slot_of(sf));

	PCPU_COUNT(pc_sf.pte_writes);
	if ((count & SF_PRIVATE) == 0)
		return (dirty);
	(void)atomic_fcmpset_32(&vm_page_array[page].sf, &hint, 0);
	hw_store32(&sf->state.page, NOPAGE);
	return (true);
}

/*
 * A mapped slot was taken off a list: ours now (true) if it is unreferenced
 * and, unless `hard', was not hit lately.  Otherwise it goes where it
 * belongs: to the queue, or if referenced to none; then the last free lists
 * it again.
 */
static bool
claim_mapped(struct sf_pool *p, struct sf_buf *sf, bool hard)
{
	uint32_t count, ncount, page;

	do {
		page = sf_page(sf);
		count = sf_count(sf);
		if ((count & SF_STATE) != SF_MAPPED)
			ncount = count;		/* being revived: to the queue */
		else if ((count & SF_COUNT) != 0)
			ncount = count & ~SF_LISTED;
		else if ((count & SF_USED) != 0 && !hard)
			ncount = count & ~SF_USED;
		else
			ncount = SF_CLAIMED | (count & SF_PRIVATE);
	} while (!sf_change(sf, page, count, ncount));
	if ((ncount & SF_STATE) == SF_CLAIMED)
		return (true);
	if ((ncount & SF_LISTED) != 0)
		push(&p->queue, sf);
	return (false);
}

/* A removed slot was taken off a list: ours, unless it is being revived. */
static bool
claim_removed(struct sf_buf *sf)
{
	uint32_t hint = slot_of(sf) + 1, count, page;

	do {
		page = sf_page(sf);
		count = sf_count(sf);
		if ((count & SF_STATE) != SF_REMOVED)
			return (false);
	} while (!sf_change(sf, page, count, SF_CLAIMED));
	if (page != NOPAGE)
		(void)atomic_fcmpset_32(&vm_page_array[page].sf, &hint, 0);
	return (true);
}

/* Puts a slot that we own, and whose entry is gone, on the right list. */
static void
put_removed(struct sf_pool *p, struct sf_buf *sf, bool dirty)
{
	sf_store(sf, sf_page(sf), SF_REMOVED | SF_LISTED |
	    (dirty ? SF_DIRTY : 0));
	push(dirty ? &p->open : &p->clean, sf);
}

/*
 * Takes away the mapping of the oldest candidate that nobody uses; false if
 * there is none.  Each pass over a slot is paid for by a hit or a free.
 */
static bool
evict(struct sf_pool *p, bool hard)
{
	struct sf_buf *sf;
	uint32_t count;

	for (u_int n = 2 * p->queue.len; n > 0; n--) {
		if ((sf = pop(&p->queue)) == NULL)
			return (false);
		if (!claim_mapped(p, sf, hard))
			continue;
		count = sf_count(sf);
		put_removed(p, sf, unmap(sf, count));
		return (true);
	}
	return (false);
}

/* What was closed is clean once every TLB was flushed since. */
static void
absorb(struct sf_pool *p)
{
	if (p->closed.len != 0 && tlb_is_clean(p->closed_stamp))
		append(&p->clean, &p->closed);
}

/*
 * The stamp is taken after the last removal of the batch, which is the whole
 * point of it; see arch/i386/tlb.c.  Joined to an older batch, it covers that.
 */
static void
close_batch(struct sf_pool *p)
{
	if (p->open.len == 0)
		return;
	append(&p->closed, &p->open);
	p->closed_stamp = tlb_close();
}

/* The oldest slot of a list of removed ones, claimed; NULL if none is left. */
static struct sf_buf *
take(struct sf_pool *p, struct sf_list *l)
{
	struct sf_buf *sf;

	while ((sf = pop(l)) != NULL) {
		if (claim_removed(sf))
			return (sf);
		/* Revived since.  If it is idle again, the queue has it. */
		if (claim_mapped(p, sf, false))
			put_removed(p, sf, unmap(sf, sf_count(sf)));
	}
	return (NULL);
}

static struct sf_buf *
take_clean(struct sf_pool *p)
{
	struct sf_buf *sf = take(p, &p->clean);

	if (sf == NULL) {
		absorb(p);
		sf = take(p, &p->clean);
	}
	return (sf);
}

/*
 * Moves half of the clean slots of the first pool that has some to ours;
 * false if none has.
 */
static bool
steal(struct sf_pool *mine)
{
	struct sf_list some = { 0, 0, 0 };
	struct sf_pool *p;

	for (u_int i = 0; i < mp_ncpus && some.len == 0; i++) {
		p = &pools[(curcpu_id() + 1 + i) % mp_ncpus];
		spin_lock(&p->lock);
		absorb(p);
		for (u_int n = (p->clean.len + 1) / 2; n > 0; n--)
			push(&some, pop(&p->clean));
		spin_unlock(&p->lock);
	}
	if (some.len == 0)
		return (false);
	spin_lock(&mine->lock);
	append(&mine->clean, &some);
	spin_unlock(&mine->lock);
	return (true);
}

/*
 * sf_pool_get: a clean slot, claimed, or NULL if there is none on any CPU.
 * Evicts ahead of need, for whoever comes next.  Interrupts off.
 */
struct sf_buf *
sf_pool_get(void)
{
	struct sf_pool *p = my_pool();
	struct sf_buf *sf;

	do {
		spin_lock(&p->lock);
		for (u_int i = 0; i < 2 && p->clean.len + p->open.len +
		    p->closed.len < AHEAD * p->queue.len; i++)
			(void)evict(p, false);
		sf = take_clean(p);
		spin_unlock(&p->lock);
	} while (sf == NULL && steal(p));
	return (sf);
}

/*
 * sf_pool_get_removed: a slot that some TLB may still hold, claimed: of a
 * CPU's batches, or evicted for this; NULL if there is none.  Interrupts off.
 */
struct sf_buf *
sf_pool_get_removed(void)
{
	struct sf_pool *p;
	struct sf_buf *sf = NULL;

	for (u_int i = 0; i < mp_ncpus && sf == NULL; i++) {
		p = &pools[(curcpu_id() + i) % mp_ncpus];
		spin_lock(&p->lock);
		if ((sf = take(p, &p->open)) == NULL &&
		    (sf = take(p, &p->closed)) == NULL && evict(p, true) &&
		    (sf = take(p, &p->open)) == NULL)
			sf = take(p, &p->clean);
		spin_unlock(&p->lock);
	}
	return (sf);
}

/*
 * sf_pool_get_any: an unreferenced slot of any kind, claimed, for a thread
 * that waits; *dirty says that it must be cleaned by tlb_force() before use.
 * NULL only if every slot is referenced, or on its way.  Interrupts off.
 */
struct sf_buf *
sf_pool_get_any(bool *dirty)
{
	struct sf_buf *sf = sf_pool_get();

	*dirty = sf == NULL;
	return (sf != NULL ? sf : sf_pool_get_removed());
}

/*
 * One pool's part in a forced flush: closes its batch, which it fills first
 * if there is little in it.  Returns whether something is clean or will be.
 */
static bool
prepare(struct sf_pool *p, uint32_t *stamp)
{
	bool some;

	spin_lock(&p->lock);
	for (u_int n = 0; n < FORCE_MIN && p->clean.len + p->open.len +
	    p->closed.len < AHEAD * p->queue.len; n++)
		if (!evict(p, true))
			break;
	close_batch(p);
	if (p->closed.len != 0)
		*stamp = p->closed_stamp;
	some = p->clean.len + p->closed.len != 0;
	spin_unlock(&p->lock);
	return (some);
}

/*
 * sf_pool_force: makes slots clean that are not, the batches of all CPUs, by
 * one forced flush.  False if there was nothing to clean: then every slot is
 * referenced, or on its way.  Thread context, interrupts on, no spin lock
 * held.
 */
bool
sf_pool_force(void)
{
	uint32_t stamp, last = 0;
	bool some = false, dirty = false;

	for (u_int i = 0; i < mp_ncpus; i++) {
		stamp = 0;
		some = prepare(&pools[i], &stamp) || some;
		if (stamp == 0)
			continue;
		/* Of batches that others closed meanwhile, the latest. */
		if (!dirty || (int32_t)(stamp - last) > 0)
			last = stamp;
		dirty = true;
	}
	if (dirty && !tlb_is_clean(last)) {
		PCPU_COUNT(pc_sf.forced);
		tlb_force(last);
	}
	return (some);
}

/*
 * sf_pool_retire: back to the supply, what the caller owns and nobody saw
 * mapped, or what is to go.  With its entry still there.  Interrupts off.
 */
void
sf_pool_retire(struct sf_buf *sf)
{
	struct sf_pool *p = my_pool();
	bool dirty = unmap(sf, sf_count(sf));

	spin_lock(&p->lock);
	put_removed(p, sf, dirty || sf_strict);
	spin_unlock(&p->lock);
}

/* The same for one whose entry is gone already. */
void
sf_pool_return(struct sf_buf *sf, bool dirty)
{
	struct sf_pool *p = my_pool();

	sf_store(sf, NOPAGE, SF_CLAIMED);
	spin_lock(&p->lock);
	put_removed(p, sf, dirty);
	spin_unlock(&p->lock);
}

/* sf_pool_candidate: the last reference went; the slot is marked LISTED. */
void
sf_pool_candidate(struct sf_buf *sf)
{
	uint32_t flags = intr_save();
	struct sf_pool *p = my_pool();

	spin_lock(&p->lock);
	push(&p->queue, sf);
	spin_unlock(&p->lock);
	intr_restore(flags);
}

/* sf_pool_tick: the clock's, before it flushes for it.  Interrupts off. */
void
sf_pool_tick(void)
{
	struct sf_pool *p = my_pool();

	if (p->open.len + p->closed.len == 0)
		return;		/* at worst a tick late */
	spin_lock(&p->lock);
	absorb(p);
	/* Joining a batch that still waits would put off its cleaning. */
	if (p->closed.len == 0)
		close_batch(p);
	spin_unlock(&p->lock);
}

/* sf_pool_listed: slots on lists; a sample, not locked.  Any context. */
u_int
sf_pool_listed(void)
{
	u_int n = 0;

	for (u_int i = 0; i < mp_ncpus; i++)
		n += pools[i].clean.len + pools[i].queue.len +
		    pools[i].open.len + pools[i].closed.len;
	return (n);
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

/*
 * sf_pool_evict: for tests: takes the mapping of an unreferenced slot away,
 * cleans it as any other, has its page forget it, and makes it the next to be
 * used on this CPU.  False if it is referenced.  Thread context, pinned; scans.
 */
bool
sf_pool_evict(struct sf_buf *sf)
{
	struct sf_pool *mine = my_pool(), *p;
	bool found = false, done = false;

	for (u_int i = 0; i < mp_ncpus && !found; i++) {
		p = &pools[i];
		spin_lock(&p->lock);
		found = unlink(&p->queue, sf) || unlink(&p->clean, sf) ||
		    unlink(&p->open, sf) || unlink(&p->closed, sf);
		if (found && claim_removed(sf))
			put_removed(p, sf, true);
		else if (found && claim_mapped(p, sf, true))
			put_removed(p, sf, unmap(sf, sf_count(sf)));
		spin_unlock(&p->lock);
	}
	(void)sf_pool_force();
	for (u_int i = 0; i < mp_ncpus && !done; i++) {
		p = &pools[i];
		spin_lock(&p->lock);
		absorb(p);
		done = unlink(&p->clean, sf);
		spin_unlock(&p->lock);
	}
	if (!done || !claim_removed(sf))
		return (false);
	sf_store(sf, NOPAGE, SF_REMOVED | SF_LISTED);
	spin_lock(&mine->lock);
	sf->next = mine->clean.head;
	if (mine->clean.len++ == 0)
		mine->clean.tail = slot_of(sf);
	mine->clean.head = slot_of(sf);
	spin_unlock(&mine->lock);
	return (true);
}

/* sf_pool_init: every slot clean.  Once, at start. */
void
sf_pool_init(void)
{
	for (u_int i = 0; i < MAXCPU; i++)
		spin_init(&pools[i].lock, "sf_buf pool", RANK_SF_POOL);
	for (u_int i = 0; i < nsfbufs; i++) {
		sf_store(&sf_slots[i], NOPAGE, SF_REMOVED | SF_LISTED);
		push(&pools[0].clean, &sf_slots[i]);
	}
}
