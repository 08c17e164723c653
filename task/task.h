/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TASK_TASK_H_
#define	_TASK_TASK_H_

/*
 * Tasks: task/task.c.  What guards a field: (k) t_lock, a spin lock; (a) locked
 * instructions; the others never change after the task is made.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <machine/user.h>
#include <ipc/channel.h>	/* struct kref, struct waiter */

struct vm_map;

#define	TASK_NAMELEN	32
#define	TASK_MAXTHREADS	256u
#define	TASK_MAXHANDLES	4096u

struct uthread {
	struct user_thread u_user;	/* first: td_user points here */
	struct thread *u_td;
	struct task *u_task;
	struct uthread *u_next;		/* (k) of the task's threads */
	u_int u_id;
	uint32_t u_mask;		/* (k) notes that do not interrupt it */
	uint32_t u_block, u_upcall;	/* its struct thread_block; entry */
	struct userframe u_start;	/* registers of its first instruction */
};

struct task {
	struct spinlock t_lock;		/* RANK_TASK */
	volatile uint32_t t_refs;	/* (a) handles, threads, lookups */
	u_int t_id;
	char t_name[TASK_NAMELEN];	/* (k) */
	struct vm_map *t_map;
	struct uthread *t_threads;	/* (k) */
	u_int t_nthreads;		/* (k) */
	bool t_ending;			/* (k) exit was called, or a kill */
	bool t_ended;			/* (k) no thread is left */
	uint32_t t_status;		/* (k) STATUS_* */
	volatile uint32_t t_notes;	/* (a) pending */
	struct waiter *t_waiters;	/* (k) */
	struct mtx t_handles_lock;	/* RANK_HANDLES */
	struct kref *t_handles;		/* (handles lock) */
	u_int t_nhandles, t_handles_room, t_handle_hint;
	struct task *t_allnext;		/* tasks_lock */
	volatile uint32_t t_pages;	/* (a) charged */
};

extern const struct kobject_ops task_ops, vm_object_ops;

/* task_create: a task without threads and memory; NULL if out of memory. */
struct task *task_create(const char *name);
void	task_ref(void *t);
void	task_release(void *t);

/*
 * task_thread: makes a thread that starts in ring 3 with these registers.
 * 0, ENOMEM, ENOBUFS.
 */
int	task_thread(struct task *t, const struct userframe *uf, uint32_t tls,
	    uint32_t block, uint32_t upcall, u_int *id);
int	task_fork(struct userframe *uf, struct task **child);

/* task_end: ends a task, whose status this is unless it has one already. */
void	task_end(struct task *t, uint32_t status);
void	task_note(struct task *t, u_int note);
bool	task_wait(struct task *t, uint32_t *status);	/* sleeps until ended */
struct task *curtask(void);
struct uthread *curuthread(void);

/* The handles of a task: task/handle.c. */
int	handle_alloc(struct task *t, const struct kref *ref, u_int *handle);
int	handle_get(struct task *t, u_int handle, const struct kobject_ops *ops,
	    u_int rights, struct kref *ref);	/* with a reference */
int	handle_close(struct task *t, u_int handle);
int	handle_copy_all(struct task *from, struct task *to);
void	handle_close_all(struct task *t);

#endif /* !_TASK_TASK_H_ */
