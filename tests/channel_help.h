/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_CHANNEL_HELP_H_
#define	_TESTS_CHANNEL_HELP_H_

/* What the tests of channels share: calls with kernel memory, and threads. */

#include <sys/errno.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/uio.h>
#include <ipc/channel.h>

/* --- calls with kernel memory --- */

static inline struct uio
uio_of(const void *p, u_int n, enum uio_rw rw)
{
	return ((struct uio){ .uio_base = (vm_offset_t)p, .uio_resid = n,
	    .uio_rw = rw });
}

/* Writes, and returns how many bytes, or minus an error. */
static inline int
put_flags(struct chan_end *e, const void *p, u_int n, u_int flags)
{
	struct uio uio = uio_of(p, n, UIO_WRITE);
	int error = chan_write(e, &uio, flags, NULL, 0);

	return (error != 0 ? -error : (int)(n - uio.uio_resid));
}

static inline int
put(struct chan_end *e, const void *p, u_int n)
{
	return (put_flags(e, p, n, 0));
}

static inline int
get_flags(struct chan_end *e, void *p, u_int n, u_int flags)
{
	struct uio uio = uio_of(p, n, UIO_READ);
	u_int nrefs = 0;
	int error = chan_read(e, &uio, flags, NULL, &nrefs);

	return (error != 0 ? -error : (int)(n - uio.uio_resid));
}

static inline int
get(struct chan_end *e, void *p, u_int n)
{
	return (get_flags(e, p, n, 0));
}

static inline void
make(u_int kind, struct chan_end *ends[2])
{
	EXPECT_EQ(chan_create(kind, ends), 0);
}

static inline void
close_both(struct chan_end *ends[2])
{
	chan_end_release(ends[0]);
	chan_end_release(ends[1]);
}

static inline u_int
queued(struct chan_end *e)
{
	u_int n;

	EXPECT_EQ(chan_ctl(e, CHAN_QUEUED, 0, &n), 0);
	return (n);
}

static inline int
ctl(struct chan_end *e, u_int op, u_int arg)
{
	u_int result;

	return (chan_ctl(e, op, arg, &result));
}

static inline u_int
poll(struct chan_end *e)
{
	return (chan_end_ops.poll(e, NULL));
}

/* The byte of a stream at a place. */
static inline uint8_t
byte_at(u_int i)
{
	return ((uint8_t)(i * 2654435761u >> 24));
}

static inline void
fill(uint8_t *p, u_int from, u_int n)
{
	for (u_int i = 0; i < n; i++)
		p[i] = byte_at(from + i);
}

static inline u_int
wrong_bytes(const uint8_t *p, u_int from, u_int n)
{
	u_int wrong = 0;

	for (u_int i = 0; i < n; i++)
		wrong += p[i] != byte_at(from + i);
	return (wrong);
}

/* --- a thread of a test --- */

struct helper {
	struct chan_end *end, *end2;
	u_int n;
	volatile int result;
	struct thread *td;
	volatile uint32_t done;
};

static inline void
start(struct helper *h, void (*fn)(void *), struct chan_end *end, u_int n)
{
	*h = (struct helper){ .end = end, .n = n };
	h->td = thread_create(fn, h, "channel test");
	EXPECT(h->td != NULL);
}

static inline int
finish(struct helper *h)
{
	thread_join(h->td);
	return (h->result);
}

/* Waits until a thread sleeps for this reason. */
static inline void
until_sleeping(struct helper *h, const char *wmesg)
{
	for (u_int i = 0; i < 5000; i++) {
		if (h->td->td_wchan != NULL &&
		    strcmp(h->td->td_wmesg, wmesg) == 0)
			return;
		(void)thread_sleep_ms(1, 0);
	}
	EXPECT_EQ(strcmp(wmesg, "never slept"), 0);
}

#endif /* !_TESTS_CHANNEL_HELP_H_ */
