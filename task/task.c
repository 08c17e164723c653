/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tasks: their structures, the list of all, and their end.  uthread.c has
 * their threads.
 *
 * Invariants: a task is on the list from its making until its last reference
 * is dropped.  Each thread has a reference to its task, so a task that is freed
 * has no thread.  t_ended is set once, after the memory and the handles of the
 * task are gone.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/pcpu.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <machine/ipi.h>
#include <task/task.h>
#include <vm/map/vm_map.h>
#include <vm/vm_page.h>

#define	PAGE_SHARE	32u	/* by default, one task for this many pages */
#define	SOME_TASKS	64u	/* and these */

static u_int maxtasks;
TUNABLE_UINT(maxtasks, "kern.ntasks", maxtasks, 0, 1u << 20,
    "most tasks; 0 is 64 and one for each 32 pages of memory");

static struct spinlock tasks_lock =
    SPINLOCK_INITIALIZER("tasks", RANK_TASKS);
static struct task *tasks;		/* the list, by t_allnext */
static u_int ntasks;			/* tasks_lock; with those being made */
static volatile uint32_t last_id;

/* Contracts of the public functions are in <task/task.h>. */
u_int
task_new_id(void)
{
	return (atomic_fetchadd_32(&last_id, 1) + 1);
}

static void
list_add(struct task *t)
{
	spin_lock(&tasks_lock);
	t->t_allnext = tasks;
	tasks = t;
	spin_unlock(&tasks_lock);
}

static void
list_remove(struct task *t)
{
	struct task **p;

	spin_lock(&tasks_lock);
	for (p = &tasks; *p != t; p = &(*p)->t_allnext)
		continue;
	*p = t->t_allnext;
	spin_unlock(&tasks_lock);
}

/*
 * Counts one more task, before anything is done for it; false at the limit.  A
 * task takes ten pages and more of the kernel, so those that do nothing but
 * fork leave two thirds of the memory to others.
 */
static bool
count_task(void)
{
	u_int most = maxtasks != 0 ? maxtasks :
	    vm_page_count / PAGE_SHARE + SOME_TASKS;
	bool room;

	spin_lock(&tasks_lock);
	room = ntasks < most;
	if (room)
		ntasks++;
	spin_unlock(&tasks_lock);
	return (room);
}

static void
discount_task(void)
{
	spin_lock(&tasks_lock);
	ntasks--;
	spin_unlock(&tasks_lock);
}

/*
 * Makes a task, which is counted, with this address space, which may be NULL:
 * out of memory.
 */
static struct task *
new_task(const char *name, struct vm_map *map, const struct user_ops *ops)
{
	struct task *t = map != NULL ? kmalloc(sizeof(*t), M_ZERO) : NULL;

	if (t == NULL) {
		if (map != NULL)
			vm_map_destroy(map);
		discount_task();
		return (NULL);
	}
	spin_init(&t->t_lock, "task", RANK_TASK);
	mtx_init(&t->t_map_lock, "task's map", RANK_MUTEX);
	mtx_init(&t->t_handles_lock, "handles", RANK_HANDLES);
	t->t_map = map;
	t->t_ops = ops;
	t->t_refs = 1;
	t->t_id = task_new_id();
	snprintf(t->t_name, sizeof(t->t_name), "%s", name);
	list_add(t);
	return (t);
}

/* What a task may do with itself, and with the one that forked it. */
static struct kref
reference_to(struct task *t)
{
	return ((struct kref){ .ops = &task_ops, .object = t,
	    .rights = RIGHT_READ | RIGHT_KILL | RIGHT_DUP });
}

struct task *
task_create(const char *name, const struct user_ops *ops)
{
	struct task *t = !count_task() ? NULL :
	    new_task(name, vm_map_create(), ops);
	struct kref self = reference_to(t);

	if (t == NULL || handle_set(t, HANDLE_SELF, &self) == 0)
		return (t);
	task_release(t);
	return (NULL);
}

struct task *
task_copy(struct task *from)
{
	struct task *t = !count_task() ? NULL :
	    new_task(from->t_name, vm_map_fork(from->t_map), from->t_ops);
	struct kref self = reference_to(t), parent = reference_to(from);

	if (t == NULL)
		return (NULL);
	if (handle_copy_all(from, t) != 0 ||
	    handle_set(t, HANDLE_SELF, &self) != 0) {
		task_release(t);
		return (NULL);
	}
	task_ref(from);
	t->t_parent = from;
	task_ref(from);
	(void)handle_set(t, HANDLE_PARENT, &parent);
	return (t);
}

void
task_ref(void *arg)
{
	struct task *t = arg;

	KASSERT(atomic_inc_32(&t->t_refs), "task_ref: %s has too many "
	    "references (called from %pC)", t->t_name, __caller());
}

/*
 * Adds a reference unless the last one is gone: a task is on the list for a
 * moment longer.
 */
static bool
ref_unless_free(struct task *t)
{
	uint32_t refs = t->t_refs;

	while (refs != 0)
		if (atomic_fcmpset_32(&t->t_refs, &refs, refs + 1))
			return (true);
	return (false);
}

