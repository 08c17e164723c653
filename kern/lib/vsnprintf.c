/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Formatting into a buffer: vsnprintf and snprintf.  printf is not here,
 * because it needs the console.  This file needs only strnlen and ksym_lookup,
 * so that it works before memory and locks do, in a panic, and in a host test.
 */

#include <sys/types.h>
#include <sys/ksym.h>
#include <sys/systm.h>

#define	F_LEFT	0x1		/* flag '-' */
#define	F_ZERO	0x2		/* flag '0' */

#define	NUM_MAX	20		/* digits of UINT64_MAX in decimal */
#define	PREFIX_MAX 3		/* characters: a sign, 0x or +0x */

/* Where the text goes.  len counts all of it, even what did not fit. */
struct sink {
	char	*buf;
	size_t	size;
	size_t	len;
};

static void
put(struct sink *sk, char c)
{

	/* The last byte of the buffer is kept for the terminator. */
	if (sk->size != 0 && sk->len < sk->size - 1)
		sk->buf[sk->len] = c;
	sk->len++;
}

static void
pad(struct sink *sk, char c, size_t n)
{

	while (n-- > 0)
		put(sk, c);
}

/*
 * Divides *v by ten and returns the remainder.  In 32-bit steps, because a
 * plain 64-bit division would call __udivdi3 twice for each digit.
 */
static u_int
div10(uint64_t *v)
{
	uint32_t hi, lo, mid, t;

	hi = (uint32_t)(*v >> 32);
	t = (hi % 10) << 16 | (uint16_t)(*v >> 16);
	mid = t / 10;
	t = (t % 10) << 16 | (uint16_t)*v;
	lo = t / 10;
	*v = (uint64_t)(hi / 10) << 32 | (mid << 16 | lo);
	return (t % 10);
}

/* Puts n bytes of s, padded to width with blanks. */
static void
put_str(struct sink *sk, const char *s, size_t n, u_int flags, size_t width)
{
	size_t fill, i;

	fill = width > n ? width - n : 0;
	if ((flags & F_LEFT) == 0)
		pad(sk, ' ', fill);
	for (i = 0; i < n; i++)
		put(sk, s[i]);
	if ((flags & F_LEFT) != 0)
		pad(sk, ' ', fill);
}

/* Puts a number in base 10 or 16; prefix is put before its digits. */
static void
put_num(struct sink *sk, uint64_t v, bool hex, bool upper,
    const char *prefix, u_int flags, size_t width)
{
	const char *digits;
	char num[NUM_MAX];
	size_t fill, n, used;

	digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	n = 0;
	do {
		if (hex) {
			num[n++] = digits[v & 0xf];
			v >>= 4;
		} else
			num[n++] = digits[div10(&v)];
	} while (v != 0);

	used = n + strnlen(prefix, PREFIX_MAX);
	fill = width > used ? width - used : 0;
	if ((flags & (F_LEFT | F_ZERO)) == 0)
		pad(sk, ' ', fill);
	while (*prefix != '\0')
		put(sk, *prefix++);
	/* Zeros go between the sign and the digits; '-' overrides '0'. */
	if ((flags & (F_LEFT | F_ZERO)) == F_ZERO)
		pad(sk, '0', fill);
	while (n > 0)
		put(sk, num[--n]);
	if ((flags & F_LEFT) != 0)
		pad(sk, ' ', fill);
}

/* Reads a decimal number; a larger one counts as INT32_MAX. */
static size_t
get_num(const char **fmt)
{
	size_t n;

	n = 0;
	for (; **fmt >= '0' && **fmt <= '9'; (*fmt)++) {
		if (n > (INT32_MAX - 9) / 10)
			n = INT32_MAX;
		else
			n = n * 10 + (size_t)(**fmt - '0');
	}
	return (n);
}

/* What stands between the % of a conversion and its letter. */
struct spec {
	u_int	flags;
	size_t	width;
	size_t	prec;		/* SIZE_MAX: not given */
	size_t	size;		/* of the number's type, in bytes */
};

/* A va_list may be an array, so functions get it inside of a structure. */
struct args {
	va_list	ap;
};

/* Reads the length, which stands before the conversion's letter. */
static void
get_size(struct spec *sp, const char **fmt)
{
	bool twice = (*fmt)[0] != '\0' && (*fmt)[1] == (*fmt)[0];

	switch (**fmt) {
	case 'h':
		sp->size = twice ? sizeof(char) : sizeof(short);
		break;
	case 'l':
		sp->size = twice ? sizeof(long long) : sizeof(long);
		break;
	case 'z':
		sp->size = sizeof(size_t);
		twice = false;
		break;
	default:
		sp->size = sizeof(int);
		return;
	}
	*fmt += twice ? 2 : 1;
}

