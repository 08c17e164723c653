/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_CONS_H_
#define	_SYS_CONS_H_

/* The console: a 16550 at COM1 and VGA text.  See arch/i386/cons.c. */

#include <sys/types.h>

/* How a run ends: values of isa-debug-exit; QEMU exits with (v << 1) | 1. */
#define	EXIT_PASSED	0x10	/* 33: everything passed */
#define	EXIT_FAILED	0x11	/* 35: a test failed */
#define	EXIT_PANIC	0x12	/* 37 */
#define	EXIT_NOTHING	0x13	/* 39: nothing ran, or a bad option */

void	cons_init(void);
void	cons_write(const char *s, size_t len);
void	machine_exit(u_int value) __attribute__((__noreturn__));

#endif /* !_SYS_CONS_H_ */
