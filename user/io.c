/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Reads and writes of open files, of all types. */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

#define	IOV_MAX		1024u
#define	GATHER		1024u	/* a writev() up to this is one write */
#define	COPY		2048u	/* a step of sendfile() that copies */

static bool
may_read(const struct file *f)
{
	return (f != NULL && (f->flags & O_ACCMODE) != O_WRONLY);
}

static bool
may_write(const struct file *f)
{
	return (f != NULL && (f->flags & O_ACCMODE) != O_RDONLY);
}

static uint32_t
nonblock(const struct file *f)
{
	return ((f->flags & O_NONBLOCK) != 0 ? CHAN_NONBLOCK : 0);
}

/*
 * The error of a call with a buffer: memory that may not be used in this way is
 * a bad address to Linux; and a call that was interrupted may be made again.
 */
static int
buffer_error(int n)
{
	return (n == -EACCES ? -EFAULT : n == -EINTR ? -ERESTART : n);
}

static int
read_boot(const struct file *f, uint32_t buf, uint32_t len, uint64_t offset)
{
	uint64_t size = boot->files[f->index].size;

	if (offset >= size)
		return (0);
	if (len > size - offset)
		len = size - offset;
	return (buffer_error(native(CALL(CALL_MEM_READ, f->handle), buf, len,
	    offset, offset >> 32)));
}

int
file_read(struct file *f, uint32_t buf, uint32_t len, uint32_t flags)
{
	int n;

	switch (f->type) {
	case FILE_BOOT:
		n = read_boot(f, buf, len, f->offset);
		if (n > 0)
			f->offset += n;
		return (n);
	case FILE_DIR:
		return (-EISDIR);
	case FILE_NULL:
		return (0);
	case FILE_ZERO:
		if (!is_program(buf, len))
			return (-EFAULT);
		memset((void *)buf, 0, len);
		return (len);
	default:
		return (buffer_error(native_sleep(CALL(CALL_CHAN_READ,
		    f->handle), buf, len, flags | nonblock(f), 0)));
	}
}

/* A write to a channel, all of it unless it is told not to sleep. */
static int
write_channel(struct file *f, uint32_t buf, uint32_t len, uint32_t flags)
{
	uint32_t done = 0;
	int n;

	flags |= nonblock(f);
	do {
		n = native_sleep(CALL(CALL_CHAN_WRITE, f->handle), buf + done,
		    len - done, flags, 0);
		if (n < 0)
			break;
		done += n;
	} while (done < len && n > 0 && (flags & CHAN_NONBLOCK) == 0);
	if (done > 0)
		return (done);
	if (n == -EPIPE)
		signal_post_thread(self(), SIGPIPE);
	return (buffer_error(n));
}

int
file_write(struct file *f, uint32_t buf, uint32_t len, uint32_t flags)
{
	switch (f->type) {
	case FILE_NULL:
	case FILE_ZERO:
		return (len);
	case FILE_BOOT:
	case FILE_DIR:
		return (-EBADF);
	default:
		return (write_channel(f, buf, len, flags));
	}
}

int
linux_read(struct regs *r)
{
	struct file *f = fd_file(r->ebx);

	return (may_read(f) ? file_read(f, r->ecx, r->edx, 0) : -EBADF);
}

int
linux_write(struct regs *r)
{
	struct file *f = fd_file(r->ebx);

	return (may_write(f) ? file_write(f, r->ecx, r->edx, 0) : -EBADF);
}

/* Bytes of a vector, or minus EINVAL or EFAULT. */
static int
iov_length(const struct linux_iovec *v, uint32_t n)
{
	uint32_t sum = 0;

	if (n > IOV_MAX)
		return (-EINVAL);
	for (; n > 0; n--, v++) {
		if (v->len > INT32_MAX - sum)
			return (-EINVAL);
		if (v->len != 0 && !is_program(v->base, v->len))
			return (-EFAULT);
		sum += v->len;
	}
	return (sum);
}

