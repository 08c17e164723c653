/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The threads of tasks.  Each is a thread of the kernel with a struct uthread,
 * and ends only where it is about to return to ring 3, so that it holds
 * nothing.  The last one takes its task apart.
 *
 * Invariant: a thread is on its task's list from its start until it
 * ends, and is not joined as long as it is.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/desc.h>
#include <machine/user.h>
#include <task/task.h>
#include <vm/map/vm_map.h>

/* Makes a thread, which does not run yet; NULL if out of memory. */
static struct uthread *
new_uthread(struct task *t, const struct userframe *uf, uint32_t tls,
    uint32_t block, uint32_t entry)
{
	struct uthread *ut = kmalloc(sizeof(*ut), M_ZERO);

	if (ut == NULL)
		return (NULL);
	ut->u_user.ops = t->t_ops;
	ut->u_user.pmap = t->t_map->vm_pmap;
	ut->u_user.tls_base = tls;
	ut->u_user.block_base = block;
	ut->u_user.gs = GSEL_TLS;
	user_fpu_init(&ut->u_user);
	ut->u_task = t;
	ut->u_block = block;
	ut->u_upcall = entry;
	ut->u_start = *uf;
	return (ut);
}

/* The first function of the kernel thread. */
static void
start(void *arg)
{
	struct uthread *ut = arg;
	struct task *t = ut->u_task;
	struct thread *td = curthread();

	spin_lock(&t->t_lock);
	ut->u_td = td;
	/* Before u_td was set, neither an end nor a note reached it. */
	if (t->t_ending)
		thread_signal(td, SIGNAL_END);
	note_recompute(t);
	atomic_set_32(&td->td_ast, 1);
	spin_unlock(&t->t_lock);
	user_attach(&ut->u_user);
	user_enter(&ut->u_start);
}

/* Puts a thread on its task's list; 0 or an error. */
static int
list_add(struct uthread *ut)
{
	struct task *t = ut->u_task;
	int error = 0;

	spin_lock(&t->t_lock);
	if (t->t_ending || t->t_ended) {
		error = EINTR;
	} else if (t->t_nthreads == TASK_MAXTHREADS) {
		error = ENOBUFS;
	} else {
		/* A task and its first thread have one number. */
		ut->u_id = t->t_started ? task_new_id() : t->t_id;
		t->t_started = true;
		ut->u_next = t->t_threads;
		t->t_threads = ut;
		t->t_nthreads++;
	}
	spin_unlock(&t->t_lock);
	return (error);
}

/* Takes a thread off its task's list; true if it was the last. */
static bool
list_remove(struct uthread *ut)
{
	struct task *t = ut->u_task;
	struct uthread **p;
	bool last;

	spin_lock(&t->t_lock);
	for (p = &t->t_threads; *p != ut; p = &(*p)->u_next)
		continue;
	*p = ut->u_next;
	last = --t->t_nthreads == 0;
	/* What it was to take, another thread is to take. */
	note_recompute(t);
	if (last)
		t->t_ending = true;
	spin_unlock(&t->t_lock);
	return (last);
}

/*
 * Starts a thread, which is its task's from then on; if that fails, the caller
 * still owns it.
 */
static int
start_uthread(struct uthread *ut, u_int *id)
{
	struct task *t = ut->u_task;
	char name[THREAD_NAMELEN];
	int error = list_add(ut);

	if (error != 0)
		return (error);
	/* The thread may have ended when thread_create() returns. */
	*id = ut->u_id;
	task_ref(t);
	snprintf(name, sizeof(name), "%.10s.%u", t->t_name, ut->u_id);
	if (thread_create(start, ut, name) != NULL)
		return (0);
	/* A task whose first thread this was is its maker's, and has none. */
	(void)list_remove(ut);
	task_release(t);
	return (ENOMEM);
}

/*
 * Contracts of the public functions are in <task/task.h>.
 *
 * The thread is on the list of the dead before its task's end is told, so that
 * the waiter finds it there and joins it, which waits for thread_exit().
 */
void
uthread_exit(void)
{
	struct uthread *ut = curuthread();
	struct task *t = ut->u_task, *parent;
	bool last;

	/* From here on it is a thread of the kernel, in the kernel's tables. */
	user_attach(NULL);
	dead_bury();
	last = list_remove(ut);
	if (last)
		task_dismantle(t);
	dead_add(ut);
	if (last && (parent = task_ended(t)) != NULL) {
		task_note(parent, NOTE_CHILD);
		task_release(parent);
	}
	task_release(t);
	thread_exit();
}

int
task_thread(struct task *t, const struct userframe *uf, uint32_t tls,
    uint32_t block, uint32_t entry, u_int *id)
{
	struct uthread *ut = new_uthread(t, uf, tls, block, entry);
	int error;

	if (ut == NULL)
		return (ENOMEM);
	error = start_uthread(ut, id);
	if (error != 0)
		kfree(ut);
	return (error);
}

/* The calling thread's FPU, TLS, notes, for the one thread of a forked task. */
static void
copy_state(struct uthread *from, struct uthread *to)
{
	user_save();
	memcpy(to->u_user.fpu, from->u_user.fpu, FPU_SIZE);
	to->u_user.gs = from->u_user.gs;
	to->u_mask = from->u_mask;
}

int
task_fork_thread(const struct userframe *uf, struct task *child)
{
	struct uthread *me = curuthread(), *ut;
	struct userframe start = *uf;
	u_int id;
	int error;

	start.tf.eax = 0;
	start.tf.ebx = child->t_id;
	ut = new_uthread(child, &start, me->u_user.tls_base, me->u_block,
	    me->u_upcall);
	if (ut == NULL)
		return (ENOMEM);
	copy_state(me, ut);
	error = start_uthread(ut, &id);
	if (error != 0)
		kfree(ut);
	return (error);
}
