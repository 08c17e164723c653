/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Direct writes: the pages of a long write are lent to the reader, which copies
 * from them to its own; the writer sleeps until it has.  So each byte is copied
 * once.  Wakes the reader once for each batch of pages, and is woken once.
 *
 * Invariant: when a write has returned, no queue has a page that it lent.  The
 * lent mbuf is the last of the queue, because its writer is the only one, and
 * it takes off what has not been read, after waiting for the end of a read that
 * copies from it.  What a task writes to its pages while they are lent is its
 * own affair; that they stay is not: the mbuf holds them.  The mbuf of a read
 * that has ended is freed a moment later, perhaps after the write has returned,
 * but nothing reads its pages any more.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/uio.h>
#include <ipc/queue.h>
#include <vm/map/vm_map.h>

/* Borrows the next pages of a uio, as one mbuf. */
static struct mbuf *
borrow(const struct uio *uio, int *error)
{
	struct mbuf *m = m_get();
	u_int off = uio->uio_base & PAGE_MASK;
	int n;

	*error = ENOBUFS;
	if (m == NULL)
		return (NULL);
	n = vm_borrow(uio->uio_map, uio->uio_base, uio->uio_resid, PROT_READ,
	    m->m_pages, M_MAXPAGES);
	if (n < 0) {
		m_free(m);
		*error = -n;
		return (NULL);
	}
	m->m_flags = M_EXT | M_LENT;
	m->m_count = (u_int)n;
	m->m_off = off;
	m->m_len = umin(m->m_count * PAGE_SIZE - off, uio->uio_resid);
	return (m);
}

/* Sleeps until all that was lent has been read.  The lock is held. */
static int
await_readers(struct chan_end *end, u_int ms)
{
	struct chan_end *to = chan_peer(end);
	int error = 0;

	while (to->e_queue.q_lent > 0 && error == 0) {
		if (chan_broken(end))
			return (EPIPE);
		to->e_lenders++;
		error = sleepq_wait_spin(&to->e_lenders, &end->e_chan->c_lock,
		    "channel reader", SLEEP_CATCH, ms);
		to->e_lenders--;
	}
	return (error);
}

/*
 * Takes what has not been read off the queue.  A read that is under way does
 * not depend on this thread, nor does it wait for more bytes: so that wait is
 * short.  The lock is held.
 */
static struct mbuf *
withdraw(struct chan_end *to, struct mbuf *before)
{
	while (to->e_reading && to->e_queue.q_lent > 0) {
		to->e_readers++;
		(void)sleepq_wait_spin(&to->e_readers, &to->e_chan->c_lock,
		    "lent pages", 0, 0);
		to->e_readers--;
	}
	if (to->e_queue.q_lent == 0)
		return (NULL);
	return (mbufq_take_lent(&to->e_queue, before));
}

/*
 * Queues what is lent until it is read, or a signal, or the end of reading, or,
 * if ms is not 0, until that time is over.  *left is how many bytes have not
 * been read.
 */
static int
lend(struct chan_end *end, struct mbuf *m, u_int ms, u_int *left)
{
	struct chan_end *to = chan_peer(end);
	struct mbufq *q = &to->e_queue;
	struct mbuf *back, *before;
	int error;

	*left = m->m_len;
	spin_lock(&end->e_chan->c_lock);
	if (chan_broken(end)) {
		spin_unlock(&end->e_chan->c_lock);
		m_free(m);
		return (EPIPE);
	}
	before = q->q_last;
	q->q_lost = 0;
	q->q_lent = m->m_len;
	mbufq_append(q, m, m, 1, m->m_len);
	chan_tell_reader(to, CHAN_HANDOFF);
	error = await_readers(end, ms);
	back = withdraw(to, before);
	*left = m_length(back) + q->q_lost;
	spin_unlock(&end->e_chan->c_lock);
	m_freem(back);
	return (*left == 0 ? 0 : error != 0 ? error : EPIPE);
}

/* Contracts of the public functions are in <ipc/queue.h>. */
int
chan_write_direct(struct chan_end *end, struct uio *uio, u_int ms)
{
	u_int bytes, left;
	struct mbuf *m;
	int error;

	if ((m = borrow(uio, &error)) == NULL)
		return (error);
	bytes = m->m_len;
	error = lend(end, m, ms, &left);
	uio->uio_base += bytes - left;
	uio->uio_resid -= bytes - left;
	return (error);
}
