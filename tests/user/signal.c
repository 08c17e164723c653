/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Signals: handlers, masks, and the calls that they end.
 */

#include "ktap.h"

static volatile sig_atomic_t got, last;

static void
note(int sig)
{
	got++;
	last = sig;
}

static void
handle(int sig, int flags)
{
	struct sigaction sa = { .sa_handler = note, .sa_flags = flags };

	got = last = 0;
	EXPECT_IS(sigaction(sig, &sa, NULL), 0);
}

static void
test_handler(void)
{
	struct sigaction old;

	handle(SIGUSR1, 0);
	EXPECT_IS(kill(getpid(), SIGUSR1), 0);
	EXPECT_IS(got, 1);
	EXPECT_IS(last, SIGUSR1);
	for (int i = 0; i < 1000; i++)
		raise(SIGUSR1);
	EXPECT_IS(got, 1001);
	EXPECT_IS(sigaction(SIGUSR1, NULL, &old), 0);
	EXPECT(old.sa_handler == note);
	signal(SIGUSR1, SIG_DFL);
}

/* A handler gets and leaves the registers as they are, those of the FPU too. */
static void
test_handler_keeps_registers(void)
{
	double x = 1.5, sum = 0;
	pid_t pid, me = getpid();

	handle(SIGUSR1, 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 50; i++) {
			kill(me, SIGUSR1);
			usleep(200);
		}
		_exit(0);
	}
	while (got == 0)
		;
	for (int i = 0; i < 3000000; i++)
		sum += x;
	EXPECT(sum == 4500000.0);
	EXPECT_IS(status_of(pid), 0);
	EXPECT(got > 0);
	signal(SIGUSR1, SIG_DFL);
}

/* Leaves nothing of the FPU's state as it was. */
static void
spoil_fpu(int sig)
{
	(void)sig;
	got++;
	__asm__ volatile("fninit; fld1; fldz; xorps %xmm5, %xmm5");
}

/*
 * The signal comes in the call in the midst: a number on the FPU's stack, one in
 * an SSE register, and the way to round are as before.
 */
static void
test_handler_keeps_fpu(void)
{
	struct sigaction sa = { .sa_handler = spoil_fpu };
	unsigned short cw = 0x0f7f, cw_after;
	unsigned int word = 0x12345678;
	int ret = 37;			/* kill(2) */
	long double pi;

	for (int flags = 0; flags <= SA_SIGINFO; flags += SA_SIGINFO) {
		got = 0;
		ret = 37;
		cw_after = 0;
		word = 0x12345678;
		sa.sa_flags = flags;
		EXPECT_IS(sigaction(SIGUSR1, &sa, NULL), 0);
		__asm__ volatile(
		    "fninit\n\t"
		    "fldcw %[cw]\n\t"
		    "fldpi\n\t"
		    "movd %[word], %%xmm5\n\t"
		    "int $0x80\n\t"
		    "movd %%xmm5, %[word]\n\t"
		    "fnstcw %[after]\n\t"
		    "fstpt %[pi]\n\t"
		    "fninit"
		    : "+a" (ret), [word] "+r" (word), [after] "=m" (cw_after),
		      [pi] "=m" (pi)
		    : [cw] "m" (cw), "b" (getpid()), "c" (SIGUSR1)
		    : "memory", "cc");
		EXPECT_IS(ret, 0);
		EXPECT_IS(got, 1);
		EXPECT_IS(word, 0x12345678);
		EXPECT_IS(cw_after, cw);
		EXPECT(pi > 3.14159265358979L && pi < 3.1415926535898L);
	}
	signal(SIGUSR1, SIG_DFL);
}

static void
test_ignored(void)
{
	signal(SIGTERM, SIG_IGN);
	EXPECT_IS(kill(getpid(), SIGTERM), 0);
	signal(SIGTERM, SIG_DFL);
	/* By default these do nothing. */
	EXPECT_IS(raise(SIGCHLD), 0);
	EXPECT_IS(raise(SIGWINCH), 0);
}

