/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Physical pages: owns the page array and the free lists, a buddy allocator
 * for each zone.
 *
 * Invariants, whenever vm_page_lock is free:
 *
 *  - A frame is in exactly one state: VPF_RESERVED, VPF_ALLOCATED, or free.
 *    The first frame of a free block has VPF_FREE and the block's order;
 *    the other frames of the block have no flag but, each, VPF_POISONED.
 *  - A free block of order n has 2^n frames, starts at a multiple of 2^n,
 *    lies within one zone and is on the list zones[zone].head[n].
 *  - Two buddies of the same zone and order are never both free, except at
 *    the highest order: freeing merges them.
 *  - zones[z].free is the sum of the sizes of the blocks on z's lists,
 *    zones[z].wired the number of z's frames with a wiring.
 *  - A free frame has no wiring and no referenced mapping.  It may well have
 *    a cached mapping: `sf' belongs to sf_buf(9), and past vm_page_startup
 *    nothing here writes it.
 *  - wire_count is 0 exactly if sf_refs has its top bit set.  References are
 *    sf_buf(9)'s to count, but the first wiring and the last unwiring store
 *    both, as one word; and pages_init(), of pages that nobody has yet.
 *
 * vm_page_lock protects next, prev, order, flags, caller and zones[] of what
 * is free; of an allocated page they are its owner's, who alone may change
 * them.  wire_count and zones[].wired are atomic, for wiring needs no list.
 *
 * No function panics with the lock held, so that a debugger which panic
 * enters can still ask for the zones.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/lock.h>
#include <sys/monitor.h>
#include <sys/sf_buf.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <vm/vm_page.h>

#define	NONE		0xffffffffu	/* no index: ends a free list */
#define	MAXORDER	10u		/* the largest block is 4 MiB */
#define	NORDERS		(MAXORDER + 1)

#define	LOW_LIMIT	((vm_paddr_t)16 << 20)
#define	MID_LIMIT	((vm_paddr_t)4 << 30)

#define	VM_ALLOC_ALL	(VM_ALLOC_DIRECT | VM_ALLOC_HIGH | VM_ALLOC_LOW | \
			    VM_ALLOC_WIRED)

struct vm_page_zone {
	uint32_t head[NORDERS];	/* first block of each order, or NONE */
	uint32_t free;		/* pages */
	uint32_t total;		/* pages that vm_page_add_range() added */
	volatile uint32_t wired; /* pages; atomic */
} __attribute__((aligned(64)));	/* wiring stays off other zones' lines */

uint32_t vm_page_count;
bool (*vm_lowmem)(void);

static struct vm_page_zone zones[VM_NZONES];
static struct spinlock vm_page_lock =
    SPINLOCK_INITIALIZER("vm_page", RANK_PAGE);

/* Puts the block at idx onto its list.  vm_page_lock is held. */
static void
block_insert(uint32_t idx, u_int order)
{
	struct vm_page *m = &vm_page_array[idx];
	struct vm_page_zone *z = &zones[m->zone];

	m->flags = (m->flags & VPF_POISONED) | VPF_FREE;
	m->order = (uint8_t)order;
	m->prev = NONE;
	m->next = z->head[order];
	if (m->next != NONE)
		vm_page_array[m->next].prev = idx;
	z->head[order] = idx;
	z->free += 1u << order;
}

/* Takes the free block at idx off its list.  vm_page_lock is held. */
static void
block_remove(uint32_t idx)
{
	struct vm_page *m = &vm_page_array[idx];
	struct vm_page_zone *z = &zones[m->zone];

	if (m->prev != NONE)
		vm_page_array[m->prev].next = m->next;
	else
		z->head[m->order] = m->next;
	if (m->next != NONE)
		vm_page_array[m->next].prev = m->prev;
	z->free -= 1u << m->order;
	m->flags &= VPF_POISONED;
	m->next = m->prev = NONE;
}

/*
 * Frees the block at idx, whose frames have no flag by now, and merges it
 * with its buddies.  vm_page_lock is held.
 */
static void
block_free(uint32_t idx, u_int order)
{
	struct vm_page *b;
	uint32_t buddy;

	for (; order < MAXORDER; order++) {
		buddy = idx ^ (1u << order);
		if (buddy >= vm_page_count)
			break;
		/*
		 * A block never crosses a zone, so the zones of the two
		 * heads are the zones of all the frames.
		 */
		b = &vm_page_array[buddy];
		if ((b->flags & VPF_FREE) == 0 || b->order != order ||
		    b->zone != vm_page_array[idx].zone)
			break;
		block_remove(buddy);
		idx &= ~(1u << order);
	}
	block_insert(idx, order);
}

/* True if a mapping of the frame is in use now, and not merely cached. */
static bool
page_referenced(struct vm_page *m)
{
	return (sf_refs_any(atomic_load_acq_32(&m->sf_refs)) ||
	    sf_buf_page_referenced(m));
}

/* The pointer comes from a caller: says whether it is in the array at all. */
static void
page_check(const struct vm_page *m, const char *func, const void *caller)
{
	uintptr_t off = (uintptr_t)m - (uintptr_t)vm_page_array;

	if (off / sizeof(*m) >= vm_page_count || off % sizeof(*m) != 0)
		panic("%s: %p is not a page, caller %p", func, (const void *)m,
		    caller);
}

/* What one has to do to pages that one just took off the lists. */
static void
pages_init(struct vm_page *m, uint32_t n, bool wired, const void *caller)
{
	for (uint32_t i = 0; i < n; i++) {
#ifdef DEBUG
		if ((m[i].flags & VPF_POISONED) != 0)
			vm_page_poison_check(&m[i], caller);
#endif
		m[i].flags = VPF_ALLOCATED;
		m[i].caller = caller;
		m[i].sf_refs = wired ? 0 : SF_REFS_UNWIRED;
		atomic_store_rel_32(&m[i].wire_count, wired);
	}
	if (wired)
		(void)atomic_fetchadd_32(&zones[m->zone].wired, n);
}

/* One try of page_alloc(). */
static struct vm_page *
page_alloc_once(int req, u_int order, const void *caller)
{
	/* Scarce zones last, so that the plain request spares them. */
	static const uint8_t any[] = { VM_ZONE_HIGH, VM_ZONE_MID,
	    VM_ZONE_DIRECT, VM_ZONE_LOW };
	const uint8_t *try;
	struct vm_page_zone *z;
	struct vm_page *m;
	uint32_t idx;
	u_int n, nzones, o;

	if ((req & VM_ALLOC_LOW) != 0) {
		try = &any[3];
		nzones = 1;
	} else if ((req & VM_ALLOC_DIRECT) != 0) {
		try = &any[2];
		nzones = 2;
	} else if ((req & VM_ALLOC_HIGH) != 0) {
		try = &any[0];
		nzones = 1;
	} else {
		try = any;
		nzones = nitems(any);
	}

	idx = NONE;
	o = order;
	spin_lock(&vm_page_lock);
	for (n = 0; n < nzones && idx == NONE; n++) {
		z = &zones[try[n]];
		for (o = order; o <= MAXORDER; o++) {
			idx = z->head[o];
			if (idx != NONE)
				break;
		}
	}
	if (idx == NONE) {
		spin_unlock(&vm_page_lock);
		return (NULL);
	}
	block_remove(idx);
	while (o > order) {
		o--;
		block_insert(idx + (1u << o), o);
	}
	spin_unlock(&vm_page_lock);
	m = &vm_page_array[idx];
	pages_init(m, 1u << order, (req & VM_ALLOC_WIRED) != 0, caller);
	return (m);
}

/* vm_page_alloc(9) for `caller'. */
static struct vm_page *
page_alloc(int req, u_int order, const void *caller)
{
	struct vm_page *m;

	if ((req & ~VM_ALLOC_ALL) != 0 || order > MAXORDER)
		panic("vm_page_alloc: bad request 0x%x order %u, caller %p",
		    (u_int)req, order, caller);
	if ((req & VM_ALLOC_HIGH) != 0 &&
	    (req & (VM_ALLOC_LOW | VM_ALLOC_DIRECT)) != 0)
		panic("vm_page_alloc: contradictory request 0x%x order %u, "
		    "caller %p", (u_int)req, order, caller);
	do {
		m = page_alloc_once(req, order, caller);
	} while (m == NULL && vm_lowmem != NULL && vm_lowmem());
	return (m);
}

