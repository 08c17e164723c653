/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Reads and writes of channels.  Bytes are copied without the channel's lock:
 *
 *  - A short write, or a message, is copied into mbufs first, and these are
 *    queued in one piece when there is room.
 *  - A long write of a stream goes part by part.  e_writer keeps others away
 *    until it ends; so pages that it lends stay the last of the queue.
 *  - A read copies from the front of the queue and then takes off what it has
 *    copied; so an error loses nothing.  e_reading keeps other reads away, and
 *    whatever else would free what is being copied.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/uio.h>
#include <ipc/queue.h>

/*
 * Most bytes that one read takes off a stream, all that a direct write lends at
 * a time: with their lock held, and interrupts off, mbufs are unlinked, of some
 * 100 bytes each at the least.
 */
#define	READ_MAX	(M_MAXPAGES * PAGE_SIZE)
#define	LEND_MS		10u	/* then a write that the queue takes is copied */

/* --- waiting and waking --- */

/* Contracts of the public functions are in <ipc/queue.h>, <ipc/channel.h>. */
void
chan_tell_reader(struct chan_end *e, u_int flags)
{
	if (e->e_readers != 0) {
		if ((flags & CHAN_HANDOFF) != 0)
			sleepq_wakeup_handoff(&e->e_readers);
		else
			sleepq_wakeup(&e->e_readers);
	}
	waiter_notify(e->e_waiters, WAIT_READ);
}

/*
 * A writer that sleeps is woken when there is room for every short write, not
 * for its own alone, so that it does not run for a few bytes at a time.  It is
 * not forgotten: a queue that is empty has that room.
 */
void
chan_tell_writers(struct chan_end *e)
{
	if (!chan_has_room(e, CHAN_ATOMIC))
		return;
	if (e->e_writers != 0)
		sleepq_wakeup(&e->e_writers);
	if (e->e_writer == NULL)
		waiter_notify(chan_peer(e)->e_waiters, WAIT_WRITE);
}

int
chan_wait_room(struct chan_end *end, u_int bytes, u_int flags,
    const void *self)
{
	struct chan_end *to = chan_peer(end);
	int error = 0;

	while (error == 0) {
		if (chan_broken(end))
			return (EPIPE);
		if (bytes > to->e_limit)
			return (EMSGSIZE);
		if ((to->e_writer == NULL || to->e_writer == self) &&
		    chan_has_room(to, bytes))
			return (0);
		if ((flags & CHAN_NONBLOCK) != 0)
			return (EAGAIN);
		to->e_writers++;
		error = sleepq_wait_spin(&to->e_writers, &end->e_chan->c_lock,
		    "channel room", SLEEP_CATCH, 0);
		to->e_writers--;
	}
	return (error);
}

/* --- writing --- */

static void
queue_chain(struct chan_end *to, struct mbuf *m, struct mbuf *last,
    u_int mbufs, u_int bytes)
{
	if ((m->m_flags & M_RIGHTS) != 0)
		to->e_rights++;
	mbufq_append(&to->e_queue, m, last, mbufs, bytes);
}

int
chan_enqueue(struct chan_end *end, struct mbuf *m, u_int flags,
    const void *self)
{
	struct chan_end *to = chan_peer(end);
	struct mbuf *last = m;
	u_int bytes = m->m_len, mbufs = 1;
	bool copied = false;
	int error;

	for (; last->m_next != NULL; mbufs++) {
		last = last->m_next;
		bytes += last->m_len;
	}
	spin_lock(&end->e_chan->c_lock);
	error = chan_wait_room(end, bytes, flags, self);
	if (error == 0) {
		copied = mbufq_coalesce(&to->e_queue, m);
		if (!copied)
			queue_chain(to, m, last, mbufs, bytes);
		chan_tell_reader(to, flags);
	}
	spin_unlock(&end->e_chan->c_lock);
	if (copied)
		m_freem(m);
	return (error);
}

