/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The pages of memory objects: owns the decisions when a page is filled with
 * zeros, shared, copied or sealed.  ob_lock is held for each of them.
 *
 * A write, by the task or by the kernel for it, goes to a page that is
 * *exclusive* (vm_page_exclusive()), else to a copy that takes the page's
 * place.  Exclusive means:
 *
 *  - the page is OWNED: not in a cache or message, where it must not change;
 *  - this index of this object is its only owner;
 *  - and it has no other hold, or has writers.
 *
 * The third is for what was shared once.  Let a parent and its child share a
 * page, and the child's page be held by a reader, as by a message that is not
 * read yet; let the child unmap it.  The parent is its only owner then, and if
 * it wrote in place, the reader would see what the parent writes: that is
 * CVE-2020-29374 of Linux.  So a page that is held is copied.  A page with
 * writers is not shared since the first of them was added (vm_borrow.c), and
 * was exclusive then: later holds are of this object's own users.
 *
 * The answer does not change to "no" behind the caller's back: a new owner or
 * hold comes by the lock of an object that owns the page, which is this one's,
 * or from a hold that is there already.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <vm/vm_state.h>
#include <vm/map/vm_copy.h>
#include <vm/map/vm_object.h>

/* Contracts of the public functions are in vm_object.h. */

/* Seals a page whose one hold is the caller's, or its object's. */
static void
seal(struct vm_page *m)
{
	bool sealed = vm_page_seal(m);

	KASSERT(sealed, "vm_object: frame 0x%x has holders 0x%x and cannot be "
	    "sealed", vm_page_index(m), m->holders);
}

/* Puts a filled page, held by the caller, into an empty slot. */
static void
put_page(struct vm_object *ob, struct vm_page **slot, struct vm_page *m)
{
	if (ob->ob_readonly)
		seal(m);
	else
		vm_page_set_owned(m);
	vm_page_own(m);
	*slot = m;
	ob->ob_resident++;
}

/* A page of zeros for an index that has none. */
static int
first_touch(struct vm_object *ob, u_int index, struct vm_page **mp)
{
	struct vm_page **slot, *m = NULL;

	if (!vm_object_charge(ob, 1))
		return (ENOMEM);
	slot = vm_object_slot(ob, index);
	if (slot == NULL || (m = vm_page_zeroed()) == NULL) {
		vm_object_uncharge(ob, 1);
		return (ENOMEM);
	}
	put_page(ob, slot, m);
	*mp = m;
	return (0);
}

/*
 * Replaces the page in a slot by a copy, which is FILLING and the object's.
 * The old entries go first: a thread that could still write by one would write
 * to the old page after it was copied, one that could read would not see what
 * is written to the new one.  The old page, which the flush has made
 * unreachable, loses this owner last.
 */
static struct vm_page *
replace_page(struct vm_object *ob, u_int index, struct vm_page **slot)
{
	struct vm_page *old = *slot, *m = vm_page_alloc_held();

	if (m == NULL)
		return (NULL);
	vm_object_remove_entries(ob, index, 1);
	vm_page_fill(m, old);
	vm_page_own(m);
	*slot = m;
	vm_page_drop_owner(old);
	return (m);
}

int
vm_object_page_locked(struct vm_object *ob, u_int index, bool write,
    struct vm_page **mp)
{
	struct vm_page *m;

	if (index >= ob->ob_pages)
		return (EFAULT);
	if (write && ob->ob_readonly)
		return (EACCES);
	m = vm_object_lookup(ob, index);
	if (m == NULL)
		return (first_touch(ob, index, mp));
	if (write && !vm_page_exclusive(m)) {
		m = replace_page(ob, index, vm_object_slot(ob, index));
		if (m == NULL)
			return (ENOMEM);
		vm_page_set_owned(m);
	}
	*mp = m;
	return (0);
}

/*
 * Calls get() for each page of [index, index + n) until one fails.  Returns how
 * many it got, or minus the error of the first.  Inline in both of its callers,
 * so that get() is, too.
 */
static inline __attribute__((always_inline)) int
each_page(struct vm_object *ob, u_int index, u_int n, bool write,
    int (*get)(struct vm_object *, u_int, bool, struct vm_page **),
    struct vm_page **pages)
{
	int error = 0;
	u_int i;

	if (index >= ob->ob_pages)
		return (-EFAULT);
	n = umin(n, ob->ob_pages - index);
	mtx_lock(&ob->ob_lock);
	for (i = 0; i < n && error == 0; i++)
		error = get(ob, index + i, write, &pages[i]);
	mtx_unlock(&ob->ob_lock);
	if (error != 0 && --i == 0)
		return (-error);
	return ((int)i);
}

/* Holds the page at an index below the size.  ob_lock. */
static inline int
hold_page(struct vm_object *ob, u_int index, bool write, struct vm_page **mp)
{
	struct vm_page *m = vm_object_lookup(ob, index);
	int error;

	if (__builtin_expect(m == NULL || (write && !vm_page_exclusive(m)),
	    0)) {
		error = vm_object_page_locked(ob, index, write, &m);
		if (error != 0)
			return (error);
	}
	if (!vm_page_hold(m))
		return (ENOMEM);
	if (write)
		vm_page_writer_add(m);
	*mp = m;
	return (0);
}

