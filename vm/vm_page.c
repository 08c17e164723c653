/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Physical pages: owns the page array.  vm_zone.c has the free lists,
 * vm_wire.c the wirings.
 *
 * Invariants, whenever vm_page_lock is free:
 *
 *  - A frame is in exactly one state: VPF_RESERVED, VPF_ALLOCATED, or free,
 *    that is part of one block of vm_zone.c's.
 *  - A free frame has no wiring and no referenced mapping.  It may still have
 *    a cached mapping: `sf' belongs to sf_buf(9), and after vm_page_startup()
 *    nothing here writes it.
 *  - wire_count is 0 exactly if sf_refs has its top bit set.  sf_buf(9) counts
 *    references in sf_refs; but the first wiring and the last unwiring store
 *    both, as one word, and so does pages_init(), of pages that no other CPU
 *    can reach yet.
 *
 * An allocated page's next, prev, state, flags and caller belong to its owner,
 * and only the owner changes them; vm_page_alloc() makes it VPS_OWNED, without
 * holders and writers (<vm/vm_state.h>).
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/sf_buf.h>
#include <machine/atomic.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>
#include <vm/vm_zone.h>

#define	LOW_LIMIT	((vm_paddr_t)16 << 20)
#define	MID_LIMIT	((vm_paddr_t)4 << 30)

#define	VM_ALLOC_ALL	(VM_ALLOC_DIRECT | VM_ALLOC_HIGH | VM_ALLOC_LOW | \
			    VM_ALLOC_USER | VM_ALLOC_WIRED | VM_ALLOC_EASY)

uint32_t vm_page_count;
bool (*vm_lowmem)(void);

/*
 * vm_page_referenced: true if a mapping of the page is in use, and not merely
 * cached.  Any context.
 */
bool
vm_page_referenced(struct vm_page *m)
{
	return (sf_buf_page_referenced(m));
}

/*
 * vm_page_check: panics unless m, which comes from the caller of func, points
 * into the page array.  Any context.
 */
void
vm_page_check(const struct vm_page *m, const char *func, const void *caller)
{
	uintptr_t off = (uintptr_t)m - (uintptr_t)vm_page_array;

	if (off / sizeof(*m) >= vm_page_count || off % sizeof(*m) != 0)
		panic("%s: %p is not a page (called from %pC)", func,
		    (const void *)m, caller);
}

/* Initialises n pages just taken off the free lists. */
static void
pages_init(struct vm_page *m, uint32_t n, bool wired, const void *caller)
{
	for (uint32_t i = 0; i < n; i++) {
		KASSERT((m[i].flags & ~VPF_POISONED) == 0 &&
		    m[i].wire_count == 0, "vm_page_alloc: free frame 0x%x has "
		    "flags 0x%x and %u wirings (called from %pC)",
		    vm_page_index(&m[i]), m[i].flags, m[i].wire_count, caller);
#ifdef DEBUG
		if ((m[i].flags & VPF_POISONED) != 0)
			vm_page_poison_check(&m[i], caller);
#endif
		m[i].state = VPS_OWNED;
		m[i].writers = m[i].holders = 0;
		m[i].flags = VPF_ALLOCATED;
		m[i].caller = caller;
		m[i].sf_refs = wired ? 0 : SF_REFS_UNWIRED;
		atomic_store_rel_32(&m[i].wire_count, wired);
	}
	if (wired)
		(void)atomic_fetchadd_32(&vm_page_zones[m->zone].wired, n);
}

/*
 * Returns the zones that may serve a request, in the order in which they are
 * tried: scarce ones last, so that the plain request spares them.
 */
static const uint8_t *
zones_for(int req, u_int *nzones)
{
	static const uint8_t any[] = { VM_ZONE_HIGH, VM_ZONE_MID,
	    VM_ZONE_DIRECT, VM_ZONE_LOW };

	if ((req & VM_ALLOC_LOW) != 0) {
		*nzones = 1;
		return (&any[3]);
	}
	if ((req & VM_ALLOC_DIRECT) != 0) {
		*nzones = 2;
		return (&any[2]);
	}
	*nzones = (req & VM_ALLOC_HIGH) != 0 ? 1 :
	    (req & VM_ALLOC_USER) != 0 ? 2 : nitems(any);
	return (any);
}

/* vm_page_alloc_order() for `caller'. */
static struct vm_page *
page_alloc(int req, u_int order, const void *caller)
{
	const uint8_t *zone;
	uint32_t frame;
	u_int nzones;

	if ((req & ~VM_ALLOC_ALL) != 0 || order > MAXORDER)
		panic("vm_page_alloc: bad request 0x%x order %u (called from "
		    "%pC)", (u_int)req, order, caller);
	if ((req & (VM_ALLOC_HIGH | VM_ALLOC_USER)) != 0 &&
	    (req & (VM_ALLOC_LOW | VM_ALLOC_DIRECT)) != 0)
		panic("vm_page_alloc: contradictory request 0x%x order %u "
		    "(called from %pC)", (u_int)req, order, caller);
	zone = zones_for(req, &nzones);
	do {
		frame = vm_zone_take(zone, nzones, order);
	} while (frame == VM_PAGE_NONE && (req & VM_ALLOC_EASY) == 0 &&
	    vm_lowmem != NULL && vm_lowmem());
	if (frame == VM_PAGE_NONE)
		return (NULL);
	pages_init(&vm_page_array[frame], 1u << order,
	    (req & VM_ALLOC_WIRED) != 0, caller);
	return (&vm_page_array[frame]);
}

