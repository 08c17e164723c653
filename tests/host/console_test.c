/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests kern/console/console.c and arch/i386/pc/uart.c on the host, against a
 * model of a 16550 whose reader can stop, which can be broken, and which holds
 * back input that it has no room for, as QEMU's does.  Output is TAP.
 */

#define	_GNU_SOURCE		/* memmem() */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The files under test reach the hardware and threads by these. */
#define	_MACHINE_CPUFUNC_H_
#define	_MACHINE_ATOMIC_H_
#define	_SYS_THREAD_H_
#define	_SYS_SLEEPQ_H_
#include <sys/types.h>

#define	SLEEP_CATCH	1

static uint8_t inb(uint16_t port);
static void outb(uint16_t port, uint8_t v);
static void cpu_spinwait(void) { }
static void sleepq_lock(const void *wchan);
static void sleepq_unlock(const void *wchan);
static void sleepq_wakeup(const void *wchan);
static int sleepq_wait(const void *wchan, const char *wmesg, int flags,
    u_int timeout_ms);
static int print_bell(const char *fmt, ...);
static uint32_t thread_signals_take(void) { return (0); }
#define	atomic_store_rel_32(p, v)	(*(p) = (v))
#define	atomic_load_acq_32(p)		(*(p))

#include "arch/i386/pc/uart.c"
#define	printf	print_bell
#include "kern/console/console.c"
#undef printf

/* The model of the port. */
static struct {
	bool absent, stuck, deaf, no_loop, overruns;
	bool full, noisy;		/* never empty, never without input */
	bool unread;			/* the terminal is not read */
	u_int pause;			/* looks that each byte takes */
	u_int waited;			/* looks of them that are over */
	uint8_t ier, lcr, fcr, mcr, scr;
	char fifo[16];			/* received */
	u_int nfifo;
	bool sending, oe;
	uint8_t tsr;
	u_int looks;			/* at the line status */
} port;

static char sent[1 << 20], screen[1 << 20];
static size_t nsent, nscreen;
static const char *typed;		/* what the sender has left to send */
static void (*handler)(void);
static bool irq_line, after_panic, bell_printed;
static u_int ncases, nfailed, wakeups;

/* The interrupt is an edge. */
static void
update_irq(void)
{
	bool line = (port.ier & 1) != 0 && port.nfifo != 0;

	if (line && !irq_line) {
		irq_line = true;
		if (handler != NULL)
			handler();
		return;
	}
	irq_line = line;
}

/* The sender fills the FIFO, or, without flow control, overruns it. */
static void
feed(void)
{
	while (typed != NULL && *typed != '\0' &&
	    (port.nfifo < 16 || port.overruns)) {
		if (port.nfifo == 16)
			port.oe = true;
		else
			port.fifo[port.nfifo++] = *typed;
		typed++;
	}
}

static void
transmit(void)
{
	if (!port.sending || port.stuck)
		return;
	if ((port.mcr & 0x10) != 0) {
		if (!port.deaf && port.nfifo < 16)
			port.fifo[port.nfifo++] = (char)port.tsr;
	} else if (port.unread || port.waited++ < port.pause)
		return;
	else
		sent[nsent++] = (char)port.tsr;
	port.sending = false;
}

static uint8_t
line_status_of_model(void)
{
	uint8_t v;

	port.looks++;
	feed();
	transmit();
	v = (uint8_t)((port.nfifo != 0 || port.noisy) |
	    (port.sending || port.full ? 0 : 0x60) |
	    (port.oe ? 2 : 0));
	port.oe = false;
	return (v);
}

static uint8_t
receive(void)
{
	char c = port.nfifo != 0 ? port.fifo[0] : 0;

	if (port.nfifo != 0)
		memmove(port.fifo, port.fifo + 1, --port.nfifo);
	feed();
	irq_line = irq_line && port.nfifo != 0;
	return ((uint8_t)c);
}

