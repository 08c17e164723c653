/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TASK_TASK_H_
#define	_TASK_TASK_H_

/*
 * Tasks: task/task.c.  What guards a field: (k) t_lock, a spin lock; (a) locked
 * instructions; the others never change after the task is made.
 *
 * A task is made, has threads, is ending (its threads are told), and has ended:
 * its last thread has freed its memory and closed its handles.  The structure
 * and the status stay until the last reference goes.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/thread.h>
#include <machine/user.h>
#include <ipc/channel.h>	/* struct kref, struct waiter */

struct vm_map;

#define	TASK_NAMELEN	32
#define	TASK_MAXTHREADS	256u
#define	TASK_MAXHANDLES	4096u

/*
 * Bits of td_signals of a task's thread.  Each makes an interruptible sleep
 * end in EINTR for as long as it is set.  (k), though they change by locked
 * instructions.
 */
#define	SIGNAL_NOTE	0	/* a note is there that this thread is to take */
#define	SIGNAL_END	1	/* the task is ending; never cleared */

struct uthread {
	struct user_thread u_user;	/* first: td_user points here */
	struct thread *u_td;		/* (k) NULL until it runs */
	struct task *u_task;
	struct uthread *u_next;		/* (k) of the task's threads */
	u_int u_id;
	uint32_t u_mask;		/* (k) notes that do not interrupt it */
	uint32_t u_block, u_upcall;	/* its struct thread_block; entry */
	uint32_t u_notes;		/* (k) pending for it alone: note 0 */
	bool u_deferred;		/* notes wait until `busy' is 0 */
	struct userframe u_start;	/* registers of its first instruction */
};

struct task {
	struct spinlock t_lock;		/* RANK_TASK */
	volatile uint32_t t_refs;	/* (a) handles, threads, lookups */
	u_int t_id;
	const struct user_ops *t_ops;	/* what its threads call */
	char t_name[TASK_NAMELEN];
	struct mtx t_map_lock;		/* RANK_MUTEX: t_map against its end */
	struct vm_map *t_map;		/* its threads use it without a lock */
	struct uthread *t_threads;	/* (k) */
	u_int t_nthreads;		/* (k) */
	bool t_started;			/* (k) it has had a thread */
	bool t_ending;			/* (k) exit was called, or a kill */
	bool t_ended;			/* (k) no thread is left */
	uint32_t t_status;		/* (k) STATUS_* */
	uint32_t t_fault_eip;		/* where it faulted; for people */
	uint32_t t_notes;		/* (k) pending */
	struct waiter *t_waiters;	/* (k) */
	struct mtx t_handles_lock;	/* RANK_HANDLES; guards the next ones */
	struct kref *t_handles;		/* by number; no ops: free */
	u_int t_nhandles, t_handles_room, t_handle_hint;
	struct task *t_parent;		/* that forked it, until this ends */
	struct task *t_allnext;		/* tasks_lock */
};

extern const struct kobject_ops task_ops, vm_object_ops;
extern const struct user_ops call_ops;	/* syscall.c: for task_create() */

/*
 * task_create: makes a task without threads, with an empty address space, one
 * handle, HANDLE_SELF, and one reference, the caller's.  `ops' is what its
 * threads call.  NULL if out of memory.  Thread context, sleeps.
 * task_copy: makes a task with a copy of the address space and the handles of
 * `from', which is its parent.  Neither makes more than kern.ntasks.
 */
struct task *task_create(const char *name, const struct user_ops *ops);
struct task *task_copy(struct task *from);

/*
 * task_ref, task_release: add and drop a reference.  The last one frees the
 * task, which has no thread then.  Thread context; release may sleep, no lock
 * held.
 */
void	task_ref(void *t);
void	task_release(void *t);

/*
 * task_find: the task with this number, with a reference, or NULL.
 * task_next: the one with the lowest number above id.  Any context but NMI.
 */
struct task *task_find(u_int id);
struct task *task_next(u_int id);

/* task_count: how many tasks there are that have not been freed. */
u_int	task_count(void);

/* task_new_id: a number for a task or thread, never 0.  Any context. */
u_int	task_new_id(void);

/*
 * task_end: ends a task, with this status unless it is ending already: its
 * threads end when they are next about to return to ring 3, and their
 * interruptible sleeps end now.  Any context but NMI.
 */
void	task_end(struct task *t, uint32_t status);

/*
 * task_stillborn: ends a task of task_copy() for which no thread could be made,
 * for those that have a handle of it already and wait for its end.  Context as
 * task_release().
 */
void	task_stillborn(struct task *t);

/*
 * task_end_all: ends every task but `but', which may be NULL, and waits until
 * they have ended, and those as well that they were about to fork.  Thread
 * context, sleeps.
 */
void	task_end_all(const struct task *but, uint32_t status);

/*
 * task_wait: sleeps until the task has ended and returns true, or false if a
 * signal came first.  Then everything of the task is gone but its structure.
 * task_status: its status if it has ended, else false.
 */
bool	task_wait(struct task *t, uint32_t *status);
bool	task_status(struct task *t, uint32_t *status);

/* task_dismantle: frees what a task without threads has.  For uthread.c. */
void	task_dismantle(struct task *t);
/*
 * task_ended: tells those that wait for the end of t that it has come, and
 * returns its parent, with the reference that t had, or NULL.
 */
