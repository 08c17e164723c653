/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests kern/console/printf.c on the host: which callers wait for a port that
 * takes nothing, for how long, and under which lock.  The console is a count of
 * bytes that the port has not taken.  Output is TAP.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define	_MACHINE_CPUFUNC_H_
#define	_MACHINE_INTR_H_
#define	_SYS_PCPU_H_
#define	_SYS_THREAD_H_
#define	_SYS_TIMEOUT_H_
#include <sys/types.h>

static struct thread {
	u_int td_critnest;
} self;
static bool interrupts_on;
static u_int soft_masked;
#define	intr_enabled()		(interrupts_on)
#define	curthread()		(&self)
#define	PCPU_LOAD(field)	(soft_masked)
static void cpu_spinwait(void);
static int thread_sleep_ms(u_int ms, int flags);

#define	vprintf	k_vprintf
#define	printf	k_printf
#define	printf_nosleep	k_printf_nosleep
int	k_printf_nosleep(const char *fmt, ...);
int	k_printf(const char *fmt, ...);
#include "kern/console/printf.c"
#undef vprintf
#undef printf

int host_locks_held;

static char text[4096];			/* all that was written */
static size_t len;
static bool unread, after_panic, lost, told;
static size_t kept;			/* bytes that the port has not taken */
static u_int sleeps, spins, wakes_after;
static u_int ncases, nfailed;

/* The reader goes on after so many waits. */
static void
wait_once(void)
{
	if (host_locks_held != 0) {
		printf("Bail out! waits with the console's lock\n");
		exit(1);
	}
	if (sleeps + spins >= wakes_after)
		unread = false;
}

static void
cpu_spinwait(void)
{
	spins++;
	wait_once();
}

static int
thread_sleep_ms(u_int ms, int flags)
{
	sleeps++;
	wait_once();
	return (ms == 0 || flags != 0);
}

static void
check_lock(void)
{
	if (host_locks_held != 1) {
		printf("Bail out! the console is used without its lock\n");
		exit(1);
	}
}

void
cons_send(void)
{
	check_lock();
	if (!unread)
		kept = 0;
}

void
cons_write(const char *s, size_t n)
{
	check_lock();
	memcpy(text + len, s, n);
	len += n;
	kept += n;
	told = told || (lost && !unread);
	cons_send();
}

void
cons_write_bytes(const char *s, size_t n)
{
	cons_write(s, n);
}

bool
cons_idle(void)
{
	check_lock();
	return (kept == 0);
}

bool
cons_sent(void)
{
	return (cons_idle() && !unread);
}

bool
cons_complete(void)
{
	return (cons_sent() && !lost);
}

bool
panicked(void)
{
	return (after_panic);
}

static void
ok(bool good, const char *name)
{
	good = good && host_locks_held == 0;
	printf("%sok %u - %s\n", good ? "" : "not ", ++ncases, name);
	nfailed += !good;
}

/* A reader that stops for so many waits, and a caller that may sleep. */
static void
start(u_int waits)
{
	len = kept = 0;
	sleeps = spins = soft_masked = self.td_critnest = 0;
	unread = waits != 0;
	wakes_after = waits;
	after_panic = lost = told = false;
	interrupts_on = true;
}

static void
test_waits(void)
{
	start(0);
	k_printf("now\n");
	ok(sleeps + spins == 0 && kept == 0, "a port that takes all");
	start(500);
	k_printf("5 s\n");
	ok(sleeps == 500 && kept == 0, "a thread sleeps as long as it takes");
	start(500);
	kept = 7;
	k_printf("after it\n");
	ok(sleeps == 500 && len == 9, "also for what was kept before");

	start(500);
	interrupts_on = false;
	k_printf("a spin lock is held\n");
	ok(sleeps + spins == 0 && kept == 20, "with interrupts off none waits");
	start(500);
	self.td_critnest = 1;
	k_printf("x");
	ok(sleeps + spins == 0 && kept == 1, "nor in a critical section");
	start(500);
	k_printf_nosleep("x");
	ok(sleeps + spins == 0 && kept == 1, "nor by printf_nosleep()");
	start(500);
	soft_masked = 1;
	k_printf("x");
	ok(sleeps + spins == 0, "nor with soft-masked interrupts");
	start(500);
	after_panic = true;
	k_printf("x");
	ok(sleeps + spins == 0, "nor after a panic");
}

static void
test_flush(void)
{
	start(0);
	ok(printf_flush() && sleeps + spins == 0, "nothing to wait for");
	start(500);
	ok(printf_flush() && sleeps == 500, "the end of a run waits");
	start(100000);
	interrupts_on = false;
	ok(printf_flush() && spins == 100000, "also where it cannot sleep");
	start(0);
	lost = true;
	ok(!printf_flush(), "it knows that output was lost");
	start(500);
	kept = 7;
	lost = true;
	(void)printf_flush();
	ok(told, "and tells of it when there is room");
	start(UINT32_MAX);
	after_panic = true;
	ok(!printf_flush() && sleeps == 0 && spins == CONS_PANIC_POLLS,
	    "after a panic the wait is bounded");
}

static void
test_length(void)
{
	char line[LINE_MAX + 1];

	memset(line, 'x', sizeof(line));
	line[LINE_MAX - 1] = '\0';
	start(0);
	ok(k_printf("%s", line) == LINE_MAX - 1 && len == LINE_MAX - 1 &&
	    text[len - 1] == 'x', "the longest text");
	line[LINE_MAX - 1] = '\n';
	line[LINE_MAX] = '\0';
	start(0);
	ok(k_printf("%s", line) == LINE_MAX && len == LINE_MAX - 1 &&
	    memcmp(text + len - 5, "x...\n", 5) == 0,
	    "a longer one is cut, and still ends its line");
	start(0);
	ok(k_printf("%s", "") == 0 && len == 0, "an empty one");
}

int
main(void)
{
	alarm(60);		/* a wait without end is a failure */
	test_waits();
	test_flush();
	test_length();
	printf("1..%u\n", ncases);
	return (nfailed != 0);
}
