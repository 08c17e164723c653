/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * uio(9): moves bytes between the kernel's memory, pages and objects on one
 * side, and what a struct uio names on the other.
 *
 * A task's pages are borrowed first, some at once, and then mapped one by one:
 * a thread that holds an sf_buf never waits for the lock of a map or object.
 * If a signal ends the wait for an sf_buf, what was moved so far counts.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/uio.h>
#include <vm/vm_page.h>
#include <vm/map/vm_copy.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>

#define	UIO_BATCH	16u		/* pages that are borrowed at once */

static inline size_t
least(size_t a, size_t b)
{
	return (a < b ? a : b);
}

static inline void
advance(struct uio *uio, size_t n)
{
	uio->uio_base += n;
	uio->uio_resid -= n;
}

/* What the kernel does with the pages that a uio names. */
static inline u_int
uio_prot(const struct uio *uio)
{
	return (uio->uio_rw == UIO_READ ? PROT_WRITE : PROT_READ);
}

/* Copies into the uio or out of it. */
static inline void
copy(enum uio_rw rw, void *inside, void *outside, size_t n)
{
	if (rw == UIO_READ)
		memcpy(outside, inside, n);
	else
		memcpy(inside, outside, n);
}

/* Bytes from uio_base to the end of its page, at most n. */
static inline size_t
page_part(const struct uio *uio, size_t n)
{
	return (least(n, PAGE_SIZE - (uio->uio_base & PAGE_MASK)));
}

/* Moves the part of [buf, buf + n) that the uio's next page takes. */
static size_t
move_part(struct vm_page *m, void *buf, size_t n, struct uio *uio)
{
	struct sf_buf *sf = sf_buf_alloc(m, SFB_CATCH);

	if (sf == NULL)
		return (0);
	n = page_part(uio, n);
	copy(uio->uio_rw, buf, (char *)sf_buf_kva(sf) +
	    (uio->uio_base & PAGE_MASK), n);
	sf_buf_free(sf);
	advance(uio, n);
	return (n);
}

/* Contracts of uiomove() and uiomove_pages() are in <sys/uio.h>. */
int
uiomove(void *buf, size_t n, struct uio *uio)
{
	struct vm_page *pages[UIO_BATCH];
	char *p = buf;
	size_t moved = 1;
	int got;

	n = least(n, uio->uio_resid);
	if (uio->uio_map == NULL) {
		copy(uio->uio_rw, buf, (void *)uio->uio_base, n);
		advance(uio, n);
		return (0);
	}
	if (page_part(uio, n) == n && vm_copy_part(uio->uio_map,
	    uio->uio_base, buf, n, uio_prot(uio))) {
		advance(uio, n);
		return (0);
	}
	for (; n > 0 && moved > 0; ) {
		got = vm_borrow(uio->uio_map, uio->uio_base, n, uio_prot(uio),
		    pages, UIO_BATCH);
		if (got < 0)
			return (-got);
		for (int i = 0; i < got && moved > 0; i++) {
			moved = move_part(pages[i], p, n, uio);
			p += moved;
			n -= moved;
		}
		vm_return(pages, (u_int)got, uio_prot(uio));
	}
	return (n == 0 ? 0 : EINTR);
}

/* Bytes from an offset in a run of pages to the end of that page, at most n. */
static inline size_t
run_part(u_int off, size_t n)
{
	return (least(n, PAGE_SIZE - (off & PAGE_MASK)));
}

/* Between a run of pages and the kernel's memory. */
static int
move_kernel(struct vm_page *const *m, u_int off, size_t n, struct uio *uio)
{
	struct sf_buf *sf;
	size_t part;

	for (; n > 0; n -= part, off += part) {
		sf = sf_buf_alloc(m[off >> PAGE_SHIFT], SFB_CATCH);
		if (sf == NULL)
			return (EINTR);
		part = run_part(off, n);
		copy(uio->uio_rw, (char *)sf_buf_kva(sf) + (off & PAGE_MASK),
		    (void *)uio->uio_base, part);
		sf_buf_free(sf);
		advance(uio, part);
	}
	return (0);
}

/* Between a page and the part of it that `other', the uio's next, takes. */
static size_t
move_pages(struct vm_page *m, u_int off, struct vm_page *other, size_t n,
    struct uio *uio)
{
	struct sf_buf *sf[2];

	if (!sf_buf_alloc_pair(m, other, SFB_CATCH, sf))
		return (0);
	n = page_part(uio, n);
	copy(uio->uio_rw, (char *)sf_buf_kva(sf[0]) + off,
	    (char *)sf_buf_kva(sf[1]) + (uio->uio_base & PAGE_MASK), n);
	sf_buf_free_pair(sf);
	advance(uio, n);
	return (n);
}

/* Between a run of pages and the uio's next pages; false if interrupted. */
static bool
move_batch(struct vm_page *const *m, u_int *off, size_t *n,
    struct vm_page **pages, u_int npages, struct uio *uio)
{
	vm_offset_t first = trunc_page(uio->uio_base);
	size_t moved = 1;

	for (u_int i = 0; *n > 0 && moved > 0 && i < npages;
	    i = atop(uio->uio_base - first)) {
		moved = move_pages(m[*off >> PAGE_SHIFT], *off & PAGE_MASK,
		    pages[i], run_part(*off, *n), uio);
		*off += moved;
		*n -= moved;
	}
	return (moved > 0);
}

int
uiomove_pages(struct vm_page *const *m, u_int off, size_t n, struct uio *uio)
{
	struct vm_page *pages[UIO_BATCH];
	bool more = true;
	int got;

	n = least(n, uio->uio_resid);
	if (uio->uio_map == NULL)
		return (move_kernel(m, off, n, uio));
	while (n > 0 && more) {
		got = vm_borrow(uio->uio_map, uio->uio_base, n, uio_prot(uio),
		    pages, UIO_BATCH);
		if (got < 0)
			return (-got);
		more = move_batch(m, &off, &n, pages, (u_int)got, uio);
		vm_return(pages, (u_int)got, uio_prot(uio));
	}
	return (n == 0 ? 0 : EINTR);
}

/* Contract in vm_object.h. */
int
vm_object_io(struct vm_object *ob, uint64_t offset, struct uio *uio)
{
	bool write = uio->uio_rw == UIO_WRITE;
	struct vm_page *pages[UIO_BATCH];
	int got, error = 0;
	u_int off;
	size_t n;

	for (; error == 0 && uio->uio_resid > 0 && offset < ob->ob_size;
	    offset += n) {
		off = (u_int)offset & PAGE_MASK;
		n = least(uio->uio_resid, UIO_BATCH * PAGE_SIZE - off);
		if (n > ob->ob_size - offset)
			n = (size_t)(ob->ob_size - offset);
		got = vm_object_hold_pages(ob, atop(offset),
		    atop(round_page(off + n)), write, pages);
		if (got < 0)
			return (-got);
		n = least(n, (u_int)got * PAGE_SIZE - off);
		error = uiomove_pages(pages, off, n, uio);
		vm_return(pages, (u_int)got, write ? PROT_WRITE : PROT_READ);
	}
	return (error);
}
