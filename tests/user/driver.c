/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * driver [-t SECONDS] NAME[:ARGUMENT...]... - runs the programs of the folder
 * KTAP_BOOT (/boot) one after the other and prints a line of KTAP for each; what
 * they print stands in front of it, indented.  A program that is not done after
 * so many seconds (120) is killed.  One boot for all tests of ring 3.
 */

#include "ktap.h"

#define	MAXARGS	16

static int limit = 120;

/* Ends with the status that execve() leaves. */
static void
become(char *words)
{
	char *argv[MAXARGS + 1];
	int n = 0;

	for (char *word = strtok(words, ":"); word != NULL && n < MAXARGS;
	    word = strtok(NULL, ":"))
		argv[n++] = word;
	argv[n] = NULL;
	if (n != 0)
		execv(boot_file(argv[0]), argv);
	printf("# %s: %s\n", words, strerror(errno));
	fflush(stdout);
	_exit(127);
}

/* Waits for a process; kills it when its time is over.  NULL if it is fine. */
static const char *
wait_for(pid_t pid)
{
	static char why[80];
	int status, ms = 0;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0) {
		/* Short sleeps at first: most programs are short. */
		sleep_ms(ms < 100 ? 2 : 20);
		ms += ms < 100 ? 2 : 20;
		if (ms / 1000 >= limit) {
			kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return ("was not done in time");
		}
	}
	if (got != pid)
		snprintf(why, sizeof(why), "waitpid: %s", strerror(errno));
	else if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "ended by signal %d",
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(why, sizeof(why), "exit status %d",
		    WEXITSTATUS(status));
	else
		return (NULL);
	return (why);
}

int
main(int argc, char **argv)
{
	int first = 1, bad = 0;
	const char *why;
	pid_t pid;

	if (argc > 2 && strcmp(argv[1], "-t") == 0) {
		limit = atoi(argv[2]);
		first = 3;
	}
	setenv("KTAP_DRIVER", "1", 1);
	printf("1..%d\n", argc - first);
	for (int i = first; i < argc; i++) {
		char *name = strdup(argv[i]);

		printf("# %s\n", argv[i]);
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			become(name);
		free(name);
		why = pid < 0 ? strerror(errno) : wait_for(pid);
		if (why != NULL)
			printf("# %s %s\n", argv[i], why);
		bad += why != NULL;
		printf("%sok %d - %s\n", why != NULL ? "not " : "",
		    i - first + 1, argv[i]);
		fflush(stdout);
	}
	return (bad != 0);
}
