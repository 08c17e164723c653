/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Address spaces: owns struct vm_map, and what may be mapped where.
 *
 * Invariants, whenever vm_lock is free:
 *
 *  - A present user entry lies in a region, and was entered by vm_fault() with
 *    vm_lock and the object's lock held.
 *  - No region has PROT_WRITE and PROT_EXEC.  No page of an object is writable
 *    by one region and executable by another: new rights are held against all
 *    regions of the object, under its lock.
 *
 * Each call first checks everything, then allocates what it needs, and then
 * changes the map by steps that cannot fail.  Only cuts of regions in two may
 * be left behind by an error: no task can see those.
 *
 * Objects are dropped after vm_lock is free, because that frees their pages.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/pmap_user.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>
#include <vm/map/vm_region.h>

#define	PROT_ALL	(PROT_READ | PROT_WRITE | PROT_EXEC)
#define	MAP_ALL		(MAP_PRIVATE | MAP_SHARE | MAP_FIXED)

static u_int task_pages = 1u << 19;
TUNABLE_UINT(task_pages, "vm.task_pages", task_pages, 16, 1u << 22,
    "pages of memory that a task may have");

/* Contracts of the public functions are in vm_map.h. */
struct vm_map *
vm_map_create(void)
{
	struct vm_map *map = kmalloc(sizeof(*map), M_ZERO);

	if (map == NULL)
		return (NULL);
	mtx_init(&map->vm_lock, "map", RANK_MAP);
	map->vm_hint = BOOT_BLOCK;
	map->vm_charge = vm_charge_create(task_pages);
	map->vm_pmap = map->vm_charge == NULL ? NULL : pmap_create();
	if (map->vm_pmap != NULL)
		return (map);
	if (map->vm_charge != NULL)
		vm_charge_release(map->vm_charge);
	kfree(map);
	return (NULL);
}

/*
 * Entries need not be removed one by one: no thread enters this address space
 * again, so none can use a translation of it.
 */
void
vm_map_destroy(struct vm_map *map)
{
	struct vm_region *r, *all = NULL;

	for (u_int i = 0; i < map->vm_nregions; i++) {
		r = map->vm_regions[i];
		mtx_lock(&r->r_object->ob_lock);
		vm_object_unmap(r->r_object, r);
		mtx_unlock(&r->r_object->ob_lock);
		r->r_next = all;
		all = r;
	}
	pmap_destroy(map->vm_pmap);
	region_free_all(all);
	vm_charge_release(map->vm_charge);
	kfree(map->vm_regions);
	kfree(map);
}

/*
 * A region like r in another map; NULL if out of memory.  The object that is
 * shared may be mapped with the rights that r has already.
 */
static struct vm_region *
fork_region(struct vm_map *child, const struct vm_region *r)
{
	bool share = r->r_share || r->r_object->ob_readonly;
	struct vm_region *new = kmalloc(sizeof(*new), 0);
	struct vm_object *ob = r->r_object;

	if (new == NULL)
		return (NULL);
	*new = *r;
	new->r_map = child;
	if (share) {
		vm_object_ref(ob);
	} else {
		ob = vm_object_copy(ob, r->r_first, region_pages(r),
		    child->vm_charge);
		new->r_first = 0;
	}
	if (ob == NULL) {
		kfree(new);
		return (NULL);
	}
	new->r_object = ob;
	mtx_lock(&ob->ob_lock);
	vm_object_map(ob, new);
	mtx_unlock(&ob->ob_lock);
	return (new);
}

struct vm_map *
vm_map_fork(struct vm_map *map)
{
	struct vm_map *child = vm_map_create();
	struct vm_region *r;
	bool good;

	if (child == NULL)
		return (NULL);
	mtx_lock(&map->vm_lock);
	child->vm_hint = map->vm_hint;
	child->vm_charge->vc_max = map->vm_charge->vc_max;
	good = region_room(child, map->vm_nregions);
	for (u_int i = 0; good && i < map->vm_nregions; i++) {
		r = fork_region(child, map->vm_regions[i]);
		good = r != NULL;
		if (good)
			region_add(child, r);
	}
	mtx_unlock(&map->vm_lock);
	if (good)
		return (child);
	vm_map_destroy(child);
	return (NULL);
}

/* Checks a range of whole pages that a task names; *size is rounded up. */
static bool
range_check(vm_offset_t va, vm_size_t *size)
{
	if (*size == 0 || *size > USER_END)
		return (false);
	*size = round_page(*size);
	return (va % PAGE_SIZE == 0 && va >= VM_MIN && va <= USER_END - *size);
}

/*
 * Whether pages [first, first + pages) of an object may be used as `prot' says,
 * beside what its regions, but for `except', may do with them.  ob_lock.
 */
static bool
alias_allowed(const struct vm_object *ob, const struct vm_region *except,
    u_int first, u_int pages, u_int prot)
{
	const u_int wx = PROT_WRITE | PROT_EXEC;

	if ((prot & wx) == 0 || ob->ob_readonly)
		return (true);
	for (const struct vm_region *r = ob->ob_regions; r != NULL;
	    r = r->r_next)
		if (r != except && ((prot | r->r_prot) & wx) == wx &&
		    first < r->r_first + region_pages(r) &&
		    r->r_first < first + pages)
			return (false);
	return (true);
}

