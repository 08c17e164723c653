/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The way of a call into the kernel and out of it: the table of calls, and what
 * a thread does before it returns to ring 3.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <task/call.h>

static call_fn *const calls[NCALLS] = {
	[CALL_THREAD_SELF] = call_thread_self,
	[CALL_EXIT] = call_exit,
	[CALL_THREAD_EXIT] = call_thread_exit,
	[CALL_THREAD_CREATE] = call_thread_create,
	[CALL_THREAD_CTL] = call_thread_ctl,
	[CALL_TASK_FORK] = call_task_fork,
	[CALL_TASK_KILL] = call_task_kill,
	[CALL_TASK_STATUS] = call_task_status,
	[CALL_MEM_CREATE] = call_mem_create,
	[CALL_MEM_MAP] = call_mem_map,
	[CALL_MEM_UNMAP] = call_mem_unmap,
	[CALL_MEM_PROTECT] = call_mem_protect,
	[CALL_MEM_READ] = call_mem_read,
	[CALL_MEM_WRITE] = call_mem_write,
	[CALL_MEM_SIZE] = call_mem_size,
	[CALL_CHAN_CREATE] = call_chan_create,
	[CALL_CHAN_WRITE] = call_chan_write,
	[CALL_CHAN_READ] = call_chan_read,
	[CALL_CHAN_CALL] = call_chan_call,
	[CALL_CHAN_SENDMEM] = call_chan_sendmem,
	[CALL_CHAN_CTL] = call_chan_ctl,
	[CALL_HANDLE_DUP] = call_handle_dup,
	[CALL_HANDLE_CLOSE] = call_handle_close,
	[CALL_WAIT] = call_wait,
	[CALL_FUTEX_WAIT] = call_futex_wait,
	[CALL_FUTEX_WAKE] = call_futex_wake,
	[CALL_CLOCK_GET] = call_clock_get,
};

static void
syscall(struct userframe *uf)
{
	uint32_t eax = uf->tf.eax;
	u_int nr = CALL_NR(eax);

	/* Deferred notes are looked at again before the return. */
	if (curuthread()->u_deferred) {
		curuthread()->u_deferred = false;
		atomic_set_32(&curthread()->td_ast, 1);
	}
	if (nr >= NCALLS)
		uf->tf.eax = (uint32_t)-ENOSYS;
	else
		uf->tf.eax = (uint32_t)calls[nr](uf, CALL_HANDLE(eax));
}

/*
 * td_ast is cleared before anything is looked at; what comes after that sets
 * it again, and the way to ring 3 looks at it with interrupts off.
 */
static void
ast(struct userframe *uf)
{
	struct task *t = curtask();

	(void)atomic_swap_32(&curthread()->td_ast, 0);
	if (!t->t_ending)
		note_deliver(uf);
	if (t->t_ending)
		uthread_exit();
}

const struct user_ops call_ops = {
	.syscall = syscall, .exception = task_exception, .ast = ast,
};