static uint8_t
inb(uint16_t at)
{
	if (port.absent)
		return (0xff);
	switch (at - 0x3f8) {
	case 0:
		return (receive());
	case 5:
		return (line_status_of_model());
	case 7:
		return (port.scr);
	}
	return (0);
}

static void
outb(uint16_t at, uint8_t v)
{
	switch (at - 0x3f8) {
	case 0:
		if ((port.lcr & 0x80) != 0)
			return;
		if (port.sending) {
			printf("Bail out! a byte was written over another\n");
			exit(1);
		}
		port.tsr = v;
		port.waited = 0;
		port.sending = true;
		return;
	case 1:
		if ((port.lcr & 0x80) == 0) {
			port.ier = v;
			update_irq();
		}
		return;
	case 2:
		if (((v ^ port.fcr) & 1) != 0)
			port.nfifo = 0;
		port.fcr = v;
		return;
	case 3:
		port.lcr = v;
		return;
	case 4:
		port.mcr = v;
		return;
	case 7:
		port.scr = v;
		return;
	}
}

bool
ioapic_route_isa(u_int irq, void (*fn)(void))
{
	handler = fn;
	return (irq == 4);
}

void
vga_init(void)
{
	nscreen = 0;
}

void
vga_putc(char c)
{
	screen[nscreen++] = c;
}

void
vga_show_cursor(void)
{
}

bool
panicked(void)
{
	return (after_panic);
}

static void sleepq_lock(const void *wchan) { (void)wchan; }
static void sleepq_unlock(const void *wchan) { (void)wchan; }
static void sleepq_wakeup(const void *wchan) { (void)wchan; wakeups++; }

/* A sleep is woken by an interrupt, at once; else the test would hang. */
static int
sleepq_wait(const void *wchan, const char *wmesg, int flags, u_int timeout_ms)
{
	(void)wchan, (void)wmesg, (void)flags;
	feed();
	update_irq();
	if (atomic_load_acq_32(&ring.in) == ring.out && timeout_ms == 0) {
		printf("Bail out! the reader sleeps for ever\n");
		exit(1);
	}
	return (0);
}

static void
ok(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++ncases, name);
	nfailed += !good;
}

/* printf() of the console, which calls it for the bell only. */
static int
print_bell(const char *fmt, ...)
{
	bell_printed = strcmp(fmt, "\a") == 0;
	return (0);
}

/* A new machine; the console is started by the caller. */
static void
power_on(void)
{
	memset(&port, 0, sizeof(port));
	memset(&output, 0, sizeof(output));
	memset(&ring, 0, sizeof(ring));
	nsent = nscreen = wakeups = 0;
	typed = NULL;
	handler = NULL;
	irq_line = after_panic = overrun = false;
	nearly = early_taken = 0;
	polling = true;
}

static void
start(void)
{
	power_on();
	cons_init();
	(void)cons_sent();
	nsent = 0;
}

static void
write_text(const char *s)
{
	cons_write(s, strlen(s));
}

static void
send_all(void)
{
	while (!cons_idle())
		cons_send();
}

static bool
sent_is(const char *s)
{
	(void)cons_sent();	/* the last byte leaves the port */
	return (nsent == strlen(s) && memcmp(sent, s, nsent) == 0);
}

