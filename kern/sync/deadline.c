/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Bounded waits for another CPU: after a second a warning on the console,
 * after ipi.timeout a panic by the caller, which shows every CPU.
 *
 * Invariant: a wait lasts as long as the waiting thread has spun, by
 * stopwatch_lap().  Time in which its CPU was stopped, as in a guest, or ran
 * another thread, counts for little: the other CPU may not have run either.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/tsc.h>

#define	WARN_MS		1000u

u_int ipi_timeout_ms = 30000;
TUNABLE_UINT(ipi_timeout, "ipi.timeout", ipi_timeout_ms, 100, 600000,
    "milliseconds after which a CPU that does not answer is a panic");

/*
 * deadline_lasted: true when the caller has waited for this many milliseconds.
 * To be called in each turn of the loop that waits.  Any context.
 */
bool
deadline_lasted(struct deadline *w, u_int ms)
{
	w->passed += stopwatch_lap(&w->watch);
	return (w->passed > ms * ticks_per_ms);
}

/*
 * deadline_warning_due: true exactly once, when the wait has lasted a second:
 * time for a warning.  Any context.
 */
bool
deadline_warning_due(struct deadline *w)
{
	if (w->warned || !deadline_lasted(w, WARN_MS))
		return (false);
	w->warned = true;
	return (true);
}

/*
 * One CPU warns at a time, so that many that wait do not also wait for the
 * console.  Does not sleep: a terminal that is not read must not keep the caller
 * from its time limit, and a sleep within sleepq_wait() would change what that
 * returns.
 */
static void
warn_of_wait(const void *caller)
{
	static volatile uint32_t warning;

	if (!atomic_cmpset_32(&warning, 0, 1))
		return;
	printf_nosleep("CPU %u waits for another for a second (called from "
	    "%pC)\n", curcpu_id(), caller);
	atomic_store_rel_32(&warning, 0);
}

/*
 * deadline_over: as deadline_passed(), but without its warning, for callers
 * that print their own.
 */
bool
deadline_over(struct deadline *w)
{
	return (deadline_lasted(w, ipi_timeout_ms));
}

/*
 * deadline_passed: to be called in each turn of a loop that waits for another
 * CPU.  Warns after a second, naming the caller; true when ipi.timeout has
 * passed.  Any context.
 */
bool
deadline_passed(struct deadline *w)
{
	if (deadline_warning_due(w))
		warn_of_wait(__caller());
	return (deadline_over(w));
}
