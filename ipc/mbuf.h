/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _IPC_MBUF_H_
#define	_IPC_MBUF_H_

/*
 * mbuf(9): chains of bytes, in the mbuf itself or in pages: ipc/mbuf.c.
 *
 * External storage is a part of a run of pages, up to M_MAXPAGES of them, each
 * held (vm_page_hold()) by each mbuf that refers to it, and never written: they
 * are SEALED, or they are pages that their writer lends (M_LENT) and that may
 * change in its task only.  They are mapped only while bytes are copied.
 */

#include <sys/types.h>

struct uio;
struct vm_page;

#define	MSIZE		256u
#define	M_MAXPAGES	17u	/* of 64 KiB that begin anywhere */
#define	M_EXT		0x01	/* the bytes are in pages */
#define	M_PKTHDR	0x02	/* the first of a message: m_pktlen counts */
#define	M_EOR		0x04	/* the last of a message */
#define	M_LENT		0x08	/* the pages are the writer's, until read */
#define	M_RIGHTS	0x10	/* handles, not bytes: ipc/rights.c */

struct m_hdr {
	struct mbuf *mh_next;		/* the rest of the chain */
	uint8_t *mh_data;		/* the first byte; not of M_EXT */
	uint32_t mh_off;		/* of M_EXT: where in the run */
	uint32_t mh_len;		/* bytes in this mbuf */
	uint32_t mh_pktlen;		/* bytes in the chain, of M_PKTHDR */
	uint16_t mh_flags;
	uint16_t mh_size;		/* bytes of m_dat */
	uint32_t mh_count;		/* pages of M_EXT, or handles */
};
#define	MLEN		(MSIZE - sizeof(struct m_hdr))

struct mbuf {
	struct m_hdr m_hdr;
	union {
		uint8_t m_dat[MLEN];	/* or more, if m_size says so */
		struct vm_page *m_pages[M_MAXPAGES];	/* of M_EXT */
	};
};
#define	m_next		m_hdr.mh_next
#define	m_data		m_hdr.mh_data
#define	m_off		m_hdr.mh_off
#define	m_len		m_hdr.mh_len
#define	m_pktlen	m_hdr.mh_pktlen
#define	m_flags		m_hdr.mh_flags
#define	m_size		m_hdr.mh_size
#define	m_count		m_hdr.mh_count

/*
 * From this many bytes on, m_uiotombuf() takes pages; below, an mbuf that is as
 * large as the bytes.  To write and read 1536 bytes costs 2,380 instructions in
 * an mbuf; 2048 bytes cost 3,530 in a page.  In an mbuf they would need a page as
 * well, one of the direct map.
 */
#define	M_PAGEMIN	1900u

/*
 * m_get: an empty mbuf, with room for MLEN bytes; m_getsize: for `size' bytes,
 * from MLEN to M_PAGEMIN.  m_getpage: one whose storage is [off, off + len) of
 * a page, and takes over the caller's hold of it if it succeeds.  Any context
 * in which kmalloc() may be called; never sleep; NULL if out of memory or at
 * the limit kern.nmbufs.
 */
struct mbuf *m_get(void);
struct mbuf *m_getsize(u_int size);
struct mbuf *m_getpage(struct vm_page *m, u_int off, u_int len);

/*
 * m_free: frees one and returns the next; external storage loses this holder.
 * m_freem: frees a chain, or nothing if m is NULL.  Context as m_get().  An
 * mbuf of M_RIGHTS has no handles any more.
 */
struct mbuf *m_free(struct mbuf *m);
void	m_freem(struct mbuf *m);

/* m_length: the bytes of a chain.  Any context. */
u_int	m_length(const struct mbuf *m);

/*
 * m_copym: another chain with bytes [off, off + len), of which there is at
 * least one: external storage is shared, what is inside is copied.  M_COPYALL:
 * to the end.  Lent pages cannot be shared.  Context as m_get(); NULL if out of
 * memory.
 */
#define	M_COPYALL	0x7fffffffu
struct mbuf *m_copym(const struct mbuf *m, u_int off, u_int len);

/*
 * m_adj: cuts n bytes off the front, or -n off the end, or all if there are
 * less; the mbufs stay, some of them empty.  Any context.
 */
void	m_adj(struct mbuf *m, int n);

/* As m_adj(), n bytes off the front of an mbuf that has them; no packet. */
static inline void
m_adj_one(struct mbuf *m, u_int n)
{
	if ((m->m_flags & M_EXT) != 0)
		m->m_off += n;
	else
		m->m_data += n;
	m->m_len -= n;
}

/*
 * m_split: cuts a chain in two at off, which is inside of it, and returns the
 * second: a packet if m is one, and then M_EOR goes with it.  Context as
 * m_get(); NULL if out of memory, and m is whole.
 */
struct mbuf *m_split(struct mbuf *m, u_int off);

/*
 * m_cat: appends chain n to chain m, whose end M_EOR was and n's is from now
 * on.  Any context.
 */
void	m_cat(struct mbuf *m, struct mbuf *n);

/*
 * m_copydata: copies bytes [off, off + len) of a chain to kernel memory.
 * m_devget: a new chain with bytes of kernel memory; NULL if out of memory.
 * Thread context, sleep (sf_buf(9)).
 */
void	m_copydata(const struct mbuf *m, u_int off, u_int len, void *buf);
struct mbuf *m_devget(const void *buf, u_int len);

/*
 * m_uiotombuf: a chain with all bytes of a uio: in mbufs if they are few, else
 * in SEALED pages of its own.  NULL and *error: ENOBUFS, ENOMEM, or what
 * uiomove() returned; some bytes of the uio have been moved then, and are lost.
 * m_mbuftouio: copies the bytes of a chain to a uio, at most its uio_resid; 0
 * or what uiomove() returned.  Thread context, sleep.
 */
struct mbuf *m_uiotombuf(struct uio *uio, int *error);
int	m_mbuftouio(struct uio *uio, const struct mbuf *m);

/* m_inuse: mbufs in use, as a sample.  Any context. */
u_int	m_inuse(void);

#endif /* !_IPC_MBUF_H_ */
