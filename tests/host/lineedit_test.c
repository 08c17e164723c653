/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests the borders of kern/console/lineedit.c on the host; tests/fuzz types
 * at random.  Output is TAP.
 */

#include <stdio.h>
#include <string.h>

#include "kern/console/lineedit.c"

static struct lineedit editor;
static u_int bells, ncases, nfailed;
static enum line_event event;

static void
show(const char *s, size_t len)
{
	while (len-- > 0)
		bells += *s++ == '\a';
}

static void
ok(bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++ncases, name);
	nfailed += !good;
}

static void
type(const char *keys)
{
	bells = 0;
	while (*keys != '\0')
		event = lineedit_key(&editor, *keys++);
}

/* Whether the keys, on a new line, make this line. */
static bool
makes(const char *keys, const char *line)
{
	lineedit_start(&editor);
	type(keys);
	return (strcmp(editor.le_line, line) == 0);
}

static void
enter(const char *line)
{
	lineedit_start(&editor);
	type(line);
	type("\r");
}

static void
test_full_line(void)
{
	char full[LINE_SIZE], keys[LINE_SIZE + 64];

	memset(full, 'x', sizeof(full));
	full[LINE_SIZE - 1] = '\0';
	ok(makes(full, full) && bells == 0, "a line of 127 characters");
	type("y");
	ok(strcmp(editor.le_line, full) == 0 && bells == 1,
	    "one more rings the bell");
	type("\001yz");
	ok(strcmp(editor.le_line, full) == 0 && bells == 2,
	    "as does one in front");
	snprintf(keys, sizeof(keys), "%s\177\177ab", full);
	full[LINE_SIZE - 3] = 'a';
	full[LINE_SIZE - 2] = 'b';
	ok(makes(keys, full) && bells == 0, "a character less makes room");
	type("\r");
	ok(event == LINE_DONE, "it ends as any other");
	ok(makes("\177\b\033[D\033[C\033[3~\013\025\027", ""),
	    "nothing is before or behind an empty line");
}

static void
test_history(void)
{
	char line[8], keys[4 * LINE_HISTORY + 16] = "";

	lineedit_init(&editor, "> ", show);
	ok(makes("ab\033[A", "ab"), "no history");
	for (u_int i = 0; i < 5 * LINE_HISTORY; i++) {
		snprintf(line, sizeof(line), "l%u", i);
		enter(line);
		if (i % 3 == 0)
			enter(line);		/* a repeat is not kept */
		enter("");			/* nor an empty line */
	}
	for (u_int i = 0; i < LINE_HISTORY; i++)
		strcat(keys, "\033[A");
	snprintf(line, sizeof(line), "l%u", 4 * LINE_HISTORY);
	ok(makes(keys, line), "the oldest of 16 lines");
	type("\033[A");
	ok(strcmp(editor.le_line, line) == 0, "before it is none");
	ok(makes("draft\033[A\033[A\033[B\033[B", "draft"),
	    "down again is the line that was typed");
	type("\033[B");
	ok(strcmp(editor.le_line, "draft") == 0, "below it is none");
}

static void
test_bytes(void)
{
	char all[256], line[LINE_SIZE];
	u_int n = 0;

	ok(makes("a\xc3\xa9z", "az"), "UTF-8 is left out as a whole");
	for (u_int c = 1; c < 256; c++)
		if (c == '\t' || c == 0x07 || c == 0x1d || c > '~')
			all[n++] = (char)c;
	all[n] = '\0';
	ok(makes(all, ""), "so are control bytes");
	ok(lineedit_key(&editor, '\0') == LINE_GOES_ON &&
	    editor.le_len == 0, "and NUL");
	enter("a\r");
	type("\n");
	ok(event == LINE_GOES_ON, "a newline behind a return is one end");
	type("\n");
	ok(event == LINE_DONE, "a second one another");
	lineedit_start(&editor);
	type("abc\003");
	ok(event == LINE_CANCELLED, "^C");
	strcpy(line, "  a  b ");
	ok(lineedit_split(line, (char *[2]){ NULL }, 2) == 2 &&
	    lineedit_split(line, (char *[1]){ NULL }, 0) == 0,
	    "as many words as there is room for");
	strcpy(line, "a b c");
	ok(lineedit_split(line, (char *[2]){ NULL }, 2) == -1, "one too many");
}

static void
test_escapes(void)
{
	ok(makes("ab\033\033[Dc", "acb"), "ESC begins anew after ESC");
	ok(makes("ab\033[\033[Dc", "acb"), "and within a sequence");
	ok(makes("ab\033[\025c", "c"), "a control key ends a cut sequence");
	ok(makes("ab\033[1\303\251c", "abc"), "so does what is not ASCII");
	enter("ab\033[");
	ok(event == LINE_DONE && makes("c", "c"),
	    "a line ends within a sequence, and the next begins after it");
	ok(makes("a\033[200~b\033[201~c", "abc"), "a paste in brackets");
	ok(makes("a\033[1;5Cb\033[99999999999~c\033OPd", "abcd"),
	    "keys that mean nothing");
}

int
main(void)
{
	lineedit_init(&editor, "> ", show);
	test_full_line();
	test_history();
	test_bytes();
	test_escapes();
	printf("1..%u\n", ncases);
	return (nfailed != 0);
}
