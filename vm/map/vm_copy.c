/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Pages that are filled with zeros or from another page, through sf_bufs.
 *
 * A copy from page to page needs two mappings at once.  A thread that held one
 * and slept for the other could sleep for ever: every slot could belong to a
 * thread that does so.  So the second is asked for without a sleep; if there is
 * none, the thread gives the first back and queues for pair_lock, whose holder
 * alone sleeps with a mapping in its hand.  All others that have a mapping have
 * what they need and will give it back: so the holder gets its second one.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>
#include <vm/map/vm_copy.h>

static struct mtx pair_lock = MTX_INITIALIZER("sf_buf pair", RANK_SF_PAIR);

/* Contracts of the functions are in vm_copy.h. */
static bool __attribute__((noinline))
pair_slow(struct vm_page *a, struct vm_page *b, int flags, struct sf_buf *sf[2])
{
	mtx_lock(&pair_lock);
	sf[0] = sf_buf_alloc(a, flags);
	sf[1] = sf[0] == NULL ? NULL : sf_buf_alloc(b, flags);
	mtx_unlock(&pair_lock);
	if (sf[1] != NULL)
		return (true);
	if (sf[0] != NULL)
		sf_buf_free(sf[0]);
	return (false);
}

bool
sf_buf_alloc_pair(struct vm_page *a, struct vm_page *b, int flags,
    struct sf_buf *sf[2])
{
	sf[0] = sf_buf_alloc(a, flags);
	if (sf[0] == NULL)
		return (false);
	sf[1] = sf_buf_alloc(b, SFB_NOWAIT);
	if (__builtin_expect(sf[1] != NULL, 1))
		return (true);
	sf_buf_free(sf[0]);
	return (pair_slow(a, b, flags, sf));
}

struct vm_page *
vm_page_zeroed(void)
{
	struct vm_page *m = vm_page_alloc_held();
	struct sf_buf *sf;

	if (m == NULL)
		return (NULL);
	sf = sf_buf_alloc(m, 0);
	memset((void *)sf_buf_kva(sf), 0, PAGE_SIZE);
	sf_buf_free(sf);
	return (m);
}

void
vm_page_fill(struct vm_page *m, struct vm_page *from)
{
	struct sf_buf *sf[2];

	(void)sf_buf_alloc_pair(m, from, 0, sf);
	memcpy((void *)sf_buf_kva(sf[0]), (const void *)sf_buf_kva(sf[1]),
	    PAGE_SIZE);
	sf_buf_free_pair(sf);
}

struct vm_page *
vm_page_copied(struct vm_page *from)
{
	struct vm_page *m = vm_page_alloc_held();

	if (m != NULL)
		vm_page_fill(m, from);
	return (m);
}
