/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Processes: fork, exit, wait, kill.  A process knows itself, those that it has
 * made, its parent and what that had for parents: of others it has no handle,
 * so they are not there.
 */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"


/* Where a child can be entered, or NULL.  The lock is held. */
static struct child *
free_child(void)
{
	for (uint32_t i = 0; i < proc.nchildren; i++)
		if (proc.children[i].pid == 0)
			return (&proc.children[i]);
	return (proc.nchildren == CHILDREN_MAX ? NULL :
	    &proc.children[proc.nchildren++]);
}

static struct child *
find(struct child *list, uint32_t n, uint32_t pid)
{
	for (; n > 0; n--, list++)
		if (list->pid == pid)
			return (list);
	return (NULL);
}

/* Whether a child has ended, and its status. */
static bool
child_ended(const struct child *c, uint32_t *status)
{
	struct results res;

	if (native_results(CALL(CALL_TASK_STATUS, c->handle), 0, 0, 0, 0,
	    &res) < 0)
		return (false);
	*status = res.ebx;
	return (true);
}

static void
forget_child(struct child *c)
{
	native(CALL(CALL_HANDLE_CLOSE, c->handle), 0, 0, 0, 0);
	c->pid = 0;
}

/* Drops a child that has ended, with all that it has left. */
static void
bury_child(struct child *c)
{
	fd_slot_free(c->slot);
	forget_child(c);
	while (proc.nchildren > 0 &&
	    proc.children[proc.nchildren - 1].pid == 0)
		proc.nchildren--;
}

/* Nobody waits for the children of this process.  The lock is held. */
static void
leave_children(void)
{
	uint32_t status;

	for (uint32_t i = 0; i < proc.nchildren; i++) {
		const struct child *c = &proc.children[i];

		if (c->pid == 0)
			continue;
		if (child_ended(c, &status))
			fd_slot_free(c->slot);
		else
			fd_slot_leave(c->slot, SLOT_ORPHAN);
	}
}

/*
 * A parent that has ended was killed, or has left its mark in the slot.  The
 * lock is never released: no other thread may use the slot from here on.
 */
void
process_exit(uint32_t status)
{
	const struct child parent = { proc.ppid, HANDLE_PARENT, 0 };
	uint32_t other;

	lock(&proc.lock);
	leave_children();
	fd_forget(proc.slot);
	if (child_ended(&parent, &other))
		fd_slot_free(proc.slot);
	else
		fd_slot_leave(proc.slot, SLOT_ENDED);
	for (;;)
		native(CALL_EXIT, status, 0, 0, 0);
}

int
linux_exit_group(struct regs *r)
{
	process_exit(STATUS_EXIT(r->ebx));
}

/* A process that ignores SIGCHLD never waits.  The lock is held. */
static void
forget_ended(void)
{
	const struct sigact *sa = &proc.actions[SIGCHLD - 1];
	uint32_t status;

	if (sa->handler != SIG_IGN && (sa->flags & SA_NOCLDWAIT) == 0)
		return;
	for (uint32_t i = 0; i < proc.nchildren; i++)
		if (proc.children[i].pid != 0 &&
		    child_ended(&proc.children[i], &status))
			bury_child(&proc.children[i]);
}

/*
 * In a new process: the ancestors' handles are the parent's by the same
 * numbers, and HANDLE_PARENT has another meaning in each generation.
 */
static void
add_parent(uint32_t pid)
{
	struct child *a = proc.ancestors;
	int handle = native(CALL(CALL_HANDLE_DUP, HANDLE_PARENT), RIGHT_READ |
	    RIGHT_KILL | RIGHT_DUP, 0, 0, 0);

	if (handle < 0)
		return;
	if (a[ANCESTORS_MAX - 1].pid != 0)
		forget_child(&a[ANCESTORS_MAX - 1]);
	for (uint32_t i = ANCESTORS_MAX - 1; i > 0; i--)
		a[i] = a[i - 1];
	a[0] = (struct child){ pid, handle, 0 };
}

