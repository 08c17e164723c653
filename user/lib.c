/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What freestanding code needs: strings, 64-bit division, locks, a line on the
 * console, random numbers.
 */

#include <stdarg.h>
#include "user/proc.h"
#include "user/native.h"

void *
memcpy(void *dst, const void *src, size_t n)
{
	size_t words = n / 4, rest = n % 4;
	void *d = dst;

	__asm__ __volatile__("rep movsl"
	    : "+D" (d), "+S" (src), "+c" (words) : : "memory");
	__asm__ __volatile__("rep movsb"
	    : "+D" (d), "+S" (src), "+c" (rest) : : "memory");
	return (dst);
}

void *
memset(void *dst, int c, size_t n)
{
	size_t words = n / 4, rest = n % 4;
	void *d = dst;

	__asm__ __volatile__("rep stosl"
	    : "+D" (d), "+c" (words) : "a" ((c & 0xff) * 0x01010101u) :
	    "memory");
	__asm__ __volatile__("rep stosb"
	    : "+D" (d), "+c" (rest) : "a" (c) : "memory");
	return (dst);
}

int
memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n > 0; n--, p++, q++)
		if (*p != *q)
			return (*p - *q);
	return (0);
}

size_t
strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return (n);
}

int
strcmp(const char *a, const char *b)
{
	for (; *a == *b && *a != '\0'; a++, b++)
		continue;
	return (*(const uint8_t *)a - *(const uint8_t *)b);
}

/* n / d, by two divisions of 64 by 32 bits whose quotients fit. */
uint64_t
div64(uint64_t n, uint32_t d, uint32_t *rem)
{
	uint32_t high = (uint32_t)(n >> 32) / d;
	uint32_t r = (uint32_t)(n >> 32) % d, low;

	__asm__ ("divl %4" : "=a" (low), "=d" (r)
	    : "0" ((uint32_t)n), "1" (r), "rm" (d));
	if (rem != NULL)
		*rem = r;
	return ((uint64_t)high << 32 | low);
}

uint32_t
atomic_swap(volatile uint32_t *p, uint32_t n)
{
	return (__atomic_exchange_n(p, n, __ATOMIC_SEQ_CST));
}

uint32_t
atomic_or(volatile uint32_t *p, uint32_t bits)
{
	return (__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST));
}

uint32_t
atomic_clear(volatile uint32_t *p, uint32_t bits)
{
	return (__atomic_fetch_and(p, ~bits, __ATOMIC_SEQ_CST));
}

uint32_t
atomic_add(volatile uint32_t *p, uint32_t n)
{
	return (__atomic_add_fetch(p, n, __ATOMIC_SEQ_CST));
}

/*
 * A lock between the threads of this process: 0 free, 1 held, 2 held and maybe
 * waited for.  Held for short sections only, in which nothing sleeps for long.
 */
void
lock(volatile uint32_t *l)
{
	uint32_t free = 0;

	if (__atomic_compare_exchange_n(l, &free, 1, false, __ATOMIC_ACQUIRE,
	    __ATOMIC_RELAXED))
		return;
	while (atomic_swap(l, 2) != 0)
		native(CALL_FUTEX_WAIT, (uint32_t)l, 2, ~0u, ~0u);
}

void
unlock(volatile uint32_t *l)
{
	if (atomic_swap(l, 0) == 2)
		native(CALL_FUTEX_WAKE, (uint32_t)l, 1, 0, 0);
}

/* xorshift64*: for addresses and AT_RANDOM, not for cryptography. */
uint32_t
random32(void)
{
	uint64_t x = proc.random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	proc.random = x;
	return (x * 0x2545f4914f6cdd1dull >> 32);
}

struct line {
	char text[200];
	size_t len;
};

static void
put(struct line *l, char c)
{
	if (l->len < sizeof(l->text))
		l->text[l->len++] = c;
}

static void
put_number(struct line *l, uint32_t n, uint32_t base)
{
	char digits[11];
	size_t i = 0;

	do
		digits[i++] = "0123456789abcdef"[n % base];
	while ((n /= base) != 0);
	while (i > 0)
		put(l, digits[--i]);
}

void
say(const char *fmt, ...)
{
	struct line l = { .len = 0 };
	const char *s;
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			put(&l, *fmt);
			continue;
		}
		switch (*++fmt) {
		case 's':
			for (s = va_arg(ap, const char *); *s != '\0'; s++)
				put(&l, *s);
			break;
		case 'x':
			put_number(&l, va_arg(ap, uint32_t), 16);
			break;
		case 'u':
			put_number(&l, va_arg(ap, uint32_t), 10);
			break;
		}
	}
	va_end(ap);
	native(CALL(CALL_CHAN_WRITE, HANDLE_CONSOLE), (uint32_t)l.text, l.len,
	    0, 0);
}
