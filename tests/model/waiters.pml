/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Who waits for a slot: the protocol of nwaiters in sf_buf/sf_buf.c over the
 * lists of sf_buf/sf_pool.c.  NT threads, each on a CPU of its own, and NS
 * slots.  docs/tlb-model.md says which line of C is which step here.
 *
 * Property, when nothing moves any more: nobody sleeps while a slot is
 * unreferenced, or while his page is mapped; no slot is in anybody's hands;
 * nwaiters counts those who sleep.  A thread may keep what it has for ever,
 * so that no later free makes good for a wake-up that was lost.
 *
 * Reductions, none of which loses a behaviour:
 *
 * - What is done under a pool's lock is one step.  The store that releases
 *   the lock may wait in the store buffer, behind what was done under it,
 *   while the CPU loads nwaiters: `locked' stays set until then, and nobody
 *   else sees that pool.  If it waits longer, the others only wait longer.
 * - A slot is on its pool's list `clean', which others steal from, or
 *   `other' (queue, open, closed), where they look for one slot at a time.
 *   It may move from other to clean at any time.
 * - Sleeping is one step with releasing the waiters' lock: the sleep queue's
 *   lock is taken before that is released.
 * - What TLBs hold does not matter here; see tlb.pml.
 */

#ifndef NT
#define NT	3
#endif
#ifndef NS
#define NS	3
#endif
#define NONE	255

#define CLEAN(p)	(2 * (p))
#define OTHER(p)	(2 * (p) + 1)

/* Slots: the page mapped, references, the list; and of a page its slot. */
byte page[NS], refs[NS], list[NS], sf[NT + 1];
bit listed[NS], owned[NS];
bit locked[NT];			/* pools */

byte nwaiters, wlock = NONE;	/* the waiters' lock: who has it */
bit waiting[NT], asleep[NT], catch[NT], signal[NT];
byte want[NT], given[NT];
byte holds[NT];			/* at first */
byte stolen[NT];		/* sets of slots in a thief's hands */

hidden byte i, n, q;

/* Ours now, and its page forgets it. */
inline claim(s)
{
	owned[s] = 1;
	list[s] = NONE;
	listed[s] = 0;
	if
	:: sf[page[s]] == s + 1 -> sf[page[s]] = 0
	:: else
	fi;
	page[s] = NT
}

/* Takes a slot off a list; those that were hit meanwhile are on none then. */
inline pop(l, result)
{
	result = NONE;
	i = 0;
	do
	:: i < NS ->
		if
		:: list[i] == l && refs[i] != 0 ->
			list[i] = NONE;
			listed[i] = 0
		:: list[i] == l && refs[i] == 0 && result == NONE ->
			result = i
		:: else
		fi;
		i++
	:: else -> break
	od;
	if
	:: result != NONE -> claim(result)
	:: else
	fi
}

/* Half of a pool's clean slots, rounded up. */
inline steal(p)
{
	n = 0;
	i = 0;
	do
	:: i < NS -> n = n + (list[i] == CLEAN(p)); i++
	:: else -> break
	od;
	n = (n + 1) / 2;
	i = 0;
	do
	:: i < NS && n > 0 ->
		if
		:: list[i] == CLEAN(p) ->
			list[i] = NONE;
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
		:: stolen[me] & 1 << i -> list[i] = CLEAN(me)
		:: else
		fi;
		i++
	:: else -> break
	od;
	stolen[me] = 0
}

/*
 * sf_pool_get(): own clean slots, then others'.  Stealing holds the slots on
 * no list until they are on ours.
 */
inline pool_get(s)
{
	do
	:: true ->
		d_step { !locked[me] -> pop(CLEAN(me), s); }
		if
		:: s != NONE -> break
		:: else
		fi;
		p = 0;
		do
		:: p < NT && stolen[me] == 0 ->
			d_step { !locked[p] -> steal(p); p++ }
		:: else -> break
		od;
		if
		:: stolen[me] == 0 -> break
		:: else -> d_step { !locked[me] -> append(); }
		fi
	od;
	p = 0
}

/* sf_pool_get_removed() */
inline pool_get_removed(s)
{
	p = 0;
	do
	:: p < NT && s == NONE ->
		d_step { !locked[p] -> pop(OTHER(p), s); p++ }
	:: else -> break
	od;
	p = 0
}

/*
 * A slot goes on a list.  The stores may be done now, or wait in the store
 * buffer until after the load of nwaiters that follows.
 */
inline push(s)
{
	atomic {
		!locked[me] ->
		owned[s] = 0;
		listed[s] = 1;
		list[s] = OTHER(me);
		if
		:: true
		:: locked[me] = 1
		fi
	}
}

inline wakeup(t)
{
	asleep[t] = 0
}

inline feed()
{
	atomic { wlock == NONE -> wlock = me };
	w = 0;
	do
	:: w < NT ->
		if
		:: waiting[w] && given[w] == NONE ->
			pool_get(got);
			if
			:: got == NONE -> pool_get_removed(got)
			:: else
			fi;
			if
			:: got == NONE -> break
			:: else -> d_step {
				given[w] = got;
				got = NONE;
				wakeup(w)
			    }
			fi
		:: else
		fi;
		w++
	:: else -> break
	od;
	w = 0;
	wlock = NONE
}

inline slot_available()
{
	d_step { locked[me] = 0; again = nwaiters != 0 }
	if
	:: again -> again = 0; feed()
	:: !again
	fi
}

inline tell_waiters(m)
{
#ifndef NOBODY_TOLD
	if
	:: nwaiters != 0 ->
		d_step {
			wlock == NONE ->
			i = 0;
			do
			:: i < NT ->
				if
				:: waiting[i] && want[i] == m -> wakeup(i)
				:: else
				fi;
				i++
			:: else -> break
			od;
			i = 0
		}
	:: nwaiters == 0
	fi
#else
	skip
#endif
}

#define CACHED(m)	(sf[m] != 0 && !owned[(sf[m] + NS - 1) % NS])

/* lookup(): one step; it spins while the slot is in somebody's hands. */
inline lookup(m, s)
{
	d_step {
		sf[m] == 0 || CACHED(m) ->
		s = NONE;
		if
		:: sf[m] != 0 -> s = sf[m] - 1; refs[s]++
		:: else
		fi
	}
}

/* map(): the exchange of m->sf; a race may be lost. */
inline map(s, m)
{
	d_step {
		if
		:: sf[m] == 0 ->
			sf[m] = s + 1;
			page[s] = m;
			refs[s] = 1;
			owned[s] = 0;
			won = 1
		:: else -> won = 0
		fi
	}
}

/*
 * alloc_waiting().  `have' is the mapping, or NONE.
 */
