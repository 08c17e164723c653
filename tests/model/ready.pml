/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Ready slots, steps [R1] to [R10] of sf_buf/ready.c: a CPU takes the first of
 * its NS flushed slots without the lock, while another locks the pool, takes
 * slots out of it, uses them, so that TLBs cache them, and passes over those
 * that are claimed.
 *
 * Properties: [R5] and [R9] are never under way at once; the slot in which the
 * CPU maps a page is in its own pool, and no TLB caches it.
 *
 * The store of [R1] may wait in the CPU's store buffer until a locked
 * operation; [R6] and [R10] are seen late without harm.  Whether the CPU had a
 * right to what it claimed is decided at [R4], so the other CPU must cope with
 * a slot claimed by mistake in the meantime.
 */

#ifndef NS
#define NS	3
#endif
#ifndef ROUNDS
#define ROUNDS	3
#endif

mtype = { FREE_WITH_READY, LOCKED, FREE };
mtype pool_state = FREE;
bit soft_masked;		/* pc_soft_masked, as others see it */
bit buffered;			/* its 1 is in the store buffer */
bit claimed[NS];
bit removed_part[NS] = 1;	/* in FLUSHED, BATCH or OPEN of this pool */
bit unflushed[NS];		/* counts as cached */
bit cached[NS];			/* a TLB does cache it */
bit queued[NS];			/* in a queue, removed or not */
byte first = NS;		/* the first ready slot; NS: the sentinel */
bit in_cpu, in_other;		/* [R5], [R9] under way */

#define FLUSHED(s)	(removed_part[s] && !unflushed[s])

inline drain()
{
	if
	:: buffered -> soft_masked = 1; buffered = 0
	:: else
	fi
}

/* A locked exchange: true in `ok' if the slot was removed, and is claimed. */
inline claim(s)
{
	atomic {
#ifndef CLAIM_IS_NO_BARRIER
		drain();
#endif
		ok = s < NS && !claimed[s];
		if
		:: ok -> claimed[s] = 1
		:: else
		fi
	}
}

inline unmask()
{
	atomic { drain(); soft_masked = 0 }
}

/* ready_advance(), reclaim_ready(): the slot is the last of QUEUE. */
inline advance(s)
{
	removed_part[s] = 0;
	first = (s + 1 < NS && FLUSHED(s + 1) -> s + 1 : NS)
}

/*
 * [R5].  If the race for the page is lost the slot is removed again, and in
 * the queue; its entry may have been cached meanwhile.
 */
inline map(s)
{
	in_cpu = 1;
	assert(!in_other);
	assert(removed_part[s] && !cached[s]);
	advance(s);
	in_cpu = 0;
	d_step {
		unflushed[s] = 1;
		cached[s] = 1;
		queued[s] = 1;
		claimed[s] = 0
	}
}

/* refill(): the CPU itself, the lock, sf_ready_make(), [R10]. */
inline refill()
{
	d_step { pool_state != LOCKED -> pool_state = LOCKED }
	d_step {
		first = NS;
		i = 0;
		do
		:: i < NS && first == NS && FLUSHED(i) -> first = i
		:: i < NS && !(first == NS && FLUSHED(i)) -> i++
		:: i == NS -> break
		od;
		i = 0;
		pool_state = (first == NS -> FREE : FREE_WITH_READY)
	}
}

/* sf_buf_miss(), unclaim() */
inline miss()
{
	buffered = 1;					/* [R1] */
	s = first;					/* [R2] */
#ifdef LOOKED_BEFORE_CLAIM
	ready = (pool_state == FREE_WITH_READY);
	claim(s);
#else
	claim(s);					/* [R3] */
#ifdef NEVER_LOOKED
	ready = 1;
#else
	ready = (pool_state == FREE_WITH_READY);	/* [R4] */
#endif
#endif
	if
	:: ok && ready -> map(s)
	:: ok && !ready -> claimed[s] = 0
	:: else
	fi;
	unmask();					/* [R6] */
	s = 0
}

active proctype cpu()
{
	byte s, i, round;
	bit ok, ready;

	do
	:: round < ROUNDS -> round++; miss()
	:: pool_state != LOCKED -> refill()
	:: atomic { buffered -> drain() }
	:: round == ROUNDS -> break
	od
}

inline claim_other(s)
{
	atomic { ok = !claimed[s]; claimed[s] = 1 }
}

/*
 * sf_take_from(): comes upon slot s in a removed part; a slot that is claimed
 * is taken for one that was revived, and put into the queue.
 */
inline other_takes(s)
{
	claim_other(s);
	removed_part[s] = 0;
	if
	:: ok -> unflushed[s] = 1; cached[s] = 1; claimed[s] = 0
	:: else -> queued[s] = 1
	fi
}

/* evict_first(), of a slot that is in a queue, removed. */
inline other_evicts(s)
{
	claim_other(s);
	if
	:: ok ->
#ifdef REMOVED_IS_FLUSHED
		unflushed[s] = 0;
#else
		unflushed[s] = 1;
#endif
		queued[s] = 0; removed_part[s] = 1;
		claimed[s] = 0
	:: else
	fi
}

active proctype other()
{
	byte s, round;
	bit ok;

	do
	:: round < ROUNDS ->
		round++;
		/* [R7] */
		atomic { pool_state != LOCKED -> pool_state = LOCKED }
#ifndef NOT_WAITED_FOR
		!soft_masked;					/* [R8] */
#endif
		in_other = 1;					/* [R9] */
		assert(!in_cpu);
		first = NS;
		if
		:: s = 0
		:: s = 1
		:: s = 2
		:: s = NS
		fi;
		if
		:: s < NS && !queued[s] -> other_takes(s)
		:: s < NS && queued[s] -> other_evicts(s)
		:: else
		fi;
		in_other = 0;
#ifdef READY_AGAIN
		pool_state = FREE_WITH_READY;
#else
		pool_state = FREE;				/* [R10] */
#endif
		s = 0
	:: round == ROUNDS -> break
	od
}