struct task *task_ended(struct task *t);

/*
 * task_poke: makes a thread look at td_ast soon, if it is in ring 3 on another
 * CPU.  t_lock held.
 */
void	task_poke(struct uthread *ut);

/*
 * dead_add: puts the calling thread on the list of those that have ended; it
 * only calls thread_exit() after that, with its task's reference.  dead_bury:
 * frees those on the list.  Thread context, sleeps.
 */
void	dead_add(struct uthread *ut);
void	dead_bury(void);

static inline struct uthread *
curuthread(void)
{
	return ((struct uthread *)curthread()->td_user);
}

static inline struct task *
curtask(void)
{
	return (curuthread()->u_task);
}

/* Threads of tasks: task/uthread.c. */

/* uthread_exit: ends the calling thread, which holds nothing. */
void	uthread_exit(void) __attribute__((__noreturn__));

/*
 * task_thread: makes and starts a thread of a task, which begins in ring 3 with
 * these registers; *id is its number.  0, ENOMEM, ENOBUFS: too many threads,
 * EINTR: the task is ending.  Thread context.
 * task_fork_thread: makes and starts in a task of task_copy() a thread like the
 * calling one, which returns 0 from the call that this one makes.  0, ENOMEM,
 * EINTR: the child was ended already, by another thread that has its handle.
 */
int	task_thread(struct task *t, const struct userframe *uf, uint32_t tls,
	    uint32_t block, uint32_t upcall, u_int *id);
int	task_fork_thread(const struct userframe *uf, struct task *child);

/* Notes and upcalls: task/note.c. */

/*
 * task_note: gives a task a note, 1 to 31.  Any context but NMI.
 * task_note_all: gives it to every task.  Thread context, may sleep.
 */
void	task_note(struct task *t, u_int note);
void	task_note_all(u_int note);

/* note_recompute: after a change of notes, masks, threads.  t_lock held. */
void	note_recompute(struct task *t);

/*
 * note_set_mask, note_set_upcall: of the calling thread; the old mask.
 * note_take: takes the notes that the calling thread does not mask.
 * note_interrupt: THREAD_INTERRUPT.  0 or ESRCH.
 */
uint32_t note_set_mask(uint32_t mask);
void	note_set_upcall(uint32_t block, uint32_t entry);
uint32_t note_take(void);
int	note_interrupt(struct task *t, u_int id);

/* note_deliver: before a return to ring 3: makes an upcall if a note waits. */
void	note_deliver(struct userframe *uf);

/*
 * upcall: makes the calling thread go on at its upcall entry.  False if it has
 * none.  If its block cannot be written, the task ends.
 */
bool	upcall(struct userframe *uf, u_int reason, uint32_t arg);

/*
 * trap.c: an exception in ring 3; and the name of a vector, for messages.
 */
void	task_exception(struct userframe *uf, vm_offset_t va);
const char *task_fault_name(u_int vector);

/*
 * The handles of a task: task/handle.c.  Thread context, sleep, no lock of rank
 * RANK_HANDLES or later held.
 *
 * handle_alloc: enters a reference, which becomes the table's.  0, EMFILE,
 * ENOMEM.
 * handle_get: finds what a handle names; *ref has a reference for the caller.
 * ops: of what kind it must be, or NULL.  0, EBADF, EPERM.
 * handle_close: 0, EBADF, or EPERM for HANDLE_SELF.
 * handle_copy_all: gives a new task without handles those of another, but for
 * HANDLE_SELF and HANDLE_PARENT.  0, ENOMEM.
 * handle_set: enters a reference, which becomes the table's, at a number that is
 * free; of HANDLE_SELF it holds none.  For new tasks.  0, ENOMEM.
 */
int	handle_set(struct task *t, u_int handle, const struct kref *ref);
int	handle_alloc(struct task *t, const struct kref *ref, u_int *handle);
int	handle_get(struct task *t, u_int handle, const struct kobject_ops *ops,
	    u_int rights, struct kref *ref);
int	handle_close(struct task *t, u_int handle);
int	handle_copy_all(struct task *from, struct task *to);
void	handle_close_all(struct task *t);

static inline void
kref_release(const struct kref *ref)
{
	ref->ops->release(ref->object);
}

/* Time: task/time.c. */

/* time_init: measures how the TSCs differ.  Once; thread context, sleeps. */
void	time_init(void);
/* time_ns: nanoseconds since time_init(); never less than before.  Any. */
uint64_t time_ns(void);

#define	TIME_NEVER	(~0ull)
/*
 * time_left_ms: how long a sleep may last that ends at a time: 0: it is over,
 * *ms is 0 for TIME_NEVER: no limit.
 */
bool	time_left_ms(uint64_t deadline, u_int *ms);

/*
 * audit.c: audit_begin, audit_end: with the option prog.audit, audit all tasks
 * again and again, and see at the end that what a program took has been given
 * back: false, and lines that say what is wrong, if not.  There is no task before
 * nor after.  Thread context, sleep.
 */
void	audit_begin(void);
bool	audit_end(void);

/* cons.c: the console as a channel. */
struct console;
struct console *console_open(struct chan_end **end);
void	console_close(struct console *c);

#endif /* !_TASK_TASK_H_ */
