/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* The calls about memory. */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <task/call.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>

#define	PROT_ALL	(PROT_READ | PROT_WRITE | PROT_EXEC)
#define	MAP_ALL		(PROT_ALL | MAP_PRIVATE | MAP_SHARE | MAP_FIXED)

int32_t
call_mem_create(struct userframe *uf, u_int handle)
{
	struct kref ref = { .ops = &vm_object_ops, .rights = RIGHT_READ |
	    RIGHT_WRITE | RIGHT_EXEC | RIGHT_DUP };
	struct vm_object *ob;
	int error;

	if (handle != 0 || ARG1(uf) == 0)
		return (-EINVAL);
	if (ARG1(uf) > OBJECT_MAXPAGES)
		return (-EFBIG);
	ref.object = ob = vm_object_create(ARG1(uf),
	    curtask()->t_map->vm_charge);
	if (ob == NULL)
		return (-ENOMEM);
	error = handle_alloc(curtask(), &ref, &handle);
	if (error == 0)
		return ((int32_t)handle);
	vm_object_release(ob);
	return (-error);
}

/* Whether [va, va + size) is whole pages of user addresses. */
static int
check_range(uint32_t va, uint32_t size)
{
	if ((va & PAGE_MASK) != 0 || (size & PAGE_MASK) != 0 || size == 0)
		return (EINVAL);
	if (va > USER_END || size > USER_END - va)
		return (ENOMEM);
	return (0);
}

/*
 * What a mapping of an object may ever allow, by the rights of its handle.
 * Writes to private copies need no right to write.
 */
static u_int
most_prot(u_int rights, u_int flags)
{
	u_int prot = PROT_READ;

	if ((rights & RIGHT_WRITE) != 0 || (flags & MAP_PRIVATE) != 0)
		prot |= PROT_WRITE;
	if ((rights & RIGHT_EXEC) != 0)
		prot |= PROT_EXEC;
	return (prot);
}

int32_t
call_mem_map(struct userframe *uf, u_int handle)
{
	vm_offset_t va = ARG1(uf);
	uint32_t size = ARG2(uf), first = ARG3(uf), flags = ARG4(uf);
	struct kref ref = { .object = NULL, .rights = RIGHT_WRITE | RIGHT_EXEC };
	int error = check_range(va, size);

	if (error != 0)
		return (-error);
	if ((flags & ~MAP_ALL) != 0 || (handle == 0 && first != 0) ||
	    (flags & (MAP_PRIVATE | MAP_SHARE)) == (MAP_PRIVATE | MAP_SHARE))
		return (-EINVAL);
	if (handle != 0)
		error = handle_get(curtask(), handle, &vm_object_ops,
		    RIGHT_READ, &ref);
	if (error != 0)
		return (-error);
	error = vm_map_insert(curtask()->t_map, ref.object, first, &va, size,
	    flags, most_prot(ref.rights, flags));
	if (handle != 0)
		kref_release(&ref);
	/* An address below USER_END is never mistaken for an error. */
	return (error != 0 ? -error : (int32_t)va);
}

int32_t
call_mem_unmap(struct userframe *uf, u_int handle)
{
	int error = check_range(ARG1(uf), ARG2(uf));

	if (error == 0 && handle != 0)
		error = EINVAL;
	if (error == 0)
		error = vm_map_remove(curtask()->t_map, ARG1(uf), ARG2(uf));
	return (-error);
}

int32_t
call_mem_protect(struct userframe *uf, u_int handle)
{
	int error = check_range(ARG1(uf), ARG2(uf));

	if (error == 0 && (handle != 0 || (ARG3(uf) & ~PROT_ALL) != 0))
		error = EINVAL;
	if (error == 0)
		error = vm_map_protect(curtask()->t_map, ARG1(uf), ARG2(uf),
		    ARG3(uf));
	return (-error);
}

/* Both directions: rw is that of the task's buffer. */
static int32_t
object_io(struct userframe *uf, u_int handle, enum uio_rw rw, u_int right)
{
	uint64_t offset = arg_64(ARG3(uf), ARG4(uf));
	uint32_t size = ARG2(uf);
	struct kref ref;
	struct uio uio;
	int error = call_buffer(&uio, ARG1(uf), size, rw);

	if (error == 0)
		error = handle_get(curtask(), handle, &vm_object_ops, right,
		    &ref);
	if (error != 0)
		return (-error);
	error = vm_object_io(ref.object, offset, &uio);
	kref_release(&ref);
	return (call_moved(uio.uio_resid != size ? 0 : error, size, &uio));
}

int32_t
call_mem_read(struct userframe *uf, u_int handle)
{
	return (object_io(uf, handle, UIO_READ, RIGHT_READ));
}

int32_t
call_mem_write(struct userframe *uf, u_int handle)
{
	return (object_io(uf, handle, UIO_WRITE, RIGHT_WRITE));
}

int32_t
call_mem_size(struct userframe *uf, u_int handle)
{
	struct vm_object *ob;
	struct kref ref;
	uint64_t size;
	int error = handle_get(curtask(), handle, &vm_object_ops, RIGHT_READ,
	    &ref);

	if (error != 0)
		return (-error);
	ob = ref.object;
	mtx_lock(&ob->ob_lock);
	size = ob->ob_size;
	mtx_unlock(&ob->ob_lock);
	kref_release(&ref);
	uf->tf.ebx = (uint32_t)size;
	uf->tf.esi = (uint32_t)(size >> 32);
	return (0);
}
