/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Processes: fork, what it copies and shares, wait, exec.
 */

#include "ktap.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <fcntl.h>

extern char **environ;

static void
test_statuses(void)
{
	static const int codes[] = { 0, 1, 2, 127, 128, 255 };
	static const int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGUSR1 };
	pid_t pid;

	fflush(stdout);
	for (unsigned int i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		pid = fork();
		if (pid == 0)
			_exit(codes[i]);
		EXPECT_IS(status_of(pid), codes[i]);
	}
	for (unsigned int i = 0; i < sizeof(signals) / sizeof(signals[0]);
	    i++) {
		pid = fork();
		if (pid == 0) {
			kill(getpid(), signals[i]);
			_exit(1);
		}
		EXPECT_IS(status_of(pid), 1000 + signals[i]);
	}
}

static void
die_by_abort(void)
{
	abort();
}

static void
test_abort(void)
{
	EXPECT_IS(status_of(child(die_by_abort)), 1000 + SIGABRT);
}

static void
test_wait(void)
{
	pid_t first, second, got;
	int status, fds[2];
	char c;

	EXPECT_ERROR(waitpid(-1, &status, 0), ECHILD);
	EXPECT_IS(pipe(fds), 0);
	fflush(stdout);
	first = fork();
	if (first == 0) {
		(void)!read(fds[0], &c, 1);
		_exit(1);
	}
	EXPECT_IS(waitpid(first, &status, WNOHANG), 0);
	second = fork();
	if (second == 0)
		_exit(2);
	got = waitpid(-1, &status, 0);
	EXPECT_IS(got, second);
	EXPECT_IS(WEXITSTATUS(status), 2);
	EXPECT_IS(write(fds[1], "x", 1), 1);
	EXPECT_IS(status_of(first), 1);
	EXPECT_ERROR(waitpid(first, &status, 0), ECHILD);
	close(fds[0]);
	close(fds[1]);
}

