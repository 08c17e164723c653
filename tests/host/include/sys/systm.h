/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SYSTM_H_
#define	_SYS_SYSTM_H_

/*
 * Host shim: the C library replaces the kernel's output and string functions.
 * The test defines panic(), which records its message and jumps back to the
 * test.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define	__printflike(f, a)	__attribute__((__format__(__printf__, f, a)))
#define	__dead2			__attribute__((__noreturn__))
#define	__caller()		__builtin_return_address(0)

void	panic(const char *fmt, ...) __dead2 __printflike(1, 2);

#define	KASSERT(cond, ...) do {						\
	if (__builtin_expect(!(cond), 0))				\
		panic(__VA_ARGS__);					\
} while (0)
#define	KDEBUG		KASSERT

#endif /* !_SYS_SYSTM_H_ */
