/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * 64-bit division: functions that the compiler calls on i386, and that libgcc
 * supplies in a hosted program.  Nothing in here may divide 64-bit values with
 * the C operators, because the compiler would call these same functions.
 */

#include <sys/types.h>

/* The compiler calls these by name; no header declares them. */
uint64_t	__udivmoddi4(uint64_t n, uint64_t d, uint64_t *rem);
uint64_t	__udivdi3(uint64_t n, uint64_t d);
uint64_t	__umoddi3(uint64_t n, uint64_t d);
int64_t		__divdi3(int64_t n, int64_t d);
int64_t		__moddi3(int64_t n, int64_t d);

/*
 * Divides hi:lo by d.  The quotient must fit in 32 bits, that is hi < d, or
 * the CPU raises #DE; with d == 0 it always does, as it should.  Volatile, so
 * that a division by zero traps even if its result is not used.
 */
static inline uint32_t
div_64_32(uint32_t hi, uint32_t lo, uint32_t d, uint32_t *rem)
{
	uint32_t q;

	__asm__ volatile("divl %4"
	    : "=a" (q), "=d" (*rem)
	    : "0" (lo), "1" (hi), "rm" (d)
	    : "cc");
	return (q);
}

uint64_t
__udivmoddi4(uint64_t n, uint64_t d, uint64_t *rem)
{
	uint32_t qhi, qlo, r;
	int shift;

	if ((d >> 32) == 0) {
		/* The first remainder is below d, so the second step fits. */
		qhi = div_64_32(0, (uint32_t)(n >> 32), (uint32_t)d, &r);
		qlo = div_64_32(r, (uint32_t)n, (uint32_t)d, &r);
		if (rem != NULL)
			*rem = r;
		return ((uint64_t)qhi << 32 | qlo);
	}

	qlo = 0;
	if (n >= d) {
		/* d has a high word, so the quotient has at most 32 bits. */
		shift = __builtin_clz((uint32_t)(d >> 32)) -
		    __builtin_clz((uint32_t)(n >> 32));
		for (d <<= shift; shift >= 0; shift--, d >>= 1) {
			qlo <<= 1;
			if (n >= d) {
				n -= d;
				qlo |= 1;
			}
		}
	}
	if (rem != NULL)
		*rem = n;
	return (qlo);
}

uint64_t
__udivdi3(uint64_t n, uint64_t d)
{

	return (__udivmoddi4(n, d, NULL));
}

uint64_t
__umoddi3(uint64_t n, uint64_t d)
{
	uint64_t rem;

	(void)__udivmoddi4(n, d, &rem);
	return (rem);
}

/* The absolute value, unsigned because -INT64_MIN is no int64_t. */
static inline uint64_t
magnitude(int64_t v)
{

	return (v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

int64_t
__divdi3(int64_t n, int64_t d)
{
	uint64_t q;

	q = __udivmoddi4(magnitude(n), magnitude(d), NULL);
	return ((int64_t)((n < 0) != (d < 0) ? 0 - q : q));
}

/* The remainder has the sign of the dividend. */
int64_t
__moddi3(int64_t n, int64_t d)
{
	uint64_t rem;

	(void)__udivmoddi4(magnitude(n), magnitude(d), &rem);
	return ((int64_t)(n < 0 ? 0 - rem : rem));
}
