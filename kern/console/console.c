/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The console: lines to the serial port and to the screen, and input from the
 * serial port.  The terminal gets printable ASCII, and the codes that
 * terminal_code() names; nothing that the kernel prints can send it others.  A
 * program's bytes go out as they are.
 *
 * Output.  The port is waited for while it goes on taking bytes as fast as a
 * line does, but one call sends 1 KB at most.  A virtual port takes none while
 * its reader has stopped; what it has not taken then stays in a ring, which is
 * tried again by each later call.  So a call waits here for a reader for less
 * than a second; printf.c waits for callers that may sleep.  After a panic a
 * call sends all, and all calls together wait for some seconds.  A text that
 * does not fit the ring is lost as a whole, and a line says so.  Lines stay
 * whole.
 *
 * Input goes through a ring with one writer and one reader.  The writer is
 * the interrupt handler, on the one CPU that the I/O APIC interrupts; where
 * the interrupt cannot be had, or after a panic, the reader polls, and is the
 * writer too.  Each writes its own index only, after the byte that the index
 * counts: x86 keeps the order of stores, and that of loads (SDM vol. 3A
 * 8.2.2).  What does not fit stays in the port, and its sender waits.
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
#include <machine/uart.h>
#include <machine/vga.h>

#define	IN_SIZE		1024u		/* powers of two */
#define	OUT_SIZE	16384u
#define	STALL_POLLS	10000u		/* 10 ms of port reads, or more */
#define	LINE_POLLS	500u		/* a line takes a byte in 87 us */
#define	SEND_MOST	1024u		/* bytes in a call, before a panic */
#define	POLL_MS		10u
#define	POLL_PAUSES	200u

static struct {
	char bytes[OUT_SIZE];
	uint32_t in, out;		/* ever put in, ever taken out */
	bool stalled;			/* the last wait for the port failed */
	u_int panic_looks;		/* at the port, since a panic */
	u_int lost, told;		/* bytes; those that a line told of */
} output;

static struct {
	char bytes[IN_SIZE];
	volatile uint32_t in, out;	/* ever put in, ever taken out */
} ring;
static volatile bool polling = true;

/*
 * Text may come from outside, as a boot option does: what could move the
 * terminal's cursor, or is not ASCII, becomes a question mark.
 */
static char
harmless(char c)
{
	if ((c >= ' ' && c <= '~') || (c != '\0' && strchr("\n\r\b\a\f", c)))
		return (c);
	return ('?');
}

/* What the terminal gets for a character; valid until the next call. */
static const char *
terminal_code(char c)
{
	static char plain[2];

	if (c == '\n')
		return ("\r\n");
	if (c == '\f')
		return ("\033[H\033[2J");	/* a VT100's codes */
	plain[0] = harmless(c);
	return (plain);
}

static size_t
room(void)
{
	return (OUT_SIZE - (output.in - output.out));
}

static void
put(const char *code)
{
	while (*code != '\0')
		output.bytes[output.in++ % OUT_SIZE] = *code++;
}

/* Puts all of a text into the ring; false if it does not fit. */
static bool
put_text(const char *s, size_t len)
{
	size_t need = 0;

	for (size_t i = 0; i < len; i++)
		need += strlen(terminal_code(s[i]));
	if (need > room())
		return (false);
	for (size_t i = 0; i < len; i++)
		put(terminal_code(s[i]));
	return (true);
}

/* Puts a program's bytes into the ring, with CR before a newline. */
static bool
put_bytes(const char *s, size_t len)
{
	size_t need = len;

	for (size_t i = 0; i < len; i++)
		need += s[i] == '\n';
	if (need > room())
		return (false);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n')
			put("\r");
		output.bytes[output.in++ % OUT_SIZE] = s[i];
	}
	return (true);
}

/*
 * Keeps a text for the port.  Once one is lost, so are the next ones until
 * half of the ring is free, so that one line tells of all of them.
 */
static void
keep(const char *s, size_t len, bool (*put_in)(const char *s, size_t len))
{
	char line[80];

	if (output.lost != output.told && room() >= OUT_SIZE / 2) {
		snprintf(line, sizeof(line), "console: %u bytes were lost "
		    "here\n", output.lost - output.told);
		(void)put_text(line, strlen(line));
		output.told = output.lost;
	}
	if (output.lost != output.told || !put_in(s, len))
		output.lost += len;
}

/*
 * Waits for the port: as long as a line takes for a byte, and then until *looks
 * has grown to `most', which is the limit of more waits than this one.
 */
