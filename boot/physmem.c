/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Lists of ranges of physical memory.  Owns nothing: each list belongs to its
 * user.  Invariant, between calls: the ranges of a list are sorted and
 * disjoint, and none is empty.
 *
 * Any context for all functions here, as long as no other CPU uses the list.
 * They take no lock and do not sleep.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <boot/physmem.h>

/* Moves the ranges from index j on to index i + 1: ram[i] replaces [i, j). */
static void
replace(struct physmem *mem, u_int i, u_int j)
{
	memmove(&mem->ram[i + 1], &mem->ram[j],
	    (mem->nram - j) * sizeof(mem->ram[0]));
	mem->nram = mem->nram + 1 - (j - i);
}

/*
 * physmem_add: adds [start, end), in bytes and not empty, and joins it with
 * the ranges that it overlaps or touches.  The list has room for one more
 * range; panics if not.
 */
void
physmem_add(struct physmem *mem, vm_paddr_t start, vm_paddr_t end)
{
	struct memrange *ram = mem->ram;
	u_int i, j;

	KASSERT(start < end && mem->nram < PHYSMEM_MAXRAM, "physmem_add: "
	    "[0x%llx, 0x%llx) to %u ranges", (unsigned long long)start,
	    (unsigned long long)end, mem->nram);
	for (i = 0; i < mem->nram && ram[i].end < start; i++)
		;
	/* [i, j) are the ranges that overlap or touch the new one. */
	for (j = i; j < mem->nram && ram[j].start <= end; j++) {
		if (ram[j].start < start)
			start = ram[j].start;
		if (ram[j].end > end)
			end = ram[j].end;
	}
	replace(mem, i, j);
	ram[i].start = start;
	ram[i].end = end;
}

/*
 * physmem_remove: takes [start, end), in bytes, out of the list, which may
 * split a range in two.  The list has room for one more range; panics if not.
 */
void
physmem_remove(struct physmem *mem, vm_paddr_t start, vm_paddr_t end)
{
	struct memrange *ram = mem->ram, r;
	u_int from, to = 0;

	KASSERT(mem->nram < PHYSMEM_MAXRAM, "physmem_remove: no room beside "
	    "%u ranges", mem->nram);
	if (start >= end)
		return;
	for (from = 0; from < mem->nram; from++) {
		r = ram[from];
		if (r.start < start && end < r.end) {
			/* A split touches no other range: the list is done. */
			replace(mem, from, from);
			ram[from].end = start;
			ram[from + 1].start = end;
			return;
		}
		if (r.start < start && start < r.end)
			r.end = start;
		else if (r.start < end && end < r.end)
			r.start = end;
		else if (start <= r.start && r.end <= end)
			continue;
		ram[to++] = r;
	}
	mem->nram = to;
}

/* physmem_trim: drops the pages that are only partly in a range. */
void
physmem_trim(struct physmem *mem)
{
	struct memrange r;
	u_int to = 0;

	for (u_int from = 0; from < mem->nram; from++) {
		/* An end past the last whole page is not rounded up. */
		r.start = round_page(mem->ram[from].start);
		r.end = trunc_page(mem->ram[from].end);
		if (r.start < r.end)
			mem->ram[to++] = r;
	}
	mem->nram = to;
}

/* physmem_size: the bytes of all ranges. */
vm_paddr_t
physmem_size(const struct physmem *mem)
{
	vm_paddr_t size = 0;

	for (u_int i = 0; i < mem->nram; i++)
		size += mem->ram[i].end - mem->ram[i].start;
	return (size);
}

/*
 * physmem_reach: the address below which the first `size' bytes of the ranges
 * lie; the end of the last range if they are fewer.
 */
vm_paddr_t
physmem_reach(const struct physmem *mem, vm_paddr_t size)
{
	const struct memrange *r = mem->ram;
	vm_paddr_t end = 0;

	for (; r < &mem->ram[mem->nram] && size != 0; r++) {
		end = r->end - r->start < size ? r->end : r->start + size;
		size -= end - r->start;
	}
	return (end);
}

/* physmem_contains: whether all of [start, end) is in one range. */
bool
physmem_contains(const struct physmem *mem, vm_paddr_t start, vm_paddr_t end)
{
	for (u_int i = 0; i < mem->nram; i++)
		if (mem->ram[i].start <= start && end <= mem->ram[i].end)
			return (true);
	return (false);
}
