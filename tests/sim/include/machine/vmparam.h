/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SIM_MACHINE_VMPARAM_H_
#define	_SIM_MACHINE_VMPARAM_H_

/*
 * The real addresses; but vm_page_array[] is where the linker puts it, and the
 * slots are where the host has room for them: tests/sim/sim.mk.
 */

#include "../../../../arch/i386/include/vmparam.h"
#undef SF_SLOTS_MIN
#define	SF_SLOTS_MIN		0x53d40000u
#undef VM_PAGE_OFFSET
#define	VM_PAGE_OFFSET(m)	((uintptr_t)(m) - (uintptr_t)vm_page_array)

#endif /* !_SIM_MACHINE_VMPARAM_H_ */
