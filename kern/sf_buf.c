/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * sf_buf(9): references to mappings, and who waits for a slot.  Where slots
 * come from is kern/sf_pool.c's; what they are, and their states, stand in
 * kern/sf_buf_var.h; the page-table entries are arch/i386/sf_buf_machdep.c's.
 *
 * Where the direct map serves a page the handle is the page itself, and
 * m->sf_refs counts its references.  It also counts those of private slots,
 * for a page may have one that m->sf does not name.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/ksym.h>
#include <sys/lock.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <kern/sf_buf_var.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/pcpu.h>
#include <machine/pmap.h>
#include <machine/sf_buf.h>
#include <machine/smp.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	SFB_ALL		(SFB_CATCH | SFB_CPUPRIVATE | SFB_NOWAIT)
#define	SAMPLE		64u	/* misses between samples of the peak */
#define	COMPLAIN_MS	5000u

uint32_t nsfbufs = 1024;
TUNABLE_UINT(nsfbufs, "nsfbufs", nsfbufs, 4, 65536, "slots of the pool");
bool sf_strict;
TUNABLE_BOOL(sf_strict, "sf_buf.strict", sf_strict,
    "unmap at the last free, so that a use after it faults");

/*
 * Who waits for a slot, in order.  nwaiters is raised, locked, before the
 * waiter looks at the slots, and whoever makes a slot available does so by a
 * locked operation before it loads nwaiters; so one of them sees the other.
 */
static struct waiter {
	struct waiter *next;
	struct vm_page *m;
	struct sf_buf *given;	/* claimed, its entry gone */
	bool dirty;		/* and to be cleaned before use */
} *waiters;
static struct spinlock waiters_lock =
    SPINLOCK_INITIALIZER("sf_buf waiters", RANK_SF_WAITERS);
static volatile uint32_t nwaiters;

static inline bool
is_direct(const struct sf_buf *sf)
{
	return ((vm_offset_t)sf >= (vm_offset_t)vm_page_array &&
	    (vm_offset_t)sf < (vm_offset_t)(vm_page_array + vm_page_count));
}

static void
check_handle(struct sf_buf *sf, const char *who, const void *caller)
{
	const struct vm_page *m = (const struct vm_page *)sf;
	char by[KSYM_STRLEN];
	uint32_t count;

	if (is_direct(sf)) {
		KASSERT(m->sf_refs > 0, "%s: page %u has no reference (called "
		    "from %p)", who, vm_page_index(m), caller);
		return;
	}
	KASSERT(sf >= sf_slots && sf < sf_slots + nsfbufs,
	    "%s: %p is no sf_buf (called from %p)", who, sf, caller);
	count = sf_count(sf);
	KASSERT((count & SF_STATE) == SF_MAPPED && (count & SF_COUNT) != 0,
	    "%s: sf_buf %u is not referenced (called from %p; last by %s)",
	    who, slot_of(sf), caller,
	    ksym_format((uintptr_t)sf->caller, by));
}

static void
check_request(struct vm_page *m, int flags, const void *caller)
{
	KASSERT(m != NULL, "sf_buf_alloc: no page (called from %p)", caller);
	KASSERT((flags & ~SFB_ALL) == 0,
	    "sf_buf_alloc: unknown flags 0x%x (called from %p)", flags, caller);
	KASSERT(is_direct((struct sf_buf *)m),
	    "sf_buf_alloc: %p is no page (called from %p)", m, caller);
	KASSERT(m->wire_count > 0,
	    "sf_buf_alloc: page %u is not wired (called from %p)",
	    vm_page_index(m), caller);
	KASSERT((flags & SFB_CPUPRIVATE) == 0 || sched_is_pinned(),
	    "sf_buf_alloc: SFB_CPUPRIVATE, but not pinned (called from %p)",
	    caller);
}

/*
 * Gives a removed slot back to its page.  It is ours once it is REVIVING;
 * whoever took it for another page meanwhile made the exchange fail.  TLBs may
 * hold the very translation that we enter, so A must say so.
 */