/* Panics for a page that is not allocated. */
static void __dead2
page_free_bad(const struct vm_page *m, u_int flags, const void *before,
    const void *caller)
{
	if ((flags & VPF_RESERVED) != 0)
		panic("vm_page_free: frame 0x%x is reserved, caller %p",
		    vm_page_index(m), caller);
	panic("vm_page_free: frame 0x%x is free already, freed by %p, "
	    "caller %p", vm_page_index(m), before, caller);
}

/* vm_page_free(9) for `caller'. */
static void
page_free(struct vm_page *m, u_int order, const void *caller)
{
	const void *before;
	uint32_t i, idx, size, wired;
	u_int flags;
	uint8_t poisoned = 0;	/* a block is in one zone: all or none */

	page_check(m, "vm_page_free", caller);
	idx = vm_page_index(m);
	if (order > MAXORDER)
		panic("vm_page_free: frame 0x%x has bad order %u, caller %p",
		    idx, order, caller);
	size = 1u << order;
	if ((idx & (size - 1)) != 0 || size > vm_page_count - idx ||
	    m[size - 1].zone != m->zone)
		panic("vm_page_free: frame 0x%x heads no block of order %u, "
		    "caller %p", idx, order, caller);

	/*
	 * Unlocked, as sf_buf_page_referenced may take a lock of its own.
	 * The caller owns the pages, so nobody else may wire or map them.
	 */
	for (i = 0; i < size; i++) {
		if ((m[i].flags & VPF_ALLOCATED) == 0)
			page_free_bad(&m[i], m[i].flags, m[i].caller, caller);
		wired = atomic_load_acq_32(&m[i].wire_count);
		if (wired != 0)
			panic("vm_page_free: frame 0x%x is wired, count %u, "
			    "caller %p", idx + i, wired, caller);
		if (page_referenced(&m[i]))
			panic("vm_page_free: frame 0x%x has a referenced "
			    "mapping, caller %p", idx + i, caller);
#ifdef DEBUG
		poisoned = vm_page_poison(&m[i]) ? VPF_POISONED : 0;
#endif
	}

	spin_lock(&vm_page_lock);
	for (i = 0; i < size; i++) {
		/* Again: two CPUs may be freeing the same page. */
		flags = m[i].flags;
		if ((flags & VPF_ALLOCATED) == 0) {
			before = m[i].caller;
			spin_unlock(&vm_page_lock);
			page_free_bad(&m[i], flags, before, caller);
		}
		m[i].flags = poisoned;
		m[i].caller = caller;
	}
	block_free(idx, order);
	spin_unlock(&vm_page_lock);
}

