/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * mbuf(9): owns the count of mbufs and its limit, kern.nmbufs.  A chain belongs
 * to one thread, or to what has it on a queue; so nothing here locks.
 *
 * Invariants:
 *
 *  - m_len bytes begin at m_data, inside of m_dat; or, with M_EXT, at m_off of
 *    m_page, which the mbuf holds.
 *  - m_pktlen of the first mbuf of a packet is the length of its chain.
 *  - Storage that two mbufs share is external, and so is never written.
 *  - An mbuf of M_RIGHTS has no bytes.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <sys/uio.h>
#include <machine/atomic.h>
#include <ipc/mbuf.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>

#define	PAGE_SHARE	8u	/* by default, one mbuf for this many pages */

_Static_assert(sizeof(struct mbuf) == MSIZE, "an mbuf has another size");

static u_int nmbufs;
TUNABLE_UINT(nmbufs, "kern.nmbufs", nmbufs, 0, 1u << 24,
    "most mbufs; 0 is one for each 8 pages of memory");

static volatile uint32_t mbufs;		/* in use */

/* Contracts of the public functions are in <ipc/mbuf.h>. */
u_int
m_count(void)
{
	return (mbufs);
}

static u_int
limit(void)
{
	return (nmbufs != 0 ? nmbufs : vm_page_count / PAGE_SHARE);
}

struct mbuf *
m_get(void)
{
	struct mbuf *m = NULL;

	if (atomic_fetchadd_32(&mbufs, 1) < limit())
		m = kmalloc(MSIZE, 0);
	if (m == NULL) {
		atomic_fetchadd_32(&mbufs, -1u);
		return (NULL);
	}
	m->m_hdr = (struct m_hdr){ .mh_data = m->m_dat };
	return (m);
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
	m->m_page = page;
	m->m_off = off;
	m->m_len = len;
	return (m);
}

struct mbuf *
m_free(struct mbuf *m)
{
	struct mbuf *next = m->m_next;

	KASSERT(m->m_nrights == 0, "m_free: %u handles are lost (called from "
	    "%pC)", m->m_nrights, __caller());
	if ((m->m_flags & M_EXT) != 0)
		vm_page_drop(m->m_page);
	kfree(m);
	atomic_fetchadd_32(&mbufs, -1u);
	return (next);
}

void
m_freem(struct mbuf *m)
{
	while (m != NULL)
		m = m_free(m);
}

u_int
m_length(const struct mbuf *m)
{
	u_int len = 0;

	for (; m != NULL; m = m->m_next)
		len += m->m_len;
	return (len);
}

static struct mbuf *
last_of(struct mbuf *m)
{
	while (m->m_next != NULL)
		m = m->m_next;
	return (m);
}

/*
 * The mbuf that has the byte at *off of a chain; *off becomes its place there.
 * Panics if there is no such byte.
 */
static const struct mbuf *
find_byte(const struct mbuf *m, u_int *off, const void *caller)
{
	for (; m != NULL && *off >= m->m_len; m = m->m_next)
		*off -= m->m_len;
	KASSERT(m != NULL, "mbuf: a chain is shorter than what is asked of it "
	    "by %u bytes and more (called from %pC)", *off, caller);
	return (m);
}

/* A new mbuf with bytes [off, off + len) of m, which has them. */
static struct mbuf *
copy_part(const struct mbuf *m, u_int off, u_int len)
{
	struct mbuf *n;

	if ((m->m_flags & M_EXT) != 0) {
		if (!vm_page_hold(m->m_page))
			return (NULL);
		n = m_getpage(m->m_page, m->m_off + off, len);
		if (n == NULL)
			vm_page_drop(m->m_page);
		return (n);
	}
	if ((n = m_get()) != NULL) {
		memcpy(n->m_data, m->m_data + off, len);
		n->m_len = len;
	}
	return (n);
}

/* A lent page is its task's again once it was read: no copy may keep it. */
static void
check_not_lent(const struct mbuf *m, const void *caller)
{
	KASSERT((m->m_flags & M_LENT) == 0, "mbuf: a lent page is shared "
	    "(called from %pC)", caller);
}

struct mbuf *
m_copym(const struct mbuf *m, u_int off, u_int len)
{
	bool packet = (m->m_flags & M_PKTHDR) != 0;
	struct mbuf *copy = NULL, **end = &copy;
	u_int n, done = 0;

	m = find_byte(m, &off, __caller());
	for (; m != NULL && done < len; m = m->m_next, off = 0) {
		check_not_lent(m, __caller());
		n = umin(m->m_len - off, len - done);
		if (n == 0)
			continue;
		if ((*end = copy_part(m, off, n)) == NULL) {
			m_freem(copy);
			return (NULL);
		}
		end = &(*end)->m_next;
		done += n;
	}
	KASSERT(done == len || (len == M_COPYALL && done > 0), "m_copym: %u "
	    "bytes of %u (called from %pC)", done, len, __caller());
	if (packet) {
		copy->m_flags |= M_PKTHDR;
		copy->m_pktlen = done;
	}
	return (copy);
}

static void
adj_front(struct mbuf *m, u_int n)
{
	u_int cut;

	for (; m != NULL && n > 0; m = m->m_next) {
		cut = umin(n, m->m_len);
		m_adj_one(m, cut);
		n -= cut;
	}
}

/* Shortens a chain to its first `keep' bytes. */
static void
adj_end(struct mbuf *m, u_int keep)
{
	for (; m != NULL; m = m->m_next) {
		m->m_len = umin(m->m_len, keep);
		keep -= m->m_len;
	}
}

