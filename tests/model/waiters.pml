/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Threads that wait for a slot: sf_buf/waiters.c, with what map.c, steal.c and
 * ref.c do around it.  NT threads on NP CPUs, and NS slots.  docs/tlb-model.md
 * says which line of C is which step here.
 *
 * Properties, when no step is left: no thread sleeps while a slot is
 * unreferenced, or while the page that it waits for is mapped; no slot is
 * CLAIMED; nwaiters is the number of sleeping threads.  At any time: a removed
 * slot that names a page is the one that this page names.  A thread may keep
 * its reference for ever, so that no later free makes good for a wake-up that
 * was lost.
 *
 * Reductions, none of which loses a behaviour:
 *
 * - A search may let the lock of a pool go after each slot that it leaves in
 *   the ring, so one slot is one step; to look at a whole part that is empty,
 *   and to go on to the next part, belongs to the same step.
 * - The store that releases a pool's lock may wait in the store buffer, behind
 *   what was done under the lock, while the CPU loads nwaiters: `locked' stays
 *   set until then, and no other CPU sees that pool.
 * - What other CPUs' allocations, forced flushes and clocks do to a pool
 *   meanwhile is a process of its own, others().  Without -DOTHERS it is left
 *   out, and a search of one pool is one step: that is for more threads.
 *   -DMISTAKES adds claims by mistake, see ready.pml.
 * - Sleeping is one step with releasing the waiters' lock, because the sleep
 *   queue's lock is taken before that is released.
 * - What TLBs cache does not matter here; see tlb.pml.
 */

#ifndef NT
#define NT	3
#endif
#ifndef NS
#define NS	3
#endif
#define NP	2		/* pools; a thread's is that of its CPU */
#define MINE	(me % NP)
#ifdef OTHERS
#define ONE_TURN	true
#else
#define ONE_TURN	false
#endif
#define NONE	255
#define NOPAGE	NT

/* Where a slot is: in a part of the ring of pool p, or in no ring. */
#define FLUSHED(p)	(3 * (p))
#define WAITING(p)	(3 * (p) + 1)	/* BATCH and OPEN */
#define QUEUE(p)	(3 * (p) + 2)

/* Of each slot; and of each page its slot, plus 1. */
byte page[NS], refs[NS], part[NS], sf[NT + 1];
bit removed[NS], claimed[NS];
bit listed[NS];			/* not SF_UNLISTED */
bit locked[NP];			/* pools */
bit ready;			/* the flushed slots of pool 0 are */

byte nwaiters, wlock = NONE;	/* which thread has the waiters' lock */
bit queued[NT], asleep[NT], catch[NT], signal[NT];
byte want[NT], slot[NT];	/* what a waiter wants, and was handed */
byte holds[NT];			/* the reference that a thread begins with */
byte stolen[NT];		/* a set of slots between two pools */

hidden byte i, n, q;

/* A removed slot is ours now.  As sf_buf_miss(), without a look at m->sf. */
inline claim(s)
{
	assert(page[s] == NOPAGE || sf[page[s]] == s + 1);
	claimed[s] = 1;
	removed[s] = 0;
	part[s] = NONE;
	sf[page[s]] = 0;
	page[s] = NOPAGE
}

/* The first slot of part q, or NONE. */
inline first(s)
{
	s = 0;
	do
	:: s < NS && part[s] != q -> s++
	:: else -> break
	od;
	if
	:: s == NS -> s = NONE
	:: else
	fi
}

/*
 * One turn of sf_take_from(): claims the first slot of part q of pool p, or
 * puts it into the queue.  `left' if there was one that it did not get.
 */
inline take_turn(p, s)
{
	ready = ready && p != 0;
	left = 0;
	first(s);
	if
	:: s == NONE
	:: s != NONE && removed[s] && !claimed[s] -> claim(s)
	:: else -> part[s] = QUEUE(p); s = NONE; left = 1
	fi
}

