/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_MONITOR_H_
#define	_SYS_MONITOR_H_

/*
 * The monitor: commands typed on the console.  Each command is declared
 * beside the code that it serves and reaches kern/console/monitor.c by the
 * linker set "set_commands".  Invariant: names are unique, of at most 12
 * characters, without blanks.
 */

#include <sys/types.h>

struct command {
	const char *name;
	const char *arguments;	/* as help shows them; "" for none */
	const char *help;	/* one line */
	void (*run)(int argc, char **argv);	/* argv[0] is the name */
	bool safe;		/* also after a panic */
	u_int maxargs;		/* most words after the name */
};

#define	COMMAND_ENTRY(ident, name, arguments, help, safe)		\
	static void ident(int argc, char **argv);			\
	static const struct command command_##ident = { name,		\
	    arguments, help, ident, safe, (arguments)[0] != '\0' };	\
	static const struct command *const set_##ident			\
	    __attribute__((section("set_commands"), used)) =		\
	    &command_##ident;						\
	static void ident(int argc __attribute__((unused)),		\
	    char **argv __attribute__((unused)))

/*
 * Each is followed by the command's body, of (int argc, char **argv), which
 * runs in thread context.  A command with arguments takes one word at most.
 *
 * A SAFE_COMMAND runs after a panic as well: interrupts are off, the other
 * CPUs are stopped, locks are not waited for, and what they protect may be
 * half changed.  It changes nothing, bounds its loops and does not wait; or it
 * ends the run.
 */
#define	COMMAND(ident, name, arguments, help)				\
	COMMAND_ENTRY(ident, name, arguments, help, false)
#define	SAFE_COMMAND(ident, name, arguments, help)			\
	COMMAND_ENTRY(ident, name, arguments, help, true)

/*
 * monitor_run: reads and runs commands.  Thread context, or after a panic.
 * Returns after the command leave, or when there is no serial port to read
 * from.  One at a time: it is the reader of cons_getc().
 */
void	monitor_run(void);

/* monitor_wanted: true if the option monitor= is on.  Any context. */
bool	monitor_wanted(void);

#endif /* !_SYS_MONITOR_H_ */