/* Panics because a frame to be freed is not allocated; *m is what it was. */
static void __dead2
page_free_bad(uint32_t frame, const struct vm_page *m, const void *caller)
{
	if ((m->flags & VPF_RESERVED) != 0)
		panic("vm_page_free: frame 0x%x is reserved (called from %pC)",
		    frame, caller);
	panic("vm_page_free: frame 0x%x is free already, freed by %pC "
	    "(called from %pC)", frame, m->caller, caller);
}

/* Panics unless m is the first page of a block of 2^order frames. */
static void
check_block(const struct vm_page *m, u_int order, const void *caller)
{
	uint32_t frame, size;

	vm_page_check(m, "vm_page_free", caller);
	frame = vm_page_index(m);
	if (order > MAXORDER)
		panic("vm_page_free: frame 0x%x has bad order %u (called from "
		    "%pC)", frame, order, caller);
	size = 1u << order;
	if ((frame & (size - 1)) != 0 || size > vm_page_count - frame ||
	    m[size - 1].zone != m->zone)
		panic("vm_page_free: frame 0x%x heads no block of order %u "
		    "(called from %pC)", frame, order, caller);
}

/* Panics unless the page may be freed. */
static void
page_check_free(struct vm_page *m, const void *caller)
{
	uint32_t wired = atomic_load_acq_32(&m->wire_count);

	if ((m->flags & VPF_ALLOCATED) == 0)
		page_free_bad(vm_page_index(m), m, caller);
	if (wired != 0)
		panic("vm_page_free: frame 0x%x is wired, count %u (called "
		    "from %pC)", vm_page_index(m), wired, caller);
	if (vm_page_referenced(m))
		panic("vm_page_free: frame 0x%x has a referenced mapping "
		    "(called from %pC)", vm_page_index(m), caller);
}

/* Fills n pages that are about to be freed; returns the flag that says so. */
static uint8_t
poison_pages(const struct vm_page *m, uint32_t n)
{
	uint8_t flag = 0;

#ifdef DEBUG
	/* A block lies in one zone: all its pages are poisoned, or none. */
	for (uint32_t i = 0; i < n; i++)
		flag = vm_page_poison(&m[i]) ? VPF_POISONED : 0;
#else
	(void)m;
	(void)n;
#endif
	return (flag);
}

/* vm_page_free_order() for `caller'. */
static void
page_free(struct vm_page *m, u_int order, const void *caller)
{
	struct vm_page was;
	uint32_t frame;
	uint8_t poisoned;

	check_block(m, order, caller);
	/*
	 * Without the lock, which a panic must not hold.  The caller owns the
	 * pages, so no other thread may wire or map them.
	 */
	for (uint32_t i = 0; i < 1u << order; i++)
		page_check_free(&m[i], caller);
	poisoned = poison_pages(m, 1u << order);
	frame = vm_zone_put(vm_page_index(m), order, VPF_ALLOCATED, poisoned,
	    caller, &was);
	if (frame != VM_PAGE_NONE)
		page_free_bad(frame, &was, caller);
}

static enum vm_zone
zone_of(uint32_t frame, vm_paddr_t dmap_limit)
{
	if (frame < atop(LOW_LIMIT))
		return (VM_ZONE_LOW);
	if (frame < atop(dmap_limit))
		return (VM_ZONE_DIRECT);
	if (frame < atop(MID_LIMIT))
		return (VM_ZONE_MID);
	return (VM_ZONE_HIGH);
}

/*
 * vm_page_startup: fills the page array: every frame is VPF_RESERVED and in
 * its zone.
 *
 * Context:	boot, one CPU, once, before any other function here.
 * Sleeps:	no.  Locks: takes none.
 * Units:	`count' in frames; dmap_limit in bytes, the physical address
 *		where the direct map ends; a frame partly above is outside.
 * Ownership:	the array, mapped for `count' entries, contents undefined,
 *		belongs to this file for good.
 * Errors:	panics if dmap_limit is above 4 GiB, or leaves frames below
 *		16 MiB out of the direct map: VM_ALLOC_DIRECT falls back on
 *		VM_ZONE_LOW.
 */
void
vm_page_startup(uint32_t count, vm_paddr_t dmap_limit)
{
	const void *caller = __caller();
	struct vm_page *m;

	if (dmap_limit > MID_LIMIT ||
	    (dmap_limit < LOW_LIMIT && count > atop(dmap_limit)))
		panic("vm_page_startup: bad direct map limit 0x%llx for 0x%x "
		    "frames (called from %pC)", (unsigned long long)dmap_limit,
		    count, caller);
	vm_zone_reset();
	for (uint32_t i = 0; i < count; i++) {
		m = &vm_page_array[i];
		m->writers = m->holders = 0;
		m->wire_count = 0;
		m->sf = 0;
		m->sf_refs = SF_REFS_UNWIRED;
		m->sf_private = 0;
		m->state = VPS_OWNED;	/* boot modules are mapped too */
		m->zone = zone_of(i, dmap_limit);
		m->flags = VPF_RESERVED;
		m->caller = caller;
	}
	vm_page_count = count;
}