inline wait(m)
{
	atomic {
		wlock == NONE ->
		waiting[me] = 1;
		want[me] = m;
		nwaiters++
	}
#ifndef LOOKED_BEFORE_RAISING
	feed();
#endif
	atomic { wlock == NONE -> wlock = me };
	do
	:: given[me] != NONE -> break
	:: given[me] == NONE ->
		lookup(m, have);
		if
		:: have != NONE -> break
		:: have == NONE && catch[me] && signal[me] ->
#ifdef SIGNALLED_WITH_SLOT
			/* ... and takes no notice of what it was given. */
			wlock = NONE;
			atomic { wlock == NONE -> wlock = me }
#endif
			break
		:: have == NONE && !(catch[me] && signal[me]) ->
#ifdef UNLOCKED_BEFORE_SLEEP
			wlock = NONE;
			asleep[me] = 1;
#else
			d_step { asleep[me] = 1; wlock = NONE }
#endif
end:			atomic {
				!asleep[me] || catch[me] && signal[me] ->
				asleep[me] = 0
			}
			atomic { wlock == NONE -> wlock = me }
		fi
	od;
	skip;
	d_step {
		waiting[me] = 0;
		nwaiters--;
		wlock = NONE;
		got = given[me];
		given[me] = NONE
#ifdef SIGNALLED_WITH_SLOT
		;
		if
		:: catch[me] && signal[me] -> got = NONE
		:: else
		fi
#endif
	}
	if
	:: got != NONE && have == NONE -> lookup(m, have)
	:: else
	fi;
	if
	:: got == NONE
	:: got != NONE && have == NONE ->
		map(got, m);
		if
		:: won -> have = got; got = NONE; tell_waiters(m)
		:: !won -> push(got); got = NONE; slot_available()
		fi
	:: got != NONE && have != NONE ->
		push(got);
		got = NONE;
#ifndef HANDED_BACK_UNSEEN
		slot_available()
#else
		locked[me] = 0
#endif
	fi
}

