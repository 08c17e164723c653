/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* The calls about tasks, threads, handles and time. */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <machine/user.h>
#include <task/call.h>

int32_t
call_thread_self(struct userframe *uf, u_int handle)
{
	const struct uthread *ut = curuthread();

	(void)handle;
	uf->tf.ebx = ut->u_task->t_id;
	return ((int32_t)ut->u_id);
}

/* The thread ends on its way to ring 3, as the others of the task do. */
int32_t
call_exit(struct userframe *uf, u_int handle)
{
	uint32_t status = ARG1(uf);

	(void)handle;
	if (status != STATUS_EXIT(status) &&
	    !(status > STATUS_NOTE(0) && status < STATUS_NOTE(32)))
		return (-EINVAL);
	task_end(curtask(), status);
	return (0);
}

int32_t
call_thread_exit(struct userframe *uf, u_int handle)
{
	(void)uf;
	(void)handle;
	uthread_exit();
}

int32_t
call_thread_create(struct userframe *uf, u_int handle)
{
	uint32_t eip = ARG1(uf), esp = ARG2(uf), block = ARG3(uf),
	    tls = ARG4(uf);
	struct uthread *me = curuthread();
	struct userframe start;
	u_int id;
	int error;

	if (handle != 0 || tls >= USER_END || block >= USER_END ||
	    (block & 3) != 0)
		return (-EINVAL);
	if (eip >= USER_END || esp > USER_END)
		return (-EFAULT);
	user_frame_init(&start, eip, esp);
	error = task_thread(me->u_task, &start, tls, block,
	    block != 0 ? me->u_upcall : 0, &id);
	return (error != 0 ? -error : (int32_t)id);
}

/* A block of 0 takes the upcall entry away. */
static int32_t
set_block(uint32_t block, uint32_t entry)
{
	if (block >= USER_END || entry >= USER_END || (block & 3) != 0)
		return (-EINVAL);
	user_set_block(block);
	note_set_upcall(block, block != 0 ? entry : 0);
	return (0);
}

int32_t
call_thread_ctl(struct userframe *uf, u_int handle)
{
	if (handle != 0)
		return (-EINVAL);
	switch (ARG1(uf)) {
	case THREAD_TLS:
		if (ARG2(uf) >= USER_END)
			return (-EINVAL);
		user_set_tls(ARG2(uf));
		return (0);
	case THREAD_BLOCK:
		return (set_block(ARG2(uf), ARG3(uf)));
	case THREAD_MASK:
		return ((int32_t)note_set_mask(ARG2(uf)));
	case THREAD_INTERRUPT:
		return (-note_interrupt(curtask(), ARG2(uf)));
	case THREAD_NOTES:
		return ((int32_t)note_take());
	default:
		return (-EINVAL);
	}
}

/*
 * The child has its handle here before it runs.  If no thread can be made, it
 * is gone with the handle.
 */
static int32_t
fork_into(struct userframe *uf, struct task *child)
{
	struct kref ref = { .ops = &task_ops, .object = child,
	    .rights = RIGHT_READ | RIGHT_KILL | RIGHT_DUP };
	u_int handle;
	int error;

	task_ref(child);
	error = handle_alloc(curtask(), &ref, &handle);
	if (error != 0) {
		kref_release(&ref);
		return (-error);
	}
	error = task_fork_thread(uf, child);
	if (error != 0) {
		(void)handle_close(curtask(), handle);
		return (-error);
	}
	uf->tf.ebx = child->t_id;
	return ((int32_t)handle);
}

/* The reference of its own outlives a handle that another thread closes. */
int32_t
call_task_fork(struct userframe *uf, u_int handle)
{
	struct task *child;
	int32_t result;

	if (handle != 0)
		return (-EINVAL);
	child = task_copy(curtask());
	if (child == NULL)
		return (-ENOMEM);
	result = fork_into(uf, child);
	if (result < 0)
		task_stillborn(child);
	task_release(child);
	return (result);
}

int32_t
call_task_kill(struct userframe *uf, u_int handle)
{
	uint32_t note = ARG1(uf);
	struct kref ref;
	int error;

	if (note == 0 || note >= 32)
		return (-EINVAL);
	error = handle_get(curtask(), handle, &task_ops, RIGHT_KILL, &ref);
	if (error != 0)
		return (-error);
	task_note(ref.object, note);
	kref_release(&ref);
	return (0);
}

int32_t
call_task_status(struct userframe *uf, u_int handle)
{
	struct kref ref;
	uint32_t status;
	bool ended;
	int error;

	error = handle_get(curtask(), handle, &task_ops, RIGHT_READ, &ref);
	if (error != 0)
		return (-error);
	ended = task_status(ref.object, &status);
	kref_release(&ref);
	if (!ended)
		return (-EAGAIN);
	uf->tf.ebx = status;
	return (0);
}

int32_t
call_handle_dup(struct userframe *uf, u_int handle)
{
	struct kref ref;
	int error;

	error = handle_get(curtask(), handle, NULL, RIGHT_DUP, &ref);
	if (error != 0)
		return (-error);
	ref.rights &= ARG1(uf);
	error = handle_alloc(curtask(), &ref, &handle);
	if (error == 0)
		return ((int32_t)handle);
	kref_release(&ref);
	return (-error);
}

int32_t
call_handle_close(struct userframe *uf, u_int handle)
{
	(void)uf;
	return (-handle_close(curtask(), handle));
}

int32_t
call_clock_get(struct userframe *uf, u_int handle)
{
	uint64_t now;

	if (handle != 0)
		return (-EINVAL);
	now = time_ns();
	uf->tf.ebx = (uint32_t)now;
	uf->tf.esi = (uint32_t)(now >> 32);
	return (0);
}