/*
 * One turn of take_any_from() over the removed parts, then over the queue:
 * there a slot that may go is evicted, a referenced one leaves the ring.  What
 * is claimed by mistake is requeued, and after two rounds given up.
 */
inline take_any_turn(p, s)
{
	q = FLUSHED(p) + k;
	take_turn(p, s);
	if
	:: s != NONE || left
	:: s == NONE && !left && k == 0 ->
		k = 1; q = WAITING(p); take_turn(p, s)
	:: else
	fi;
	if
	:: s == NONE && !left -> k = 2; evict_turn(p)
	:: else
	fi
}

inline evict_turn(p)
{
	i = 0;
	do
	:: i < NS && (part[i] != QUEUE(p) || claimed[i]) -> i++
	:: else -> break
	od;
	if
	:: i < NS && refs[i] != 0 -> part[i] = NONE; listed[i] = 0; left = 1
	:: i < NS && refs[i] == 0 ->
		removed[i] = 1; part[i] = WAITING(p); k = 0; left = 1
	:: else
#ifndef PASSED_BY
		/* What became flushed since this search looked there. */
		i = 0;
		do
		:: i < NS ->
			if
			:: part[i] == FLUSHED(p) || part[i] == WAITING(p) ->
				k = 0; left = 1
			:: else
			fi;
			i++
		:: else -> break
		od
#endif
	fi
}

/* sf_take_any(); without others() a pool's search is one step. */
inline take_any(s)
{
	p = 0;
	k = 0;
	do
	:: p < NP && s == NONE ->
		d_step {
			!locked[p] ->
			do
			:: true ->
				left = 0;
				if
				:: k < 2 -> take_any_turn(p, s)
				:: else -> evict_turn(p)
				fi;
				if
				:: ONE_TURN || s != NONE || !left -> break
				:: else
				fi
			od;
			if
			:: !left && s == NONE -> p++; k = 0
			:: else
			fi;
			left = 0
		}
	:: else -> break
	od;
	p = 0;
	k = 0
}

/* Half of a pool's flushed slots, rounded up. */
inline steal(p)
{
	ready = ready && p != 0;
	n = 0;
	i = 0;
	do
	:: i < NS -> n = n + (part[i] == FLUSHED(p)); i++
	:: else -> break
	od;
	n = (n + 1) / 2;
	i = 0;
	do
	:: i < NS && n > 0 ->
		if
		:: part[i] == FLUSHED(p) ->
			part[i] = NONE;
			stolen[me] = stolen[me] | 1 << i;
			n--
		:: else
		fi;
		i++
	:: else -> break
	od
}

inline append()
{
	i = 0;
	do
	:: i < NS ->
		if
		:: stolen[me] & 1 << i -> part[i] = FLUSHED(MINE)
		:: else
		fi;
		i++
	:: else -> break
	od;
	stolen[me] = 0
}

/* map() up to the slot: own flushed slots, then others'. */
inline take_flushed(s)
{
	do
	:: true ->
		d_step {
			!locked[MINE] ->
			q = FLUSHED(MINE);
			do
			:: true ->
				take_turn(MINE, s);
				if
				:: ONE_TURN || !left -> break
				:: else
				fi
			od
		}
		if
		:: s != NONE -> break
		:: s == NONE && left -> left = 0
		:: s == NONE && !left ->
			p = 0;
			do
			:: p < NP && stolen[me] == 0 ->
				d_step {
					!locked[p] ->
					if
					:: p != MINE -> steal(p)
					:: else
					fi;
					p++
				}
			:: else -> break
			od;
			p = 0;
			if
			:: stolen[me] == 0 -> break
			:: else -> d_step { !locked[MINE] -> append() }
			fi
		fi
	od
}

/*
 * A slot goes into a ring.  The stores may be done now, or wait in the store
 * buffer until after the load of nwaiters that follows.
 */
