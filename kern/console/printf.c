/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Formatted output.  The text of one call is in one piece. */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/lock.h>
#include <sys/systm.h>

#define	LINE_MAX	512

static struct spinlock cons_lock =
    SPINLOCK_INITIALIZER("console", RANK_CONSOLE);

/* Contracts are in <sys/systm.h>. */
int
vprintf(const char *fmt, va_list ap)
{
	char line[LINE_MAX];
	int len = vsnprintf(line, sizeof(line), fmt, ap);

	spin_lock(&cons_lock);
	cons_write(line, (size_t)len < sizeof(line) ? (size_t)len :
	    sizeof(line) - 1);
	spin_unlock(&cons_lock);
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
