/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * sf_buf(9): the pool of slots, each one page of kernel address space, and
 * the cache of mappings that it is.  Knows no page-table entry: those are
 * arch/i386/sf_buf_machdep.c's.
 *
 * A slot's whole state is one 8-byte word, changed only by CMPXCHG8B:
 *
 *	page (32 bits)	index of the page that the slot maps, or NOPAGE
 *	count (32 bits)	references, in the low 24 bits, and
 *	    CLAIMED	one CPU owns the slot, which maps nothing it may give
 *	    QUEUED	on the queue of candidates for eviction
 *	    USED	hit since it was queued: gets a second chance
 *
 * Page and count change together: {m,n} to {m,n+1} succeeds only while the
 * slot maps m.  Checking the page after a separate increment would leave
 * stray references, and an evictor could lose its slot to one.
 *
 * m->sf is a hint, the slot's number plus 1; the slot's word is the truth.
 * It changes by compare-and-swap on the value that it replaces, and outlives
 * the freeing of the frame: what is mapped is a frame, not its owner.
 *
 * Where the direct map serves a page the handle is the page itself, and
 * m->sf_refs counts its references.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <machine/pcpu.h>
#include <machine/sf_buf.h>
#include <vm/vm_page.h>

#define	NOPAGE		0xffffffffu
#define	CLAIMED		0x80000000u
#define	QUEUED		0x40000000u
#define	USED		0x20000000u
#define	COUNT		0x00ffffffu
#define	SFB_ALL		(SFB_CATCH | SFB_CPUPRIVATE | SFB_NOWAIT)

struct sf_buf {
	union {
		volatile uint64_t word;
		struct {
			volatile uint32_t page;
			volatile uint32_t count;
		};
	} state;
	struct sf_buf *next;	/* (p) clean stack or queue */
	const void *caller;	/* who allocated or freed it last */
};

uint32_t nsfbufs = 1024;
TUNABLE_UINT(nsfbufs, "nsfbufs", nsfbufs, 4, 65536, "slots of the pool");

static struct sf_buf slots[65536];

/*
 * The pool's lock guards, as (p) above, the stack of clean slots, which no
 * TLB holds anything of, and the queue of candidates, oldest first.
 */
static struct spinlock pool_lock = SPINLOCK_INITIALIZER("sf_buf pool", RANK_SF_POOL);
static struct sf_buf *clean;
static struct sf_buf *oldest, *newest;

static inline u_int
slot_of(const struct sf_buf *sf)
{
	return ((u_int)(sf - slots));
}

static inline bool
is_direct(const struct sf_buf *sf)
{
	return ((vm_offset_t)sf >= (vm_offset_t)vm_page_array &&
	    (vm_offset_t)sf < (vm_offset_t)(vm_page_array + vm_page_count));
}

/*
 * One change of a slot's word, from the page and count seen.  Reading the
 * two halves apart is fine: a torn pair makes the exchange fail.
 */
static inline bool
change(struct sf_buf *sf, uint32_t page, uint32_t count, uint32_t npage,
    uint32_t ncount)
{
	uint64_t old = (uint64_t)count << 32 | page;

	return (hw_cmpxchg8b(&sf->state.word, &old,
	    (uint64_t)ncount << 32 | npage));
}

static void
check_handle(const struct sf_buf *sf, const char *who, const void *caller)
{
	if (is_direct(sf)) {
		KASSERT(((const struct vm_page *)sf)->sf_refs > 0,
		    "%s: page %u has no reference (called from %p)", who,
		    vm_page_index((const struct vm_page *)sf), caller);
		return;
	}
	KASSERT(sf >= slots && sf < slots + nsfbufs,
	    "%s: %p is no sf_buf (called from %p)", who, sf, caller);
	KASSERT((sf->state.count & CLAIMED) == 0 &&
	    (sf->state.count & COUNT) > 0,
	    "%s: sf_buf %u is not referenced (called from %p, last by %p)",
	    who, slot_of(sf), caller, sf->caller);
}

static void
push_clean(struct sf_buf *sf)
{
	spin_lock(&pool_lock);
	sf->next = clean;
	clean = sf;
	spin_unlock(&pool_lock);
}

static struct sf_buf *
pop_clean(void)
{
	struct sf_buf *sf;

	spin_lock(&pool_lock);
	if ((sf = clean) != NULL)
		clean = sf->next;
	spin_unlock(&pool_lock);
	return (sf);
}

static void
enqueue(struct sf_buf *sf)
{
	spin_lock(&pool_lock);
	sf->next = NULL;
	if (newest == NULL)
		oldest = sf;
	else
		newest->next = sf;
	newest = sf;
	spin_unlock(&pool_lock);
}

