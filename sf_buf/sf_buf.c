/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * sf_buf(9): references to mappings, and who waits for a slot.  Where slots
 * come from is sf_buf/sf_pool.c's; what they are, their states, and the paths
 * that are taken most stand in <sys/_sf_buf.h>; the page-table entries are
 * arch/i386/mmu/sf_pte.c's.
 *
 * m->sf_refs counts the references of the direct map to a page, and those of
 * private slots, of which a page may have several.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/errno.h>
#include <sys/fault.h>
#include <sys/ksym.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <sf_buf/sf_buf_var.h>
#include <vm/kmem.h>
#include <vm/tlb.h>

#define	COMPLAIN_MS	5000u

_Static_assert(sizeof(struct vm_page) == VM_PAGE_STRUCT, "struct vm_page");

bool sf_strict;
TUNABLE_BOOL(sf_strict, "sf_buf.strict", sf_strict,
    "unmap at the last free, so that a use after it faults");

uintptr_t sf_direct_end;
uintptr_t sf_pages_end;
const void **sf_callers;

/*
 * Who waits for a slot, in order.  sf_nwaiters is raised, locked, before the
 * waiter looks at the slots, and whoever makes a slot available does so by a
 * locked operation before it loads sf_nwaiters; so one of them sees the other.
 */
static struct waiter {
	struct waiter *next;
	struct vm_page *m;
	struct sf_buf *given;	/* claimed, its entry gone */
	bool dirty;		/* and to be cleaned before use */
} *waiters;
static struct spinlock waiters_lock =
    SPINLOCK_INITIALIZER("sf_buf waiters", RANK_SF_WAITERS);
volatile uint32_t sf_nwaiters;

static bool
is_page(const struct vm_page *m)
{
	return (sf_offset_of_page(m) % sizeof(*m) == 0 &&
	    sf_offset_of_page(m) < sf_pages_end);
}

static void
check_request(struct vm_page *m, int flags, const void *caller)
{
	KASSERT(m != NULL, "sf_buf_alloc: no page (called from %pC)", caller);
	KASSERT((flags & ~SFB_ALL) == 0,
	    "sf_buf_alloc: unknown flags 0x%x (called from %pC)", flags,
	    caller);
	KASSERT(is_page(m),
	    "sf_buf_alloc: %p is no page (called from %pC)", m, caller);
	KASSERT(m->wire_count > 0,
	    "sf_buf_alloc: page %u is not wired (called from %pC)",
	    vm_page_index(m), caller);
	KASSERT((flags & SFB_CPUPRIVATE) == 0 || sched_is_pinned(),
	    "sf_buf_alloc: SFB_CPUPRIVATE, but not pinned (called from %pC)",
	    caller);
}

/*
 * Gives a removed slot back to its page.  It is ours once it is REVIVING;
 * whoever took it for another page meanwhile made the exchange fail.  TLBs may
 * hold the very translation that we enter, so A must say so.
 */
static bool
revive(struct sf_buf *sf, uint32_t page)
{
	uint32_t intr = intr_save();
	bool ours = sf_change(sf, page, SF_REMOVED, SF_REVIVING);

	if (ours) {
		sf_buf_md_enter(sf_hint(sf), page, SF_PTE_HELD);
		hw_store32(&sf->count, SF_USED | SF_REF);
		PCPU_COUNT(pc_sf.revived);
	}
	intr_restore(intr);
	return (ours);
}

/*
 * A reference to the slot that m->sf named, if it maps m, or can again.  False
 * if it is in somebody's hands, or m->sf changed, or is about to: look again.
 */
static bool
try_hit(struct sf_buf *sf, struct vm_page *m, const void *caller)
{
	uint32_t page = (uint32_t)sf_offset_of_page(m), count = sf_count(sf);

	if (sf_page(sf) != page)
		return (false);
	if (count == SF_REMOVED && !sf_strict)
		return (revive(sf, page));
	KASSERT((count & SF_STATE) != 0 || (count & SF_COUNT) < SF_COUNT_MAX,
	    "sf_buf_alloc: too many "
	    "references of page %u (called from %pC)", vm_page_index(m),
	    caller);
	if (!sf_take_reference(sf, page))
		return (false);
	PCPU_COUNT_LOW(pc_sf.hits);
	return (true);
}