inline put(s, k)
{
	atomic {
		!locked[MINE] ->
		ready = ready && MINE != 0;
		claimed[s] = 0;
		listed[s] = 1;
		part[s] = k;
		if
		:: true
		:: locked[MINE] = 1
		fi
	}
}

/* sf_put_removed(); where it waits makes no difference here. */
inline put_removed(s, m)
{
	d_step { removed[s] = 1; page[s] = m }
	put(s, FLUSHED(MINE))
}

#define UNSERVED(t)	(queued[t] && slot[t] == NONE)

/* sf_waiters_serve().  Each look takes the waiters' lock, a barrier. */
inline serve()
{
	do
	:: true ->
		d_step {
			wlock == NONE ->
			locked[MINE] = 0;
			again = UNSERVED(0) || UNSERVED(1) || UNSERVED(NT - 1)
		}
		if
		:: again -> again = 0
		:: else -> break
		fi;
		take_any(got);
		if
		:: got == NONE -> break
		:: else
		fi;
		d_step {
			wlock == NONE ->
			i = 0;
			do
			:: i < NT && !UNSERVED(i) -> i++
			:: else -> break
			od;
			if
			:: i < NT -> slot[i] = got; asleep[i] = 0; got = NONE
			:: else
			fi
		}
		if
		:: got == NONE
		:: got != NONE ->			/* give_back() */
#ifdef GIVEN_BACK_WITH_PAGE
			put_removed(got, me);
#else
			put_removed(got, NOPAGE);
#endif
			got = NONE
#ifdef GIVEN_BACK_UNSEEN
			; locked[MINE] = 0; break
#endif
		fi
	od
}

/* The look at nwaiters after a slot was made available. */
inline look()
{
	d_step { locked[MINE] = 0; again = nwaiters != 0 }
	if
	:: again -> again = 0; serve()
	:: !again
	fi
}

/* The look after an allocation, which ends in sf_waiters_wake_for(). */
inline look_for(m)
{
	d_step { locked[MINE] = 0; again = nwaiters != 0 }
	if
	:: again ->
		again = 0;
#ifndef PAGE_NOT_WOKEN
		d_step {
			wlock == NONE ->
			i = 0;
			do
			:: i < NT ->
				if
				:: queued[i] && want[i] == m -> asleep[i] = 0
				:: else
				fi;
				i++
			:: else -> break
			od
		}
#endif
		serve()
	:: !again
	fi
}

/*
 * sf_ref_lookup(), or the inline hit: one step; it spins while the slot that
 * the page names is CLAIMED.
 */
inline lookup(m, s)
{
	d_step {
		sf[m] == 0 || !claimed[(sf[m] + NS - 1) % NS] ->
		s = NONE;
		if
		:: sf[m] != 0 -> s = sf[m] - 1; refs[s]++; removed[s] = 0
		:: else
		fi
	}
}

/* sf_map_and_publish(): the race for m->sf. */
inline publish(s, m)
{
	d_step {
		!locked[MINE] ->
		ready = ready && MINE != 0;
		if
		:: sf[m] == 0 ->
			sf[m] = s + 1;
			page[s] = m;
			refs[s] = 1;
			claimed[s] = 0;
			listed[s] = 1;
			part[s] = QUEUE(MINE);
			won = 1
		:: else -> won = 0
		fi
	}
	if
	:: won
#ifdef LOST_RACE_KEEPS_PAGE
	:: !won -> put_removed(s, m)
#else
	:: !won -> put_removed(s, NOPAGE)
#endif
	fi
}

