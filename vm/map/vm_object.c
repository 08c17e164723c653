/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Memory objects: owns their life, the arrays of their pages, the lists of the
 * regions that show them, and what they are charged to.  Which page gets into
 * an array is decided by vm_object_page.c.
 *
 * Invariants, whenever ob_lock is free:
 *
 *  - A page in the array has this object as one of its owners, once for each
 *    index where it is.  ob_resident counts them, and so does the charge; all
 *    indexes are in [ob_low, ob_high), so a walk need not look elsewhere.
 *  - A user entry that shows the object has a region on ob_regions, and the
 *    frame of the page that is in the array.  So a change of the array, or of
 *    what a page may be used for, finds all entries by that list; it removes
 *    or protects them and flushes before it lets ob_lock go.
 *  - Two objects' locks are never held at once.  A new object, which no other
 *    thread can find yet, needs none.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/pmap_user.h>
#include <vm/vm_state.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>

/* Contracts of the public functions are in vm_object.h. */
struct vm_charge *
vm_charge_create(u_int max)
{
	struct vm_charge *vc = kmalloc(sizeof(*vc), 0);

	if (vc != NULL)
		*vc = (struct vm_charge){ .vc_refs = 1, .vc_max = max };
	return (vc);
}

void
vm_charge_ref(struct vm_charge *vc)
{
	uint32_t old = atomic_fetchadd_32(&vc->vc_refs, 1);

	KASSERT(old != 0 && old != UINT32_MAX, "vm_charge_ref: %u references "
	    "(called from %pC)", old, __caller());
}

void
vm_charge_release(struct vm_charge *vc)
{
	uint32_t old = atomic_fetchadd_32(&vc->vc_refs, ~0u);

	KASSERT(old != 0, "vm_charge_release: no reference (called from %pC)",
	    __caller());
	if (old != 1)
		return;
	KASSERT(vc->vc_pages == 0, "vm_charge_release: %u pages are left "
	    "(called from %pC)", vc->vc_pages, __caller());
	kfree(vc);
}

void
vm_object_uncharge(struct vm_object *ob, u_int pages)
{
	if (ob->ob_charge != NULL)
		(void)atomic_fetchadd_32(&ob->ob_charge->vc_pages, -pages);
}

static inline u_int
nchunks(u_int pages)
{
	return ((pages + OBJECT_CHUNK - 1) / OBJECT_CHUNK);
}

/* The pages of a chunk: the last one is as large as it must be. */
static inline u_int
chunk_pages(const struct vm_object *ob, u_int chunk)
{
	u_int left = ob->ob_pages - chunk * OBJECT_CHUNK;

	return (left < OBJECT_CHUNK ? left : OBJECT_CHUNK);
}

struct vm_object *
vm_object_create(u_int pages, struct vm_charge *vc)
{
	struct vm_object *ob;

	if (pages == 0 || pages > OBJECT_MAXPAGES ||
	    (ob = kmalloc(sizeof(*ob), M_ZERO)) == NULL)
		return (NULL);
	ob->ob_chunks = kmalloc(nchunks(pages) * sizeof(*ob->ob_chunks),
	    M_ZERO);
	if (ob->ob_chunks == NULL) {
		kfree(ob);
		return (NULL);
	}
	mtx_init(&ob->ob_lock, "object", RANK_OBJECT);
	ob->ob_refs = 1;
	ob->ob_pages = ob->ob_low = pages;
	ob->ob_size = ptoa(pages);
	ob->ob_charge = vc;
	if (vc != NULL)
		vm_charge_ref(vc);
	return (ob);
}

void
vm_object_ref(struct vm_object *ob)
{
	uint32_t old = atomic_fetchadd_32(&ob->ob_refs, 1);

	KASSERT(old != 0 && old != UINT32_MAX, "vm_object_ref: %u references "
	    "(called from %pC)", old, __caller());
}

/* Drops pages [first, last); no entry shows them. */
static void
drop_pages(struct vm_object *ob, u_int first, u_int last)
{
	struct vm_page **chunk;
	u_int n = 0;

	first = umax(first, ob->ob_low);
	last = umin(last, ob->ob_high);
	for (u_int i = first; i < last; i++) {
		chunk = ob->ob_chunks[i / OBJECT_CHUNK];
		if (chunk == NULL) {
			i |= OBJECT_CHUNK - 1;
		} else if (chunk[i % OBJECT_CHUNK] != NULL) {
			vm_page_drop_owner(chunk[i % OBJECT_CHUNK]);
			chunk[i % OBJECT_CHUNK] = NULL;
			n++;
		}
	}
	ob->ob_resident -= n;
	vm_object_uncharge(ob, n);
}

