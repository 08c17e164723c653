/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the parsing of the command line into the tunables.  Invariants: no
 * variable is written before the whole command line has been checked, and no
 * more of a value is stored than its variable holds.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <sys/tunable.h>

#define	ERR_WORDMAX	40	/* characters of a bad word that are shown */

/* A part of the command line; not NUL-terminated. */
struct word {
	const char	*s;
	size_t		len;
};

/* The error sentence under construction; always NUL-terminated. */
struct errbuf {
	char		*buf;
	size_t		size;
	size_t		len;
};

static void
err_add(struct errbuf *eb, const char *s, size_t len)
{
	for (; len != 0 && eb->len + 1 < eb->size; s++, len--) {
		/* A bad word must not send commands to the terminal. */
		eb->buf[eb->len++] = *s < ' ' || *s > '~' ? '?' : *s;
		eb->buf[eb->len] = '\0';
	}
}

static void
err_str(struct errbuf *eb, const char *s)
{
	err_add(eb, s, strlen(s));
}

/* Cuts a long word, to leave room for the rest of the sentence. */
static void
err_word(struct errbuf *eb, const struct word *w)
{
	err_str(eb, "\"");
	if (w->len > ERR_WORDMAX) {
		err_add(eb, w->s, ERR_WORDMAX);
		err_str(eb, "...");
	} else
		err_add(eb, w->s, w->len);
	err_str(eb, "\"");
}

static void
err_uint(struct errbuf *eb, uint32_t n)
{
	char digits[sizeof("4294967295")];

	snprintf(digits, sizeof(digits), "%u", (u_int)n);
	err_str(eb, digits);
}

static bool
word_is(const struct word *w, const char *s)
{
	return (strlen(s) == w->len && memcmp(w->s, s, w->len) == 0);
}

/* Takes the next word off *p; false when none is left. */
static bool
word_next(const char **p, struct word *w)
{
	while (**p == ' ')
		(*p)++;
	w->s = *p;
	while (**p != '\0' && **p != ' ')
		(*p)++;
	w->len = (size_t)(*p - w->s);
	return (w->len != 0);
}

/* Splits name=value at the first '='; false when there is none. */
static bool
word_split(const struct word *w, struct word *name, struct word *value)
{
	size_t i;

	for (i = 0; i < w->len && w->s[i] != '='; i++)
		;
	name->s = w->s;
	name->len = i;
	if (i == w->len)
		return (false);
	value->s = w->s + i + 1;
	value->len = w->len - i - 1;
	return (true);
}

