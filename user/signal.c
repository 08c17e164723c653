/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Signals: those that are pending, those that are blocked, and what is done
 * about each.  The frames from which handlers run are in user/frame.c.
 *
 * Signals 1 to 31 from other processes are the kernel's notes; one to a thread
 * of this process is a bit in its struct thread, with note 0.  A signal is
 * handled only on the way back to the program, when the personality's stack is
 * empty: no handler ever runs on top of a call.
 */

#include "user/proc.h"
#include "user/linux.h"
#include "user/native.h"

/* Ignored by default; nothing stops here, so what would stop is one of them. */
#define	IGNORED_BY_DEFAULT (BIT(SIGCHLD) | BIT(SIGCONT) | BIT(SIGURG) | \
	    BIT(SIGWINCH) | 0xfull << (SIGSTOP - 1))

static uint64_t
pending_of(const volatile uint32_t p[2])
{
	return ((uint64_t)p[1] << 32 | p[0]);
}

static void
post(volatile uint32_t p[2], uint32_t signo)
{
	atomic_or(&p[(signo - 1) / 32], 1u << (signo - 1) % 32);
}

/* Takes a signal from a set; false if another thread has been faster. */
static bool
take(volatile uint32_t p[2], uint32_t signo)
{
	uint32_t bit = 1u << (signo - 1) % 32;

	return ((atomic_clear(&p[(signo - 1) / 32], bit) & bit) != 0);
}

void
signal_post(uint32_t signo)
{
	post(proc.pending, signo);
}

void
signal_post_thread(struct thread *td, uint32_t signo)
{
	post(td->pending, signo);
	if (td != self())
		native(CALL_THREAD_CTL, THREAD_INTERRUPT, td->number, 0, 0);
}

/* Takes back what this thread has sent to itself. */
void
signal_forget_self(uint32_t signo)
{
	take(self()->pending, signo);
}

/* Another thread gets to handle a signal that this one blocks. */
static void
hand_over(uint32_t signo)
{
	for (uint32_t i = 0; i < THREADS_MAX; i++) {
		struct thread *td = &areas[i].thread;

		if (proc.used[i] == 0 || (td->mask & BIT(signo)) != 0)
			continue;
		native(CALL_THREAD_CTL, THREAD_INTERRUPT, td->number, 0, 0);
		return;
	}
}

/* Notes that the kernel has handed over, bit n for note n. */
void
signal_take(uint32_t notes)
{
	for (uint32_t n = 1; n < 32; n++)
		if ((notes & 1u << n) != 0) {
			signal_post(n);
			if (proc.nthreads > 1 && (self()->mask & BIT(n)) != 0)
				hand_over(n);
		}
}

static void
take_notes(void)
{
	int notes;

	self()->block.pending = 0;
	/* The kernel sets `pending' before it returns: this call sees all. */
	notes = native(CALL_THREAD_CTL, THREAD_NOTES, 0, 0, 0);
	if (notes != 0)
		signal_take(notes);
}

static bool
ignored(uint32_t signo)
{
	uint32_t handler = proc.actions[signo - 1].handler;

	return (handler == SIG_IGN ||
	    (handler == SIG_DFL && (IGNORED_BY_DEFAULT & BIT(signo)) != 0));
}

/* The next signal to handle, or 0; forgets those that are ignored. */
static uint32_t
next_signal(void)
{
	struct thread *td = self();
	uint64_t set;
	uint32_t signo;

	if ((proc.pending[0] | proc.pending[1] | td->pending[0] |
	    td->pending[1]) == 0)
		return (0);
	for (;;) {
		set = (pending_of(proc.pending) | pending_of(td->pending)) &
		    ~td->mask;
		if (set == 0)
			return (0);
		signo = (uint32_t)set != 0 ? __builtin_ctz(set) + 1 :
		    __builtin_ctz(set >> 32) + 33;
		if (!ignored(signo))
			return (signo);
		take(td->pending, signo);
		take(proc.pending, signo);
	}
}

/* For a call that was interrupted: whether it ends, or sleeps again. */
bool
signal_deliverable(void)
{
	take_notes();
	return (next_signal() != 0 || self()->leave);
}

/* Makes the program run its handler next. */
static void
call_handler(struct regs *r, uint32_t signo)
{
	struct thread *td = self();
	struct sigact sa = proc.actions[signo - 1];
	uint64_t mask = td->mask_saved ? td->saved_mask : td->mask;

	if ((sa.flags & SA_RESETHAND) != 0)
		proc.actions[signo - 1].handler = SIG_DFL;
	frame_push(r, &sa, signo, mask);
	td->mask_saved = false;
	td->mask |= sa.mask;
	if ((sa.flags & SA_NODEFER) == 0)
		td->mask |= BIT(signo);
	td->mask &= ~NEVER_BLOCKED;
}

/* Makes the program enter the personality again, with the call's number. */
static void
call_again(struct regs *r, uint32_t nr)
{
	r->eax = nr;
	r->esp -= 4;
	*(uint32_t *)r->esp = r->eip;
	r->eip = (uint32_t)linux_entry;
}

void
signal_work(struct regs *r, int nr)
{
	struct thread *td = self();
	uint32_t signo;

	for (;;) {
		if (td->block.pending != 0)
			take_notes();
		if (td->leave)
			thread_exit(0);
		if ((signo = next_signal()) == 0)
			break;
		if (!take(td->pending, signo) && !take(proc.pending, signo))
			continue;
		if (proc.actions[signo - 1].handler == SIG_DFL)
			process_exit(STATUS_NOTE(
			    signo < 32 ? signo : SIGKILL));
		if (nr != NO_CALL) {
			if ((proc.actions[signo - 1].flags & SA_RESTART) != 0)
				call_again(r, nr);
			else
				r->eax = -EINTR;
			nr = NO_CALL;
		}
		call_handler(r, signo);
	}
	if (nr != NO_CALL)
		call_again(r, nr);
	if (td->mask_saved) {
		td->mask_saved = false;
		td->mask = td->saved_mask;
	}
}

