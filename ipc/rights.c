/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * References in messages.  While a message is queued, what it refers to is held
 * by nothing else than the queue, perhaps; and the queue by the end that reads
 * it.
 *
 * Invariant: no end is held by its own queue, by whatever way over ends in
 * messages.  For such a circle would stay when no task can reach it any more,
 * with all that it holds.  So a message with ends is queued under `sending',
 * and only if the reading end cannot be found from the ends in it: reads and
 * closes only take such ways away.  As there is no circle, the references count
 * right, and everything is freed when the last task that can reach it has gone.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/systm.h>
#include <ipc/queue.h>

static struct mtx sending = MTX_INITIALIZER("ends in messages", RANK_RIGHTS);

/* The ends that a search has found, each with a reference: under `sending'. */
static struct chan_end *found, *last_found;
static uint32_t search;			/* its number */

static const struct kref *
ref_of(const struct mbuf *m, u_int i)
{
	return ((const struct kref *)(const void *)m->m_dat + i);
}

/* The i-th reference of an mbuf, if it is an end; else NULL. */
static struct chan_end *
end_of(const struct mbuf *m, u_int i)
{
	return (ref_of(m, i)->ops == &chan_end_ops ? ref_of(m, i)->object :
	    NULL);
}

static void
find(struct chan_end *e)
{
	if (e->e_search == search)
		return;
	e->e_search = search;
	e->e_next = NULL;
	chan_end_ref(e);
	if (found == NULL)
		found = e;
	else
		last_found->e_next = e;
	last_found = e;
}

/* Finds the ends in a chain of mbufs. */
static void
find_in(const struct mbuf *m)
{
	struct chan_end *e;

	for (; m != NULL; m = m->m_next) {
		if ((m->m_flags & M_RIGHTS) == 0)
			continue;
		for (u_int i = 0; i < m->m_count; i++)
			if ((e = end_of(m, i)) != NULL)
				find(e);
	}
}

/* Whether `to' would be held by the message m in its own queue. */
static bool
would_hold(const struct mbuf *m, const struct chan_end *to)
{
	struct chan_end *e;

	search++;
	found = last_found = NULL;
	find_in(m);
	for (e = found; e != NULL && e->e_chan != to->e_chan; e = e->e_next) {
		spin_lock(&e->e_chan->c_lock);
		if (e->e_rights != 0)
			find_in(e->e_queue.q_first);
		spin_unlock(&e->e_chan->c_lock);
	}
	return (e != NULL);
}

/* Links chain b behind chain a; both may be empty. */
static struct mbuf *
join(struct mbuf *a, struct mbuf *b)
{
	struct mbuf *m = a;

	if (a == NULL)
		return (b);
	while (m->m_next != NULL)
		m = m->m_next;
	m->m_next = b;
	return (a);
}

/* Drops the references of a search; returns what closed ends had queued. */
static struct mbuf *
forget(void)
{
	struct chan_end *e, *next;
	struct mbuf *m = NULL;

	for (e = found; e != NULL; e = next) {
		next = e->e_next;
		m = join(chan_close(e), m);
	}
	return (m);
}

/* Queues the message if that makes no circle and there is room. */
static int
try_send(struct chan_end *end, struct mbuf *m, u_int flags)
{
	struct mbuf *closed;
	int error;

	mtx_lock(&sending);
	error = would_hold(m, chan_peer(end)) ? EDEADLK :
	    chan_enqueue(end, m, flags | CHAN_NONBLOCK, NULL);
	closed = forget();
	mtx_unlock(&sending);
	chan_discard(closed);
	return (error);
}

/* Contracts of the public functions are in <ipc/queue.h>. */
int
chan_send_rights(struct chan_end *end, struct mbuf *m, u_int flags)
{
	u_int bytes = m->m_pktlen;
	int error;

	for (;;) {
		error = try_send(end, m, flags);
		if (error != EAGAIN || (flags & CHAN_NONBLOCK) != 0)
			return (error);
		spin_lock(&end->e_chan->c_lock);
		error = chan_wait_room(end, bytes, flags, NULL);
		spin_unlock(&end->e_chan->c_lock);
		if (error != 0)
			return (error);
	}
}

/* Drops the references of an mbuf; returns what ends that closed had queued. */
static struct mbuf *
drop_refs(struct mbuf *m)
{
	struct mbuf *closed = NULL;
	struct chan_end *e;

	for (u_int i = 0; i < m->m_count; i++) {
		if ((e = end_of(m, i)) != NULL)
			closed = join(chan_close(e), closed);
		else
			ref_of(m, i)->ops->release(ref_of(m, i)->object);
	}
	m->m_count = 0;
	return (closed);
}

/*
 * An end that is closed by this may have had other ends queued, and so on: what
 * they had queued joins the list, because to call chan_end_release() would take
 * more of the stack for each.
 */
void
chan_discard(struct mbuf *m)
{
	struct mbuf *closed = NULL;

	while (m != NULL) {
		if ((m->m_flags & M_RIGHTS) != 0)
			closed = drop_refs(m);
		m = join(closed, m_free(m));
		closed = NULL;
	}
}