/* Decimal, or hexadecimal after 0x; a leading 0 does not mean octal. */
static bool
decode_uint(const struct word *w, uint32_t *np)
{
	uint32_t base, digit, n;
	size_t i;
	char c;

	base = 10;
	i = 0;
	if (w->len >= 2 && w->s[0] == '0' && w->s[1] == 'x') {
		base = 16;
		i = 2;
	}
	if (i == w->len)
		return (false);
	for (n = 0; i < w->len; i++) {
		c = w->s[i];
		if (c >= '0' && c <= '9')
			digit = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (uint32_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (uint32_t)(c - 'A') + 10;
		else
			return (false);
		if (digit >= base || n > (UINT32_MAX - digit) / base)
			return (false);
		n = n * base + digit;
	}
	*np = n;
	return (true);
}

/*
 * What differs between the types of options: decode returns false if the
 * tunable does not allow the value, and sets *np unless it is a string; store
 * writes a decoded value; explain adds to the sentence what is allowed.
 */
struct type {
	bool (*decode)(const struct tunable *t, const struct word *value,
	    uint32_t *np);
	void (*store)(const struct tunable *t, const struct word *value,
	    uint32_t n);
	void (*explain)(struct errbuf *eb, const struct tunable *t);
};

static bool
decode_number(const struct tunable *t, const struct word *value, uint32_t *np)
{
	return (decode_uint(value, np) && *np >= t->min && *np <= t->max);
}

static void
store_number(const struct tunable *t, const struct word *value, uint32_t n)
{
	(void)value;
	*(u_int *)t->var = n;
}

static void
explain_number(struct errbuf *eb, const struct tunable *t)
{
	err_str(eb, "a number from ");
	err_uint(eb, t->min);
	err_str(eb, " to ");
	err_uint(eb, t->max);
}

static bool
decode_bool(const struct tunable *t, const struct word *value, uint32_t *np)
{
	(void)t;
	*np = word_is(value, "on") || word_is(value, "1");
	return (*np != 0 || word_is(value, "off") || word_is(value, "0"));
}

static void
store_bool(const struct tunable *t, const struct word *value, uint32_t n)
{
	(void)value;
	*(bool *)t->var = n != 0;
}

static void
explain_bool(struct errbuf *eb, const struct tunable *t)
{
	(void)t;
	err_str(eb, "on, off, 1 or 0");
}

static bool
decode_str(const struct tunable *t, const struct word *value, uint32_t *np)
{
	(void)t;
	(void)np;
	return (value->len < TUNABLE_STRSIZE);
}

static void
store_str(const struct tunable *t, const struct word *value, uint32_t n)
{
	(void)n;
	memset(t->var, 0, TUNABLE_STRSIZE);
	memcpy(t->var, value->s, value->len);
}

static void
explain_str(struct errbuf *eb, const struct tunable *t)
{
	(void)t;
	err_str(eb, "at most ");
	err_uint(eb, TUNABLE_STRSIZE - 1);
	err_str(eb, " characters");
}

static bool
decode_choice(const struct tunable *t, const struct word *value, uint32_t *np)
{
	for (*np = 0; t->choices[*np] != NULL; ++*np) {
		if (word_is(value, t->choices[*np]))
			return (true);
	}
	return (false);
}

static void
explain_choice(struct errbuf *eb, const struct tunable *t)
{
	err_str(eb, "one of ");
	for (u_int i = 0; t->choices[i] != NULL; i++) {
		err_str(eb, i == 0 ? "" : ", ");
		err_str(eb, t->choices[i]);
	}
}

static const struct type types[] = {
	[TUN_UINT] = { decode_number, store_number, explain_number },
	[TUN_BOOL] = { decode_bool, store_bool, explain_bool },
	[TUN_STR] = { decode_str, store_str, explain_str },
	[TUN_ENUM] = { decode_choice, store_number, explain_choice },
};

static const struct tunable *
find_tunable(const struct word *name)
{
	const struct tunable *const *tp;

	for (tp = __start_set_tunables; tp < __stop_set_tunables; tp++) {
		if (word_is(name, (*tp)->name))
			return (*tp);
	}
	return (NULL);
}

static void
explain_unknown(struct errbuf *eb, const struct word *name)
{
	const struct tunable *const *tp;

	err_str(eb, "Option ");
	err_word(eb, name);
	err_str(eb, " is unknown; the options are");
	for (tp = __start_set_tunables; tp < __stop_set_tunables; tp++) {
		err_str(eb, tp == __start_set_tunables ? " " : ", ");
		err_str(eb, (*tp)->name);
	}
	err_str(eb, ".");
}

static void
explain_value(struct errbuf *eb, const struct tunable *t,
    const struct word *value)
{
	err_str(eb, "Option ");
	err_str(eb, t->name);
	err_str(eb, " cannot be ");
	err_word(eb, value);
	err_str(eb, "; it takes ");
	types[t->type].explain(eb, t);
	err_str(eb, ".");
}

/*
 * Whether the command line's first word is the path of the image, which some
 * loaders put there and others do not.  A path may hold a '=', but no option
 * has a '/' in its name.  The bare name of an option is meant as that option.
 */
static bool
is_image_path(const struct word *w)
{
	struct word name, value;

	(void)word_split(w, &name, &value);
	for (size_t i = 0; i < name.len; i++) {
		if (name.s[i] == '/')
			return (true);
	}
	return (name.len == w->len && find_tunable(w) == NULL);
}

/*
 * Calls fn for each option of the command line, until it returns an error,
 * which is returned.
 */
static int
for_each_option(const char *cmdline,
    int (*fn)(const struct word *option, struct errbuf *eb),
    struct errbuf *eb)
{
	struct word w;
	bool first;
	int error;

	for (first = true; word_next(&cmdline, &w); first = false) {
		if (first && is_image_path(&w))
			continue;
		error = fn(&w, eb);
		if (error != 0)
			return (error);
	}
	return (0);
}

/* Returns 0 if the option is good; or EINVAL, with a sentence in eb. */
static int
check_option(const struct word *option, struct errbuf *eb)
{
	const struct tunable *t;
	struct word name, value;
	uint32_t n;

	if (!word_split(option, &name, &value)) {
		err_str(eb, "Option ");
		err_word(eb, option);
		err_str(eb, " has no value; it must be written name=value.");
		return (EINVAL);
	}
	t = find_tunable(&name);
	if (t == NULL) {
		explain_unknown(eb, &name);
		return (EINVAL);
	}
	if (!types[t->type].decode(t, &value, &n)) {
		explain_value(eb, t, &value);
		return (EINVAL);
	}
	return (0);
}

/* Stores an option that check_option() found good. */
static int
store_option(const struct word *option, struct errbuf *eb)
{
	const struct tunable *t;
	struct word name, value;
	uint32_t n = 0;

	(void)eb;
	(void)word_split(option, &name, &value);
	t = find_tunable(&name);
	(void)types[t->type].decode(t, &value, &n);
	types[t->type].store(t, &value, n);
	return (0);
}

/*
 * tunable_parse: sets the tunables from the words name=value of cmdline,
 * which are separated by spaces.  A first word that has a '/' before any '=',
 * or neither '=' nor the name of a tunable, is the path of the image and is
 * skipped.  Of an option given twice, the last value counts; both must be
 * valid.
 * Context: boot, once, with one CPU running and before any code reads a
 * tunable.  errlen is the size of err in bytes; it may be 0.
 * Returns 0, and err is empty; or EINVAL with no tunable changed, and a
 * sentence in err that names the bad option and what is allowed, cut to
 * fit.
 */
int
tunable_parse(const char *cmdline, char *err, size_t errlen)
{
	struct errbuf eb = { .buf = err, .size = errlen };
	int error;

	if (errlen != 0)
		err[0] = '\0';
	/* Each value is decoded twice: a list of them would need a bound. */
	error = for_each_option(cmdline, check_option, &eb);
	if (error != 0)
		return (error);
	return (for_each_option(cmdline, store_option, &eb));
}
