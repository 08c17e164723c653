/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of arch/i386/trap/stack.c: where a back-trace ends.  It must read
 * nothing that is not mapped, whatever the frames hold, because a panic reads
 * the frames of code that has just gone wrong.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <machine/trap.h>
#include <vm/kmem.h>

#define	FRAME_MAX	16384u		/* as in stack.c */
#define	STACK_BYTES	(FRAME_MAX + 2 * PAGE_SIZE)

static uintptr_t calls[4];

/* A frame, which names the frame of its caller, and where it returns to. */
static void
frame(char *at, const char *next, uintptr_t ret)
{
	uintptr_t *f = (uintptr_t *)at;

	f[0] = (uintptr_t)next;
	f[1] = ret;
}

static u_int
collect(const void *start, u_int max)
{
	memset(calls, 0, sizeof(calls));
	return (backtrace_collect(start, calls, max));
}

TEST(chain, "backtrace.follows_the_frames_up_to_the_0_or_the_limit")
{
	char *stack = kmem_alloc(STACK_BYTES, M_ZERO);

	frame(stack, stack + 64, 0x1001);
	frame(stack + 64, stack + 128, 0x2001);
	frame(stack + 128, stack + 256, 0x3001);
	EXPECT_EQ(collect(stack, nitems(calls)), 3);
	EXPECT(calls[0] == 0x1000 && calls[1] == 0x2000 && calls[2] == 0x3000);
	EXPECT_EQ(collect(stack, 2), 2);
	EXPECT_EQ(calls[2], 0);
	EXPECT_EQ(collect(stack, 0), 0);
	kmem_free(stack, STACK_BYTES);
}

TEST(no_frame, "backtrace.stops_at_what_cannot_be_a_frame")
{
	char *stack = kmem_alloc(STACK_BYTES, M_ZERO);

	frame(stack + 64, stack + 64, 0x1001);		/* its own */
	EXPECT_EQ(collect(stack + 64, nitems(calls)), 1);
	frame(stack + 64, stack, 0x1001);		/* below it */
	frame(stack, stack + 64, 0x2001);
	EXPECT_EQ(collect(stack + 64, nitems(calls)), 1);
	frame(stack + 64, stack + 64 + FRAME_MAX, 0x1001);
	frame(stack + 64 + FRAME_MAX, stack, 0x2001);
	EXPECT_EQ(collect(stack + 64, nitems(calls)), 2);
	frame(stack + 64, stack + 68 + FRAME_MAX, 0x1001);
	frame(stack + 68 + FRAME_MAX, stack, 0x2001);
	EXPECT_EQ(collect(stack + 64, nitems(calls)), 1);
	kmem_free(stack, STACK_BYTES);
}

/* The pages on both sides of the stack are not mapped. */
TEST(not_mapped, "backtrace.reads_nothing_that_is_not_mapped")
{
	char *stack = kmem_alloc(STACK_BYTES, M_ZERO), *end;

	end = stack + STACK_BYTES;
	EXPECT_EQ(collect(NULL, nitems(calls)), 0);
	EXPECT_EQ(collect(end, nitems(calls)), 0);
	*(uintptr_t *)(end - 4) = (uintptr_t)end;
	EXPECT_EQ(collect(end - 4, nitems(calls)), 0);
	frame(end - 8, end, 0x1001);
	EXPECT_EQ(collect(end - 8, nitems(calls)), 1);
	frame(end - 8, end + 8, 0x1001);
	EXPECT_EQ(collect(end - 8, nitems(calls)), 1);
	kmem_free(stack, STACK_BYTES);
}
