/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the choice of the run's job.  Invariant: the choice depends on the
 * command line and the orders of the jobs only, not on where the linker put
 * them.
 */

#include <sys/types.h>
#include <sys/job.h>
#include <sys/power.h>
#include <sys/systm.h>

/* Weak, for an image without jobs. */
extern const struct job *const __start_set_jobs[] __attribute__((weak));
extern const struct job *const __stop_set_jobs[] __attribute__((weak));

/* The wanted job of the lowest order; NULL if there is none. */
static const struct job *
choose_job(void)
{
	const struct job *const *p, *chosen = NULL;

	for (p = __start_set_jobs; p < __stop_set_jobs; p++) {
		if (!(*p)->wanted())
			continue;
		KASSERT(chosen == NULL || (*p)->order != chosen->order,
		    "job_run: two jobs have the order %u", (*p)->order);
		if (chosen == NULL || (*p)->order < chosen->order)
			chosen = *p;
	}
	return (chosen);
}

u_int
job_run(void)
{
	const struct job *job = choose_job();

	if (job == NULL) {
		printf("mayfly: this image has no job\n");
		return (EXIT_NOTHING);
	}
	return (job->run());
}
