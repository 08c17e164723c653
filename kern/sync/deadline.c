/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Bounded waits for another CPU: after a second a warning on the console,
 * after ipi.timeout a panic by the caller, which shows every CPU.
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

static bool
has_lasted(struct deadline *w, u_int ms)
{
	uint64_t now = cpu_ticks();

	if (w->start == 0)
		w->start = now;
	/* The thread may have moved to a CPU whose TSC is a little behind. */
	return ((int64_t)(now - w->start) > (int64_t)(ms * ticks_per_ms));
}

/*
 * deadline_warning_due: true exactly once, when the wait has lasted a second:
 * time for a warning.  Any context.
 */
bool
deadline_warning_due(struct deadline *w)
{
	if (w->warned || !has_lasted(w, WARN_MS))
		return (false);
	w->warned = true;
	return (true);
}

/* One CPU warns at a time: many may wait, and none shall for the console. */
static void
warn_of_wait(const void *caller)
{
	static volatile uint32_t warning;

	if (!atomic_cmpset_32(&warning, 0, 1))
		return;
	printf("CPU %u waits for another for a second (called from %pC)\n",
	    curcpu_id(), caller);
	atomic_store_rel_32(&warning, 0);
}

/*
 * deadline_over: as deadline_passed(), but without its warning, for callers
 * that print their own.
 *
 * The timeout has two parts.  Its last sixteenth begins when this CPU sees the
 * first part to be over.  That may have passed while no CPU ran, or not this
 * one, as in a guest; then the other CPU is ready by now, or soon will be.
 */
bool
deadline_over(struct deadline *w)
{
	u_int last = ipi_timeout_ms / 16;

	if (!has_lasted(w, w->late ? last : ipi_timeout_ms - last))
		return (false);
	if (w->late)
		return (true);
	w->late = true;
	w->start = cpu_ticks();
	return (false);
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
