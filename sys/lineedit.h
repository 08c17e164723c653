/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_LINEEDIT_H_
#define	_SYS_LINEEDIT_H_

/*
 * A line editor: takes the bytes that a terminal sends, and sends the bytes
 * that the terminal is to show.  Uses no device, so kern/console/lineedit.c
 * also runs on a host.  It sends text, \r, \n, \b, \a, and \f for "clear the
 * screen".
 */

#include <sys/types.h>

#define	LINE_SIZE	128	/* bytes of a line, with the final NUL */
#define	LINE_HISTORY	16	/* lines that the history keeps */
#define	LINE_COLUMNS	79	/* of the terminal; one more might wrap */

enum line_event {
	LINE_GOES_ON,		/* not ended yet */
	LINE_DONE,		/* le_line is the line */
	LINE_CANCELLED		/* ^C: the line does not count */
};

struct lineedit {
	char	le_line[LINE_SIZE];	/* always ends in NUL */
	u_int	le_len;			/* characters in it */
	u_int	le_pos;			/* the cursor is on this one */
	u_int	le_start;		/* the first that is shown */
	u_int	le_shown;		/* characters shown */

	char	le_history[LINE_HISTORY][LINE_SIZE];	/* a ring */
	u_int	le_added;		/* lines ever added */
	u_int	le_back;		/* lines up in the history; 0: none */
	char	le_draft[LINE_SIZE];	/* the line typed before going up */

	enum {
		ESC_NONE, ESC_SEEN, ESC_BRACKET, ESC_O
	} le_escape;			/* how far into an escape sequence */
	u_int	le_parameter;		/* the number in it */
	bool	le_was_cr;		/* a \n now belongs to the \r before */

	const char *le_prompt;
	void	(*le_out)(const char *s, size_t len);
};

/*
 * lineedit_init: makes an editor without history.  It keeps using prompt, of
 * at most 40 characters, and out, which sends bytes to the terminal.  This
 * function and the next two: any context that out may run in, one caller at a
 * time.
 */
void	lineedit_init(struct lineedit *le, const char *prompt,
	    void (*out)(const char *s, size_t len));

/* lineedit_start: begins an empty line: shows the prompt. */
void	lineedit_start(struct lineedit *le);

/*
 * lineedit_key: takes one byte of input, any byte.  After LINE_DONE and
 * LINE_CANCELLED the next line begins with lineedit_start().
 */
enum line_event lineedit_key(struct lineedit *le, char c);

/*
 * lineedit_split: cuts a line at blanks, in place, into at most max words.
 * Returns their number, or -1 if there are more than max.
 */
int	lineedit_split(char *line, char **argv, int max);

#endif /* !_SYS_LINEEDIT_H_ */
