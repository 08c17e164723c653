/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_FAULT_H_
#define	_SYS_FAULT_H_

/*
 * Describers of page faults.  One is declared beside the code that owns a
 * window of addresses, and reaches arch/i386/trap/trap.c by the linker set
 * "set_fault_describers".
 */

#include <sys/types.h>

/*
 * FAULT_DESCRIBER: fn(va) is called for every page fault that ends in a panic,
 * before its message.  If va is in the window of fn, it prints what is known of
 * the address; otherwise it prints nothing.  Any context: it takes no lock but
 * the console's, by printf().
 */
#define	FAULT_DESCRIBER(fn)						\
	static void (*const set_##fn)(vm_offset_t)			\
	    __attribute__((section("set_fault_describers"), used)) = fn

#endif /* !_SYS_FAULT_H_ */
