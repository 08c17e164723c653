/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The line editor.  Its input is whatever comes over a wire, its keys are
 * those of a VT100.  Invariants: le_pos <= le_len < LINE_SIZE; le_line has
 * printable ASCII only; the terminal's line shows the prompt and le_shown
 * characters from le_start on, and its cursor is at le_pos.
 */

#include <sys/types.h>
#include <sys/lineedit.h>
#include <sys/systm.h>

#define	CTRL(c)		((c) & 0x1f)
#define	DELETE		0x7f
#define	ESCAPE		0x1b

static void
out(struct lineedit *le, const char *s)
{
	le->le_out(s, strlen(s));
}

static void
out_times(struct lineedit *le, const char *s, u_int n)
{
	while (n-- > 0)
		out(le, s);
}

/* The number of characters that fit after the prompt. */
static u_int
width(const struct lineedit *le)
{
	return (LINE_COLUMNS - (u_int)strlen(le->le_prompt));
}

/*
 * Shows the line anew or, if it is too long, a part of it that contains the
 * cursor.  Blanks overwrite the end of a longer line that was shown before.
 * Uses no terminal codes: the VGA text screen knows none.
 */
static void
redraw(struct lineedit *le)
{
	u_int before = le->le_shown, shown;

	if (le->le_len <= width(le))
		le->le_start = 0;
	if (le->le_pos < le->le_start)
		le->le_start = le->le_pos;
	if (le->le_pos > le->le_start + width(le))
		le->le_start = le->le_pos - width(le);
	shown = le->le_len - le->le_start;
	if (shown > width(le))
		shown = width(le);
	out(le, "\r");
	out(le, le->le_prompt);
	le->le_out(le->le_line + le->le_start, shown);
	if (before > shown) {
		out_times(le, " ", before - shown);
		out_times(le, "\b", before - shown);
	}
	out_times(le, "\b", le->le_start + shown - le->le_pos);
	le->le_shown = shown;
}

static void
move_to(struct lineedit *le, u_int pos)
{
	if (pos < le->le_pos && pos >= le->le_start)
		out_times(le, "\b", le->le_pos - pos);
	else if (pos > le->le_pos && pos <= le->le_start + le->le_shown)
		le->le_out(le->le_line + le->le_pos, pos - le->le_pos);
	else if (pos != le->le_pos) {
		le->le_pos = pos;
		redraw(le);
	}
	le->le_pos = pos;
}

static void
insert(struct lineedit *le, char c)
{
	if (le->le_len == LINE_SIZE - 1) {
		out(le, "\a");
		return;
	}
	memmove(le->le_line + le->le_pos + 1, le->le_line + le->le_pos,
	    le->le_len - le->le_pos + 1);
	le->le_line[le->le_pos++] = c;
	le->le_len++;
	/* At the end of the line the new character alone is sent. */
	if (le->le_pos == le->le_len && le->le_shown < width(le)) {
		le->le_out(&c, 1);
		le->le_shown++;
	} else
		redraw(le);
}

/* Removes the characters from..to - 1; the cursor goes to from. */
static void
cut(struct lineedit *le, u_int from, u_int to)
{
	if (from == to)
		return;
	memmove(le->le_line + from, le->le_line + to, le->le_len - to + 1);
	le->le_len -= to - from;
	le->le_pos = from;
	redraw(le);
}

/* The position at which the word before the cursor begins. */
static u_int
word_start(const struct lineedit *le)
{
	u_int pos = le->le_pos;

	while (pos > 0 && le->le_line[pos - 1] == ' ')
		pos--;
	while (pos > 0 && le->le_line[pos - 1] != ' ')
		pos--;
	return (pos);
}

static void
replace(struct lineedit *le, const char *with)
{
	le->le_len = (u_int)strlen(with);
	memcpy(le->le_line, with, le->le_len + 1);
	le->le_pos = le->le_len;
	le->le_start = 0;
	redraw(le);
}

static char *
history_line(struct lineedit *le, u_int back)
{
	return (le->le_history[(le->le_added - back) % LINE_HISTORY]);
}

/* Goes `back' lines up in the history; 0 is the line being typed. */
static void
history_go(struct lineedit *le, u_int back)
{
	u_int nlines = le->le_added < LINE_HISTORY ? le->le_added :
	    LINE_HISTORY;

	if (back > nlines)
		return;
	if (le->le_back == 0)
		memcpy(le->le_draft, le->le_line, le->le_len + 1);
	le->le_back = back;
	replace(le, back == 0 ? le->le_draft : history_line(le, back));
}

