/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Formatting into a buffer: vsnprintf and snprintf.  printf is not here: it
 * needs the console, and this file needs nothing but strnlen, so that it also
 * runs in a host test and in a panic.
 */

#include <sys/systm.h>

#define	F_LEFT	0x1		/* flag '-' */
#define	F_ZERO	0x2		/* flag '0' */

#define	NUM_MAX	20		/* digits of UINT64_MAX in decimal */

/* Where the text goes.  len counts all of it, also what did not fit. */
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

/* Puts a number in base 10 or 16; prefix is the sign, "0x", or empty. */
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

	used = n + strnlen(prefix, 2);
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

/* Reads a decimal number, held at INT32_MAX so that it cannot wrap. */
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

int
vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct sink sk = { .buf = buf, .size = size, .len = 0 };
	const char *s, *start;
	size_t prec, width;
	uint64_t uv;
	int64_t sv;
	u_int flags;
	int lmod, n;		/* lmod: -2 hh, -1 h, 1 l, 2 ll, 3 z */
	char c;

	while (*fmt != '\0') {
		if (*fmt != '%') {
			put(&sk, *fmt++);
			continue;
		}
		start = fmt++;

		flags = 0;
		for (;; fmt++) {
			if (*fmt == '-')
				flags |= F_LEFT;
			else if (*fmt == '0')
				flags |= F_ZERO;
			else
				break;
		}
		/*
		 * The compiler's format check accepts '*', and to skip its
		 * argument would misread all that follow, so it is honoured.
		 */
		if (*fmt == '*') {
			fmt++;
			n = va_arg(ap, int);
			if (n < 0)
				flags |= F_LEFT;
			width = n < 0 ? 0u - (u_int)n : (u_int)n;
		} else
			width = get_num(&fmt);
		prec = SIZE_MAX;
		if (*fmt == '.') {
			fmt++;
			if (*fmt == '*') {
				fmt++;
				n = va_arg(ap, int);
				/* A negative precision counts as none. */
				if (n >= 0)
					prec = (size_t)n;
			} else
				prec = get_num(&fmt);
		}
		lmod = 0;
		if (*fmt == 'h') {
			lmod = -1;
			if (*++fmt == 'h') {
				lmod = -2;
				fmt++;
			}
		} else if (*fmt == 'l') {
			lmod = 1;
			if (*++fmt == 'l') {
				lmod = 2;
				fmt++;
			}
		} else if (*fmt == 'z') {
			lmod = 3;
			fmt++;
		}

		switch (*fmt) {
		case 'c':
			c = (char)va_arg(ap, int);
			put_str(&sk, &c, 1, flags, width);
			break;
		case 's':
			s = va_arg(ap, const char *);
			if (s == NULL)
				s = "(null)";
			put_str(&sk, s, strnlen(s, prec), flags, width);
			break;
		case 'd':
		case 'i':
			if (lmod == 3)
				sv = va_arg(ap, ptrdiff_t);
			else if (lmod == 2)
				sv = va_arg(ap, long long);
			else if (lmod == 1)
				sv = va_arg(ap, long);
			else
				sv = va_arg(ap, int);
			if (lmod == -1)
				sv = (short)sv;
			else if (lmod == -2)
				sv = (signed char)sv;
			/* Negated as unsigned: -INT64_MIN does not exist. */
			uv = sv < 0 ? 0 - (uint64_t)sv : (uint64_t)sv;
			put_num(&sk, uv, false, false, sv < 0 ? "-" : "",
			    flags, width);
			break;
		case 'u':
		case 'x':
		case 'X':
			if (lmod == 3)
				uv = va_arg(ap, size_t);
			else if (lmod == 2)
				uv = va_arg(ap, unsigned long long);
			else if (lmod == 1)
				uv = va_arg(ap, unsigned long);
			else
				uv = va_arg(ap, u_int);
			if (lmod == -1)
				uv = (unsigned short)uv;
			else if (lmod == -2)
				uv = (unsigned char)uv;
			put_num(&sk, uv, *fmt != 'u', *fmt == 'X', "", flags,
			    width);
			break;
		case 'p':
			uv = (uintptr_t)va_arg(ap, void *);
			put_num(&sk, uv, true, false, "0x", flags, width);
			break;
		case '%':
			put(&sk, '%');
			break;
		default:
			/* Unknown: shown as written, so that it is noticed. */
			while (start < fmt)
				put(&sk, *start++);
			continue;
		}
		fmt++;
	}

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
