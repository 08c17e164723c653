/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The monitor.  Owns the prompt and the choice of the command; lineedit.c
 * edits the line, and each command is beside the code that it serves.
 *
 * After a panic the same loop runs with interrupts off on the CPU that
 * panicked, and takes only safe commands.  A panic in one of those does not
 * come back here: the second panic() ends the run.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/lineedit.h>
#include <sys/monitor.h>
#include <sys/panic.h>
#include <sys/systm.h>
#include <sys/tunable.h>

#define	PROMPT		"mayfly> "
#define	MAXWORDS	8

extern const struct command *const __start_set_commands[],
    *const __stop_set_commands[];

static bool stay;
TUNABLE_BOOL(monitor, "monitor", stay,
    "stay in the monitor after the main job or the tests");

static struct lineedit editor;
static bool leaves;			/* the command leave was given */

bool
monitor_wanted(void)
{
	return (stay);
}

/*
 * Returns the number of commands that begin with a word, 1 if one has it as
 * its name; *found is that one, or the last of them.
 */
static u_int
matching(const char *word, const struct command **found)
{
	size_t len = strlen(word);
	u_int n = 0;

	for (const struct command *const *c = __start_set_commands;
	    c < __stop_set_commands; c++) {
		if (strncmp((*c)->name, word, len) != 0)
			continue;
		*found = *c;
		if ((*c)->name[len] == '\0')
			return (1);
		n++;
	}
	return (n);
}

/* The command after `last', or the first for NULL, by name; NULL: no more. */
static const struct command *
next_command(const struct command *last)
{
	const struct command *next = NULL;

	for (const struct command *const *c = __start_set_commands;
	    c < __stop_set_commands; c++)
		if ((last == NULL || strcmp((*c)->name, last->name) > 0) &&
		    (next == NULL || strcmp((*c)->name, next->name) < 0))
			next = *c;
	return (next);
}

static void
explain_ambiguous(const char *word)
{
	const struct command *c = NULL;
	const char *sep = "";

	printf("monitor: \"%s\" could be", word);
	while ((c = next_command(c)) != NULL) {
		if (strncmp(c->name, word, strlen(word)) != 0)
			continue;
		printf("%s %s", sep, c->name);
		sep = ",";
	}
	printf("\n");
}

/* The command of a line; prints what is wrong with it and returns NULL. */
static const struct command *
find_command(int argc, char **argv)
{
	const struct command *c = NULL;
	u_int n = matching(argv[0], &c);

	if (n == 0)
		printf("monitor: no command is called \"%s\"; help lists "
		    "them\n", argv[0]);
	else if (n > 1)
		explain_ambiguous(argv[0]);
	else if ((u_int)argc - 1 > c->maxargs)
		printf("monitor: %s takes %s\n", c->name, c->maxargs == 0 ?
		    "no argument" : "one argument at most");
	else if (panicked() && !c->safe)
		printf("monitor: %s does not run after a panic\n", c->name);
	else
		return (c);
	return (NULL);
}

static void
run_line(char *line)
{
	const struct command *c;
	char *argv[MAXWORDS];
	int argc = lineedit_split(line, argv, MAXWORDS);

	if (argc < 0)
		printf("monitor: more than %d words\n", MAXWORDS);
	else if (argc > 0 && (c = find_command(argc, argv)) != NULL)
		c->run(argc, argv);
}

static void
show(const char *s, size_t len)
{
	printf("%.*s", (int)len, s);
}

/* Reads a line into the editor; false if there is no serial port. */
static bool
read_line(void)
{
	enum line_event event;
	int c;

	lineedit_start(&editor);
	do {
		if ((c = cons_getc()) < 0)
			return (false);
		event = lineedit_key(&editor, (char)c);
	} while (event == LINE_GOES_ON);
	if (event == LINE_CANCELLED)
		editor.le_line[0] = '\0';
	return (true);
}

void
monitor_run(void)
{
	char line[LINE_SIZE];

	lineedit_init(&editor, PROMPT, show);
	cons_input_start();
	printf("monitor: help lists the commands; poweroff ends all\n");
	leaves = false;
	while (!leaves && read_line()) {
		/* Cut into words is a copy: le_line stays as it was typed. */
		memcpy(line, editor.le_line, sizeof(line));
		run_line(line);
	}
	if (leaves)
		return;
	printf("\nmonitor: there is no serial port to read from\n");
}

SAFE_COMMAND(command_help, "help", "", "this list")
{
	const struct command *c = NULL;
	char left[40];

	while ((c = next_command(c)) != NULL) {
		snprintf(left, sizeof(left), "%s %s", c->name, c->arguments);
		printf("  %-18s %s%s\n", left, c->help,
		    panicked() && !c->safe ? " (not after a panic)" : "");
	}
}

SAFE_COMMAND(command_leave, "leave", "", "to the program, or end the run")
{
	leaves = true;
}

SAFE_COMMAND(command_panic, "panic", "", "panic, on purpose")
{
	panic("requested by the monitor's command");
}
