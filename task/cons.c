/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The console as a channel: what tasks write to the one end is printed, and
 * what is typed is read from it.  Two threads of the kernel have the other end.
 *
 * On a terminal (cons.tty=on) input is lines: it is echoed, backspace and ^U
 * edit, and a line goes to the reader with its newline.  ^C is NOTE_INTERRUPT
 * to every task; ^\ enters the monitor, while the tasks go on.  If input is no
 * terminal, it goes on as it comes, and ^V makes the next byte a plain one.  ^D
 * ends the input for good: on a terminal in an empty line, else anywhere.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/malloc.h>
#include <sys/monitor.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <sys/uio.h>
#include <ipc/channel.h>
#include <task/task.h>

#define	CTRL(c)		((c) & 0x1f)
#define	DELETE		0x7f
#define	LINE		1024u
#define	CHUNK		2048u

static bool tty = true;
TUNABLE_BOOL(cons_tty, "cons.tty", tty,
    "input is typed by a person: lines, echo, ^C");

struct console {
	struct chan_end *c_end;
	struct thread *c_in, *c_out;
	volatile bool c_closing;	/* the tasks are gone */
	/* Of the thread that reads: */
	char c_line[LINE];
	u_int c_len;
	bool c_quoted;			/* the next byte is a plain one */
	/* Of the thread that prints: */
	char c_chunk[CHUNK];
	char c_last;			/* the last byte, or a newline */
};

static void
print_output(void *arg)
{
	struct console *c = arg;
	struct uio uio;
	u_int n, norefs;

	for (;;) {
		uio = (struct uio){ .uio_base = (vm_offset_t)c->c_chunk,
		    .uio_resid = CHUNK, .uio_rw = UIO_READ };
		norefs = 0;
		if (chan_read(c->c_end, &uio, 0, NULL, &norefs) != 0)
			return;
		n = CHUNK - uio.uio_resid;
		if (n == 0)
			return;
		printf_bytes(c->c_chunk, n);
		c->c_last = c->c_chunk[n - 1];
	}
}

/* Hands what was typed to the reader; false if there is none any more. */
static bool
send(struct console *c, u_int flags)
{
	struct uio uio = { .uio_base = (vm_offset_t)c->c_line,
	    .uio_resid = c->c_len, .uio_rw = UIO_WRITE };
	int error = chan_write(c->c_end, &uio, flags, NULL, 0);

	/* The reader is far behind: the bell says that input was lost. */
	if (error != 0 && flags == CHAN_NONBLOCK)
		printf_bytes("\a", 1);
	c->c_len = 0;
	return (error == 0 || flags == CHAN_NONBLOCK);
}

static void
echo(const char *s)
{
	if (tty)
		printf_bytes(s, strlen(s));
}

static void
erase(struct console *c, u_int n)
{
	for (; n > 0; n--, c->c_len--)
		echo("\b \b");
}

/* A byte of a terminal; false at the end of the input. */
static bool
typed(struct console *c, char byte)
{
	char shown[2] = { byte, '\0' };

	switch (byte) {
	case CTRL('C'):
		echo("^C\n");
		c->c_len = 0;
		task_note_all(NOTE_INTERRUPT);
		return (true);
	case CTRL('\\'):
		echo("\n");
		c->c_len = 0;
		monitor_run();
		return (true);
	case CTRL('D'):
		return (c->c_len != 0 && send(c, CHAN_NONBLOCK));
	case CTRL('U'):
		erase(c, c->c_len);
		return (true);
	case '\b':
	case DELETE:
		erase(c, c->c_len != 0);
		return (true);
	case '\r':
	case '\n':
		echo("\n");
		c->c_line[c->c_len++] = '\n';
		return (send(c, CHAN_NONBLOCK));
	}
	/* One byte is left for the newline. */
	if (c->c_len == LINE - 1 || (byte < ' ' && byte >= 0 && byte != '\t')) {
		echo("\a");
		return (true);
	}
	c->c_line[c->c_len++] = byte;
	echo(shown);
	return (true);
}

/* A byte of something else; false at the end of the input. */
static bool
passed_on(struct console *c, char byte)
{
	if (!c->c_quoted && byte == CTRL('D'))
		return (false);
	if (!c->c_quoted && byte == CTRL('V')) {
		c->c_quoted = true;
		return (true);
	}
	c->c_quoted = false;
	c->c_line[c->c_len++] = byte;
	return (send(c, 0));
}

static void
read_input(void *arg)
{
	struct console *c = arg;
	u_int result;
	int byte;

	cons_input_start();
	/* The monitor takes the signal, so c_closing is set before it comes. */
	while (!c->c_closing && (byte = cons_getc_catch()) >= 0)
		if (!(tty ? typed(c, (char)byte) : passed_on(c, (char)byte)))
			break;
	(void)chan_ctl(c->c_end, CHAN_SHUT, RIGHT_WRITE, &result);
}

/*
 * console_open: makes a console; *end is the tasks' end, with a reference.  One
 * at a time, because there is one reader of input.  NULL if out of memory.
 * Thread context.
 * console_close: waits until all that the tasks wrote is printed, whose end has
 * no reference any more, and frees it.
 */
struct console *
console_open(struct chan_end **end)
{
	struct console *c = kmalloc(sizeof(*c), M_ZERO);
	struct chan_end *ends[2];

	if (c == NULL || chan_create(CHAN_STREAM, ends) != 0) {
		kfree(c);
		return (NULL);
	}
	c->c_end = ends[0];
	c->c_last = '\n';
	c->c_out = thread_create(print_output, c, "console out");
	c->c_in = c->c_out == NULL ? NULL :
	    thread_create(read_input, c, "console in");
	*end = ends[1];
	if (c->c_in != NULL)
		return (c);
	chan_end_release(ends[1]);
	if (c->c_out != NULL)
		thread_join(c->c_out);
	chan_end_release(c->c_end);
	kfree(c);
	return (NULL);
}

void
console_close(struct console *c)
{
	thread_join(c->c_out);
	c->c_closing = true;
	thread_signal(c->c_in, 0);
	thread_join(c->c_in);
	/* The kernel's next line begins a line: docs/user-mode.md. */
	if (c->c_last != '\n')
		printf_bytes("\r\n", 2);
	chan_end_release(c->c_end);
	kfree(c);
}
