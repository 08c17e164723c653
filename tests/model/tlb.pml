/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The epoch protocol: steps [E1] to [E9] of vm/tlb.c, and what sf_buf/evict.c,
 * flush.c, map.c, private.c and ref.c do to entries and batches.  NC CPUs, NS
 * slots, any schedule.  docs/tlb-model.md says which line of C is which step
 * here, what is left out, and which -D switch takes out which rule.
 *
 * Property, checked in every state: no CPU that may run kernel code can read,
 * through a mapping that it may use, any frame but the one that is mapped.
 *
 * Reductions, none of which loses a behaviour:
 *
 * - One process; a step is what one CPU does between two accesses that another
 *   could see.  A step that only fills the own store buffer goes with the one
 *   before it.  Which CPU acts is chosen anew for each step, so every
 *   interleaving is there.
 * - The TLBs.  Any of them may load any present entry at any time, which sets
 *   A.  So once A is set every TLB may cache the translation until the entry
 *   is gone and that TLB is flushed, and while it is clear none does.  What is
 *   kept, for each CPU and slot, is whether a translation that was removed may
 *   be left: that of the page that the slot maps, or last did (`last'), or of
 *   an earlier one (`old').  Reading through `old' is the error.
 * - Pages.  A slot that is re-used takes a page other than its last.  That
 *   page itself would be right whatever the TLBs cache.
 * - References.  An unreferenced slot can be referenced and a referenced one
 *   freed at any time, and neither touches TLBs; so a mapped slot may be read,
 *   and may be evicted, at any time.
 * - Rings.  They change under their pool's lock, which orders all that its
 *   holders did before, store buffers included.  A pool has one batch, and its
 *   stamp is renewed when more joins it; here each slot has the stamp of its
 *   own removal, which may be seen to be flushed earlier and so allows more.
 *   An epoch may also end at any time for the sake of slots that are not
 *   modelled, so two slots stand for any number.
 * - Runs.  A run of slots is evicted one after the other and moved as a whole;
 *   each of its slots may be revived before it is moved.  Two slots are a run.
 * - Looking at pc_tlb.  That a TLB is flushed for a stamp stays true, so a
 *   step that looks might as well have looked as early as possible: `ok'
 *   collects that.
 * - The epoch counts modulo M.  The protocol compares epochs only with each
 *   other, so after each step all are turned until the current one is 0.
 * - CPUs are alike, and so are slots: after each step they are sorted.
 * - A lost race for m->sf ends as an eviction at once does.  A flush when the
 *   epoch has not moved could only make errors fewer.
 *
 * COARSE is for two slots: mapping and reviving are one step each, and store
 * buffers hold pc_tlb only.  Nothing is lost by that either: the slot is
 * CLAIMED or REVIVING meanwhile, TLBs may load its entry a little earlier, and
 * a flush in between might as well have come before.  NO_PRIVATE and
 * IDLE_BOUND (idle CPUs lag by half at most, too) do lose something, which
 * the check of one slot, all steps apart, has.
 *
 * Assumption: between two clock ticks of a CPU that is not idle fewer than
 * half of all epochs end (2^30 in the kernel, H here).
 */

#ifndef NC
#define NC	3		/* CPUs */
#endif
#ifndef NS
#define NS	2		/* slots, 1 or 2 */
#endif
#ifndef M
#define M	4		/* epochs before they repeat, at most 8 */
#endif
#define H	(M / 2)
#define IDLE	8		/* TLB_IDLE in `word' */

/* Where a CPU is. */
#define RUN	0		/* anywhere in the kernel */
#define IDLING	1		/* in tlb_enter_idle() or past it */
#define WAKING	2		/* tlb_leave_idle(): before the exchange */
#define AWAKE	3		/* after it */
#define FLUSHING 4		/* flush_and_publish(): epoch read */
#define MAPPING	5		/* map(): entry stored, not yet published */
#define REMOVING 6		/* within a run, or within a broken removal */

/* What is in a store buffer.  0 is nothing. */
#define WORD(w)		(16 + (w))	/* pc_tlb */
#define HIGH(s)		(32 + (s))	/* high half of an entry */
#define LOW(s, a)	(48 + (s) + 2 * (a))	/* low half: P and A */
#define STATE(s)	(40 + (s))	/* the slot's word: MAPPED */

/* The state of a slot, and its part of the ring if it is removed. */
#define REMOVED	0
#define OWNED	1		/* CLAIMED or REVIVING */
#define MAPPED	2
#define FLUSHED	0
#define OPEN	1
#define BATCH	2
#define RUN_ON	3		/* removed, the run is not yet moved */

/* Of each CPU; the last four are sets of slots. */
byte loc[NC], seen[NC], word[NC], cur[NC], sb0[NC], sb1[NC];
byte ok[NC], last[NC], old[NC], mine[NC];

/* Of each slot. */
byte st[NS], part[NS], stamp[NS];
bit P[NS], A[NS], hi[NS], accessed[NS];
bit known[NS];			/* it names its page */

byte epoch;

hidden byte i, j, t, k;
hidden int key0, key1;
hidden byte a, priv;

#define SUB(x, y)	(((x) + M - (y)) % M)
#define BIT(s)		(1 << (s))
#define DRAINED(c)	(sb0[c] == 0)	/* what a locked access waits for */
#define ROOM(c)		(sb1[c] == 0)
#define LAGS(c, s)	((word[c] & IDLE) == 0 && SUB(word[c], stamp[s]) >= H)

inline store(c, what)
{
	if
	:: sb0[c] == 0 -> sb0[c] = what
	:: else -> assert(sb1[c] == 0); sb1[c] = what
	fi
}

/* tlb_is_clean(), for one CPU and slot, whenever that may have changed. */
inline look(c, s)
{
	if
	:: part[s] == BATCH && !LAGS(c, s) -> ok[c] = ok[c] | BIT(s)
	:: else
	fi
}

inline look_slots(c)
{
	t = 0;
	do
	:: t < NS -> look(c, t); t++
	:: else -> break
	od
}

/* A slot leaves its part, or comes into one. */
inline set_part(s, k)
{
	part[s] = k;
	stamp[s] = 0;
	i = 0;
	do
	:: i < NC -> ok[i] = ok[i] & ~BIT(s); i++
	:: else -> break
	od
}

/* The slot's next page is another one: what was left of its last is old. */
inline new_page(s)
{
	i = 0;
	do
	:: i < NC ->
		old[i] = old[i] | (last[i] & BIT(s));
		last[i] = last[i] & ~BIT(s);
		i++
	:: else -> break
	od;
	hi[s] = 0;
	known[s] = 1
}

inline store_entry(c, s)
{
#ifdef LOW_HALF_FIRST
	store(c, LOW(s, 0)); store(c, HIGH(s))
#else
	store(c, HIGH(s)); store(c, LOW(s, 0))
#endif
}

/* The exchange itself: every TLB may keep what had A set. */
inline exchange(s)
{
	a = A[s];
	priv = 0;
	i = 0;
	do
	:: i < NC ->
		if
		:: a -> last[i] = last[i] | BIT(s)
		:: else
		fi;
		priv = priv || (mine[i] & BIT(s));
		mine[i] = mine[i] & ~BIT(s);
		i++
	:: else -> break
	od;
	P[s] = 0;
	A[s] = 0;
	hi[s] = 1
}

/* The slot counts as removed; a private one forgets its page. */
inline set_removed(s)
{
	st[s] = REMOVED;
	known[s] = !priv
}

/* Its part, `c' if a TLB may cache it. */
inline put(s, c)
{
#ifdef IDLE_SEEN_EARLY
	part[s] = (c -> OPEN : FLUSHED)
#else
	if
	:: c -> set_part(s, OPEN)
	:: else -> set_part(s, FLUSHED)
	fi
#endif
}

#ifdef A_IGNORED
#define CACHED	priv
#else
#ifdef PRIVATE_BY_A
#define CACHED	a
#else
#define CACHED	(a || priv)
#endif
#endif

/*
 * The assumption: an epoch may end only if no CPU that is awake then lags by
 * more than half of all.  An idle one may, unless the check is to be shorter.
 */
#define NEAR(x)		(SUB(epoch + 1, (x) & 7) <= H)
#ifdef IDLE_BOUND
#define EXEMPT(c)	false
#else
#define EXEMPT(c)	(loc[c] == IDLING && (word[c] & IDLE) != 0)
#endif
#define MAY_END(c)	(EXEMPT(c) || NEAR(seen[c]) && NEAR(word[c]))

/* After each step: the property, and one state for all that are alike. */

inline check()
{
	i = 0;
	do
	:: i < NC ->
		j = 0;
		do
		:: j < NS ->
#ifdef TOUCHED_BEFORE_FLUSH
			assert(!(loc[i] == RUN || loc[i] == AWAKE) ||
#else
			assert(!(loc[i] == RUN) ||
#endif
			    st[j] != MAPPED || (old[i] & BIT(j)) == 0 ||
			    (mine[i] & BIT(j)) == 0 &&
			    (mine[(i + 1) % NC] & BIT(j) ||
			    mine[(i + 2) % NC] & BIT(j)));
			j++
		:: else -> break
		od;
		i++
	:: else -> break
	od
}

#define TURNED(x)	(((x) & IDLE) | SUB((x) & 7, epoch))

inline turn_buffer(b)
{
	if
	:: b >= 16 && b < 32 -> b = WORD(TURNED(b - 16))
	:: else
	fi
}

inline turn()
{
	i = 0;
	do
	:: i < NC ->
		seen[i] = SUB(seen[i], epoch);
		word[i] = TURNED(word[i]);
		turn_buffer(sb0[i]);
		turn_buffer(sb1[i]);
		i++
	:: else -> break
	od;
	j = 0;
	do
	:: j < NS ->
		if
		:: part[j] == BATCH -> stamp[j] = SUB(stamp[j], epoch)
		:: else
		fi;
		j++
	:: else -> break
	od;
	epoch = 0
}

#define SWAP(x, y)	t = x; x = y; y = t

#define SLOTKEY(s)	(st[s] | part[s] << 2 | stamp[s] << 4 | P[s] << 8 | \
			A[s] << 9 | hi[s] << 10 | accessed[s] << 11 | \
			known[s] << 12)
#define SWAPPED(x)	(((x) & 1) << 1 | (x) >> 1)

inline swap_in_buffer(b)
{
	if
	:: b >= 32 -> b = b ^ 1
	:: else
	fi
}

inline sort_slots()
{
#if NS == 2
	if
	:: SLOTKEY(0) > SLOTKEY(1) ->
		SWAP(st[0], st[1]); SWAP(part[0], part[1]);
		SWAP(stamp[0], stamp[1]); SWAP(P[0], P[1]); SWAP(A[0], A[1]);
		SWAP(hi[0], hi[1]); SWAP(accessed[0], accessed[1]);
		SWAP(known[0], known[1]);
		i = 0;
		do
		:: i < NC ->
			ok[i] = SWAPPED(ok[i]);
			last[i] = SWAPPED(last[i]);
			old[i] = SWAPPED(old[i]);
			mine[i] = SWAPPED(mine[i]);
			if
			:: loc[i] >= MAPPING -> cur[i] = 1 - cur[i]
			:: else
			fi;
			swap_in_buffer(sb0[i]);
			swap_in_buffer(sb1[i]);
			i++
		:: else -> break
		od
	:: else
	fi
#else
	skip
#endif
}

#define KEY(c)	(loc[c] | seen[c] << 3 | word[c] << 6 | cur[c] << 10 | \
		sb0[c] << 11 | sb1[c] << 17 | ok[c] << 23 | last[c] << 25 | \
		old[c] << 27 | mine[c] << 29)

