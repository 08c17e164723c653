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
 * first, it is on the queue; if it takes it later, it loads 1.
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
		if (((w->w_events | WAIT_HANGUP) & events) == 0)
			continue;
		atomic_store_rel_32(w->w_woken, 1);
		sleepq_wakeup((const void *)(uintptr_t)w->w_woken);
	}
}

void
waiter_add(struct waiter **list, struct waiter *w)
{
	w->w_next = *list;
	*list = w;
}

void
waiter_remove(struct waiter **list, struct waiter *w)
{
	struct waiter **p;

	for (p = list; *p != NULL && *p != w; p = &(*p)->w_next)
		continue;
	KASSERT(*p == w, "waiter_remove: it is not on the list (called from "
	    "%pC)", __caller());
	*p = w->w_next;
}
