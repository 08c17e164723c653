/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The monitor's commands about tasks.  What they print is a sample: each task is
 * held while it is printed, and goes on meanwhile.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/monitor.h>
#include <sys/systm.h>
#include <task/task.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>

static void
print_task(struct task *t)
{
	u_int threads, handles = t->t_nhandles, pages = 0;
	uint32_t notes, status;
	bool ended;

	spin_lock(&t->t_lock);
	threads = t->t_nthreads;
	notes = t->t_notes;
	status = t->t_status;
	ended = t->t_ended;
	spin_unlock(&t->t_lock);
	mtx_lock(&t->t_map_lock);
	if (t->t_map != NULL)
		pages = t->t_map->vm_charge->vc_pages;
	mtx_unlock(&t->t_map_lock);
	printf("  %5u %-15s %7u %7u %7u  0x%08x ", t->t_id, t->t_name,
	    threads, handles, pages, notes);
	if (ended)
		printf("ended, status 0x%x\n", status);
	else
		printf("%s\n", threads != 0 ? "lives" : "has no thread");
}

COMMAND(command_tasks, "tasks", "", "every task")
{
	struct task *t;
	u_int id = 0;

	printf("  %5s %-15s %7s %7s %7s  %-10s %s\n", "id", "name", "threads",
	    "handles", "pages", "notes", "state");
	while ((t = task_next(id)) != NULL) {
		id = t->t_id;
		print_task(t);
		task_release(t);
	}
}

/* The task that a command's argument names, with a reference; or a message. */
static struct task *
named_task(int argc, char **argv)
{
	struct task *t = NULL;
	u_int id = 0;
	const char *p;

	if (argc < 2) {
		printf("%s: which task? tasks lists them\n", argv[0]);
		return (NULL);
	}
	for (p = argv[1]; *p >= '0' && *p <= '9' && id < 100000000; p++)
		id = id * 10 + (u_int)(*p - '0');
	if (*p == '\0' && p != argv[1])
		t = task_find(id);
	if (t == NULL)
		printf("%s: there is no task %s\n", argv[0], argv[1]);
	return (t);
}

COMMAND(command_regions, "regions", "task", "what a task has mapped where")
{
	struct task *t = named_task(argc, argv);

	if (t == NULL)
		return;
	mtx_lock(&t->t_map_lock);
	if (t->t_map != NULL)
		vm_map_print(t->t_map);
	mtx_unlock(&t->t_map_lock);
	task_release(t);
}

static void
print_handle(struct task *t, u_int handle)
{
	struct kref ref;

	if (handle_get(t, handle, NULL, 0, &ref) != 0)
		return;
	printf("  %5u %-8s %c%c%c%c%c\n", handle, ref.ops->name,
	    (ref.rights & RIGHT_READ) != 0 ? 'r' : '-',
	    (ref.rights & RIGHT_WRITE) != 0 ? 'w' : '-',
	    (ref.rights & RIGHT_EXEC) != 0 ? 'x' : '-',
	    (ref.rights & RIGHT_KILL) != 0 ? 'k' : '-',
	    (ref.rights & RIGHT_DUP) != 0 ? 'd' : '-');
	kref_release(&ref);
}

COMMAND(command_handles, "handles", "task", "the handles of a task")
{
	struct task *t = named_task(argc, argv);

	if (t == NULL)
		return;
	for (u_int h = HANDLE_SELF; h < TASK_MAXHANDLES; h++)
		print_handle(t, h);
	task_release(t);
}

COMMAND(command_kill, "kill", "task", "end a task")
{
	struct task *t = named_task(argc, argv);

	if (t == NULL)
		return;
	task_note(t, NOTE_KILL);
	task_release(t);
}
