/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * bench [CASE...] - what a program pays for what it asks of the system: a line
 * "bench: NAME TICKS", of the time-stamp counter, for each case.  Under QEMU's
 * -icount a tick is an instruction.  The same file runs on Linux, which is what
 * it is measured against: scripts/bench-user; but for native-call.  Both ends of
 * a case count.
 */

#define	_GNU_SOURCE
#include "../../sys/abi/call.h"
/* Of the C library from here on. */
#undef PROT_READ
#undef PROT_WRITE
#undef PROT_EXEC
#undef MAP_PRIVATE
#undef MAP_FIXED
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define	PAGE	4096u
#define	CHUNK	65536u
#define	PAGES	(CHUNK / PAGE)

static unsigned char buf[CHUNK] __attribute__((aligned(4096)));
/* Makes this program a file of more than a chunk. */
static const volatile unsigned char padding[CHUNK] = { 1 };
static const char *self;
static int file;
static int mayfly;			/* not Linux */

static uint64_t
ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a" (low), "=d" (high));
	return ((uint64_t)high << 32 | low);
}

static void
fail(const char *what)
{
	printf("bench: failed: %s\n", what);
	fflush(stdout);
	_exit(1);
}

static void
wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("a child");
}

/* Each case runs n times and returns how many things that were. */
static unsigned int
null_call(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		(void)syscall(SYS_getppid);
	return (n);
}

/* A process writes n chunks; this one reads them. */
static unsigned int
move(int fds[2], unsigned int n, ssize_t (*send)(int))
{
	size_t left = (size_t)n * CHUNK;
	ssize_t did;
	pid_t pid = fork();

	if (pid == 0) {
		close(fds[0]);
		for (; left > 0; left -= (size_t)did)
			if ((did = send(fds[1])) <= 0)
				_exit(1);
		_exit(0);
	}
	close(fds[1]);
	for (; left > 0; left -= (size_t)did)
		if ((did = read(fds[0], buf, CHUNK)) <= 0)
			fail("read");
	wait_for(pid);
	close(fds[0]);
	return (n * PAGES);
}

static ssize_t
send_write(int fd)
{
	return (write(fd, buf, CHUNK));
}

static ssize_t
send_file(int fd)
{
	off_t offset = 0;

	return (sendfile(fd, file, &offset, CHUNK));
}

static unsigned int
pipe_page(unsigned int n)
{
	int fds[2];

	if (pipe(fds) != 0)
		fail("pipe");
	return (move(fds, n, send_write));
}

static unsigned int
socket_page(unsigned int n)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		fail("socketpair");
	return (move(fds, n, send_write));
}

static unsigned int
sendfile_page(unsigned int n)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		fail("socketpair");
	return (move(fds, n, send_file));
}

static unsigned int
read_page(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (pread(file, buf, CHUNK, 0) != CHUNK)
			fail("pread");
	return (n * PAGES);
}

static unsigned int
anonymous_page(unsigned int n)
{
	enum { EACH = 256 };
	volatile unsigned char *p;

	for (unsigned int i = 0; i < n; i++) {
		p = mmap(NULL, EACH * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			fail("mmap");
		for (unsigned int k = 0; k < EACH; k++)
			p[k * PAGE] = 1;
		munmap((void *)p, EACH * PAGE);
	}
	return (n * EACH);
}

static unsigned int
fork_exit_wait(unsigned int n)
{
	pid_t pid;

	for (unsigned int i = 0; i < n; i++) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		wait_for(pid);
	}
	return (n);
}

static unsigned int
vfork_exec(unsigned int n)
{
	char *argv[] = { "bench", "exit", NULL }, *envp[] = { NULL };
	pid_t pid;

	for (volatile unsigned int i = 0; i < n; i++) {
		pid = vfork();
		if (pid == 0) {
			execve(self, argv, envp);
			_exit(126);
		}
		wait_for(pid);
	}
	return (n);
}

/* A byte to another process, and one back. */
static unsigned int
call_reply(unsigned int n)
{
	int there[2], back[2];
	char c = 0;
	pid_t pid;

	if (pipe(there) != 0 || pipe(back) != 0)
		fail("pipe");
	pid = fork();
	if (pid == 0) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			(void)!write(back[1], &c, 1);
		_exit(0);
	}
	close(there[0]);
	for (unsigned int i = 0; i < n; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			fail("call");
	close(there[1]);
	wait_for(pid);
	close(back[0]);
	close(back[1]);
	return (n);
}

