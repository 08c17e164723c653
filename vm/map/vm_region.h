/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_MAP_VM_REGION_H_
#define	_VM_MAP_VM_REGION_H_

/*
 * The ordered set of a map's regions: vm/map/vm_region.c.  vm_lock is held for
 * all of it, except where the map is new and no other thread can find it.
 */

#include <sys/types.h>
#include <vm/map/vm_map.h>

#define	VM_MIN		0x00001000u	/* page 0 is never mapped */
#define	VM_LOW		0x00010000u	/* nor below this, unless fixed */

static inline u_int
region_pages(const struct vm_region *r)
{
	return (atop(r->r_end - r->r_start));
}

/* The object's page at an address of the region. */
static inline u_int
region_index(const struct vm_region *r, vm_offset_t va)
{
	return (r->r_first + atop(va - r->r_start));
}

/* Whether memory with these rights may be used as `prot' asks: PROT_*. */
static inline bool
prot_allows(u_int rights, u_int prot)
{
	/* The tables of i386 cannot allow less than to read. */
	return (rights != 0 && (prot & ~(rights | PROT_READ)) == 0);
}

/* region_after: the number of the first region that ends above va. */
u_int	region_after(const struct vm_map *map, vm_offset_t va);

/*
 * region_find: the region that has va, or NULL.  Most often it is the one that
 * was found last; region_search() looks for it among all.
 */
struct vm_region *region_search(struct vm_map *map, vm_offset_t va);

static inline struct vm_region *
region_find(struct vm_map *map, vm_offset_t va)
{
	struct vm_region *r;

	if (map->vm_found < map->vm_nregions) {
		r = map->vm_regions[map->vm_found];
		if (va - r->r_start < r->r_end - r->r_start)
			return (r);
	}
	return (region_search(map, va));
}

/* region_room: makes room for n more regions.  False if out of memory. */
bool	region_room(struct vm_map *map, u_int n);

/* region_add: adds a region; there is room, and its range is free. */
void	region_add(struct vm_map *map, struct vm_region *r);

/*
 * region_cut: cuts the regions that have `start' and `end' inside in two there,
 * which changes nothing for the task.  0 or ENOMEM.
 */
int	region_cut(struct vm_map *map, vm_offset_t start, vm_offset_t end);

/*
 * region_take: takes all regions of [start, end), which has been cut, out of
 * the set and out of the page tables, and flushes.  Returns them, linked by
 * r_next. region_free_all: frees them and drops their objects; no lock held.
 */
struct vm_region *region_take(struct vm_map *map, vm_offset_t start,
	    vm_offset_t end);
void	region_free_all(struct vm_region *r);

/*
 * region_space: finds a free range of `size' bytes, best at *va, else below it,
 * or below vm_hint if *va is 0, else above.  False if there is none.
 */
bool	region_space(const struct vm_map *map, vm_offset_t *va, vm_size_t size);

#endif /* !_VM_MAP_VM_REGION_H_ */
