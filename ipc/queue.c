/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The queue of a channel's end.  Its lock is held; each function takes time for
 * the mbufs that it takes off only, and frees none.
 *
 * Invariants: q_bytes, q_mbufs and q_lent are the sums over the list, whose
 * last mbuf is q_last.  A lent mbuf is that last one, and the only one: its
 * writer keeps the others away.  A reader may copy from the first q_bytes
 * bytes, as it found them, without the lock: mbufs are appended behind them,
 * and coalescing writes behind m_len.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <ipc/queue.h>

/* Contracts of the public functions are in <ipc/queue.h>. */
void
mbufq_append(struct mbufq *q, struct mbuf *m, struct mbuf *last, u_int mbufs,
    u_int bytes)
{
	KDEBUG(last->m_next == NULL && m_length(m) == bytes, "mbufq_append: "
	    "%u bytes are called %u (called from %pC)", m_length(m), bytes,
	    __caller());
	if (q->q_first == NULL)
		q->q_first = m;
	else
		q->q_last->m_next = m;
	q->q_last = last;
	q->q_mbufs += mbufs;
	q->q_bytes += bytes;
}

bool
mbufq_coalesce(struct mbufq *q, const struct mbuf *m)
{
	struct mbuf *last = q->q_last;
	u_int used;

	if (last == NULL || m->m_next != NULL ||
	    ((last->m_flags | m->m_flags) & (M_EXT | M_PKTHDR | M_EOR)) != 0)
		return (false);
	used = (u_int)(last->m_data - last->m_dat) + last->m_len;
	if (m->m_len > last->m_size - used)
		return (false);
	memcpy(last->m_dat + used, m->m_data, m->m_len);
	last->m_len += m->m_len;
	q->q_bytes += m->m_len;
	return (true);
}

/* Notes that n bytes of m leave the queue. */
static inline void
count_off(struct mbufq *q, const struct mbuf *m, u_int n)
{
	q->q_bytes -= n;
	if ((m->m_flags & M_LENT) != 0)
		q->q_lent -= n;
}

/* Takes off the mbufs up to last, which may be NULL for none. */
static struct mbuf *
cut_behind(struct mbufq *q, struct mbuf *last)
{
	struct mbuf *first = q->q_first;

	if (last == NULL)
		return (NULL);
	q->q_first = last->m_next;
	if (q->q_first == NULL)
		q->q_last = NULL;
	last->m_next = NULL;
	return (first);
}

struct mbuf *
mbufq_consume(struct mbufq *q, u_int n)
{
	struct mbuf *m, *last = NULL;

	KASSERT(n <= q->q_bytes, "mbufq_consume: %u bytes of %u (called from "
	    "%pC)", n, q->q_bytes, __caller());
	for (m = q->q_first; m != NULL && m->m_len <= n; m = m->m_next) {
		n -= m->m_len;
		q->q_mbufs--;
		count_off(q, m, m->m_len);
		last = m;
	}
	if (n > 0) {
		count_off(q, m, n);
		m_adj_one(m, n);
	}
	return (cut_behind(q, last));
}

struct mbuf *
mbufq_take_message(struct mbufq *q)
{
	struct mbuf *m = q->q_first;

	q->q_bytes -= m->m_pktlen;
	q->q_mbufs--;
	for (; (m->m_flags & M_EOR) == 0; m = m->m_next)
		q->q_mbufs--;
	return (cut_behind(q, m));
}

struct mbuf *
mbufq_take_lent(struct mbufq *q, struct mbuf *before)
{
	struct mbuf *lent = q->q_last;

	KASSERT((lent->m_flags & M_LENT) != 0 && q->q_lent == lent->m_len &&
	    (q->q_first == lent || before->m_next == lent),
	    "mbufq_take_lent: %u lent bytes, the last mbuf has flags 0x%x",
	    q->q_lent, lent->m_flags);
	q->q_mbufs--;
	count_off(q, lent, lent->m_len);
	if (q->q_first == lent)
		q->q_first = q->q_last = NULL;
	else {
		before->m_next = NULL;
		q->q_last = before;
	}
	return (lent);
}

struct mbuf *
mbufq_take_all(struct mbufq *q)
{
	struct mbuf *m = q->q_first;

	*q = (struct mbufq){ .q_lost = q->q_lost + q->q_lent };
	return (m);
}
