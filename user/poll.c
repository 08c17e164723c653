/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * poll(2) and select(2), by the kernel's wait for many.  Files that are no
 * channels are always ready.
 */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

#define	IN	(POLLIN | POLLRDNORM)
#define	OUT	(POLLOUT | POLLWRNORM)

/* What is waited for: the descriptors, and an item for each channel. */
struct waits {
	struct wait_item items[WAIT_MAX];
	uint16_t owner[WAIT_MAX];	/* index of its struct pollfd */
	uint32_t n;
	int ready;
};

static void
add_wait(struct waits *w, struct linux_pollfd *p, uint32_t i)
{
	struct file *f = fd_file(p->fd);

	p->revents = 0;
	if (p->fd < 0)
		return;
	if (f == NULL) {
		p->revents = POLLNVAL;
		w->ready++;
	} else if (!file_is_channel(f)) {
		p->revents = p->events & (IN | OUT);
		w->ready += p->revents != 0;
	} else {
		w->items[w->n] = (struct wait_item){ .handle = f->handle,
		    .events = ((p->events & IN) != 0 ? WAIT_READ : 0) |
		    ((p->events & OUT) != 0 ? WAIT_WRITE : 0) };
		w->owner[w->n++] = i;
	}
}

static void
tell(const struct wait_item *wi, struct linux_pollfd *p)
{
	const struct file *f = fd_file(p->fd);

	if ((wi->ready & WAIT_READ) != 0)
		p->revents |= p->events & IN;
	if ((wi->ready & WAIT_WRITE) != 0)
		p->revents |= p->events & OUT;
	if ((wi->ready & WAIT_HANGUP) != 0 && f != NULL)
		p->revents |= f->type == FILE_PIPE &&
		    (f->flags & O_ACCMODE) == O_WRONLY ? POLLERR : POLLHUP;
}

static int
wait_all(struct linux_pollfd *p, uint32_t n, uint64_t deadline)
{
	struct waits w;
	int r;

	w.n = 0;
	w.ready = 0;
	if (n > WAIT_MAX)
		return (-EINVAL);
	if (n > 0 && p == NULL)
		return (-EFAULT);
	for (uint32_t i = 0; i < n; i++)
		add_wait(&w, &p[i], i);
	if (w.ready > 0)
		deadline = 0;
	r = native_sleep(CALL_WAIT, (uint32_t)w.items, w.n, deadline,
	    deadline >> 32);
	if (r < 0 && r != -EAGAIN && r != -ETIMEDOUT)
		return (r);
	for (uint32_t i = 0; i < w.n && r > 0; i++) {
		tell(&w.items[i], &p[w.owner[i]]);
		w.ready += p[w.owner[i]].revents != 0;
	}
	return (w.ready);
}

/* As wait_all(), with the signals in *mask blocked meanwhile, if not NULL. */
static int
wait_masked(struct linux_pollfd *p, uint32_t n, uint64_t deadline,
    const uint64_t *mask)
{
	struct thread *td = self();

	if (mask != NULL) {
		td->saved_mask = td->mask;
		td->mask_saved = true;
		td->mask = *mask;
	}
	return (wait_all(p, n, deadline));
}

/* poll(fds, count, ms) */
int
linux_poll(struct regs *r)
{
	int32_t ms = r->edx;

	return (wait_all((struct linux_pollfd *)r->ebx, r->ecx, ms < 0 ? NEVER :
	    ms == 0 ? 0 : clock_now() + (uint64_t)ms * 1000000));
}

/* ppoll(fds, count, time, mask, size of a set) */
static int
ppoll(struct regs *r, int (*deadline_in)(uint32_t, bool, uint32_t, uint64_t *))
{
	uint64_t deadline = NEVER;
	int error = r->edx == 0 ? 0 :
	    deadline_in(r->edx, false, CLOCK_MONOTONIC, &deadline);

	if (error != 0)
		return (error);
	return (wait_masked((struct linux_pollfd *)r->ebx, r->ecx, deadline,
	    (const uint64_t *)r->esi));
}

