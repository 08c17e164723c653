/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests that a line is whole on the console while another CPU prints.  The
 * screen is the witness: it has the last lines as they were printed.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/cpufunc.h>
#include <machine/pmap.h>
#include <machine/trap.h>
#include <machine/tsc.h>

#define	SCREEN_PA	0xb8000u
#define	COLS		80u
#define	ROWS		25u
#define	LENGTH		40u	/* of the line */
#define	HALF		20u
#define	OTHER_MS	200u	/* in which another CPU could print */

static volatile uint32_t half_is_out, other_is_out;
static char letter;		/* of which the line consists */

static char
screen(u_int row, u_int col)
{
	const volatile uint16_t *text = pmap_dmap(SCREEN_PA);

	return ((char)text[row * COLS + col]);
}

/* The row whose first half is of this letter, counted from 1; 0: none. */
static u_int
row_of(char c)
{
	u_int row = ROWS;

	while (row > 0 && screen(row - 1, HALF) != c)
		row--;
	return (row);
}

static void
print_too(void *arg)
{
	uint64_t start = cpu_ticks();

	(void)arg;
	while (half_is_out == 0 && cpu_ticks() - start < 3000 * ticks_per_ms)
		cpu_spinwait();
	printf("# the line of another CPU\n");
	other_is_out = 1;
}

/* Called after each instruction of the printf(): waits when half is out. */
static void
wait_at_half(const struct trapframe *tf)
{
	uint64_t start;

	(void)tf;
	if (half_is_out != 0 || row_of(letter) == 0)
		return;
	half_is_out = 1;
	start = cpu_ticks();
	while (other_is_out == 0 &&
	    cpu_ticks() - start < OTHER_MS * ticks_per_ms)
		cpu_spinwait();
}

/* Prints a line of a letter that no row has in the middle. */
static void
print_in_steps(void)
{
	char line[LENGTH + 1] = "# ";

	for (letter = 'a'; row_of(letter) != 0; letter++)
		continue;
	for (u_int i = 2; i < LENGTH; i++)
		line[i] = letter;
	trap_step = wait_at_half;
	__asm__ volatile("pushfl; orl $0x100, (%%esp); popfl" : : :
	    "memory", "cc");
	printf("%s\n", line);
	__asm__ volatile("pushfl; andl $~0x100, (%%esp); popfl" : : :
	    "memory", "cc");
	trap_step = NULL;
}

TEST(whole, "printf.a_line_is_whole_while_another_cpu_prints")
{
	struct thread *td;
	u_int row;

	if (mp_ncpus < 2) {
		test_skip("one CPU");
		return;
	}
	half_is_out = other_is_out = 0;
	sched_bind(0);
	td = thread_create_on(1, print_too, NULL, "test");
	print_in_steps();
	thread_join(td);		/* its line moves the rows */
	if (half_is_out == 0) {
		test_skip("no screen");
	} else {
		row = row_of(letter);
		for (u_int i = 2; i < LENGTH && row != 0; i++)
			EXPECT_EQ(screen(row - 1, i), letter);
		EXPECT(row != 0 && screen(row - 1, LENGTH) == ' ');
	}
	sched_unbind();
}
