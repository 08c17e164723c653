/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Fuzzes kern/tunable.c.  The input is the command line. */

#include "tests/fuzz/fuzz.h"
#include "kern/tunable.c"

static const char *const colors[] = { "red", "green", "blue", NULL };

/* The variables that the options set, and their defaults. */
static struct values {
	u_int num, any, color;
	bool flag;
	char str[TUNABLE_STRSIZE];
} v, defaults = { 7, 8, 1, true, "default" };

TUNABLE_UINT(num, "num", v.num, 2, 100, "a number");
TUNABLE_UINT(any, "any", v.any, 0, UINT32_MAX, "any number");
TUNABLE_BOOL(flag, "flag", v.flag, "a flag");
TUNABLE_STR(str, "str", v.str, "a string");
TUNABLE_ENUM(color, "color", v.color, colors, "a color");

/* An error is a sentence of text, or as much of one as fits. */
static void
check_error(const char *err, size_t size)
{
	size_t len = strnlen(err, size);

	must(len > 0 && len < size);
	must(err[len - 1] == '.' || len == size - 1);
	for (size_t i = 0; i < len; i++)
		must(err[i] >= ' ' && err[i] <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *line = malloc(len + 1), err[160];

	memcpy(line, data, len);
	line[len] = '\0';
	v = defaults;
	memset(err, 0, sizeof(err));
	if (tunable_parse(line, err, sizeof(err)) != 0) {
		check_error(err, sizeof(err));
		must(memcmp(&v, &defaults, sizeof(v)) == 0);
	} else {
		/* No bare name of an option is dropped. */
		must(strcmp(line, "flag") != 0 && strncmp(line, "num ", 4) != 0);
		must(err[0] == '\0');
		must(v.num >= 2 && v.num <= 100 && v.color <= 2);
		must(memchr(v.str, '\0', sizeof(v.str)) != NULL);
	}
	must(tunable_parse(line, NULL, 0) == 0 || line[0] != '\0');
	free(line);
	return (0);
}
