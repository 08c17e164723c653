/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests that the image of VARIANT=ubsan notices what C does not define: each
 * case does such a thing on purpose, and must not return.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/test.h>

static volatile long long most = 0x7fffffffffffffff;
static volatile u_int width = 33, seven = 7;
static volatile int minus = -1;
static uint32_t array[7];

PANIC_TEST(sum, "ubsan.sum_too_large")
{
	most = most + 1;
}

PANIC_TEST(shift, "ubsan.shift_too_far")
{
	width = 1u << width;
}

PANIC_TEST(negative_shift, "ubsan.shift_by_a_negative")
{
	width = 1u << minus;
}

PANIC_TEST(bounds, "ubsan.index_out_of_bounds")
{
	array[seven] = 1;
}

PANIC_TEST(alignment, "ubsan.not_aligned")
{
	uint32_t *volatile p = (uint32_t *)((uintptr_t)array + 1);

	*p = 1;
}

PANIC_TEST(boolean, "ubsan.no_boolean")
{
	volatile uint8_t byte = 7;

	minus = *(volatile bool *)&byte;
}

PANIC_TEST(pointer, "ubsan.pointer_wraps")
{
	char *volatile p = (char *)0xfffffff0;

	p += 0x100000 * width;
	(void)*p;
}