static bool
revive(struct sf_buf *sf, uint32_t page, uint32_t count)
{
	uint32_t intr = intr_save();
	bool ours = sf_change(sf, page, count,
	    (count & SF_LISTED) | SF_REVIVING);

	if (ours) {
		sf_buf_md_enter(slot_of(sf), ptoa(page),
		    (count & SF_DIRTY) != 0);
		sf_store(sf, page, (count & SF_LISTED) | SF_USED | 1);
		curpcpu()->pc_sf.pte_writes++;
		curpcpu()->pc_sf.revived++;
	}
	intr_restore(intr);
	return (ours);
}

/* What a look at a page's mapping came to. */
enum look { HIT, MISS, AGAIN };

/*
 * One look at the slot that m->sf named.  If it is in somebody's hands, or
 * does not map m, then m->sf is about to change, or did: look again.
 */
static enum look
look_at(struct sf_buf *sf, struct vm_page *m, uint32_t private_to,
    const void *caller)
{
	uint32_t page = sf_page(sf), count = sf_count(sf);

	if (page != vm_page_index(m))
		return (AGAIN);
	if ((count & SF_STATE) == SF_REMOVED && sf_strict)
		return (MISS);
	if ((count & SF_STATE) == SF_REMOVED)
		return (revive(sf, page, count) ? HIT : AGAIN);
	if ((count & SF_STATE) != SF_MAPPED)
		return (AGAIN);
	if ((count & SF_PRIVATE) != 0 && (count & SF_PRIVATE) != private_to)
		return (MISS);
	KASSERT((count & SF_COUNT) != SF_COUNT, "sf_buf_alloc: too many "
	    "references of page %u (called from %p)", page, caller);
	if (!sf_change(sf, page, count, (count + 1) | SF_USED))
		return (AGAIN);
	if ((count & SF_PRIVATE) != 0)
		atomic_fetchadd_32(&m->sf_refs, 1);
	PCPU_COUNT(pc_sf.hits);
	return (HIT);
}

/*
 * A reference to a mapping of m that will do, or NULL; *hint is then what
 * m->sf was.  A slot stays in the hands of its owner for a few dozen
 * instructions with interrupts off, so the loop is short.
 */
static struct sf_buf *
lookup(struct vm_page *m, int flags, uint32_t *hint, const void *caller)
{
	uint32_t to = (flags & SFB_CPUPRIVATE) != 0 ?
	    SF_PRIVATE_TO(curcpu_id()) : 0;
	uint64_t start = 0;
	bool warned = false;

	for (;;) {
		*hint = atomic_load_acq_32(&m->sf);
		if (*hint == 0)
			return (NULL);
		switch (look_at(&sf_slots[*hint - 1], m, to, caller)) {
		case HIT:
			return (&sf_slots[*hint - 1]);
		case MISS:
			return (NULL);
		case AGAIN:
			break;
		}
		cpu_spinwait();
		if (start == 0)
			start = cpu_ticks();
		KASSERT(!wait_expired(start, &warned), "sf_buf_alloc: sf_buf "
		    "%u of page %u is in somebody's hands (called from %p)",
		    *hint - 1, vm_page_index(m), caller);
	}
}

/* Gives slots to those who wait, in order, as long as there are any. */
static void
feed(void)
{
	spin_lock(&waiters_lock);
	for (struct waiter *w = waiters; w != NULL; w = w->next) {
		if (w->given != NULL)
			continue;
		w->given = sf_pool_get_any(&w->dirty);
		if (w->given == NULL)
			break;
		sleepq_wakeup(w);
	}
	spin_unlock(&waiters_lock);
}

/* Whatever made a slot available calls this after it; see nwaiters. */
static inline void
slot_available(void)
{
	if (hw_load32(&nwaiters) != 0)
		feed();
}

/* m was mapped: those who wait with it may have that. */
static void
tell_waiters(const struct vm_page *m)
{
	if (hw_load32(&nwaiters) == 0)
		return;
	spin_lock(&waiters_lock);
	for (struct waiter *w = waiters; w != NULL; w = w->next)
		if (w->m == m)
			sleepq_wakeup(w);
	spin_unlock(&waiters_lock);
}

