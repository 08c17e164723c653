/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_UART_H_
#define	_MACHINE_UART_H_

/* The first serial port: arch/i386/pc/uart.c. */

#include <sys/types.h>

/* uart_init: sets the serial port up, if there is one.  Once, at start. */
void	uart_init(void);

/* uart_present: false if there is none, or it was given up.  Any context. */
bool	uart_present(void);

/*
 * uart_putc: sends one byte.  Waits, for about a second at most, until the
 * UART takes it; a UART that does not is given up.  Any context; callers
 * exclude each other.
 */
void	uart_putc(char c);

/*
 * uart_getc: takes the next byte that has come, 0 to 255; -1 if there is none.
 * Any context; one caller at a time.
 */
int	uart_getc(void);

/*
 * uart_listen: from here on ready() is called, with interrupts off, when bytes
 * have come.  It must take bytes until uart_getc() finds none: the interrupt
 * is an edge, which the UART makes only from having nothing to having
 * something.  False if the interrupt cannot be had.  Thread context.
 */
bool	uart_listen(void (*ready)(void));

/* uart_unlisten: ends that.  Any context but NMI. */
void	uart_unlisten(void);

#endif /* !_MACHINE_UART_H_ */
