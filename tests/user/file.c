/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Files of /boot, which cannot be written to: read, pread, lseek, stat, mmap and
 * sendfile.  The file is a program of these tests, of many pages.
 */

#include "ktap.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>

static unsigned char *whole;		/* the file, read once */
static size_t size;
static int fd;
static unsigned char *whole_map;	/* of test_no_alias() */

static void
test_read(void)
{
	struct stat st;
	ssize_t n;

	fd = open(boot_file("driver"), O_RDONLY);
	EXPECT(fd >= 0);
	EXPECT_IS(fstat(fd, &st), 0);
	EXPECT(S_ISREG(st.st_mode));
	EXPECT(st.st_size > 20000);
	whole = malloc((size_t)st.st_size + 1);
	while ((n = read(fd, whole + size, (size_t)st.st_size + 1 - size)) > 0)
		size += (size_t)n;
	EXPECT_IS(n, 0);
	EXPECT_IS(size, st.st_size);
	EXPECT(memcmp(whole, "\177ELF", 4) == 0);
	EXPECT_IS(read(fd, whole + size, 1), 0);
	EXPECT_IS(stat(boot_file("driver"), &st), 0);
	EXPECT_IS(size, st.st_size);
}

static void
test_pread(void)
{
	static unsigned char buf[10000];
	static const size_t at[] = { 0, 1, 4095, 4096, 5000, 12288 };
	static const size_t n[] = { 1, 2, 4096, 4097, 9999 };

	EXPECT_IS(lseek(fd, 3, SEEK_SET), 3);
	for (int i = 0; i < 6; i++) {
		for (int k = 0; k < 5; k++) {
			EXPECT_IS(pread(fd, buf + k, n[k] - (size_t)k,
			    (off_t)at[i]), n[k] - (size_t)k);
			EXPECT(memcmp(buf + k, whole + at[i],
			    n[k] - (size_t)k) == 0);
		}
	}
	EXPECT_IS(pread(fd, buf, 100, (off_t)size - 10), 10);
	EXPECT_IS(pread(fd, buf, 100, (off_t)size), 0);
	EXPECT_IS(pread(fd, buf, 100, (off_t)1 << 40), 0);
	EXPECT_ERROR(pread(fd, buf, 100, -1), EINVAL);
	EXPECT_IS(lseek(fd, 0, SEEK_CUR), 3);
}

static void
test_seek(void)
{
	unsigned char c;
	int copy;

	EXPECT_IS(lseek(fd, -1, SEEK_END), size - 1);
	EXPECT_IS(read(fd, &c, 1), 1);
	EXPECT_IS(c, whole[size - 1]);
	EXPECT_IS(lseek(fd, 10, SEEK_END), size + 10);
	EXPECT_IS(read(fd, &c, 1), 0);
	EXPECT_ERROR(lseek(fd, -1, SEEK_SET), EINVAL);
	EXPECT_ERROR(lseek(fd, 0, 99), EINVAL);
	/* A duplicate has the same offset, another open() its own. */
	copy = dup(fd);
	EXPECT_IS(lseek(copy, 5, SEEK_SET), 5);
	EXPECT_IS(read(fd, &c, 1), 1);
	EXPECT_IS(c, whole[5]);
	EXPECT_IS(lseek(copy, 0, SEEK_CUR), 6);
	close(copy);
	copy = open(boot_file("driver"), O_RDONLY);
	EXPECT_IS(read(copy, &c, 1), 1);
	EXPECT_IS(c, 0x7f);
	close(copy);
}