static void
sample_peak(struct pcpu *pc)
{
	u_int listed = sf_pool_listed(), used;

	used = listed > nsfbufs ? 0 : nsfbufs - listed;
	if (used > pc->pc_sf.peak)
		pc->pc_sf.peak = used;
}

/*
 * Maps m in a slot that we own, and publishes it in place of `hint', which is
 * 0 or names a private slot; NULL if somebody was faster.  Until count is
 * stored nobody can take a reference; before that the entry is in place.
 */
static struct sf_buf *
map(struct sf_buf *sf, struct vm_page *m, uint32_t hint, uint32_t private_to,
    const void *caller)
{
	struct pcpu *pc = curpcpu();

	sf_buf_md_enter(slot_of(sf), VM_PAGE_TO_PHYS(m), false);
	pc->pc_sf.pte_writes++;
	sf_store(sf, vm_page_index(m), SF_CLAIMED);
	if (!atomic_fcmpset_32(&m->sf, &hint, slot_of(sf) + 1)) {
		sf_pool_retire(sf);
		return (NULL);
	}
	sf->caller = caller;
	if (private_to != 0) {
		atomic_fetchadd_32(&m->sf_refs, 1);
		pc->pc_sf.privates++;
	}
	hw_store32(&sf->state.count, private_to | 1);
	if (pc->pc_sf.misses++ % SAMPLE == 0)
		sample_peak(pc);
	return (sf);
}

/*
 * A slot for a miss, claimed; NULL if there is none without a flush.  With
 * SFB_CPUPRIVATE a slot that other TLBs may still hold will do, once this
 * one's does not.  Interrupts are off, so that it stays "this one".
 */
static struct sf_buf *
get_slot(int flags, uint32_t *private_to)
{
	struct sf_buf *sf = sf_pool_get();

	*private_to = 0;
	if (sf != NULL || (flags & SFB_CPUPRIVATE) == 0)
		return (sf);
	if ((sf = sf_pool_get_removed()) == NULL)
		return (NULL);
	sf_buf_md_invalidate(slot_of(sf));
	PCPU_COUNT(pc_sf.invlpgs);
	*private_to = SF_PRIVATE_TO(curcpu_id());
	return (sf);
}

/*
 * One try to map m.  False: no slot without a flush.  True: *sfp is the
 * mapping, or NULL if somebody was faster, and then there is one to find.
 */
static bool
try_map(struct vm_page *m, int flags, uint32_t hint, const void *caller,
    struct sf_buf **sfp)
{
	uint32_t intr = intr_save(), private_to;
	struct sf_buf *sf = get_slot(flags, &private_to);

	if (sf != NULL)
		*sfp = map(sf, m, hint, private_to, caller);
	intr_restore(intr);
	if (sf == NULL)
		return (false);
	if (*sfp == NULL)
		slot_available();
	return (true);
}

static void
leave(struct waiter *w)
{
	struct waiter **p;

	for (p = &waiters; *p != w; p = &(*p)->next)
		continue;
	*p = w->next;
	atomic_fetchadd_32(&nwaiters, -1u);
}

static void
join(struct waiter *w)
{
	struct waiter **p;

	spin_lock(&waiters_lock);
	for (p = &waiters; *p != NULL; p = &(*p)->next)
		continue;
	*p = w;
	atomic_fetchadd_32(&nwaiters, 1);
	spin_unlock(&waiters_lock);
	feed();
}

/* For who debugs a system that holds all and waits for more. */
static void
complain(const struct waiter *w)
{
	char by[KSYM_STRLEN];

	printf("sf_buf: thread %u, %s, waits for one of %u for page %u; they "
	    "were mapped by:\n", curthread()->td_id, curthread()->td_name,
	    nsfbufs, vm_page_index(w->m));
	for (u_int i = 0; i < nsfbufs && i < 16; i++)
		printf("  sf_buf %u: page %u, references %u, %s\n", i,
		    sf_page(&sf_slots[i]), sf_count(&sf_slots[i]) & SF_COUNT,
		    ksym_format((uintptr_t)sf_slots[i].caller, by));
}

