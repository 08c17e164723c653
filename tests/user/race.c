/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What happens to the memory, the descriptors and the ends of a call while it is
 * under way.  Each case is a race that is run many times: what may come out of a
 * call is said, and everything else must stay as it was.
 */

#define	_GNU_SOURCE
#include "ktap.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

enum { PAGE = 4096, BIG = 65536 };

static int fds[2];
static volatile bool stop;

static void *
read_byte(void *arg)
{
	ssize_t n;
	char c;

	(void)arg;
	n = read(fds[0], &c, 1);
	return ((void *)(intptr_t)n);
}

/* A descriptor is closed while a read of it sleeps. */
static void
test_close_under_read(void)
{
	pthread_t t;
	void *n;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 10; i++) {
		EXPECT_IS(pipe(fds), 0);
		EXPECT_IS(pthread_create(&t, NULL, read_byte, NULL), 0);
		sleep_ms(i);
		EXPECT_IS(close(fds[0]), 0);
		(void)!write(fds[1], "x", 1);
		EXPECT_IS(close(fds[1]), 0);
		EXPECT_IS(pthread_join(t, &n), 0);
		EXPECT((intptr_t)n <= 1);
	}
	signal(SIGPIPE, SIG_DFL);
}

static unsigned char big[BIG];

static void *
write_big(void *arg)
{
	(void)arg;
	return ((void *)(intptr_t)write(fds[1], big, BIG));
}

/* The same of a write that sleeps, as the pipe is full; then its reader goes. */
static void
test_close_under_write(void)
{
	pthread_t t;
	void *n;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 10; i++) {
		EXPECT_IS(pipe(fds), 0);
		EXPECT_IS(write(fds[1], big, BIG), BIG);
		EXPECT_IS(pthread_create(&t, NULL, write_big, NULL), 0);
		sleep_ms(i);
		EXPECT_IS(close(fds[1]), 0);
		EXPECT_IS(close(fds[0]), 0);
		EXPECT_IS(pthread_join(t, &n), 0);
		EXPECT((intptr_t)n < BIG);
	}
	signal(SIGPIPE, SIG_DFL);
}

static void *
poll_end(void *arg)
{
	struct pollfd p = { .fd = fds[0], .events = POLLIN };

	(void)arg;
	return ((void *)(intptr_t)poll(&p, 1, 20000));
}

/* And of a poll: it ends when the other end goes. */
static void
test_close_under_poll(void)
{
	pthread_t t;
	void *n;

	for (int i = 0; i < 10; i++) {
		EXPECT_IS(pipe(fds), 0);
		EXPECT_IS(pthread_create(&t, NULL, poll_end, NULL), 0);
		sleep_ms(i);
		EXPECT_IS(close(fds[0]), 0);
		EXPECT_IS(close(fds[1]), 0);
		EXPECT_IS(pthread_join(t, &n), 0);
		EXPECT_IS((intptr_t)n, 1);
	}
}

static unsigned char *gone;		/* a buffer of a read that sleeps */

static void *
read_page(void *arg)
{
	(void)arg;
	return ((void *)(intptr_t)read(fds[0], gone, PAGE));
}

/* The buffer of a read that sleeps is unmapped: nothing is lost. */
static void
test_unmap_under_sleep(void)
{
	unsigned char buf[16];
	pthread_t t;
	void *n;

	for (int i = 0; i < 10; i++) {
		EXPECT_IS(pipe(fds), 0);
		gone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		EXPECT_IS(pthread_create(&t, NULL, read_page, NULL), 0);
		sleep_ms(2 + i);
		EXPECT_IS(munmap(gone, PAGE), 0);
		EXPECT_IS(write(fds[1], "0123456789", 10), 10);
		EXPECT_IS(pthread_join(t, &n), 0);
		EXPECT_IS((intptr_t)n, -1);
		EXPECT_IS(read(fds[0], buf, sizeof(buf)), 10);
		EXPECT(memcmp(buf, "0123456789", 10) == 0);
		close(fds[0]);
		close(fds[1]);
	}
}

static void
write_for_ever(void)
{
	unsigned char *p = malloc(BIG);

	close(fds[0]);
	fill(p, BIG, 0);
	while (write(fds[1], p, BIG) > 0)
		;
	_exit(1);
}