inline order(c, d)
{
	key0 = KEY(c);
	key1 = KEY(d);
	if
	:: key0 > key1 ->
		SWAP(loc[c], loc[d]); SWAP(seen[c], seen[d]);
		SWAP(word[c], word[d]); SWAP(cur[c], cur[d]);
		SWAP(sb0[c], sb0[d]); SWAP(sb1[c], sb1[d]);
		SWAP(ok[c], ok[d]); SWAP(last[c], last[d]);
		SWAP(old[c], old[d]); SWAP(mine[c], mine[d])
	:: else
	fi
}

#ifdef TRACE
#define TELL(x)	printf x
#define SORT	skip
#else
#define TELL(x)	skip
#define SORT	sort_slots(); order(0, 1); order(1, 2); order(0, 1)
#endif

#define DONE	check(); turn(); SORT

/* The steps. */

/* The oldest store of a buffer reaches memory. */
inline drain(c)
{
	k = sb0[c];
	sb0[c] = sb1[c];
	sb1[c] = 0;
	if
	:: k < 32 -> word[c] = k - 16; look_slots(c)
	:: k >= 32 && k < 40 -> hi[k & 1] = 1
	:: k >= 40 && k < 48 -> st[k & 1] = MAPPED
	:: k >= 48 -> P[k & 1] = 1; A[k & 1] = (k >> 1) & 1
	fi
}

