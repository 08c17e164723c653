/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_STRESS_H_
#define	_SYS_STRESS_H_

/* Everything at once, for as long as the boot option stress= says. */

#include <sys/types.h>

bool	stress_wanted(void);
u_int	stress_run(void);	/* a value for machine_exit */

#endif /* !_SYS_STRESS_H_ */