/*
 * vm_page_startup: fills the page array: every frame VPF_RESERVED and in its
 * zone.
 *
 * Context:	boot, one CPU, once, before any other function here.
 * Sleeps:	no.  Locks: takes none.
 * Units:	`count' in frames; dmap_limit in bytes, the physical address
 *		where the direct map ends; a frame partly above is outside.
 * Ownership:	the array, mapped for `count' entries, contents immaterial, is
 *		this file's for ever.
 * Errors:	panics if dmap_limit is above 4 GiB, or leaves frames below
 *		16 MiB out of the direct map: VM_ALLOC_DIRECT falls back on
 *		VM_ZONE_LOW.
 */
void
vm_page_startup(uint32_t count, vm_paddr_t dmap_limit)
{
	const void *caller = __caller();
	struct vm_page *m;
	uint32_t i;
	u_int n, o;

	if (dmap_limit > MID_LIMIT ||
	    (dmap_limit < LOW_LIMIT && count > atop(dmap_limit)))
		panic("vm_page_startup: bad direct map limit 0x%llx for 0x%x "
		    "frames, caller %p", (unsigned long long)dmap_limit,
		    count, caller);

	for (n = 0; n < VM_NZONES; n++) {
		zones[n].free = zones[n].total = zones[n].wired = 0;
		for (o = 0; o < NORDERS; o++)
			zones[n].head[o] = NONE;
	}
	for (i = 0; i < count; i++) {
		m = &vm_page_array[i];
		m->next = m->prev = NONE;
		m->wire_count = 0;
		m->sf = 0;
		m->sf_refs = SF_REFS_UNWIRED;
		m->order = 0;
		if (i < atop(LOW_LIMIT))
			m->zone = VM_ZONE_LOW;
		else if (i < atop(dmap_limit))
			m->zone = VM_ZONE_DIRECT;
		else if (i < atop(MID_LIMIT))
			m->zone = VM_ZONE_MID;
		else
			m->zone = VM_ZONE_HIGH;
		m->flags = VPF_RESERVED;
		m->sf_private = 0;
		m->caller = caller;
	}
	vm_page_count = count;
}

