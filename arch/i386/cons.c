/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The console: bytes to COM1 and to VGA text memory, and the end of a run.
 * A UART that is absent or stuck delays nothing for long: it is tested by
 * its scratch register, and given up for good after one wait too many.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/vmparam.h>

#define	COM1		0x3f8
#define	COM_IER		(COM1 + 1)
#define	COM_FCR		(COM1 + 2)
#define	COM_LCR		(COM1 + 3)
#define	COM_MCR		(COM1 + 4)
#define	COM_LSR		(COM1 + 5)
#define	COM_SCR		(COM1 + 7)
#define	LCR_8N1		0x03
#define	LCR_DLAB	0x80
#define	LSR_THRE	0x20
#define	THRE_POLLS	1000000u	/* about a second of port reads */

#define	EXIT_PORT	0xf4
#define	VGA		((volatile uint16_t *)(DMAP_MIN + 0xb8000))
#define	VGA_COLS	80
#define	VGA_ROWS	25
#define	VGA_GREY	0x0700

static bool uart_present;
static u_int column, row;

void
cons_init(void)
{
	outb(COM_SCR, 0x5a);
	uart_present = inb(COM_SCR) == 0x5a;
	if (!uart_present)
		return;
	outb(COM_IER, 0);
	outb(COM_LCR, LCR_DLAB);
	outb(COM1, 1);			/* 115,200 baud */
	outb(COM_IER, 0);
	outb(COM_LCR, LCR_8N1);
	outb(COM_FCR, 0x07);		/* FIFOs on and empty */
	outb(COM_MCR, 0x03);		/* DTR, RTS */
}

static void
uart_putc(char c)
{
	u_int polls = 0;

	if (!uart_present)
		return;
	while ((inb(COM_LSR) & LSR_THRE) == 0) {
		if (++polls == THRE_POLLS) {
			uart_present = false;
			return;
		}
	}
	outb(COM1, (uint8_t)c);
}

static void
vga_newline(void)
{
	column = 0;
	if (row < VGA_ROWS - 1) {
		row++;
		return;
	}
	for (u_int i = 0; i < VGA_COLS * (VGA_ROWS - 1); i++)
		VGA[i] = VGA[i + VGA_COLS];
	for (u_int i = 0; i < VGA_COLS; i++)
		VGA[VGA_COLS * (VGA_ROWS - 1) + i] = VGA_GREY | ' ';
}

static void
vga_putc(char c)
{
	if (c == '\n') {
		vga_newline();
		return;
	}
	if (column == VGA_COLS)
		vga_newline();
	VGA[row * VGA_COLS + column++] = (uint16_t)(VGA_GREY | (uint8_t)c);
}

/* cons_write: any context; interrupts off or on. */
void
cons_write(const char *s, size_t len)
{
	for (; len > 0; len--, s++) {
		if (*s == '\n')
			uart_putc('\r');
		uart_putc(*s);
		vga_putc(*s);
	}
}

/* machine_exit: through QEMU's isa-debug-exit; elsewhere halts for good. */
void
machine_exit(u_int value)
{
	outb(EXIT_PORT, (uint8_t)value);
	printf("mayfly: halted\n");
	for (;;) {
		disable_intr();
		cpu_halt();
	}
}
