/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Pipes and socketpairs: both are channels. */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

/* Undoes what give_fds() has done. */
static void
take_back(struct file *f[2], const uint32_t handle[2], const int fds[2])
{
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			fd_replace(fds[i], NULL, false);
		else if (f[i] != NULL)
			file_drop(f[i]);
		else
			native(CALL(CALL_HANDLE_CLOSE, handle[i]), 0, 0, 0, 0);
	}
}

/*
 * Makes a file with a descriptor for each end of a channel; flags[] is what
 * each is open for.
 */
static int
give_fds(const uint32_t handle[2], enum file_type type, const uint32_t flags[2],
    bool cloexec, int fds[2])
{
	struct file *f[2];

	for (int i = 0; i < 2; i++) {
		f[i] = file_new(type, flags[i], handle[i], 0);
		fds[i] = f[i] == NULL ? -ENFILE : fd_place(f[i], 0, cloexec);
	}
	if (fds[0] >= 0 && fds[1] >= 0)
		return (0);
	take_back(f, handle, fds);
	return (fds[0] < 0 ? fds[0] : fds[1]);
}

/* A channel with descriptors, under the lock: a fork has all or none of it. */
static int
make_pair(uint32_t kind, enum file_type type, const uint32_t flags[2],
    bool cloexec, int fds[2])
{
	struct results res;
	uint32_t handle[2];
	int r;

	lock(&proc.lock);
	r = native_results(CALL_CHAN_CREATE, kind, 0, 0, 0, &res);
	if (r >= 0) {
		handle[0] = r;
		handle[1] = res.ebx;
		r = give_fds(handle, type, flags, cloexec, fds);
	}
	unlock(&proc.lock);
	return (r);
}

static int
make_pipe(int *to, uint32_t flags)
{
	uint32_t each[2] = { O_RDONLY | (flags & O_NONBLOCK),
	    O_WRONLY | (flags & O_NONBLOCK) };
	int fds[2], error;

	error = make_pair(CHAN_STREAM, FILE_PIPE, each,
	    (flags & O_CLOEXEC) != 0, fds);
	if (error != 0)
		return (error);
	to[0] = fds[0];
	to[1] = fds[1];
	return (0);
}

int
linux_pipe(struct regs *r)
{
	return (make_pipe((int *)r->ebx, 0));
}

int
linux_pipe2(struct regs *r)
{
	if ((r->ecx & ~(O_NONBLOCK | O_CLOEXEC)) != 0)
		return (-EINVAL);
	return (make_pipe((int *)r->ebx, r->ecx));
}

/* socketpair(domain, type, protocol, int [2]) */
int
linux_socketpair(struct regs *r)
{
	uint32_t type = r->ecx & SOCK_TYPE;
	uint32_t each[2] = { O_RDWR | (r->ecx & SOCK_NONBLOCK),
	    O_RDWR | (r->ecx & SOCK_NONBLOCK) };
	int fds[2], error;

	if (r->ebx != AF_UNIX)
		return (-EAFNOSUPPORT);
	if (r->edx != 0 || (type != SOCK_STREAM && type != SOCK_DGRAM &&
	    type != SOCK_SEQPACKET))
		return (-EPROTONOSUPPORT);
	error = make_pair(type == SOCK_STREAM ? CHAN_STREAM : CHAN_MESSAGE,
	    type == SOCK_STREAM ? FILE_SOCKET : FILE_MESSAGES, each,
	    (r->ecx & SOCK_CLOEXEC) != 0, fds);
	if (error == 0)
		memcpy((void *)r->esi, fds, sizeof(fds));
	return (error);
}

static struct file *
socket_of(int fd, int *error)
{
	struct file *f = fd_file(fd);

	*error = f == NULL ? -EBADF : -ENOTSOCK;
	if (f != NULL && f->type != FILE_SOCKET && f->type != FILE_MESSAGES)
		f = NULL;
	return (f);
}

static uint32_t
message_flags(uint32_t flags)
{
	return (((flags & MSG_DONTWAIT) != 0 ? CHAN_NONBLOCK : 0) |
	    ((flags & MSG_PEEK) != 0 ? CHAN_PEEK : 0));
}

/* sendto(fd, buffer, bytes, flags, address, its length) */
int
linux_sendto(struct regs *r)
{
	int error, n;
	struct file *f = socket_of(r->ebx, &error);

	if (f == NULL)
		return (error);
	n = file_write(f, r->ecx, r->edx, message_flags(r->esi));
	if (n == -EPIPE && (r->esi & MSG_NOSIGNAL) != 0)
		signal_forget_self(SIGPIPE);
	return (n);
}

/* recvfrom(fd, buffer, bytes, flags, address, its length) */
int
linux_recvfrom(struct regs *r)
{
	int error;
	struct file *f = socket_of(r->ebx, &error);

	if (f == NULL)
		return (error);
	return (file_read(f, r->ecx, r->edx, message_flags(r->esi)));
}

/* shutdown(fd, how): 0 reading, 1 writing, 2 both */
int
linux_shutdown(struct regs *r)
{
	static const uint32_t rights[] = { RIGHT_READ, RIGHT_WRITE,
	    RIGHT_READ | RIGHT_WRITE };
	int error;
	struct file *f = socket_of(r->ebx, &error);

	if (f == NULL)
		return (error);
	if (r->ecx >= nitems(rights))
		return (-EINVAL);
	return (native(CALL(CALL_CHAN_CTL, f->handle), CHAN_SHUT,
	    rights[r->ecx], 0, 0));
}