/* The last reference is gone, so no thread can look at the object. */
static void
object_free(struct vm_object *ob)
{
	KASSERT(ob->ob_regions == NULL, "vm_object_release: %p is mapped at "
	    "0x%x", (void *)ob, ob->ob_regions->r_start);
	drop_pages(ob, 0, ob->ob_pages);
	KASSERT(ob->ob_resident == 0, "vm_object_release: %p counts %u pages "
	    "that it has not", (void *)ob, ob->ob_resident);
	for (u_int i = 0; i < nchunks(ob->ob_high); i++)
		kfree(ob->ob_chunks[i]);
	if (ob->ob_charge != NULL)
		vm_charge_release(ob->ob_charge);
	kfree(ob->ob_chunks);
	kfree(ob);
}

void
vm_object_release(struct vm_object *ob)
{
	uint32_t old = atomic_fetchadd_32(&ob->ob_refs, ~0u);

	KASSERT(old != 0, "vm_object_release: %p has no reference (called from "
	    "%pC)", (void *)ob, __caller());
	if (old == 1)
		object_free(ob);
}

bool
vm_object_chunk(struct vm_object *ob, u_int i)
{
	ob->ob_chunks[i] = kmalloc(chunk_pages(ob, i) *
	    sizeof(struct vm_page *), M_ZERO);
	return (ob->ob_chunks[i] != NULL);
}

void
vm_object_map(struct vm_object *ob, struct vm_region *r)
{
	r->r_next = ob->ob_regions;
	r->r_prev = &ob->ob_regions;
	if (r->r_next != NULL)
		r->r_next->r_prev = &r->r_next;
	ob->ob_regions = r;
}

void
vm_object_unmap(struct vm_object *ob, struct vm_region *r)
{
	KDEBUG(r->r_object == ob && *r->r_prev == r, "vm_object_unmap: region "
	    "0x%x is not of %p", r->r_start, (void *)ob);
	*r->r_prev = r->r_next;
	if (r->r_next != NULL)
		r->r_next->r_prev = r->r_prev;
}

/*
 * The addresses at which a region shows some of pages [first, first + pages),
 * without those at either end that are not there.
 */
static bool
region_shows(const struct vm_region *r, u_int first, u_int pages,
    vm_offset_t *start, vm_offset_t *end)
{
	const struct vm_object *ob = r->r_object;
	u_int last = r->r_first + atop(r->r_end - r->r_start);
	u_int from = umax(umax(first, r->r_first), ob->ob_low);
	u_int to = umin(umin(first + pages, last), ob->ob_high);

	if (from >= to)
		return (false);
	*start = r->r_start + (vm_offset_t)ptoa(from - r->r_first);
	*end = r->r_start + (vm_offset_t)ptoa(to - r->r_first);
	return (true);
}

bool
vm_object_shown(const struct vm_region *r, vm_offset_t *start,
    vm_offset_t *end)
{
	return (region_shows(r, 0, r->r_object->ob_pages, start, end));
}

/*
 * A reference beyond those of the regions is a handle's, or of a region that is
 * about to be put on the list.  A reference that comes after the look at
 * ob_refs is made from a region that is on the list, by fork or a cut, and
 * shows what that region shows.
 */
void
vm_object_trim(struct vm_object *ob, const struct vm_region *r)
{
	u_int first = r->r_first, pages = atop(r->r_end - r->r_start);
	vm_offset_t start, end;
	u_int refs = 1;

	for (r = ob->ob_regions; r != NULL; r = r->r_next, refs++)
		if (region_shows(r, first, pages, &start, &end))
			return;
	if (refs > 1 && atomic_load_acq_32(&ob->ob_refs) == refs)
		drop_pages(ob, first, first + pages);
}

/*
 * As region_shows(), of a region that may have entries.  One that is coming has
 * none: those at its addresses are of other objects, whose locks are needed to
 * remove them, because who does so flushes before he lets that lock go.
 */
static bool
region_enters(const struct vm_region *r, u_int first, u_int pages,
    vm_offset_t *start, vm_offset_t *end)
{
	return (!r->r_coming && region_shows(r, first, pages, start, end));
}

void
vm_object_remove_entries(struct vm_object *ob, u_int first, u_int pages)
{
	vm_offset_t start, end;

	for (struct vm_region *r = ob->ob_regions; r != NULL; r = r->r_next)
		if (region_enters(r, first, pages, &start, &end) &&
		    pmap_remove(r->r_map->vm_pmap, start, end))
			pmap_flush(r->r_map->vm_pmap);
}

void
vm_object_protect_entries(struct vm_object *ob, u_int first, u_int pages)
{
	vm_offset_t start, end;

	for (struct vm_region *r = ob->ob_regions; r != NULL; r = r->r_next)
		if (region_enters(r, first, pages, &start, &end) &&
		    pmap_protect(r->r_map->vm_pmap, start, end,
		    (r->r_prot & PROT_EXEC) != 0 ? PMAP_EXEC : 0))
			pmap_flush(r->r_map->vm_pmap);
}
