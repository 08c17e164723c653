/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the life of channels, and the list of all.
 *
 * Invariants: a channel exists while one of its ends is open, that is has a
 * reference; a thread that reads, writes or sleeps at an end has one.  An end
 * that is closed has e_shut complete and an empty queue.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/monitor.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <ipc/queue.h>

#define	SHUT_ALL	(RIGHT_READ | RIGHT_WRITE)
#define	PRINT_MAX	100u	/* channels that the command prints */

static struct spinlock channels_lock =
    SPINLOCK_INITIALIZER("channels", RANK_CHANNELS);
static struct channel *channels, *last_channel;
static u_int nchannels, last_id;

static void
list_add(struct channel *c)
{
	spin_lock(&channels_lock);
	c->c_id = ++last_id;
	c->c_prev = last_channel;
	if (last_channel != NULL)
		last_channel->c_next = c;
	else
		channels = c;
	last_channel = c;
	nchannels++;
	spin_unlock(&channels_lock);
}

static void
list_remove(struct channel *c)
{
	spin_lock(&channels_lock);
	if (c->c_prev != NULL)
		c->c_prev->c_next = c->c_next;
	else
		channels = c->c_next;
	if (c->c_next != NULL)
		c->c_next->c_prev = c->c_prev;
	else
		last_channel = c->c_prev;
	nchannels--;
	spin_unlock(&channels_lock);
}

/* Contracts of the public functions are in <ipc/channel.h>, <ipc/queue.h>. */
int
chan_create(u_int kind, struct chan_end *ends[2])
{
	struct channel *c;

	if (kind != CHAN_STREAM && kind != CHAN_MESSAGE)
		return (EINVAL);
	if ((c = kmalloc(sizeof(*c), M_ZERO)) == NULL)
		return (ENOMEM);
	spin_init(&c->c_lock, "channel", RANK_CHANNEL);
	c->c_kind = kind;
	c->c_open = 2;
	for (u_int i = 0; i < 2; i++) {
		c->c_end[i].e_chan = c;
		c->c_end[i].e_refs = 1;
		c->c_end[i].e_limit = CHAN_LIMIT_DEFAULT;
		ends[i] = &c->c_end[i];
	}
	list_add(c);
	return (0);
}

void
chan_end_ref(void *end)
{
	struct chan_end *e = end;

	(void)atomic_fetchadd_32(&e->e_refs, 1);
}

/* Wakes whatever sleeps or waits at an end, to look again.  Lock held. */
static void
tell_all(struct chan_end *e)
{
	sleepq_wakeup(&e->e_readers);
	sleepq_wakeup(&e->e_writers);
	sleepq_wakeup(&e->e_lenders);
	waiter_notify(e->e_waiters, WAIT_READ | WAIT_WRITE | WAIT_HANGUP);
}

struct mbuf *
chan_take_queue(struct chan_end *e)
{
	e->e_rights = 0;
	return (mbufq_take_all(&e->e_queue));
}

/*
 * Ends reading or writing at an end, and returns what nothing will read: from
 * under a read in progress nothing is taken, that read does so as it ends.
 */
static struct mbuf *
shut(struct chan_end *e, u_int rights)
{
	struct mbuf *m = NULL;

	spin_lock(&e->e_chan->c_lock);
	e->e_shut |= rights;
	if ((e->e_shut & RIGHT_READ) != 0 && !e->e_reading)
		m = chan_take_queue(e);
	tell_all(e);
	tell_all(chan_peer(e));
	spin_unlock(&e->e_chan->c_lock);
	return (m);
}

struct mbuf *
chan_close(struct chan_end *e)
{
	struct channel *c = e->e_chan;
	uint32_t refs = atomic_fetchadd_32(&e->e_refs, -1u);
	struct mbuf *m;

	KASSERT(refs != 0, "chan_close: channel %u, end %u has no reference "
	    "(called from %pC)", c->c_id, (u_int)(e - c->c_end), __caller());
	if (refs != 1)
		return (NULL);
	KDEBUG(!e->e_reading && e->e_readers == 0 && e->e_waiters == NULL,
	    "chan_close: channel %u, end %u is still used (called from %pC)",
	    c->c_id, (u_int)(e - c->c_end), __caller());
	m = shut(e, SHUT_ALL);
	if (atomic_fetchadd_32(&c->c_open, -1u) == 1) {
		list_remove(c);
		kfree(c);
	}
	return (m);
}

void
chan_end_release(void *end)
{
	chan_discard(chan_close(end));
}

/* --- polling --- */