void
task_release(void *arg)
{
	struct task *t = arg;
	uint32_t refs = atomic_fetchadd_32(&t->t_refs, -1u);

	KASSERT(refs != 0, "task_release: %s has no reference (called from "
	    "%pC)", t->t_name, __caller());
	if (refs != 1)
		return;
	KASSERT(t->t_nthreads == 0, "task_release: %s has %u threads (called "
	    "from %pC)", t->t_name, t->t_nthreads, __caller());
	list_remove(t);
	if (!t->t_ended)
		task_dismantle(t);
	if (t->t_parent != NULL)
		task_release(t->t_parent);
	kfree(t);
	discount_task();
}

/*
 * Handles first: what they name may be mapped as well, and is freed with the
 * map then.
 */
void
task_dismantle(struct task *t)
{
	handle_close_all(t);
	mtx_lock(&t->t_map_lock);
	vm_map_destroy(t->t_map);
	t->t_map = NULL;
	mtx_unlock(&t->t_map_lock);
}

/*
 * A sleeper of task_wait() and one of CALL_WAIT look at t_ended under t_lock,
 * after they are on their queue or list: each sees it set, or is woken here.
 */
struct task *
task_ended(struct task *t)
{
	struct task *parent = t->t_parent;

	spin_lock(&t->t_lock);
	t->t_ended = true;
	waiter_notify(t->t_waiters, WAIT_EXIT);
	sleepq_wakeup(t);
	t->t_parent = NULL;
	spin_unlock(&t->t_lock);
	return (parent);
}

void
task_stillborn(struct task *t)
{
	struct task *parent;

	task_end(t, STATUS_NOTE(NOTE_KILL));
	task_dismantle(t);
	if ((parent = task_ended(t)) != NULL)
		task_release(parent);
}

struct task *
task_find(u_int id)
{
	struct task *t;

	spin_lock(&tasks_lock);
	for (t = tasks; t != NULL; t = t->t_allnext)
		if (t->t_id == id && ref_unless_free(t))
			break;
	spin_unlock(&tasks_lock);
	return (t);
}

struct task *
task_next(u_int id)
{
	struct task *t, *next;

	spin_lock(&tasks_lock);
	/* The list is locked, so `next' is not freed: at worst it is going. */
	do {
		next = NULL;
		for (t = tasks; t != NULL; t = t->t_allnext)
			if (t->t_id > id && t->t_refs != 0 &&
			    (next == NULL || t->t_id < next->t_id))
				next = t;
	} while (next != NULL && !ref_unless_free(next));
	spin_unlock(&tasks_lock);
	return (next);
}

u_int
task_count(void)
{
	return (ntasks);
}

void
task_end(struct task *t, uint32_t status)
{
	spin_lock(&t->t_lock);
	if (!t->t_ending) {
		t->t_ending = true;
		t->t_status = status;
	}
	for (struct uthread *ut = t->t_threads; ut != NULL; ut = ut->u_next) {
		/* One that has not run yet looks at t_ending when it does. */
		if (ut->u_td == NULL)
			continue;
		atomic_set_32(&ut->u_td->td_ast, 1);
		thread_signal(ut->u_td, SIGNAL_END);
		task_poke(ut);
	}
	spin_unlock(&t->t_lock);
}

void
task_poke(struct uthread *ut)
{
	struct thread *td = ut->u_td;
	u_int cpu = td->td_cpu;

	/* A CPU that is wrong by now has returned to ring 3 since, or will. */
	if (td->td_state == TDS_RUNNING && cpu != curcpu_id())
		hw_send_ipi(cpu, IPI_RESCHED);
}

bool
task_status(struct task *t, uint32_t *status)
{
	bool ended;

	spin_lock(&t->t_lock);
	ended = t->t_ended;
	*status = t->t_status;
	spin_unlock(&t->t_lock);
	return (ended);
}

bool
task_wait(struct task *t, uint32_t *status)
{
	int error = 0;

	spin_lock(&t->t_lock);
	while (!t->t_ended && error == 0)
		error = sleepq_wait_spin(t, &t->t_lock, "task",
		    SLEEP_CATCH | SLEEP_LONG, 0);
	spin_unlock(&t->t_lock);
	dead_bury();
	return (task_status(t, status));
}

/*
 * The first walk is there so that all end at the same time.  A fork that it
 * finds under way adds a task that it may miss.  But a child's number is higher
 * than its parent's; so the second walk, which waits for the parent, comes to
 * it later, when it has a thread or is gone, and ends it.
 */
void
task_end_all(const struct task *but, uint32_t status)
{
	struct task *t;
	uint32_t unused;
	u_int id;

	for (id = 0; (t = task_next(id)) != NULL; task_release(t)) {
		id = t->t_id;
		if (t != but)
			task_end(t, status);
	}
	for (id = 0; (t = task_next(id)) != NULL; task_release(t)) {
		id = t->t_id;
		if (t == but)
			continue;
		task_end(t, status);
		(void)task_wait(t, &unused);
	}
}

static void
op_unpoll(void *object, struct waiter *w)
{
	struct task *t = object;

	spin_lock(&t->t_lock);
	waiter_remove(w);
	spin_unlock(&t->t_lock);
}

static u_int
op_poll(void *object, struct waiter *w)
{
	struct task *t = object;
	u_int events;

	spin_lock(&t->t_lock);
	if (w != NULL)
		waiter_add(&t->t_waiters, w);
	events = t->t_ended ? WAIT_EXIT : 0;
	spin_unlock(&t->t_lock);
	return (events);
}

const struct kobject_ops task_ops = {
	.name = "task", .ref = task_ref, .release = task_release,
	.poll = op_poll, .unpoll = op_unpoll,
};
