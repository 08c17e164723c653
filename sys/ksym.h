/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_KSYM_H_
#define	_SYS_KSYM_H_

#include <sys/types.h>

/*
 * The kernel's own symbols: kern/lib/ksym.c.  To print an address with its
 * name, printf() has %pS and %pC.
 */

/*
 * ksym_lookup: returns the name of the function that pc lies in, and in
 * *offset the bytes from its start to pc; NULL, with *offset unchanged, if pc
 * is outside the kernel's text.  Any context.
 */
const char *ksym_lookup(uintptr_t pc, uintptr_t *offset);

#endif /* !_SYS_KSYM_H_ */
