/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The memory and string functions of <sys/systm.h>, in portable C.  The
 * compiler, too, calls memcpy, memmove, memset and memcmp.
 */

#include <sys/systm.h>

/*
 * Without this GCC recognises the loops below as memset, memcpy or strlen, and
 * compiles each of these functions into a call of itself.
 */
#pragma GCC optimize ("no-tree-loop-distribute-patterns")

/* May alias, because the bytes belong to objects of any type. */
typedef unsigned long __attribute__((__may_alias__)) word_t;

#define	WSIZE	sizeof(word_t)
#define	WMASK	(WSIZE - 1)

/* Whether a and b are equally far from a word boundary. */
#define	COALIGNED(a, b)	((((uintptr_t)(a) ^ (uintptr_t)(b)) & WMASK) == 0)

/*
 * From this length on a copy or fill is worth the start of a string instruction,
 * which needs no alignment and moves a word in one step.  DF is clear in the
 * kernel.  Programs for another host do without.
 */
#if defined(__i386__) || defined(__x86_64__)
#define	STRING_MIN	32u

/* Copies n words from the lowest up; returns where the source ends. */
static inline const unsigned char *
copy_words(unsigned char *d, const unsigned char *s, size_t n)
{

	__asm__ volatile("rep movsl" : "+D" (d), "+S" (s), "+c" (n) : :
	    "memory");
	return (s);
}

static inline void
fill_words(unsigned char *d, uint32_t w, size_t n)
{

	__asm__ volatile("rep stosl" : "+D" (d), "+c" (n) : "a" (w) :
	    "memory");
}
#else
#define	STRING_MIN	SIZE_MAX
#define	copy_words(d, s, n)	(s)
#define	fill_words(d, w, n)	((void)0)
#endif

/*
 * Copies from the lowest byte up.  If d is below s, or the two do not overlap,
 * each byte is read before it is overwritten.  Not restrict, because memmove
 * uses it.
 */
static inline void
copy_up(unsigned char *d, const unsigned char *s, size_t len)
{

	if (len >= STRING_MIN) {
		s = copy_words(d, s, len / 4);
		d += len & ~(size_t)3;
		len %= 4;
	} else if (COALIGNED(d, s)) {
		for (; len > 0 && ((uintptr_t)d & WMASK) != 0; len--)
			*d++ = *s++;
		for (; len >= WSIZE; len -= WSIZE) {
			*(word_t *)d = *(const word_t *)s;
			d += WSIZE;
			s += WSIZE;
		}
	}
	while (len-- > 0)
		*d++ = *s++;
}

/* Copies from the highest byte down; d and s are the ends. */
static inline void
copy_down(unsigned char *d, const unsigned char *s, size_t len)
{

	if (COALIGNED(d, s)) {
		for (; len > 0 && ((uintptr_t)d & WMASK) != 0; len--)
			*--d = *--s;
		for (; len >= WSIZE; len -= WSIZE) {
			d -= WSIZE;
			s -= WSIZE;
			*(word_t *)d = *(const word_t *)s;
		}
	}
	while (len-- > 0)
		*--d = *--s;
}

void *
memcpy(void *restrict dst, const void *restrict src, size_t len)
{

	copy_up(dst, src, len);
	return (dst);
}

void *
memmove(void *dst, const void *src, size_t len)
{

	/* If dst is below src the difference wraps to a large value. */
	if ((uintptr_t)dst - (uintptr_t)src >= len)
		copy_up(dst, src, len);
	else
		copy_down((unsigned char *)dst + len,
		    (const unsigned char *)src + len, len);
	return (dst);
}

void *
memset(void *dst, int c, size_t len)
{
	unsigned char *d = dst;
	word_t w;

	w = (word_t)-1 / 0xff * (unsigned char)c;	/* c in each byte */
	if (len >= STRING_MIN) {
		fill_words(d, (uint32_t)w, len / 4);
		d += len & ~(size_t)3;
		len %= 4;
	}
	for (; len > 0 && ((uintptr_t)d & WMASK) != 0; len--)
		*d++ = (unsigned char)c;
	for (; len >= WSIZE; len -= WSIZE) {
		*(word_t *)d = w;
		d += WSIZE;
	}
	while (len-- > 0)
		*d++ = (unsigned char)c;
	return (dst);
}

int
memcmp(const void *a, const void *b, size_t len)
{
	const unsigned char *p = a, *q = b;

	for (; len > 0; len--, p++, q++) {
		if (*p != *q)
			return (*p - *q);
	}
	return (0);
}

size_t
strlen(const char *s)
{
	const char *p;

	for (p = s; *p != '\0'; p++)
		continue;
	return ((size_t)(p - s));
}

size_t
strnlen(const char *s, size_t max)
{
	size_t n;

	for (n = 0; n < max && s[n] != '\0'; n++)
		continue;
	return (n);
}

int
strcmp(const char *a, const char *b)
{

	for (; *a != '\0' && *a == *b; a++, b++)
		continue;
	return ((unsigned char)*a - (unsigned char)*b);
}

int
strncmp(const char *a, const char *b, size_t len)
{

	for (; len > 0; len--, a++, b++) {
		if (*a != *b)
			return ((unsigned char)*a - (unsigned char)*b);
		if (*a == '\0')
			break;
	}
	return (0);
}

char *
strchr(const char *s, int c)
{

	/* The final NUL counts as part of the string. */
	for (; *s != (char)c; s++) {
		if (*s == '\0')
			return (NULL);
	}
	return ((char *)(uintptr_t)s);
}
