/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _USER_NATIVE_H_
#define	_USER_NATIVE_H_

/*
 * The kernel's calls, as C functions: user/start.asm.
 *
 * A result below 0 is minus an error number, which native() has turned from the
 * kernel's (those of the BSDs) to Linux's: user/linux.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/abi/call.h>

/* A call's further results. */
struct results {
	uint32_t ebx, esi;
};

/*
 * native_raw: enters the kernel.  The result is as the kernel gave it.  res may
 * be NULL.
 */
int	native_raw(uint32_t eax, uint32_t ebx, uint32_t esi, uint32_t edi,
	    uint32_t ebp, struct results *res)
	    __attribute__((__regparm__(0)));

int	native(uint32_t eax, uint32_t ebx, uint32_t esi, uint32_t edi,
	    uint32_t ebp);
int	native_results(uint32_t eax, uint32_t ebx, uint32_t esi, uint32_t edi,
	    uint32_t ebp, struct results *res);

/*
 * native_sleep: a call that may sleep.  It is made again when it was
 * interrupted but no signal is to be handled, so that -EINTR means that one is.
 */
int	native_sleep(uint32_t eax, uint32_t ebx, uint32_t esi, uint32_t edi,
	    uint32_t ebp);

#endif /* !_USER_NATIVE_H_ */