/* readv(fd, vector, count): only the first part may sleep. */
int
linux_readv(struct regs *r)
{
	const struct linux_iovec *v = (const struct linux_iovec *)r->ecx;
	struct file *f = fd_file(r->ebx);
	int n, done = iov_length(v, r->edx);

	if (!may_read(f))
		return (-EBADF);
	if (done < 0)
		return (done);
	done = 0;
	for (uint32_t i = 0; i < r->edx; i++) {
		if (v[i].len == 0)
			continue;
		n = file_read(f, v[i].base, v[i].len,
		    done > 0 ? CHAN_NONBLOCK : 0);
		if (n < 0)
			return (done > 0 ? done : n);
		done += n;
		if ((uint32_t)n < v[i].len)
			break;
	}
	return (done);
}

static int
write_gathered(struct file *f, const struct linux_iovec *v, uint32_t count,
    uint32_t len)
{
	char bytes[GATHER], *p = bytes;

	for (; count > 0; count--, v++) {
		memcpy(p, (const void *)v->base, v->len);
		p += v->len;
	}
	return (file_write(f, (uint32_t)bytes, len, 0));
}

/* writev(fd, vector, count) */
int
linux_writev(struct regs *r)
{
	const struct linux_iovec *v = (const struct linux_iovec *)r->ecx;
	struct file *f = fd_file(r->ebx);
	int n, done = 0, len = iov_length(v, r->edx);

	if (!may_write(f))
		return (-EBADF);
	if (len < 0)
		return (len);
	if ((uint32_t)len <= GATHER)
		return (write_gathered(f, v, r->edx, len));
	if (f->type == FILE_MESSAGES && r->edx > 1)
		return (-EMSGSIZE);
	for (uint32_t i = 0; i < r->edx; i++) {
		n = v[i].len == 0 ? 0 : file_write(f, v[i].base, v[i].len, 0);
		if (n < 0)
			return (done > 0 ? done : n);
		done += n;
		if ((uint32_t)n < v[i].len)
			break;
	}
	return (done);
}

/* pread64(fd, buffer, bytes, offset low, high) */
int
linux_pread64(struct regs *r)
{
	struct file *f = fd_file(r->ebx);

	if (!may_read(f))
		return (-EBADF);
	if ((int32_t)r->edi < 0)
		return (-EINVAL);
	if (f->type != FILE_BOOT)
		return (file_is_channel(f) ? -ESPIPE :
		    file_read(f, r->ecx, r->edx, 0));
	return (read_boot(f, r->ecx, r->edx,
	    r->esi | (uint64_t)r->edi << 32));
}

int
linux_pwrite64(struct regs *r)
{
	struct file *f = fd_file(r->ebx);

	if (!may_write(f))
		return (-EBADF);
	return (file_is_channel(f) ? -ESPIPE :
	    file_write(f, r->ecx, r->edx, 0));
}

static int
seek(struct file *f, int64_t by, uint32_t whence, uint64_t *to)
{
	int64_t from;

	if (f == NULL)
		return (-EBADF);
	if (file_is_channel(f))
		return (-ESPIPE);
	if (whence > SEEK_END)
		return (-EINVAL);
	from = whence == SEEK_SET ? 0 :
	    whence == SEEK_CUR ? (int64_t)f->offset :
	    f->type == FILE_BOOT ? (int64_t)boot->files[f->index].size : 0;
	if ((by > 0 && from > INT64_MAX - by) || from + by < 0)
		return (-EINVAL);
	*to = f->offset = from + by;
	return (0);
}

/* _llseek(fd, high, low, result, whence) */
int
linux_llseek(struct regs *r)
{
	uint64_t to;
	int error = seek(fd_file(r->ebx), (uint64_t)r->ecx << 32 | r->edx,
	    r->edi, &to);

	if (error == 0)
		*(uint64_t *)r->esi = to;
	return (error);
}

int
linux_lseek(struct regs *r)
{
	uint64_t to;
	int error = seek(fd_file(r->ebx), (int32_t)r->ecx, r->edx, &to);

	if (error != 0)
		return (error);
	return (to > INT32_MAX ? -EOVERFLOW : (int)to);
}

/* Sends the pages of a boot file themselves: no byte is copied here. */
static int
send_pages(struct file *out, const struct file *in, uint64_t offset,
    uint32_t len)
{
	int n = native_sleep(CALL(CALL_CHAN_SENDMEM, out->handle),
	    in->handle | nonblock(out) << 24, len, offset, offset >> 32);

	if (n == -EPIPE)
		signal_post_thread(self(), SIGPIPE);
	return (n == -EINTR ? -ERESTART : n);
}