/*
 * Queues the next n bytes of a uio; of a long write, which `self' names, as
 * many as there are before its memory ends.  On an error the uio is as it was.
 */
static int
write_part(struct chan_end *end, struct uio *uio, u_int n, u_int flags,
    const void *self)
{
	struct uio part = *uio;
	struct mbuf *m;
	int error;

	part.uio_resid = n;
	m = m_uiotombuf(&part, &error);
	if (error == EFAULT && self != NULL && part.uio_base != uio->uio_base) {
		n = part.uio_base - uio->uio_base;
		part = *uio;
		part.uio_resid = n;
		m = m_uiotombuf(&part, &error);
	}
	if (m == NULL)
		return (error);
	if ((error = chan_enqueue(end, m, flags, self)) != 0) {
		m_freem(m);
		return (error);
	}
	uio->uio_base += n;
	uio->uio_resid -= n;
	return (0);
}

int
chan_write_begin(struct chan_end *end, u_int flags, const void *self)
{
	int error;

	spin_lock(&end->e_chan->c_lock);
	error = chan_wait_room(end, 0, flags, self);
	if (error == 0)
		chan_peer(end)->e_writer = self;
	spin_unlock(&end->e_chan->c_lock);
	return (error);
}

void
chan_write_end(struct chan_end *end)
{
	struct chan_end *to = chan_peer(end);

	spin_lock(&end->e_chan->c_lock);
	to->e_writer = NULL;
	chan_tell_writers(to);
	spin_unlock(&end->e_chan->c_lock);
}

int
chan_room(struct chan_end *end, u_int want, u_int flags, const void *self,
    u_int *room)
{
	struct chan_end *to = chan_peer(end);
	int error;

	spin_lock(&end->e_chan->c_lock);
	error = chan_wait_room(end, umin(want, CHAN_ATOMIC), flags, self);
	*room = error != 0 ? 0 : umin(want, to->e_limit - chan_used(to));
	spin_unlock(&end->e_chan->c_lock);
	return (error);
}

static bool
may_lend(const struct uio *uio, u_int flags)
{
	return (uio->uio_map != NULL && (flags & CHAN_NONBLOCK) == 0 &&
	    uio->uio_resid >= DIRECT_MIN);
}

/*
 * How long pages are lent: for ever, unless the queue has room for the bytes.  A
 * program may write what a pipe takes, and read it later itself.
 */
static u_int
lend_ms(struct chan_end *end, const struct uio *uio)
{
	bool room;

	spin_lock(&end->e_chan->c_lock);
	room = chan_has_room(chan_peer(end), uio->uio_resid);
	spin_unlock(&end->e_chan->c_lock);
	return (room ? LEND_MS : 0);
}

/* Writes the next part of a long write: 0 if any of it was written. */
static int
write_next(struct chan_end *end, struct uio *uio, u_int flags)
{
	u_int room;
	int error;

	if (may_lend(uio, flags)) {
		error = chan_write_direct(end, uio, lend_ms(end, uio));
		if (error != EWOULDBLOCK)
			return (error);
	}
	error = chan_room(end, uio->uio_resid, flags, uio, &room);
	if (error != 0)
		return (error);
	return (write_part(end, uio, room, flags, uio));
}

static int
write_long(struct chan_end *end, struct uio *uio, u_int flags)
{
	vm_size_t all = uio->uio_resid;
	int error = chan_write_begin(end, flags, uio);

	if (error != 0)
		return (error);
	while (error == 0 && uio->uio_resid > 0)
		error = write_next(end, uio, flags);
	chan_write_end(end);
	return (uio->uio_resid < all ? 0 : error);
}