/*
 * Reads what stands between the % and the conversion's letter.  A '*' takes
 * its argument here: the compiler's format check accepts one, and without its
 * argument all that follow would be misread.
 */
static void
get_spec(struct spec *sp, const char **fmt, struct args *args)
{
	int n;

	sp->flags = 0;
	for (; **fmt == '-' || **fmt == '0'; (*fmt)++)
		sp->flags |= **fmt == '-' ? F_LEFT : F_ZERO;
	if (**fmt == '*') {
		(*fmt)++;
		n = va_arg(args->ap, int);
		if (n < 0)
			sp->flags |= F_LEFT;
		sp->width = n < 0 ? 0u - (u_int)n : (u_int)n;
	} else
		sp->width = get_num(fmt);
	sp->prec = SIZE_MAX;
	if (**fmt != '.')
		;
	else if (*++*fmt != '*')
		sp->prec = get_num(fmt);
	else {
		(*fmt)++;
		n = va_arg(args->ap, int);
		/* A negative precision counts as none. */
		if (n >= 0)
			sp->prec = (size_t)n;
	}
	get_size(sp, fmt);
}

/*
 * Takes an argument of sp->size bytes.  Arguments of one size are passed
 * alike, whatever their type is called; those smaller than an int, as an int.
 */
static uint64_t
get_unsigned(const struct spec *sp, struct args *args)
{
	if (sp->size > sizeof(u_int))
		return (va_arg(args->ap, uint64_t));
	return (va_arg(args->ap, u_int) & UINT64_MAX >> (64 - 8 * sp->size));
}

/* As get_unsigned(); the highest of its bits is the sign. */
static int64_t
get_signed(const struct spec *sp, struct args *args)
{
	size_t above = 64 - 8 * sp->size;	/* bits */

	return ((int64_t)(get_unsigned(sp, args) << above) >> above);
}

static void
put_pointer(struct sink *sk, const void *p, const struct spec *sp)
{
	put_num(sk, (uintptr_t)p, true, false, "0x", sp->flags, sp->width);
}

/*
 * Puts the name of the function that p points into, if it has one.  After a
 * call that does not return p, its return address, may lie in the next
 * function; so the byte before it is looked up, which belongs to the call.
 */
static void
put_symbol(struct sink *sk, const void *p, bool is_return)
{
	uintptr_t offset;
	const char *name = ksym_lookup((uintptr_t)p - is_return, &offset);

	if (name == NULL)
		return;
	put(sk, ' ');
	put_str(sk, name, strnlen(name, SIZE_MAX), 0, 0);
	put_num(sk, offset + is_return, true, false, "+0x", 0, 0);
}

/*
 * Puts the conversion whose letter **fmt is, and moves *fmt past it; false,
 * with *fmt not moved, if there is no such conversion.
 */
static bool
convert(struct sink *sk, const struct spec *sp, const char **fmt,
    struct args *args)
{
	const char letter = *(*fmt)++;
	const void *p;
	const char *s;
	int64_t v;
	char c;

	switch (letter) {
	case 'c':
		c = (char)va_arg(args->ap, int);
		put_str(sk, &c, 1, sp->flags, sp->width);
		return (true);
	case 's':
		s = va_arg(args->ap, const char *);
		if (s == NULL)
			s = "(null)";
		put_str(sk, s, strnlen(s, sp->prec), sp->flags, sp->width);
		return (true);
	case 'd':
	case 'i':
		v = get_signed(sp, args);
		/* Negated as unsigned: -INT64_MIN does not exist. */
		put_num(sk, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, false,
		    false, v < 0 ? "-" : "", sp->flags, sp->width);
		return (true);
	case 'u':
	case 'x':
	case 'X':
		put_num(sk, get_unsigned(sp, args), letter != 'u',
		    letter == 'X', "", sp->flags, sp->width);
		return (true);
	case 'p':
		p = va_arg(args->ap, const void *);
		put_pointer(sk, p, sp);
		if (**fmt == 'S' || **fmt == 'C')
			put_symbol(sk, p, *(*fmt)++ == 'C');
		return (true);
	case '%':
		put(sk, '%');
		return (true);
	}
	--*fmt;
	return (false);
}

int
vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink sk = { .buf = buf, .size = size, .len = 0 };
	struct args args;
	struct spec sp;
	const char *start;

	va_copy(args.ap, ap);
	while (*fmt != '\0') {
		if (*fmt != '%') {
			put(&sk, *fmt++);
			continue;
		}
		start = fmt++;
		get_spec(&sp, &fmt, &args);
		if (convert(&sk, &sp, &fmt, &args))
			continue;
		/* Unknown: puts it as it is written, so that it is noticed. */
		while (start < fmt)
			put(&sk, *start++);
	}
	va_end(args.ap);
	if (size != 0)
		buf[sk.len < size ? sk.len : size - 1] = '\0';
	return ((int)sk.len);
}

int
snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return (n);
}