/* sf_wait().  `have' is the mapping, or NONE. */
inline wait(m)
{
	atomic {
		wlock == NONE ->
		queued[me] = 1;
		want[me] = m;
		nwaiters++
	}
#ifndef LOOKED_BEFORE_RAISING
	serve();
#endif
	atomic { wlock == NONE -> wlock = me };
	do
	:: slot[me] != NONE || ended -> break
	:: slot[me] == NONE && !ended ->
		lookup(m, have);
		if
		:: have != NONE -> break
		:: have == NONE ->
#ifdef UNLOCKED_BEFORE_SLEEP
			wlock = NONE;
			asleep[me] = 1;
#else
			d_step { asleep[me] = 1; wlock = NONE }
#endif
end:			if
			:: !asleep[me]
			:: catch[me] && signal[me] -> ended = 1; asleep[me] = 0
			fi;
			atomic { wlock == NONE -> wlock = me }
		fi
	od;
	skip;
	d_step {
		queued[me] = 0;
		nwaiters--;
		wlock = NONE;
#ifdef SIGNALLED_WITH_SLOT
		got = (ended -> NONE : slot[me]);
#else
		got = slot[me];
#endif
		slot[me] = NONE;
		ended = ended && got == NONE
	}
	if
	:: got == NONE
	:: got != NONE ->
		publish(got, m);
		if
		:: won -> have = got; won = 0
		:: !won
		fi;
		got = NONE;
#ifdef WAITER_LOST_UNSEEN
		locked[MINE] = 0
#else
		look_for(m)
#endif
	fi
}

/* A turn of alloc(), up to the look after sf_map(). */
inline try_map(m)
{
	take_flushed(got);
	if
	:: got == NONE -> look_for(m)
	:: got != NONE ->
		publish(got, m);
		if
		:: won ->
			won = 0;
			have = got;
			got = NONE;
#ifdef STOLEN_UNSEEN
			locked[MINE] = 0
#else
			look_for(m)
#endif
		:: else ->
			got = NONE;
#ifdef LOST_RACE_UNSEEN
			locked[MINE] = 0
#else
			look_for(m)
#endif
		fi
	fi
}

/* sf_buf_miss(), which looks at no waiter. */
inline miss(m)
{
	d_step {
		have = NONE;
		if
		:: MINE == 0 && ready && !locked[0] && sf[m] == 0 ->
			q = FLUSHED(MINE);
			first(have);
			if
			:: have != NONE && removed[have] && !claimed[have] ->
				claim(have);
				claimed[have] = 0;
				sf[m] = have + 1;
				page[have] = m;
				refs[have] = 1;
				part[have] = QUEUE(MINE)
			:: else -> have = NONE
			fi
		:: else
		fi
	}
}

/*
 * sf_buf_miss() that claims a slot to which it has no right; unclaim(), an
 * exchange, and the look after it.
 */
inline mistake()
{
	d_step {
		q = FLUSHED(0);
		first(got);
		if
		:: got != NONE && removed[got] && !claimed[got] ->
			claimed[got] = 1; removed[got] = 0
		:: else -> got = NONE
		fi
	}
	if
	:: got == NONE
	:: got != NONE ->
#ifdef UNCLAIM_PLAIN
		again = nwaiters != 0;
		d_step { claimed[got] = 0; removed[got] = 1; got = NONE }
		if
		:: again -> again = 0; serve()
		:: !again
		fi
#else
		d_step { claimed[got] = 0; removed[got] = 1; got = NONE }
		look()
#endif
	fi
}

/*
 * alloc().  A forced flush may succeed, and then others() moved slots, or
 * fail just before a slot is freed.
 */
inline alloc(m)
{
	miss(m);
	do
	:: have != NONE || ended -> break
	:: have == NONE && !ended ->
		lookup(m, have);
		if
		:: have != NONE -> break
		:: else
		fi;
		if
		:: nwaiters == 0 -> try_map(m)
		:: nwaiters != 0
		fi;
		if
		:: have != NONE -> break
		:: have == NONE			/* sf_flush_force() */
		:: have == NONE -> break	/* SFB_NOWAIT */
		:: have == NONE -> wait(m)
		fi
	od
}