/* In a new process: it has this thread only, no children, another number. */
static void
become_child(uint32_t pid, uint32_t slot)
{
	struct thread *td = self();

	for (uint32_t i = 0; i < proc.nchildren; i++)
		if (proc.children[i].pid != 0)
			forget_child(&proc.children[i]);
	proc.nchildren = 0;
	memset((void *)proc.used, 0, sizeof(proc.used));
	proc.used[thread_slot(td)] = 1;
	add_parent(proc.pid);
	proc.ppid = proc.pid;
	proc.pid = pid;
	proc.slot = slot;
	/* Else it would go on with its parent's random numbers. */
	proc.random = (proc.random ^ pid * 0x9e3779b97f4a7c15ull) | 1;
	proc.nthreads = 1;
	proc.main_slot = thread_slot(td);
	td->tid = pid;
	td->number = native(CALL_THREAD_SELF, 0, 0, 0, 0);
	td->clear_tid = 0;
	signal_fork();
}

/* The result is as fork(2)'s. */
static int
fork_process(void)
{
	struct child *c;
	struct results res;
	int r, slot;

	lock(&proc.lock);
	forget_ended();
	c = free_child();
	slot = c == NULL ? -EAGAIN : fd_fork();
	if (slot < 0) {
		unlock(&proc.lock);
		return (slot);
	}
	r = native_results(CALL_TASK_FORK, 0, 0, 0, 0, &res);
	if (r == 0) {
		become_child(res.ebx, slot);
	} else if (r > 0) {
		*c = (struct child){ res.ebx, r, slot };
	} else {
		fd_slot_free(slot);
	}
	unlock(&proc.lock);
	return (r > 0 ? (int)res.ebx : r);
}

int
linux_fork(struct regs *r)
{
	(void)r;
	return (fork_process());
}

/* The parent may run on before the child calls execve(): it has a copy. */
int
linux_vfork(struct regs *r)
{
	return (linux_fork(r));
}

