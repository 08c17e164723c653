/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SIM_MACHINE_VMPARAM_H_
#define	_SIM_MACHINE_VMPARAM_H_

/* The real addresses, except that the linker places vm_page_array[]. */

#include "../../../../arch/i386/include/vmparam.h"
#undef VM_PAGE_OFFSET
#define	VM_PAGE_OFFSET(m)	((uintptr_t)(m) - (uintptr_t)vm_page_array)

#endif /* !_SIM_MACHINE_VMPARAM_H_ */
