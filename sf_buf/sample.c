/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * How many slots are in use at the peak.  A count of all slots takes long where
 * there are many; so misses sample them, one slot in turn for every SAMPLE
 * misses, and a sample of all slots is a sum over the time that it took.  Until
 * it has seen all, it is a lower bound.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>

static void
note_peak(u_int inuse)
{
	struct sf_buf_stats *s = &curpcpu()->pc_sf;

	/* If the thread has migrated, the sample is as good on its new CPU. */
	if (inuse > s->peak)
		s->peak = inuse;
}

/*
 * sf_sample_one: goes on with the sample of how many slots are referenced:
 * looks at the next slot, once for every SAMPLE misses, so that no miss pays
 * for a look at all of them.  The pool is locked.
 */
void
sf_sample_one(struct sf_pool *p)
{
	KDEBUG(p->unsampled >= SAMPLE && p->sampled < nsfbufs,
	    "sf_buf: samples slot %u after %u misses", p->sampled,
	    p->unsampled);
	p->unsampled -= SAMPLE;
	if (sf_is_referenced(sf_status(&sf_slots[p->sampled])))
		note_peak(++p->sampled_inuse);
	if (++p->sampled == nsfbufs)
		p->sampled = p->sampled_inuse = 0;
}

/*
 * sf_sample_all: looks at all slots at once; for a thread that is about to
 * sleep for one.  Thread context, interrupts on.
 */
void
sf_sample_all(void)
{
	note_peak(sf_buf_inuse());
}

/* Contract in <sys/sf_buf.h>. */
u_int
sf_buf_inuse(void)
{
	u_int n = 0;

	for (u_int i = 0; i < nsfbufs; i++)
		n += sf_is_referenced(sf_status(&sf_slots[i]));
	return (n);
}

