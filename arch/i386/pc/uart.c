/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The first serial port, a 16550 at COM1.  Owns its registers.  A UART that is
 * absent or stuck delays nothing for long: it is tested by its scratch
 * register, and given up for good after one wait too many.  Contracts are in
 * <machine/uart.h>.
 */

#include <sys/types.h>
#include <machine/cpufunc.h>
#include <machine/ioapic.h>
#include <machine/uart.h>

#define	COM1_IRQ	4u
#define	COM1		0x3f8
#define	COM_IER		(COM1 + 1)
#define	COM_FCR		(COM1 + 2)
#define	COM_LCR		(COM1 + 3)
#define	COM_MCR		(COM1 + 4)
#define	COM_LSR		(COM1 + 5)
#define	COM_SCR		(COM1 + 7)
#define	LCR_8N1		0x03
#define	LCR_DLAB	0x80
#define	IER_RX		0x01
#define	MCR_DTR_RTS	0x03
#define	MCR_OUT2	0x08		/* a PC's gate of the interrupt */
#define	LSR_DR		0x01
#define	LSR_THRE	0x20
#define	LSR_ABSENT	0xff		/* an empty bus */
#define	THRE_POLLS	1000000u	/* about a second of port reads */

static volatile bool present;

void
uart_init(void)
{
	outb(COM_SCR, 0x5a);
	present = inb(COM_SCR) == 0x5a;
	if (!present)
		return;
	outb(COM_IER, 0);
	outb(COM_LCR, LCR_DLAB);
	outb(COM1, 1);			/* 115,200 baud */
	outb(COM_IER, 0);
	outb(COM_LCR, LCR_8N1);
	outb(COM_FCR, 0x07);		/* FIFOs on and empty */
	outb(COM_MCR, MCR_DTR_RTS | MCR_OUT2);
}

bool
uart_present(void)
{
	return (present);
}

void
uart_putc(char c)
{
	u_int polls = 0;

	if (!present)
		return;
	while ((inb(COM_LSR) & LSR_THRE) == 0) {
		if (++polls == THRE_POLLS) {
			present = false;
			return;
		}
	}
	outb(COM1, (uint8_t)c);
}

int
uart_getc(void)
{
	uint8_t status = inb(COM_LSR);

	if (status == LSR_ABSENT) {
		present = false;
		return (-1);
	}
	return ((status & LSR_DR) != 0 ? inb(COM1) : -1);
}

bool
uart_listen(void (*ready)(void))
{
	if (!present || !ioapic_route_isa(COM1_IRQ, ready))
		return (false);
	outb(COM_IER, IER_RX);
	return (true);
}

void
uart_unlisten(void)
{
	ioapic_mask_isa(COM1_IRQ);
}
