/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What a page fault in ring 3 does: finds the page, which may be filled with
 * zeros or copied first, and enters it.
 *
 * vm_lock keeps the region as it is, the object's lock the page and all that
 * its entries may allow, until the entry is made: so an entry that could write
 * never appears behind the back of code that has taken that right away.
 *
 * A fault on a file enters the pages around it as well, if they are in memory:
 * a program uses most of them soon, and an entry costs a tenth of a fault.
 *
 * Two threads may fault on one page: the second finds it there and enters it
 * again, which changes nothing.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <machine/pmap_user.h>
#include <vm/vm_page.h>
#include <vm/map/vm_copy.h>
#include <vm/map/vm_object.h>
#include <vm/map/vm_region.h>

#define	AROUND		16u	/* pages, of which the first is a multiple */

/*
 * The rights of an entry.  A page that may be written in place gets them all,
 * even if it is only read now: that saves the second fault.
 */
static inline u_int
entry_rights(const struct vm_region *r, const struct vm_page *m)
{
	u_int rights = (r->r_prot & PROT_EXEC) != 0 ? PMAP_EXEC : 0;

	if ((r->r_prot & PROT_WRITE) != 0 && vm_page_exclusive(m))
		rights |= PMAP_WRITE;
	return (rights);
}

/*
 * Enters the pages of a file around va, which has an entry.  AROUND pages never
 * lie in two page tables.  ob_lock.
 */
static void
enter_around(struct vm_region *r, vm_offset_t va)
{
	vm_offset_t start = va & ~(AROUND * PAGE_SIZE - 1);
	vm_offset_t end = start + AROUND * PAGE_SIZE;
	struct vm_page *m[AROUND];
	u_int n, first;

	if (start < r->r_start)
		start = r->r_start;
	if (end > r->r_end)
		end = r->r_end;
	n = atop(end - start);
	first = region_index(r, start);
	for (u_int i = 0; i < n; i++)
		m[i] = vm_object_lookup(r->r_object, first + i);
	pmap_enter_more(r->r_map->vm_pmap, start, m, n,
	    (r->r_prot & PROT_EXEC) != 0 ? PMAP_EXEC : 0);
}

/* Enters the page at va, a region's address.  vm_lock. */
static int
enter_page(struct vm_region *r, vm_offset_t va, bool write)
{
	struct vm_object *ob = r->r_object;
	struct vm_page *m;
	int error;

	mtx_lock(&ob->ob_lock);
	error = vm_object_page_locked(ob, region_index(r, va), write, &m);
	if (error == 0)
		error = pmap_enter(r->r_map->vm_pmap, trunc_page(va),
		    VM_PAGE_TO_PHYS(m), entry_rights(r, m));
	if (error == 0 && ob->ob_readonly)
		enter_around(r, va);
	mtx_unlock(&ob->ob_lock);
	return (error);
}

/* Contract in vm_map.h. */
int
vm_fault(struct vm_map *map, vm_offset_t va, u_int prot)
{
	struct vm_region *r;
	int error;

	mtx_lock(&map->vm_lock);
	r = region_find(map, va);
	if (r == NULL)
		error = EFAULT;
	else if (!prot_allows(r->r_prot, prot))
		error = EACCES;
	else
		error = enter_page(r, va, (prot & PROT_WRITE) != 0);
	mtx_unlock(&map->vm_lock);
	return (error);
}