static void
test_ports(void)
{
	start();
	ok(uart_present() && !port.stuck && (port.mcr & 0x1f) == 0x0b,
	    "a port that works is used, not in loopback");
	power_on();
	port.absent = true;
	cons_init();
	write_text("text\n");
	ok(!uart_present() && cons_complete() && nscreen == 5,
	    "without a port the screen has the text, and none is lost");
	power_on();
	port.stuck = true;
	cons_init();
	ok(!uart_present() && nscreen > 20,
	    "a port that never sends is found out, and the screen says so");
	power_on();
	port.deaf = true;
	cons_init();
	ok(!uart_present(), "so is one that does not receive");
	ok(port.looks < 2 * PROBE_POLLS, "in a bounded time");
	power_on();
	port.lcr = 0x80;
	port.mcr = 0x10;
	port.ier = 0x0f;
	cons_init();
	ok(uart_present() && port.lcr == LCR_8N1 && port.ier == 0,
	    "what was set before does not matter");
	power_on();
	port.nfifo = 1;
	port.fifo[0] = 'k';
	cons_init();
	ok(uart_present() && port.fcr == FCR_ENABLE && uart_getc() == 'k' &&
	    uart_getc() == -1, "a byte that has come before is kept");
	power_on();
	port.nfifo = 1;
	port.fifo[0] = 'k';
	cons_init();
	cons_input_start();
	ok(cons_getc() == 'k', "and the reader gets it");
	power_on();
	port.full = true;
	cons_init();
	ok(!uart_present() && nscreen > 20 && port.looks < 2 * PROBE_POLLS,
	    "a port that never gets empty is not used");
	power_on();
	port.noisy = port.deaf = true;
	cons_init();
	ok(!uart_present() && nscreen > 20,
	    "nor one that always has a byte, and does not receive");
	start();
	port.absent = true;
	write_text("gone\n");
	ok(!uart_present() && !cons_complete(),
	    "a port that is gone has lost the text");
}

static void
test_text(void)
{
	start();
	write_text("a\nb\f\r\b\a");
	ok(sent_is("a\r\nb\033[H\033[2J\r\b\a"), "codes of the terminal");
	start();
	write_text("\033[2J\x80\xff\x01\x7f\t~ ");
	ok(sent_is("?[2J?????~ "), "no other code reaches it");
	power_on();
	cons_init();
	ok(memmem(sent, nsent, "\033[?7h", 5) != NULL,
	    "the terminal is set to wrap lines");
}

/* Text of n bytes, each line with its number. */
static char *
numbered(size_t n)
{
	static char text[1 << 17];
	size_t len = 0;

	for (u_int i = 0; len + 16 < n; i++)
		len += (size_t)sprintf(text + len, "line %06u\n", i);
	text[len] = '\0';
	return (text);
}

static void
test_stalls(void)
{
	u_int looks;

	start();
	port.unread = true;
	looks = port.looks;
	for (u_int i = 0; i < 100; i++)
		write_text("a line that waits\n");
	ok(!cons_idle() && port.looks - looks < STALL_POLLS + 1000,
	    "a reader that has stopped is waited for once, not for each line");
	port.unread = false;
	send_all();
	ok(cons_idle() && cons_sent() && nsent == 100 * 19,
	    "all of it is sent later");
	ok(cons_sent() && cons_complete(), "and none is lost");

	start();
	port.unread = true;
	write_text("x");
	ok(!cons_sent(), "a byte in the port is not sent yet");
	port.unread = false;
	ok(cons_sent(), "until it has left it");

	start();
	port.unread = true;
	for (u_int i = 0; i < 3000; i++)
		write_text("123456789\n");
	port.unread = false;
	send_all();
	write_text("after\n");
	ok(!cons_complete(), "what does not fit is lost");
	(void)cons_sent();
	ok(nsent > 16000 && memmem(sent, nsent, "\r\nconsole: ", 11) != NULL &&
	    memmem(sent, nsent, " bytes were lost here\r\nafter\r\n", 30) !=
	    NULL, "which a line says, where it was");
	ok(memmem(sent, nsent, "9\r\nconsole", 10) != NULL,
	    "and no line is cut");
	ok(nscreen == 30006, "the screen has all");

	start();
	port.unread = true;
	output.in = output.out = 0xfffff000;
	cons_write(numbered(9000), strlen(numbered(9000)));
	port.unread = false;
	send_all();
	ok(cons_complete() || cons_sent(), "the counts of bytes wrap");

	start();
	after_panic = port.unread = true;
	looks = port.looks;
	for (u_int i = 0; i < 10; i++)
		write_text("panic\n");
	looks = port.looks - looks;
	ok(looks >= CONS_PANIC_POLLS && looks < CONS_PANIC_POLLS + 1000,
	    "after a panic the reader is waited for longer, once");
}

