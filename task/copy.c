/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * How a call gets at the memory that its arguments name: by a uio of the calling
 * task's address space.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/uio.h>
#include <task/call.h>

/* Contracts are in <task/call.h>. */
int
call_error(int error)
{
	return (error == EACCES ? EFAULT : error);
}

int
call_buffer(struct uio *uio, uint32_t base, uint32_t size, enum uio_rw rw)
{
	if (base > USER_END || size > USER_END - base)
		return (EFAULT);
	*uio = (struct uio){ .uio_map = curtask()->t_map, .uio_base = base,
	    .uio_resid = size, .uio_rw = rw };
	return (0);
}

int
call_copyin(uint32_t from, void *to, size_t size)
{
	struct uio uio;
	int error = call_buffer(&uio, from, size, UIO_WRITE);

	return (error != 0 ? error : call_error(uiomove(to, size, &uio)));
}

int
call_copyout(const void *from, uint32_t to, size_t size)
{
	struct uio uio;
	int error = call_buffer(&uio, to, size, UIO_READ);

	return (error != 0 ? error : call_error(uiomove(
	    (void *)(uintptr_t)from, size, &uio)));
}