/*
 * vm_page_add_range: releases the reserved frames that lie wholly within
 * [start, end) to the allocator.  What lies beyond the array is ignored, and
 * so is an empty range.
 *
 * Context:	boot, or later a thread (to give back a boot module).
 * Sleeps:	no.  Locks: vm_page_lock, dropped after each block.
 *		Time is linear in the frames.
 * Units:	bytes of physical address; need not be aligned.
 * Ownership:	the frames pass from the caller to the allocator.
 * Errors:	panics on a frame that is not VPF_RESERVED (two ranges
 *		overlap), is wired, or has a referenced mapping.
 */
void
vm_page_add_range(vm_paddr_t start, vm_paddr_t end)
{
	const void *caller = __caller();
	vm_paddr_t first, last;
	struct vm_page *m;
	uint32_t i, idx, limit, size;
	u_int order;
	uint8_t flags;

	/* Not round_page: it wraps at the end of the address space. */
	first = (start >> PAGE_SHIFT) + ((start & PAGE_MASK) != 0);
	last = end >> PAGE_SHIFT;
	if (last > vm_page_count)
		last = vm_page_count;
	if (first >= last)
		return;

	limit = (uint32_t)last;
	for (idx = (uint32_t)first; idx < limit; idx += size) {
		m = &vm_page_array[idx];
		order = MAXORDER;
		size = 1u << order;
		while ((idx & (size - 1)) != 0 || size > limit - idx ||
		    m[size - 1].zone != m->zone) {
			order--;
			size >>= 1;
		}
		for (i = 0; i < size; i++) {
			if (atomic_load_acq_32(&m[i].wire_count) != 0)
				panic("vm_page_add_range: frame 0x%x is "
				    "wired, caller %p", idx + i, caller);
			/*
			 * A frame never mapped needs no question: at boot
			 * there is no sf_buf(9) to ask yet.
			 */
			if (sf_refs_any(atomic_load_acq_32(&m[i].sf_refs)) ||
			    (atomic_load_acq_32(&m[i].sf) != 0 &&
			    sf_buf_page_referenced(&m[i])))
				panic("vm_page_add_range: frame 0x%x has a "
				    "referenced mapping, caller %p", idx + i,
				    caller);
		}
		spin_lock(&vm_page_lock);
		for (i = 0; i < size; i++) {
			flags = m[i].flags;
			if (flags != VPF_RESERVED) {
				spin_unlock(&vm_page_lock);
				panic("vm_page_add_range: frame 0x%x is not "
				    "reserved, flags 0x%x, caller %p",
				    idx + i, flags, caller);
			}
			m[i].flags = 0;
			m[i].caller = caller;
		}
		zones[m->zone].total += size;
		block_free(idx, order);
		spin_unlock(&vm_page_lock);
	}
}

/*
 * vm_page_alloc: allocates one page; vm_page_alloc_order with order 0.
 */
struct vm_page *
vm_page_alloc(int req)
{
	return (page_alloc(req, 0, __caller()));
}

/*
 * vm_page_alloc_order: allocates 2^order contiguous frames, aligned to their
 * size.  Without a place in `req' the zones are tried from the highest to
 * the lowest; VM_ALLOC_DIRECT tries DIRECT and then LOW; VM_ALLOC_HIGH and
 * VM_ALLOC_LOW only their own.  DIRECT together with LOW means LOW.
 *
 * Context:	any in which a spin lock of rank RANK_KVA may be taken.
 * Sleeps:	no.  Locks: vm_page_lock.  When no page is left it asks
 *		vm_lowmem, which where that is allowed waits for the other
 *		CPUs to flush.
 * Units:	order is the binary logarithm of the frames, 0 to 10.
 * Ownership:	the pages are the caller's, until vm_page_free_order.  Their
 *		contents are undefined.  With VM_ALLOC_WIRED each has one
 *		wiring, which is the caller's to drop; otherwise none.
 *		A page may come with a cached mapping, in m->sf.
 * Returns:	the first page, or NULL if no zone asked for has a block.
 * Errors:	panics on unknown or contradictory bits in `req' (HIGH with
 *		DIRECT or LOW) and on an order above 10.
 */
