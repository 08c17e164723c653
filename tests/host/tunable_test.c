/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the host test of kern/tunable.c.  Invariant: every case starts from
 * the defaults that reset() sets.  TAP output.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kern/tunable.c"

static const char *const t_choices[] = { "red", "green", "blue", NULL };
static u_int t_num, t_any, t_color;
static bool t_flag;
static char t_str[TUNABLE_STRSIZE];

TUNABLE_UINT(num, "num", t_num, 2, 100, "a number");
TUNABLE_UINT(any, "any", t_any, 0, UINT32_MAX, "any number");
TUNABLE_BOOL(flag, "flag", t_flag, "a flag");
TUNABLE_STR(str, "str", t_str, "a string");
TUNABLE_ENUM(color, "color", t_color, t_choices, "a color");

static u_int ncase, nfail;
static char err[200];

static void
ok(bool good, const char *what)
{
	ncase++;
	if (!good)
		nfail++;
	printf("%sok %u - %s\n", good ? "" : "not ", ncase, what);
	if (!good)
		printf("# err: %s\n", err);
}

static int
parse(const char *cmdline)
{
	char *copy;
	int error;

	t_num = 7;
	t_any = 8;
	t_color = 0;
	t_flag = false;
	memset(t_str, 'x', sizeof(t_str));
	t_str[sizeof(t_str) - 1] = '\0';
	memset(err, 'e', sizeof(err));
	/* On the heap, so that the sanitizer sees a read past the end. */
	copy = strdup(cmdline);
	error = tunable_parse(copy, err, sizeof(err));
	free(copy);
	return (error);
}

static bool
unchanged(void)
{
	return (t_num == 7 && t_any == 8 && t_color == 0 && !t_flag &&
	    t_str[0] == 'x' && strlen(t_str) == sizeof(t_str) - 1);
}

/* Each bad word comes after good ones, which must then not take effect. */
static void
bad(const char *word, const char *sentence)
{
	char line[TUNABLE_STRSIZE + 50];

	snprintf(line, sizeof(line), "/k num=9 flag=on str=s color=blue %s",
	    word);
	ok(parse(line) == EINVAL && unchanged() &&
	    strcmp(err, sentence) == 0, word);
}

int
main(void)
{
	char line[TUNABLE_STRSIZE + 8], tiny[8], z[TUNABLE_STRSIZE];
	int error;

	ok(parse("") == 0 && unchanged() && err[0] == '\0', "empty");
	ok(parse("   ") == 0 && unchanged(), "only spaces");
	ok(parse("mayfly") == 0 && unchanged(), "image without a slash");
	ok(parse("/a=b/mayfly num=3") == 0 && t_num == 3, "image with a =");
	ok(parse("num=3") == 0 && t_num == 3, "option first");
	ok(parse("flag") == EINVAL && unchanged() &&
	    strcmp(err, "Option \"flag\" has no value; it must be written "
	    "name=value.") == 0, "first word is the name of an option");
	ok(parse("flag num=3") == EINVAL && unchanged(),
	    "first word is the name of an option, others are good");
	ok(parse("flags num=3") == 0 && t_num == 3,
	    "first word only begins as an option does");
	ok(parse("/flag num=3") == 0 && t_num == 3,
	    "path of an image that is called as an option is");
	ok(parse("str=/a/b") == 0 && strcmp(t_str, "/a/b") == 0,
	    "option first with a slash in its value");
	ok(parse("  k  num=0x10   flag=1 color=green  str=a=b ") == 0 &&
	    t_num == 16 && t_flag && t_color == 1 &&
	    strcmp(t_str, "a=b") == 0 && err[0] == '\0', "all types");
	ok(parse("num=2") == 0 && t_num == 2, "least");
	ok(parse("num=100") == 0 && t_num == 100, "most");
	ok(parse("any=4294967295") == 0 && t_any == UINT32_MAX, "2^32-1");
	ok(parse("any=0xFFFFffff") == 0 && t_any == UINT32_MAX, "hex 2^32-1");
	ok(parse("any=0") == 0 && t_any == 0, "0");
	ok(parse("any=010") == 0 && t_any == 10, "no octal");
	ok(parse("flag=on") == 0 && t_flag, "on");
	ok(parse("flag=on flag=off") == 0 && !t_flag, "off, last wins");
	ok(parse("flag=on flag=0") == 0 && !t_flag, "0, last wins");
	ok(parse("num=3 num=4") == 0 && t_num == 4, "number, last wins");
	ok(parse("str=") == 0 && t_str[0] == '\0', "empty string");
	memset(z, 'z', sizeof(z) - 1);
	z[sizeof(z) - 1] = '\0';
	snprintf(line, sizeof(line), "str=%s", z);
	ok(parse(line) == 0 && strcmp(t_str, z) == 0, "longest string");

#define	NUMERR(v)							\
	bad("num=" v, "Option num cannot be \"" v "\"; it takes a "	\
	    "number from 2 to 100.")
	NUMERR("1");
	NUMERR("101");
	NUMERR("");
	NUMERR("0x");
	NUMERR("+5");
	NUMERR("-5");
	NUMERR("5k");
	NUMERR("a");
	NUMERR("0X10");
	NUMERR("0x1g");
	NUMERR("4294967299");
	NUMERR("0x100000003");
	bad("any=4294967296", "Option any cannot be \"4294967296\"; it takes "
	    "a number from 0 to 4294967295.");
	bad("any=99999999999999999999", "Option any cannot be "
	    "\"99999999999999999999\"; it takes a number from 0 to "
	    "4294967295.");
	bad("flag=yes", "Option flag cannot be \"yes\"; it takes on, off, 1 "
	    "or 0.");
	bad("flag=", "Option flag cannot be \"\"; it takes on, off, 1 or 0.");
	bad("color=re", "Option color cannot be \"re\"; it takes one of red, "
	    "green, blue.");
	bad("color=", "Option color cannot be \"\"; it takes one of red, "
	    "green, blue.");
	snprintf(line, sizeof(line), "str=z%s", z);
	bad(line, "Option str cannot be \"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
	    "zzzzz...\"; it takes at most 767 characters.");
	bad("num", "Option \"num\" has no value; it must be written "
	    "name=value.");
#define	UNKNOWN(v)							\
	bad(v "=1", "Option \"" v "\" is unknown; the options are num, " \
	    "any, flag, str, color.")
	UNKNOWN("nu");
	UNKNOWN("numb");
	UNKNOWN("");
	bad("\033[m=1", "Option \"?[m\" is unknown; the options are num, any, "
	    "flag, str, color.");
	bad("num=1 num=5", "Option num cannot be \"1\"; it takes a number "
	    "from 2 to 100.");

	memset(tiny, 'e', sizeof(tiny));
	error = tunable_parse("bad=1", tiny, sizeof(tiny));
	ok(error == EINVAL && strcmp(tiny, "Option ") == 0, "sentence cut");
	ok(tunable_parse("bad=1", NULL, 0) == EINVAL, "no room at all");

	printf("1..%u\n", ncase);
	return (nfail != 0);
}
