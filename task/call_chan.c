/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* The calls about channels. */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <ipc/channel.h>
#include <task/call.h>

#define	CHAN_ALL	(CHAN_NONBLOCK | CHAN_PEEK)
#define	SENDMEM_FLAGS	24		/* the shift of the flags in EBX */

static int
get_end(u_int handle, u_int rights, struct kref *ref)
{
	return (handle_get(curtask(), handle, &chan_end_ops, rights, ref));
}

int32_t
call_chan_create(struct userframe *uf, u_int handle)
{
	struct kref refs[2] = { { .ops = &chan_end_ops, .rights = RIGHT_READ |
	    RIGHT_WRITE | RIGHT_DUP } };
	struct chan_end *ends[2];
	u_int handles[2];
	int error;

	if (handle != 0 ||
	    (ARG1(uf) != CHAN_STREAM && ARG1(uf) != CHAN_MESSAGE))
		return (-EINVAL);
	error = chan_create(ARG1(uf), ends);
	if (error != 0)
		return (-error);
	refs[1] = refs[0];
	refs[0].object = ends[0];
	refs[1].object = ends[1];
	error = handle_alloc(curtask(), &refs[0], &handles[0]);
	if (error != 0) {
		kref_release(&refs[0]);
		kref_release(&refs[1]);
		return (-error);
	}
	error = handle_alloc(curtask(), &refs[1], &handles[1]);
	if (error != 0) {
		(void)handle_close(curtask(), handles[0]);
		kref_release(&refs[1]);
		return (-error);
	}
	uf->tf.ebx = handles[1];
	return ((int32_t)handles[0]);
}

static void
release_all(const struct kref *refs, u_int n)
{
	while (n > 0)
		kref_release(&refs[--n]);
}

/*
 * Takes the references that the task sends: *n of them.  `at' is the address of
 * its struct chan_handles, or 0.
 */
static int
take_handles(uint32_t at, struct kref refs[CHAN_MAXHANDLES], u_int *n)
{
	struct chan_handles h;
	int error = 0;

	*n = 0;
	if (at == 0)
		return (0);
	error = call_copyin(at, &h, sizeof(h));
	if (error == 0 && h.count > CHAN_MAXHANDLES)
		error = E2BIG;
	for (u_int i = 0; error == 0 && i < h.count; i++) {
		error = handle_get(curtask(), h.handle[i], NULL, RIGHT_DUP,
		    &refs[i]);
		if (error == 0)
			*n = i + 1;
	}
	if (error != 0)
		release_all(refs, *n);
	return (error);
}

int32_t
call_chan_write(struct userframe *uf, u_int handle)
{
	uint32_t size = ARG2(uf), flags = ARG3(uf);
	struct kref refs[CHAN_MAXHANDLES], end;
	struct uio uio;
	u_int n;
	int error = call_buffer(&uio, ARG1(uf), size, UIO_WRITE);

	if (error == 0 && (flags & ~CHAN_NONBLOCK) != 0)
		error = EINVAL;
	if (error == 0)
		error = get_end(handle, RIGHT_WRITE, &end);
	if (error != 0)
		return (-error);
	error = take_handles(ARG4(uf), refs, &n);
	if (error == 0) {
		error = chan_write(end.object, &uio, flags, refs, n);
		if (error != 0)
			release_all(refs, n);
	}
	kref_release(&end);
	return (call_moved(error, size, &uio));
}

/*
 * Enters the references that came in the task's table.  What finds no room, or
 * could not be told to the task, is dropped.
 */
static int
give_handles(uint32_t at, const struct kref *refs, u_int n)
{
	struct chan_handles h = { .count = 0 };
	int error = 0;

	for (u_int i = 0; i < n; i++) {
		error = handle_alloc(curtask(), &refs[i], &h.handle[h.count]);
		if (error == 0)
			h.count++;
		else
			kref_release(&refs[i]);
	}
	error = call_copyout(&h, at, sizeof(h));
	if (error != 0)
		while (h.count > 0)
			(void)handle_close(curtask(), h.handle[--h.count]);
	return (error);
}

int32_t
call_chan_read(struct userframe *uf, u_int handle)
{
	uint32_t size = ARG2(uf), flags = ARG3(uf), at = ARG4(uf);
	static const struct chan_handles none;
	struct kref refs[CHAN_MAXHANDLES], end;
	u_int n = at != 0 ? CHAN_MAXHANDLES : 0;
	struct uio uio;
	int error = call_buffer(&uio, ARG1(uf), size, UIO_READ);

	if (error == 0 && (flags & ~CHAN_ALL) != 0)
		error = EINVAL;
	/* An address that cannot be written is found before anything moves. */
	if (error == 0 && at != 0)
		error = call_copyout(&none, at, sizeof(none));
	if (error == 0)
		error = get_end(handle, RIGHT_READ, &end);
	if (error != 0)
		return (-error);
	error = chan_read(end.object, &uio, flags, refs, &n);
	kref_release(&end);
	if (error == 0 && at != 0 && n != 0)
		error = give_handles(at, refs, n);
	return (call_moved(error, size, &uio));
}

int32_t
call_chan_call(struct userframe *uf, u_int handle)
{
	uint32_t room = ARG4(uf);
	struct uio out, in;
	struct kref end;
	int error = call_buffer(&out, ARG1(uf), ARG2(uf), UIO_WRITE);

	if (error == 0)
		error = call_buffer(&in, ARG3(uf), room, UIO_READ);
	if (error == 0)
		error = get_end(handle, RIGHT_READ | RIGHT_WRITE, &end);
	if (error != 0)
		return (-error);
	error = chan_call(end.object, &out, &in);
	kref_release(&end);
	return (call_moved(error, room, &in));
}

int32_t
call_chan_sendmem(struct userframe *uf, u_int handle)
{
	u_int flags = ARG1(uf) >> SENDMEM_FLAGS;
	u_int object = ARG1(uf) & ((1u << SENDMEM_FLAGS) - 1);
	uint64_t offset = arg_64(ARG3(uf), ARG4(uf));
	struct kref end, mem;
	vm_size_t sent = 0;
	int error;

	if ((flags & ~CHAN_NONBLOCK) != 0 || ARG2(uf) > INT32_MAX)
		return (-EINVAL);
	error = get_end(handle, RIGHT_WRITE, &end);
	if (error != 0)
		return (-error);
	error = handle_get(curtask(), object, &vm_object_ops, RIGHT_READ,
	    &mem);
	if (error == 0) {
		error = chan_sendmem(end.object, mem.object, offset, ARG2(uf),
		    flags, &sent);
		kref_release(&mem);
	}
	kref_release(&end);
	return (sent != 0 ? (int32_t)sent : -error);
}

int32_t
call_chan_ctl(struct userframe *uf, u_int handle)
{
	u_int op = ARG1(uf), arg = ARG2(uf), result = 0;
	struct kref end;
	int error;

	if (op > CHAN_SHUT ||
	    (op == CHAN_SHUT && (arg & ~(RIGHT_READ | RIGHT_WRITE)) != 0))
		return (-EINVAL);
	/* A way is shut by what may use it. */
	error = get_end(handle, op == CHAN_SHUT ? arg : RIGHT_READ, &end);
	if (error != 0)
		return (-error);
	error = chan_ctl(end.object, op, arg, &result);
	kref_release(&end);
	return (error != 0 ? -error : (int32_t)result);
}