/*
 * A reference to the shared mapping of m, or NULL if it has none.  A slot
 * stays in the hands of its owner for a few dozen instructions with interrupts
 * off or held off, so the loop is short.
 */
static struct sf_buf *
lookup(struct vm_page *m, const void *caller)
{
	struct deadline wait = { 0 };
	uint32_t hint;

	while ((hint = hw_load32(&m->sf)) != 0) {
		if (try_hit(sf_of_hint(hint), m, caller))
			return (sf_of_hint(hint));
		/* Who waits for this CPU's flush is not to wait for that. */
		if (!intr_enabled())
			tlb_serve();
		cpu_spinwait();
		KASSERT(!deadline_passed(&wait), "sf_buf_alloc: sf_buf "
		    "%u of page %u is in somebody's hands (called from %pC)",
		    slot_of(sf_of_hint(hint)), vm_page_index(m), caller);
	}
	return (NULL);
}

/*
 * sf_buf_lookup_private: the same for a mapping that is private to this CPU.
 * m->sf_private is a guess; the slot's word, page and all, says whether it is
 * right.  The caller cannot migrate.
 */
struct sf_buf *
sf_buf_lookup_private(struct vm_page *m)
{
	struct sf_buf *sf = &sf_slots[m->sf_private];
	uint32_t count = sf_count(sf);

	if ((count & (SF_STATE | SF_PRIVATE)) != SF_PRIVATE_TO(curcpu_id()) ||
	    (count & SF_COUNT) >= SF_COUNT_MAX)
		return (NULL);
	/* Counted first: a page that is referenced must never look idle. */
	(void)atomic_inc_32(&m->sf_refs);
	if (!sf_change(sf, (uint32_t)sf_offset_of_page(m), count,
	    (count + SF_REF) | SF_USED)) {
		(void)atomic_dec_32(&m->sf_refs);
		return (NULL);
	}
	PCPU_COUNT_LOW(pc_sf.hits);
	return (sf);
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

/*
 * sf_buf_slot_available: whatever made a slot available, or had one in its
 * hands that others looked for, calls this after it if somebody waits.  Any
 * context but NMI.
 */
void
sf_buf_slot_available(void)
{
	if (hw_load32(&sf_nwaiters) != 0)
		feed();
}

/*
 * sf_buf_was_mapped: m was mapped, or slots were in transit meanwhile: those
 * who wait for m may have that.  Any context but NMI.
 */
void
sf_buf_was_mapped(const struct vm_page *m)
{
	spin_lock(&waiters_lock);
	for (struct waiter *w = waiters; w != NULL; w = w->next)
		if (w->m == m)
			sleepq_wakeup(w);
	spin_unlock(&waiters_lock);
	feed();
}

/* sf_buf_sample_peak: counts the referenced slots; see <sys/sfstat.h>. */
void
sf_buf_sample_peak(void)
{
	u_int n = sf_buf_inuse();
	struct pcpu *pc = curpcpu();

	/* On another CPU by now it is as good a sample. */
	if (n > pc->pc_sf.peak)
		pc->pc_sf.peak = n;
}

static void
join(struct waiter *w)
{
	struct waiter **p;

	spin_lock(&waiters_lock);
	for (p = &waiters; *p != NULL; p = &(*p)->next)
		continue;
	*p = w;
	atomic_fetchadd_32(&sf_nwaiters, 1);
	spin_unlock(&waiters_lock);
	feed();
}

static void
leave(struct waiter *w)
{
	struct waiter **p;

	for (p = &waiters; *p != w; p = &(*p)->next)
		continue;
	*p = w->next;
	atomic_fetchadd_32(&sf_nwaiters, -1u);
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
		    sf_frame(&sf_slots[i]),
		    sf_references(sf_count(&sf_slots[i])),
		    ksym_format((uintptr_t)sf_callers[i], by));
}