/* What a writer has sent arrives as it was, or not, when it is killed. */
static void
test_writer_is_killed(void)
{
	static unsigned char buf[BIG];
	size_t at;
	ssize_t n;
	pid_t pid;

	for (int i = 0; i < 25; i++) {
		bool killed = false;

		EXPECT_IS(pipe(fds), 0);
		pid = child(write_for_ever);
		close(fds[1]);
		at = 0;
		for (int k = 0; (n = read(fds[0], buf,
		    (size_t)(1000 + 37 * k) % BIG + 1)) > 0; k++) {
			for (ssize_t j = 0; j < n; j++)
				if (buf[j] != pattern((at + (size_t)j) % BIG))
					ktap_failed = true;
			at += (size_t)n;
			if (k == 3 + i && !killed) {
				EXPECT_IS(kill(pid, SIGKILL), 0);
				killed = true;
			}
		}
		EXPECT_IS(n, 0);
		EXPECT_IS(status_of(pid), 1000 + SIGKILL);
		close(fds[0]);
	}
}

static void
read_for_ever(void)
{
	unsigned char *p = malloc(BIG);

	close(fds[1]);
	while (read(fds[0], p, BIG) > 0)
		;
	_exit(1);
}

static void
test_reader_is_killed(void)
{
	unsigned char *p = malloc(BIG);
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 25; i++) {
		EXPECT_IS(pipe(fds), 0);
		pid = child(read_for_ever);
		close(fds[0]);
		for (int k = 0; write(fds[1], p, BIG) > 0; k++)
			if (k == i % 5)
				EXPECT_IS(kill(pid, SIGKILL), 0);
		EXPECT_IS(errno, EPIPE);
		EXPECT_IS(status_of(pid), 1000 + SIGKILL);
		close(fds[1]);
	}
	signal(SIGPIPE, SIG_DFL);
	free(p);
}

/* A thread that maps and unmaps, or protects, 16 pages at one address. */
static unsigned char *arena;

