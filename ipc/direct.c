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
 * lent mbufs are the last of the queue, because the writer is the only one, and
 * it takes off those that have not been read, after waiting for the end of a
 * read that copies from them.  What a task writes to its pages while they are
 * lent is its own affair; that they stay is not: each mbuf holds its page.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/uio.h>
#include <ipc/queue.h>
#include <vm/map/vm_map.h>

#define	DIRECT_PAGES	17u	/* of 64 KiB that begin anywhere */

/* What is lent at a time. */
struct loan {
	struct mbuf *first, *last;
	u_int mbufs, bytes;
};

static void
loan_add(struct loan *l, struct mbuf *m)
{
	m->m_flags |= M_LENT;
	if (l->first == NULL)
		l->first = m;
	else
		l->last->m_next = m;
	l->last = m;
	l->mbufs++;
	l->bytes += m->m_len;
}

/* Borrows the next pages of a uio.  0 if there is one at least. */
static int
loan_make(struct loan *l, const struct uio *uio)
{
	struct vm_page *pages[DIRECT_PAGES];
	u_int off = uio->uio_base & PAGE_MASK, len, i;
	int n = vm_borrow(uio->uio_map, uio->uio_base, uio->uio_resid,
	    PROT_READ, pages, DIRECT_PAGES);
	struct mbuf *m;

	if (n < 0)
		return (-n);
	*l = (struct loan){ NULL };
	for (i = 0; i < (u_int)n; i++, off = 0) {
		len = umin(PAGE_SIZE - off, uio->uio_resid - l->bytes);
		if ((m = m_getpage(pages[i], off, len)) == NULL)
			break;
		loan_add(l, m);
	}
	vm_return(pages + i, (u_int)n - i, PROT_READ);
	return (l->bytes > 0 ? 0 : ENOBUFS);
}

/* Sleeps until all that was lent has been read.  The lock is held. */
static int
await_readers(struct chan_end *end)
{
	struct chan_end *to = chan_peer(end);
	int error = 0;

	while (to->e_queue.q_lent > 0 && error == 0) {
		if (chan_broken(end))
			return (EPIPE);
		to->e_lenders++;
		error = sleepq_wait_spin(&to->e_lenders, &end->e_chan->c_lock,
		    "channel reader", SLEEP_CATCH, 0);
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
withdraw(struct chan_end *to)
{
	while (to->e_reading && to->e_queue.q_lent > 0) {
		to->e_readers++;
		(void)sleepq_wait_spin(&to->e_readers, &to->e_chan->c_lock,
		    "lent pages", 0, 0);
		to->e_readers--;
	}
	return (to->e_queue.q_lent > 0 ? mbufq_take_lent(&to->e_queue) : NULL);
}

/*
 * Queues the loan until it is read, or a signal, or the end of reading.  Returns
 * what has not been read, as the count *left.
 */
static int
lend(struct chan_end *end, const struct loan *l, u_int *left)
{
	struct chan_end *to = chan_peer(end);
	struct mbufq *q = &to->e_queue;
	struct mbuf *back;
	int error;

	spin_lock(&end->e_chan->c_lock);
	if (chan_broken(end)) {
		spin_unlock(&end->e_chan->c_lock);
		m_freem(l->first);
		*left = l->bytes;
		return (EPIPE);
	}
	q->q_lost = 0;
	mbufq_append(q, l->first, l->last, l->mbufs, l->bytes);
	q->q_lent += l->bytes;
	chan_tell_reader(to, CHAN_HANDOFF);
	error = await_readers(end);
	back = withdraw(to);
	*left = m_length(back) + q->q_lost;
	spin_unlock(&end->e_chan->c_lock);
	m_freem(back);
	return (*left == 0 ? 0 : error != 0 ? error : EPIPE);
}

/* Contracts of the public functions are in <ipc/queue.h>. */
int
chan_write_direct(struct chan_end *end, struct uio *uio)
{
	struct loan l;
	u_int left;
	int error = loan_make(&l, uio);

	if (error != 0)
		return (error);
	error = lend(end, &l, &left);
	uio->uio_base += l.bytes - left;
	uio->uio_resid -= l.bytes - left;
	return (error);
}