/* Checks what does not depend on the map.  *size is rounded up. */
static int
insert_check(const struct vm_object *ob, u_int first, vm_offset_t va,
    vm_size_t *size, u_int flags, u_int max_prot)
{
	vm_offset_t fixed = (flags & MAP_FIXED) != 0 ? va : VM_MIN;
	u_int prot = flags & PROT_ALL;

	if ((flags & ~(PROT_ALL | MAP_ALL)) != 0 ||
	    (max_prot & ~PROT_ALL) != 0 || !range_check(fixed, size) ||
	    (flags & (MAP_PRIVATE | MAP_SHARE)) == (MAP_PRIVATE | MAP_SHARE))
		return (EINVAL);
	if ((prot & PROT_WRITE) != 0 && (prot & PROT_EXEC) != 0)
		return (EACCES);
	if (ob == NULL)
		return ((prot & ~max_prot) == 0 ? 0 : EACCES);
	if (first > ob->ob_pages || atop(*size) > ob->ob_pages - first)
		return (EINVAL);
	if (ob->ob_readonly && (flags & MAP_PRIVATE) == 0)
		max_prot &= ~PROT_WRITE;
	return ((prot & ~max_prot) == 0 ? 0 : EACCES);
}

/* The object that a new region shows, with a reference; NULL: out of memory. */
static struct vm_object *
insert_object(struct vm_map *map, struct vm_region *r, struct vm_object *ob,
    u_int first, vm_size_t size)
{
	r->r_first = 0;
	if (ob == NULL)
		return (vm_object_create(atop(size), map->vm_charge));
	if (r->r_private && (!ob->ob_readonly ||
	    (r->r_prot & PROT_WRITE) != 0)) {
		r->r_private = false;
		return (vm_object_copy(ob, first, atop(size), map->vm_charge));
	}
	r->r_first = first;
	vm_object_ref(ob);
	return (ob);
}

/* A region that is not in the map yet; NULL if out of memory. */
static struct vm_region *
insert_region(struct vm_map *map, struct vm_object *ob, u_int first,
    vm_size_t size, u_int flags, u_int max_prot)
{
	struct vm_region *r = kmalloc(sizeof(*r), M_ZERO);

	if (r == NULL)
		return (NULL);
	r->r_map = map;
	r->r_end = size;
	r->r_prot = flags & PROT_ALL;
	r->r_share = (flags & MAP_SHARE) != 0;
	r->r_private = ob != NULL && (flags & MAP_PRIVATE) != 0;
	r->r_max_prot = max_prot;
	if (ob != NULL && ob->ob_readonly && !r->r_private)
		r->r_max_prot &= ~PROT_WRITE;
	r->r_object = insert_object(map, r, ob, first, size);
	if (r->r_object == NULL) {
		kfree(r);
		return (NULL);
	}
	return (r);
}

/* Puts a region on its object's list, unless that would alias W with X. */
static int
insert_link(struct vm_region *r)
{
	struct vm_object *ob = r->r_object;
	int error = EACCES;

	mtx_lock(&ob->ob_lock);
	if (alias_allowed(ob, NULL, r->r_first, region_pages(r), r->r_prot)) {
		vm_object_map(ob, r);
		error = 0;
	}
	mtx_unlock(&ob->ob_lock);
	return (error);
}

/*
 * Gives a region its address.  From insert_link() on nothing fails.  Until the
 * regions that it replaces are taken out, r is coming: another thread, which
 * finds it by its object, leaves the entries at its addresses alone.  Its own
 * are made by faults, which need vm_lock first: so whoever sees one of them
 * sees that r has come.
 */
static int
insert_locked(struct vm_map *map, struct vm_region *r, vm_offset_t *va,
    bool fixed, struct vm_region **old)
{
	vm_size_t size = r->r_end - r->r_start;
	int error = 0;

	if (!fixed && !region_space(map, va, size))
		return (ENOMEM);
	if (fixed)
		error = region_cut(map, *va, *va + size);
	if (error == 0 && !region_room(map, 1))
		error = ENOMEM;
	if (error != 0)
		return (error);
	r->r_start = *va;
	r->r_end = *va + size;
	r->r_coming = fixed;
	error = insert_link(r);
	if (error != 0)
		return (error);
	*old = region_take(map, r->r_start, r->r_end);
	r->r_coming = false;
	region_add(map, r);
	return (0);
}

int
vm_map_insert(struct vm_map *map, struct vm_object *ob, u_int first,
    vm_offset_t *va, vm_size_t size, u_int flags, u_int max_prot)
{
	int error = insert_check(ob, first, *va, &size, flags, max_prot);
	struct vm_region *r, *old = NULL;

	if (error != 0)
		return (error);
	r = insert_region(map, ob, first, size, flags, max_prot);
	if (r == NULL)
		return (ENOMEM);
	mtx_lock(&map->vm_lock);
	error = insert_locked(map, r, va, (flags & MAP_FIXED) != 0, &old);
	mtx_unlock(&map->vm_lock);
	if (error != 0) {
		r->r_next = NULL;
		old = r;
	}
	region_free_all(old);
	return (error);
}

