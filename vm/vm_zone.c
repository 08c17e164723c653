/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Free pages: owns the free lists, a buddy allocator for each zone.
 *
 * A block is 2^order frames, the first of which is a multiple of 2^order.  Its
 * buddy is the other half of the block of the next higher order.
 *
 * Invariants, whenever vm_page_lock is free:
 *
 *  - The first frame of a free block has VPF_FREE and the block's order;
 *    the other frames of the block have no flag but, each, VPF_POISONED.
 *  - A free block of order n lies within one zone and is on the list
 *    vm_page_zones[zone].head[n].
 *  - Two buddies of the same zone and order are never both free, except at
 *    the highest order: freeing merges them.
 *  - vm_page_zones[z].free is the sum of the sizes of the blocks on z's lists.
 *
 * vm_page_lock protects next, prev, order, flags and caller of free frames,
 * and of the zones what vm_zone.h says.
 *
 * No function panics with the lock held, so that a debugger that panic enters
 * can still ask for the zones.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/systm.h>
#include <vm/vm_page.h>
#include <vm/vm_zone.h>

struct vm_page_zone vm_page_zones[VM_NZONES];

static struct spinlock vm_page_lock =
    SPINLOCK_INITIALIZER("vm_page", RANK_PAGE);

/* Puts the block at `frame' onto its list.  vm_page_lock is held. */
static void
block_insert(uint32_t frame, u_int order)
{
	struct vm_page *m = &vm_page_array[frame];
	struct vm_page_zone *z = &vm_page_zones[m->zone];

	m->flags = (m->flags & VPF_POISONED) | VPF_FREE;
	m->order = (uint8_t)order;
	m->prev = VM_PAGE_NONE;
	m->next = z->head[order];
	if (m->next != VM_PAGE_NONE)
		vm_page_array[m->next].prev = frame;
	z->head[order] = frame;
	z->free += 1u << order;
}

/* Takes the free block at `frame' off its list.  vm_page_lock is held. */
static void
block_remove(uint32_t frame)
{
	struct vm_page *m = &vm_page_array[frame];
	struct vm_page_zone *z = &vm_page_zones[m->zone];

	if (m->prev != VM_PAGE_NONE)
		vm_page_array[m->prev].next = m->next;
	else
		z->head[m->order] = m->next;
	if (m->next != VM_PAGE_NONE)
		vm_page_array[m->next].prev = m->prev;
	z->free -= 1u << m->order;
	m->flags &= VPF_POISONED;
	m->next = m->prev = VM_PAGE_NONE;
}

/*
 * Frees the block at `frame', whose frames have no flag but VPF_POISONED, and
 * merges it with its buddies.  vm_page_lock is held.
 */
static void
block_free(uint32_t frame, u_int order)
{
	struct vm_page *b;
	uint32_t buddy;

	for (; order < MAXORDER; order++) {
		buddy = frame ^ (1u << order);
		if (buddy >= vm_page_count)
			break;
		/* No block crosses a zone: its first frame's is that of all. */
		b = &vm_page_array[buddy];
		if ((b->flags & VPF_FREE) == 0 || b->order != order ||
		    b->zone != vm_page_array[frame].zone)
			break;
		block_remove(buddy);
		frame &= ~(1u << order);
	}
	block_insert(frame, order);
}

/*
 * Returns the first block of at least 2^order frames in the first of these
 * zones that has one, or VM_PAGE_NONE.  vm_page_lock is held.
 */
static uint32_t
find_block(const uint8_t *zone, u_int nzones, u_int order)
{
	const struct vm_page_zone *z;

	for (u_int n = 0; n < nzones; n++) {
		z = &vm_page_zones[zone[n]];
		for (u_int o = order; o <= MAXORDER; o++)
			if (z->head[o] != VM_PAGE_NONE)
				return (z->head[o]);
	}
	return (VM_PAGE_NONE);
}

/*
 * Cuts a block, which is on no list, down to 2^order frames at its start; frees
 * the other frames.  vm_page_lock is held.
 */
static void
split_block(uint32_t frame, u_int from, u_int order)
{
	while (from > order) {
		from--;
		block_insert(frame + (1u << from), from);
	}
}

/* vm_zone_reset: empties all zones.  Start-up, one CPU. */
void
vm_zone_reset(void)
{
	for (u_int n = 0; n < VM_NZONES; n++) {
		vm_page_zones[n].free = vm_page_zones[n].total = 0;
		vm_page_zones[n].wired = 0;
		for (u_int o = 0; o < NORDERS; o++)
			vm_page_zones[n].head[o] = VM_PAGE_NONE;
	}
}

/*
 * vm_zone_take: takes 2^order frames off the free lists, from the first of
 * `nzones' zones that has them.  Context as vm_page_alloc_order(); takes
 * vm_page_lock.  Returns the first frame, or VM_PAGE_NONE.  The frames are the
 * caller's, and have no flag but VPF_POISONED.
 */
uint32_t
vm_zone_take(const uint8_t *zone, u_int nzones, u_int order)
{
	uint32_t frame;

	KASSERT(nzones <= VM_NZONES && order <= MAXORDER, "vm_zone_take: order "
	    "%u of %u zones", order, nzones);
	spin_lock(&vm_page_lock);
	frame = find_block(zone, nzones, order);
	if (frame != VM_PAGE_NONE) {
		block_remove(frame);
		split_block(frame, vm_page_array[frame].order, order);
	}
	spin_unlock(&vm_page_lock);
	return (frame);
}

/*
 * vm_zone_put: frees a block of 2^order frames, within one zone, each of which
 * has the flag `state', VPF_ALLOCATED or VPF_RESERVED.  `poisoned' is
 * VPF_POISONED or 0.  Frames that were reserved add to the zone's total.
 * Context as vm_page_free_order(); takes vm_page_lock.
 *
 * Returns VM_PAGE_NONE.  If a frame does not have the flag, because two CPUs
 * free the same page or two ranges overlap, nothing is freed: returns its
 * number, and in *bad what its structure was.
 */
uint32_t
vm_zone_put(uint32_t frame, u_int order, uint8_t state, uint8_t poisoned,
    const void *caller, struct vm_page *bad)
{
	struct vm_page *m = &vm_page_array[frame];
	uint32_t i;

	KASSERT(order <= MAXORDER && (frame & ((1u << order) - 1)) == 0 &&
	    frame + (1u << order) <= vm_page_count, "vm_zone_put: frame 0x%x "
	    "heads no block of order %u (called from %pC)", frame, order,
	    caller);
	KASSERT(m->zone == m[(1u << order) - 1].zone, "vm_zone_put: the block "
	    "at frame 0x%x crosses a zone (called from %pC)", frame, caller);
	spin_lock(&vm_page_lock);
	for (i = 0; i < 1u << order; i++)
		if ((m[i].flags & state) == 0) {
			*bad = m[i];
			spin_unlock(&vm_page_lock);
			return (frame + i);
		}
	for (i = 0; i < 1u << order; i++) {
		m[i].flags = poisoned;
		m[i].caller = caller;
	}
	if (state == VPF_RESERVED)
		vm_page_zones[m->zone].total += 1u << order;
	block_free(frame, order);
	spin_unlock(&vm_page_lock);
	return (VM_PAGE_NONE);
}
