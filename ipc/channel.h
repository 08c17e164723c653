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
	/* Events that are there now; and registers w, if not NULL, to be told. */
	u_int (*poll)(void *object, struct waiter *w);
	void (*unpoll)(void *object, struct waiter *w);
};
extern const struct kobject_ops chan_end_ops;

/*
 * A thread that waits for events of an object: on the list of each object that
 * it waits for.  The object's lock guards w_next.  waiter_notify: marks the
 * thread woken and wakes it.
 */
struct waiter {
	struct waiter *w_next;
	struct thread *w_thread;
	volatile uint32_t *w_woken;
	u_int w_events;
};
void	waiter_notify(struct waiter *list, u_int events);

/*
 * chan_create: both ends with a reference each.  0 or ENOMEM.
 * chan_end_ref, chan_end_release: the last release of an end closes it: the
 * other reads what is queued and then end of file; its writes end in EPIPE.
 */
int	chan_create(u_int kind, struct chan_end *ends[2]);
void	chan_end_ref(void *end);
void	chan_end_release(void *end);

/*
 * chan_write: bytes of a uio, or one message with n references, whose counts
 * pass to the channel if it succeeds.  Sleeps while the queue is full, unless
 * CHAN_NONBLOCK.  0, and uio_resid says what is left; EPIPE, EAGAIN, EINTR,
 * EMSGSIZE, EFAULT, ENOMEM.  A stream's write that has moved bytes returns 0.
 */
int	chan_write(struct chan_end *end, struct uio *uio, u_int flags,
	    struct kref *refs, u_int nrefs);

/*
 * chan_read: at least a byte, or one message; nothing at end of file.  A
 * message that is larger than the uio is EMSGSIZE and stays.  *nrefs is the room
 * in refs[], and then how many came.
 */
int	chan_read(struct chan_end *end, struct uio *uio, u_int flags,
	    struct kref *refs, u_int *nrefs);

/* chan_call: writes, and reads the reply, handing the CPU to the reader. */
int	chan_call(struct chan_end *end, struct uio *out, struct uio *in);

/*
 * chan_sendmem: bytes of an object, by reference to its pages: sendfile(2).
 * *sent is how many were queued.
 */
int	chan_sendmem(struct chan_end *end, struct vm_object *ob,
	    uint64_t offset, vm_size_t size, u_int flags, vm_size_t *sent);

int	chan_ctl(struct chan_end *end, u_int op, u_int arg, u_int *result);

#endif /* !_IPC_CHANNEL_H_ */
