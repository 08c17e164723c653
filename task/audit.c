/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Whether all page tables are as they must be, and whether a program has left
 * something behind in the kernel: for the monitor, and for a run with prog.audit,
 * which fails if not.
 *
 * A program's memory is audited while it runs: a task cannot lose its map while
 * t_map_lock is held, and vm_map_audit() is exact at any time.
 */

#include <sys/types.h>
#include <sys/fence.h>
#include <sys/monitor.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/sleepq.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/tunable.h>
#include <machine/pmap.h>
#include <task/task.h>
#include <vm/map/vm_map.h>

static u_int every_ms;
TUNABLE_UINT(prog_audit, "prog.audit", every_ms, 0, 60000,
    "audit all tasks each so many ms, and look for what a program leaves; 0: no");

/* A run's watch; one at a time. */
static struct fence before;
static struct thread *auditor;		/* NULL: there is none */
static u_int rounds, audited, wrong;	/* the auditor's, until it is joined */

/* Counts the tasks in *n, and returns how many entries are wrong. */
static u_int
audit_tasks(u_int *n)
{
	u_int bad = 0, id = 0;
	struct task *t;

	while ((t = task_next(id)) != NULL) {
		id = t->t_id;
		mtx_lock(&t->t_map_lock);
		if (t->t_map != NULL) {
			bad += vm_map_audit(t->t_map);
			(*n)++;
		}
		mtx_unlock(&t->t_map_lock);
		task_release(t);
	}
	return (bad);
}

static void
audit_often(void *arg)
{
	(void)arg;
	do {
		wrong += audit_tasks(&audited);
		rounds++;
	} while (thread_sleep_ms(every_ms, SLEEP_CATCH) == 0);
}

/* Contracts are in <task/task.h>. */
void
audit_begin(void)
{
	if (every_ms == 0)
		return;
	fence_read(&before);
	auditor = thread_create(audit_often, NULL, "audit");
	if (auditor == NULL)
		printf("mayfly: there is no memory for the audit's thread\n");
}

bool
audit_end(void)
{
	struct fence after;
	u_int leaks;

	if (every_ms == 0)
		return (true);
	if (auditor == NULL)
		return (false);
	thread_signal(auditor, 0);
	thread_join(auditor);
	auditor = NULL;
	fence_read(&after);
	leaks = fence_compare("mayfly: ", &before, &after);
	wrong += pmap_audit() + sf_buf_audit();
	printf("mayfly: audit: %u looks at all tasks, %u address spaces, "
	    "%u wrong, %u leaks\n", rounds, audited, wrong, leaks);
	return (wrong == 0 && leaks == 0);
}

COMMAND(command_spaces, "spaces", "", "hold all page tables against the maps")
{
	u_int n = 0, bad = pmap_audit();

	bad += audit_tasks(&n);
	if (bad == 0)
		printf("spaces: the kernel's and %u tasks' are right\n", n);
	else
		printf("spaces: %u entries are wrong\n", bad);
}