/*
 * Sleeps until the waiter has a slot, or its page a mapping (*sfp); EINTR if
 * a signal came first.
 */
static int
wait_for_slot(struct waiter *w, int flags, struct sf_buf **sfp,
    const void *caller)
{
	uint32_t hint;
	int error = 0;
	bool said = false;

	spin_lock(&waiters_lock);
	while (w->given == NULL && error != EINTR &&
	    (*sfp = lookup(w->m, flags, &hint, caller)) == NULL) {
		error = sleepq_sleep(w, &waiters_lock, "sf_buf",
		    (flags & SFB_CATCH) != 0 ? SLEEP_CATCH : 0,
		    said ? 0 : COMPLAIN_MS);
		if (error == EWOULDBLOCK && w->given == NULL) {
			said = true;
			spin_unlock(&waiters_lock);
			complain(w);
			spin_lock(&waiters_lock);
		}
	}
	leave(w);
	spin_unlock(&waiters_lock);
	return (w->given == NULL && *sfp == NULL ? EINTR : 0);
}

/*
 * Every slot is referenced: waits for one, in order, and maps m in it.  NULL,
 * with *sfp NULL too, if a signal ended the wait.  A waiter whose page got
 * mapped by somebody else takes that, and passes on what it was given.
 */
static struct sf_buf *
alloc_waiting(struct vm_page *m, int flags, const void *caller, int *error)
{
	struct waiter w = { NULL, m, NULL, false };
	struct sf_buf *sf = NULL;
	uint32_t hint, intr;

	join(&w);
	PCPU_COUNT(pc_sf.sleeps);
	*error = wait_for_slot(&w, flags, &sf, caller);
	if (w.given == NULL)
		return (sf);
	if (w.dirty)
		tlb_flush_all_wait();
	if (sf == NULL)
		sf = lookup(m, flags, &hint, caller);
	intr = intr_save();
	if (sf != NULL)
		sf_pool_return(w.given, false);
	else
		sf = map(w.given, m, hint, 0, caller);
	intr_restore(intr);
	if (w.given != sf)
		slot_available();
	else
		tell_waiters(m);
	return (sf);
}

/*
 * The rest of an allocation that found no mapping.  Each turn maps, finds
 * what another mapped, cleans slots, or ends.
 */
static struct sf_buf *
alloc_slow(struct vm_page *m, int flags, const void *caller)
{
	struct sf_buf *sf;
	uint32_t hint;
	int error = 0;

	for (;;) {
		if ((sf = lookup(m, flags, &hint, caller)) != NULL)
			return (sf);
		/* Who comes later waits behind those who wait. */
		if (hw_load32(&nwaiters) == 0) {
			if (try_map(m, flags, hint, caller, &sf)) {
				if (sf == NULL)
					continue;
				tell_waiters(m);
				return (sf);
			}
			if (tlb_may_wait() && sf_pool_force())
				continue;
		}
		if ((flags & SFB_NOWAIT) == 0)
			sf = alloc_waiting(m, flags, caller, &error);
		if (sf != NULL)
			return (sf);
		if ((flags & SFB_NOWAIT) != 0 || error == EINTR) {
			PCPU_COUNT(pc_sf.failures);
			return (NULL);
		}
	}
}

/* Contracts of the public functions are in <sys/sf_buf.h>. */
struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	vm_offset_t va;

	check_request(m, flags, __caller());
	if (sf_buf_md_direct(VM_PAGE_TO_PHYS(m), &va)) {
		KASSERT(atomic_fetchadd_32(&m->sf_refs, 1) != 0xffffffffu,
		    "sf_buf_alloc: too many references of page %u (called "
		    "from %p)", vm_page_index(m), __caller());
		PCPU_COUNT(pc_sf.direct);
		return ((struct sf_buf *)m);
	}
	return (alloc_slow(m, flags, __caller()));
}

