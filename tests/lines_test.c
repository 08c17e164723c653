/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests that the lines which many CPUs print at once are whole.  The screen is
 * the witness: it has the last lines as they were printed.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/pmap.h>

#define	SCREEN_PA	0xb8000u
#define	COLS		80u
#define	ROWS		24u	/* and an empty one, where the cursor is */
#define	LETTERS		40u
#define	HEAD		17u	/* columns before the letters */

static volatile uint32_t printed;

/* Each line, in which all CPUs begin at the same time. */
static void
print_lines(void *arg)
{
	char letters[LETTERS + 1];

	(void)arg;
	memset(letters, 'a' + (int)(curcpu_id() % 26), LETTERS);
	letters[LETTERS] = '\0';
	for (u_int i = 0; i < 2 + 64 / mp_ncpus; i++) {
		atomic_fetchadd_32(&printed, 1);
		while (printed < (i + 1) * mp_ncpus)
			cpu_spinwait();
		printf("# CPU %3u prints %s.\n", curcpu_id(), letters);
	}
}

static char
screen(u_int row, u_int col)
{
	const volatile uint16_t *text = pmap_dmap(SCREEN_PA);

	return ((char)text[row * COLS + col]);
}

/* True if the row is one whole line of print_lines(). */
static bool
is_whole(u_int row)
{
	char letter = screen(row, HEAD);

	for (u_int i = 0; i < LETTERS; i++)
		if (screen(row, HEAD + i) != letter)
			return (false);
	return (screen(row, 0) == '#' && screen(row, HEAD - 1) == ' ' &&
	    letter >= 'a' && letter <= 'z' &&
	    screen(row, HEAD + LETTERS) == '.' &&
	    screen(row, HEAD + LETTERS + 1) == ' ');
}

TEST(whole, "printf.lines_of_many_cpus_are_whole")
{
	u_int whole_rows = 0, begun = 0;

	printed = 0;
	run_on_all_cpus(print_lines, NULL);
	for (u_int row = 0; row < ROWS; row++) {
		whole_rows += is_whole(row);
		begun += screen(row, 0) == '#';
	}
	if (begun == 0)
		test_skip("no screen");
	else
		EXPECT_EQ(whole_rows, ROWS);
}