static void
test_seek_is_shared(void)
{
	unsigned char c;
	pid_t pid;

	EXPECT_IS(lseek(fd, 0, SEEK_SET), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(lseek(fd, 2, SEEK_CUR) == 2 ? 0 : 1);
	EXPECT_IS(status_of(pid), 0);
	EXPECT_IS(read(fd, &c, 1), 1);
	EXPECT_IS(c, 'L');
}

static void
nothing(void)
{
}

/* A child that has ended took nothing from what its parent has open. */
static void
test_outlives_a_child(void)
{
	int other[4], fds[2];
	unsigned char c;

	EXPECT_IS(pipe(fds), 0);
	EXPECT_IS(write(fds[1], "pipe", 4), 4);
	EXPECT_IS(lseek(fd, 1, SEEK_SET), 1);
	for (int i = 0; i < 4; i++) {
		fflush(stdout);
		EXPECT_IS(status_of(child(nothing)), 0);
		other[i] = open(boot_file("libc"), O_RDONLY);
		EXPECT(other[i] >= 0);
		EXPECT_IS(lseek(other[i], 7000 + i, SEEK_SET), 7000 + i);
	}
	EXPECT_IS(lseek(fd, 0, SEEK_CUR), 1);
	EXPECT_IS(read(fd, &c, 1), 1);
	EXPECT_IS(c, 'E');
	EXPECT_IS(read(fds[0], &c, 1), 1);
	EXPECT_IS(c, 'p');
	for (int i = 0; i < 4; i++) {
		EXPECT_IS(lseek(other[i], 0, SEEK_CUR), 7000 + i);
		close(other[i]);
	}
	close(fds[0]);
	close(fds[1]);
}

static void
test_errors(void)
{
	struct stat st;
	char buf[8];

	EXPECT_ERROR(open(boot_file("no such file"), O_RDONLY), ENOENT);
	EXPECT_ERROR(stat(boot_file("no such file"), &st), ENOENT);
	EXPECT_ERROR(open((char *)-4096, O_RDONLY), EFAULT);
	EXPECT_ERROR(open("", O_RDONLY), ENOENT);
	EXPECT_ERROR(read(-1, buf, 1), EBADF);
	EXPECT_ERROR(read(12345, buf, 1), EBADF);
	EXPECT_ERROR(fstat(12345, &st), EBADF);
	EXPECT_ERROR(close(12345), EBADF);
	EXPECT_ERROR(write(fd, "x", 1), EBADF);
	EXPECT_IS(read(fd, buf, 0), 0);
	EXPECT(access(boot_file("driver"), R_OK) == 0);
}

static void
test_map(void)
{
	unsigned char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	unsigned char *w;

	EXPECT(p != MAP_FAILED);
	if (p == MAP_FAILED)
		return;
	EXPECT(memcmp(p, whole, size) == 0);
	w = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
	EXPECT(w != MAP_FAILED);
	if (w != MAP_FAILED) {
		EXPECT(memcmp(w, whole + 4096, 8192) == 0);
		memset(w, 'w', 4096);
		EXPECT(memcmp(p, whole, size) == 0);
		EXPECT(w[4095] == 'w' && w[4096] == whole[8192]);
		EXPECT_IS(munmap(w, 8192), 0);
	}
	/* What the kernel copies in goes to the private copy as well. */
	w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	EXPECT(w != MAP_FAILED);
	EXPECT_IS(pread(fd, w, 4096, 4096), 4096);
	EXPECT(memcmp(w, whole + 4096, 4096) == 0);
	EXPECT(memcmp(p, whole, size) == 0);
	EXPECT_IS(munmap(w, 4096), 0);
	EXPECT_IS(munmap(p, size), 0);
	EXPECT_ERROR((long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 1),
	    EINVAL);
	EXPECT_ERROR((long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 12345, 0),
	    EBADF);
}

/*
 * The ways to a writable alias of a page of the file: none of them is one, and
 * the file is as it was, for this process and for others.
 */
static void
read_whole(void)
{
	unsigned char *p = malloc(size);

	EXPECT_IS(pread(fd, p, size, 0), size);
	EXPECT(memcmp(p, whole, size) == 0);
	free(p);
}

static void
write_privately(void)
{
	memset(whole_map, 'c', 3 * 4096);
	read_whole();
}

static void
test_no_alias(void)
{
	unsigned char *shown, *p;
	unsigned char byte[3];
	int fds[2];

	EXPECT_ERROR((long)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0), EACCES);
	shown = mmap(NULL, 3 * 4096, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(shown != MAP_FAILED);
	EXPECT_ERROR(mprotect(shown, 4096, PROT_READ | PROT_WRITE), EACCES);
	/* What the kernel would write there. */
	EXPECT_ERROR(pread(fd, shown, 4096, 4096), EFAULT);
	EXPECT_IS(pipe(fds), 0);
	EXPECT_IS(write(fds[1], "xyz", 3), 3);
	EXPECT_ERROR(read(fds[0], shown + 100, 3), EFAULT);
	EXPECT_IS(read(fds[0], byte, 3), 3);
	EXPECT(memcmp(shown, whole, 3 * 4096) == 0);
	/* A private mapping, also one that could not be written at first. */
	p = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	EXPECT(p != MAP_FAILED && memcmp(p, whole, 3 * 4096) == 0);
	whole_map = p;
	EXPECT_IS(mprotect(p, 3 * 4096, PROT_READ | PROT_WRITE), 0);
	/* A page of it goes into the pipe; then it is written. */
	EXPECT_IS(write(fds[1], p + 4096, 4096), 4096);
	EXPECT_IS(sendfile(fds[1], fd, &(off_t){ 8192 }, 4096), 4096);
	EXPECT_IS(status_of(child(write_privately)), 0);
	EXPECT(memcmp(p, whole, 3 * 4096) == 0);
	memset(p, 'p', 2 * 4096);
	EXPECT_IS(pread(fd, p + 2 * 4096, 4096, 0), 4096);
	EXPECT_IS(status_of(child(write_privately)), 0);
	EXPECT(p[4095] == 'p' && p[8192] == whole[0]);
	EXPECT_IS(read(fds[0], p, 8192), 8192);
	EXPECT(memcmp(p, whole + 4096, 8192) == 0);
	EXPECT(memcmp(shown, whole, 3 * 4096) == 0);
	EXPECT_IS(status_of(child(read_whole)), 0);
	read_whole();
	munmap(p, 3 * 4096);
	munmap(shown, 3 * 4096);
	close(fds[0]);
	close(fds[1]);
}

/* Sends all of the file into a pair of descriptors; a process reads it. */
static void
send_all(int from, int to)
{
	unsigned char *got = malloc(size + 1);
	size_t len = 0, sent = 0;
	off_t offset = 0;
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(to);
		while (len < size + 1 &&
		    (n = read(from, got + len, size + 1 - len)) > 0)
			len += (size_t)n;
		_exit(len == size && memcmp(got, whole, size) == 0 ? 0 : 1);
	}
	close(from);
	EXPECT_IS(lseek(fd, 7, SEEK_SET), 7);
	while (sent < size && (n = sendfile(to, fd, &offset, size)) > 0) {
		sent += (size_t)n;
		EXPECT_IS(offset, sent);
	}
	EXPECT_IS(sent, size);
	EXPECT_IS(sendfile(to, fd, &offset, size), 0);
	EXPECT_IS(lseek(fd, 0, SEEK_CUR), 7);
	close(to);
	EXPECT_IS(status_of(pid), 0);
	free(got);
}