/*
 * The last reference went: the slot becomes a candidate for eviction, unless
 * it is on a list already, or referenced again.
 */
static void
last_free(struct sf_buf *sf)
{
	uint32_t count;

	do {
		count = sf_count(sf);
		if ((count & (SF_STATE | SF_COUNT | SF_LISTED)) != 0)
			return;
	} while (!atomic_fcmpset_32(&sf->state.count, &count,
	    count | SF_LISTED));
	sf_pool_candidate(sf);
}

/*
 * In strict mode the mapping goes at once, everywhere: nobody waits for the
 * other CPUs, but none is left with a translation for long.
 */
static void
last_free_strict(struct sf_buf *sf, const void *caller)
{
	uint32_t intr = intr_save(), page = sf_page(sf), count;

	count = sf_count(sf);
	if ((count & (SF_STATE | SF_COUNT | SF_LISTED)) == 0 &&
	    sf_change(sf, page, count, SF_CLAIMED | (count & SF_PRIVATE))) {
		sf->caller = caller;
		sf_pool_retire(sf);
		tlb_force_nowait(tlb_close());
	}
	intr_restore(intr);
}

void
sf_buf_free(struct sf_buf *sf)
{
	const void *caller = __caller();
	struct vm_page *m;
	uint32_t count;

	check_handle(sf, "sf_buf_free", caller);
	if (is_direct(sf)) {
		atomic_fetchadd_32(&((struct vm_page *)sf)->sf_refs, -1u);
		return;
	}
	m = &vm_page_array[sf_page(sf)];
	/* Our reference keeps the page in place, so half the word will do. */
	count = atomic_fetchadd_32(&sf->state.count, -1u);
	KASSERT((count & SF_COUNT) != 0, "sf_buf_free: sf_buf %u is not "
	    "referenced (called from %p)", slot_of(sf), caller);
	if ((count & SF_PRIVATE) != 0)
		atomic_fetchadd_32(&m->sf_refs, -1u);
	if ((count & SF_COUNT) != 1)
		return;
	if (sf_strict)
		last_free_strict(sf, caller);
	else if ((count & SF_LISTED) == 0)
		last_free(sf);
	slot_available();
}

void
sf_buf_ref(struct sf_buf *sf)
{
	uint32_t count;

	check_handle(sf, "sf_buf_ref", __caller());
	if (is_direct(sf)) {
		atomic_fetchadd_32(&((struct vm_page *)sf)->sf_refs, 1);
		return;
	}
	count = atomic_fetchadd_32(&sf->state.count, 1);
	KASSERT((count & SF_COUNT) != SF_COUNT, "sf_buf_ref: too many "
	    "references of sf_buf %u (called from %p)", slot_of(sf),
	    __caller());
	if ((count & SF_PRIVATE) != 0)
		atomic_fetchadd_32(&vm_page_array[sf_page(sf)].sf_refs, 1);
}

vm_offset_t
sf_buf_kva(struct sf_buf *sf)
{
	vm_offset_t va;

	check_handle(sf, "sf_buf_kva", __caller());
	if (!is_direct(sf))
		return (sf_buf_md_kva(slot_of(sf)));
	(void)sf_buf_md_direct(VM_PAGE_TO_PHYS((struct vm_page *)sf), &va);
	return (va);
}

struct vm_page *
sf_buf_page(struct sf_buf *sf)
{
	check_handle(sf, "sf_buf_page", __caller());
	if (is_direct(sf))
		return ((struct vm_page *)sf);
	return (&vm_page_array[sf_page(sf)]);
}

/*
 * sf_buf_page_referenced: true while a mapping of m is referenced; what
 * vm_page.c asks before it frees a page or drops its last wiring.  Any
 * context.
 */