struct vm_page *
vm_page_alloc_order(int req, u_int order)
{
	return (page_alloc(req, order, __caller()));
}

/*
 * vm_page_free: frees one page; vm_page_free_order with order 0.
 */
void
vm_page_free(struct vm_page *m)
{
	page_free(m, 0, __caller());
}

/* vm_page_free_for: vm_page_free() on behalf of another caller. */
void
vm_page_free_for(struct vm_page *m, const void *caller)
{
	page_free(m, 0, caller);
}

/*
 * vm_page_free_order: frees 2^order pages.  An allocated block may also be
 * freed in pieces, each aligned to its own size.  That the pages are all of
 * one allocation is not checked.
 *
 * Context:	any in which a spin lock may be taken.
 * Sleeps:	no.  Locks: vm_page_lock; what sf_buf_page_referenced takes.
 * Units:	order is the binary logarithm of the frames, 0 to 10.
 * Ownership:	the pages pass from the caller to the allocator.  A cached
 *		mapping stays: m->sf is left as it is.
 * Errors:	panics on a page that is not allocated (naming who freed it
 *		before), is wired, or has a referenced mapping; and on an
 *		m that is no page, or heads no block of that order.
 */
void
vm_page_free_order(struct vm_page *m, u_int order)
{
	page_free(m, order, __caller());
}

/*
 * vm_page_wire: adds a wiring; a wired page cannot be freed.  The page is
 * allocated, or reserved: the boot modules are, and they get mapped too.
 *
 * Context:	any.  Sleeps: no.  Locks: none; atomic.
 * Ownership:	the caller owns the page or holds a wiring already, so that
 *		it cannot be freed meanwhile; the new wiring is the caller's,
 *		to drop by vm_page_unwire.
 * Errors:	panics on a free page, on frame 0, which no sf_buf can tell
 *		from none, and when the count would overflow.
 */
void
vm_page_wire(struct vm_page *m)
{
	const void *caller = __caller();
	uint32_t old, refs;

	page_check(m, "vm_page_wire", caller);
	if ((m->flags & (VPF_ALLOCATED | VPF_RESERVED)) == 0)
		panic("vm_page_wire: frame 0x%x is free, last caller %p, "
		    "caller %p", vm_page_index(m), m->caller, caller);
	if (m == vm_page_array)
		panic("vm_page_wire: frame 0 cannot be wired, caller %p",
		    caller);
	do {
		old = atomic_load_acq_32(&m->wire_count);
		refs = atomic_load_acq_32(&m->sf_refs);
		if (old == UINT32_MAX)
			panic("vm_page_wire: frame 0x%x overflows, caller %p",
			    vm_page_index(m), caller);
	} while (!hw_cmpxchg8b(&m->wiring, old, refs, old + 1,
	    old == 0 ? 0 : refs));
	if (old == 0)
		(void)atomic_fetchadd_32(&zones[m->zone].wired, 1);
}

/*
 * True if m has one wiring and a referenced mapping.  The two are not looked
 * at in one step: between the looks somebody else may wire and map m, or have
 * done with it.  Then the next look differs; three that agree, each with
 * such a somebody come and gone in between, are not believed in.
 */
static bool
last_wiring_mapped(struct vm_page *m)
{
	for (u_int looks = 0; looks < 3; looks++)
		if (!page_referenced(m) ||
		    atomic_load_acq_32(&m->wire_count) != 1)
			return (false);
	return (true);
}

/*
 * vm_page_unwire: drops a wiring.  It does not free the page, not even with
 * the last one.  `activate' is the queue that vm_page_unwire(9) puts the
 * page on, 1 for active and 0 for inactive; there are no paging queues yet,
 * so it has no effect.
 *
 * Context:	any.  Sleeps: no.
 * Locks:	none; atomic.  For the last wiring, what
 *		sf_buf_page_referenced takes.
 * Ownership:	the wiring was the caller's.  Who owns the page still does.
 * Errors:	panics if the page has no wiring, if the last one goes while
 *		a mapping is referenced, and on another `activate'.
 */
