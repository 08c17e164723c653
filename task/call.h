/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TASK_CALL_H_
#define	_TASK_CALL_H_

/*
 * The calls, as the files of task/ see them; sys/abi/call.h has the contract of
 * each.
 *
 * A function first decodes: it checks every argument and takes references to
 * what they name; after that it performs, which changes things.  It returns
 * what EAX gets: a result, or minus an error number; further results go to the
 * frame.
 */

#include <sys/types.h>
#include <sys/uio.h>
#include <task/task.h>

typedef int32_t call_fn(struct userframe *uf, u_int handle);

/* The names of a call's arguments. */
#define	ARG1(uf)	((uf)->tf.ebx)
#define	ARG2(uf)	((uf)->tf.esi)
#define	ARG3(uf)	((uf)->tf.edi)
#define	ARG4(uf)	((uf)->tf.ebp)

static inline uint64_t
arg_64(uint32_t low, uint32_t high)
{
	return ((uint64_t)high << 32 | low);
}

/*
 * call_buffer: makes uio name [base, base + size) of the calling task; EFAULT
 * if that is not all below USER_END.
 */
int	call_buffer(struct uio *uio, uint32_t base, uint32_t size,
	    enum uio_rw rw);

/* call_copyin, call_copyout: move a structure of the calling task. */
int	call_copyin(uint32_t from, void *to, size_t size);
int	call_copyout(const void *from, uint32_t to, size_t size);

/*
 * call_error: the error of a call that could not use memory of its task: if that
 * may not be used in this way, it is as bad as none.
 */
int	call_error(int error);

/* What a call that moved bytes returns. */
static inline int32_t
call_moved(int error, uint32_t size, const struct uio *uio)
{
	return (error != 0 ? -call_error(error) :
	    (int32_t)(size - uio->uio_resid));
}

call_fn	call_thread_self, call_exit, call_thread_exit, call_thread_create,
	call_thread_ctl, call_task_fork, call_task_kill, call_task_status,
	call_mem_create, call_mem_map, call_mem_unmap, call_mem_protect,
	call_mem_read, call_mem_write, call_mem_size, call_chan_create,
	call_chan_write, call_chan_read, call_chan_call, call_chan_sendmem,
	call_chan_ctl, call_handle_dup, call_handle_close, call_wait,
	call_futex_wait, call_futex_wake, call_clock_get;

#endif /* !_TASK_CALL_H_ */