/* alloc_slow() */
inline alloc(m)
{
	do
	:: true ->
		lookup(m, have);
		if
		:: have != NONE -> break
		:: else
		fi;
		if
		:: nwaiters == 0 ->
			pool_get(got);
			if
			:: got != NONE ->
				map(got, m);
				if
				:: won ->
					have = got;
					got = NONE;
#ifndef STOLEN_UNSEEN
					slot_available();
#endif
					tell_waiters(m);
					break
				:: !won ->
					push(got);
					got = NONE;
#ifndef LOST_RACE_UNSEEN
					slot_available();
#else
					locked[me] = 0;
#endif
					goto next
				fi
			:: got == NONE
			fi;
			/* sf_pool_force(), which makes what is idle clean */
			d_step {
				n = 0;
				i = 0;
				do
				:: i < NS ->
					if
					:: list[i] != NONE && refs[i] == 0 ->
						n++
					:: else
					fi;
					i++
				:: else -> break
				od;
				again = n != 0;
			}
			if
			:: again -> again = 0; goto next
			:: !again
			fi
		:: nwaiters != 0
		fi;
		if
		:: true -> break		/* SFB_NOWAIT */
		:: true -> wait(m)
		fi;
		if
		:: have != NONE || catch[me] && signal[me] -> break
		:: else
		fi;
next:		skip
	od
}

inline free()
{
#ifdef COUNT_BEFORE_VISIBLE
	again = nwaiters != 0;
#endif
#ifdef FREE_PLAIN
	/* A plain store, and the load of nwaiters overtakes it. */
	if
	:: listed[have] && refs[have] == 1 ->
		again = nwaiters != 0;
		refs[have]--;
		have = NONE;
		if
		:: again -> again = 0; feed()
		:: !again
		fi;
		goto done
	:: else
	fi;
#endif
	d_step {
		refs[have]--;
		if
		:: refs[have] == 0 && !listed[have] -> listed[have] = 1
		:: else -> have = NONE
		fi
	}
	if
	:: have != NONE ->
		push(have);
		have = NONE
	:: have == NONE
	fi;
#ifdef COUNT_BEFORE_VISIBLE
	locked[me] = 0;
	if
	:: again -> again = 0; feed()
	:: !again
	fi
#else
	slot_available();
#endif
done:	skip
}

/* Holds a slot at first and frees it, or allocates one. */
proctype thread(byte me)
{
	byte have = holds[me], got = NONE, p, w;
	bit won, again;

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
		fi
#ifdef FREES_AGAIN
		;
		if
		:: have != NONE -> free()
		:: true
		fi
#endif
	fi
}

/* Nothing moves any more. */
inline check()
{
	n = 0;
	i = 0;
	do
	:: i < NS ->
		assert(!owned[i]);
		n = n + (refs[i] == 0);
		i++
	:: else -> break
	od;
	assert(nwaiters == waiting[0] + waiting[1] + waiting[NT - 1] * (NT - 2));
	i = 0;
	do
	:: i < NT ->
		assert(!waiting[i] || asleep[i]);
		assert(!waiting[i] || n == 0);
		assert(!waiting[i] || sf[want[i]] == 0);
		i++
	:: else -> break
	od
}

/* A slot at first: referenced by a thread, or on a list. */
inline place(s)
{
	page[s] = NT;
	if
	:: s < NT ->
		holds[s] = s;
		page[s] = s;
		refs[s] = 1;
		sf[s] = s + 1;
		list[s] = NONE
	:: listed[s] = 1; list[s] = CLEAN(0)
	:: listed[s] = 1; list[s] = CLEAN(1)
	:: listed[s] = 1; list[s] = OTHER(0)
	:: listed[s] = 1; list[s] = OTHER(NT - 1)
	fi
}

init
{
	byte s;

	atomic {
		do
		:: s < NT -> holds[s] = NONE; given[s] = NONE; s++
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