static void
test_mask(void)
{
	sigset_t set, old, pending;

	handle(SIGUSR2, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	EXPECT_IS(sigprocmask(SIG_BLOCK, &set, &old), 0);
	raise(SIGUSR2);
	raise(SIGUSR2);
	EXPECT_IS(got, 0);
	EXPECT_IS(sigpending(&pending), 0);
	EXPECT(sigismember(&pending, SIGUSR2));
	EXPECT_IS(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	EXPECT_IS(got, 1);
	signal(SIGUSR2, SIG_DFL);
}

static pid_t parent;
static int sig_sent;

static void
send_later(void)
{
	sleep_ms(30);
	kill(parent, sig_sent);
}

static pid_t
send_signal_later(int sig)
{
	parent = getpid();
	sig_sent = sig;
	return (child(send_later));
}

static void
test_ends_sleep(void)
{
	struct timespec ts = { 20, 0 }, left = { 0, 0 };
	pid_t pid;

	handle(SIGUSR1, 0);
	pid = send_signal_later(SIGUSR1);
	EXPECT_ERROR(nanosleep(&ts, &left), EINTR);
	EXPECT(left.tv_sec > 0 && left.tv_sec < 20);
	EXPECT_IS(got, 1);
	EXPECT_IS(status_of(pid), 0);
	signal(SIGUSR1, SIG_DFL);
}

static void
test_ends_read(void)
{
	int fds[2];
	char c;
	pid_t pid;

	EXPECT_IS(pipe(fds), 0);
	handle(SIGUSR1, 0);
	pid = send_signal_later(SIGUSR1);
	EXPECT_ERROR(read(fds[0], &c, 1), EINTR);
	EXPECT_IS(status_of(pid), 0);
	close(fds[0]);
	close(fds[1]);
	signal(SIGUSR1, SIG_DFL);
}

static int restarted[2];

static void
send_then_write(void)
{
	sleep_ms(30);
	kill(parent, SIGUSR1);
	sleep_ms(30);
	(void)!write(restarted[1], "r", 1);
}

static void
test_restarts_read(void)
{
	char c = 0;
	pid_t pid;

	EXPECT_IS(pipe(restarted), 0);
	handle(SIGUSR1, SA_RESTART);
	parent = getpid();
	pid = child(send_then_write);
	EXPECT_IS(read(restarted[0], &c, 1), 1);
	EXPECT_IS(c, 'r');
	EXPECT_IS(got, 1);
	EXPECT_IS(status_of(pid), 0);
	close(restarted[0]);
	close(restarted[1]);
	signal(SIGUSR1, SIG_DFL);
}

static void
exit_at_once(void)
{
}

static void
test_child_ends(void)
{
	pid_t pid;

	handle(SIGCHLD, SA_RESTART);
	pid = child(exit_at_once);
	EXPECT_IS(status_of(pid), 0);
	for (int i = 0; i < 1000 && got == 0; i++)
		sleep_ms(1);
	EXPECT_IS(got, 1);
	EXPECT_IS(last, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
}

static void
test_suspend(void)
{
	sigset_t block, none;
	pid_t pid;

	handle(SIGUSR1, 0);
	sigemptyset(&none);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_BLOCK, &block, NULL);
	pid = send_signal_later(SIGUSR1);
	EXPECT_ERROR(sigsuspend(&none), EINTR);
	EXPECT_IS(got, 1);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
	EXPECT_IS(status_of(pid), 0);
	signal(SIGUSR1, SIG_DFL);
}

static void
spin(void)
{
	for (;;)
		;
}

static void
sleep_long(void)
{
	sleep_ms(100000);
}

/* Whatever a process does, SIGKILL ends it. */
static void
test_kill(void)
{
	static void (*const what[])(void) = { spin, sleep_long };
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		pid = child(what[i]);
		sleep_ms(20);
		EXPECT_IS(kill(pid, 0), 0);
		EXPECT_IS(kill(pid, SIGKILL), 0);
		EXPECT_IS(status_of(pid), 1000 + SIGKILL);
		EXPECT_ERROR(kill(pid, 0), ESRCH);
	}
}

static void
raise_least(void)
{
	raise(SIGRTMIN);
}

static void
raise_most(void)
{
	raise(SIGRTMAX);
}

/* A process that a signal above 31 ends has not been ended by another one. */
static void
test_above_31(void)
{
	int status = status_of(child(raise_least));

	EXPECT(status > 1000 && status != 1000 + (SIGRTMIN & 31));
	EXPECT(status_of(child(raise_most)) > 1000);
}

static void
test_errors(void)
{
	struct sigaction sa = { .sa_handler = note };

	EXPECT_ERROR(kill(getpid(), 12345), EINVAL);
	EXPECT_ERROR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	EXPECT_ERROR(sigaction(12345, &sa, NULL), EINVAL);
}

/* A program that is executed starts with the defaults, but for what is ignored:
 * the driver relies on it; here the mask that fork() hands on. */
static void
check_mask(void)
{
	sigset_t set;

	sigprocmask(SIG_BLOCK, NULL, &set);
	_exit(sigismember(&set, SIGUSR2) ? 6 : 7);
}

static void
test_fork_keeps_mask(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	EXPECT_IS(status_of(child(check_mask)), 6);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	EXPECT_IS(status_of(child(check_mask)), 7);
}

static const struct ktap_case cases[] = {
	{ "signal.handler", test_handler },
	{ "signal.keeps_registers", test_handler_keeps_registers },
	{ "signal.keeps_fpu", test_handler_keeps_fpu },
	{ "signal.ignored", test_ignored },
	{ "signal.mask", test_mask },
	{ "signal.ends_sleep", test_ends_sleep },
	{ "signal.ends_read", test_ends_read },
	{ "signal.restarts_read", test_restarts_read },
	{ "signal.child_ends", test_child_ends },
	{ "signal.suspend", test_suspend },
	{ "signal.kill", test_kill },
	{ "signal.above_31", test_above_31 },
	{ "signal.errors", test_errors },
	{ "signal.fork_keeps_mask", test_fork_keeps_mask },
};
KTAP_MAIN(cases)
