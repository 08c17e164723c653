/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_DEADLINE_H_
#define	_SYS_DEADLINE_H_

/* Bounded waits for another CPU: kern/sync/deadline.c. */

#include <sys/types.h>

/* A wait for another CPU: all zero before the first deadline_passed(). */
struct deadline {
	uint64_t start;		/* TSC ticks; 0: it begins now */
	bool warned;
	bool late;		/* in its last part, from `start' */
};

bool	deadline_passed(struct deadline *w);
bool	deadline_warning_due(struct deadline *w);
bool	deadline_over(struct deadline *w);

extern u_int ipi_timeout_ms;	/* the option ipi.timeout= */

#endif /* !_SYS_DEADLINE_H_ */