/* Some TLB loads a present entry.  With half of it old, an old frame. */
inline walk(s)
{
	A[s] = 1;
	i = 0;
	do
	:: i < NC && !hi[s] -> old[i] = old[i] | BIT(s); i++
	:: else -> break
	od
}

inline claim_to_map(c, s)
{
	set_part(s, FLUSHED);
	new_page(s);
#ifdef COARSE
	assert((old[c] & BIT(s)) == 0);
	hi[s] = 1;
	P[s] = 1;
	A[s] = 0;
	st[s] = MAPPED
#else
	st[s] = OWNED;
	store_entry(c, s);
	cur[c] = s;
	loc[c] = MAPPING
#endif
}

inline claim_to_map_private(c, s)
{
#ifndef PRIVATE_WITHOUT_INVLPG
	last[c] = last[c] & ~BIT(s);
	old[c] = old[c] & ~BIT(s);
#endif
	claim_to_map(c, s);
	mine[c] = mine[c] | BIT(s)
}

inline publish_mapping(c)
{
	assert((old[c] & BIT(cur[c])) == 0);
	store(c, STATE(cur[c]));
	cur[c] = 0;
	loc[c] = RUN
}

#ifdef REVIVED_WITHOUT_A
#define REVIVED_A	0
#else
#define REVIVED_A	1
#endif

