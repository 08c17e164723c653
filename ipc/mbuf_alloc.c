/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the mbufs, their count and its limit, kern.nmbufs.
 *
 * The first NRESERVE that are in use at a time come from an array.  That is
 * most of them, for what a channel has queued is soon read.  m_get() and
 * m_free() of one take 160 instructions together; kmalloc() and kfree() would
 * take another 300, and 900 if the mbuf is the only one in its slab.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <ipc/mbuf.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>

#define	PAGE_SHARE	8u	/* by default, one mbuf for this many pages */
#define	NRESERVE	64u

_Static_assert(sizeof(struct mbuf) == MSIZE && MLEN % sizeof(void *) == 0,
    "an mbuf has another size");

static u_int nmbufs;
TUNABLE_UINT(nmbufs, "kern.nmbufs", nmbufs, 0, 1u << 24,
    "most mbufs; 0 is one for each 8 pages of memory");

static struct spinlock mbufs_lock = SPINLOCK_INITIALIZER("mbufs", RANK_MALLOC);
static u_int mbufs;			/* in use, or about to be */
static struct mbuf reserve[NRESERVE];
static struct mbuf *reserve_free;	/* those that were in use, by m_next */
static u_int reserve_used;		/* the others begin here */

/* Contracts of the public functions are in <ipc/mbuf.h>. */
u_int
m_inuse(void)
{
	return (mbufs);
}

static u_int
limit(void)
{
	return (nmbufs != 0 ? nmbufs : vm_page_count / PAGE_SHARE);
}

/* Counts one more; false at the limit.  *m is of the reserve, or NULL. */
static bool
count_mbuf(struct mbuf **m, bool small)
{
	bool room;

	*m = NULL;
	spin_lock(&mbufs_lock);
	room = mbufs < limit();
	if (room) {
		mbufs++;
		if (!small) {
			/* That is for kmalloc(). */
		} else if (reserve_free != NULL) {
			*m = reserve_free;
			reserve_free = reserve_free->m_next;
		} else if (reserve_used < NRESERVE)
			*m = &reserve[reserve_used++];
	}
	spin_unlock(&mbufs_lock);
	return (room);
}

static void
discount_mbuf(struct mbuf *reserved)
{
	spin_lock(&mbufs_lock);
	mbufs--;
	if (reserved != NULL) {
		reserved->m_next = reserve_free;
		reserve_free = reserved;
	}
	spin_unlock(&mbufs_lock);
}

struct mbuf *
m_getsize(u_int size)
{
	struct mbuf *m;

	KASSERT(size >= MLEN && size <= M_PAGEMIN, "m_getsize: %u bytes "
	    "(called from %pC)", size, __caller());
	if (!count_mbuf(&m, size == MLEN))
		return (NULL);
	if (m == NULL)
		m = kmalloc(sizeof(struct m_hdr) + size, 0);
	if (m == NULL) {
		discount_mbuf(NULL);
		return (NULL);
	}
	m->m_hdr = (struct m_hdr){ .mh_data = m->m_dat,
	    .mh_size = (uint16_t)size };
	return (m);
}

struct mbuf *
m_get(void)
{
	return (m_getsize(MLEN));
}

struct mbuf *
m_getpage(struct vm_page *page, u_int off, u_int len)
{
	struct mbuf *m = m_get();

	KASSERT(off <= PAGE_SIZE && len <= PAGE_SIZE - off, "m_getpage: %u "
	    "bytes at %u of a page (called from %pC)", len, off, __caller());
	if (m == NULL)
		return (NULL);
	m->m_flags = M_EXT;
	m->m_pages[0] = page;
	m->m_count = 1;
	m->m_off = off;
	m->m_len = len;
	return (m);
}

struct mbuf *
m_free(struct mbuf *m)
{
	struct mbuf *next = m->m_next;
	bool reserved = (uintptr_t)m - (uintptr_t)reserve < sizeof(reserve);

	KASSERT((m->m_flags & M_RIGHTS) == 0 || m->m_count == 0, "m_free: %u "
	    "handles are lost (called from %pC)", m->m_count, __caller());
	if ((m->m_flags & M_EXT) != 0)
		for (u_int i = 0; i < m->m_count; i++)
			vm_page_drop(m->m_pages[i]);
	if (!reserved)
		kfree(m);
	discount_mbuf(reserved ? m : NULL);
	return (next);
}

void
m_freem(struct mbuf *m)
{
	while (m != NULL)
		m = m_free(m);
}