bool
sf_buf_page_referenced(struct vm_page *m)
{
	uint32_t hint = m->sf, count;
	struct sf_buf *sf;

	if (m->sf_refs != 0)
		return (true);
	if (hint == 0)
		return (false);
	sf = &sf_slots[hint - 1];
	count = sf_count(sf);
	return (sf_page(sf) == vm_page_index(m) &&
	    (count & SF_STATE) == SF_MAPPED && (count & SF_COUNT) != 0);
}

void
sf_buf_stats_read(struct sf_buf_stats *sum)
{
	const struct sf_buf_stats *s;

	memset(sum, 0, sizeof(*sum));
	for (u_int i = 0; i < mp_ncpus; i++) {
		s = &pcpus[i]->pc_sf;
		sum->hits += s->hits;
		sum->misses += s->misses;
		sum->revived += s->revived;
		sum->direct += s->direct;
		sum->privates += s->privates;
		sum->pte_writes += s->pte_writes;
		sum->invlpgs += s->invlpgs;
		sum->forced += s->forced;
		sum->sleeps += s->sleeps;
		sum->failures += s->failures;
		sum->peak = s->peak > sum->peak ? s->peak : sum->peak;
		sum->ipis_sent += pcpus[i]->pc_ipis_sent[IPI_FLUSH];
		sum->interrupted += pcpus[i]->pc_ipis_taken[IPI_FLUSH];
	}
}

u_int
sf_buf_inuse(void)
{
	u_int n = 0;
	uint32_t count;

	for (u_int i = 0; i < nsfbufs; i++) {
		count = sf_count(&sf_slots[i]);
		n += (count & SF_STATE) == SF_MAPPED && (count & SF_COUNT) != 0;
	}
	return (n);
}

/*
 * sf_buf_audit: holds every slot's entry against its state; prints and counts
 * what is off.  Any context; with others at work a slot in somebody's hands
 * is passed over.
 */
u_int
sf_buf_audit(void)
{
	uint32_t count, page;
	const char *why;
	u_int wrong = 0;

	for (u_int i = 0; i < nsfbufs; i++) {
		page = sf_page(&sf_slots[i]);
		count = sf_count(&sf_slots[i]);
		if ((count & SF_STATE) != SF_MAPPED &&
		    (count & SF_STATE) != SF_REMOVED)
			continue;
		why = sf_buf_md_audit(i, (count & SF_STATE) == SF_MAPPED,
		    (count & SF_STATE) == SF_MAPPED ? ptoa(page) : 0);
		if (why == NULL || sf_count(&sf_slots[i]) != count)
			continue;
		printf("sf_buf %u: its entry is wrong: %s\n", i, why);
		wrong++;
	}
	return (wrong);
}

/*
 * sf_buf_explain: for a page fault: if va is in the window, says whose it is
 * or was.  Any context.
 */
void
sf_buf_explain(vm_offset_t va)
{
	char by[KSYM_STRLEN];
	struct sf_buf *sf;
	u_int slot;

	if (va < sf_buf_md_kva(0) || va >= sf_buf_md_kva(nsfbufs))
		return;
	slot = (va - sf_buf_md_kva(0)) >> PAGE_SHIFT;
	sf = &sf_slots[slot];
	printf("sf_buf %u: page %u, references %u, last %s by %s\n", slot,
	    sf_page(sf), sf_count(sf) & SF_COUNT, sf_strict &&
	    (sf_count(sf) & SF_STATE) == SF_REMOVED ? "freed" : "mapped",
	    ksym_format((uintptr_t)sf->caller, by));
}

/* sf_buf_tick: the clock's.  Interrupts off. */
void
sf_buf_tick(void)
{
	sf_pool_tick();
}

/*
 * sf_buf_evict: for tests: evicts the cached mapping of m, and makes its slot
 * the next to be used on this CPU; false if there is none, or it is
 * referenced.  Thread context, pinned.
 */
bool
sf_buf_evict(struct vm_page *m)
{
	return (m->sf != 0 && sf_pool_evict(&sf_slots[m->sf - 1]));
}

/* sf_buf_init: once, at start. */
void
sf_buf_init(void)
{
	sf_buf_md_init(sf_strict);
	sf_pool_init();
}