/* A reader that takes each byte after so many looks. */
static void
test_slow_readers(void)
{
	u_int looks;

	start();
	port.unread = true;
	cons_write(numbered(15000), strlen(numbered(15000)));
	port.unread = false;
	port.pause = 5 * LINE_POLLS;
	looks = port.looks;
	cons_send();
	ok(port.looks - looks < 2 * STALL_POLLS,
	    "the waits of one call have one limit");
	port.pause = LINE_POLLS / 5;
	nsent = 0;
	looks = port.looks;
	output.stalled = false;
	cons_send();
	ok(nsent >= SEND_MOST - 1 && nsent <= SEND_MOST + 1 &&
	    port.looks - looks < SEND_MOST * LINE_POLLS,
	    "a call sends a part of what is kept");
	after_panic = true;
	cons_send();
	ok(cons_idle() && output.panic_looks == 0,
	    "after a panic all, as fast as a line takes it");
	port.pause = 2 * LINE_POLLS;
	looks = port.looks;
	for (u_int i = 0; i < 1000; i++)
		write_text("123456789\n");
	ok(port.looks - looks < 2 * CONS_PANIC_POLLS,
	    "and all calls wait for some seconds together");
}

static void
test_borders(void)
{
	static char text[OUT_SIZE + 2];

	memset(text, 'x', sizeof(text));
	start();
	port.unread = true;
	write_text("x");		/* stays in the port */
	write_text("x");
	cons_write(text, OUT_SIZE - 1);
	ok(output.lost == 0 && room() == 0, "a text that just fits");
	cons_write(text, 1);
	ok(output.lost == 1, "and one byte more");
	cons_write(text, OUT_SIZE / 2);
	ok(output.lost == 1 + OUT_SIZE / 2, "the next is lost, too");
	start();
	port.unread = true;
	write_text("x");
	cons_write(text, OUT_SIZE - 1);
	write_text("\n");
	ok(output.lost == 1, "a newline takes two bytes");
	start();
	cons_write(text, OUT_SIZE + 1);
	ok(output.lost == OUT_SIZE + 1 && nsent == 0,
	    "a text larger than the ring is lost as a whole");
	start();
	cons_write(text, 0);
	ok(nsent == 0 && cons_complete(), "no text at all");
}

/* Reads as much as the sender sends; whether it is what it sent. */
static bool
reads_all(const char *text)
{
	size_t len = strlen(text);

	typed = text;
	for (size_t i = 0; i < len; i++)
		if (cons_getc() != (uint8_t)text[i])
			return (false);
	return (port.nfifo == 0);
}

static void
test_input(void)
{
	start();
	cons_input_start();
	typed = numbered(20000);
	feed();
	update_irq();
	ok(ring.in - ring.out == IN_SIZE && port.ier == 0 && port.nfifo == 16,
	    "what does not fit stays in the port, which interrupts no more");
	ok(*typed != '\0' && wakeups == 1, "and the sender waits");
	typed = NULL;
	for (u_int i = 0; i < IN_SIZE + 16; i++)
		if (cons_getc() != numbered(20000)[i])
			ok(false, "a byte is wrong");
	ok(port.ier == IER_RX, "until the reader has emptied the ring");
	ok(reads_all(numbered(3600)), "a paste of 3.6 KB");
	ok(reads_all(numbered(20000)), "a paste of 20 KB");
	start();
	ok(polling && reads_all(numbered(20000)),
	    "the same without interrupts");
	start();
	after_panic = true;
	ok(reads_all(numbered(20000)), "and after a panic");
	start();
	cons_input_start();
	port.overruns = true;
	typed = numbered(5000);
	bell_printed = false;
	feed();
	update_irq();
	ok(bell_printed, "the bell rings for input that a port has lost");
	start();
	port.absent = true;
	ok(cons_getc() == -1, "a port that is gone ends the input");
}

int
main(void)
{
	alarm(60);		/* a wait without end is a failure */
	test_ports();
	test_text();
	test_stalls();
	test_slow_readers();
	test_borders();
	test_input();
	printf("1..%u\n", ncases);
	return (nfailed != 0);
}