int
vm_map_remove(struct vm_map *map, vm_offset_t va, vm_size_t size)
{
	struct vm_region *old = NULL;
	int error;

	if (!range_check(va, &size))
		return (EINVAL);
	mtx_lock(&map->vm_lock);
	error = region_cut(map, va, va + size);
	if (error == 0)
		old = region_take(map, va, va + size);
	mtx_unlock(&map->vm_lock);
	region_free_all(old);
	return (error);
}

/* Whether regions cover [va, end) without a gap and may get these rights. */
static int
protect_check(struct vm_map *map, vm_offset_t va, vm_offset_t end, u_int prot)
{
	struct vm_region *r;

	for (u_int i = region_after(map, va); va < end; i++, va = r->r_end) {
		if (i == map->vm_nregions || map->vm_regions[i]->r_start > va)
			return (EFAULT);
		r = map->vm_regions[i];
		if ((prot & ~r->r_max_prot) != 0)
			return (EACCES);
	}
	return (0);
}

/*
 * A private region of a file is about to become writable: it gets an object of
 * its own, with the same pages, so its entries stay right.
 */
static int
make_private(struct vm_region *r)
{
	struct vm_object *ob = r->r_object, *new;

	new = vm_object_copy(ob, r->r_first, region_pages(r),
	    r->r_map->vm_charge);
	if (new == NULL)
		return (ENOMEM);
	mtx_lock(&ob->ob_lock);
	vm_object_unmap(ob, r);
	r->r_object = new;
	r->r_first = 0;
	r->r_private = false;
	/* No other thread can find the new object: no lock is needed. */
	vm_object_map(new, r);
	mtx_unlock(&ob->ob_lock);
	vm_object_release(ob);
	return (0);
}

/*
 * Adds rights to those that a region has, so that no other region of its object
 * gets what they exclude; r_was keeps what it had.
 */
static int
reserve_rights(struct vm_region *r, u_int prot)
{
	struct vm_object *ob = r->r_object;
	int error = EACCES;

	mtx_lock(&ob->ob_lock);
	if (alias_allowed(ob, r, r->r_first, region_pages(r), prot)) {
		r->r_was = r->r_prot;
		r->r_prot |= prot;
		error = 0;
	}
	mtx_unlock(&ob->ob_lock);
	return (error);
}

/* Gives a region these rights; entries that have more lose them. */
static void
set_rights(struct vm_region *r, u_int prot)
{
	u_int rights = ((prot & PROT_WRITE) != 0 ? PMAP_WRITE : 0) |
	    ((prot & PROT_EXEC) != 0 ? PMAP_EXEC : 0);
	struct pmap *pm = r->r_map->vm_pmap;
	struct vm_object *ob = r->r_object;

	mtx_lock(&ob->ob_lock);
	if (prot == 0 ? pmap_remove(pm, r->r_start, r->r_end) :
	    (r->r_was & ~prot & (PROT_WRITE | PROT_EXEC)) != 0 &&
	    pmap_protect(pm, r->r_start, r->r_end, rights))
		pmap_flush(pm);
	r->r_prot = prot;
	mtx_unlock(&ob->ob_lock);
}

/* Gives regions [from, to) the right to be written, where files are private. */
static int
make_all_private(struct vm_map *map, u_int from, u_int to)
{
	int error = 0;

	for (u_int i = from; i < to && error == 0; i++)
		if (map->vm_regions[i]->r_private)
			error = make_private(map->vm_regions[i]);
	return (error);
}

/* Changes the rights of regions [from, to): all of them, or none. */
static int
protect_regions(struct vm_map *map, u_int from, u_int to, u_int prot)
{
	struct vm_region **r = map->vm_regions;
	int error = 0;
	u_int i;

	if ((prot & PROT_WRITE) != 0)
		error = make_all_private(map, from, to);
	if (error != 0)
		return (error);
	for (i = from; i < to; i++) {
		error = reserve_rights(r[i], prot);
		if (error != 0)
			break;
	}
	if (error != 0) {
		while (i-- > from)
			r[i]->r_prot = r[i]->r_was;
		return (error);
	}
	for (i = from; i < to; i++)
		set_rights(r[i], prot);
	return (0);
}

int
vm_map_protect(struct vm_map *map, vm_offset_t va, vm_size_t size, u_int prot)
{
	vm_offset_t end;
	u_int from;
	int error;

	if (!range_check(va, &size) || (prot & ~PROT_ALL) != 0)
		return (EINVAL);
	if ((prot & PROT_WRITE) != 0 && (prot & PROT_EXEC) != 0)
		return (EACCES);
	end = va + size;
	mtx_lock(&map->vm_lock);
	error = protect_check(map, va, end, prot);
	if (error == 0)
		error = region_cut(map, va, end);
	if (error == 0) {
		from = region_after(map, va);
		error = protect_regions(map, from, region_after(map, end - 1) +
		    1, prot);
	}
	mtx_unlock(&map->vm_lock);
	return (error);
}
