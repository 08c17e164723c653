/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Pipes and socket pairs: what goes in comes out, in order, once; and what
 * happens at both ends when one of them is closed, full or empty.
 */

#define	_GNU_SOURCE
#include "ktap.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>

enum { MIB = 1 << 20 };

static const size_t sizes[] = { 1, 2, 100, 4095, 4096, 4097, 8192, 16383, 65535,
    65536, 65537, 262144 + 17, MIB };
#define	NSIZES	(sizeof(sizes) / sizeof(sizes[0]))

static bool
write_all(int fd, const unsigned char *p, size_t n)
{
	ssize_t did;

	for (; n > 0; p += did, n -= (size_t)did)
		if ((did = write(fd, p, n)) <= 0)
			return (false);
	return (true);
}

static size_t
read_all(int fd, unsigned char *p, size_t n, size_t each)
{
	size_t len = 0;
	ssize_t did;

	while (len < n && (did = read(fd, p + len,
	    n - len < each ? n - len : each)) > 0)
		len += (size_t)did;
	return (len);
}

/*
 * Moves each size once, from an address with this offset in its page to another,
 * read in pieces; a process writes and this one reads.
 */
static void
move_sizes(int from, int to, size_t off_write, size_t off_read, size_t each)
{
	unsigned char *in = calloc(1, MIB + 8192), *out = malloc(MIB + 8192);
	pid_t pid;
	char c;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(from);
		for (size_t i = 0; i < NSIZES; i++) {
			fill(out + off_write, sizes[i], i);
			if (!write_all(to, out + off_write, sizes[i]))
				_exit(1);
		}
		_exit(0);
	}
	close(to);
	for (size_t i = 0; i < NSIZES; i++) {
		EXPECT_IS(read_all(from, in + off_read, sizes[i], each),
		    sizes[i]);
		EXPECT(filled(in + off_read, sizes[i], i));
		memset(in, 0, MIB + 8192);
	}
	EXPECT_IS(read(from, &c, 1), 0);
	EXPECT_IS(status_of(pid), 0);
	close(from);
	free(in);
	free(out);
}

static void
test_pipe_sizes(void)
{
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	move_sizes(fds[0], fds[1], 0, 0, MIB);
}

static void
test_pipe_unaligned(void)
{
	static const size_t offsets[] = { 1, 3, 2048, 4095 };
	int fds[2];

	for (int i = 0; i < 4; i++) {
		EXPECT_IS(pipe(fds), 0);
		move_sizes(fds[0], fds[1], offsets[i], offsets[3 - i], MIB);
	}
}

static void
test_pipe_pieces(void)
{
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	move_sizes(fds[0], fds[1], 5, 0, 1000);
	EXPECT_IS(pipe(fds), 0);
	move_sizes(fds[0], fds[1], 0, 7, 70000);
}

/* The reader is the child: the larger part runs in the writer's place. */
static void
test_pipe_other_way(void)
{
	unsigned char *p = malloc(MIB);
	int fds[2];
	pid_t pid;

	EXPECT_IS(pipe(fds), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		for (int i = 0; i < 3; i++)
			if (read_all(fds[0], p, MIB, 65536) != MIB ||
			    !filled(p, MIB, (size_t)i))
				_exit(1);
		_exit(read(fds[0], p, 1) == 0 ? 0 : 2);
	}
	close(fds[0]);
	for (int i = 0; i < 3; i++) {
		fill(p, MIB, (size_t)i);
		EXPECT(write_all(fds[1], p, MIB));
	}
	close(fds[1]);
	EXPECT_IS(status_of(pid), 0);
	free(p);
}

/* What was written stays as it was, whatever the writer does to its memory. */
static void
test_written_stays(void)
{
	static unsigned char out[40960] __attribute__((aligned(4096))),
	    in[40960];
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	fill(out, sizeof(out), 3);
	EXPECT_IS(write(fds[1], out, sizeof(out)), sizeof(out));
	memset(out, 0, sizeof(out));
	EXPECT_IS(read_all(fds[0], in, sizeof(in), sizeof(in)), sizeof(in));
	EXPECT(filled(in, sizeof(in), 3));
	close(fds[0]);
	close(fds[1]);
}

static void
test_end_of_file(void)
{
	char buf[8];
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	EXPECT_IS(write(fds[1], "abc", 3), 3);
	close(fds[1]);
	EXPECT_IS(read(fds[0], buf, 2), 2);
	EXPECT_IS(read(fds[0], buf, 8), 1);
	EXPECT_IS(read(fds[0], buf, 8), 0);
	EXPECT_IS(read(fds[0], buf, 8), 0);
	close(fds[0]);
	EXPECT_ERROR(read(fds[0], buf, 8), EBADF);
}

static int broken[2];

static void
write_to_no_reader(void)
{
	(void)!write(broken[1], "x", 1);
	_exit(1);
}

