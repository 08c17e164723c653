/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* The kernel's calls: its error numbers become Linux's. */

#include <sys/errno.h>
#include "user/native.h"

bool	signal_deliverable(void);

/* Those errors whose numbers in Linux (the right column) differ. */
static const struct {
	uint8_t bsd, linux_number;
} errors[] = {
	{ EDEADLK, 35 },
	{ EAGAIN, 11 },
	{ EMSGSIZE, 90 },
	{ ENOBUFS, 105 },
	{ ETIMEDOUT, 110 },
	{ ENOSYS, 38 },
};

/* -4095 to -1 are errors; addresses and sizes are not in that range. */
static int
translate(int r)
{
	if (r >= 0 || r < -4095)
		return (r);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (-r == errors[i].bsd)
			return (-errors[i].linux_number);
	return (r);
}

int
native(uint32_t eax, uint32_t ebx, uint32_t esi, uint32_t edi, uint32_t ebp)
{
	return (translate(native_raw(eax, ebx, esi, edi, ebp, NULL)));
}

int
native_results(uint32_t eax, uint32_t ebx, uint32_t esi, uint32_t edi,
    uint32_t ebp, struct results *res)
{
	return (translate(native_raw(eax, ebx, esi, edi, ebp, res)));
}

int
native_sleep(uint32_t eax, uint32_t ebx, uint32_t esi, uint32_t edi,
    uint32_t ebp)
{
	int r;

	do
		r = native_raw(eax, ebx, esi, edi, ebp, NULL);
	while (r == -EINTR && !signal_deliverable());
	return (translate(r));
}