inline revive(c, s)
{
	set_part(s, FLUSHED);
#ifdef COARSE
	P[s] = 1;
	A[s] = REVIVED_A;
	st[s] = MAPPED
#else
	st[s] = OWNED;
	store(c, LOW(s, REVIVED_A));
	store(c, STATE(s))
#endif
}

inline evict(c, s)
{
#if defined(A_READ_APART) || defined(IDLE_SEEN_EARLY) || defined(STAMP_EARLY)
	st[s] = OWNED;
	cur[c] = s;
	loc[c] = REMOVING;
#ifdef A_READ_APART
	accessed[s] = A[s]
#endif
#ifdef IDLE_SEEN_EARLY
	i = 0;
	do
	:: i < NC ->
		if
		:: word[i] & IDLE -> ok[i] = ok[i] | BIT(s)
		:: else -> ok[i] = ok[i] & ~BIT(s)
		fi;
		i++
	:: else -> break
	od
#endif
#ifdef STAMP_EARLY
	epoch = (epoch + 1) % M;
	stamp[s] = epoch;
	part[s] = BATCH
#endif
#else
	exchange(s);
	set_removed(s);
	put(s, CACHED)
#endif
}

/* Only where a rule is broken: the second half of evict(). */
inline evict_end(c)
{
	exchange(cur[c]);
	set_removed(cur[c]);
#ifdef A_READ_APART
	put(cur[c], accessed[cur[c]] || priv);
#else
#ifdef STAMP_EARLY
	i = 0;
	do
	:: i < NC -> look(i, cur[c]); i++
	:: else -> break
	od;
#else
	put(cur[c], CACHED);
#endif
#endif
	accessed[cur[c]] = 0;
	cur[c] = 0;
	loc[c] = RUN
}

