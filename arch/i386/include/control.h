/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CONTROL_H_
#define	_MACHINE_CONTROL_H_

/* Control registers: CR0, CR4, EFER.  See arch/i386/mmu/control.c. */

#include <sys/types.h>

void	control_init_boot(bool *pge, bool *nx);
bool	control_init_ap(void);
const char *control_error(void);
bool	control_has_fxsr(void);
bool	control_has_sysenter(void);

#endif /* !_MACHINE_CONTROL_H_ */
