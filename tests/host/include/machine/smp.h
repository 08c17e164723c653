/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_SMP_H_
#define	_MACHINE_SMP_H_

/* Host shim: the test is the machine, and defines these. */

#include <sys/types.h>

uint32_t tlb_close(void);
bool	tlb_is_clean(uint32_t stamp);
void	tlb_force(uint32_t stamp);
bool	tlb_may_wait(void);

#endif /* !_MACHINE_SMP_H_ */