/* A run of two: its first slot; then its second and last, and the move. */
inline run_begin(c, s)
{
	exchange(s);
	set_removed(s);
	set_part(s, RUN_ON);
	accessed[s] = a;
	cur[c] = s;
	loc[c] = REMOVING
}

#ifdef RUN_IN_PART
#define RUN_CACHED	(a && accessed[cur[c]])
#else
#define RUN_CACHED	(a || accessed[cur[c]])
#endif

inline run_end(c)
{
	exchange(1 - cur[c]);
	set_removed(1 - cur[c]);
	put(1 - cur[c], RUN_CACHED);
	if
	:: part[cur[c]] == RUN_ON -> put(cur[c], RUN_CACHED)
	:: else
	fi;
	accessed[cur[c]] = 0;
	cur[c] = 0;
	loc[c] = RUN
}

/* The run ends before its second slot, which is not to be evicted. */
inline run_short(c, s)
{
	if
	:: part[s] == RUN_ON -> put(s, accessed[s])
	:: else
	fi;
	accessed[s] = 0;
	cur[c] = 0;
	loc[c] = RUN
}

inline end_epoch()
{
	epoch = (epoch + 1) % M
}

inline close_batch(s)
{
	end_epoch();
	part[s] = BATCH;
	stamp[s] = epoch;
	i = 0;
	do
	:: i < NC -> look(i, s); i++
	:: else -> break
	od
}

#define ALL_OK(s)	(ok[0] & ok[1] & ok[2] & BIT(s))

/* flush_and_publish() in two steps: up to and after the load of the epoch. */
inline flush_begin(c)
{
#ifdef EPOCH_READ_LATE
	last[c] = 0;
	old[c] = 0;
#else
	seen[c] = epoch;
#endif
	loc[c] = FLUSHING
}

inline flush_end(c)
{
#ifdef EPOCH_READ_LATE
	seen[c] = epoch;
#else
	last[c] = 0;
	old[c] = 0;
#endif
	store(c, WORD(seen[c]));
	loc[c] = RUN
}

inline enter_idle(c)
{
	store(c, WORD(IDLE | seen[c]));
	loc[c] = IDLING
}

/* tlb_leave_idle() in three steps. */
inline leave_idle(c)
{
#ifndef FLUSH_IF_MOVED
	seen[c] = epoch;
#endif
	loc[c] = WAKING
}

inline leave_idle_mark(c)
{
#ifdef WAKE_PLAIN
	store(c, WORD(seen[c]));
#else
	word[c] = seen[c];
	look_slots(c);
#endif
	loc[c] = AWAKE
}

inline leave_idle_look(c)
{
#ifdef WAKE_WITHOUT_FLUSH
	loc[c] = RUN
#else
	if
#ifdef FLUSH_IF_MOVED
	:: epoch == seen[c] -> loc[c] = RUN
#endif
	:: else -> flush_begin(c)
	fi
#endif
}

#ifdef WAKE_PLAIN
#define WAKE_DRAINED(c)	ROOM(c)
#else
#define WAKE_DRAINED(c)	DRAINED(c)
#endif
#ifdef EPOCH_READ_LATE
#define FLUSH_DRAINED(c) DRAINED(c)
#else
#define FLUSH_DRAINED(c) true
#endif
#ifdef REUSED_BEFORE_FLUSHED
#define USABLE(s)	true
#else
#define USABLE(s)	(part[s] == FLUSHED)
#endif

#define STEP(guard, what, told)	\
	:: d_step { guard -> TELL(told); what; DONE }

#ifdef RUNS
#define END_REMOVING(c)	(loc[c] == REMOVING && DRAINED(c) && \
			st[1 - cur[c]] == MAPPED)
