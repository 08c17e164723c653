/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What the C library makes of the system: stdio, the heap, the clock.
 */

#include "ktap.h"

#include <sys/time.h>
#include <math.h>

static void
test_format(void)
{
	char line[128];

	snprintf(line, sizeof(line), "%d %s %.3f %lld %x", -5, "five",
	    5.0 / 3, 5000000000ll, 0xbeefu);
	EXPECT(strcmp(line, "-5 five 1.667 5000000000 beef") == 0);
	EXPECT(fabs(strtod("2.5e3", NULL) - 2500) < 1e-9);
}

static void
test_streams(void)
{
	FILE *in = fopen(boot_file("driver"), "rb");
	char magic[5] = "";

	EXPECT(in != NULL);
	if (in == NULL)
		return;
	EXPECT_IS(fread(magic, 1, 4, in), 4);
	EXPECT(memcmp(magic, "\177ELF", 4) == 0);
	EXPECT_IS(fseek(in, 1, SEEK_SET), 0);
	EXPECT_IS(getc(in), 'E');
	EXPECT_IS(ungetc('x', in), 'x');
	EXPECT_IS(getc(in), 'x');
	EXPECT_IS(ftell(in), 2);
	EXPECT_IS(fseek(in, 0, SEEK_END), 0);
	EXPECT_IS(getc(in), EOF);
	EXPECT(feof(in));
	EXPECT_IS(fclose(in), 0);
	EXPECT(fopen(boot_file("no such file"), "r") == NULL);
	EXPECT_IS(errno, ENOENT);
}

/* What is left in a buffer is written by exit(), and not by _exit(). */
static void
test_exit_writes(void)
{
	int fds[2];
	char buf[16];
	FILE *out;
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		EXPECT_IS(pipe(fds), 0);
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			out = fdopen(fds[1], "w");
			fputs("kept", out);
			if (i == 0)
				exit(7);
			_exit(8);
		}
		close(fds[1]);
		EXPECT_IS(read(fds[0], buf, sizeof(buf)), i == 0 ? 4 : 0);
		EXPECT_IS(status_of(pid), i == 0 ? 7 : 8);
		close(fds[0]);
	}
}

static void
test_small_blocks(void)
{
	enum { N = 2000 };
	static unsigned char *block[N];
	static size_t size[N];
	unsigned int r = 1;

	for (int i = 0; i < 20000; i++) {
		int k = (int)((r = r * 1103515245 + 12345) >> 8) % N;

		k = k < 0 ? -k : k;
		if (block[k] != NULL)
			EXPECT(filled(block[k], size[k], (size_t)k));
		free(block[k]);
		size[k] = (r >> 4) % 700;
		block[k] = malloc(size[k]);
		fill(block[k], size[k], (size_t)k);
	}
	for (int k = 0; k < N; k++) {
		if (block[k] != NULL)
			EXPECT(filled(block[k], size[k], (size_t)k));
		free(block[k]);
		block[k] = NULL;
	}
}

static void
test_large_blocks(void)
{
	size_t mib = 1 << 20;
	unsigned char *p = malloc(4 * mib), *q;

	EXPECT(p != NULL);
	if (p == NULL)
		return;
	fill(p, 4 * mib, 1);
	q = realloc(p, 9 * mib);
	EXPECT(q != NULL && filled(q, 4 * mib, 1));
	q = realloc(q, mib);
	EXPECT(q != NULL && filled(q, mib, 1));
	free(q);
	p = calloc(3, mib);
	EXPECT(p != NULL);
	for (size_t i = 0; p != NULL && i < 3 * mib; i += 4096)
		EXPECT(p[i] == 0);
	free(p);
}

static void
test_too_large_a_block(void)
{
	/* Not known to the compiler, which would know better. */
	volatile size_t huge = 0x7ffff000;

	errno = 0;
	EXPECT(malloc(huge) == NULL);
	EXPECT_IS(errno, ENOMEM);
}

static void
test_brk(void)
{
	char *before = sbrk(0);

	/* musl's sbrk() only tells; its malloc() moves the end by brk(). */
	EXPECT(before != (char *)-1);
	EXPECT_IS(getpagesize(), 4096);
}

static void
test_clock(void)
{
	struct timespec a, b, pause = { 0, 20000000 };
	long long ns;

	EXPECT_IS(clock_gettime(CLOCK_MONOTONIC, &a), 0);
	EXPECT_IS(nanosleep(&pause, NULL), 0);
	EXPECT_IS(clock_gettime(CLOCK_MONOTONIC, &b), 0);
	ns = (b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec;
	EXPECT(ns >= 20000000);
	EXPECT(ns < 10000000000ll);
	for (int i = 0; i < 1000; i++) {
		a = b;
		clock_gettime(CLOCK_MONOTONIC, &b);
		EXPECT(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec &&
		    b.tv_nsec >= a.tv_nsec));
	}
	pause.tv_nsec = 1000000000;
	EXPECT_ERROR(nanosleep(&pause, NULL), EINVAL);
	EXPECT_ERROR(clock_gettime((clockid_t)12345, &a), EINVAL);
}

static void
test_realtime(void)
{
	struct timespec ts;
	struct timeval tv;

	EXPECT_IS(clock_gettime(CLOCK_REALTIME, &ts), 0);
	EXPECT_IS(gettimeofday(&tv, NULL), 0);
	EXPECT(tv.tv_sec - ts.tv_sec <= 1);
	EXPECT_IS(time(NULL) - tv.tv_sec <= 1, 1);
}

static const struct ktap_case cases[] = {
	{ "libc.format", test_format },
	{ "libc.streams", test_streams },
	{ "libc.exit_writes", test_exit_writes },
	{ "malloc.small_blocks", test_small_blocks },
	{ "malloc.large_blocks", test_large_blocks },
	{ "malloc.too_large", test_too_large_a_block },
	{ "malloc.brk", test_brk },
	{ "time.monotonic", test_clock },
	{ "time.realtime", test_realtime },
};
KTAP_MAIN(cases)
