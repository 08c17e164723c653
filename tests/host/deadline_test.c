/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests kern/sync/deadline.c on the host, against a clock that the test sets:
 * when a wait warns and ends, and that its warning does not sleep, although
 * printf() sleeps where it may while a terminal is not read.  Output is TAP.
 */

#include <stdio.h>
#include <stdbool.h>

#define	_SYS_PCPU_H_
#define	_SYS_TUNABLE_H_
#define	_MACHINE_ATOMIC_H_
#define	_MACHINE_TSC_H_
#include <sys/types.h>

struct stopwatch {
	int unused;
};

static uint64_t ticks_per_ms = 1000;
static uint64_t lap;			/* what each lap counts */
static u_int warnings, sleeps;
static u_int ncases, nfailed;

#define	curcpu_id()			0u
#define	stopwatch_lap(w)		((void)(w), lap)
#define	atomic_cmpset_32(p, old, new)	(*(p) == (old) ? *(p) = (new), 1 : 0)
#define	atomic_store_rel_32(p, v)	((void)(*(p) = (v)))
#define	TUNABLE_UINT(...)		extern u_int ncases_unused

/* Either may be called. */
static int print_and_sleep(const char *fmt, ...) __attribute__((unused));
static int printf_nosleep(const char *fmt, ...) __attribute__((unused));
#define	printf	print_and_sleep
#include "kern/sync/deadline.c"
#undef printf

static int
print_and_sleep(const char *fmt, ...)
{
	(void)fmt;
	warnings++;
	sleeps++;
	return (0);
}

static int
printf_nosleep(const char *fmt, ...)
{
	(void)fmt;
	warnings++;
	return (0);
}

static void
ok(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++ncases, name);
	nfailed += !good;
}

int
main(void)
{
	struct deadline w = { 0 };
	u_int turns = 0;

	ipi_timeout_ms = 2000;
	lap = 10 * ticks_per_ms;
	for (; turns < 40; turns++)
		(void)deadline_passed(&w);
	ok(warnings == 0, "no warning before a second");
	for (; turns < 1000 && !deadline_passed(&w); turns++)
		continue;
	ok(warnings == 1, "one warning");
	ok(sleeps == 0, "which does not sleep");
	ok(turns < 150, "and the wait ends");
	printf("1..%u\n", ncases);
	return (nfailed != 0);
}
