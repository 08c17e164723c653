/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The reserved ranges of memory; docs/boot-memory.md has their names.  Owns
 * nothing: the one list that there is belongs to struct bootinfo.  Invariant: a
 * range that was added stays covered, by an entry of its own name.
 *
 * Any context for all functions here, as long as no other CPU uses the list.
 * They take no lock and do not sleep.  Addresses are in bytes.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <boot/reserved.h>

/* Whether the two have one name, and touch or share a page. */
static bool
belong_together(const struct reserved *r, vm_paddr_t start, vm_paddr_t end,
    const char *what)
{
	return (strcmp(r->what, what) == 0 && start <= round_page(r->end) &&
	    trunc_page(r->start) <= end);
}

/*
 * reserved_add: reserves [start, end), to which `what' is the name; an empty
 * range is ignored.  False if the list is full.
 */
bool
reserved_add(struct reserved_list *list, vm_paddr_t start, vm_paddr_t end,
    const char *what)
{
	struct reserved *r;

	if (start >= end)
		return (true);
	for (r = list->r; r < &list->r[list->n]; r++) {
		if (!belong_together(r, start, end, what))
			continue;
		if (start < r->start)
			r->start = start;
		if (end > r->end)
			r->end = end;
		return (true);
	}
	if (list->n == nitems(list->r))
		return (false);
	list->r[list->n++] = (struct reserved){ start, end, what };
	return (true);
}

/* reserved_set_end: moves the end of the range that starts at `start'. */
void
reserved_set_end(struct reserved_list *list, vm_paddr_t start, vm_paddr_t end)
{
	struct reserved *r;

	for (r = list->r; r < &list->r[list->n]; r++)
		if (r->start == start)
			r->end = end;
}

/*
 * reserved_by: returns the name of a range that overlaps [start, end), or NULL
 * if none does.
 */
const char *
reserved_by(const struct reserved_list *list, vm_paddr_t start, vm_paddr_t end)
{
	const struct reserved *r;

	for (r = list->r; r < &list->r[list->n]; r++)
		if (start < r->end && r->start < end)
			return (r->what);
	return (NULL);
}

/* reserved_remove: takes the pages of all ranges out of mem. */
void
reserved_remove(const struct reserved_list *list, struct physmem *mem)
{
	const struct reserved *r;

	for (r = list->r; r < &list->r[list->n]; r++)
		physmem_remove(mem, trunc_page(r->start), round_page(r->end));
}

/*
 * reserved_low_page: returns the highest page below low_end that is RAM and not
 * reserved; 0, which is never such a page, if there is none.  The highest,
 * because firmware is known to write to the first 64 KiB.
 */
vm_paddr_t
reserved_low_page(const struct reserved_list *list, const struct physmem *ram,
    vm_paddr_t low_end)
{
	for (vm_paddr_t pa = trunc_page(low_end); pa > PAGE_SIZE;) {
		pa -= PAGE_SIZE;
		if (physmem_contains(ram, pa, pa + PAGE_SIZE) &&
		    reserved_by(list, pa, pa + PAGE_SIZE) == NULL)
			return (pa);
	}
	return (0);
}
