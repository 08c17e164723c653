/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The first serial port, a 16550 at COM1 (PC16550D data sheet, sections 8.1 to
 * 8.7).  Owns its registers.  A UART is used only if it keeps a byte in its
 * scratch register, sends what the firmware wrote to it, and receives what it
 * sends to itself.  One that passes and later takes no byte is not broken: its
 * reader has stopped, and may go on.  So after the test a port is given up only
 * if nothing answers any more on the bus.  Contracts are in <machine/uart.h>.
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
#define	IER_RX		0x01
#define	FCR_ENABLE	0x01
#define	LCR_8N1		0x03
#define	LCR_DLAB	0x80
#define	MCR_DTR_RTS	0x03
#define	MCR_OUT2	0x08		/* a PC's gate of the interrupt */
#define	MCR_LOOP	0x10
#define	LSR_DR		0x01
#define	LSR_OE		0x02		/* reading LSR clears it */
#define	LSR_THRE	0x20
#define	LSR_TEMT	0x40
#define	LSR_ABSENT	0xff		/* an empty bus */
#define	PROBE		0x5a
#define	FIFO_SIZE	16u
#define	PROBE_POLLS	100000u		/* 16 bytes leave in 1.4 ms */
#define	EARLY_SIZE	64u

static volatile bool present;
static volatile bool overrun;

/* Bytes that came before the end of the test, and how many were taken. */
static char early[EARLY_SIZE];
static u_int nearly, early_taken;

/* The line status; 0, and no port from then on, if nothing answers. */
static uint8_t
line_status(void)
{
	uint8_t status = inb(COM_LSR);

	if (status == LSR_ABSENT) {
		present = false;
		return (0);
	}
	if ((status & LSR_OE) != 0)
		overrun = true;
	return (status);
}

/* Waits for any of these bits; false if none comes within that many looks. */
static bool
wait_for(uint8_t bits, u_int polls)
{
	for (; polls > 0 && present; polls--, cpu_spinwait())
		if ((line_status() & bits) != 0)
			return (true);
	return (false);
}

static void
keep_early(char c)
{
	if (nearly < EARLY_SIZE)
		early[nearly++] = c;
}

/*
 * Whether the port, in loopback, receives the byte that it sends.  Bytes that
 * came over the line just before may be received first.
 */
static bool
loops_back(void)
{
	char c;

	outb(COM_MCR, MCR_LOOP);
	outb(COM1, PROBE);
	for (u_int i = 0; i <= FIFO_SIZE && wait_for(LSR_DR, PROBE_POLLS);
	    i++) {
		c = (char)inb(COM1);
		if (c == PROBE)
			return (true);
		keep_early(c);
	}
	return (false);
}

/* 115,200 baud, 8 bits, no parity, no interrupts, whatever was set before. */
static void
set_line(void)
{
	outb(COM_LCR, LCR_DLAB);
	outb(COM1, 1);
	outb(COM_IER, 0);		/* the divisor's high byte */
	outb(COM_LCR, LCR_8N1);
	outb(COM_IER, 0);
}

/*
 * Waits until the firmware's last bytes have been sent.  Bytes that have come
 * are taken out of the port before its FIFOs are turned on, because that
 * empties them.
 */
bool
uart_init(void)
{
	outb(COM_SCR, PROBE);
	present = inb(COM_SCR) == PROBE;
	if (!present)
		return (true);
	outb(COM_MCR, MCR_DTR_RTS);
	set_line();
	present = wait_for(LSR_TEMT, PROBE_POLLS);
	for (u_int i = 0; i < EARLY_SIZE && wait_for(LSR_DR, 1); i++)
		keep_early((char)inb(COM1));
	outb(COM_FCR, FCR_ENABLE);
	present = present && loops_back();
	outb(COM_MCR, MCR_DTR_RTS | MCR_OUT2);
	return (present);
}

bool
uart_present(void)
{
	return (present);
}

bool
uart_ready(u_int polls)
{
	return (wait_for(LSR_THRE, polls));
}

void
uart_putc(char c)
{
	outb(COM1, (uint8_t)c);
}

bool
uart_sent(void)
{
	return (!present || wait_for(LSR_TEMT, 1));
}

int
uart_getc(void)
{
	if (early_taken < nearly)
		return ((uint8_t)early[early_taken++]);
	return (wait_for(LSR_DR, 1) ? inb(COM1) : -1);
}

bool
uart_overrun(void)
{
	bool was = overrun;

	overrun = false;
	return (was);
}

bool
uart_listen(void (*ready)(void))
{
	if (!present || !ioapic_route_isa(COM1_IRQ, ready))
		return (false);
	uart_interrupt_on();
	return (true);
}

void
uart_interrupt_on(void)
{
	outb(COM_IER, IER_RX);
}

void
uart_interrupt_off(void)
{
	outb(COM_IER, 0);
}
