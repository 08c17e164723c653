/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Notes, which a task gets from others, and upcalls, by which its threads get
 * to know of them.
 *
 * A note is a bit of t_notes until a thread takes it.  Invariant, under t_lock:
 * exactly the threads that are to take a note have SIGNAL_NOTE set, which ends
 * their interruptible sleeps, and td_ast, which brings them to note_deliver()
 * before they run in ring 3.  A note is given to the first thread of the list
 * that does not mask it, and note_recompute() follows each change of the notes,
 * the masks and the list: so a note is not lost between a look and a sleep, and
 * one that is masked ends none.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/uio.h>
#include <machine/atomic.h>
#include <machine/trap.h>
#include <task/task.h>

#define	BLOCK(field)	offsetof(struct thread_block, field)

/* Which of these notes a thread takes.  One without an entry takes none. */
static uint32_t
taken_by(const struct uthread *ut, uint32_t notes)
{
	return (ut->u_upcall == 0 ? 0 :
	    (notes | ut->u_notes) & ~ut->u_mask);
}

/* Contracts of the public functions are in <task/task.h>. */
void
note_recompute(struct task *t)
{
	uint32_t left = t->t_notes, take;

	for (struct uthread *ut = t->t_threads; ut != NULL; ut = ut->u_next) {
		if (ut->u_td == NULL)
			continue;
		take = taken_by(ut, left);
		left &= ~take;
		if (take == 0) {
			atomic_clear_32(&ut->u_td->td_signals,
			    1u << SIGNAL_NOTE);
			continue;
		}
		atomic_set_32(&ut->u_td->td_ast, 1);
		thread_signal(ut->u_td, SIGNAL_NOTE);
		task_poke(ut);
	}
}

void
task_note(struct task *t, u_int note)
{
	KASSERT(note > 0 && note < 32, "task_note: no note %u (called from "
	    "%pC)", note, __caller());
	if (note == NOTE_KILL) {
		task_end(t, STATUS_NOTE(NOTE_KILL));
		return;
	}
	spin_lock(&t->t_lock);
	t->t_notes |= 1u << note;
	note_recompute(t);
	spin_unlock(&t->t_lock);
}

void
task_note_all(u_int note)
{
	struct task *t;
	u_int id = 0;

	while ((t = task_next(id)) != NULL) {
		id = t->t_id;
		task_note(t, note);
		task_release(t);
	}
}

uint32_t
note_set_mask(uint32_t mask)
{
	struct uthread *ut = curuthread();
	struct task *t = ut->u_task;
	uint32_t old;

	spin_lock(&t->t_lock);
	old = ut->u_mask;
	ut->u_mask = mask;
	note_recompute(t);
	spin_unlock(&t->t_lock);
	return (old);
}

void
note_set_upcall(uint32_t block, uint32_t entry)
{
	struct uthread *ut = curuthread();
	struct task *t = ut->u_task;

	spin_lock(&t->t_lock);
	ut->u_block = block;
	ut->u_upcall = entry;
	note_recompute(t);
	spin_unlock(&t->t_lock);
}

uint32_t
note_take(void)
{
	struct uthread *ut = curuthread();
	struct task *t = ut->u_task;
	uint32_t take;

	spin_lock(&t->t_lock);
	take = (t->t_notes | ut->u_notes) & ~ut->u_mask;
	t->t_notes &= ~take;
	ut->u_notes &= ~take;
	note_recompute(t);
	spin_unlock(&t->t_lock);
	return (take);
}

int
note_interrupt(struct task *t, u_int id)
{
	struct uthread *ut;

	spin_lock(&t->t_lock);
	for (ut = t->t_threads; ut != NULL && ut->u_id != id; ut = ut->u_next)
		continue;
	if (ut != NULL) {
		ut->u_notes = 1;
		note_recompute(t);
	}
	spin_unlock(&t->t_lock);
	return (ut != NULL ? 0 : ESRCH);
}

/*
 * Copies n bytes to or from the calling thread's block.  False, and the task
 * ends, if that memory is not there.  The note that is to be delivered would end
 * the wait for an sf_buf, so that waits by yielding.
 */
static bool
block_io(size_t off, void *buf, size_t n, enum uio_rw rw)
{
	struct uthread *ut = curuthread();
	struct task *t = ut->u_task;
	struct uio uio = { .uio_map = t->t_map,
	    .uio_base = ut->u_block + off, .uio_resid = n, .uio_rw = rw };
	int error;

	while ((error = uiomove((char *)buf + (n - uio.uio_resid),
	    uio.uio_resid, &uio)) == EINTR && !t->t_ending)
		sched_yield();
	if (error == 0)
		return (true);
	if (error != EINTR)
		printf("task %u (%s), thread %u: its block at 0x%x cannot be "
		    "used (error %d)\n", t->t_id, t->t_name, ut->u_id,
		    ut->u_block, error);
	task_end(t, STATUS_FAULT(T_PAGEFLT));
	return (false);
}

/* What is written from `reason' on: the end of a struct thread_block. */
struct upcall_record {
	uint32_t reason, eip, eflags, arg;
};
_Static_assert(sizeof(struct thread_block) == BLOCK(reason) +
    sizeof(struct upcall_record), "struct thread_block has another end");

bool
upcall(struct userframe *uf, u_int reason, uint32_t arg)
{
	struct uthread *ut = curuthread();
	struct upcall_record r = { .reason = reason, .eip = uf->tf.eip,
	    .eflags = uf->tf.eflags, .arg = arg };
	uint32_t busy = 1;

	if (ut->u_upcall == 0)
		return (false);
	if (block_io(BLOCK(busy), &busy, sizeof(busy), UIO_READ) &&
	    block_io(BLOCK(reason), &r, sizeof(r), UIO_READ))
		uf->tf.eip = ut->u_upcall;
	return (true);
}

/*
 * A busy thread is told by `pending', and looks again at the notes when it next
 * enters the kernel.  Only this thread changes its mask and entry, so what it
 * has seen to wait either still waits, or another thread has taken it.
 */
void
note_deliver(struct userframe *uf)
{
	struct uthread *ut = curuthread();
	struct task *t = ut->u_task;
	uint32_t take, busy, one = 1;

	spin_lock(&t->t_lock);
	take = taken_by(ut, t->t_notes);
	spin_unlock(&t->t_lock);
	if (take == 0 ||
	    !block_io(BLOCK(busy), &busy, sizeof(busy), UIO_WRITE))
		return;
	if (busy != 0) {
		ut->u_deferred = true;
		(void)block_io(BLOCK(pending), &one, sizeof(one), UIO_READ);
		return;
	}
	take = note_take();
	if (take != 0)
		(void)upcall(uf, UPCALL_NOTE, take);
}
