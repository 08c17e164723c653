/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * mbuf(9): what is done with chains.  A chain belongs to one thread, or to what
 * has it on a queue; so nothing here locks.  mbuf_alloc.c owns the memory.
 *
 * Invariants:
 *
 *  - m_len bytes begin at m_data, inside of m_dat; or, with M_EXT, at m_off of
 *    a run of m_count pages, each of which the mbuf holds.
 *  - m_pktlen of the first mbuf of a packet is the length of its chain.
 *  - Storage that two mbufs share is external, and so is never written.
 *  - An mbuf of M_RIGHTS has no bytes.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <sys/uio.h>
#include <ipc/mbuf.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>

/* Contracts of the public functions are in <ipc/mbuf.h>. */
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

/* Holds n pages; false, and none is held, if one has too many holders. */
static bool
hold_pages(struct vm_page *const *pages, u_int n)
{
	for (u_int i = 0; i < n; i++) {
		if (!vm_page_hold(pages[i])) {
			while (i-- > 0)
				vm_page_drop(pages[i]);
			return (false);
		}
	}
	return (true);
}

/* A new mbuf that shares bytes [off, off + len) of m's pages. */
static struct mbuf *
share_pages(const struct mbuf *m, u_int off, u_int len)
{
	u_int first = (m->m_off + off) >> PAGE_SHIFT;
	u_int end = atop(round_page(m->m_off + off + len));
	struct mbuf *n = m_get();

	if (n == NULL)
		return (NULL);
	if (!hold_pages(m->m_pages + first, end - first)) {
		m_free(n);
		return (NULL);
	}
	n->m_flags = M_EXT;
	n->m_count = end - first;
	memcpy(n->m_pages, m->m_pages + first,
	    (end - first) * sizeof(n->m_pages[0]));
	n->m_off = (m->m_off + off) & PAGE_MASK;
	n->m_len = len;
	return (n);
}

/* A new mbuf with bytes [off, off + len) of m, which has them. */
static struct mbuf *
copy_part(const struct mbuf *m, u_int off, u_int len)
{
	struct mbuf *n;

	if ((m->m_flags & M_EXT) != 0)
		return (share_pages(m, off, len));
	if ((n = m_getsize(len > MLEN ? len : MLEN)) != NULL) {
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

/* Copies the bytes of one mbuf, from off, to a uio. */
static int
move_one(struct uio *uio, const struct mbuf *m, u_int off)
{
	u_int n = m->m_len - off;

	if ((m->m_flags & M_EXT) != 0)
		return (uiomove_pages(m->m_pages, m->m_off + off, n, uio));
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

/* An mbuf with the bytes of a uio that are left. */
static struct mbuf *
fill_mbuf(struct uio *uio, int *error)
{
	u_int n = uio->uio_resid;
	struct mbuf *m = m_getsize(n > MLEN ? n : MLEN);

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

/* Gives an empty mbuf new pages for n bytes, which have no contents yet. */
static int
get_pages(struct mbuf *m, u_int n)
{
	m->m_flags = M_EXT;
	m->m_len = n;
	for (u_int end = atop(round_page(n)); m->m_count < end; m->m_count++)
		if ((m->m_pages[m->m_count] = vm_page_alloc_held()) == NULL)
			return (ENOMEM);
	return (0);
}

/* An mbuf with the next bytes of a uio in pages of its own. */
static struct mbuf *
fill_pages(struct uio *uio, int *error)
{
	u_int n = umin(uio->uio_resid, M_MAXPAGES * PAGE_SIZE);
	struct mbuf *m = m_get();
	bool sealed = true;

	if (m == NULL) {
		*error = ENOBUFS;
		return (NULL);
	}
	*error = get_pages(m, n);
	if (*error == 0)
		*error = uiomove_pages(m->m_pages, 0, n, uio);
	if (*error != 0) {
		m_free(m);
		return (NULL);
	}
	for (u_int i = 0; i < m->m_count; i++)
		sealed &= vm_page_seal(m->m_pages[i]);
	KASSERT(sealed, "m_uiotombuf: a new page has another holder");
	return (m);
}

struct mbuf *
m_uiotombuf(struct uio *uio, int *error)
{
	struct mbuf *chain = NULL, **end = &chain;

	*error = 0;
	do {
		*end = uio->uio_resid >= M_PAGEMIN ? fill_pages(uio, error) :
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