/* Adds a block of reserved frames to the allocator. */
static void
add_block(uint32_t frame, u_int order, const void *caller)
{
	struct vm_page *m = &vm_page_array[frame], was;
	uint32_t bad;

	for (uint32_t i = 0; i < 1u << order; i++) {
		if (atomic_load_acq_32(&m[i].wire_count) != 0)
			panic("vm_page_add_range: frame 0x%x is wired (called "
			    "from %pC)", frame + i, caller);
		/*
		 * A frame that was never mapped is not looked up: during
		 * start-up sf_buf(9) is not initialised yet.
		 */
		if (sf_refs_any(atomic_load_acq_32(&m[i].sf_refs)) ||
		    (atomic_load_acq_32(&m[i].sf) != 0 &&
		    sf_buf_page_referenced(&m[i])))
			panic("vm_page_add_range: frame 0x%x has a referenced "
			    "mapping (called from %pC)", frame + i, caller);
	}
	bad = vm_zone_put(frame, order, VPF_RESERVED, 0, caller, &was);
	if (bad != VM_PAGE_NONE)
		panic("vm_page_add_range: frame 0x%x is not reserved, flags "
		    "0x%x (called from %pC)", bad, was.flags, caller);
}

/* The largest order of a block at `frame' that ends at or below `limit'. */
static u_int
largest_order(uint32_t frame, uint32_t limit)
{
	const struct vm_page *m = &vm_page_array[frame];
	u_int order = MAXORDER;

	while ((frame & ((1u << order) - 1)) != 0 ||
	    1u << order > limit - frame ||
	    m[(1u << order) - 1].zone != m->zone)
		order--;
	return (order);
}

/*
 * vm_page_add_range: adds the reserved frames that lie wholly within
 * [start, end) to the allocator.  Frames beyond the array are ignored, and so
 * is an empty range.
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
	u_int order;

	/* Not round_page(): it wraps at the end of the address space. */
	first = (start >> PAGE_SHIFT) + ((start & PAGE_MASK) != 0);
	last = end >> PAGE_SHIFT;
	if (last > vm_page_count)
		last = vm_page_count;
	for (; first < last; first += 1u << order) {
		order = largest_order((uint32_t)first, (uint32_t)last);
		add_block((uint32_t)first, order, caller);
	}
}

/*
 * vm_page_alloc: allocates one page; vm_page_alloc_order() with order 0.
 */
struct vm_page *
vm_page_alloc(int req)
{
	return (page_alloc(req, 0, __caller()));
}

/*
 * vm_page_alloc_order: allocates 2^order contiguous frames, aligned to their
 * size.  If `req' names no zone, the zones are tried from the highest to the
 * lowest; VM_ALLOC_DIRECT tries DIRECT and then LOW; VM_ALLOC_USER tries HIGH
 * and then MID; VM_ALLOC_HIGH and VM_ALLOC_LOW try only their own.  DIRECT
 * together with LOW means LOW, HIGH together with USER means HIGH.
 *
 * Context:	any in which a spin lock of rank RANK_KVA may be taken.
 * Sleeps:	no.  Locks: vm_page_lock.  If no page is left it calls
 *		vm_lowmem(), which, in a context that allows it, waits for the
 *		other CPUs to flush; not with VM_ALLOC_EASY.
 * Units:	order is the binary logarithm of the frames, 0 to 10.
 * Ownership:	the pages are the caller's, until vm_page_free_order().  Their
 *		contents are undefined.  With VM_ALLOC_WIRED each has one
 *		wiring, which is the caller's to drop; otherwise none.
 *		A page may come with a cached mapping, in m->sf.
 * Returns:	the first page, or NULL if no zone of the request has a block.
 * Errors:	panics on unknown or contradictory bits in `req' (HIGH or
 *		USER with DIRECT or LOW) and on an order above 10.
 */
struct vm_page *
vm_page_alloc_order(int req, u_int order)
{
	return (page_alloc(req, order, __caller()));
}

/*
 * vm_page_free: frees one page; vm_page_free_order() with order 0.
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
 * freed in pieces, each aligned to its own size.  It is not checked that the
 * pages come from one allocation.
 *
 * Context:	any in which a spin lock may be taken.
 * Sleeps:	no.  Locks: vm_page_lock.
 * Units:	order is the binary logarithm of the frames, 0 to 10.
 * Ownership:	the pages pass from the caller to the allocator.  A cached
 *		mapping stays: m->sf does not change.
 * Errors:	panics on a page that is not allocated (naming the caller that
 *		freed it before), is wired, or has a referenced mapping; and on
 *		an m that is no page, or heads no block of that order.
 */
void
vm_page_free_order(struct vm_page *m, u_int order)
{
	page_free(m, order, __caller());
}
