/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * A task's table of handles.
 *
 * Invariants: an entry with ops holds one reference, but for HANDLE_SELF: that
 * would keep the task for ever, so it is the one entry without.  Entry 0 is
 * never used.  No entry below t_handle_hint is free.  References are dropped
 * with the table unlocked, because that may sleep and may end in this file
 * again.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <task/task.h>
#include <vm/map/vm_object.h>

#define	FIRST_ROOM	16u

static void
object_ref(void *ob)
{
	vm_object_ref(ob);
}

static void
object_release(void *ob)
{
	vm_object_release(ob);
}

const struct kobject_ops vm_object_ops = {
	.name = "memory", .ref = object_ref, .release = object_release,
};

/* Makes the table at least this large; it is locked. */
static int
grow(struct task *t, u_int room)
{
	struct kref *bigger;

	if (room <= t->t_handles_room)
		return (0);
	if (room > TASK_MAXHANDLES)
		return (EMFILE);
	bigger = kmalloc(room * sizeof(*bigger), M_ZERO);
	if (bigger == NULL)
		return (ENOMEM);
	if (t->t_handles != NULL)
		memcpy(bigger, t->t_handles,
		    t->t_handles_room * sizeof(*bigger));
	kfree(t->t_handles);
	t->t_handles = bigger;
	t->t_handles_room = room;
	return (0);
}

/* Enters a reference at a number that is free.  The table is locked. */
static void
enter(struct task *t, u_int handle, const struct kref *ref)
{
	KASSERT(t->t_handles[handle].ops == NULL, "handle %u of %s is in use "
	    "(called from %pC)", handle, t->t_name, __caller());
	t->t_handles[handle] = *ref;
	t->t_nhandles++;
}

/* Contracts of the public functions are in <task/task.h>. */
int
handle_set(struct task *t, u_int handle, const struct kref *ref)
{
	int error;

	mtx_lock(&t->t_handles_lock);
	error = grow(t, FIRST_ROOM);
	if (error == 0)
		enter(t, handle, ref);
	if (t->t_handle_hint <= HANDLE_PARENT)
		t->t_handle_hint = HANDLE_PARENT + 1;
	mtx_unlock(&t->t_handles_lock);
	return (error);
}

/* The lowest number that is free, with room in the table, which is locked. */
static int
find_free(struct task *t, u_int *handle)
{
	u_int h = t->t_handle_hint;

	while (h < t->t_handles_room && t->t_handles[h].ops != NULL)
		h++;
	t->t_handle_hint = h;
	*handle = h;
	if (h < t->t_handles_room)
		return (0);
	return (grow(t, t->t_handles_room == 0 ? FIRST_ROOM :
	    2 * t->t_handles_room));
}

int
handle_alloc(struct task *t, const struct kref *ref, u_int *handle)
{
	int error;

	mtx_lock(&t->t_handles_lock);
	error = find_free(t, handle);
	if (error == 0)
		enter(t, *handle, ref);
	mtx_unlock(&t->t_handles_lock);
	return (error);
}

/* The entry of a handle; NULL if there is none.  The table is locked. */
static struct kref *
lookup(struct task *t, u_int handle)
{
	if (handle >= t->t_handles_room || t->t_handles[handle].ops == NULL)
		return (NULL);
	return (&t->t_handles[handle]);
}

int
handle_get(struct task *t, u_int handle, const struct kobject_ops *ops,
    u_int rights, struct kref *ref)
{
	const struct kref *found;
	int error = 0;

	mtx_lock(&t->t_handles_lock);
	found = lookup(t, handle);
	if (found == NULL || (ops != NULL && found->ops != ops)) {
		error = EBADF;
	} else if ((found->rights & rights) != rights) {
		error = EPERM;
	} else {
		*ref = *found;
		ref->ops->ref(ref->object);
	}
	mtx_unlock(&t->t_handles_lock);
	return (error);
}

int
handle_close(struct task *t, u_int handle)
{
	struct kref *found, ref;

	if (handle == HANDLE_SELF)
		return (EPERM);
	mtx_lock(&t->t_handles_lock);
	found = lookup(t, handle);
	if (found != NULL) {
		ref = *found;
		found->ops = NULL;
		t->t_nhandles--;
		if (handle < t->t_handle_hint && handle > HANDLE_PARENT)
			t->t_handle_hint = handle;
	}
	mtx_unlock(&t->t_handles_lock);
	if (found == NULL)
		return (EBADF);
	kref_release(&ref);
	return (0);
}

/* Copies one entry of a locked table to the same number of another task. */
static void
copy(const struct kref *ref, struct task *to, u_int handle)
{
	ref->ops->ref(ref->object);
	enter(to, handle, ref);
}

/*
 * The new task has no thread, so its table needs no lock; and two locks of one
 * rank could not be held.
 */
int
handle_copy_all(struct task *from, struct task *to)
{
	int error;

	mtx_lock(&from->t_handles_lock);
	error = grow(to, from->t_handles_room);
	for (u_int h = HANDLE_PARENT + 1; error == 0 &&
	    h < from->t_handles_room; h++)
		if (from->t_handles[h].ops != NULL)
			copy(&from->t_handles[h], to, h);
	to->t_handle_hint = from->t_handle_hint;
	mtx_unlock(&from->t_handles_lock);
	return (error);
}

/* No thread of the task is left, so no entry can come in meanwhile. */
void
handle_close_all(struct task *t)
{
	for (u_int h = HANDLE_SELF + 1; h < t->t_handles_room; h++)
		if (t->t_handles[h].ops != NULL)
			(void)handle_close(t, h);
	mtx_lock(&t->t_handles_lock);
	kfree(t->t_handles);
	t->t_handles = NULL;
	t->t_handles_room = t->t_nhandles = 0;
	mtx_unlock(&t->t_handles_lock);
}