/* Makes a chain a message, with an mbuf of references in front if nrefs > 0. */
static struct mbuf *
make_message(struct mbuf *m, u_int bytes, const struct kref *refs,
    u_int nrefs)
{
	struct mbuf *first = m, *last = m;

	if (nrefs > 0) {
		if ((first = m_get()) == NULL) {
			m_freem(m);
			return (NULL);
		}
		memcpy(first->m_dat, refs, nrefs * sizeof(*refs));
		first->m_count = nrefs;
		first->m_flags |= M_RIGHTS;
		first->m_next = m;
	}
	while (last->m_next != NULL)
		last = last->m_next;
	first->m_flags |= M_PKTHDR;
	first->m_pktlen = bytes;
	last->m_flags |= M_EOR;
	return (first);
}

static int
write_message(struct chan_end *end, struct uio *uio, u_int flags,
    const struct kref *refs, u_int nrefs)
{
	struct uio all = *uio;
	struct mbuf *m;
	int error;

	if (uio->uio_resid > CHAN_MSG_MAX)
		return (EMSGSIZE);
	if (nrefs > CHAN_MAXHANDLES)
		return (E2BIG);
	if ((m = m_uiotombuf(&all, &error)) == NULL)
		return (error);
	m = make_message(m, uio->uio_resid, refs, nrefs);
	if (m == NULL)
		return (ENOBUFS);
	error = nrefs > 0 ? chan_send_rights(end, m, flags) :
	    chan_enqueue(end, m, flags, NULL);
	if (error != 0) {
		if (nrefs > 0)
			m->m_count = 0;	/* they are the caller's */
		m_freem(m);
	} else
		*uio = all;
	return (error);
}

int
chan_write(struct chan_end *end, struct uio *uio, u_int flags,
    struct kref *refs, u_int nrefs)
{
	KDEBUG(uio->uio_rw == UIO_WRITE, "chan_write: the uio is to be read "
	    "into (called from %pC)", __caller());
	if (end->e_chan->c_kind == CHAN_MESSAGE)
		return (write_message(end, uio, flags, refs, nrefs));
	if (nrefs != 0)
		return (EINVAL);
	if (uio->uio_resid == 0)
		return (0);
	if (uio->uio_resid <= CHAN_ATOMIC)
		return (write_part(end, uio, uio->uio_resid, flags, NULL));
	return (write_long(end, uio, flags));
}

/* --- reading --- */

/* Sleeps until there are bytes, or none will come, and no other read. */
static int
wait_bytes(struct chan_end *e, u_int flags)
{
	int error = 0;

	while (error == 0) {
		if (!e->e_reading && (e->e_queue.q_first != NULL ||
		    (e->e_shut & RIGHT_READ) != 0 ||
		    (chan_peer(e)->e_shut & RIGHT_WRITE) != 0))
			return (0);
		if ((flags & CHAN_NONBLOCK) != 0)
			return (EAGAIN);
		e->e_readers++;
		error = sleepq_wait_spin(&e->e_readers, &e->e_chan->c_lock,
		    "channel data", SLEEP_CATCH, 0);
		e->e_readers--;
	}
	return (error);
}

/*
 * Ends a read: other readers, and a writer that wants its pages back, may look;
 * and writers, if there is room.  Returns what a shutdown left to be dropped.
 */
static struct mbuf *
end_read(struct chan_end *e)
{
	struct mbuf *m = NULL;

	e->e_reading = false;
	if ((e->e_shut & RIGHT_READ) != 0)
		m = chan_take_queue(e);
	if (e->e_readers != 0)
		sleepq_wakeup(&e->e_readers);
	if (e->e_lenders != 0 && e->e_queue.q_lent == 0)
		sleepq_wakeup(&e->e_lenders);
	chan_tell_writers(e);
	return (m);
}

/* Copies the first n bytes of a chain; returns how many could be copied. */
static u_int
copy_out(struct uio *uio, const struct mbuf *m, u_int n, int *error)
{
	struct uio part = *uio;
	u_int moved;

	part.uio_resid = n;
	*error = m_mbuftouio(&part, m);
	moved = n - (u_int)part.uio_resid;
	uio->uio_base += moved;
	uio->uio_resid -= moved;
	return (moved);
}

