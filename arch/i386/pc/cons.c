/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The console: bytes to COM1 and to VGA text memory, and bytes from COM1.
 * A UART that is absent or stuck delays nothing for long: it is tested by
 * its scratch register, and given up for good after one wait too many.
 *
 * Input goes through a ring with one writer and one reader.  The writer is
 * the interrupt handler, on the one CPU that the I/O APIC interrupts; where
 * the interrupt cannot be had, or after a panic, the reader polls, and is the
 * writer too.  Each writes its own index only, after the byte that the index
 * tells of: x86 keeps the order of stores, and that of loads (SDM vol. 3A
 * 8.2.2).
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/errno.h>
#include <sys/panic.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/ioapic.h>
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
#define	IER_RX		0x01
#define	MCR_DTR_RTS	0x03
#define	MCR_OUT2	0x08		/* a PC's gate of the interrupt */
#define	LSR_DR		0x01
#define	LSR_THRE	0x20
#define	LSR_ABSENT	0xff		/* an empty bus */
#define	THRE_POLLS	1000000u	/* about a second of port reads */
#define	DRAIN_MAX	4096u		/* bytes taken in one go */
#define	POLL_MS		10u

#define	CRTC_INDEX	0x3d4
#define	CRTC_DATA	0x3d5
#define	CRTC_CURSOR	0x0e		/* and 0x0f, the low byte */
#define	VGA		((volatile uint16_t *)(DMAP_MIN + 0xb8000))
#define	VGA_COLS	80
#define	VGA_ROWS	25
#define	VGA_GREY	0x0700

#define	RING_SIZE	1024u		/* a power of two */

static volatile bool uart_present;
static u_int column, row;

static struct {
	char bytes[RING_SIZE];
	volatile uint32_t in, out;	/* ever put in, ever taken out */
} ring;
static volatile bool polling = true;

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
	outb(COM_MCR, MCR_DTR_RTS | MCR_OUT2);
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
uart_puts(const char *s)
{
	while (*s != '\0')
		uart_putc(*s++);
}

static void
vga_fill(u_int from, u_int to)
{
	while (from < to)
		VGA[from++] = VGA_GREY | ' ';
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
	vga_fill(VGA_COLS * (VGA_ROWS - 1), VGA_COLS * VGA_ROWS);
}

static void
vga_putc(char c)
{
	switch (c) {
	case '\n':
		vga_newline();
		return;
	case '\r':
		column = 0;
		return;
	case '\b':
		if (column > 0)
			column--;
		return;
	case '\f':
		vga_fill(0, VGA_COLS * VGA_ROWS);
		column = row = 0;
		return;
	case '\a':
		return;
	}
	if (column == VGA_COLS)
		vga_newline();
	VGA[row * VGA_COLS + column++] = (uint16_t)(VGA_GREY | (uint8_t)c);
}

static void
vga_show_cursor(void)
{
	u_int at = row * VGA_COLS + column;

	outb(CRTC_INDEX, CRTC_CURSOR);
	outb(CRTC_DATA, (uint8_t)(at >> 8));
	outb(CRTC_INDEX, CRTC_CURSOR + 1);
	outb(CRTC_DATA, (uint8_t)at);
}

/* Contracts of the public functions are in <sys/cons.h>. */
void
cons_write(const char *s, size_t len)
{
	for (; len > 0; len--, s++) {
		if (*s == '\n')
			uart_puts("\r\n");
		else if (*s == '\f')
			uart_puts("\033[H\033[2J");	/* a VT100's codes */
		else
			uart_putc(*s);
		vga_putc(*s);
	}
	vga_show_cursor();
}

/* What does not fit into the ring is lost, as it is in the UART's. */
static void
ring_put(char c)
{
	if (ring.in - ring.out == RING_SIZE)
		return;
	ring.bytes[ring.in % RING_SIZE] = c;
	atomic_store_rel_32(&ring.in, ring.in + 1);
}

static int
ring_get(void)
{
	int c;

	if (atomic_load_acq_32(&ring.in) == ring.out)
		return (-1);
	c = (uint8_t)ring.bytes[ring.out % RING_SIZE];
	atomic_store_rel_32(&ring.out, ring.out + 1);
	return (c);
}

/*
 * Moves what the UART has into the ring; false if that did not come to an
 * end.  It must, for the interrupt to come again: it is an edge, which the
 * UART makes only from having nothing to having something.
 */
static bool
uart_drain(void)
{
	uint8_t status;

	for (u_int i = 0; i < DRAIN_MAX; i++) {
		status = inb(COM_LSR);
		if (status == LSR_ABSENT)
			uart_present = false;
		if (status == LSR_ABSENT || (status & LSR_DR) == 0)
			return (true);
		ring_put((char)inb(COM1));
	}
	return (false);
}

/* A UART that never has done is polled from then on. */
void
cons_intr(void)
{
	if (!uart_drain()) {
		ioapic_mask_isa(ISA_COM1);
		polling = true;
	}
	sleepq_wakeup(&ring);
}

void
cons_input_start(void)
{
	if (!uart_present || panicked() || !ioapic_route_isa(ISA_COM1))
		return;
	polling = false;
	outb(COM_IER, IER_RX);
}

static int
poll_getc(void)
{
	int c;

	while ((c = ring_get()) < 0 && uart_present) {
		cpu_spinwait();
		(void)uart_drain();
	}
	return (c);
}

int
cons_getc(void)
{
	int c, error;

	if (panicked())
		return (poll_getc());
	sleepq_lock(&ring);
	while ((c = ring_get()) < 0 && uart_present) {
		error = sleepq_wait(&ring, "console", SLEEP_CATCH,
		    polling ? POLL_MS : 0);
		/* Whoever signals a reader finds that it only reads. */
		if (error == EINTR)
			(void)thread_signals_take();
		if (polling)
			(void)uart_drain();
		sleepq_lock(&ring);
	}
	sleepq_unlock(&ring);
	return (c);
}
