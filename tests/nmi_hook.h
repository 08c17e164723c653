/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_NMI_HOOK_H_
#define	_TESTS_NMI_HOOK_H_

/* Code of a test that a CPU runs in its next NMI: tests/nmi_hook.c. */

#include <sys/types.h>

void	nmi_hook_set(u_int cpu, void (*fn)(void));
void	nmi_hook_clear(void);

#endif /* !_TESTS_NMI_HOOK_H_ */
