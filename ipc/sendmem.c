/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * chan_sendmem: pages of an object, queued by reference.  Each page is SEALED
 * before it is queued: a later write to the object makes a new page there.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <ipc/queue.h>
#include <vm/map/vm_object.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>

#define	BATCH		65536u	/* bytes that are queued at a time */

/* How many bytes the object has from an offset on, `size' at most. */
static vm_size_t
clip(struct vm_object *ob, uint64_t offset, vm_size_t size)
{
	uint64_t end;

	mtx_lock(&ob->ob_lock);
	end = ob->ob_size;
	mtx_unlock(&ob->ob_lock);
	if (offset >= end)
		return (0);
	return (end - offset < size ? (vm_size_t)(end - offset) : size);
}

/* An mbuf with bytes of an object from an offset on, n at most. */
static struct mbuf *
next_pages(struct vm_object *ob, uint64_t offset, u_int n, int *error)
{
	u_int off = (u_int)offset & PAGE_MASK;
	struct mbuf *m = m_get();
	int got;

	*error = ENOBUFS;
	if (m == NULL)
		return (NULL);
	got = vm_object_send_pages(ob, atop(offset),
	    umin(atop(round_page(off + n)), M_MAXPAGES), m->m_pages);
	if (got < 0) {
		m_free(m);
		*error = -got;
		return (NULL);
	}
	m->m_flags = M_EXT;
	m->m_count = (u_int)got;
	m->m_off = off;
	m->m_len = umin(m->m_count * PAGE_SIZE - off, n);
	KDEBUG(vm_page_is_sealed(m->m_pages[0]), "chan_sendmem: page %u of "
	    "the object is not sealed", atop(offset));
	*error = 0;
	return (m);
}

/* A chain with n bytes of an object, or with those before an error. */
static struct mbuf *
pages_at(struct vm_object *ob, uint64_t offset, u_int n, u_int *done,
    int *error)
{
	struct mbuf *chain = NULL, **end = &chain, *m;

	for (*done = 0; *done < n; *done += m->m_len, end = &m->m_next) {
		m = next_pages(ob, offset + *done, n - *done, error);
		if (m == NULL)
			break;
		*end = m;
	}
	return (chain);
}

/* Queues the next part of a stream's send; *done bytes were queued. */
static int
send_part(struct chan_end *end, struct vm_object *ob, uint64_t offset,
    vm_size_t size, u_int flags, const void *self, u_int *done)
{
	struct mbuf *m;
	u_int room;
	int error;

	*done = 0;
	error = chan_room(end, umin(size, BATCH), flags, self, &room);
	if (error != 0)
		return (error);
	m = pages_at(ob, offset, room, done, &error);
	if (m == NULL)
		return (error);
	if ((error = chan_enqueue(end, m, flags, self)) != 0) {
		chan_discard(m);
		*done = 0;
	}
	return (error);
}

static int
send_stream(struct chan_end *end, struct vm_object *ob, uint64_t offset,
    vm_size_t size, u_int flags, vm_size_t *sent)
{
	int error = chan_write_begin(end, flags, sent);
	u_int done;

	if (error != 0)
		return (error);
	while (error == 0 && *sent < size) {
		error = send_part(end, ob, offset + *sent, size - *sent,
		    flags, sent, &done);
		*sent += done;
	}
	chan_write_end(end);
	return (*sent > 0 ? 0 : error);
}

static int
send_message(struct chan_end *end, struct vm_object *ob, uint64_t offset,
    vm_size_t size, u_int flags, vm_size_t *sent)
{
	struct mbuf *m, *last;
	u_int done;
	int error;

	if (size > CHAN_MSG_MAX)
		return (EMSGSIZE);
	m = last = pages_at(ob, offset, (u_int)size, &done, &error);
	if (error == 0) {
		m->m_flags |= M_PKTHDR;
		m->m_pktlen = done;
		while (last->m_next != NULL)
			last = last->m_next;
		last->m_flags |= M_EOR;
		error = chan_enqueue(end, m, flags, NULL);
	}
	if (error != 0)
		m_freem(m);
	else
		*sent = done;
	return (error);
}

/* Contracts of the public functions are in <ipc/channel.h>. */
int
chan_sendmem(struct chan_end *end, struct vm_object *ob, uint64_t offset,
    vm_size_t size, u_int flags, vm_size_t *sent)
{
	*sent = 0;
	size = clip(ob, offset, size);
	if (size == 0)
		return (0);
	if (end->e_chan->c_kind == CHAN_MESSAGE)
		return (send_message(end, ob, offset, size, flags, sent));
	return (send_stream(end, ob, offset, size, flags, sent));
}
