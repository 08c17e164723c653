/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * To wait for many objects at once.
 *
 * A struct wait belongs to the waiting thread and is freed when the call ends.
 * Invariant: each object whose poll was called with one of its waiters has that
 * waiter on its list until its unpoll, and is referenced for as long.
 *
 * No event is missed: a poll puts the waiter on the object's list before it
 * looks for events, under the object's lock, under which an object that gets an
 * event tells its waiters.  The event is either seen by the poll, or stored in
 * `woken'.  The thread looks at `woken' under the lock of the sleep queue, which
 * the waker takes after the store.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/malloc.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <task/call.h>

#define	EVENTS_ALL	(WAIT_READ | WAIT_WRITE | WAIT_EXIT | WAIT_HANGUP)

struct wait {
	volatile uint32_t woken;
	u_int n;			/* items with a reference */
	struct wait_item *items;
	struct kref *refs;
	struct waiter *waiters;
};

/* The four parts are one allocation; NULL if out of memory. */
static struct wait *
wait_alloc(u_int n)
{
	struct wait *w = kmalloc(sizeof(*w) + n * (sizeof(*w->items) +
	    sizeof(*w->refs) + sizeof(*w->waiters)), M_ZERO);

	if (w == NULL)
		return (NULL);
	w->refs = (struct kref *)(w + 1);
	w->waiters = (struct waiter *)(w->refs + n);
	w->items = (struct wait_item *)(w->waiters + n);
	return (w);
}

static void
wait_free(struct wait *w)
{
	while (w->n > 0)
		kref_release(&w->refs[--w->n]);
	kfree(w);
}

/* Finds the object of each item. */
static int
decode(struct wait *w, uint32_t at, u_int n)
{
	struct wait_item *item = w->items;
	struct kref *ref;
	int error = call_copyin(at, w->items, n * sizeof(*item));

	for (; error == 0 && w->n < n; item++) {
		if ((item->events & ~EVENTS_ALL) != 0)
			return (EINVAL);
		ref = &w->refs[w->n];
		error = handle_get(curtask(), item->handle, NULL, 0, ref);
		if (error != 0)
			break;
		w->n++;
		if (ref->ops->poll == NULL)
			error = EINVAL;
		else if ((ref->rights & (RIGHT_READ | RIGHT_WRITE)) == 0)
			error = EPERM;
	}
	return (error);
}

/* Looks at one object; with `enlist' its waiter is told of later events. */
static bool
look(struct wait *w, u_int i, bool enlist)
{
	const struct kref *ref = &w->refs[i];
	u_int events = w->items[i].events | WAIT_HANGUP;

	w->waiters[i] = (struct waiter){ .w_thread = curthread(),
	    .w_woken = &w->woken, .w_events = events };
	w->items[i].ready = (unsigned short)(events &
	    ref->ops->poll(ref->object, enlist ? &w->waiters[i] : NULL));
	return (w->items[i].ready != 0);
}

/* Returns how many are ready, looking at each. */
static u_int
look_at_all(struct wait *w, bool enlist)
{
	u_int ready = 0;

	for (u_int i = 0; i < w->n; i++)
		ready += look(w, i, enlist);
	return (ready);
}

static void
delist_all(struct wait *w)
{
	for (u_int i = 0; i < w->n; i++)
		w->refs[i].ops->unpoll(w->refs[i].object, &w->waiters[i]);
}

/* Sleeps until an object tells; 0, EINTR, or EWOULDBLOCK at the deadline. */
static int
sleep(struct wait *w, uint64_t deadline)
{
	int error = 0;
	u_int ms;

	sleepq_lock((const void *)&w->woken);
	while (w->woken == 0 && (error == 0 || error == EWOULDBLOCK)) {
		if (!time_left_ms(deadline, &ms)) {
			error = EWOULDBLOCK;
			break;
		}
		error = sleepq_wait((const void *)&w->woken, "wait",
		    SLEEP_CATCH | SLEEP_LONG, ms);
		sleepq_lock((const void *)&w->woken);
	}
	if (w->woken != 0)
		error = 0;
	sleepq_unlock((const void *)&w->woken);
	return (error);
}

/*
 * Waits until something is ready; *ready is how many.  After a wake-up all are
 * looked at again, because what came may be gone.
 */
static int
wait_for_any(struct wait *w, uint64_t deadline, u_int *ready)
{
	int error;

	*ready = deadline == 0 ? look_at_all(w, false) : look_at_all(w, true);
	if (deadline == 0)
		return (0);
	do {
		error = *ready != 0 ? 0 : sleep(w, deadline);
		delist_all(w);
		if (*ready != 0 || error == EINTR)
			return (error);
		w->woken = 0;
		*ready = look_at_all(w, error == 0);
	} while (error == 0);
	return (0);
}

int32_t
call_wait(struct userframe *uf, u_int handle)
{
	uint32_t at = ARG1(uf), n = ARG2(uf);
	uint64_t deadline = arg_64(ARG3(uf), ARG4(uf));
	struct wait *w;
	u_int ready = 0;
	int error;

	if (handle != 0 || n > WAIT_MAX)
		return (-EINVAL);
	if ((w = wait_alloc(n)) == NULL)
		return (-ENOMEM);
	error = decode(w, at, n);
	if (error == 0)
		error = wait_for_any(w, deadline, &ready);
	if (error == 0)
		error = call_copyout(w->items, at, n * sizeof(*w->items));
	wait_free(w);
	return (error != 0 ? -error : (int32_t)ready);
}