static void *
remap(void *arg)
{
	(void)arg;
	while (!stop) {
		if (munmap(arena + 4 * PAGE, 4 * PAGE) != 0)
			return ((void *)1);
		if (mmap(arena + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
			return ((void *)2);
	}
	return (NULL);
}

static void *
reprotect(void *arg)
{
	(void)arg;
	while (!stop) {
		if (mprotect(arena, 8 * PAGE, PROT_READ) != 0 ||
		    mprotect(arena, 8 * PAGE, PROT_READ | PROT_WRITE) != 0)
			return ((void *)1);
	}
	return (NULL);
}

static void *
drain(void *arg)
{
	static unsigned char buf[BIG];

	(void)arg;
	while (read(fds[0], buf, sizeof(buf)) > 0)
		;
	return (NULL);
}

static void
start_arena(pthread_t *t, void *(*what)(void *))
{
	arena = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(arena != MAP_FAILED);
	stop = false;
	EXPECT_IS(pthread_create(t, NULL, what, NULL), 0);
}

static void
end_arena(pthread_t t)
{
	void *result;

	stop = true;
	EXPECT_IS(pthread_join(t, &result), 0);
	EXPECT_IS((intptr_t)result, 0);
	munmap(arena, 16 * PAGE);
}

/* Memory goes while a write reads it. */
static void
test_unmap_under_write(void)
{
	pthread_t unmapper, drainer;
	int whole = 0, part = 0;
	ssize_t n;

	EXPECT_IS(pipe(fds), 0);
	start_arena(&unmapper, remap);
	EXPECT_IS(pthread_create(&drainer, NULL, drain, NULL), 0);
	for (int i = 0; i < 400; i++) {
		n = write(fds[1], arena, 16 * PAGE);
		if (n == 16 * PAGE)
			whole++;
		else if (n > 0 || errno == EFAULT)
			part++;
		else
			EXPECT_IS(n, 16 * PAGE);
	}
	EXPECT_IS(whole + part, 400);
	close(fds[1]);
	pthread_join(drainer, NULL);
	close(fds[0]);
	end_arena(unmapper);
}

/* Memory goes, or its rights do, while a read fills it. */
static void
change_under_read(void *(*what)(void *))
{
	pthread_t changer;
	int got = 0;
	ssize_t n;
	int f = open(boot_file("driver"), O_RDONLY);

	EXPECT(f >= 0);
	start_arena(&changer, what);
	for (int i = 0; i < 1000; i++) {
		n = pread(f, arena, 8 * PAGE, 4096);
		if (n > 0 || (n == -1 && errno == EFAULT))
			got++;
	}
	EXPECT_IS(got, 1000);
	end_arena(changer);
	close(f);
}

static void
test_unmap_under_read(void)
{
	change_under_read(remap);
}

static void
test_protect_under_read(void)
{
	change_under_read(reprotect);
}

/*
 * A page that a read is filling is forked: what the read puts there is seen in
 * the parent, and what the child had stays.
 */
static unsigned char shared_page[PAGE] __attribute__((aligned(4096)));

static void *
read_and_check(void *arg)
{
	unsigned int n = 0, value;
	ssize_t did;

	(void)arg;
	for (;;) {
		did = read(fds[0], shared_page + 64, sizeof(value));
		if (did == 0)
			return ((void *)(intptr_t)n);
		memcpy(&value, shared_page + 64, sizeof(value));
		if (did != sizeof(value) || value != n++)
			return ((void *)(intptr_t)-1);
	}
}

static void
write_numbers(void)
{
	close(fds[0]);
	for (unsigned int i = 0; i < 3000; i++)
		if (write(fds[1], &i, sizeof(i)) != sizeof(i))
			_exit(1);
	_exit(0);
}

static void
test_fork_under_read(void)
{
	unsigned int before, after;
	pthread_t reader;
	pid_t writer, pid;
	void *n;

	EXPECT_IS(pipe(fds), 0);
	writer = child(write_numbers);
	close(fds[1]);
	EXPECT_IS(pthread_create(&reader, NULL, read_and_check, NULL), 0);
	for (int i = 0; i < 40; i++) {
		shared_page[4000] = (unsigned char)i;
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			memcpy(&before, shared_page + 64, sizeof(before));
			sleep_ms(1);
			memcpy(&after, shared_page + 64, sizeof(after));
			_exit(before == after &&
			    shared_page[4000] == (unsigned char)i ? 0 : 1);
		}
		shared_page[4000] = 99;
		EXPECT_IS(status_of(pid), 0);
	}
	pthread_join(reader, &n);
	EXPECT_IS((intptr_t)n, 3000);
	EXPECT_IS(status_of(writer), 0);
	close(fds[0]);
}

/* The memory of a large write is written to as soon as the write is over. */
static void
test_write_again_at_once(void)
{
	static unsigned char out[BIG] __attribute__((aligned(4096)));
	static unsigned char buf[BIG];
	size_t len;
	ssize_t n;
	pid_t pid;

	EXPECT_IS(pipe(fds), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		for (int i = 0; i < 100; i++) {
			memset(out, i, BIG);
			if (write(fds[1], out, BIG) != BIG)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	for (int i = 0; i < 100; i++) {
		for (len = 0; len < BIG; len += (size_t)n)
			if ((n = read(fds[0], buf + len, BIG - len)) <= 0)
				break;
		EXPECT_IS(len, BIG);
		for (size_t k = 0; k < len; k += 509)
			EXPECT_IS(buf[k], i);
	}
	EXPECT_IS(status_of(pid), 0);
	close(fds[0]);
}

static void *
fork_and_wait(void *arg)
{
	intptr_t bad = 0;
	pid_t pid;

	(void)arg;
	for (int i = 0; i < 10; i++) {
		pid = fork();
		if (pid == 0)
			_exit(i);
		bad += pid < 0 || status_of(pid) != i;
	}
	return ((void *)bad);
}

static void
test_forks_at_once(void)
{
	pthread_t t[4];
	void *bad;

	fflush(stdout);
	for (int i = 0; i < 4; i++)
		EXPECT_IS(pthread_create(&t[i], NULL, fork_and_wait, NULL), 0);
	for (int i = 0; i < 4; i++) {
		EXPECT_IS(pthread_join(t[i], &bad), 0);
		EXPECT_IS((intptr_t)bad, 0);
	}
}

static const struct ktap_case cases[] = {
	{ "race.close_under_read", test_close_under_read },
	{ "race.close_under_write", test_close_under_write },
	{ "race.close_under_poll", test_close_under_poll },
	{ "race.unmap_under_sleep", test_unmap_under_sleep },
	{ "race.writer_is_killed", test_writer_is_killed },
	{ "race.reader_is_killed", test_reader_is_killed },
	{ "race.unmap_under_write", test_unmap_under_write },
	{ "race.unmap_under_read", test_unmap_under_read },
	{ "race.protect_under_read", test_protect_under_read },
	{ "race.fork_under_read", test_fork_under_read },
	{ "race.write_again_at_once", test_write_again_at_once },
	{ "race.forks_at_once", test_forks_at_once },
};
KTAP_MAIN(cases)
