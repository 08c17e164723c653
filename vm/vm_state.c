/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Pages of tasks, caches and messages: owns their holders, their writers and
 * their state, from vm_page_alloc_held() to the last drop.
 *
 * Invariants of such a page:
 *
 *  - It lies outside the direct map, has one wiring of this file's, and at
 *    least one hold.  The drop that leaves none unwires and frees it.
 *  - Its state goes from FILLING to OWNED, and from either to SEALED; never
 *    back.  vm_page.c makes every page that it hands out OWNED: no user of a
 *    page finds the state of the one before.
 *  - A page that is SEALED, or has more than one owner, has no writers.
 *  - While it is SEALED no entry that the kernel can find allows a write.  So
 *    its mapping is taken away twice: when it is sealed, because it may be
 *    written through; and when it is freed, because its next owner must be able
 *    to write.
 *
 * The holders are one word, changed by compare-and-swap, so that no count ever
 * wraps into the other, and one drop alone is the last.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <vm/vm_held.h>
#include <vm/vm_state.h>

#define	HOLD_OTHERS	(~HOLD_OWNERS)

static inline uint8_t
state_of(const struct vm_page *m)
{
	return (*(const volatile uint8_t *)&m->state);
}

/* A free page has none: its word is a link of the free list. */
static inline uint32_t
holders_of(const struct vm_page *m)
{
	return ((m->flags & VPF_ALLOCATED) != 0 ? m->holders : 0);
}

/* Panics because m has not the holds that a function's caller claims. */
static void __dead2 __attribute__((noinline))
bad_hold(const struct vm_page *m, uint32_t holders, const char *func,
    const void *caller)
{
	panic("%s: frame 0x%x has %u owners and %u other holds (called from "
	    "%pC)", func, vm_page_index(m), holders & HOLD_OWNERS,
	    holders / HOLD_OTHER, caller);
}

struct vm_page *
vm_page_alloc_held(void)
{
	struct vm_page *m = vm_held_take();

	if (m == NULL)
		return (NULL);
	KDEBUG(m->holders == 0 && m->writers == 0, "vm_page_alloc_held: frame "
	    "0x%x has holders 0x%x, %u writers", vm_page_index(m), m->holders,
	    m->writers);
	m->caller = __caller();
	m->state = VPS_FILLING;
	m->holders = HOLD_OTHER;
	return (m);
}

/* Adds a hold; false if the count of its kind, under `mask', is at its most. */
static inline bool
add_hold(struct vm_page *m, uint32_t hold, uint32_t mask, const char *func,
    const void *caller)
{
	uint32_t old = holders_of(m);

	do {
		if (old == 0)
			bad_hold(m, old, func, caller);
		if ((old & mask) == mask)
			return (false);
	} while (!atomic_fcmpset_32(&m->holders, &old, old + hold));
	return (true);
}

/*
 * The last hold was dropped, so no other CPU can reach the page.  If it was
 * writable it keeps its cached mapping, which serves its next owner.
 */
static inline void
free_page(struct vm_page *m, const char *func, const void *caller)
{
	uint32_t writers = m->writers;

	KASSERT(writers == 0, "%s: frame 0x%x has %u writers (called from %pC)",
	    func, vm_page_index(m), writers, caller);
	if (vm_page_is_sealed(m))
		sf_buf_seal(m);
	vm_held_put(m, caller);
}

/* True if that was the last hold. */
static inline bool
drop_hold(struct vm_page *m, uint32_t hold, uint32_t mask, const char *func,
    const void *caller)
{
	uint32_t old = holders_of(m);

	do {
		if ((old & mask) == 0)
			bad_hold(m, old, func, caller);
	} while (!atomic_fcmpset_32(&m->holders, &old, old - hold));
	return (old == hold);
}

bool
vm_page_hold(struct vm_page *m)
{
	return (add_hold(m, HOLD_OTHER, HOLD_OTHERS, "vm_page_hold",
	    __caller()));
}

/* Apart, because a borrower is seldom the last. */
static void __attribute__((noinline))
free_borrowed(struct vm_page *m, const void *caller)
{
	free_page(m, "vm_page_drop", caller);
}

void
vm_page_drop(struct vm_page *m)
{
	if (drop_hold(m, HOLD_OTHER, HOLD_OTHERS, "vm_page_drop", __caller()))
		free_borrowed(m, __caller());
}

bool
vm_page_add_owner(struct vm_page *m)
{
	const void *caller = __caller();

	KASSERT(m->writers == 0, "vm_page_add_owner: frame 0x%x has %u writers "
	    "(called from %pC)", vm_page_index(m), m->writers, caller);
	return (add_hold(m, HOLD_OWNER, HOLD_OWNERS, "vm_page_add_owner",
	    caller));
}

void
vm_page_drop_owner(struct vm_page *m)
{
	if (drop_hold(m, HOLD_OWNER, HOLD_OWNERS, "vm_page_drop_owner",
	    __caller()))
		free_page(m, "vm_page_drop_owner", __caller());
}

void
vm_page_own(struct vm_page *m)
{
	uint32_t old = holders_of(m);

	do {
		if ((old & HOLD_OTHERS) == 0 ||
		    (old & HOLD_OWNERS) == HOLD_OWNERS)
			bad_hold(m, old, "vm_page_own", __caller());
	} while (!atomic_fcmpset_32(&m->holders, &old,
	    old - HOLD_OTHER + HOLD_OWNER));
}

u_int
vm_page_owners(const struct vm_page *m)
{
	return (m->holders & HOLD_OWNERS);
}

void
vm_page_writer_add(struct vm_page *m)
{
	uint32_t owners = vm_page_owners(m);

	KASSERT(owners <= 1 && !vm_page_is_sealed(m), "vm_page_writer_add: "
	    "frame 0x%x has %u owners, state 0x%x (called from %pC)",
	    vm_page_index(m), owners, state_of(m), __caller());
	(void)atomic_inc_32(&m->writers);
}

void
vm_page_writer_drop(struct vm_page *m)
{
	KASSERT(atomic_dec_32(&m->writers), "vm_page_writer_drop: frame 0x%x "
	    "has no writer (called from %pC)", vm_page_index(m), __caller());
}

u_int
vm_page_writers(const struct vm_page *m)
{
	return (m->writers);
}

void
vm_page_set_owned(struct vm_page *m)
{
	uint32_t holders = holders_of(m);

	KASSERT(state_of(m) == VPS_FILLING && holders != 0,
	    "vm_page_set_owned: frame 0x%x has state 0x%x, holders 0x%x "
	    "(called from %pC)", vm_page_index(m), state_of(m), holders,
	    __caller());
	m->state = VPS_OWNED;
}

bool
vm_page_seal(struct vm_page *m)
{
	const void *caller = __caller();
	uint32_t holders = holders_of(m);
	uint8_t state = state_of(m);

	KASSERT((state == VPS_FILLING || state == VPS_OWNED) &&
	    holders != 0 && m->zone >= VM_ZONE_MID, "vm_page_seal: frame 0x%x "
	    "of zone %s has state 0x%x, holders 0x%x (called from %pC)",
	    vm_page_index(m), vm_page_zone_name(m->zone), state, holders,
	    caller);
	if (holders != HOLD_OWNER && holders != HOLD_OTHER)
		return (false);
	KASSERT(m->writers == 0, "vm_page_seal: frame 0x%x has %u writers "
	    "(called from %pC)", vm_page_index(m), m->writers, caller);
	sf_buf_seal(m);
	return (true);
}
