/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Address spaces: what they look like, and whether all is as it must be. */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/pmap_user.h>
#include <vm/vm_state.h>
#include <vm/map/vm_object.h>
#include <vm/map/vm_region.h>

static void
print_region(struct vm_region *r)
{
	struct vm_object *ob = r->r_object;
	u_int resident;

	mtx_lock(&ob->ob_lock);
	resident = ob->ob_resident;
	mtx_unlock(&ob->ob_lock);
	printf("%08x-%08x %c%c%c %s object %p, from page %u of %u, %u "
	    "resident%s\n", r->r_start, r->r_end,
	    (r->r_prot & PROT_READ) != 0 ? 'r' : '-',
	    (r->r_prot & PROT_WRITE) != 0 ? 'w' : '-',
	    (r->r_prot & PROT_EXEC) != 0 ? 'x' : '-',
	    r->r_share ? "shared " : "private", (void *)ob, r->r_first,
	    ob->ob_pages, resident, ob->ob_readonly ? ", a file" : "");
}

/* Contracts in vm_map.h. */
void
vm_map_print(struct vm_map *map)
{
	mtx_lock(&map->vm_lock);
	printf("%u regions, %u pages of addresses, %u charged of %u\n",
	    map->vm_nregions, map->vm_pages, map->vm_charge->vc_pages,
	    map->vm_charge->vc_max);
	for (u_int i = 0; i < map->vm_nregions; i++)
		print_region(map->vm_regions[i]);
	mtx_unlock(&map->vm_lock);
}

/* Why a present entry is wrong, or NULL.  ob_lock. */
static const char *
entry_error(const struct vm_region *r, vm_offset_t va, pt_entry_t pte)
{
	struct vm_page *m = vm_object_lookup(r->r_object, region_index(r, va));

	if (m == NULL || (pte & PG_FRAME) != VM_PAGE_TO_PHYS(m))
		return ("has not the frame of its object");
	if (r->r_prot == 0)
		return ("is in a region without rights");
	if ((pte & PG_RW) == 0)
		return (NULL);
	if ((r->r_prot & PROT_WRITE) == 0)
		return ("can write, but its region cannot");
	if (*(const volatile uint8_t *)&m->state != VPS_OWNED)
		return ("can write to a page that is not OWNED");
	if (vm_page_owners(m) != 1)
		return ("can write to a page that is shared");
	return (NULL);
}

/* Checks the entries of a region; adds to *present. */
static u_int
audit_entries(struct vm_region *r, u_int *present)
{
	const char *what;
	pt_entry_t pte;
	u_int bad = 0;

	mtx_lock(&r->r_object->ob_lock);
	for (vm_offset_t va = r->r_start; va < r->r_end; va += PAGE_SIZE) {
		pte = pmap_extract(r->r_map->vm_pmap, va);
		if ((pte & PG_V) == 0)
			continue;
		(*present)++;
		what = entry_error(r, va, pte);
		if (what == NULL)
			continue;
		bad++;
		printf("vm_map_audit: 0x%x, entry 0x%llx: %s\n", va,
		    (unsigned long long)pte, what);
	}
	mtx_unlock(&r->r_object->ob_lock);
	return (bad);
}

/* Checks where a region lies; `last' is the end of the one before. */
static u_int
audit_region(const struct vm_map *map, const struct vm_region *r,
    vm_offset_t last)
{
	const u_int wx = PROT_WRITE | PROT_EXEC;

	if (r->r_start >= last && r->r_start < r->r_end &&
	    r->r_end <= USER_END && r->r_map == map &&
	    (r->r_start | r->r_end) % PAGE_SIZE == 0 &&
	    (r->r_prot & wx) != wx && (r->r_prot & ~r->r_max_prot) == 0 &&
	    r->r_first + region_pages(r) <= r->r_object->ob_pages)
		return (0);
	printf("vm_map_audit: bad region 0x%x to 0x%x, rights 0x%x, behind "
	    "0x%x\n", r->r_start, r->r_end, r->r_prot, last);
	return (1);
}

u_int
vm_map_audit(struct vm_map *map)
{
	u_int bad = 0, pages = 0, present = 0;
	vm_offset_t last = VM_MIN;
	struct vm_region *r;

	mtx_lock(&map->vm_lock);
	for (u_int i = 0; i < map->vm_nregions; i++) {
		r = map->vm_regions[i];
		bad += audit_region(map, r, last) + audit_entries(r, &present);
		pages += region_pages(r);
		last = r->r_end;
	}
	if (pages != map->vm_pages || present != map->vm_pmap->pm_resident) {
		printf("vm_map_audit: %u pages, %u counted; %u entries, %u "
		    "counted\n", pages, map->vm_pages, present,
		    map->vm_pmap->pm_resident);
		bad++;
	}
	bad += pmap_user_audit(map->vm_pmap);
	mtx_unlock(&map->vm_lock);
	return (bad);
}
