/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SF_BUF_RING_H_
#define	_SF_BUF_RING_H_

/*
 * The ring of a pool: all its slots in one circle, linked by sf->next, cut into
 * four parts in this order; after the last comes the first again:
 *
 *	      +-> QUEUE    mapped, the oldest first: candidates for eviction
 *	      |   FLUSHED  removed, and cached by no TLB
 *	      |   BATCH    removed, waits for a flush of all TLBs
 *	      +-- OPEN     removed since BATCH was closed
 *
 *	 last[OPEN]      last[QUEUE]    last[FLUSHED]  last[BATCH]
 *	     |               |              |              |
 *	.. [ ] > [a] [b] .. [ ] > [c] .. [ ] > [d] .. [ ] > [e] .. [ ] > [a]
 *	   OPEN  QUEUE            FLUSHED      BATCH        OPEN
 *
 * A slot changes its part when a border moves over it, and no link is written
 * for that: a miss maps the first slot of FLUSHED, which becomes the last of
 * QUEUE; eviction makes the first of QUEUE the last of OPEN; closing a batch
 * makes all of OPEN the end of BATCH; and once every TLB was flushed, BATCH is
 * the end of FLUSHED.  Links are written only where slots leave or enter out of
 * that order.
 *
 * Invariants, while the ring is not empty: last[k] of an empty part is the
 * last slot of the nearest part before it that is not empty, so that the first
 * slot of a part always comes after the last one of the part before; the
 * lengths add up to nslots.
 *
 * This file knows nothing of states, pages or TLBs.  Callers hold the lock of
 * the pool.  tests/host/ring_test.c compares it with a list.
 */

#include <sys/systm.h>
#include <sf_buf/slot.h>

enum part { QUEUE, FLUSHED, BATCH, OPEN, NPARTS };

struct ring {
	struct sf_buf *last[NPARTS];
	u_int len[NPARTS];
	u_int nslots;			/* their sum */
};

/* Slots linked from first to last, in no ring or in the middle of one. */
struct run {
	struct sf_buf *first, *last;
	u_int n;
};

static inline enum part
part_before(enum part k)
{
	return (k == QUEUE ? OPEN : k - 1);
}

static inline enum part
part_after(enum part k)
{
	return (k == OPEN ? QUEUE : k + 1);
}

/* ring_first: the first slot of part k, or of the next one if k is empty. */
static inline struct sf_buf *
ring_first(const struct ring *r, enum part k)
{
	return (sf_next(r->last[part_before(k)]));
}

/* Makes sf the last slot of part k and of the empty parts after it. */
static inline void
ring_set_last(struct ring *r, enum part k, struct sf_buf *sf)
{
	r->last[k] = sf;
	for (enum part j = part_after(k); j != k && r->len[j] == 0;
	    j = part_after(j))
		r->last[j] = sf;
}

/*
 * ring_shift: moves borders: the first n slots of part `from', up to `last',
 * become the last ones of part `to', which comes before `from' with only empty
 * parts between the two.
 */
static inline void
ring_shift(struct ring *r, enum part from, enum part to, struct sf_buf *last,
    u_int n)
{
	KDEBUG(n <= r->len[from], "ring: %u of %u slots of part %u", n,
	    r->len[from], from);
	r->len[from] -= n;
	r->len[to] += n;
	for (enum part k = to; k != from; k = part_after(k))
		r->last[k] = last;
}

/* ring_merge: all of part `from' becomes the end of the part before it. */
static inline void
ring_merge(struct ring *r, enum part from)
{
	ring_shift(r, from, part_before(from), r->last[from], r->len[from]);
}

/* ring_append: puts a run, which is not empty, at the end of part k. */
static inline void
ring_append(struct ring *r, enum part k, struct run run)
{
	struct sf_buf *prev = r->nslots == 0 ? run.last : r->last[k];

	KDEBUG(run.n != 0, "ring: no slot for part %u", k);
	if (r->nslots != 0)
		run.last->next = prev->next;
	prev->next = sf_addr(run.first);
	ring_set_last(r, k, run.last);
	r->nslots += run.n;
	r->len[k] += run.n;
}

/* ring_cut: takes the first n slots of part k, up to `last', out; n > 0. */
static inline struct run
ring_cut(struct ring *r, enum part k, struct sf_buf *last, u_int n)
{
	struct sf_buf *prev = r->last[part_before(k)];
	struct run run = { sf_next(prev), last, n };

	KDEBUG(n != 0 && n <= r->len[k], "ring: cuts %u of %u slots of part %u",
	    n, r->len[k], k);
	prev->next = last->next;
	r->nslots -= n;
	r->len[k] -= n;
	if (r->len[k] == 0)
		ring_set_last(r, k, prev);
	return (run);
}

/* ring_cut_first: as ring_cut(), but finds the last of the n slots itself. */
static inline struct run
ring_cut_first(struct ring *r, enum part k, u_int n)
{
	struct sf_buf *last = ring_first(r, k);

	for (u_int i = 1; i < n; i++)
		last = sf_next(last);
	return (ring_cut(r, k, last, n));
}

/* ring_put: appends one slot. */
static inline void
ring_put(struct ring *r, enum part k, struct sf_buf *sf)
{
	ring_append(r, k, (struct run){ sf, sf, 1 });
}

/* ring_get: takes the first slot of part k out; NULL if k is empty. */
static inline struct sf_buf *
ring_get(struct ring *r, enum part k)
{
	if (r->len[k] == 0)
		return (NULL);
	return (ring_cut(r, k, ring_first(r, k), 1).first);
}

/* ring_error: NULL, or which invariant does not hold.  Walks no list. */
static inline const char *
ring_error(const struct ring *r)
{
	u_int sum = 0;

	for (enum part k = QUEUE; k < NPARTS; k++) {
		sum += r->len[k];
		if (r->nslots != 0 && r->len[k] == 0 &&
		    r->last[k] != r->last[part_before(k)])
			return ("an empty part has a last slot of its own");
	}
	return (sum == r->nslots ? NULL : "the lengths do not add up");
}

#endif /* !_SF_BUF_RING_H_ */
