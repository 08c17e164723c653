/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Threads of tasks that have ended and are not freed yet.
 *
 * A kernel thread is freed by thread_join(), which another thread must call.  A
 * thread of a task that ends puts itself on the list here, after it has joined
 * those that it finds there; task_wait() empties the list as well.  So there are
 * never more of them than CPUs, and what waits for a task finds its threads
 * gone.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/thread.h>
#include <task/task.h>

static struct spinlock dead_lock =
    SPINLOCK_INITIALIZER("dead threads", RANK_TASK);
static struct uthread *dead;		/* by u_next */

/* Contracts are in <task/task.h>. */
void
dead_add(struct uthread *ut)
{
	spin_lock(&dead_lock);
	ut->u_next = dead;
	dead = ut;
	spin_unlock(&dead_lock);
}

void
dead_bury(void)
{
	struct uthread *ut, *next;

	spin_lock(&dead_lock);
	ut = dead;
	dead = NULL;
	spin_unlock(&dead_lock);
	for (; ut != NULL; ut = next) {
		next = ut->u_next;
		thread_join(ut->u_td);
		kfree(ut);
	}
}
