/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * From a user address to pages, and back: the only way by which the kernel gets
 * at a task's bytes; and, for a few bytes, to and from a page at once.
 *
 * A borrowed page is held, so that it is neither freed nor another's until
 * vm_return(), whatever the task unmaps meanwhile.  What is left to show is
 * that bytes which the kernel writes arrive at the task, and at no other.
 *
 * Borrowing for a write against fork (rule 6 of docs/user-mode.md).  Under the
 * object's lock vm_borrow() makes the page exclusive (vm_object_page.c), holds
 * it and counts a writer: one step for all others.  vm_object_copy(), under the
 * same lock, looks at the writers of each page before it shares it.
 *
 *  - If fork comes first, the page has two owners when it is borrowed: it is
 *    not exclusive, so the borrower gets a copy that its task alone has.
 *  - If the borrower comes first, fork finds a writer and gives the child a
 *    copy at once.  The parent keeps the page that the kernel writes to.  The
 *    child sees some of the bytes or none, as if it had looked at that moment.
 *  - If the writer is dropped before fork looks, by a locked instruction after
 *    the last byte was written, then fork shares the page with those bytes.
 *
 * So while a page has writers it has one owner, and is the page that this owner
 * shows: a fault of the task for a write finds it exclusive, and does not
 * replace it.  Were it shared instead (a fork that did not look), a write of
 * the parent would move the parent to a copy, and the kernel's bytes would
 * appear in the child: the race of CVE-2020-29374 with the parts exchanged.
 *
 * Borrowing for reading needs no count.  A write of the task to the page while
 * it is read may go into it by an entry that could write before; what is read
 * is then what a program gets that changes a buffer under way.  No other task's
 * bytes are ever seen: a page that has been shared is not written in place
 * while it is held.
 *
 * Sealing: a page with writers is not sealed, vm_object_send_pages() copies it;
 * and one that is SEALED is not exclusive, so its borrower gets a copy.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <vm/vm_state.h>
#include <vm/map/vm_copy.h>
#include <vm/map/vm_object.h>
#include <vm/map/vm_region.h>

/* Holds pages from va on, within one region, up to npages.  vm_lock. */
static int
borrow_region(struct vm_map *map, vm_offset_t va, u_int prot,
    struct vm_page **pages, u_int npages)
{
	struct vm_region *r = region_find(map, va);

	if (r == NULL)
		return (-EFAULT);
	if (!prot_allows(r->r_prot, prot))
		return (-EACCES);
	return (vm_object_hold_pages(r->r_object, region_index(r, va),
	    umin(npages, atop(r->r_end - va)), (prot & PROT_WRITE) != 0,
	    pages));
}

/* Contracts in vm_map.h. */
int
vm_borrow(struct vm_map *map, vm_offset_t va, vm_size_t size, u_int prot,
    struct vm_page **pages, u_int npages)
{
	u_int want, got = 0;
	int n = 1;

	if (size == 0)
		return (0);
	if (size > USER_END || va > USER_END - size)
		return (-EFAULT);
	want = atop(round_page(va + size) - trunc_page(va));
	if (want > npages)
		want = npages;
	va = trunc_page(va);
	mtx_lock(&map->vm_lock);
	while (got < want && n > 0) {
		n = borrow_region(map, va, prot, &pages[got], want - got);
		if (n > 0) {
			got += (u_int)n;
			va += (u_int)n * PAGE_SIZE;
		}
	}
	mtx_unlock(&map->vm_lock);
	return (got != 0 ? (int)got : n);
}

/*
 * The writer is dropped before the hold, which keeps the page; and by a locked
 * instruction, which fork's look at the count comes after: what was written by
 * the kernel is then in the page that is shared.
 */
void
vm_return(struct vm_page **pages, u_int npages, u_int prot)
{
	for (u_int i = 0; i < npages; i++) {
		if ((prot & PROT_WRITE) != 0)
			vm_page_writer_drop(pages[i]);
		vm_page_drop(pages[i]);
	}
}

/*
 * Copies to or from a page while its object is locked.  So it is not held and
 * has no writer: fork, sealing and freeing need that lock.
 */
static bool
copy_locked(struct vm_object *ob, u_int index, u_int off, void *buf, size_t n,
    bool write)
{
	struct vm_page *m = vm_object_lookup(ob, index);
	struct sf_buf *sf;

	if (m == NULL || (write && !vm_page_exclusive(m)) ||
	    (sf = sf_buf_alloc(m, SFB_NOWAIT)) == NULL)
		return (false);
	if (write)
		memcpy((char *)sf_buf_kva(sf) + off, buf, n);
	else
		memcpy(buf, (const char *)sf_buf_kva(sf) + off, n);
	sf_buf_free(sf);
	return (true);
}

bool
vm_copy_part(struct vm_map *map, vm_offset_t va, void *buf, size_t n,
    u_int prot)
{
	struct vm_region *r;
	bool done = false;

	mtx_lock(&map->vm_lock);
	r = region_find(map, va);
	if (r != NULL && prot_allows(r->r_prot, prot)) {
		mtx_lock(&r->r_object->ob_lock);
		done = copy_locked(r->r_object, region_index(r, va),
		    va & PAGE_MASK, buf, n, (prot & PROT_WRITE) != 0);
		mtx_unlock(&r->r_object->ob_lock);
	}
	mtx_unlock(&map->vm_lock);
	return (done);
}