static bool
wait_until_ready(u_int *looks, u_int most)
{
	bool ready = uart_ready(output.stalled ? 1 : LINE_POLLS);

	for (; !ready && *looks < most && uart_present(); ++*looks)
		ready = uart_ready(1);
	output.stalled = !ready;
	return (ready);
}

/* Contracts of the public functions are in <sys/cons.h>. */
void
cons_send(void)
{
	bool panic = panicked();
	u_int looks = output.stalled ? STALL_POLLS : 0;

	if (!uart_present()) {
		output.lost += output.in - output.out;
		output.out = output.in;
	}
	for (u_int n = 0; output.in != output.out &&
	    (panic || n < SEND_MOST); n++) {
		if (!wait_until_ready(panic ? &output.panic_looks : &looks,
		    panic ? CONS_PANIC_POLLS : STALL_POLLS))
			return;
		uart_putc(output.bytes[output.out++ % OUT_SIZE]);
	}
}

static void
write_by(const char *s, size_t len, bool (*put_in)(const char *s, size_t len))
{
	cons_send();
	if (uart_present()) {
		keep(s, len, put_in);
		cons_send();
	}
	while (len-- > 0)
		vga_putc(harmless(*s++));
	vga_show_cursor();
}

void
cons_write(const char *s, size_t len)
{
	write_by(s, len, put_text);
}

void
cons_write_bytes(const char *s, size_t len)
{
	write_by(s, len, put_bytes);
}

bool
cons_idle(void)
{
	return (output.in == output.out);
}

bool
cons_sent(void)
{
	return (cons_idle() && uart_sent());
}

bool
cons_complete(void)
{
	return (output.lost == 0 && cons_sent());
}

/*
 * The firmware may have left the terminal without line wrap or in colour, and
 * its own text on the screen.
 */
void
cons_init(void)
{
	static const char failed[] =
	    "console: the serial port fails its test, and is not used\n";

	vga_init();
	if (!uart_init())
		cons_write(failed, sizeof(failed) - 1);
	else if (uart_present())
		put("\033[m\033[?7h\r\n");
	cons_send();
}

/* Moves the port's bytes into the ring, while there is room. */
static void
take_input(void)
{
	int c;

	while (ring.in - ring.out != IN_SIZE && (c = uart_getc()) >= 0) {
		ring.bytes[ring.in % IN_SIZE] = (char)c;
		atomic_store_rel_32(&ring.in, ring.in + 1);
	}
	if (uart_overrun())
		printf("\a");
}

/* The next byte, 0 to 255; -1 if the ring is empty. */
static int
ring_get(void)
{
	int c;

	if (atomic_load_acq_32(&ring.in) == ring.out)
		return (-1);
	c = (uint8_t)ring.bytes[ring.out % IN_SIZE];
	atomic_store_rel_32(&ring.out, ring.out + 1);
	return (c);
}

/*
 * Called by the serial port's interrupt when bytes have come.  With the ring
 * full the port shall interrupt no more, until the reader has emptied it.
 */
static void
input_ready(void)
{
	take_input();
	if (ring.in - ring.out == IN_SIZE)
		uart_interrupt_off();
	sleepq_wakeup(&ring);
}

void
cons_input_start(void)
{
	if (panicked() || !polling)
		return;
	take_input();
	polling = false;
	if (!uart_listen(input_ready))
		polling = true;
}

/*
 * The pauses let an emulator's other threads run, which bring the input; they
 * take less time than a byte does on a line.
 */
static int
poll_getc(void)
{
	int c;

	while ((c = ring_get()) < 0 && uart_present()) {
		for (u_int i = 0; i < POLL_PAUSES; i++)
			cpu_spinwait();
		take_input();
	}
	return (c);
}

/*
 * The interrupt is turned on again, in case that it is off, under the lock that
 * input_ready() takes after it turned it off: so this sleep is woken.
 */
static int
wait_getc(bool catch)
{
	int c, error = 0;

	sleepq_lock(&ring);
	while ((c = ring_get()) < 0 && uart_present()) {
		if (!polling)
			uart_interrupt_on();
		error = sleepq_wait(&ring, "console", SLEEP_CATCH,
		    polling ? POLL_MS : 0);
		if (error == EINTR && catch)
			return (CONS_INTERRUPTED);
		/* A signal ends nothing here: the reader only reads. */
		if (error == EINTR)
			(void)thread_signals_take();
		if (polling)
			take_input();
		sleepq_lock(&ring);
	}
	sleepq_unlock(&ring);
	return (c);
}

int
cons_getc(void)
{
	return (panicked() ? poll_getc() : wait_getc(false));
}

int
cons_getc_catch(void)
{
	return (wait_getc(true));
}