/* clone(flags, stack, parent's tid, TLS, child's tid) */
int
linux_clone(struct regs *r)
{
	uint32_t flags = r->ebx, stack = r->ecx, child_tid = r->edi;
	int pid;

	if ((flags & CLONE_THREAD) != 0)
		return (thread_create(r));
	if ((flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
		return (-EINVAL);	/* processes never share memory */
	pid = fork_process();
	if (pid < 0)
		return (pid);
	if (pid > 0) {
		if ((flags & CLONE_PARENT_SETTID) != 0)
			*(uint32_t *)r->edx = pid;
		return (pid);
	}
	if ((flags & CLONE_CHILD_SETTID) != 0)
		*(uint32_t *)child_tid = proc.pid;
	if ((flags & CLONE_CHILD_CLEARTID) != 0)
		self()->clear_tid = child_tid;
	if (stack != 0)
		r->esp = stack;
	return (0);
}

/* What signal an exception is. */
static uint32_t
signal_of(uint32_t vector)
{
	switch (vector) {
	case 0:
	case 16:
	case 19:
		return (SIGFPE);
	case 1:
	case 3:
		return (SIGTRAP);
	case 6:
		return (SIGILL);
	case 17:
		return (SIGBUS);
	default:
		return (SIGSEGV);
	}
}

/* A status of the kernel as wait(2) tells it. */
static uint32_t
wait_status(uint32_t status)
{
	if ((status & 0x200) != 0)
		return (signal_of(status & 0xff));
	if ((status & 0x100) != 0)
		return (status & 0x1f);
	return ((status & 0xff) << 8);
}

static bool
is_wanted(const struct child *c, int pid)
{
	return (c->pid != 0 && (pid <= 0 || c->pid == (uint32_t)pid));
}

/* A child that has ended: its number; 0: none yet; -ECHILD: there is none. */
static int
look(int pid, bool keep, uint32_t *status)
{
	int result = -ECHILD;

	lock(&proc.lock);
	for (uint32_t i = 0; i < proc.nchildren; i++) {
		struct child *c = &proc.children[i];

		if (!is_wanted(c, pid))
			continue;
		result = 0;
		if (!child_ended(c, status))
			continue;
		result = c->pid;
		if (!keep)
			bury_child(c);
		break;
	}
	unlock(&proc.lock);
	return (result);
}

/* Sleeps until a child ends, or minus EINTR. */
static int
sleep_for_child(int pid)
{
	struct wait_item items[CHILDREN_MAX];
	uint32_t n = 0;

	lock(&proc.lock);
	for (uint32_t i = 0; i < proc.nchildren; i++)
		if (is_wanted(&proc.children[i], pid))
			items[n++] = (struct wait_item){
			    proc.children[i].handle, WAIT_EXIT, 0 };
	unlock(&proc.lock);
	return (native_sleep(CALL_WAIT, (uint32_t)items, n, ~0u, ~0u));
}

/*
 * Waits for a child.  A signal, mostly that of the child, ends it only if no
 * child has ended.
 */
static int
wait_child(int pid, uint32_t options, uint32_t *status)
{
	bool keep = (options & WNOWAIT) != 0;
	int r, slept = 0;

	for (;;) {
		r = look(pid, keep, status);
		if (r != 0 || (options & WNOHANG) != 0)
			return (r);
		if (slept == -EINTR)
			return (-ERESTART);
		slept = sleep_for_child(pid);
	}
}

/* wait4(pid, status, options, rusage) */
int
linux_wait4(struct regs *r)
{
	uint32_t status;
	int pid = wait_child(r->ebx, r->edx & ~WNOWAIT, &status);

	if (pid > 0 && r->ecx != 0)
		*(uint32_t *)r->ecx = wait_status(status);
	if (pid > 0 && r->esi != 0)
		memset((void *)r->esi, 0, 72);
	return (pid);
}

int
linux_waitpid(struct regs *r)
{
	uint32_t status;
	int pid = wait_child(r->ebx, r->edx & ~WNOWAIT, &status);

	if (pid > 0 && r->ecx != 0)
		*(uint32_t *)r->ecx = wait_status(status);
	return (pid);
}

/* waitid(type, id, siginfo, options, rusage) */
int
linux_waitid(struct regs *r)
{
	struct linux_siginfo *info = (struct linux_siginfo *)r->edx;
	uint32_t status, ws;
	int pid;

	if (r->ebx > 2 || (r->esi & WEXITED) == 0)
		return (-EINVAL);
	pid = wait_child(r->ebx == P_PID ? (int)r->ecx : -1, r->esi, &status);
	if (pid < 0)
		return (pid);
	if (info == NULL)
		return (0);
	memset(info, 0, sizeof(*info));
	if (pid == 0)
		return (0);
	ws = wait_status(status);
	info->signo = SIGCHLD;
	info->code = (ws & 0x7f) == 0 ? CLD_EXITED : CLD_KILLED;
	info->pid = pid;
	info->status = (ws & 0x7f) == 0 ? ws >> 8 : ws & 0x7f;
	return (0);
}

/* Sends a signal to a task; 0 only looks whether it is there. */
static int
send(uint32_t handle, uint32_t signo)
{
	int r;

	if (signo == 0)
		return (0);
	if (signo > 31)
		return (-EINVAL);
	r = native(CALL(CALL_TASK_KILL, handle), signo, 0, 0, 0);
	/* One that has ended and was not waited for can still be sent to. */
	return (r == -ESRCH ? 0 : r);
}

static int
send_self(uint32_t signo)
{
	if (signo == SIGKILL)
		process_exit(STATUS_NOTE(SIGKILL));
	if (signo != 0)
		signal_post(signo);
	return (0);
}

static void
send_children(uint32_t signo)
{
	lock(&proc.lock);
	for (uint32_t i = 0; i < proc.nchildren; i++)
		if (proc.children[i].pid != 0)
			send(proc.children[i].handle, signo);
	unlock(&proc.lock);
}

/* kill(pid, signal): 0 and less is this process and its children. */
int
linux_kill(struct regs *r)
{
	int pid = r->ebx;
	uint32_t signo = r->ecx, status;
	struct child *c;

	if (signo > NSIG)
		return (-EINVAL);
	if (pid <= 0) {
		send_children(signo);
		return (send_self(signo));
	}
	if ((uint32_t)pid == proc.pid)
		return (send_self(signo));
	c = find(proc.children, proc.nchildren, pid);
	if (c != NULL)
		return (send(c->handle, signo));
	/* One that it must not wait for is gone when it has ended. */
	c = find(proc.ancestors, ANCESTORS_MAX, pid);
	return (c == NULL || child_ended(c, &status) ? -ESRCH :
	    send(c->handle, signo));
}

int
linux_getpid(struct regs *r)
{
	(void)r;
	return (proc.pid);
}

int
linux_getppid(struct regs *r)
{
	(void)r;
	return (proc.ppid);
}

/* All processes are one group and one session: there is one console. */
int
linux_getpgrp(struct regs *r)
{
	(void)r;
	return (1);
}

int
linux_setpgid(struct regs *r)
{
	(void)r;
	return (0);
}

int
linux_setsid(struct regs *r)
{
	(void)r;
	return (proc.pid);
}
