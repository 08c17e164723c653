/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_VM_HELD_H_
#define	_VM_VM_HELD_H_

/* Free pages for vm_page_alloc_held(), kept by each CPU: vm/vm_held.c. */

#include <vm/vm_page.h>

/*
 * vm_held_take: a wired page from outside the direct map; NULL if there is
 * none.  Context as vm_page_alloc(). vm_held_put: frees such a page for
 * `caller'.  It has one wiring and no holder.  Panics if a mapping of it is
 * referenced.  Any context but NMI.
 */
struct vm_page *vm_held_take(void);
void	vm_held_put(struct vm_page *m, const void *caller);

/*
 * vm_held_reclaim: gives what all CPUs keep back to the free lists; true if
 * there was any.  Any context in which pages may be freed.
 */
bool	vm_held_reclaim(void);

/* vm_held_init: for start-up, once, after pmap_user_init(). */
void	vm_held_init(void);

#endif /* !_VM_VM_HELD_H_ */
