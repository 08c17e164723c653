/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CLOCK_H_
#define	_MACHINE_CLOCK_H_

/* The clock of each CPU, which stops while it idles: arch/i386/pc/clock.c. */

#include <sys/types.h>

void	clock_stop(uint64_t next);
void	clock_start(void);

#endif /* !_MACHINE_CLOCK_H_ */