/* Adds the line to the history, unless it is empty or repeats the last one. */
static void
history_add(struct lineedit *le)
{
	if (le->le_len == 0 || (le->le_added != 0 &&
	    strcmp(history_line(le, 1), le->le_line) == 0))
		return;
	le->le_added++;
	memcpy(history_line(le, 1), le->le_line, le->le_len + 1);
	/* So that the number of lines never wraps to 0, "none yet". */
	if (le->le_added == 2 * LINE_HISTORY)
		le->le_added = LINE_HISTORY;
}

/* The key that sends ESC [ key, or ESC O key. */
static void
cursor_key(struct lineedit *le, char key)
{
	switch (key) {
	case 'A':
		history_go(le, le->le_back + 1);
		break;
	case 'B':
		if (le->le_back != 0)
			history_go(le, le->le_back - 1);
		break;
	case 'C':
		if (le->le_pos < le->le_len)
			move_to(le, le->le_pos + 1);
		break;
	case 'D':
		if (le->le_pos > 0)
			move_to(le, le->le_pos - 1);
		break;
	case 'F':
		move_to(le, le->le_len);
		break;
	case 'H':
		move_to(le, 0);
		break;
	}
}

/* The key that sends ESC [ number ~. */
static void
numbered_key(struct lineedit *le, u_int number)
{
	switch (number) {
	case 1:
	case 7:
		move_to(le, 0);
		break;
	case 3:
		if (le->le_pos < le->le_len)
			cut(le, le->le_pos, le->le_pos + 1);
		break;
	case 4:
	case 8:
		move_to(le, le->le_len);
		break;
	}
}

/*
 * Takes one printable byte of an escape sequence.  A sequence that means
 * nothing here is ignored up to its final byte, the first that is not below
 * '@'.
 */
static void
escape(struct lineedit *le, char c)
{
	if (le->le_escape == ESC_SEEN) {
		le->le_escape = c == '[' ? ESC_BRACKET : c == 'O' ? ESC_O :
		    ESC_NONE;
		le->le_parameter = 0;
		return;
	}
	if (c >= '0' && c <= '9') {
		le->le_parameter = (le->le_parameter * 10 +
		    (u_int)(c - '0')) % 1000;
		return;
	}
	if (c < '@')
		return;
	le->le_escape = ESC_NONE;
	if (c == '~')
		numbered_key(le, le->le_parameter);
	else
		cursor_key(le, c);
}

/* A control key also ends an escape sequence that was cut off. */
static void
control_key(struct lineedit *le, char c)
{
	le->le_escape = ESC_NONE;
	switch (c) {
	case CTRL('A'):
		move_to(le, 0);
		break;
	case CTRL('E'):
		move_to(le, le->le_len);
		break;
	case CTRL('K'):
		cut(le, le->le_pos, le->le_len);
		break;
	case CTRL('L'):
		out(le, "\f");
		le->le_shown = 0;
		redraw(le);
		break;
	case CTRL('U'):
		cut(le, 0, le->le_pos);
		break;
	case CTRL('W'):
		cut(le, word_start(le), le->le_pos);
		break;
	case DELETE:
	case '\b':
		if (le->le_pos > 0)
			cut(le, le->le_pos - 1, le->le_pos);
		break;
	case ESCAPE:
		le->le_escape = ESC_SEEN;
		break;
	}
}

/* Contracts of the public functions are in <sys/lineedit.h>. */
enum line_event
lineedit_key(struct lineedit *le, char c)
{
	bool was_cr = le->le_was_cr;

	le->le_was_cr = c == '\r';
	if (c == '\r' || c == '\n') {
		if (c == '\n' && was_cr)
			return (LINE_GOES_ON);
		out(le, "\n");
		history_add(le);
		return (LINE_DONE);
	}
	if (c == CTRL('C')) {
		out(le, "^C\n");
		return (LINE_CANCELLED);
	}
	if (c < ' ' || c > '~')
		control_key(le, c);
	else if (le->le_escape != ESC_NONE)
		escape(le, c);
	else
		insert(le, c);
	return (LINE_GOES_ON);
}

void
lineedit_start(struct lineedit *le)
{
	le->le_line[0] = '\0';
	le->le_len = le->le_pos = le->le_start = le->le_shown = 0;
	le->le_back = 0;
	le->le_escape = ESC_NONE;
	out(le, le->le_prompt);
}

void
lineedit_init(struct lineedit *le, const char *prompt,
    void (*output)(const char *s, size_t len))
{
	memset(le, 0, sizeof(*le));
	le->le_prompt = prompt;
	le->le_out = output;
}

int
lineedit_split(char *line, char **argv, int max)
{
	int argc = 0;

	for (;;) {
		while (*line == ' ')
			*line++ = '\0';
		if (*line == '\0')
			return (argc);
		if (argc == max)
			return (-1);
		argv[argc++] = line;
		while (*line != '\0' && *line != ' ')
			line++;
	}
}
