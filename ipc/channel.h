/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _IPC_CHANNEL_H_
#define	_IPC_CHANNEL_H_

/*
 * Channels: pairs of ends; what is written to one is read from the other.  Byte
 * streams, or messages, which may carry handles.  ipc/channel.c.
 */

#include <sys/types.h>
#include <sys/abi/call.h>

struct chan_end;
struct mbuf;
struct uio;
struct vm_object;
struct waiter;

#define	CHAN_ATOMIC		4096u	/* PIPE_BUF: longer writes may mix */
#define	CHAN_LIMIT_DEFAULT	65536u	/* bytes queued at an end */
#define	CHAN_LIMIT_MAX		(1u << 20)
#define	CHAN_MSG_MAX		65536u

/*
 * A reference to anything that a handle can name, as it travels in a message.
 * What it names has a count of references of its own; ko_release drops one.
 */
struct kobject_ops;
struct kref {
	const struct kobject_ops *ops;
	void *object;
	u_int rights;
};
struct kobject_ops {
	const char *name;
	void (*ref)(void *object);
	void (*release)(void *object);		/* thread context, may sleep */
	/* Events that are there now; registers w, if not NULL, to be told. */
	u_int (*poll)(void *object, struct waiter *w);
	void (*unpoll)(void *object, struct waiter *w);
};
extern const struct kobject_ops chan_end_ops;

/*
 * A thread that waits for events of an object: on the list of each object that
 * it waits for.  The object's lock guards the links.  The thread sleeps on the
 * address w_woken, under the lock of that channel of sleepq(9), if *w_woken is
 * 0 then: ipc/waiter.c.
 */
struct waiter {
	struct waiter *w_next;
	struct waiter **w_prev;		/* what points to this one */
	struct thread *w_thread;
	volatile uint32_t *w_woken;
	u_int w_events;
};

/*
 * waiter_notify: tells the waiters of a list that events have come to be there:
 * sets *w_woken of those that wait for one of them, and wakes their threads.
 * WAIT_HANGUP is waited for by all.  waiter_add, waiter_remove: put one on a
 * list, and take it off.  The object's lock, a spin lock, is held.
 */
void	waiter_notify(struct waiter *list, u_int events);
void	waiter_add(struct waiter **list, struct waiter *w);
void	waiter_remove(struct waiter *w);

/*
 * chan_create: makes a channel, CHAN_STREAM or CHAN_MESSAGE, and returns its
 * two ends with a reference each.  Does not sleep.  0, EINVAL or ENOMEM.
 * chan_end_ref, chan_end_release: add and drop a reference to an end.  The last
 * one closes it: the other end reads what is queued and then end of file, and
 * its writes are EPIPE; what is queued here is dropped, with the references in
 * it.  Thread context; release may sleep, no lock held.
 */
int	chan_create(u_int kind, struct chan_end *ends[2]);
void	chan_end_ref(void *end);
void	chan_end_release(void *end);

/*
 * Reads, writes and what else sleeps: thread context, no lock held; the caller
 * has a reference to the end.  A signal that is or becomes pending ends a sleep
 * with EINTR.
 *
 * chan_write: writes the bytes of a uio to a stream, or all of them as one
 * message with n references, whose counts pass to the channel if it returns 0.
 * Sleeps while the queue is full; returns EAGAIN instead with CHAN_NONBLOCK.  A
 * stream's write of CHAN_ATOMIC bytes or less stays in one piece; of a longer
 * one as much as there is room for may be written: 0, and uio_resid says what
 * is left.  Errors, none with bytes written: EPIPE, EAGAIN, EINTR, EMSGSIZE
 * (more than CHAN_MSG_MAX or the limit), E2BIG (references), EINVAL (references
 * on a stream), EDEADLK (an end that would be held by itself), EFAULT, ENOMEM,
 * ENOBUFS.
 */
int	chan_write(struct chan_end *end, struct uio *uio, u_int flags,
	    struct kref *refs, u_int nrefs);

/*
 * chan_read: reads at least a byte of a stream, or one message.  0 with nothing
 * read is end of file, or a message without bytes; uio_resid says how much.  A
 * message that is larger than the uio, or has more references than there is
 * room for, is EMSGSIZE and stays.  *nrefs is the room in refs[], and then how
 * many came, which are the caller's.  CHAN_PEEK: the bytes stay, and no
 * references come.  EAGAIN with CHAN_NONBLOCK, EINTR, EFAULT, ENOMEM.
 */
int	chan_read(struct chan_end *end, struct uio *uio, u_int flags,
	    struct kref *refs, u_int *nrefs);

/*
 * chan_call: writes all of `out', and reads what the other end replies to `in'.
 * The thread that reads there gets this CPU at once.  Errors of chan_write(),
 * and of chan_read() if out->uio_resid is 0.
 */
int	chan_call(struct chan_end *end, struct uio *out, struct uio *in);

/*
 * chan_sendmem: writes bytes of an object, by reference to its pages, which are
 * SEALED by that: sendfile(2).  Ends with the object.  *sent is how many were
 * queued; an error is returned only if none were.
 */
int	chan_sendmem(struct chan_end *end, struct vm_object *ob,
	    uint64_t offset, vm_size_t size, u_int flags, vm_size_t *sent);

/*
 * chan_ctl: an enum chan_op.  CHAN_QUEUED: *result is how many bytes a read
 * would find.  CHAN_LIMIT: sets the limit of both queues, from CHAN_ATOMIC to
 * CHAN_LIMIT_MAX.  CHAN_SHUT: RIGHT_READ: this end reads no more, and writes to
 * it are EPIPE; RIGHT_WRITE: it writes no more, and the other end reads end of
 * file.  0 or EINVAL.
 */
int	chan_ctl(struct chan_end *end, u_int op, u_int arg, u_int *result);

#endif /* !_IPC_CHANNEL_H_ */
