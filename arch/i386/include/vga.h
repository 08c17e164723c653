/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_VGA_H_
#define	_MACHINE_VGA_H_

/* VGA text memory: arch/i386/pc/vga.c. */

/* vga_init: clears the screen of what the firmware showed.  Once, at start. */
void	vga_init(void);

/*
 * vga_putc: shows one character at the cursor's place.  Knows \n, \r, \b,
 * \a, which does nothing, and \f, which clears the screen.  Any context;
 * callers exclude each other.
 */
void	vga_putc(char c);

/* vga_show_cursor: moves the cursor to where the next character goes. */
void	vga_show_cursor(void);

#endif /* !_MACHINE_VGA_H_ */
