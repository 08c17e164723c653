/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * File descriptors: the process's table, and the open file descriptions behind
 * it, which forked processes share.
 *
 * A process has a slot in struct shared, with a bit for each description that
 * it has, however many descriptors it has for it; `holders' counts the bits.
 * With the last descriptor it closes its handle of the channel; when no process
 * is left the description is free.  A process that was killed has not given its
 * own up: its parent does so, when it waits for it, or ends itself.
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
		native(CALL_EXIT, STATUS_NOTE(SIGKILL), 0, 0, 0);
	}
	shared->slots[0] = 1;
	console = file_new(FILE_CONSOLE, O_RDWR, HANDLE_CONSOLE, 0);
	for (; proc.nfds < 3; proc.nfds++)
		proc.fds[proc.nfds].file = console;
}

static bool
claim(volatile uint32_t *word)
{
	uint32_t none = 0;

	return (*word == 0 && __atomic_compare_exchange_n(word, &none, 1, false,
	    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}

static void
set_held(struct file *f, bool on)
{
	uint32_t i = f - shared->files;
	volatile uint32_t *word = &shared->held[proc.slot][i / 32];

	if (on)
		atomic_or(word, 1u << i % 32);
	else
		atomic_clear(word, 1u << i % 32);
}

/* A description that this process alone holds; NULL if there is none left. */
struct file *
file_new(enum file_type type, uint32_t flags, uint32_t handle, uint32_t index)
{
	uint32_t hint = shared->free_hint, words = shared->words, i, n;
	struct file *f;

	for (n = 0; n < FILES_MAX; n++) {
		i = (hint + n) % FILES_MAX;
		if (claim(&shared->files[i].holders))
			break;
	}
	if (n == FILES_MAX)
		return (NULL);
	while (i / 32 >= words && !__atomic_compare_exchange_n(&shared->words,
	    &words, i / 32 + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		continue;
	shared->free_hint = i + 1;
	f = &shared->files[i];
	set_held(f, true);
	f->type = type;
	f->flags = flags;
	f->handle = handle;
	f->index = index;
	f->offset = 0;
	return (f);
}

bool
file_is_channel(const struct file *f)
{
	return (f->type == FILE_CONSOLE || f->type == FILE_PIPE ||
	    f->type == FILE_SOCKET || f->type == FILE_MESSAGES);
}

/*
 * This process has it no more.  With its lock held: a fork in the midst would
 * copy a handle of which the child knows nothing.
 */
void
file_drop(struct file *f)
{
	if (file_is_channel(f) && f->type != FILE_CONSOLE)
		native(CALL(CALL_HANDLE_CLOSE, f->handle), 0, 0, 0, 0);
	set_held(f, false);
	shared->free_hint = f - shared->files;
	atomic_add(&f->holders, -1u);
}

void
file_drop_new(struct file *f)
{
	lock(&proc.lock);
	file_drop(f);
	unlock(&proc.lock);
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
	for (uint32_t fd = 0; fd < proc.nfds; fd++)
		if (proc.fds[fd].file == f)
			return (fd);
	return (FDS_MAX);
}

static void
set_fd(uint32_t fd, struct file *f, bool cloexec)
{
	proc.fds[fd] = (struct fd){ f, cloexec };
	if (f != NULL && fd >= proc.nfds)
		proc.nfds = fd + 1;
	while (proc.nfds > 0 && proc.fds[proc.nfds - 1].file == NULL)
		proc.nfds--;
}

/* As fd_open(), with the process's lock held. */
int
fd_place(struct file *f, int lowest, bool cloexec)
{
	for (int fd = lowest; fd < (int)FDS_MAX; fd++) {
		if (proc.fds[fd].file != NULL)
			continue;
		set_fd(fd, f, cloexec);
		return (fd);
	}
	return (-EMFILE);
}

int
fd_open(struct file *f, int lowest, bool cloexec)
{
	int fd;

	lock(&proc.lock);
	fd = fd_place(f, lowest, cloexec);
	unlock(&proc.lock);
	return (fd);
}

/*
 * Puts f, or nothing, at a descriptor, whose old file is dropped.  The lock of
 * the process is held.
 */
void
fd_replace(int fd, struct file *f, bool cloexec)
{
	struct file *old = proc.fds[fd].file;

	set_fd(fd, f, cloexec);
	if (old != NULL && first_fd(old) == FDS_MAX)
		file_drop(old);
}

int
fd_close(int fd)
{
	int error = 0;

	lock(&proc.lock);
	if (fd_file(fd) == NULL)
		error = -EBADF;
	else
		fd_replace(fd, NULL, false);
	unlock(&proc.lock);
	return (error);
}

void
fd_close_on_exec(void)
{
	lock(&proc.lock);
	for (uint32_t fd = 0; fd < proc.nfds; fd++)
		if (proc.fds[fd].file != NULL && proc.fds[fd].cloexec)
			fd_replace(fd, NULL, false);
	unlock(&proc.lock);
}

/*
 * A slot for a process that is about to be forked, which holds what this one
 * does; or minus EAGAIN.  The process's lock is held.
 */
int
fd_fork(void)
{
	uint32_t slot, bits;

	for (slot = 0; slot < PROCESSES_MAX; slot++)
		if (claim(&shared->slots[slot]))
			break;
	if (slot == PROCESSES_MAX)
		return (-EAGAIN);
	for (uint32_t w = 0; w < shared->words; w++) {
		bits = shared->held[proc.slot][w];
		shared->held[slot][w] = bits;
		for (; bits != 0; bits &= bits - 1)
			atomic_add(&shared->files[w * 32 +
			    __builtin_ctz(bits)].holders, 1);
	}
	return (slot);
}

/*
 * Gives up what a process holds and has not yet given up: called by itself at
 * its end, and by its parent.  The kernel closes its handles.
 */
void
fd_forget(uint32_t slot)
{
	uint32_t bits;

	for (uint32_t w = 0; w < shared->words; w++) {
		bits = shared->held[slot][w];
		if (bits == 0)
			continue;
		bits = atomic_swap(&shared->held[slot][w], 0);
		for (; bits != 0; bits &= bits - 1)
			atomic_add(&shared->files[w * 32 +
			    __builtin_ctz(bits)].holders, -1u);
	}
}

void
fd_slot_free(uint32_t slot)
{
	fd_forget(slot);
	shared->slots[slot] = 0;
}

/*
 * Of a process and its parent, each says that it is about to end by a bit of
 * the process's slot.  Who finds the other's bit frees the slot.
 */
void
fd_slot_leave(uint32_t slot, uint32_t bit)
{
	if ((atomic_or(&shared->slots[slot], bit) & ~SLOT_USED) != 0)
		fd_slot_free(slot);
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
	struct file *f;

	if ((uint32_t)to >= FDS_MAX)
		return (-EBADF);
	lock(&proc.lock);
	f = fd_file(from);
	if (f != NULL && from != to)
		fd_replace(to, f, cloexec);
	unlock(&proc.lock);
	return (f == NULL ? -EBADF : to);
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