void
m_adj(struct mbuf *m, int n)
{
	u_int len = m_length(m);
	u_int cut = umin(len, n < 0 ? -(u_int)n : (u_int)n);

	if (n < 0)
		adj_end(m, len - cut);
	else
		adj_front(m, cut);
	if ((m->m_flags & M_PKTHDR) != 0)
		m->m_pktlen -= cut;
}

/*
 * Cuts one mbuf in two at off, which is inside of it; the second gets what
 * comes behind.  NULL if out of memory.
 */
static struct mbuf *
split_one(struct mbuf *m, u_int off)
{
	struct mbuf *n;

	check_not_lent(m, __caller());
	if ((n = copy_part(m, off, m->m_len - off)) == NULL)
		return (NULL);
	m->m_len = off;
	n->m_next = m->m_next;
	n->m_flags |= m->m_flags & M_EOR;
	m->m_flags &= ~M_EOR;
	return (n);
}

struct mbuf *
m_split(struct mbuf *m0, u_int off)
{
	struct mbuf *m = m0, *n;
	u_int left = off;

	for (; m != NULL && left > m->m_len; m = m->m_next)
		left -= m->m_len;
	KASSERT(off > 0 && m != NULL && (left < m->m_len ||
	    m_length(m->m_next) > 0), "m_split: at %u, which is not inside "
	    "(called from %pC)", off, __caller());
	n = left < m->m_len ? split_one(m, left) : m->m_next;
	if (n == NULL)
		return (NULL);
	m->m_next = NULL;
	if ((m0->m_flags & M_PKTHDR) != 0) {
		n->m_flags |= M_PKTHDR;
		n->m_pktlen = m0->m_pktlen - off;
		m0->m_pktlen = off;
	}
	return (n);
}

void
m_cat(struct mbuf *m, struct mbuf *n)
{
	struct mbuf *last = last_of(m);

	if ((m->m_flags & M_PKTHDR) != 0)
		m->m_pktlen += m_length(n);
	last->m_flags &= ~M_EOR;
	last->m_next = n;
	n->m_flags &= ~M_PKTHDR;
}

/* Copies at most `most' bytes of one mbuf, from off, to a uio. */
static int
move_one(struct uio *uio, const struct mbuf *m, u_int off)
{
	u_int n = m->m_len - off;

	if ((m->m_flags & M_EXT) != 0)
		return (uiomove_page(m->m_page, m->m_off + off, n, uio));
	return (uiomove(m->m_data + off, n, uio));
}

int
m_mbuftouio(struct uio *uio, const struct mbuf *m)
{
	int error = 0;

	for (; m != NULL && uio->uio_resid > 0 && error == 0; m = m->m_next)
		error = move_one(uio, m, 0);
	return (error);
}

void
m_copydata(const struct mbuf *m, u_int off, u_int len, void *buf)
{
	struct uio uio = { .uio_base = (vm_offset_t)buf, .uio_resid = len,
	    .uio_rw = UIO_READ };
	int error;

	if (len == 0)
		return;
	m = find_byte(m, &off, __caller());
	error = move_one(&uio, m, off);
	if (error == 0)
		error = m_mbuftouio(&uio, m->m_next);
	KASSERT(error == 0 && uio.uio_resid == 0, "m_copydata: error %d, %u "
	    "bytes of %u are not there (called from %pC)", error,
	    (u_int)uio.uio_resid, len, __caller());
}

/* An mbuf with the next bytes of a uio, as many as it has room for. */
static struct mbuf *
fill_mbuf(struct uio *uio, int *error)
{
	u_int n = umin(uio->uio_resid, MLEN);
	struct mbuf *m = m_get();

	if (m == NULL) {
		*error = ENOBUFS;
		return (NULL);
	}
	if ((*error = uiomove(m->m_dat, n, uio)) != 0) {
		m_free(m);
		return (NULL);
	}
	m->m_len = n;
	return (m);
}

/* An mbuf with a page of the next bytes of a uio, or with those that are left. */
static struct mbuf *
fill_page(struct uio *uio, int *error)
{
	u_int n = umin(uio->uio_resid, PAGE_SIZE);
	struct vm_page *page = vm_page_alloc_held();
	struct mbuf *m = NULL;

	if (page == NULL) {
		*error = ENOMEM;
		return (NULL);
	}
	*error = uiomove_page(page, 0, n, uio);
	if (*error == 0) {
		vm_page_seal(page);
		if ((m = m_getpage(page, 0, n)) == NULL)
			*error = ENOBUFS;
	}
	if (m == NULL)
		vm_page_drop(page);
	return (m);
}

struct mbuf *
m_uiotombuf(struct uio *uio, int *error)
{
	struct mbuf *chain = NULL, **end = &chain;

	*error = 0;
	do {
		*end = uio->uio_resid >= M_PAGEMIN ? fill_page(uio, error) :
		    fill_mbuf(uio, error);
		if (*end == NULL) {
			m_freem(chain);
			return (NULL);
		}
		end = &(*end)->m_next;
	} while (uio->uio_resid > 0);
	return (chain);
}

struct mbuf *
m_devget(const void *buf, u_int len)
{
	struct uio uio = { .uio_base = (vm_offset_t)buf, .uio_resid = len,
	    .uio_rw = UIO_WRITE };
	int error;

	return (m_uiotombuf(&uio, &error));
}