static void
test_broken(void)
{
	EXPECT_IS(pipe(broken), 0);
	close(broken[0]);
	EXPECT_IS(status_of(child(write_to_no_reader)), 1000 + SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	EXPECT_ERROR(write(broken[1], "x", 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(broken[1]);
}

/* A writer that sleeps is told that its reader has gone. */
static void
write_much(void)
{
	unsigned char *p = malloc(MIB);

	signal(SIGPIPE, SIG_IGN);
	close(broken[0]);
	while (write(broken[1], p, MIB) > 0)
		;
	_exit(errno == EPIPE ? 0 : 1);
}

static void
test_broken_asleep(void)
{
	pid_t pid;

	EXPECT_IS(pipe(broken), 0);
	pid = child(write_much);
	sleep_ms(30);
	close(broken[0]);
	EXPECT_IS(status_of(pid), 0);
	close(broken[1]);
}

/* Writes of PIPE_BUF bytes are whole, also from four writers at once. */
static void
test_atomic(void)
{
	enum { WRITERS = 4, TIMES = 64 };
	unsigned char buf[PIPE_BUF];
	int fds[2], seen[WRITERS] = { 0 };
	pid_t pid[WRITERS];

	EXPECT_IS(pipe(fds), 0);
	fflush(stdout);
	for (int i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			memset(buf, 'a' + i, sizeof(buf));
			for (int k = 0; k < TIMES; k++)
				if (write(fds[1], buf, sizeof(buf)) !=
				    sizeof(buf))
					_exit(1);
			_exit(0);
		}
	}
	close(fds[1]);
	while (read_all(fds[0], buf, sizeof(buf), sizeof(buf)) ==
	    sizeof(buf)) {
		for (size_t i = 1; i < sizeof(buf); i++)
			EXPECT(buf[i] == buf[0]);
		seen[(buf[0] - 'a') % WRITERS]++;
	}
	for (int i = 0; i < WRITERS; i++) {
		EXPECT_IS(seen[i], TIMES);
		EXPECT_IS(status_of(pid[i]), 0);
	}
	close(fds[0]);
}

static void
test_nonblocking(void)
{
	static unsigned char page[4096];
	int fds[2], n = 0, queued = 0;
	ssize_t did;

	EXPECT_IS(pipe2(fds, O_NONBLOCK), 0);
	EXPECT_ERROR(read(fds[0], page, 1), EAGAIN);
	while ((did = write(fds[1], page, sizeof(page))) > 0 && n < 1000)
		n++;
	EXPECT_IS(did, -1);
	EXPECT_IS(errno, EAGAIN);
	EXPECT_IS(n, 16);
	EXPECT_IS(ioctl(fds[0], FIONREAD, &queued), 0);
	EXPECT_IS(queued, 65536);
	EXPECT_IS(read(fds[0], page, sizeof(page)), 4096);
	EXPECT_IS(write(fds[1], page, sizeof(page)), 4096);
	EXPECT_IS(fcntl(fds[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	EXPECT_IS(fcntl(fds[0], F_SETFL, 0), 0);
	EXPECT_IS(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	close(fds[0]);
	close(fds[1]);
}

static void
test_vectors(void)
{
	char a[3], b[5];
	struct iovec out[3] = { { "ab", 2 }, { NULL, 0 }, { "cdefgh", 6 } };
	struct iovec in[2] = { { a, 3 }, { b, 5 } };
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	EXPECT_IS(writev(fds[1], out, 3), 8);
	EXPECT_IS(readv(fds[0], in, 2), 8);
	EXPECT(memcmp(a, "abc", 3) == 0 && memcmp(b, "defgh", 5) == 0);
	close(fds[0]);
	close(fds[1]);
}

static void
test_duplicates(void)
{
	int fds[2], copy;
	char c;

	EXPECT_IS(pipe(fds), 0);
	copy = dup(fds[1]);
	EXPECT_IS(dup2(fds[1], 77), 77);
	close(fds[1]);
	EXPECT_IS(write(copy, "a", 1), 1);
	close(copy);
	EXPECT_IS(write(77, "b", 1), 1);
	EXPECT_IS(read(fds[0], &c, 1), 1);
	EXPECT_IS(read(fds[0], &c, 1), 1);
	close(77);
	EXPECT_IS(read(fds[0], &c, 1), 0);
	close(fds[0]);
	EXPECT_ERROR(dup2(fds[0], 78), EBADF);
}

static void
test_stream(void)
{
	int fds[2];

	EXPECT_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	move_sizes(fds[0], fds[1], 0, 0, MIB);
	EXPECT_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	move_sizes(fds[1], fds[0], 9, 1, 5000);
}

static void
test_stream_both_ways(void)
{
	static unsigned char buf[200000];
	int fds[2];
	pid_t pid;

	EXPECT_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		size_t n = read_all(fds[1], buf, sizeof(buf), sizeof(buf));

		for (size_t i = 0; i < n; i++)
			buf[i] ^= 0xff;
		_exit(write_all(fds[1], buf, n) ? 0 : 1);
	}
	close(fds[1]);
	fill(buf, sizeof(buf), 8);
	EXPECT(write_all(fds[0], buf, sizeof(buf)));
	EXPECT_IS(read_all(fds[0], buf, sizeof(buf), 65536), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] ^= 0xff;
	EXPECT(filled(buf, sizeof(buf), 8));
	EXPECT_IS(read(fds[0], buf, 1), 0);
	EXPECT_IS(status_of(pid), 0);
	close(fds[0]);
}

static void
test_shutdown(void)
{
	char buf[4];
	int fds[2];

	EXPECT_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	EXPECT_IS(write(fds[0], "ab", 2), 2);
	EXPECT_IS(shutdown(fds[0], SHUT_WR), 0);
	EXPECT_IS(read(fds[1], buf, 4), 2);
	EXPECT_IS(read(fds[1], buf, 4), 0);
	EXPECT_IS(write(fds[1], "cd", 2), 2);
	EXPECT_IS(read(fds[0], buf, 4), 2);
	EXPECT_ERROR(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(fds[0]);
	EXPECT_ERROR(send(fds[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(fds[1]);
}

static void
test_messages(void)
{
	char buf[8];
	int fds[2];

	EXPECT_IS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	EXPECT_IS(send(fds[0], "first", 5, 0), 5);
	EXPECT_IS(write(fds[0], "2nd", 3), 3);
	EXPECT_IS(recv(fds[1], buf, 8, 0), 5);
	EXPECT(memcmp(buf, "first", 5) == 0);
	EXPECT_IS(read(fds[1], buf, 8), 3);
	EXPECT_ERROR(recv(fds[1], buf, 8, MSG_DONTWAIT), EAGAIN);
	close(fds[0]);
	EXPECT_IS(recv(fds[1], buf, 8, 0), 0);
	close(fds[1]);
}

static void
test_poll(void)
{
	struct pollfd p[2];
	struct timespec a, b;
	fd_set set;
	int fds[2];
	char c;

	EXPECT_IS(pipe(fds), 0);
	p[0] = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = fds[1], .events = POLLOUT };
	EXPECT_IS(poll(p, 2, -1), 1);
	EXPECT_IS(p[0].revents, 0);
	EXPECT_IS(p[1].revents, POLLOUT);
	clock_gettime(CLOCK_MONOTONIC, &a);
	EXPECT_IS(poll(p, 1, 30), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	EXPECT((b.tv_sec - a.tv_sec) * 1000 +
	    (b.tv_nsec - a.tv_nsec) / 1000000 >= 29);
	EXPECT_IS(write(fds[1], "x", 1), 1);
	EXPECT_IS(poll(p, 2, 0), 2);
	EXPECT_IS(p[0].revents, POLLIN);
	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	EXPECT_IS(select(fds[0] + 1, &set, NULL, NULL, NULL), 1);
	EXPECT(FD_ISSET(fds[0], &set));
	EXPECT_IS(read(fds[0], &c, 1), 1);
	close(fds[1]);
	EXPECT_IS(poll(p, 1, -1), 1);
	EXPECT(p[0].revents & POLLHUP);
	p[1].fd = fds[1];
	EXPECT_IS(poll(&p[1], 1, 0), 1);
	EXPECT_IS(p[1].revents, POLLNVAL);
	close(fds[0]);
}

static int late[2];

static void
write_late(void)
{
	sleep_ms(30);
	(void)!write(late[1], "x", 1);
}

static void
test_poll_is_woken(void)
{
	struct pollfd p = { .events = POLLIN };
	pid_t pid;

	EXPECT_IS(pipe(late), 0);
	p.fd = late[0];
	pid = child(write_late);
	EXPECT_IS(poll(&p, 1, 20000), 1);
	EXPECT_IS(p.revents, POLLIN);
	EXPECT_IS(status_of(pid), 0);
	close(late[0]);
	close(late[1]);
}

static const struct ktap_case cases[] = {
	{ "pipe.sizes", test_pipe_sizes },
	{ "pipe.unaligned", test_pipe_unaligned },
	{ "pipe.pieces", test_pipe_pieces },
	{ "pipe.other_way", test_pipe_other_way },
	{ "pipe.written_stays", test_written_stays },
	{ "pipe.end_of_file", test_end_of_file },
	{ "pipe.broken", test_broken },
	{ "pipe.broken_asleep", test_broken_asleep },
	{ "pipe.atomic", test_atomic },
	{ "pipe.nonblocking", test_nonblocking },
	{ "pipe.vectors", test_vectors },
	{ "pipe.duplicates", test_duplicates },
	{ "socket.stream", test_stream },
	{ "socket.both_ways", test_stream_both_ways },
	{ "socket.shutdown", test_shutdown },
	{ "socket.messages", test_messages },
	{ "poll.events", test_poll },
	{ "poll.is_woken", test_poll_is_woken },
};
KTAP_MAIN(cases)
