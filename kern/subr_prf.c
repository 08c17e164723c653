/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* printf and panic: what a line is, and what the last ones are. */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/ksym.h>
#include <sys/lock.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/pcpu.h>
#include <machine/smp.h>

#define	LINE_MAX	512
#define	BACKTRACE_MAX	24

static struct spinlock cons_lock = SPINLOCK_INITIALIZER("console");
static volatile uint32_t panicking;
static u_int panic_cpu;

int
vprintf(const char *fmt, va_list ap)
{
	char line[LINE_MAX];
	int len = vsnprintf(line, sizeof(line), fmt, ap);

	/* After a panic one CPU is left, and the lock's holder may be stopped. */
	if (panicking == 0)
		spin_lock(&cons_lock);
	cons_write(line, (size_t)len < sizeof(line) ? (size_t)len :
	    sizeof(line) - 1);
	if (panicking == 0)
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

/*
 * Frame pointers end at the 0 that boot/start.asm loads.  What is looked up is
 * the call, not the return address behind it: after a call that does not
 * return, that may already belong to the next function.
 */
static void
backtrace(const uintptr_t *frame)
{
	const char *name;
	uintptr_t offset;

	for (int i = 0; i < BACKTRACE_MAX && frame != NULL; i++) {
		name = ksym_lookup(frame[1] - 1, &offset);
		if (name != NULL)
			printf("  at %p %s+0x%zx\n", (const void *)frame[1],
			    name, (size_t)offset + 1);
		else
			printf("  at %p\n", (const void *)frame[1]);
		frame = (const uintptr_t *)frame[0];
	}
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	disable_intr();
	if (atomic_swap_32(&panicking, 1) != 0) {
		if (panic_cpu == curcpu_id())
			machine_exit(EXIT_PANIC);	/* while in a panic */
		for (;;)
			cpu_halt();			/* another is first */
	}
	panic_cpu = curcpu_id();
	mp_stop_others();
	printf("panic: CPU %u: ", panic_cpu);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	backtrace(__builtin_frame_address(0));
	machine_exit(EXIT_PANIC);
}