int
linux_ppoll(struct regs *r)
{
	return (ppoll(r, deadline_in32));
}

int
linux_ppoll_time64(struct regs *r)
{
	return (ppoll(r, deadline_in64));
}

static bool
is_set(const uint32_t *set, uint32_t fd)
{
	return (set != NULL && (set[fd / 32] & 1u << fd % 32) != 0);
}

static int
put(uint32_t *set, uint32_t fd, bool ready)
{
	if (!is_set(set, fd))
		return (0);
	if (!ready)
		set[fd / 32] &= ~(1u << fd % 32);
	return (ready);
}

/* As select(2): sets[] are those to read, to write, of exceptions, or NULL. */
static int
wait_sets(uint32_t nfds, uint32_t *const sets[3], uint64_t deadline,
    const uint64_t *mask)
{
	struct linux_pollfd p[WAIT_MAX];
	uint32_t n = 0;
	int r;

	if (nfds > FDS_MAX)
		nfds = FDS_MAX;
	for (uint32_t fd = 0; fd < nfds; fd++) {
		uint16_t events = (is_set(sets[0], fd) ? POLLIN : 0) |
		    (is_set(sets[1], fd) ? POLLOUT : 0);

		if (events == 0 && !is_set(sets[2], fd))
			continue;
		if (n == WAIT_MAX)
			return (-EINVAL);
		if (fd_file(fd) == NULL)
			return (-EBADF);
		p[n++] = (struct linux_pollfd){ fd, events, 0 };
	}
	r = wait_masked(p, n, deadline, mask);
	if (r < 0)
		return (r);
	r = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t re = p[i].revents;

		r += put(sets[0], p[i].fd, (re & (POLLIN | POLLHUP)) != 0);
		r += put(sets[1], p[i].fd, (re & (POLLOUT | POLLERR)) != 0);
		put(sets[2], p[i].fd, false);
	}
	return (r);
}

static uint64_t
after_timeval(const struct linux_timeval *tv)
{
	return (tv == NULL ? NEVER : clock_now() +
	    (uint64_t)tv->sec * 1000000000 + (uint64_t)tv->us * 1000);
}

/* select(n, read, write, except, timeval) */
int
linux_select(struct regs *r)
{
	uint32_t *const sets[3] = { (uint32_t *)r->ecx, (uint32_t *)r->edx,
	    (uint32_t *)r->esi };

	return (wait_sets(r->ebx, sets,
	    after_timeval((const struct linux_timeval *)r->edi), NULL));
}

/* The old select(): its arguments are in memory. */
int
linux_oldselect(struct regs *r)
{
	const uint32_t *a = (const uint32_t *)r->ebx;
	uint32_t *const sets[3] = { (uint32_t *)a[1], (uint32_t *)a[2],
	    (uint32_t *)a[3] };

	return (wait_sets(a[0], sets,
	    after_timeval((const struct linux_timeval *)a[4]), NULL));
}

/* pselect6(n, read, write, except, time, { mask, size }) */
static int
pselect(struct regs *r,
    int (*deadline_in)(uint32_t, bool, uint32_t, uint64_t *))
{
	uint32_t *const sets[3] = { (uint32_t *)r->ecx, (uint32_t *)r->edx,
	    (uint32_t *)r->esi };
	const uint32_t *masks = (const uint32_t *)r->ebp;
	uint64_t deadline = NEVER;
	int error = r->edi == 0 ? 0 :
	    deadline_in(r->edi, false, CLOCK_MONOTONIC, &deadline);

	if (error != 0)
		return (error);
	return (wait_sets(r->ebx, sets, deadline,
	    masks == NULL ? NULL : (const uint64_t *)masks[0]));
}

int
linux_pselect6(struct regs *r)
{
	return (pselect(r, deadline_in32));
}

int
linux_pselect6_time64(struct regs *r)
{
	return (pselect(r, deadline_in64));
}
