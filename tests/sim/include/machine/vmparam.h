/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SIM_MACHINE_VMPARAM_H_
#define	_SIM_MACHINE_VMPARAM_H_

/* The real one, but with the size that a slot has where pointers are wider. */

#include "../../../../arch/i386/include/vmparam.h"
#undef SF_SLOT_SIZE
#define	SF_SLOT_SIZE	sizeof(struct sf_buf)

#endif /* !_SIM_MACHINE_VMPARAM_H_ */
