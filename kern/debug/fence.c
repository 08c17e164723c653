/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The leak fence: counts of what the kernel has handed out.  Owns nothing, and
 * changes nothing but that it gives back what is only kept.
 */

#include <sys/types.h>
#include <sys/fence.h>
#include <sys/malloc.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/pmap_user.h>
#include <vm/kmem.h>
#include <vm/vm_held.h>
#include <vm/vm_page.h>

static const char *const names[FENCE_NCOUNTS] = {
	[FENCE_THREADS] = "threads",
	[FENCE_SF_BUFS] = "references of sf_bufs",
	[FENCE_PAGES] = "pages in use",
	[FENCE_WIRED_PAGES] = "wired pages",
	[FENCE_HEAP_BYTES] = "heap bytes",
};

/* References to direct-mapped pages, which the pages themselves count. */
static uint32_t
direct_references(void)
{
	const struct vm_page *m;
	uint32_t n = 0;

	for (m = vm_page_array; sf_buf_page_is_direct(m); m++)
		n += sf_refs_any(m->sf_refs) ? m->sf_refs : 0;
	return (n);
}

/* Contracts are in <sys/fence.h>. */
void
fence_read(struct fence *f)
{
	uint32_t *v = f->counts;

	v[FENCE_THREADS] = thread_count();
	v[FENCE_SF_BUFS] = sf_buf_inuse() + direct_references();
	(void)kmem_reclaim();
	(void)pmap_reclaim();
	(void)vm_held_reclaim();
	v[FENCE_PAGES] = 0;
	for (int z = 0; z < VM_NZONES; z++)
		v[FENCE_PAGES] += vm_page_zone_total((enum vm_zone)z) -
		    vm_page_zone_free((enum vm_zone)z);
	v[FENCE_WIRED_PAGES] = vm_page_wired_count();
	v[FENCE_HEAP_BYTES] = kmalloc_bytes();
}

u_int
fence_compare(const char *prefix, const struct fence *was,
    const struct fence *is)
{
	u_int differ = 0;

	for (u_int i = 0; i < FENCE_NCOUNTS; i++) {
		if (is->counts[i] == was->counts[i])
			continue;
		differ++;
		printf("%sleak: %s: %u before, %u after\n", prefix, names[i],
		    was->counts[i], is->counts[i]);
	}
	return (differ);
}