int
vm_object_hold_pages(struct vm_object *ob, u_int index, u_int n, bool write,
    struct vm_page **pages)
{
	return (each_page(ob, index, n, write, hold_page, pages));
}

int
vm_object_insert(struct vm_object *ob, u_int index, struct vm_page *m)
{
	struct vm_page **slot;
	int error = 0;

	if (index >= ob->ob_pages)
		return (EFAULT);
	mtx_lock(&ob->ob_lock);
	slot = vm_object_slot(ob, index);
	if (slot == NULL)
		error = ENOMEM;
	else if (*slot != NULL)
		error = EEXIST;
	else if (!vm_object_charge(ob, 1))
		error = ENOMEM;
	else
		put_page(ob, slot, m);
	mtx_unlock(&ob->ob_lock);
	return (error);
}

/*
 * Seals the page at an index, or puts a sealed copy into its place.  In place
 * if nothing but this object's index holds it: then no mapping of the kernel's
 * is in use, and none can be allocated, because the way to the page is ob_lock.
 */
static struct vm_page *
seal_page(struct vm_object *ob, u_int index, struct vm_page *m)
{
	if (vm_page_exclusive(m))
		vm_object_protect_entries(ob, index, 1);
	else
		m = replace_page(ob, index, vm_object_slot(ob, index));
	if (m != NULL)
		seal(m);
	return (m);
}

/*
 * The page of an index, SEALED and held.  A page with writers stays the
 * object's as it is: what they write must be found there.  The copy of it
 * belongs to the caller alone.
 */
static inline int
send_page(struct vm_object *ob, u_int index, bool write __attribute__((unused)),
    struct vm_page **mp)
{
	struct vm_page *m = vm_object_lookup(ob, index);
	int error;

	if (m != NULL && vm_page_is_sealed(m)) {
		*mp = m;
		return (vm_page_hold(m) ? 0 : ENOMEM);
	}
	error = vm_object_page_locked(ob, index, false, &m);
	if (error != 0)
		return (error);
	if (vm_page_writers(m) != 0) {
		m = vm_page_copied(m);
		if (m == NULL)
			return (ENOMEM);
		seal(m);
		*mp = m;
		return (0);
	}
	if (!vm_page_is_sealed(m) && (m = seal_page(ob, index, m)) == NULL)
		return (ENOMEM);
	*mp = m;
	return (vm_page_hold(m) ? 0 : ENOMEM);
}

int
vm_object_send_pages(struct vm_object *ob, u_int index, u_int n,
    struct vm_page **pages)
{
	return (each_page(ob, index, n, false, send_page, pages));
}

/*
 * Puts a page of one object into a slot of a new one as well; or a copy of it,
 * if the kernel is about to write to it, or it has as many owners as it can.
 * The writers were added under the lock of the page's only owner, which the
 * caller holds: none is added between the look and the new owner.
 */
static bool
share_page(struct vm_object *new, u_int index, struct vm_page *m)
{
	struct vm_page **slot = vm_object_slot(new, index);

	if (slot == NULL)
		return (false);
	if (vm_page_writers(m) == 0 && vm_page_add_owner(m)) {
		*slot = m;
		new->ob_resident++;
		return (true);
	}
	m = vm_page_copied(m);
	if (m == NULL)
		return (false);
	put_page(new, slot, m);
	return (true);
}

/* Shares the pages of a range; false if out of memory. */
static bool
share_pages(struct vm_object *new, struct vm_object *ob, u_int first,
    u_int pages)
{
	u_int last = umin(first + pages, ob->ob_high);
	struct vm_page *m;

	for (u_int i = umax(first, ob->ob_low); i < last; i++) {
		if (ob->ob_chunks[i / OBJECT_CHUNK] == NULL) {
			i |= OBJECT_CHUNK - 1;
			continue;
		}
		m = vm_object_lookup(ob, i);
		if (m != NULL && !share_page(new, i - first, m))
			return (false);
	}
	return (true);
}

/*
 * The pages are charged before they are shared, by the most that there can be;
 * what was too much is given back.
 *
 * Entries lose the right to write before a page gets its second owner.  They
 * stay so until ob_lock is free, because a fault needs it to enter a page.
 */
struct vm_object *
vm_object_copy(struct vm_object *ob, u_int first, u_int pages,
    struct vm_charge *vc)
{
	struct vm_object *new = vm_object_create(pages, vc);
	bool good;
	u_int n;

	KASSERT(first <= ob->ob_pages && pages <= ob->ob_pages - first,
	    "vm_object_copy: pages %u + %u of %u (called from %pC)", first,
	    pages, ob->ob_pages, __caller());
	if (new == NULL)
		return (NULL);
	mtx_lock(&ob->ob_lock);
	n = ob->ob_resident < pages ? ob->ob_resident : pages;
	good = vm_object_charge(new, n);
	if (good) {
		if (!ob->ob_readonly)
			vm_object_protect_entries(ob, first, pages);
		good = share_pages(new, ob, first, pages);
		vm_object_uncharge(new, n - new->ob_resident);
	}
	mtx_unlock(&ob->ob_lock);
	if (good)
		return (new);
	vm_object_release(new);
	return (NULL);
}
