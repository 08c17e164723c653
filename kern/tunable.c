/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the parsing of the command line into the tunables.  Invariants: no
 * variable is written before the whole command line has been found good,
 * and no more of a value is stored than its variable holds.
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
		/* What was typed must not drive the terminal. */
		eb->buf[eb->len++] = *s < ' ' || *s > '~' ? '?' : *s;
		eb->buf[eb->len] = '\0';
	}
}

static void
err_str(struct errbuf *eb, const char *s)
{
	err_add(eb, s, strlen(s));
}

/* Cuts a long word, to leave room for what is allowed instead. */
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

/*
 * Loaders put the path of the image first.  A path may itself hold a '=',
 * but no option has a '/' in its name.
 */
static bool
is_image_path(const struct word *w)
{
	size_t i;

	for (i = 0; i < w->len && w->s[i] != '='; i++) {
		if (w->s[i] == '/')
			return (true);
	}
	return (i == w->len);
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
 * Decodes a value; *np gets it, unless it is a string, which is only
 * measured.  False when the tunable does not allow the value.
 */
static bool
decode(const struct tunable *t, const struct word *value, uint32_t *np)
{
	u_int i;

	switch (t->type) {
	case TUN_UINT:
		return (decode_uint(value, np) && *np >= t->min &&
		    *np <= t->max);
	case TUN_BOOL:
		*np = word_is(value, "on") || word_is(value, "1");
		return (*np != 0 || word_is(value, "off") ||
		    word_is(value, "0"));
	case TUN_STR:
		return (value->len < TUNABLE_STRSIZE);
	case TUN_ENUM:
		for (i = 0; t->choices[i] != NULL; i++) {
			if (word_is(value, t->choices[i])) {
				*np = i;
				return (true);
			}
		}
		return (false);
	}
	return (false);
}

static void
perform(const struct tunable *t, const struct word *value, uint32_t n)
{
	switch (t->type) {
	case TUN_UINT:
	case TUN_ENUM:
		*(u_int *)t->var = n;
		break;
	case TUN_BOOL:
		*(bool *)t->var = n != 0;
		break;
	case TUN_STR:
		memset(t->var, 0, TUNABLE_STRSIZE);
		memcpy(t->var, value->s, value->len);
		break;
	}
}

static const struct tunable *
lookup(const struct word *name)
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
	u_int i;

	err_str(eb, "Option ");
	err_str(eb, t->name);
	err_str(eb, " cannot be ");
	err_word(eb, value);
	err_str(eb, "; it takes ");
	switch (t->type) {
	case TUN_UINT:
		err_str(eb, "a number from ");
		err_uint(eb, t->min);
		err_str(eb, " to ");
		err_uint(eb, t->max);
		break;
	case TUN_BOOL:
		err_str(eb, "on, off, 1 or 0");
		break;
	case TUN_STR:
		err_str(eb, "at most ");
		err_uint(eb, TUNABLE_STRSIZE - 1);
		err_str(eb, " characters");
		break;
	case TUN_ENUM:
		err_str(eb, "one of ");
		for (i = 0; t->choices[i] != NULL; i++) {
			if (i != 0)
				err_str(eb, ", ");
			err_str(eb, t->choices[i]);
		}
		break;
	}
	err_str(eb, ".");
}

/* One pass over the command line, which stores only when store is true. */
static int
pass(const char *cmdline, bool store, struct errbuf *eb)
{
	const struct tunable *t;
	struct word name, value, w;
	const char *p;
	uint32_t n;
	bool first;

	p = cmdline;
	for (first = true; word_next(&p, &w); first = false) {
		if (first && is_image_path(&w))
			continue;
		if (!word_split(&w, &name, &value)) {
			err_str(eb, "Option ");
			err_word(eb, &w);
			err_str(eb, " has no value; it must be written "
			    "name=value.");
			return (EINVAL);
		}
		t = lookup(&name);
		if (t == NULL) {
			explain_unknown(eb, &name);
			return (EINVAL);
		}
		n = 0;
		if (!decode(t, &value, &n)) {
			explain_value(eb, t, &value);
			return (EINVAL);
		}
		if (store)
			perform(t, &value, n);
	}
	return (0);
}

/*
 * tunable_parse: sets the tunables from the words name=value of cmdline,
 * which spaces separate.  A first word that has no '=', or a '/' before it,
 * is the path of the image and is skipped.  Of an option given twice, the
 * last value wins; both must be valid.
 * Context: boot, once, with one processor running and before anything reads
 * a tunable.  errlen is the size of err in bytes; it may be 0.
 * Returns 0, and err is empty; or EINVAL with no tunable changed, and a
 * sentence in err that names the bad option and what is allowed, cut to
 * fit.
 */
int
tunable_parse(const char *cmdline, char *err, size_t errlen)
{
	struct errbuf eb;
	int error;

	eb.buf = err;
	eb.size = errlen;
	eb.len = 0;
	if (errlen != 0)
		err[0] = '\0';

	/* Decode twice rather than keep a list that would need a bound. */
	error = pass(cmdline, false, &eb);
	if (error != 0)
		return (error);
	return (pass(cmdline, true, &eb));
}
