/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_MAP_VM_COPY_H_
#define	_VM_MAP_VM_COPY_H_

/* Pages that are filled, and two mappings at once: vm/map/vm_copy.c. */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <vm/vm_state.h>

/*
 * sf_buf_alloc_pair: maps two pages, as sf_buf_alloc() with `flags', 0 or
 * SFB_CATCH.  False, and neither is mapped, if a signal ended the wait.  Thread
 * context, sleeps; the caller holds no sf_buf.
 */
bool	sf_buf_alloc_pair(struct vm_page *a, struct vm_page *b, int flags,
	    struct sf_buf *sf[2]);

static inline void
sf_buf_free_pair(struct sf_buf *sf[2])
{
	sf_buf_free(sf[0]);
	sf_buf_free(sf[1]);
}

/*
 * vm_page_zeroed, vm_page_copied: a page of vm_page_alloc_held() that is full
 * of zeros, or of what `from' has.  NULL if there is none.  Thread context,
 * sleep.
 */
struct vm_page *vm_page_zeroed(void);
struct vm_page *vm_page_copied(struct vm_page *from);

/* vm_page_fill: makes m a copy of `from'.  Thread context, sleeps. */
void	vm_page_fill(struct vm_page *m, struct vm_page *from);

/*
 * vm_page_exclusive: whether m, a page of an object whose lock is held, may be
 * written where it is: vm_object_page.c says what that takes.
 */
static inline bool
vm_page_exclusive(const struct vm_page *m)
{
	uint32_t holders = m->holders;

	return (*(const volatile uint8_t *)&m->state == VPS_OWNED &&
	    (holders == HOLD_OWNER || ((holders & HOLD_OWNERS) == HOLD_OWNER &&
	    vm_page_writers(m) != 0)));
}

#endif /* !_VM_MAP_VM_COPY_H_ */