void
vm_page_unwire(struct vm_page *m, int activate)
{
	const void *caller = __caller();
	uint32_t old, refs;

	page_check(m, "vm_page_unwire", caller);
	if (activate != 0 && activate != 1)
		panic("vm_page_unwire: frame 0x%x: bad activate %d, "
		    "caller %p", vm_page_index(m), activate, caller);
	do {
		old = atomic_load_acq_32(&m->wire_count);
		refs = atomic_load_acq_32(&m->sf_refs);
		if (old == 0)
			panic("vm_page_unwire: frame 0x%x is not wired, "
			    "caller %p", vm_page_index(m), caller);
		if (old == 1 && last_wiring_mapped(m))
			panic("vm_page_unwire: frame 0x%x has a referenced "
			    "mapping, caller %p", vm_page_index(m), caller);
		/* References seen beside it that did not last: once more. */
	} while ((old == 1 && refs != 0) || !hw_cmpxchg8b(&m->wiring, old,
	    refs, old - 1, old == 1 ? SF_REFS_UNWIRED : refs));
	if (old == 1)
		(void)atomic_fetchadd_32(&zones[m->zone].wired, ~0u);
}

/*
 * vm_page_wired: whether the page has a wiring.
 *
 * Context:	any.  Sleeps: no.  Locks: none.
 * Returns:	what may be out of date, unless the caller has a wiring or
 *		owns a page that nobody else wires.
 */
bool
vm_page_wired(const struct vm_page *m)
{
	return (*(const volatile uint32_t *)&m->wire_count != 0);
}

/* The zone, which the caller's caller must have named. */
static struct vm_page_zone *
zone_check(enum vm_zone zone, const char *func, const void *caller)
{
	if ((u_int)zone >= VM_NZONES)
		panic("%s: bad zone %u, caller %p", func, (u_int)zone, caller);
	return (&zones[zone]);
}

/*
 * vm_page_zone_free, vm_page_zone_wired, vm_page_zone_total: how much of a
 * zone is free, is wired (reserved frames included), and was ever given to
 * the allocator.
 *
 * Context:	any.  Sleeps: no.  Locks: none.
 * Returns:	pages; out of date as soon as it is returned.
 * Errors:	panic on a zone that does not exist.
 */
uint32_t
vm_page_zone_free(enum vm_zone zone)
{
	return (zone_check(zone, "vm_page_zone_free", __caller())->free);
}

uint32_t
vm_page_zone_wired(enum vm_zone zone)
{
	return (zone_check(zone, "vm_page_zone_wired", __caller())->wired);
}

uint32_t
vm_page_zone_total(enum vm_zone zone)
{
	return (zone_check(zone, "vm_page_zone_total", __caller())->total);
}

/* vm_page_wired_count: pages with a wiring, in all zones.  As those above. */
uint32_t
vm_page_wired_count(void)
{
	uint32_t n = 0;

	for (u_int z = 0; z < VM_NZONES; z++)
		n += zones[z].wired;
	return (n);
}

/*
 * vm_page_zone_name: a zone's name, for messages.
 *
 * Context:	any.  Sleeps: no.  Locks: none.
 * Returns:	a constant string; never freed.
 * Errors:	panics on a zone that does not exist.
 */
const char *
vm_page_zone_name(enum vm_zone zone)
{
	static const char *const names[VM_NZONES] = {
		[VM_ZONE_LOW] = "low",
		[VM_ZONE_DIRECT] = "direct",
		[VM_ZONE_MID] = "mid",
		[VM_ZONE_HIGH] = "high",
	};

	(void)zone_check(zone, "vm_page_zone_name", __caller());
	return (names[zone]);
}

/*
 * Frames of each zone that an sf_buf maps, referenced or cached: looks at
 * every frame, for nobody else has a use for these counts.
 */
static void
count_mapped(uint32_t mapped[VM_NZONES])
{
	memset(mapped, 0, VM_NZONES * sizeof(*mapped));
	for (uint32_t i = 0; i < vm_page_count; i++)
		mapped[vm_page_array[i].zone] += vm_page_array[i].sf != 0;
}

SAFE_COMMAND(command_pages, "pages", "", "frames of each zone")
{
	uint32_t mapped[VM_NZONES];

	count_mapped(mapped);
	printf("  %-8s %10s %10s %10s %10s\n", "zone", "total", "free",
	    "wired", "mapped");
	for (u_int z = 0; z < VM_NZONES; z++)
		printf("  %-8s %10u %10u %10u %10u\n",
		    vm_page_zone_name((enum vm_zone)z), zones[z].total,
		    zones[z].free, zones[z].wired, mapped[z]);
}