static int
send_copied(struct file *out, const struct file *in, uint64_t offset,
    uint32_t len)
{
	char bytes[COPY];
	uint32_t done = 0, part;
	int n, w;

	while (done < len) {
		part = len - done < COPY ? len - done : COPY;
		n = read_boot(in, (uint32_t)bytes, part, offset + done);
		if (n <= 0)
			return (done > 0 ? (int)done : n);
		w = file_write(out, (uint32_t)bytes, n, 0);
		if (w < 0)
			return (done > 0 ? (int)done : w);
		done += w;
		if (w < n)
			break;
	}
	return (done);
}

static int
send_file(struct file *out, struct file *in, uint64_t *offset, uint32_t len)
{
	uint64_t from = offset != NULL ? *offset : in->offset, size;
	int n;

	if (in->type != FILE_BOOT || (int64_t)from < 0)
		return (-EINVAL);
	size = boot->files[in->index].size;
	if (from >= size || len == 0)
		return (0);
	if (len > size - from)
		len = size - from;
	if (len > INT32_MAX)
		len = INT32_MAX & ~PAGE_MASK;
	if (out->type == FILE_PIPE || out->type == FILE_SOCKET)
		n = send_pages(out, in, from, len);
	else
		n = send_copied(out, in, from, len);
	if (n > 0 && offset != NULL)
		*offset += n;
	else if (n > 0)
		in->offset += n;
	return (n);
}

/* sendfile64(out, in, offset or NULL, bytes) */
int
linux_sendfile64(struct regs *r)
{
	struct file *out = fd_file(r->ebx), *in = fd_file(r->ecx);

	if (!may_write(out) || !may_read(in))
		return (-EBADF);
	return (send_file(out, in, (uint64_t *)r->edx, r->esi));
}

int
linux_sendfile(struct regs *r)
{
	struct file *out = fd_file(r->ebx), *in = fd_file(r->ecx);
	uint32_t *offset32 = (uint32_t *)r->edx;
	uint64_t offset;
	int n;

	if (!may_write(out) || !may_read(in))
		return (-EBADF);
	if (offset32 == NULL)
		return (send_file(out, in, NULL, r->esi));
	offset = *offset32;
	n = send_file(out, in, &offset, r->esi);
	*offset32 = offset;
	return (n);
}

static void
get_termios(struct linux_termios *t)
{
	memset(t, 0, sizeof(*t));
	t->iflag = ICRNL;
	t->oflag = OPOST_ONLCR;
	t->cflag = B38400_CS8_CREAD;
	/* The kernel echoes and edits: a program need not, and must not. */
	t->lflag = ISIG_ICANON;
}

static int
console_ioctl(uint32_t command, uint32_t arg)
{
	uint16_t *size = (uint16_t *)arg;

	if (!is_program(arg, sizeof(struct linux_termios)))
		return (-EFAULT);
	switch (command) {
	case TCGETS:
		get_termios((struct linux_termios *)arg);
		return (0);
	case TCSETS ... TCSETSF:
		return (0);
	case TIOCGPGRP:
		*(uint32_t *)arg = proc.pid;
		return (0);
	case TIOCSPGRP:
		return (0);
	case TIOCGWINSZ:
		size[0] = 24;
		size[1] = 80;
		size[2] = size[3] = 0;
		return (0);
	default:
		return (-ENOTTY);
	}
}

/* ioctl(fd, command, argument) */
int
linux_ioctl(struct regs *r)
{
	struct file *f = fd_file(r->ebx);
	int n;

	if (f == NULL)
		return (-EBADF);
	if ((r->ecx == FIONREAD || r->ecx == FIONBIO) &&
	    !is_program(r->edx, sizeof(int)))
		return (-EFAULT);
	if (r->ecx == FIONREAD && file_is_channel(f)) {
		n = native(CALL(CALL_CHAN_CTL, f->handle), CHAN_QUEUED, 0, 0,
		    0);
		if (n >= 0)
			*(int *)r->edx = n;
		return (n < 0 ? n : 0);
	}
	if (r->ecx == FIONBIO) {
		f->flags = (f->flags & ~O_NONBLOCK) |
		    (*(int *)r->edx != 0 ? O_NONBLOCK : 0);
		return (0);
	}
	return (f->type == FILE_CONSOLE ? console_ioctl(r->ecx, r->edx) :
	    -ENOTTY);
}
