/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_DEADLINE_H_
#define	_SYS_DEADLINE_H_

/* Bounded waits for another CPU: kern/sync/deadline.c. */

#include <sys/types.h>
#include <machine/tsc.h>

/* A wait for another CPU: all zero before the first call for it. */
struct deadline {
	struct stopwatch watch;
	uint64_t passed;	/* TSC ticks that the waiter was given */
	bool warned;
};

bool	deadline_passed(struct deadline *w);
bool	deadline_warning_due(struct deadline *w);
bool	deadline_over(struct deadline *w);
bool	deadline_lasted(struct deadline *w, u_int ms);

extern u_int ipi_timeout_ms;	/* the option ipi.timeout= */

#endif /* !_SYS_DEADLINE_H_ */