/* A new program: handlers are gone, what is ignored stays so. */
void
signal_exec(void)
{
	for (uint32_t i = 0; i < NSIG; i++) {
		struct sigact *sa = &proc.actions[i];

		*sa = (struct sigact){
			.handler = sa->handler == SIG_IGN ? SIG_IGN : SIG_DFL
		};
	}
}

void
signal_fork(void)
{
	struct thread *td = self();

	proc.pending[0] = proc.pending[1] = 0;
	td->pending[0] = td->pending[1] = 0;
}

static int
set_action(uint32_t signo, const struct sigact *new, struct sigact *old)
{
	struct sigact *sa;

	if (signo < 1 || signo > NSIG ||
	    (new != NULL && (NEVER_BLOCKED & BIT(signo)) != 0))
		return (-EINVAL);
	sa = &proc.actions[signo - 1];
	lock(&proc.lock);
	*old = *sa;
	if (new != NULL)
		*sa = *new;
	unlock(&proc.lock);
	return (0);
}

/* rt_sigaction(signo, new, old, size of a set) */
int
linux_rt_sigaction(struct regs *r)
{
	const struct linux_sigaction *la = (void *)r->ecx;
	struct linux_sigaction *lo = (void *)r->edx;
	struct sigact new, old;
	int error;

	if (r->esi != sizeof(uint64_t))
		return (-EINVAL);
	if (la != NULL)
		new = (struct sigact){ la->handler, la->flags, la->restorer,
		    la->mask };
	error = set_action(r->ebx, la != NULL ? &new : NULL, &old);
	if (error == 0 && lo != NULL)
		*lo = (struct linux_sigaction){ old.handler, old.flags,
		    old.restorer, old.mask };
	return (error);
}

int
linux_sigaction(struct regs *r)
{
	const struct linux_old_sigaction *la = (void *)r->ecx;
	struct linux_old_sigaction *lo = (void *)r->edx;
	struct sigact new, old;
	int error;

	if (la != NULL)
		new = (struct sigact){ la->handler, la->flags, la->restorer,
		    la->mask };
	error = set_action(r->ebx, la != NULL ? &new : NULL, &old);
	if (error == 0 && lo != NULL)
		*lo = (struct linux_old_sigaction){ old.handler, old.mask,
		    old.flags, old.restorer };
	return (error);
}

static int
set_mask(uint32_t how, uint64_t set)
{
	struct thread *td = self();

	switch (how) {
	case SIG_BLOCK:
		td->mask |= set & ~NEVER_BLOCKED;
		return (0);
	case SIG_UNBLOCK:
		td->mask &= ~set;
		return (0);
	case SIG_SETMASK:
		td->mask = set & ~NEVER_BLOCKED;
		return (0);
	default:
		return (-EINVAL);
	}
}

/* rt_sigprocmask(how, set, old set, size of a set) */
int
linux_rt_sigprocmask(struct regs *r)
{
	const uint64_t *set = (void *)r->ecx;
	uint64_t *old = (void *)r->edx, mask = self()->mask;
	int error = 0;

	if (r->esi != sizeof(*set))
		return (-EINVAL);
	if (set != NULL)
		error = set_mask(r->ebx, *set);
	if (error == 0 && old != NULL)
		*old = mask;
	return (error);
}

int
linux_sigprocmask(struct regs *r)
{
	const uint32_t *set = (void *)r->ecx;
	uint32_t *old = (void *)r->edx;
	uint64_t mask = self()->mask, high = mask & ~0xffffffffull;
	int error = 0;

	if (set != NULL)
		error = set_mask(r->ebx,
		    *set | (r->ebx == SIG_SETMASK ? high : 0));
	if (error == 0 && old != NULL)
		*old = mask;
	return (error);
}

int
linux_rt_sigpending(struct regs *r)
{
	struct thread *td = self();

	take_notes();
	*(uint64_t *)r->ebx = (pending_of(proc.pending) |
	    pending_of(td->pending)) & td->mask;
	return (0);
}

/* Sleeps until a signal is to be handled. */
static int
sleep_for_signal(void)
{
	native_sleep(CALL_WAIT, 0, 0, ~0u, ~0u);
	return (-EINTR);
}

static int
suspend(uint64_t mask)
{
	struct thread *td = self();

	td->saved_mask = td->mask;
	td->mask_saved = true;
	td->mask = mask & ~NEVER_BLOCKED;
	/* It may be pending since before. */
	if (next_signal() != 0)
		return (-EINTR);
	return (sleep_for_signal());
}

int
linux_rt_sigsuspend(struct regs *r)
{
	return (suspend(*(const uint64_t *)r->ebx));
}

/* sigsuspend(unused, unused, mask) */
int
linux_sigsuspend(struct regs *r)
{
	return (suspend(r->edx));
}

int
linux_pause(struct regs *r)
{
	(void)r;
	return (sleep_for_signal());
}

/* No handler needs another stack here: none runs after a stack overflow. */
int
linux_sigaltstack(struct regs *r)
{
	uint32_t *old = (uint32_t *)r->ecx;

	if (r->ebx != 0 && (((uint32_t *)r->ebx)[1] & SS_DISABLE) == 0)
		return (-ENOMEM);
	if (old != NULL) {
		old[0] = old[2] = 0;
		old[1] = SS_DISABLE;
	}
	return (0);
}
