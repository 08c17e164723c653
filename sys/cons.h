/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_CONS_H_
#define	_SYS_CONS_H_

/* The console: kern/console/console.c, over the machine's UART and VGA. */

#include <sys/types.h>

/* cons_init: once, before any output. */
void	cons_init(void);

/*
 * cons_write: any context; callers exclude each other.  Besides text it knows
 * \n, \r, \b, \a, and \f, which clears the screen.
 */
void	cons_write(const char *s, size_t len);

/*
 * cons_input_start: from here on input is taken, by interrupts if they can
 * be had.  Thread context, after smp_start(), or after a panic.
 */
void	cons_input_start(void);

/*
 * cons_getc: takes the next byte of input, 0 to 255; sleeps until there is
 * one, or after a panic, polls.  One reader at a time, thread context.  -1 if
 * there is no serial port.
 */
int	cons_getc(void);

#endif /* !_SYS_CONS_H_ */
