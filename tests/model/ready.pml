/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Ready slots, steps [1] to [10] of sf_buf/sf_pool.c: a CPU takes the first of
 * its NS clean slots without the lock, while another locks the pool, takes
 * slots out of it, uses them, which leaves them in TLBs, and passes over those
 * that somebody has claimed.
 *
 * Properties: [5] and [9] are never under way at once; what the CPU maps a
 * page in is a slot of its own pool, and in no TLB.
 *
 * The store of [1] may wait in the CPU's store buffer until a locked operation;
 * [6] and [10] are seen late without harm.  A claim is right or wrong for good
 * only at [4], so what is claimed in between is what is to be looked at.
 */

#ifndef NS
#define NS	3
#endif
#ifndef ROUNDS
#define ROUNDS	3
#endif

mtype = { READY, LOCKED, FREE };
mtype lock = FREE;
bit held, waiting;		/* pc_soft_masked; its 1 is in the buffer */
bit claimed[NS], mine[NS] = 1;	/* in this pool's CLEAN or its batches */
bit dirty[NS];			/* counts as held by a TLB */
bit in_tlb[NS];			/* is */
bit queued[NS];			/* in a queue, removed or not */
byte first = NS;		/* of what is ready; NS: nobody's */
bit in_cpu, in_other;

inline drain()
{
	if
	:: waiting -> held = 1; waiting = 0
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

inline release()
{
	atomic { drain(); held = 0 }
}

/* [5] */
inline map(s)
{
	in_cpu = 1;
	assert(!in_other);
	assert(mine[s] && !in_tlb[s]);
	mine[s] = 0;
	first = (s + 1 < NS && mine[s + 1] && !dirty[s + 1] -> s + 1 : NS);
	in_cpu = 0;
	claimed[s] = 0;
	dirty[s] = 1;
	in_tlb[s] = 1;
	queued[s] = 1
}

/* refresh(): the CPU itself, interrupts off, nothing held. */
inline refresh()
{
	d_step { lock != LOCKED -> lock = LOCKED }
	d_step {
		first = NS;
		i = 0;
		do
		:: i < NS && first == NS && mine[i] && !dirty[i] -> first = i
		:: i < NS && !(first == NS && mine[i] && !dirty[i]) -> i++
		:: i == NS -> break
		od;
		i = 0;
		lock = (first == NS -> FREE : READY)
	}
}

inline take()
{
	waiting = 1;				/* [1] */
	s = first;				/* [2] */
#ifdef LOOKED_BEFORE_CLAIM
	ready = (lock == READY);
	claim(s);
#else
	claim(s);				/* [3] */
	ready = (lock == READY);		/* [4] */
#endif
	if
	:: ok && ready -> map(s)
	:: ok && !ready -> claimed[s] = 0
	:: else
	fi;
	release();				/* [6] */
	s = 0
}

active proctype cpu()
{
	byte s, i, round;
	bit ok, ready;

	do
	:: round < ROUNDS -> round++; take()
	:: lock != LOCKED -> refresh()
	:: atomic { waiting -> drain() }
	:: round == ROUNDS -> break
	od
}

/* Comes upon slot s, in whatever ring: take(), exchange_revived(). */
inline other_takes(s)
{
	claim_other(s);
	mine[s] = 0;
	if
	:: ok -> dirty[s] = 1; in_tlb[s] = 1; claimed[s] = 0
	:: else -> queued[s] = 1
	fi
}

inline claim_other(s)
{
	atomic { ok = !claimed[s]; claimed[s] = 1 }
}

/* evict(), of a slot that is removed, in a queue. */
inline other_evicts(s)
{
	claim_other(s);
	if
	:: ok ->
#ifdef REMOVED_IS_CLEAN
		dirty[s] = 0;
#endif
		queued[s] = 0; mine[s] = 1;
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
		atomic { lock != LOCKED -> lock = LOCKED }	/* [7] */
#ifndef NOT_WAITED_FOR
		!held;						/* [8] */
#endif
		in_other = 1;					/* [9] */
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
		lock = READY;
#else
		lock = FREE;					/* [10] */
#endif
		s = 0
	:: round == ROUNDS -> break
	od
}