inline free()
{
#ifdef COUNT_BEFORE_VISIBLE
	again = nwaiters != 0;
#endif
	d_step {
		refs[have]--;
		if
		:: refs[have] == 0 && !listed[have] -> listed[have] = 1
		:: else -> have = NONE
		fi
	}
	if
	:: have != NONE -> put(have, QUEUE(MINE)); have = NONE
	:: have == NONE
	fi;
#ifdef COUNT_BEFORE_VISIBLE
	locked[MINE] = 0;
	if
	:: again -> again = 0; serve()
	:: !again
	fi
#else
	look()
#endif
}

/* Holds a slot at first and may free it, or allocates one. */
proctype thread(byte me)
{
	byte have = holds[me], got = NONE, p, k;
	bit won, again, left, ended;

	if
	:: have != NONE ->
		if
		:: true -> free()
		:: true			/* keeps it for ever */
		fi
	:: have == NONE ->
		if
		:: alloc(me)
		:: me != NT - 1 -> alloc(NT - 1)
#ifdef MISTAKES
		:: mistake()
#endif
		fi
	fi
}

#ifdef OTHERS
/*
 * What may happen to the ring of a pool at any time: an eviction; a flush; and
 * the pool's CPU makes slots ready.
 */
#define EVICT(s)	\
	d_step { part[s] != NONE && part[s] % 3 == 2 && \
	    !locked[part[s] / 3] && !claimed[s] && refs[s] == 0 -> \
		removed[s] = 1; \
		ready = ready && part[s] / 3 != 0; \
		part[s]-- }

#define FLUSH(s)	\
	d_step { part[s] != NONE && part[s] % 3 == 1 && \
	    !locked[part[s] / 3] -> \
		ready = ready && part[s] / 3 != 0; \
		part[s]-- }

#ifdef READY_WHILE_WAITING
#define MAY_READY	(!ready && !locked[0])
#else
#define MAY_READY	(!ready && !locked[0] && nwaiters == 0)
#endif

active proctype others()
{
end:	do
	:: EVICT(0)
	:: FLUSH(0)
#if NS > 1
	:: EVICT(1)
	:: FLUSH(1)
#endif
	:: d_step { MAY_READY && part[0] == FLUSHED(0) -> ready = 1 }
	od
}
#endif

/* When no step is left. */
inline check()
{
	n = 0;
	i = 0;
	do
	:: i < NS ->
		assert(!claimed[i]);
		n = n + (refs[i] == 0);
		i++
	:: else -> break
	od;
	assert(nwaiters == queued[0] + queued[1] + queued[NT - 1] * (NT - 2));
	i = 0;
	do
	:: i < NT ->
		assert(!queued[i] || asleep[i]);
		assert(!queued[i] || n == 0);
		assert(!queued[i] || sf[want[i]] == 0);
		i++
	:: else -> break
	od
}

/*
 * A slot at first: referenced by a thread, which may have revived it where it
 * lies, or not referenced; others() evicts and flushes that.
 */
inline place(s)
{
	page[s] = NOPAGE;
	listed[s] = 1;
	if
	:: s < NT ->
		holds[s] = s;
		page[s] = s;
		refs[s] = 1;
		sf[s] = s + 1;
		if
		:: listed[s] = 0; part[s] = NONE
#ifdef OTHERS
		:: part[s] = WAITING(0)
#endif
		fi
#ifndef OTHERS
	:: removed[s] = 1; part[s] = FLUSHED(0)
	:: removed[s] = 1; part[s] = FLUSHED(1)
#endif
	:: part[s] = QUEUE(0)
	:: part[s] = QUEUE(1)
	fi
}

init
{
	byte s;

	atomic {
		do
		:: s < NT -> holds[s] = NONE; slot[s] = NONE; s++
		:: else -> break
		od;
		s = 0;
		do
		:: s < NS -> place(s); s++
		:: else -> break
		od;
		catch[0] = 1;
		run thread(0);
		run thread(1);
#if NT > 2
		run thread(2)
#endif
	}
	if
	:: true -> signal[0] = 1
	:: true
	fi;
	timeout -> d_step { check(); i = 0 }
}