/*
 * Sleeps until the waiter has a slot, or its page a mapping, which is
 * returned; NULL if it has a slot, or a signal came first.
 */
static struct sf_buf *
wait_for_slot(struct waiter *w, int flags, const void *caller)
{
	struct sf_buf *sf = NULL;
	int error = 0;
	bool said = false;

	spin_lock(&waiters_lock);
	while (w->given == NULL && error != EINTR &&
	    (sf = lookup(w->m, caller)) == NULL) {
		error = sleepq_wait_spin(w, &waiters_lock, "sf_buf",
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
	return (sf);
}

/*
 * Every slot is referenced: waits for one, in order, and maps m in it; NULL
 * if a signal ended the wait (*interrupted), or somebody else mapped m: then
 * sf_pool_map_given() puts the slot back, for who waits next.
 */
static struct sf_buf *
alloc_waiting(struct vm_page *m, int flags, const void *caller,
    bool *interrupted)
{
	struct waiter w = { NULL, m, NULL, false };
	struct sf_buf *sf;

	join(&w);
	PCPU_COUNT(pc_sf.sleeps);
	sf_buf_sample_peak();
	sf = wait_for_slot(&w, flags, caller);
	*interrupted = sf == NULL && w.given == NULL;
	if (w.given == NULL)
		return (sf);
	if (w.dirty)
		tlb_flush_all_wait();
	sf = sf_pool_map_given(w.given, m, caller);
	if (hw_load32(&sf_nwaiters) != 0)
		sf_buf_was_mapped(m);
	return (sf);
}

/*
 * An allocation that found no mapping, or no clean slot.
 * Each turn maps, finds what another mapped, cleans slots, or ends.  Who comes
 * later waits behind those who wait.
 */
static struct sf_buf *
alloc_rest(struct vm_page *m, int flags, const void *caller)
{
	bool private = (flags & SFB_CPUPRIVATE) != 0 && !sf_strict;
	bool interrupted = false;
	struct sf_buf *sf;

	while (!interrupted) {
		if ((sf = lookup(m, caller)) != NULL ||
		    (private && (sf = sf_buf_lookup_private(m)) != NULL))
			return (sf);
		if (hw_load32(&sf_nwaiters) == 0) {
			sf = private ? sf_pool_map_private(m, caller) :
			    sf_pool_map(m, caller);
			if (hw_load32(&sf_nwaiters) != 0)
				sf_buf_was_mapped(m);
			if (sf != NULL)
				return (sf);
			if (hw_load32(&m->sf) != 0)
				continue;
			if (tlb_may_wait() && sf_pool_force())
				continue;
		}
		if ((flags & SFB_NOWAIT) != 0)
			break;
		sf = alloc_waiting(m, flags, caller, &interrupted);
		if (sf != NULL)
			return (sf);
	}
	PCPU_COUNT(pc_sf.failures);
	return (NULL);
}

/*
 * sf_buf_alloc_checked: any request that the fast path did not vouch for, or
 * found m->sf to be in motion.
 */
struct sf_buf *
sf_buf_alloc_checked(struct vm_page *m, int flags)
{
	const void *caller = __caller();

	check_request(m, flags, caller);
	if (!sf_buf_page_is_direct(m))
		return (alloc_rest(m, flags, caller));
	KASSERT(atomic_inc_32(&m->sf_refs),
	    "sf_buf_alloc: too many references of page %u (called from %pC)",
	    vm_page_index(m), caller);
	return (sf_of_direct_page(m));
}

static void __dead2
bad_handle(const struct sf_buf *sf, const char *who, const void *caller)
{
	char by[KSYM_STRLEN];

	if (!sf_buf_is_handle(sf))
		panic("%s: %p is no sf_buf (called from %pC)", who, sf, caller);
	if (sf_is_direct(sf))
		panic("%s: page %u has no reference (called from %pC)", who,
		    vm_page_index(sf_direct_page(sf)), caller);
	panic("%s: sf_buf %u is not referenced (called from %pC; last by %s)",
	    who, slot_of(sf), caller,
	    ksym_format((uintptr_t)sf_callers[slot_of(sf)], by));
}

/* sf_buf_free_bad, sf_buf_kva_bad: what was passed has no reference. */
void
sf_buf_free_bad(struct sf_buf *sf)
{
	bad_handle(sf, "sf_buf_free", __caller());
}

void
sf_buf_kva_bad(struct sf_buf *sf)
{
	bad_handle(sf, "sf_buf_kva", __caller());
}

/*
 * Drops a reference of a slot that is private, or in no ring, or has none.
 * The page must be read before: without references the slot may get another.
 * Returns what the count was.
 */
static uint32_t
drop_slowly(struct sf_buf *sf, const void *caller)
{
	uint32_t page = sf_page(sf);
	uint32_t count = atomic_fetchadd_32(&sf->count, -SF_REF);

	if (!sf_is_referenced(count))
		bad_handle(sf, "sf_buf_free", caller);
	if ((count & SF_PRIVATE) != 0)
		(void)atomic_dec_32(&sf_page_at(page)->sf_refs);
	return (count);
}

/*
 * sf_buf_free_rest: the slot is not one of the plain ones; or it was, but was
 * not when the reference was dropped: it is in no ring, or had none to drop.
 */
void
sf_buf_free_rest(struct sf_buf *sf, bool dropped)
{
	const void *caller = __caller();
	uint32_t count = SF_UNLISTED;

	if (!dropped)
		count = drop_slowly(sf, caller);
	else if ((sf_count(sf) & SF_COUNT) >= SF_BORROWED)
		bad_handle(sf, "sf_buf_free", caller);
	if (sf_strict)
		sf_pool_last_free_strict(sf, caller);
	else if ((count & SF_UNLISTED) != 0)
		sf_pool_last_free(sf);
	sf_buf_slot_available();
}

/* Contract in <sys/sf_buf.h>. */
void
sf_buf_ref(struct sf_buf *sf)
{
	const void *caller = __caller();
	uint32_t count;

	if (!sf_buf_is_handle(sf))
		bad_handle(sf, "sf_buf_ref", caller);
	if (sf_is_direct(sf)) {
		if (!sf_refs_any(hw_load32(&sf_direct_page(sf)->sf_refs)))
			bad_handle(sf, "sf_buf_ref", caller);
		KASSERT(atomic_inc_32(&sf_direct_page(sf)->sf_refs),
		    "sf_buf_ref: too many references of page %u (called from "
		    "%pC)", vm_page_index(sf_direct_page(sf)), caller);
		return;
	}
	count = atomic_fetchadd_32(&sf->count, SF_REF);
	if (!sf_is_referenced(count))
		bad_handle(sf, "sf_buf_ref", caller);
	KASSERT((count & SF_COUNT) < SF_COUNT_MAX, "sf_buf_ref: too many "
	    "references of sf_buf %u (called from %pC)", slot_of(sf), caller);
	if ((count & SF_PRIVATE) != 0)
		(void)atomic_inc_32(&sf_page_at(sf_page(sf))->sf_refs);
}

/*
 * sf_buf_page_referenced: true while a mapping of m is referenced; what
 * vm_page.c asks before it frees a page or drops its last wiring.  Any
 * context.
 */
bool
sf_buf_page_referenced(struct vm_page *m)
{
	uint32_t page = (uint32_t)sf_offset_of_page(m);
	uint32_t hint = hw_load32(&m->sf);
	struct sf_buf *sf;

	if (sf_refs_any(hw_load32(&m->sf_refs)))
		return (true);
	if (hint == 0)
		return (false);
	sf = sf_of_hint(hint);
	for (;;) {
		uint32_t count = sf_count(sf);

		if (sf_page(sf) != page || !sf_is_referenced(count))
			return (false);
		if (sf_change(sf, page, count, count))
			return (true);
	}
}

void
sf_buf_stats_read(struct sf_buf_stats *sum)
{
	const struct sf_buf_stats *s;

	memset(sum, 0, sizeof(*sum));
	sf_pool_settle_all();
	for (u_int i = 0; i < mp_ncpus; i++) {
		s = &pcpus[i]->pc_sf;
		sum->hits += s->hits;
		sum->misses += s->misses;
		sum->revived += s->revived;
		sum->removals += s->removals;
		sum->privates += s->privates;
		sum->invlpgs += s->invlpgs;
		sum->forced += s->forced;
		sum->sleeps += s->sleeps;
		sum->failures += s->failures;
		sum->peak = s->peak > sum->peak ? s->peak : sum->peak;
		sum->ipis_sent += pcpus[i]->pc_ipis_sent[IPI_FLUSH];
		sum->interrupted += pcpus[i]->pc_ipis_taken[IPI_FLUSH];
	}
	sum->pte_writes = sum->misses + sum->revived + sum->removals;
}

u_int
sf_buf_inuse(void)
{
	u_int n = 0;

	for (u_int i = 0; i < nsfbufs; i++)
		n += sf_is_referenced(sf_count(&sf_slots[i]));
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
		if ((count & SF_STATE) != 0 && count != SF_REMOVED)
			continue;
		why = sf_buf_md_audit(sf_hint(&sf_slots[i]),
		    count != SF_REMOVED, page);
		/* The same word after it: nobody re-used the slot meanwhile. */
		if (why == NULL || !sf_change(&sf_slots[i], page, count, count))
			continue;
		printf("sf_buf %u: its entry is wrong: %s\n", i, why);
		wrong++;
	}
	return (wrong);
}

/*
 * sf_buf_describe_fault: for a page fault: if va is in the window, says whose it is
 * or was.  Any context.
 */
void
sf_buf_describe_fault(vm_offset_t va)
{
	char by[KSYM_STRLEN];
	struct sf_buf *sf;
	u_int slot;

	if (va < SF_BUF_MIN || va - SF_BUF_MIN >= nsfbufs << PAGE_SHIFT ||
	    sf_callers == NULL)
		return;
	slot = (va - SF_BUF_MIN) >> PAGE_SHIFT;
	sf = &sf_slots[slot];
	printf("sf_buf %u: page %u, references %u, last %s by %s\n", slot,
	    sf_frame(sf), sf_references(sf_count(sf)), sf_strict &&
	    sf_count(sf) == SF_REMOVED ? "freed" : "mapped",
	    ksym_format((uintptr_t)sf_callers[slot], by));
}
FAULT_DESCRIBER(sf_buf_describe_fault);

/*
 * Of a CPU's hits the fast path counts the low half only: it cannot go round
 * more than once between two ticks, or a tick and an idle moment.
 */
static void
carry_hits(struct pcpu *pc)
{
	uint32_t low = (uint32_t)pc->pc_sf.hits;

	if (low < pc->pc_sf_hits_seen)
		pc->pc_sf.hits += (uint64_t)1 << 32;
	pc->pc_sf_hits_seen = low;
}

/*
 * sf_buf_tick: the clock's, and that of who stops it to idle.  Interrupts
 * off.
 */
void
sf_buf_tick(void)
{
	carry_hits(curpcpu());
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
	return (m->sf != 0 && sf_pool_evict(sf_of_hint(m->sf)));
}

/*
 * sf_buf_set_direct_map: from here on the direct map serves its pages, or does
 * not; returns what was so before.  Strict mode and sf_buf.dmap=off keep it
 * off.  References that it gave stay good: the handle says what it is.
 */
bool
sf_buf_set_direct_map(bool on)
{
	bool was = sf_direct_end != 0;

	sf_direct_end = !on || sf_strict ? 0 :
	    sf_buf_md_direct_pages() * sizeof(struct vm_page);
	return (was);
}

/* sf_buf_init: once, when all CPUs run. */
void
sf_buf_init(void)
{
	sf_callers = kmem_alloc(nsfbufs * sizeof(*sf_callers), M_ZERO);
	KASSERT(sf_callers != NULL, "sf_buf: no memory for %u slots", nsfbufs);
	sf_pages_end = vm_page_count * sizeof(struct vm_page);
	sf_buf_md_init();
	(void)sf_buf_set_direct_map(true);
	sf_pool_init();
}
