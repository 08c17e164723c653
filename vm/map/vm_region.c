/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The regions of an address space: owns vm_regions[], an array of pointers in
 * the order of addresses, which a binary search reads.
 *
 * Invariants, whenever vm_lock is free: regions do not overlap and are not
 * empty; each is whole pages of [VM_MIN, USER_END), shows pages that its object
 * has, and is on the object's list.  vm_pages counts their pages.
 *
 * A region's borders change with its object's lock held as well, because the
 * owner of that lock walks the object's regions without vm_lock.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <machine/pmap_user.h>
#include <vm/map/vm_object.h>
#include <vm/map/vm_region.h>

/* Contracts of the functions are in vm_region.h. */
u_int
region_after(const struct vm_map *map, vm_offset_t va)
{
	u_int low = 0, high = map->vm_nregions, i;

	while (low < high) {
		i = (low + high) / 2;
		if (map->vm_regions[i]->r_end > va)
			high = i;
		else
			low = i + 1;
	}
	return (low);
}

struct vm_region *
region_search(struct vm_map *map, vm_offset_t va)
{
	u_int i = region_after(map, va);

	if (i == map->vm_nregions || map->vm_regions[i]->r_start > va)
		return (NULL);
	map->vm_found = i;
	return (map->vm_regions[i]);
}

bool
region_room(struct vm_map *map, u_int n)
{
	u_int want = map->vm_nregions + n, room = map->vm_room;
	struct vm_region **regions;

	if (want <= room)
		return (true);
	if (want > MAP_MAXREGIONS)
		return (false);
	while (room < want)
		room = room == 0 ? 16 : 2 * room;
	regions = kmalloc(room * sizeof(*regions), 0);
	if (regions == NULL)
		return (false);
	memcpy(regions, map->vm_regions, map->vm_nregions * sizeof(*regions));
	kfree(map->vm_regions);
	map->vm_regions = regions;
	map->vm_room = room;
	return (true);
}

void
region_add(struct vm_map *map, struct vm_region *r)
{
	u_int i = region_after(map, r->r_start);

	KDEBUG(map->vm_nregions < map->vm_room && r->r_start < r->r_end &&
	    (i == map->vm_nregions || map->vm_regions[i]->r_start >= r->r_end),
	    "region_add: no room for 0x%x to 0x%x (called from %pC)",
	    r->r_start, r->r_end, __caller());
	memmove(&map->vm_regions[i + 1], &map->vm_regions[i],
	    (map->vm_nregions - i) * sizeof(r));
	map->vm_regions[i] = r;
	map->vm_nregions++;
	map->vm_pages += region_pages(r);
}

/* Cuts in two the region, if any, that has va inside. */
static int
cut_at(struct vm_map *map, vm_offset_t va)
{
	struct vm_region *r = region_find(map, va), *upper;
	struct vm_object *ob;

	if (r == NULL || r->r_start == va)
		return (0);
	if (!region_room(map, 1) || (upper = kmalloc(sizeof(*r), 0)) == NULL)
		return (ENOMEM);
	*upper = *r;
	upper->r_start = va;
	upper->r_first = region_index(r, va);
	ob = r->r_object;
	vm_object_ref(ob);
	mtx_lock(&ob->ob_lock);
	map->vm_pages -= region_pages(upper);
	r->r_end = va;
	vm_object_map(ob, upper);
	mtx_unlock(&ob->ob_lock);
	region_add(map, upper);
	return (0);
}

int
region_cut(struct vm_map *map, vm_offset_t start, vm_offset_t end)
{
	int error = cut_at(map, start);

	return (error != 0 ? error : cut_at(map, end));
}

/*
 * The entries are removed and flushed before the object lets the region go:
 * from then on its pages may be sealed or shared without a look at this map.
 */
static void
region_detach(struct vm_region *r)
{
	struct pmap *pm = r->r_map->vm_pmap;
	struct vm_object *ob = r->r_object;
	vm_offset_t start, end;

	mtx_lock(&ob->ob_lock);
	if (vm_object_shown(r, &start, &end) && pmap_remove(pm, start, end))
		pmap_flush(pm);
	vm_object_unmap(ob, r);
	vm_object_trim(ob, r);
	mtx_unlock(&ob->ob_lock);
}

struct vm_region *
region_take(struct vm_map *map, vm_offset_t start, vm_offset_t end)
{
	u_int from = region_after(map, start), to = region_after(map, end - 1);
	struct vm_region *taken = NULL, *r;

	/* The last one may begin at or above the end. */
	if (to < map->vm_nregions && map->vm_regions[to]->r_start < end)
		to++;
	for (u_int i = from; i < to; i++) {
		r = map->vm_regions[i];
		region_detach(r);
		map->vm_pages -= region_pages(r);
		r->r_next = taken;
		taken = r;
	}
	memmove(&map->vm_regions[from], &map->vm_regions[to],
	    (map->vm_nregions - to) * sizeof(r));
	map->vm_nregions -= to - from;
	return (taken);
}

void
region_free_all(struct vm_region *r)
{
	struct vm_region *next;

	for (; r != NULL; r = next) {
		next = r->r_next;
		vm_object_release(r->r_object);
		kfree(r);
	}
}

/* Whether [va, va + size) is free and may be given to a wish. */
static bool
is_free(const struct vm_map *map, vm_offset_t va, vm_size_t size)
{
	u_int i = region_after(map, va);

	return (va >= VM_LOW && size <= USER_END && va <= USER_END - size &&
	    (i == map->vm_nregions ||
	    map->vm_regions[i]->r_start >= va + size));
}

/* The highest free range that ends at or below `top'; 0 if none. */
static vm_offset_t
space_below(const struct vm_map *map, vm_offset_t top, vm_size_t size)
{
	u_int i = region_after(map, top - 1);
	vm_offset_t low;

	if (i < map->vm_nregions && map->vm_regions[i]->r_start < top)
		top = map->vm_regions[i]->r_start;
	for (;; top = map->vm_regions[--i]->r_start) {
		low = i == 0 ? VM_LOW : map->vm_regions[i - 1]->r_end;
		if (low < VM_LOW)
			low = VM_LOW;
		if (top >= low && top - low >= size)
			return (top - size);
		if (i == 0)
			return (0);
	}
}

bool
region_space(const struct vm_map *map, vm_offset_t *va, vm_size_t size)
{
	vm_offset_t wish = trunc_page(*va);

	if (wish > USER_END)
		wish = USER_END;
	if (wish == 0 || !is_free(map, wish, size))
		wish = space_below(map, wish != 0 ? wish : map->vm_hint, size);
	/* From the very top, which includes what is above the hint. */
	if (wish == 0)
		wish = space_below(map, USER_END, size);
	*va = wish;
	return (wish != 0);
}
