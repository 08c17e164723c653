/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_UIO_H_
#define	_SYS_UIO_H_

/*
 * uio(9): where bytes are to be moved from or to: vm/map/uio.c.  Each function
 * advances the uio by what it moved.
 */

#include <sys/types.h>

struct vm_map;
struct vm_page;

enum uio_rw { UIO_READ, UIO_WRITE };	/* into the uio, out of the uio */

struct uio {
	struct vm_map *uio_map;		/* NULL: kernel memory */
	vm_offset_t uio_base;		/* the next byte */
	vm_size_t uio_resid;		/* bytes left */
	enum uio_rw uio_rw;
};

/*
 * uiomove: copies at most n bytes, and at most uio_resid, between kernel memory
 * and the uio, in the uio's direction.  Thread context; sleeps; may hold no
 * mutex that a fault takes (of a map or object).  Returns 0 or EFAULT, EACCES,
 * ENOMEM, EINTR; what was moved before the error counts as moved.
 */
int	uiomove(void *buf, size_t n, struct uio *uio);

/*
 * uiomove_pages: as uiomove(), with n bytes at offset off of a run of pages
 * that the caller holds (vm_page_hold()), through sf_bufs.  UIO_WRITE writes to
 * the pages, which are FILLING or OWNED.  uiomove_page: with one page, in which
 * the bytes lie.
 */
int	uiomove_pages(struct vm_page *const *m, u_int off, size_t n,
	    struct uio *uio);

static inline int
uiomove_page(struct vm_page *m, u_int off, size_t n, struct uio *uio)
{
	return (uiomove_pages(&m, off, n, uio));
}

#endif /* !_SYS_UIO_H_ */
