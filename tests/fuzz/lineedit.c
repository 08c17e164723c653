/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Fuzzes kern/console/lineedit.c: the input is the bytes typed.  What the
 * editor sends goes to a terminal of one line, which must always show what the
 * editor assumes that it shows.
 */

#include "tests/fuzz/fuzz.h"
#include "kern/console/lineedit.c"

#define	PROMPT		"mayfly> "
#define	MAXWORDS	4

static char screen[LINE_COLUMNS + 2];
static u_int column;

static void
terminal(const char *s, size_t len)
{
	for (; len > 0; len--, s++) {
		switch (*s) {
		case '\r':
			column = 0;
			break;
		case '\n':
		case '\f':
			memset(screen, ' ', sizeof(screen));
			column = 0;
			break;
		case '\b':
			must(column > 0);
			column--;
			break;
		case '\a':
			break;
		default:
			must(*s >= ' ' && *s <= '~');
			/* The ^C that ends a line may wrap. */
			must(column < sizeof(screen));
			screen[column++] = *s;
		}
	}
}

static void
check_line(const struct lineedit *le)
{
	must(le->le_pos <= le->le_len && le->le_len < LINE_SIZE);
	must(strnlen(le->le_line, LINE_SIZE) == le->le_len);
	for (u_int i = 0; i < le->le_len; i++)
		must(le->le_line[i] >= ' ' && le->le_line[i] <= '~');
}

static void
check_screen(const struct lineedit *le)
{
	u_int n = strlen(PROMPT), i;

	must(memcmp(screen, PROMPT, n) == 0);
	must(le->le_start + le->le_shown <= le->le_len);
	must(memcmp(screen + n, le->le_line + le->le_start, le->le_shown) == 0);
	for (i = n + le->le_shown; i < LINE_COLUMNS; i++)
		must(screen[i] == ' ');
	must(screen[LINE_COLUMNS] == ' ');
	must(le->le_pos >= le->le_start &&
	    column == n + le->le_pos - le->le_start);
	/* No character is hidden that would fit. */
	must(le->le_shown == LINE_COLUMNS - n ||
	    le->le_start + le->le_shown == le->le_len);
}

static void
check_words(struct lineedit *le)
{
	char line[LINE_SIZE], *argv[MAXWORDS];
	int argc;

	memcpy(line, le->le_line, sizeof(line));
	argc = lineedit_split(line, argv, MAXWORDS);
	must(argc >= -1 && argc <= MAXWORDS);
	for (int i = 0; i < argc; i++) {
		must(argv[i] >= line && argv[i] < line + LINE_SIZE);
		must(argv[i][0] != '\0' && strchr(argv[i], ' ') == NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct lineedit *le = malloc(sizeof(*le));
	enum line_event event;

	memset(screen, ' ', sizeof(screen));
	column = 0;
	lineedit_init(le, PROMPT, terminal);
	lineedit_start(le);
	for (size_t i = 0; i < len; i++) {
		event = lineedit_key(le, (char)data[i]);
		check_line(le);
		if (event == LINE_GOES_ON) {
			check_screen(le);
			continue;
		}
		if (event == LINE_DONE)
			check_words(le);
		must(column == 0);
		lineedit_start(le);
	}
	free(le);
	return (0);
}