/* The lock is held at entry, and not on return.  There is a byte. */
static int
read_stream(struct chan_end *e, struct uio *uio, u_int flags)
{
	struct mbufq *q = &e->e_queue;
	struct mbuf *first = q->q_first, *gone, *rest;
	u_int n = umin(umin(q->q_bytes, uio->uio_resid), READ_MAX), moved;
	int error;

	e->e_reading = true;
	spin_unlock(&e->e_chan->c_lock);
	moved = copy_out(uio, first, n, &error);
	spin_lock(&e->e_chan->c_lock);
	gone = mbufq_consume(q, (flags & CHAN_PEEK) != 0 ? 0 : moved);
	rest = end_read(e);
	spin_unlock(&e->e_chan->c_lock);
	m_freem(gone);
	m_freem(rest);
	return (moved > 0 ? 0 : error);
}

static u_int
rights_of(const struct mbuf *m)
{
	return ((m->m_flags & M_RIGHTS) != 0 ? m->m_count : 0);
}

/* Moves the references of a message, which is off the queue, to refs[]. */
static u_int
take_rights(struct mbuf *m, struct kref *refs)
{
	u_int n = rights_of(m);

	if (n > 0) {
		memcpy(refs, m->m_dat, n * sizeof(*refs));
		m->m_count = 0;
	}
	return (n);
}

/* The lock is held at entry, and not on return.  There is a message. */
static int
read_message(struct chan_end *e, struct uio *uio, u_int flags,
    struct kref *refs, u_int *nrefs)
{
	struct mbuf *first = e->e_queue.q_first, *gone = NULL, *rest;
	u_int n = first->m_pktlen, room = *nrefs;
	bool peek = (flags & CHAN_PEEK) != 0;
	struct uio was = *uio;
	int error;

	*nrefs = 0;
	if (n > uio->uio_resid || (!peek && rights_of(first) > room)) {
		spin_unlock(&e->e_chan->c_lock);
		return (EMSGSIZE);
	}
	e->e_reading = true;
	spin_unlock(&e->e_chan->c_lock);
	if (copy_out(uio, first, n, &error) < n)
		*uio = was;
	spin_lock(&e->e_chan->c_lock);
	if (error == 0 && !peek) {
		e->e_rights -= rights_of(first) > 0;
		gone = mbufq_take_message(&e->e_queue);
	}
	rest = end_read(e);
	spin_unlock(&e->e_chan->c_lock);
	if (gone != NULL)
		*nrefs = take_rights(gone, refs);
	m_freem(gone);
	chan_discard(rest);
	return (error);
}

int
chan_read(struct chan_end *e, struct uio *uio, u_int flags,
    struct kref *refs, u_int *nrefs)
{
	bool stream = e->e_chan->c_kind == CHAN_STREAM;
	u_int room = *nrefs;
	int error;

	KDEBUG(uio->uio_rw == UIO_READ, "chan_read: the uio is to be written "
	    "from (called from %pC)", __caller());
	*nrefs = 0;
	if (stream && uio->uio_resid == 0)
		return (0);
	spin_lock(&e->e_chan->c_lock);
	error = wait_bytes(e, flags);
	if (error != 0 || e->e_queue.q_first == NULL) {
		spin_unlock(&e->e_chan->c_lock);
		return (error);
	}
	if (stream)
		return (read_stream(e, uio, flags));
	*nrefs = room;
	return (read_message(e, uio, flags, refs, nrefs));
}

int
chan_call(struct chan_end *end, struct uio *out, struct uio *in)
{
	u_int nrefs = 0;
	int error = chan_write(end, out, CHAN_HANDOFF, NULL, 0);

	if (error != 0)
		return (error);
	if (out->uio_resid != 0)
		return (EINTR);
	return (chan_read(end, in, 0, NULL, &nrefs));
}
