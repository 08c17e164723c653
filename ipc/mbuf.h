/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _IPC_MBUF_H_
#define	_IPC_MBUF_H_

/*
 * mbuf(9): chains of bytes, in the mbuf itself or in pages: ipc/mbuf.c.
 *
 * External storage is a part of a page: held (vm_page_hold()) by each mbuf that
 * refers to it, and never written: the page is SEALED, or it is a page that its
 * writer lends (M_LENT) and that may change in its task only.
 */

#include <sys/types.h>

struct uio;
struct vm_page;

#define	MSIZE		256u
#define	M_EXT		0x01	/* the bytes are in m_page */
#define	M_PKTHDR	0x02	/* the first of a message: m_pktlen counts */
#define	M_EOR		0x04	/* the last of a message */
#define	M_LENT		0x08	/* m_page is the writer's, until it is read */
#define	M_RIGHTS	0x10	/* handles, not bytes: ipc/channel.c */

struct m_hdr {
	struct mbuf *mh_next;		/* the rest of the chain */
	struct mbuf *mh_nextpkt;	/* the next message of a queue */
	uint8_t *mh_data;		/* the first byte; not of M_EXT */
	struct vm_page *mh_page;	/* of M_EXT */
	uint32_t mh_off;		/* of M_EXT: the first byte in the page */
	uint32_t mh_len;		/* bytes in this mbuf */
	uint32_t mh_pktlen;		/* bytes in the chain, of M_PKTHDR */
	uint16_t mh_flags;
	uint16_t mh_pad;
};
#define	MLEN		(MSIZE - sizeof(struct m_hdr))

struct mbuf {
	struct m_hdr m_hdr;
	uint8_t m_dat[MLEN];
};
#define	m_next		m_hdr.mh_next
#define	m_nextpkt	m_hdr.mh_nextpkt
#define	m_data		m_hdr.mh_data
#define	m_page		m_hdr.mh_page
#define	m_off		m_hdr.mh_off
#define	m_len		m_hdr.mh_len
#define	m_pktlen	m_hdr.mh_pktlen
#define	m_flags		m_hdr.mh_flags

/*
 * m_get: an empty mbuf; m_getpage: one whose storage is [off, off + len) of a
 * page, which takes over the caller's hold of it.  Any context but NMI; NULL if
 * out of memory or at the limit kern.nmbufs.
 */
struct mbuf *m_get(void);
struct mbuf *m_getpage(struct vm_page *m, u_int off, u_int len);

/* m_free: frees one and returns the next.  m_freem: frees a chain. */
struct mbuf *m_free(struct mbuf *m);
void	m_freem(struct mbuf *m);

u_int	m_length(const struct mbuf *m);

/*
 * m_copym: another chain with bytes [off, off + len): external storage is
 * shared, what is inside is copied.  M_COPYALL: to the end.  NULL: no memory.
 */
#define	M_COPYALL	0x7fffffffu
struct mbuf *m_copym(const struct mbuf *m, u_int off, u_int len);

/* m_adj: cuts n bytes off the front, or -n off the end. */
void	m_adj(struct mbuf *m, int n);

/*
 * m_split: cuts a chain in two at off and returns the second; NULL: no memory,
 * and m is whole.
 */
struct mbuf *m_split(struct mbuf *m, u_int off);

/* m_cat: appends chain n to chain m. */
void	m_cat(struct mbuf *m, struct mbuf *n);

/*
 * m_copydata, m_copyback_new: bytes of a chain to the kernel's memory; a new
 * chain with bytes of the kernel's memory.
 */
void	m_copydata(const struct mbuf *m, u_int off, u_int len, void *buf);
struct mbuf *m_devget(const void *buf, u_int len);

/*
 * m_uiotombuf: a chain with all bytes of a uio: in mbufs if they are few, else
 * in SEALED pages of its own.  m_mbuftouio: bytes of a chain to a uio, at most
 * its uio_resid.  Thread context, sleep.  NULL and *error; 0 or an error.
 */
struct mbuf *m_uiotombuf(struct uio *uio, int *error);
int	m_mbuftouio(struct uio *uio, const struct mbuf *m);

u_int	m_count(void);		/* mbufs in use */

#endif /* !_IPC_MBUF_H_ */