static void
test_sendfile_socket(void)
{
	int fds[2];

	EXPECT_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	send_all(fds[0], fds[1]);
}

static void
test_sendfile_pipe(void)
{
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	send_all(fds[0], fds[1]);
}

static void
test_sendfile_offset(void)
{
	unsigned char buf[9000];
	off_t offset = 4090;
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	/* Without an offset: that of the file, which moves. */
	EXPECT_IS(lseek(fd, 100, SEEK_SET), 100);
	EXPECT_IS(sendfile(fds[1], fd, NULL, 8500), 8500);
	EXPECT_IS(lseek(fd, 0, SEEK_CUR), 8600);
	EXPECT_IS(read(fds[0], buf, sizeof(buf)), 8500);
	EXPECT(memcmp(buf, whole + 100, 8500) == 0);
	EXPECT_IS(sendfile(fds[1], fd, &offset, 10), 10);
	EXPECT_IS(offset, 4100);
	EXPECT_IS(read(fds[0], buf, sizeof(buf)), 10);
	EXPECT(memcmp(buf, whole + 4090, 10) == 0);
	EXPECT_IS(lseek(fd, 0, SEEK_CUR), 8600);
	offset = -1;
	EXPECT_ERROR(sendfile(fds[1], fd, &offset, 10), EINVAL);
	EXPECT_ERROR(sendfile(fds[1], 12345, NULL, 10), EBADF);
	EXPECT_ERROR(sendfile(12345, fd, NULL, 10), EBADF);
	EXPECT_ERROR(sendfile(fds[1], fd, (off_t *)-4096, 10), EFAULT);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	EXPECT_ERROR(sendfile(fds[1], fd, NULL, 10), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(fds[1]);
}

/* Bytes that are on their way are written to by the reader only. */
static void
test_sent_is_a_copy(void)
{
	static unsigned char buf[8192] __attribute__((aligned(4096)));
	off_t offset = 0;
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	for (int i = 0; i < 3; i++) {
		offset = 4096;
		EXPECT_IS(sendfile(fds[1], fd, &offset, 8192), 8192);
		EXPECT_IS(read(fds[0], buf, 8192), 8192);
		EXPECT(memcmp(buf, whole + 4096, 8192) == 0);
		memset(buf, i, sizeof(buf));
	}
	EXPECT_IS(pread(fd, buf, 8192, 4096), 8192);
	EXPECT(memcmp(buf, whole + 4096, 8192) == 0);
	close(fds[0]);
	close(fds[1]);
}

static const struct ktap_case cases[] = {
	{ "file.read", test_read },
	{ "file.pread", test_pread },
	{ "file.seek", test_seek },
	{ "file.seek_is_shared", test_seek_is_shared },
	{ "file.outlives_a_child", test_outlives_a_child },
	{ "file.errors", test_errors },
	{ "file.map", test_map },
	{ "file.no_alias", test_no_alias },
	{ "sendfile.socket", test_sendfile_socket },
	{ "sendfile.pipe", test_sendfile_pipe },
	{ "sendfile.offset", test_sendfile_offset },
	{ "sendfile.sent_is_a_copy", test_sent_is_a_copy },
};
KTAP_MAIN(cases)
