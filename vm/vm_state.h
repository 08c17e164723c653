/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_VM_STATE_H_
#define	_VM_VM_STATE_H_

/*
 * Pages of tasks, caches and messages: their state, which says who may write,
 * and their holders: vm/vm_state.c.
 *
 * Such a page has one wiring, from vm_page_alloc_held() until its last holder
 * drops it, which frees it.  One word counts its holders, so that one locked
 * instruction tells which drop was the last: in the low half the owners, that
 * is the places in memory objects where the page is; in the high half the
 * others: borrowers, mbufs.  A page with more than one owner is shared
 * (copy-on-write), and no user entry may write to it.
 */

#include <vm/vm_page.h>

/*
 * The states, in m->state.  Each is the low byte of an entry that sf_buf(9)
 * enters: P, and RW unless SEALED.  FILLING differs from OWNED by D, which has
 * no meaning there.
 */
#define	VPS_SEALED	0x01	/* in a cache or message: nobody writes */
#define	VPS_OWNED	0x03	/* memory of tasks, or of the kernel */
#define	VPS_FILLING	0x43	/* one filler writes, nobody else sees it */

#define	HOLD_OWNER	0x00000001u
#define	HOLD_OTHER	0x00010000u
#define	HOLD_OWNERS	0x0000ffffu

/*
 * vm_page_alloc_held: a wired page from outside the direct map, FILLING, with
 * one hold, which is the caller's; contents undefined.  NULL if there is none.
 * Any context in which pages may be allocated; waits for flushes as
 * vm_page_alloc() does.
 */
struct vm_page *vm_page_alloc_held(void);

/*
 * vm_page_hold: adds a hold, to one that the caller has, or while the lock of
 * an object that owns the page is held.  False if there are too many.  Any
 * context. vm_page_drop: drops one.  The last holder's drop unwires and frees
 * the page.
 */
bool	vm_page_hold(struct vm_page *m);
void	vm_page_drop(struct vm_page *m);

/*
 * vm_page_own: makes the caller's hold an owner's.  vm_page_add_owner,
 * vm_page_drop_owner: as hold and drop, of an owner.  A page with writers gets
 * no other owner.
 */
void	vm_page_own(struct vm_page *m);
bool	vm_page_add_owner(struct vm_page *m);
void	vm_page_drop_owner(struct vm_page *m);
u_int	vm_page_owners(const struct vm_page *m);

/*
 * vm_page_writer_add, vm_page_writer_drop: count borrowers that write through
 * the kernel; vm_page_writers: how many there are.  A page with writers is not
 * shared and not sealed.  Added under the lock of the page's only owner.
 */
void	vm_page_writer_add(struct vm_page *m);
void	vm_page_writer_drop(struct vm_page *m);
u_int	vm_page_writers(const struct vm_page *m);

/*
 * vm_page_set_owned: FILLING to OWNED.  The caller is the filler.
 *
 * vm_page_seal: FILLING or OWNED to SEALED: takes the kernel's own mapping away
 * (sf_buf_seal()), without a wait.  False, and does nothing, if the page has
 * more than one hold: another holder may have it mapped, or be about to map it,
 * with the right to write; the caller then sends a copy.  The one hold is the
 * caller's own, or that of an object whose lock the caller holds, so that no
 * other comes meanwhile; the caller has no mapping of it.  No user entry can
 * write to it, and it has no writers.
 */
void	vm_page_set_owned(struct vm_page *m);
bool	vm_page_seal(struct vm_page *m);

static inline bool
vm_page_is_sealed(const struct vm_page *m)
{
	return (*(const volatile uint8_t *)&m->state == VPS_SEALED);
}

#endif /* !_VM_VM_STATE_H_ */
