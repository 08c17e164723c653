/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * File descriptors: the process's table, and the open file descriptions behind
 * it, which forked processes share.
 *
 * A process counts once in `holders' of each description that it has, however
 * many descriptors it has for it.  With the last of them it closes its handle of
 * the channel; when no process is left the description is free.
 */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

void
fd_init(void)
{
	struct file *console;

	if (native(CALL_MEM_MAP, SHARED_BASE, round_page(sizeof(*shared)), 0,
	    PROT_READ | PROT_WRITE | MAP_SHARE | MAP_FIXED) < 0) {
		say("personality: no memory for open files\n");
		process_exit(STATUS_NOTE(SIGKILL));
	}
	console = file_new(FILE_CONSOLE, O_RDWR, HANDLE_CONSOLE, 0);
	for (int fd = 0; fd < 3; fd++)
		proc.fds[fd].file = console;
}

/* A description that this process alone holds; NULL if there is none left. */
struct file *
file_new(enum file_type type, uint32_t flags, uint32_t handle, uint32_t index)
{
	uint32_t none;

	for (uint32_t i = 0; i < FILES_MAX; i++) {
		struct file *f = &shared->files[i];

		none = 0;
		if (f->holders != 0 || !__atomic_compare_exchange_n(
		    &f->holders, &none, 1, false, __ATOMIC_ACQUIRE,
		    __ATOMIC_RELAXED))
			continue;
		f->type = type;
		f->flags = flags;
		f->handle = handle;
		f->index = index;
		f->offset = 0;
		return (f);
	}
	return (NULL);
}

bool
file_is_channel(const struct file *f)
{
	return (f->type == FILE_CONSOLE || f->type == FILE_PIPE ||
	    f->type == FILE_SOCKET || f->type == FILE_MESSAGES);
}

/* This process has it no more. */
static void
file_drop(struct file *f)
{
	if (file_is_channel(f) && f->type != FILE_CONSOLE)
		native(CALL(CALL_HANDLE_CLOSE, f->handle), 0, 0, 0, 0);
	atomic_add(&f->holders, -1u);
}

void
file_drop_new(struct file *f)
{
	file_drop(f);
}

struct file *
fd_file(int fd)
{
	if ((uint32_t)fd >= FDS_MAX)
		return (NULL);
	return (proc.fds[fd].file);
}

/* The first descriptor of f, or FDS_MAX. */
static uint32_t
first_fd(const struct file *f)
{
	for (uint32_t fd = 0; fd < FDS_MAX; fd++)
		if (proc.fds[fd].file == f)
			return (fd);
	return (FDS_MAX);
}

int
fd_open(struct file *f, int lowest, bool cloexec)
{
	lock(&proc.lock);
	for (int fd = lowest; fd < (int)FDS_MAX; fd++) {
		if (proc.fds[fd].file != NULL)
			continue;
		proc.fds[fd] = (struct fd){ f, cloexec };
		unlock(&proc.lock);
		return (fd);
	}
	unlock(&proc.lock);
	return (-EMFILE);
}

/* Puts f, or nothing, at a descriptor, whose old file is dropped. */
static void
fd_replace(int fd, struct file *f, bool cloexec)
{
	struct file *old;
	bool last;

	lock(&proc.lock);
	old = proc.fds[fd].file;
	proc.fds[fd] = (struct fd){ f, cloexec };
	last = old != NULL && first_fd(old) == FDS_MAX;
	unlock(&proc.lock);
	if (last)
		file_drop(old);
}

int
fd_close(int fd)
{
	if (fd_file(fd) == NULL)
		return (-EBADF);
	fd_replace(fd, NULL, false);
	return (0);
}

void
fd_close_on_exec(void)
{
	for (uint32_t fd = 0; fd < FDS_MAX; fd++)
		if (proc.fds[fd].file != NULL && proc.fds[fd].cloexec)
			fd_replace(fd, NULL, false);
}

/* Adds n to `holders' of each description of this process. */
static void
count_all(uint32_t n)
{
	for (uint32_t fd = 0; fd < FDS_MAX; fd++) {
		struct file *f = proc.fds[fd].file;

		if (f != NULL && first_fd(f) == fd)
			atomic_add(&f->holders, n);
	}
}

void
fd_fork(void)
{
	count_all(1);
}

void
fd_fork_failed(void)
{
	count_all(-1u);
}

/* The kernel closes the handles of a task that ends. */
void
fd_exit(void)
{
	count_all(-1u);
}

int
linux_close(struct regs *r)
{
	return (fd_close(r->ebx));
}

int
linux_dup(struct regs *r)
{
	struct file *f = fd_file(r->ebx);

	return (f == NULL ? -EBADF : fd_open(f, 0, false));
}

static int
dup_to(int from, int to, bool cloexec)
{
	struct file *f = fd_file(from);

	if (f == NULL || (uint32_t)to >= FDS_MAX)
		return (-EBADF);
	if (from != to)
		fd_replace(to, f, cloexec);
	return (to);
}

int
linux_dup2(struct regs *r)
{
	return (dup_to(r->ebx, r->ecx, false));
}

int
linux_dup3(struct regs *r)
{
	if (r->ebx == r->ecx || (r->edx & ~O_CLOEXEC) != 0)
		return (-EINVAL);
	return (dup_to(r->ebx, r->ecx, (r->edx & O_CLOEXEC) != 0));
}

/* fcntl(fd, command, argument) */
int
linux_fcntl(struct regs *r)
{
	struct file *f = fd_file(r->ebx);

	if (f == NULL)
		return (-EBADF);
	switch (r->ecx) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (r->edx >= FDS_MAX)
			return (-EINVAL);
		return (fd_open(f, r->edx, r->ecx == F_DUPFD_CLOEXEC));
	case F_GETFD:
		return (proc.fds[r->ebx].cloexec ? FD_CLOEXEC : 0);
	case F_SETFD:
		proc.fds[r->ebx].cloexec = (r->edx & FD_CLOEXEC) != 0;
		return (0);
	case F_GETFL:
		return (f->flags | O_LARGEFILE);
	case F_SETFL:
		f->flags = (f->flags & O_ACCMODE) |
		    (r->edx & (O_NONBLOCK | O_APPEND));
		return (0);
	case F_GETPIPE_SZ:
		return (f->type == FILE_PIPE ? 65536 : -EBADF);
	default:
		return (-EINVAL);
	}
}
