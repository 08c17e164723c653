/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_UART_H_
#define	_MACHINE_UART_H_

/* The first serial port: arch/i386/pc/uart.c. */

#include <sys/types.h>

/*
 * uart_init: tests the serial port and sets it up.  Once, at start.  False if
 * there is a port that fails its test, and so is not used.
 */
bool	uart_init(void);

/* uart_present: false if there is none, or it does not answer.  Any context. */
bool	uart_present(void);

/*
 * uart_ready: true if the port takes a byte; looks at most polls times, each a
 * read of the port, which takes about a microsecond.  Any context.
 * uart_putc: sends a byte, after uart_ready().
 * uart_sent: whether all bytes have left the port; true without one.
 * Callers of these exclude each other.
 */
bool	uart_ready(u_int polls);
void	uart_putc(char c);
bool	uart_sent(void);

/*
 * uart_getc: takes the next byte that has come, 0 to 255; -1 if there is none.
 * A byte that is not taken stays in the port, and the sender of a virtual port
 * waits.  Any context; one caller at a time.
 */
int	uart_getc(void);

/*
 * uart_overrun: whether the port has lost input since the last call: more came
 * than it holds.  Any context.
 */
bool	uart_overrun(void);

/*
 * uart_listen: from here on ready() is called, with interrupts off, when bytes
 * have come.  It must take bytes until uart_getc() finds none, or turn the
 * interrupt off: it is an edge, which the UART makes only from having nothing
 * to having something.  False if the interrupt cannot be had.  Thread context.
 */
bool	uart_listen(void (*ready)(void));

/*
 * uart_interrupt_on, uart_interrupt_off: whether the port interrupts, after
 * uart_listen().  Turned on, it interrupts at once for what has come before.
 * Any context.
 */
void	uart_interrupt_on(void);
void	uart_interrupt_off(void);

#endif /* !_MACHINE_UART_H_ */