static struct sf_buf *
dequeue(void)
{
	struct sf_buf *sf;

	spin_lock(&pool_lock);
	if ((sf = oldest) != NULL && (oldest = sf->next) == NULL)
		newest = NULL;
	spin_unlock(&pool_lock);
	return (sf);
}

/* A reference to the slot, if it still maps page. */
static bool
take_reference(struct sf_buf *sf, uint32_t page, const void *caller)
{
	uint32_t count;

	for (;;) {
		count = sf->state.count;
		if (sf->state.page != page || (count & CLAIMED) != 0)
			return (false);
		KASSERT((count & COUNT) != COUNT, "sf_buf: too many references"
		    " of page %u (called from %p)", page, caller);
		if (change(sf, page, count, page, (count + 1) | USED))
			return (true);
	}
}

static struct sf_buf *
lookup(struct vm_page *m, const void *caller)
{
	uint32_t hint = atomic_load_acq_32(&m->sf);

	if (hint == 0 ||
	    !take_reference(&slots[hint - 1], vm_page_index(m), caller))
		return (NULL);
	return (&slots[hint - 1]);
}

/*
 * Takes the mapping of a claimed slot away and makes the slot clean: with
 * A=0 no TLB ever held it, else the invalidation follows the removal.
 */
static void
unmap_claimed(struct sf_buf *sf)
{
	uint32_t hint = slot_of(sf) + 1;
	struct vm_page *m = &vm_page_array[sf->state.page];

	(void)atomic_fcmpset_32(&m->sf, &hint, 0);
	curpcpu()->pc_sf.pte_writes++;
	if (sf_buf_md_remove(slot_of(sf))) {
		sf_buf_md_shootdown(slot_of(sf));
		curpcpu()->pc_sf.shootdowns++;
	}
}

/*
 * The oldest slot that nobody references, claimed and clean; NULL if every
 * slot is referenced.  A referenced slot leaves the queue, its last free
 * brings it back; one that was hit since goes round once more.  So each
 * pass over a slot is paid for by a hit or a free: no cost grows with
 * nsfbufs.
 */
static struct sf_buf *
evict(void)
{
	struct sf_buf *sf;
	uint32_t page, count, ncount;

	while ((sf = dequeue()) != NULL) {
		do {
			page = sf->state.page;
			count = sf->state.count;
			if ((count & COUNT) != 0)
				ncount = count & COUNT;
			else if ((count & USED) != 0)
				ncount = QUEUED;
			else
				ncount = CLAIMED;
		} while (!change(sf, page, count, page, ncount));
		if ((count & COUNT) != 0)
			continue;
		if ((count & USED) != 0) {
			enqueue(sf);
			continue;
		}
		unmap_claimed(sf);
		return (sf);
	}
	return (NULL);
}

/*
 * Maps m in a clean slot that we own and publishes it; NULL if another CPU
 * published a mapping of m first, and then the slot is clean again.  The
 * entry is written before the slot's word, whose locked exchange orders the
 * two: whoever takes a reference finds the entry in place.  Until m->sf names
 * the slot nobody else can reference it, so the loser may just take it back.
 */
static struct sf_buf *
map_clean(struct sf_buf *sf, struct vm_page *m, const void *caller)
{
	uint32_t seen = 0, page = vm_page_index(m);

	sf_buf_md_enter(slot_of(sf), VM_PAGE_TO_PHYS(m));
	curpcpu()->pc_sf.pte_writes++;
	sf->caller = caller;
	while (!change(sf, sf->state.page, sf->state.count, page, 1))
		continue;
	if (atomic_fcmpset_32(&m->sf, &seen, slot_of(sf) + 1))
		return (sf);
	while (!change(sf, page, sf->state.count, page, CLAIMED))
		continue;
	unmap_claimed(sf);
	push_clean(sf);
	return (NULL);
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
}

/*
 * sf_buf_alloc: maps the wired page m into kernel address space and returns
 * a reference.  Does not wire it.  Any context but NMI.  Returns NULL only
 * with SFB_NOWAIT, when every slot is referenced.  There are no threads to
 * sleep yet: a call that would have to, panics.  sf_buf(9).
 */
struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	const void *caller = __caller();
	struct sf_buf *sf;
	vm_offset_t va;

	check_request(m, flags, caller);
	if (sf_buf_md_direct(VM_PAGE_TO_PHYS(m), &va)) {
		KASSERT(atomic_fetchadd_32(&m->sf_refs, 1) != 0xffffffffu,
		    "sf_buf_alloc: too many references of page %u (called "
		    "from %p)", vm_page_index(m), caller);
		curpcpu()->pc_sf.direct++;
		return ((struct sf_buf *)m);
	}
	while ((sf = lookup(m, caller)) == NULL) {
		if ((sf = pop_clean()) == NULL && (sf = evict()) == NULL) {
			curpcpu()->pc_sf.failures++;
			KASSERT((flags & SFB_NOWAIT) != 0, "sf_buf_alloc: all "
			    "%u sf_bufs are referenced and there is no thread "
			    "to sleep (called from %p)", nsfbufs, caller);
			return (NULL);
		}
		if ((sf = map_clean(sf, m, caller)) != NULL) {
			curpcpu()->pc_sf.misses++;
			return (sf);
		}
	}
	curpcpu()->pc_sf.hits++;
	return (sf);
}

