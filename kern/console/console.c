/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The console: lines to the serial port and to the screen, and input from the
 * serial port.
 *
 * Input goes through a ring with one writer and one reader.  The writer is
 * the interrupt handler, on the one CPU that the I/O APIC interrupts; where
 * the interrupt cannot be had, or after a panic, the reader polls, and is the
 * writer too.  Each writes its own index only, after the byte that the index
 * counts: x86 keeps the order of stores, and that of loads (SDM vol. 3A
 * 8.2.2).
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/errno.h>
#include <sys/panic.h>
#include <sys/sleepq.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/uart.h>
#include <machine/vga.h>

#define	RING_SIZE	1024u		/* a power of two */
#define	DRAIN_MAX	4096u		/* bytes taken in one go */
#define	POLL_MS		10u

static struct {
	char bytes[RING_SIZE];
	volatile uint32_t in, out;	/* ever put in, ever taken out */
} ring;
static volatile bool polling = true;

/* Contracts of the public functions are in <sys/cons.h>. */
void
cons_init(void)
{
	uart_init();
}

static void
uart_puts(const char *s)
{
	while (*s != '\0')
		uart_putc(*s++);
}

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

/* Bytes that do not fit are lost, as in the UART's own FIFO. */
static void
ring_put(char c)
{
	if (ring.in - ring.out == RING_SIZE)
		return;
	ring.bytes[ring.in % RING_SIZE] = c;
	atomic_store_rel_32(&ring.in, ring.in + 1);
}

/* The next byte, 0 to 255; -1 if the ring is empty. */
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

/* Moves the UART's bytes into the ring; false if it never runs dry. */
static bool
drain_uart(void)
{
	int c;

	for (u_int i = 0; i < DRAIN_MAX; i++) {
		if ((c = uart_getc()) < 0)
			return (true);
		ring_put((char)c);
	}
	return (false);
}

/*
 * Called by the serial port's interrupt when bytes have come.  Switches to
 * polling if the UART never runs dry, for then it interrupts no more.
 */
static void
input_ready(void)
{
	if (!drain_uart()) {
		uart_unlisten();
		polling = true;
	}
	sleepq_wakeup(&ring);
}

void
cons_input_start(void)
{
	if (panicked())
		return;
	polling = false;
	if (!uart_listen(input_ready))
		polling = true;
}

static int
poll_getc(void)
{
	int c;

	while ((c = ring_get()) < 0 && uart_present()) {
		cpu_spinwait();
		(void)drain_uart();
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
	while ((c = ring_get()) < 0 && uart_present()) {
		error = sleepq_wait(&ring, "console", SLEEP_CATCH,
		    polling ? POLL_MS : 0);
		/* A signal ends nothing here: the reader only reads. */
		if (error == EINTR)
			(void)thread_signals_take();
		if (polling)
			(void)drain_uart();
		sleepq_lock(&ring);
	}
	sleepq_unlock(&ring);
	return (c);
}
