/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_KSYM_H_
#define	_SYS_KSYM_H_

#include <sys/types.h>

/*
 * ksym_lookup: the function that pc lies in, and how far into it; NULL, with
 * *offset untouched, outside the kernel's text.  Any context.
 */
const char *ksym_lookup(uintptr_t pc, uintptr_t *offset);

/* ksym_format: "name+0x12", or "?", into buf, which it returns. */
#define	KSYM_STRLEN	64
const char *ksym_format(uintptr_t pc, char buf[KSYM_STRLEN]);

#endif /* !_SYS_KSYM_H_ */
