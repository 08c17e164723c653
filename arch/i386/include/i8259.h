/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_I8259_H_
#define	_MACHINE_I8259_H_

/* The PC's first interrupt controllers: arch/i386/pc/i8259.c. */

#define	VECTOR_8259	0x20u		/* to 0x2f: lines 0 to 15 */

void	i8259_mask(void);

#endif /* !_MACHINE_I8259_H_ */