static void
test_parents(void)
{
	pid_t me = getpid(), pid;

	EXPECT(me > 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(getppid() == me && getpid() != me ? 0 : 1);
	EXPECT_IS(status_of(pid), 0);
}

/* Each sees what it wrote itself, and what was there before the fork. */
static void
test_copy_on_write(void)
{
	enum { PAGES = 64 };
	unsigned char *p = malloc(PAGES * 4096);
	int ready[2], go[2];
	pid_t pid;
	char c;

	EXPECT(pipe(ready) == 0 && pipe(go) == 0);
	fill(p, PAGES * 4096, 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		p[5 * 4096] ^= 1;
		(void)!write(ready[1], "x", 1);
		(void)!read(go[0], &c, 1);
		p[5 * 4096] ^= 1;
		/* The parent has written to the other half by now. */
		_exit(filled(p, PAGES * 4096, 0) ? 0 : 1);
	}
	EXPECT_IS(read(ready[0], &c, 1), 1);
	EXPECT(filled(p, PAGES * 4096, 0));
	for (int i = PAGES / 2; i < PAGES; i++)
		p[i * 4096 + 9] = 99;
	EXPECT_IS(write(go[1], "x", 1), 1);
	EXPECT_IS(status_of(pid), 0);
	EXPECT(filled(p, PAGES * 2048, 0));
	for (int i = PAGES / 2; i < PAGES; i++)
		EXPECT(p[i * 4096 + 9] == 99);
	free(p);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

static void
test_shared_memory(void)
{
	volatile int *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	EXPECT(p != MAP_FAILED);
	if (p == MAP_FAILED)
		return;
	p[0] = 1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		while (p[0] == 1)
			usleep(100);
		p[1024] = p[0] + 1;
		_exit(0);
	}
	p[0] = 41;
	EXPECT_IS(status_of(pid), 0);
	EXPECT_IS(p[1024], 42);
	EXPECT_IS(munmap((void *)p, 8192), 0);
}

static int depth_now;

static void
grandchild(void)
{
	if (depth_now++ < 5)
		EXPECT_IS(status_of(child(grandchild)), 0);
}

static void
test_generations(void)
{
	depth_now = 0;
	EXPECT_IS(status_of(child(grandchild)), 0);
}

static void
test_hundred(void)
{
	pid_t pid[100];
	int sum = 0;

	fflush(stdout);
	for (int i = 0; i < 100; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(i);
		EXPECT(pid[i] > 0);
	}
	for (int i = 99; i >= 0; i--)
		sum += status_of(pid[i]);
	EXPECT_IS(sum, 4950);
}

/* The last writer of a pipe is a process whose parent has ended. */
static void
test_orphan(void)
{
	int fds[2];
	char c = 0;
	pid_t pid;

	EXPECT_IS(pipe(fds), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			sleep_ms(30);
			(void)!write(fds[1], "o", 1);
		}
		_exit(0);
	}
	close(fds[1]);
	EXPECT_IS(status_of(pid), 0);
	EXPECT_IS(read(fds[0], &c, 1), 1);
	EXPECT_IS(c, 'o');
	EXPECT_IS(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

/* More processes than there may be at a time, whose parents do not wait. */
static void
run_forget(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (pid < 0)
			_exit(1);
		if (pid == 0)
			_exit(0);
	}
}

static void
test_many_orphans(void)
{
	for (int i = 0; i < 11; i++)
		EXPECT_IS(status_of(child(run_forget)), 0);
}

/*
 * exec: the new program is this one, which with the argument "show" prints what
 * it got.
 */
static int
shown(char *const argv[], char *const envp[], char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	EXPECT_IS(pipe(fds), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		execve(boot_file("process"), argv, envp);
		_exit(126);
	}
	close(fds[1]);
	while ((n = read(fds[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(fds[0]);
	return (status_of(pid));
}

static void
test_exec(void)
{
	char *argv[] = { "me", "show", "a b", "", "c", NULL };
	char *envp[] = { "ONE=1", "TWO=2 3", NULL };
	static char out[4096];

	EXPECT_IS(shown(argv, envp, out, sizeof(out)), 5);
	EXPECT(strcmp(out, "me,show,a b,,c;ONE=1;TWO=2 3;\n") == 0);
}

static void
test_exec_large(void)
{
	enum { WORDS = 200, SIZE = 100 };
	char *argv[WORDS + 3] = { "me", "show" }, *envp[] = { NULL };
	static char out[WORDS * (SIZE + 2) + 100];
	static char word[SIZE + 1];

	memset(word, 'w', SIZE);
	for (int i = 0; i < WORDS; i++)
		argv[i + 2] = word;
	EXPECT_IS(shown(argv, envp, out, sizeof(out)), WORDS + 2);
	EXPECT_IS(strlen(out), 7 + WORDS * (SIZE + 1) + 2);
}

static void
test_exec_errors(void)
{
	char *argv[] = { "x", NULL };

	EXPECT_ERROR(execve(boot_file("no such file"), argv, environ), ENOENT);
	EXPECT_ERROR(execve(boot_file("text"), argv, environ), ENOEXEC);
	EXPECT_ERROR(execve((char *)-4096, argv, environ), EFAULT);
	EXPECT_ERROR(execve("", argv, environ), ENOENT);
}

static void
test_exec_descriptors(void)
{
	int kept = dup(1), closed = fcntl(1, F_DUPFD_CLOEXEC, 100);
	char a[12], b[12], out[256];
	char *argv[] = { "me", "fds", a, b, NULL };
	char *envp[] = { NULL };

	EXPECT(kept >= 0 && closed >= 100);
	snprintf(a, sizeof(a), "%d", kept);
	snprintf(b, sizeof(b), "%d", closed);
	EXPECT_IS(shown(argv, envp, out, sizeof(out)), 0);
	close(kept);
	close(closed);
}

/* A program that becomes itself again, with a number less. */
static void
test_exec_loop(void)
{
	char *argv[] = { "me", "count", "30", NULL }, *envp[2] = { NULL };
	char out[64], boot[300];

	snprintf(boot, sizeof(boot), "KTAP_BOOT=%.*s",
	    (int)strlen(boot_file("")) - 1, boot_file(""));
	envp[0] = boot;
	EXPECT_IS(shown(argv, envp, out, sizeof(out)), 77);
}

static void
test_vfork(void)
{
	char *argv[] = { "me", "count", "0", NULL };
	const char *path = boot_file("process");
	pid_t pid;

	fflush(stdout);
	for (int i = 0; i < 10; i++) {
		pid = vfork();
		if (pid == 0) {
			execve(path, argv, environ);
			_exit(126);
		}
		EXPECT_IS(status_of(pid), 77);
	}
}

static int
show(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("%s%s", i == 0 ? "" : ",", argv[i]);
	for (char **e = environ; *e != NULL; e++)
		printf(";%s", *e);
	printf(";\n");
	return (argc);
}

static int
count(char **argv)
{
	char word[12];

	if (atoi(argv[2]) == 0)
		return (77);
	snprintf(word, sizeof(word), "%d", atoi(argv[2]) - 1);
	argv[2] = word;
	execve(boot_file("process"), argv, environ);
	return (126);
}

/* A child does not draw the numbers that its parent draws. */
static void
test_random(void)
{
	uint64_t *drawn = mmap(NULL, sizeof(*drawn), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0), mine = 0;
	pid_t pid;

	EXPECT(drawn != MAP_FAILED);
	pid = fork();
	if (pid == 0)
		_exit(getrandom(drawn, sizeof(*drawn), 0) != sizeof(*drawn));
	EXPECT_IS(getrandom(&mine, sizeof(mine), 0), sizeof(mine));
	EXPECT_IS(status_of(pid), 0);
	EXPECT(*drawn != mine);
	munmap(drawn, sizeof(*drawn));
}

static const struct ktap_case cases[] = {
	{ "fork.statuses", test_statuses },
	{ "fork.abort", test_abort },
	{ "fork.wait", test_wait },
	{ "fork.parents", test_parents },
	{ "fork.copy_on_write", test_copy_on_write },
	{ "fork.shared_memory", test_shared_memory },
	{ "fork.generations", test_generations },
	{ "fork.hundred", test_hundred },
	{ "fork.orphan", test_orphan },
	{ "fork.random", test_random },
	{ "fork.many_orphans", test_many_orphans },
	{ "exec.arguments", test_exec },
	{ "exec.large", test_exec_large },
	{ "exec.errors", test_exec_errors },
	{ "exec.descriptors", test_exec_descriptors },
	{ "exec.loop", test_exec_loop },
	{ "exec.vfork", test_vfork },
};

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "show") == 0)
		return (show(argc, argv));
	if (argc > 2 && strcmp(argv[1], "count") == 0)
		return (count(argv));
	if (argc > 3 && strcmp(argv[1], "fds") == 0)
		return (fcntl(atoi(argv[2]), F_GETFD) >= 0 &&
		    fcntl(atoi(argv[3]), F_GETFD) < 0 ? 0 : 1);
	return (ktap_run(cases, (int)(sizeof(cases) / sizeof(cases[0])), argc,
	    argv));
}