static u_int
events_of(const struct chan_end *e)
{
	const struct chan_end *peer = chan_peer(e);
	u_int events = 0;

	if (e->e_queue.q_first != NULL || (e->e_shut & RIGHT_READ) != 0 ||
	    (peer->e_shut & RIGHT_WRITE) != 0)
		events |= WAIT_READ;
	if (chan_broken(e) || (peer->e_writer == NULL &&
	    chan_has_room(peer, CHAN_ATOMIC)))
		events |= WAIT_WRITE;
	if (peer->e_shut == SHUT_ALL)
		events |= WAIT_HANGUP;
	return (events);
}

static u_int
end_poll(void *object, struct waiter *w)
{
	struct chan_end *e = object;
	u_int events;

	spin_lock(&e->e_chan->c_lock);
	events = events_of(e);
	if (w != NULL)
		waiter_add(&e->e_waiters, w);
	spin_unlock(&e->e_chan->c_lock);
	return (events);
}

static void
end_unpoll(void *object, struct waiter *w)
{
	struct chan_end *e = object;

	spin_lock(&e->e_chan->c_lock);
	waiter_remove(w);
	spin_unlock(&e->e_chan->c_lock);
}

const struct kobject_ops chan_end_ops = {
	.name = "channel",
	.ref = chan_end_ref,
	.release = chan_end_release,
	.poll = end_poll,
	.unpoll = end_unpoll,
};

/* --- control --- */

static u_int
queued(struct chan_end *e)
{
	const struct mbufq *q = &e->e_queue;
	u_int bytes;

	spin_lock(&e->e_chan->c_lock);
	bytes = q->q_bytes;
	if (e->e_chan->c_kind == CHAN_MESSAGE && q->q_first != NULL)
		bytes = q->q_first->m_pktlen;
	spin_unlock(&e->e_chan->c_lock);
	return (bytes);
}

static int
set_limit(struct channel *c, u_int limit)
{
	if (limit < CHAN_ATOMIC || limit > CHAN_LIMIT_MAX)
		return (EINVAL);
	spin_lock(&c->c_lock);
	for (u_int i = 0; i < 2; i++) {
		c->c_end[i].e_limit = limit;
		chan_tell_writers(&c->c_end[i]);
	}
	spin_unlock(&c->c_lock);
	return (0);
}

int
chan_ctl(struct chan_end *e, u_int op, u_int arg, u_int *result)
{
	*result = 0;
	switch (op) {
	case CHAN_QUEUED:
		*result = queued(e);
		return (0);
	case CHAN_LIMIT:
		return (set_limit(e->e_chan, arg));
	case CHAN_SHUT:
		if (arg == 0 || (arg & ~SHUT_ALL) != 0)
			return (EINVAL);
		chan_discard(shut(e, arg));
		return (0);
	}
	return (EINVAL);
}

/* --- the monitor --- */

/* Copies the first channel with a number above id; false if there is none. */
static bool
copy_next(u_int id, struct channel *copy)
{
	struct channel *c;

	spin_lock(&channels_lock);
	for (c = channels; c != NULL && c->c_id <= id; c = c->c_next)
		continue;
	if (c != NULL)
		*copy = *c;
	spin_unlock(&channels_lock);
	return (c != NULL);
}

static void
print_end(const struct channel *c, const struct chan_end *e)
{
	const struct mbufq *q = &e->e_queue;

	printf("  %5u %-7s %u %5u %-6s %7u %7u %7u %5u %4u %4u %4u\n",
	    c->c_id, c->c_kind == CHAN_STREAM ? "stream" : "message",
	    (u_int)(e - c->c_end), e->e_refs,
	    e->e_refs == 0 ? "closed" : e->e_shut == RIGHT_READ ? "w only" :
	    e->e_shut == RIGHT_WRITE ? "r only" : e->e_shut != 0 ? "shut" :
	    "open", q->q_bytes, q->q_lent, e->e_limit, q->q_mbufs,
	    e->e_readers, e->e_writers, e->e_lenders);
}

/*
 * Each channel is copied without its own lock, as a sample, so that no lock is
 * held for as long as a slow console takes.
 */
SAFE_COMMAND(command_channels, "channels", "",
    "channels: queues, limits, sleepers")
{
	struct channel copy;
	u_int n = 0;

	printf("  %5s %-7s %s %5s %-6s %7s %7s %7s %5s %4s %4s %4s\n", "id",
	    "kind", "e", "refs", "state", "bytes", "lent", "limit", "mbufs",
	    "rd", "wr", "lend");
	for (u_int id = 0; n < PRINT_MAX && copy_next(id, &copy); n++) {
		id = copy.c_id;
		print_end(&copy, &copy.c_end[0]);
		print_end(&copy, &copy.c_end[1]);
	}
	printf("%u channels, %u mbufs\n", nchannels, m_inuse());
}
