/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What tests/monitor.t needs to see the console under load.  Hidden, because
 * they print much, and only a terminal shows whether it is right.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>

#define	LINES		200u

static struct spinlock some_lock = SPINLOCK_INITIALIZER("some", RANK_DEVICE);

static void
print_lines(void *arg)
{
	(void)arg;
	for (u_int i = 0; i < LINES; i++)
		printf("# cpu %u line %u %0*u.\n", curcpu_id(), i,
		    (int)(i % 50), 0);
}

HIDDEN_TEST(whole_lines, "console.many_cpus_print_at_once")
{
	run_on_all_cpus(print_lines, NULL);
}

/* More than the console keeps, of a caller that may not wait. */
HIDDEN_TEST(much_under_a_lock, "console.prints_much_under_a_spin_lock")
{
	spin_lock(&some_lock);
	for (u_int i = 0; i < 10 * LINES; i++)
		printf("# line %u under a spin lock\n", i);
	spin_unlock(&some_lock);
}