#define remove_end(c)	run_end(c)
#define BEGIN_RUN(c, s)	\
	STEP(loc[c] == RUN && DRAINED(c) && st[0] == MAPPED && \
	    st[1] == MAPPED, run_begin(c, s), ("%d evicts %d of two\n", c, s)) \
	STEP(loc[c] == REMOVING && cur[c] == s && st[1 - s] != MAPPED, \
	    run_short(c, s), ("%d ends its run\n", c))
#else
#define END_REMOVING(c)	(loc[c] == REMOVING && DRAINED(c))
#define remove_end(c)	evict_end(c)
#define BEGIN_RUN(c, s)
#endif

#define OF_CPU(c)	\
	STEP(sb0[c] != 0, drain(c), ("%d drains\n", c)) \
	STEP(loc[c] == MAPPING && DRAINED(c), publish_mapping(c), \
	    ("%d publishes its mapping\n", c)) \
	STEP(END_REMOVING(c), remove_end(c), ("%d ends the removal\n", c)) \
	STEP(loc[c] == RUN && seen[c] != epoch && FLUSH_DRAINED(c), \
	    flush_begin(c), \
	    ("%d begins to flush\n", c)) \
	STEP(loc[c] == FLUSHING && DRAINED(c), flush_end(c), \
	    ("%d flushed\n", c)) \
	STEP(loc[c] == RUN && ROOM(c), enter_idle(c), ("%d idles\n", c)) \
	STEP(loc[c] == IDLING, leave_idle(c), ("%d wakes\n", c)) \
	STEP(loc[c] == WAKING && WAKE_DRAINED(c), leave_idle_mark(c), \
	    ("%d marks itself awake\n", c)) \
	STEP(loc[c] == AWAKE, leave_idle_look(c), ("%d looks\n", c))

#ifdef NO_PRIVATE
#define PRIVATE(c, s)
#else
#define PRIVATE(c, s)	\
	STEP(loc[c] == RUN && DRAINED(c) && st[s] == REMOVED && \
	    part[s] != FLUSHED, claim_to_map_private(c, s), \
	    ("%d maps %d, private\n", c, s))
#endif

#define OF_CPU_AND_SLOT(c, s)	\
	STEP(loc[c] == RUN && DRAINED(c) && st[s] == REMOVED && USABLE(s), \
	    claim_to_map(c, s), ("%d maps %d\n", c, s)) \
	PRIVATE(c, s) \
	STEP(loc[c] == RUN && DRAINED(c) && st[s] == REMOVED && known[s], \
	    revive(c, s), ("%d revives %d\n", c, s)) \
	STEP(loc[c] == RUN && DRAINED(c) && st[s] == MAPPED, evict(c, s), \
	    ("%d evicts %d\n", c, s)) \
	BEGIN_RUN(c, s)

#define OF_SLOT(s)	\
	STEP(P[s] && !A[s], walk(s), ("a TLB loads %d\n", s)) \
	STEP(st[s] == REMOVED && part[s] == OPEN && ENDABLE, close_batch(s), \
	    ("batch of %d closed\n", s)) \
	STEP(part[s] == BATCH && ALL_OK(s), set_part(s, FLUSHED), \
	    ("%d is flushed\n", s))

#define ENDABLE	(MAY_END(0) && MAY_END(1) && MAY_END(2))

init
{
	i = 0;
	do
	:: i < NS -> known[i] = 0; hi[i] = 1; i++
	:: else -> break
	od;
	do
	OF_CPU(0)
	OF_CPU(1)
	OF_CPU(2)
	OF_SLOT(0)
	OF_CPU_AND_SLOT(0, 0)
	OF_CPU_AND_SLOT(1, 0)
	OF_CPU_AND_SLOT(2, 0)
#if NS == 2
	OF_SLOT(1)
	OF_CPU_AND_SLOT(0, 1)
	OF_CPU_AND_SLOT(1, 1)
	OF_CPU_AND_SLOT(2, 1)
#endif
#ifndef COARSE
	STEP(ENDABLE, end_epoch(), ("an epoch ends\n"))
#endif
	od
}
