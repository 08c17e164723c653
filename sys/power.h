/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_POWER_H_
#define	_SYS_POWER_H_

/* How a run ends: arch/i386/pc/power.c. */

#include <sys/types.h>

/* Values of isa-debug-exit, a port; QEMU exits with (v << 1) | 1. */
#define	EXIT_PORT	0xf4
#define	EXIT_PASSED	0x10	/* 33: everything passed */
#define	EXIT_FAILED	0x11	/* 35: a test failed */
#define	EXIT_PANIC	0x12	/* 37 */
#define	EXIT_NOTHING	0x13	/* 39: nothing ran, or a bad option */

/*
 * machine_exit: ends the run: under QEMU with exit status (value << 1) | 1,
 * elsewhere the machine halts.  Any context.
 */
void	machine_exit(u_int value) __attribute__((__noreturn__));

/* machine_reboot: resets the machine.  Any context. */
void	machine_reboot(void) __attribute__((__noreturn__));

/* machine_poweroff: turns the machine off.  Any context. */
void	machine_poweroff(void) __attribute__((__noreturn__));

/* gcov_print: prints what VARIANT=gcov counted: kern/debug/gcov.c. */
#ifdef GCOV
void	gcov_print(void);
#else
static inline void
gcov_print(void)
{
}
#endif

#endif /* !_SYS_POWER_H_ */
