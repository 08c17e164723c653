/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* printf and panic: what a line is, and what the last ones are. */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/systm.h>

#define	LINE_MAX	512
#define	BACKTRACE_MAX	24

int
vprintf(const char *fmt, va_list ap)
{
	char line[LINE_MAX];
	int len = vsnprintf(line, sizeof(line), fmt, ap);

	cons_write(line, (size_t)len < sizeof(line) ? (size_t)len :
	    sizeof(line) - 1);
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

/* Frame pointers end at the 0 that boot/start.asm loads. */
static void
backtrace(const uintptr_t *frame)
{
	for (int i = 0; i < BACKTRACE_MAX && frame != NULL; i++) {
		printf("  at %p\n", (const void *)frame[1]);
		frame = (const uintptr_t *)frame[0];
	}
}

void
panic(const char *fmt, ...)
{
	static bool again;
	va_list ap;

	if (again)
		machine_exit(EXIT_PANIC);
	again = true;
	printf("panic: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	backtrace(__builtin_frame_address(0));
	machine_exit(EXIT_PANIC);
}