/*
 * sf_buf_free: drops one reference; the mapping stays cached, the page's
 * wiring stays the caller's.  Any context but NMI; never sleeps.
 */
void
sf_buf_free(struct sf_buf *sf)
{
	const void *caller = __caller();
	uint32_t page, count, ncount;

	check_handle(sf, "sf_buf_free", caller);
	if (is_direct(sf)) {
		atomic_fetchadd_32(&((struct vm_page *)sf)->sf_refs, -1u);
		return;
	}
	do {
		page = sf->state.page;
		count = sf->state.count;
		check_handle(sf, "sf_buf_free", caller);
		ncount = count - 1;
		if ((ncount & COUNT) == 0)
			ncount |= QUEUED;
	} while (!change(sf, page, count, page, ncount));
	sf->caller = caller;
	if ((ncount & COUNT) == 0 && (count & QUEUED) == 0)
		enqueue(sf);
}

/* sf_buf_ref: one more reference of one that the caller holds. */
void
sf_buf_ref(struct sf_buf *sf)
{
	check_handle(sf, "sf_buf_ref", __caller());
	if (is_direct(sf))
		atomic_fetchadd_32(&((struct vm_page *)sf)->sf_refs, 1);
	else
		KASSERT(take_reference(sf, sf->state.page, __caller()),
		    "sf_buf_ref: sf_buf %u vanished", slot_of(sf));
}

/* sf_buf_kva: the address of the mapping; holds while it is referenced. */
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

/* sf_buf_page: the page that was given to sf_buf_alloc. */
struct vm_page *
sf_buf_page(struct sf_buf *sf)
{
	check_handle(sf, "sf_buf_page", __caller());
	if (is_direct(sf))
		return ((struct vm_page *)sf);
	return (&vm_page_array[sf->state.page]);
}

/* True while a mapping of m is referenced; vm_page.c asks before a free. */
bool
sf_buf_page_referenced(struct vm_page *m)
{
	struct sf_buf *sf;

	if (m->sf_refs != 0)
		return (true);
	if (m->sf == 0)
		return (false);
	sf = &slots[m->sf - 1];
	return (sf->state.page == vm_page_index(m) &&
	    (sf->state.count & CLAIMED) == 0 &&
	    (sf->state.count & COUNT) != 0);
}

/* sf_buf_stats_read: the counters, added up over the CPUs. */
void
sf_buf_stats_read(struct sf_buf_stats *sum)
{
	const struct sf_buf_stats *s;

	memset(sum, 0, sizeof(*sum));
	for (u_int i = 0; i < mp_ncpus; i++) {
		s = &pcpus[i]->pc_sf;
		sum->hits += s->hits;
		sum->misses += s->misses;
		sum->pte_writes += s->pte_writes;
		sum->shootdowns += s->shootdowns;
		sum->failures += s->failures;
		sum->direct += s->direct;
	}
}

/* Slots that are referenced now. */
u_int
sf_buf_inuse(void)
{
	u_int n = 0;

	for (u_int i = 0; i < nsfbufs; i++)
		if ((slots[i].state.count & CLAIMED) == 0 &&
		    (slots[i].state.count & COUNT) != 0)
			n++;
	return (n);
}

/* Holds every slot's entry against its state; prints and counts what is off. */
u_int
sf_buf_audit(void)
{
	const char *why;
	u_int wrong = 0;
	bool mapped;

	for (u_int i = 0; i < nsfbufs; i++) {
		mapped = (slots[i].state.count & CLAIMED) == 0;
		why = sf_buf_md_audit(i, mapped,
		    mapped ? ptoa(slots[i].state.page) : 0);
		if (why == NULL)
			continue;
		printf("sf_buf %u: its entry is wrong: %s\n", i, why);
		wrong++;
	}
	return (wrong);
}

/* sf_buf_init: every slot clean and claimed.  Once, at start. */
void
sf_buf_init(void)
{
	sf_buf_md_init();
	for (u_int i = nsfbufs; i-- > 0; ) {
		slots[i].state.word = (uint64_t)CLAIMED << 32 | NOPAGE;
		push_clean(&slots[i]);
	}
}

void sf_buf_tick(void) {}
void sf_buf_explain(vm_offset_t va) {(void)va;}
