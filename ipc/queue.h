/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _IPC_QUEUE_H_
#define	_IPC_QUEUE_H_

/*
 * What the files of ipc/ offer each other: the queue of an end, and what a
 * channel is.
 *
 * What is written to an end goes to the queue of its peer, the other end of the
 * channel, and is read there.
 *
 * What guards a field: (c) the channel's lock; (l) the lock of the list of
 * channels; (a) locked instructions; the others never change.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <ipc/channel.h>
#include <ipc/mbuf.h>

/*
 * A queue of mbufs, linked by m_next: the bytes of a stream, or one message
 * behind another, from an M_PKTHDR to an M_EOR.  The caller has the lock.
 */
struct mbufq {
	struct mbuf *q_first, *q_last;
	u_int q_bytes, q_mbufs;
	u_int q_lent;			/* of q_bytes, in lent pages */
	u_int q_lost;			/* lent bytes that take_all() took */
};

/*
 * mbufq_append: appends a chain of `mbufs' mbufs and `bytes' bytes, of which
 * `last' is the last.  mbufq_coalesce: copies an mbuf of bytes behind those of
 * the last one, and returns true, if that has room and is no message.
 */
void	mbufq_append(struct mbufq *q, struct mbuf *m, struct mbuf *last,
	    u_int mbufs, u_int bytes);
bool	mbufq_coalesce(struct mbufq *q, const struct mbuf *m);

/*
 * mbufq_consume: takes the first n bytes off a stream.  mbufq_take_message: the
 * first message.  mbufq_take_lent: the lent mbuf, which is the last; `before'
 * was the last when it was appended, and may have left the queue.
 * mbufq_take_all: all.  Each returns a chain of what is not on the queue any
 * more, or NULL, for the caller to free once it has let the lock go.
 */
struct mbuf *mbufq_consume(struct mbufq *q, u_int n);
struct mbuf *mbufq_take_message(struct mbufq *q);
struct mbuf *mbufq_take_lent(struct mbufq *q, struct mbuf *before);
struct mbuf *mbufq_take_all(struct mbufq *q);

/*
 * A thread that sleeps for a channel sleeps on the address of one of the three
 * counts of sleepers, which spare the others a call of sleepq_wakeup().
 */
struct chan_end {
	struct channel *e_chan;
	volatile uint32_t e_refs;	/* (a) */
	u_int e_shut;			/* (c) RIGHT_* that have ended */
	u_int e_limit;			/* (c) most bytes queued, not lent */
	struct mbufq e_queue;		/* (c) what this end will read */
	u_int e_rights;			/* (c) M_RIGHTS mbufs on it */
	bool e_reading;			/* (c) a thread copies from its front */
	const void *e_writer;		/* (c) names a long write, or NULL */
	u_int e_readers;		/* (c) threads that sleep to read */
	u_int e_writers;		/* (c) that sleep for room here */
	u_int e_lenders;		/* (c) that sleep till theirs is read */
	struct waiter *e_waiters;	/* (c) that poll this end */
	struct chan_end *e_next;	/* of a search: ipc/rights.c */
	uint32_t e_search;		/* the last search that found it */
};

struct channel {
	struct spinlock c_lock;		/* RANK_CHANNEL */
	u_int c_kind;			/* CHAN_STREAM, CHAN_MESSAGE */
	u_int c_id;
	volatile uint32_t c_open;	/* (a) ends that are not closed */
	struct chan_end c_end[2];
	struct channel *c_next, *c_prev; /* (l) all, by c_id */
};

/*
 * A queue with fewer bytes for each mbuf than this, on the average, is full
 * before its bytes reach the limit.
 */
#define	CHAN_MBUF_BYTES	128u

/* A flag of the kernel's: the reader that is woken gets this CPU. */
#define	CHAN_HANDOFF	0x100u

static inline struct chan_end *
chan_peer(const struct chan_end *e)
{
	struct channel *c = e->e_chan;

	return (e == &c->c_end[0] ? &c->c_end[1] : &c->c_end[0]);
}

/* What of e's queue counts against its limit, in bytes. */
static inline u_int
chan_used(const struct chan_end *e)
{
	return (e->e_queue.q_bytes - e->e_queue.q_lent);
}

/* Whether e's queue has room for so many bytes.  The lock is held. */
static inline bool
chan_has_room(const struct chan_end *e, u_int bytes)
{
	return (chan_used(e) + bytes <= e->e_limit &&
	    e->e_queue.q_mbufs < e->e_limit / CHAN_MBUF_BYTES);
}

/* Whether a write to `end' cannot be read any more.  The lock is held. */
static inline bool
chan_broken(const struct chan_end *end)
{
	return ((end->e_shut & RIGHT_WRITE) != 0 ||
	    (chan_peer(end)->e_shut & RIGHT_READ) != 0);
}

/*
 * chan_wait_room: sleeps until there is room for so many bytes behind `end',
 * and no long write under way but that of `self'.  The lock is held, and
 * released in between.  0, EPIPE, EAGAIN with CHAN_NONBLOCK, EINTR.
 */
int	chan_wait_room(struct chan_end *end, u_int bytes, u_int flags,
	    const void *self);

/*
 * chan_tell_reader, chan_tell_writers: wake what waits for bytes at e, or for
 * room in its queue, if there is any.  The lock is held.
 */
void	chan_tell_reader(struct chan_end *e, u_int flags);
void	chan_tell_writers(struct chan_end *e);

/*
 * chan_enqueue: queues a chain, the whole of it at once, to be read at the
 * peer of `end', when there is room: sleeps.  0, and the chain is the
 * channel's; or an error of chan_wait_room(), and it is the caller's.
 */
int	chan_enqueue(struct chan_end *end, struct mbuf *m, u_int flags,
	    const void *self);

/*
 * chan_write_begin: makes the caller the only long writer to the peer of `end'.
 * `self' names it.  0 or an error of chan_wait_room().  chan_write_end: is to
 * follow.
 */
int	chan_write_begin(struct chan_end *end, u_int flags, const void *self);
void	chan_write_end(struct chan_end *end);

/* chan_room: bytes for which there is room behind `end'.  Sleeps for some. */
int	chan_room(struct chan_end *end, u_int want, u_int flags,
	    const void *self, u_int *room);

/*
 * chan_write_direct: lends up to M_MAXPAGES pages of user memory to the
 * reader, and sleeps until they have been read: ipc/direct.c.  The caller is
 * the only long writer.  0 or EPIPE, EINTR, EFAULT, ENOBUFS, and EWOULDBLOCK
 * after ms milliseconds, if that is not 0; the uio says what was read.
 */
#define	DIRECT_MIN	8192u
int	chan_write_direct(struct chan_end *end, struct uio *uio, u_int ms);

/*
 * chan_send_rights: as chan_enqueue(), for a message with handles: refuses one
 * that would hold, by whatever way, the end that reads it: EDEADLK.
 */
int	chan_send_rights(struct chan_end *end, struct mbuf *m, u_int flags);

/*
 * chan_discard: frees a chain that was on a queue, and drops the references in
 * it.  May close other channels.  Thread context, may sleep.
 */
void	chan_discard(struct mbuf *m);

/* chan_take_queue: empties e's queue, for chan_discard().  The lock is held. */
struct mbuf *chan_take_queue(struct chan_end *e);

/*
 * chan_close: drops a reference to an end.  The last one closes it, and returns
 * the chain that was on its queue, for chan_discard().
 */
struct mbuf *chan_close(struct chan_end *end);

#endif /* !_IPC_QUEUE_H_ */
