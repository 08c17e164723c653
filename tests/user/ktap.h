/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_USER_KTAP_H_
#define	_TESTS_USER_KTAP_H_

/*
 * What each program of tests/user is made of: cases, which print KTAP.  They are
 * Linux programs, and print the same on Linux; what differs is behind a "#".
 * With arguments a program runs only the cases that begin with one of them.
 * Under the driver (driver.c) the lines are indented, as KTAP's subtests are.
 */

#include <sys/types.h>
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct ktap_case {
	const char *name;
	void (*run)(void);
};

static bool ktap_failed;		/* the case that runs */
static const char *ktap_skipped;	/* why it says nothing */

static const char *
ktap_indent(void)
{
	return (getenv("KTAP_DRIVER") != NULL ? "    " : "");
}

/* Checks a condition; a case with one that is false fails, and goes on. */
#define	EXPECT(cond) do {						\
	int saved_ = errno;						\
	if (!(cond)) {							\
		printf("%s# %s:%d: %s (errno %d)\n", ktap_indent(),	\
		    __FILE__, __LINE__, #cond, saved_);			\
		ktap_failed = true;					\
	}								\
} while (0)

/* Checks that an expression is a number; says which it is. */
#define	EXPECT_IS(expr, wanted) do {					\
	long got_ = (long)(expr), want_ = (long)(wanted);		\
	int saved_ = errno;						\
	if (got_ != want_) {						\
		printf("%s# %s:%d: %s is %ld, not %ld (errno %d)\n",	\
		    ktap_indent(), __FILE__, __LINE__, #expr, got_,	\
		    want_, saved_);					\
		ktap_failed = true;					\
	}								\
} while (0)

/* Checks that a call fails with an error. */
#define	EXPECT_ERROR(call, error) do {					\
	errno = 0;							\
	EXPECT_IS(call, -1);						\
	EXPECT_IS(errno, error);					\
} while (0)

/*
 * child: runs a function in a new process, which then exits with status 0.
 * status_of: what became of a process: its exit status, or 1000 and its signal.
 */
static inline pid_t
child(void (*run)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		run();
		fflush(stdout);
		_exit(ktap_failed);
	}
	EXPECT(pid > 0);
	return (pid);
}

static inline int
status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return (-errno);
	if (WIFSIGNALED(status))
		return (1000 + WTERMSIG(status));
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1000);
}

static inline void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}

/* The bytes that the cases move: each tells where it is. */
static inline unsigned char
pattern(size_t i)
{
	return ((unsigned char)(i * 7 + (i >> 8) * 13 + (i >> 16)));
}

static inline void
fill(unsigned char *p, size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(from + i);
}

static inline bool
filled(const unsigned char *p, size_t n, size_t from)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != pattern(from + i))
			return (false);
	return (true);
}

/* The path of a file that both systems have: a program of these tests. */
static inline const char *
boot_file(const char *name)
{
	const char *dir = getenv("KTAP_BOOT");
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "/boot",
	    name);
	return (path);
}

static inline int
ktap_run(const struct ktap_case *cases, int ncases, int argc, char **argv)
{
	int n = 0, bad = 0, planned = 0;
	bool *chosen = calloc((size_t)ncases, sizeof(bool));

	for (int i = 0; i < ncases; i++) {
		chosen[i] = argc < 2;
		for (int k = 1; k < argc; k++)
			chosen[i] |= strncmp(cases[i].name, argv[k],
			    strlen(argv[k])) == 0;
		planned += chosen[i];
	}
	printf("%s1..%d\n", ktap_indent(), planned);
	for (int i = 0; i < ncases; i++) {
		if (!chosen[i])
			continue;
		ktap_failed = false;
		ktap_skipped = NULL;
		cases[i].run();
		bad += ktap_failed;
		printf("%s%sok %d - %s%s%s\n", ktap_indent(),
		    ktap_failed ? "not " : "", ++n, cases[i].name,
		    ktap_skipped != NULL ? " # SKIP " : "",
		    ktap_skipped != NULL ? ktap_skipped : "");
		fflush(stdout);
	}
	free(chosen);
	return (bad != 0);
}

#define	KTAP_MAIN(cases)						\
int									\
main(int argc, char **argv)						\
{									\
	return (ktap_run(cases, (int)(sizeof(cases) / sizeof(cases[0])),\
	    argc, argv));						\
}

#endif /* !_TESTS_USER_KTAP_H_ */
