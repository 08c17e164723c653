/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_CONS_H_
#define	_SYS_CONS_H_

/* The console: kern/console/console.c, over the machine's UART and VGA. */

#include <sys/types.h>

/*
 * cons_init: finds the serial port, clears the screen and sets the terminal to
 * wrap long lines.  Once, before any output.
 */
void	cons_init(void);

/*
 * Output.  Callers of these exclude each other; any context.
 *
 * cons_write: hands a text to the serial port and to the screen.  Besides
 * printable ASCII it knows \n, \r, \b, \a, and \f, which clears the screen;
 * any other byte is shown as a question mark.  What the port does not take at
 * once is kept for later; if it does not fit, the whole text is lost.
 * cons_write_bytes: as cons_write(), but the serial port gets every byte as it
 * is, and CR before a newline.
 * cons_send: sends what was kept, until the port takes no more: 1 KB at most,
 * or all of it after a panic.  Takes less than a second; after a panic, all
 * calls together wait for some seconds.
 * cons_idle: true if no output is kept.  Needs no exclusion.
 * cons_sent: true if no output is kept and all bytes have left the port.
 * cons_complete: whether all output of this run was sent, and none was lost.
 */
void	cons_write(const char *s, size_t len);
void	cons_write_bytes(const char *s, size_t len);
void	cons_send(void);
bool	cons_idle(void);
bool	cons_sent(void);
bool	cons_complete(void);

/* How often a full port is looked at after a panic: at least 3 s. */
#define	CONS_PANIC_POLLS	3000000u

/*
 * cons_input_start: from here on input is taken, by interrupts if they can
 * be had.  Thread context, after smp_start(), or after a panic.
 */
void	cons_input_start(void);

/*
 * cons_getc: takes the next byte of input, 0 to 255; sleeps until there is
 * one, or after a panic, polls.  Input that comes faster than it is taken is
 * kept, then left in the port; if the port loses some, the terminal's bell
 * rings.  One reader at a time, thread context.  -1 if there is no serial port.
 */
int	cons_getc(void);

/*
 * cons_getc_catch: as cons_getc(), before a panic; CONS_INTERRUPTED if a signal
 * is or becomes pending while there is no input.
 */
#define	CONS_INTERRUPTED	(-2)
int	cons_getc_catch(void);

#endif /* !_SYS_CONS_H_ */
