/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Formatted output.  Owns the console's lock: the text of one call is in one
 * piece.
 *
 * A thread that may sleep waits, for as long as it takes, until the serial port
 * has taken its text.  Another thread has to wait for that only if it prints,
 * too.  A caller that may not sleep leaves to later calls what the port does
 * not take at once (console.c), so that a terminal that is not read stops no
 * CPU.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/lock.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>

#define	LINE_MAX	512
#define	CUT		"...\n"	/* the end of a text that is too long */
#define	RETRY_MS	10u

static struct spinlock cons_lock =
    SPINLOCK_INITIALIZER("console", RANK_CONSOLE);

/*
 * Interrupts are on only where the scheduler runs, no spin lock is held and no
 * interrupt is handled; and the idle threads print nothing with them on.
 */
static bool
may_sleep(void)
{
	return (intr_enabled() && curthread()->td_critnest == 0 &&
	    PCPU_LOAD(pc_soft_masked) == 0 && !panicked());
}

/* Gives the port time to take some bytes, with the console's lock let go. */
static void
wait_for_port(bool sleep)
{
	spin_unlock(&cons_lock);
	if (sleep)
		(void)thread_sleep_ms(RETRY_MS, 0);
	else
		cpu_spinwait();
	spin_lock(&cons_lock);
	cons_send();
}

static void
print(const char *s, size_t len, bool sleep,
    void (*write)(const char *s, size_t len))
{
	spin_lock(&cons_lock);
	while (sleep && !cons_idle())
		wait_for_port(true);
	write(s, len);
	while (sleep && !cons_idle())
		wait_for_port(true);
	spin_unlock(&cons_lock);
}

static int
format(bool sleep, const char *fmt, va_list ap)
{
	char line[LINE_MAX];
	int len = vsnprintf(line, sizeof(line), fmt, ap);

	if ((size_t)len < sizeof(line)) {
		print(line, (size_t)len, sleep, cons_write);
	} else {
		memcpy(line + sizeof(line) - sizeof(CUT), CUT, sizeof(CUT));
		print(line, sizeof(line) - 1, sleep, cons_write);
	}
	return (len);
}

/* Contracts are in <sys/systm.h>. */
int
vprintf(const char *fmt, va_list ap)
{
	return (format(may_sleep(), fmt, ap));
}

int
printf_nosleep(const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = format(false, fmt, ap);
	va_end(ap);
	return (len);
}

int
printf(const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vprintf(fmt, ap);
	va_end(ap);
	return (len);
}

void
printf_bytes(const char *bytes, size_t len)
{
	print(bytes, len, may_sleep(), cons_write_bytes);
}

/* Waits until all has been sent; false if that took too long after a panic. */
static bool
wait_until_sent(bool sleep)
{
	for (u_int i = 0; !cons_sent(); i++) {
		if (panicked() && i == CONS_PANIC_POLLS)
			return (false);
		wait_for_port(sleep);
	}
	return (true);
}

/* A line about lost output may have room only when the rest has been sent. */
bool
printf_flush(void)
{
	bool sleep = may_sleep(), complete;

	spin_lock(&cons_lock);
	if (wait_until_sent(sleep)) {
		cons_write("", 0);
		(void)wait_until_sent(sleep);
	}
	complete = cons_complete();
	spin_unlock(&cons_lock);
	return (complete);
}
