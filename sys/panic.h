/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_PANIC_H_
#define	_SYS_PANIC_H_

/* What a panic shows, and how it ends: kern/debug/panic.c. */

#include <sys/types.h>

struct trapframe;

/*
 * panic_frame: as panic(), which is in <sys/systm.h>, but shows the registers
 * and the calls of the interrupted code tf.  Any context.
 */
void	panic_frame(struct trapframe *tf, const char *fmt, ...)
	    __attribute__((__noreturn__, __format__(__printf__, 2, 3)));

/* panicked: whether any CPU has panicked.  Any context. */
bool	panicked(void);

/* panicked_here: whether this CPU was the first to panic.  Any context. */
bool	panicked_here(void);

#endif /* !_SYS_PANIC_H_ */
