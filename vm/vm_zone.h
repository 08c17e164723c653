/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_VM_ZONE_H_
#define	_VM_VM_ZONE_H_

/*
 * Internals of the page allocator, shared by vm_zone.c, vm_page.c, vm_wire.c
 * and vm_stat.c.  A frame is named by its number.
 */

#include <sys/types.h>
#include <vm/vm_page.h>

#define	MAXORDER	10u		/* the largest block is 4 MiB */
#define	NORDERS		(MAXORDER + 1)

struct vm_page_zone {
	/* Under vm_page_lock: */
	uint32_t head[NORDERS];	/* first block of each order, or none */
	uint32_t free;		/* pages */
	uint32_t total;		/* pages that vm_page_add_range() added */
	/* Atomic: */
	volatile uint32_t wired; /* pages */
} __attribute__((aligned(64)));	/* wiring stays off other zones' lines */

extern struct vm_page_zone vm_page_zones[VM_NZONES];

/* vm_zone.c: the free lists. */
void	vm_zone_reset(void);
uint32_t vm_zone_take(const uint8_t *zone, u_int nzones, u_int order);
uint32_t vm_zone_put(uint32_t frame, u_int order, uint8_t state,
	    uint8_t poisoned, const void *caller, struct vm_page *bad);

/* vm_page.c */
void	vm_page_check(const struct vm_page *m, const char *func,
	    const void *caller);
bool	vm_page_referenced(struct vm_page *m);

#endif /* !_VM_VM_ZONE_H_ */
