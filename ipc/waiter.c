/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Threads that wait for events of several objects.
 *
 * No wake-up is lost.  The waiting thread puts its waiter on an object's list
 * and looks at the object under one hold of the object's lock; an event that
 * comes later finds the waiter.  The two accesses that then meet are the store
 * of *w_woken here and the waiting thread's load of it, under the lock of the
 * sleep queue: here that lock is taken after the store.  If the thread took it
 * first, it is on the queue; if it takes it later, it loads 1.  Whoever finds 1
 * already leaves the rest to the one that stored it: the thread sets it back
 * only when its waiters are off all lists, for which it needs their locks.
 *
 * A task may have a hundred thousand waiters on one list, and interrupts are
 * off while it is locked: so one comes off without a search, and the sleep queue
 * is locked once for each thread, not for each waiter.
 */

#include <sys/types.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <ipc/channel.h>

/* Contracts of the public functions are in <ipc/channel.h>. */
void
waiter_notify(struct waiter *w, u_int events)
{
	for (; w != NULL; w = w->w_next) {
		if (((w->w_events | WAIT_HANGUP) & events) == 0 ||
		    *w->w_woken != 0)
			continue;
		atomic_store_rel_32(w->w_woken, 1);
		sleepq_wakeup((const void *)(uintptr_t)w->w_woken);
	}
}

void
waiter_add(struct waiter **list, struct waiter *w)
{
	w->w_next = *list;
	w->w_prev = list;
	if (w->w_next != NULL)
		w->w_next->w_prev = &w->w_next;
	*list = w;
}

void
waiter_remove(struct waiter *w)
{
	KASSERT(w->w_prev != NULL && *w->w_prev == w, "waiter_remove: it is "
	    "not on the list (called from %pC)", __caller());
	*w->w_prev = w->w_next;
	if (w->w_next != NULL)
		w->w_next->w_prev = w->w_prev;
	w->w_prev = NULL;
}
