/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_HOST_HARNESS_H_
#define	_TESTS_HOST_HARNESS_H_

/*
 * What a host test needs around kernel code that may panic.  Owns panic(), the
 * count of cases and the lines of TAP.  Invariant: a panic that no PANICS() and
 * no PANICKED() expects ends the test, and so does one under a lock of the
 * stubs in tests/host/include/, unless the test says that locks are dropped.
 */

#include <setjmp.h>
#include <stdlib.h>
#include <sys/systm.h>	/* tests/host/include */

int host_locks_held;	/* the stubs of spin_lock() count here */

static jmp_buf panic_env;
static bool panic_armed;
static char panic_msg[512];
static int ncases, nfailed;
static void (*after_panic)(void);	/* drops the locks; or NULL */

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(panic_msg, sizeof(panic_msg), fmt, ap);
	va_end(ap);
	if (!panic_armed || (host_locks_held != 0 && after_panic == NULL)) {
		printf("not ok %d - panic with %d locks: %s\nBail out!\n",
		    ++ncases, host_locks_held, panic_msg);
		exit(1);
	}
	panic_armed = false;
	longjmp(panic_env, 1);
}

static void
ok(bool good, const char *name)
{
	if (host_locks_held != 0)
		good = false;
	printf("%sok %d - %s\n", good ? "" : "not ", ++ncases, name);
	if (!good)
		nfailed++;
}

/* Prints the plan; returns the exit status. */
static int
harness_end(void)
{
	printf("1..%d\n", ncases);
	return (nfailed != 0);
}

/* Whether stmt panics with a message that has `want'. */
#define	PANICKED_WITH(stmt, want) __extension__({			\
	panic_msg[0] = '\0';						\
	if (setjmp(panic_env) == 0) {					\
		panic_armed = true;					\
		stmt;							\
		panic_armed = false;					\
	} else if (after_panic != NULL) {				\
		after_panic();						\
	}								\
	if (strstr(panic_msg, want) == NULL)				\
		printf("# want \"%s\", got \"%s\"\n", want, panic_msg);	\
	strstr(panic_msg, want) != NULL;				\
})

/* Expects stmt to panic so; PANICS: with a message that names the caller. */
#define	PANICKED(stmt, want)	ok(PANICKED_WITH(stmt, want), want)
#define	PANICS(stmt, want, name)					\
	ok(PANICKED_WITH(stmt, want) &&					\
	    strstr(panic_msg, "(called from 0x") != NULL, name)

#endif /* !_TESTS_HOST_HARNESS_H_ */