/*
 * int native(eax, ebx, esi, edi, ebp, &ebx): a call of the kernel itself, which
 * mayfly alone has.
 */
int	native(unsigned int eax, unsigned int ebx, unsigned int esi,
	    unsigned int edi, unsigned int ebp, unsigned int *result);
__asm__(
    ".text\n"
    "native:\n"
    "	pushl	%ebp\n	pushl	%ebx\n	pushl	%esi\n	pushl	%edi\n"
    "	movl	20(%esp), %eax\n	movl	24(%esp), %ebx\n"
    "	movl	28(%esp), %esi\n	movl	32(%esp), %edi\n"
    "	movl	36(%esp), %ebp\n	movl	%esp, %ecx\n"
    "	movl	$1f, %edx\n	sysenter\n"
    "1:	movl	40(%esp), %ecx\n	movl	%ebx, (%ecx)\n"
    "	popl	%edi\n	popl	%esi\n	popl	%ebx\n	popl	%ebp\n"
    "	ret\n");

/*
 * A message of one byte to another task, and the reply: each side writes and
 * reads by one call, which hands the CPU over.
 */
static unsigned int
native_call(unsigned int n)
{
	unsigned int ends[2], none, buf[2] = { 0, 0 };
	const unsigned int in = (unsigned int)&buf[0],
	    out = (unsigned int)&buf[1];
	pid_t pid;

	ends[0] = native(CALL_CHAN_CREATE, CHAN_MESSAGE, 0, 0, 0, &ends[1]);
	pid = fork();
	if (pid == 0) {
		native(CALL(CALL_HANDLE_CLOSE, ends[0]), 0, 0, 0, 0, &none);
		if (native(CALL(CALL_CHAN_READ, ends[1]), in, 1, 0, 0,
		    &none) == 1)
			while (native(CALL(CALL_CHAN_CALL, ends[1]), out, 1,
			    in, 1, &none) == 1)
				continue;
		_exit(0);
	}
	native(CALL(CALL_HANDLE_CLOSE, ends[1]), 0, 0, 0, 0, &none);
	for (unsigned int i = 0; i < n; i++)
		if (native(CALL(CALL_CHAN_CALL, ends[0]), out, 1, in, 1,
		    &none) != 1)
			fail("native call");
	native(CALL(CALL_HANDLE_CLOSE, ends[0]), 0, 0, 0, 0, &none);
	wait_for(pid);
	return (n);
}

static const struct {
	const char *name;
	unsigned int (*run)(unsigned int n);
	unsigned int n;
} cases[] = {
	{ "null-call", null_call, 10000 },
	{ "call-reply", call_reply, 500 },
	{ "native-call", native_call, 500 },
	{ "pipe-page", pipe_page, 64 },
	{ "socketpair-page", socket_page, 64 },
	{ "sendfile-page", sendfile_page, 64 },
	{ "read-page", read_page, 64 },
	{ "anonymous-page", anonymous_page, 8 },
	{ "fork-exit-wait", fork_exit_wait, 30 },
	{ "vfork-exec", vfork_exec, 30 },
};

/*
 * Runs a case twice with different counts: the difference is without what it
 * costs to begin and to end.
 */
static void
measure(unsigned int i)
{
	uint64_t start, small, large;
	unsigned int few, many;

	(void)cases[i].run(cases[i].n);		/* warms up */
	start = ticks();
	few = cases[i].run(cases[i].n);
	small = ticks() - start;
	start = ticks();
	many = cases[i].run(2 * cases[i].n);
	large = ticks() - start;
	printf("bench: %s %llu\n", cases[i].name,
	    (unsigned long long)(large - small) / (many - few));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct utsname un;

	if (argc > 1 && strcmp(argv[1], "exit") == 0)
		return (0);
	mayfly = uname(&un) == 0 && strcmp(un.nodename, "mayfly") == 0;
	self = access("/boot/bench", R_OK) == 0 ? "/boot/bench" : argv[0];
	file = open(self, O_RDONLY);
	if (padding[0] != 1 || file < 0 || pread(file, buf, CHUNK, 0) != CHUNK)
		fail("a file of 64 KiB: this program");
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int k = argc > 1 ? 1 : 0; k < argc; k++)
			if ((k == 0 || strcmp(argv[k], cases[i].name) == 0) &&
			    (mayfly || cases[i].run != native_call))
				measure(i);
	printf("bench: end\n");
	return (0);
}
