/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The forced flush of vm/tlb.c: NC CPUs, which together ask the others ROUNDS
 * times, by pc_flush_wanted and an interrupt, while they idle, wake and serve.
 * No clock ticks: only the request makes a CPU flush.
 *
 * Property: no wait of tlb_force() lasts for ever; that is, when no step is
 * left no CPU waits.  (What has been flushed after a wait: see tlb.pml.)
 *
 * All accesses here but one are locked, or may wait in a store buffer without
 * harm.  That one, the publication [E6], is visible at once here: a CPU that
 * sees it late waits longer, and the store drains by itself.
 */

#ifndef NC
#define NC	3
#endif
#ifndef ROUNDS
#define ROUNDS	2
#endif

byte epoch, seen[NC], asked;
bit idle[NC], wanted[NC], interrupt[NC];

#define LAGS(c)	(!idle[c] && seen[c] < stamp)

/* flush_and_publish(): [E4] [E5] [E6] */
inline flush()
{
	e = epoch;
	seen[me] = e;
	e = 0
}

/* IPI_FLUSH, tlb_serve(); also in the waits, where interrupts are on. */
inline serve()
{
	interrupt[me] = 0;
#ifdef FLAG_CLEARED_LATE
	if
	:: wanted[me] -> flush(); wanted[me] = 0
	:: else
	fi
#else
	if
	:: d_step { wanted[me] -> wanted[me] = 0 }
		flush()
	:: else
	fi
#endif
}

/* ask_laggards(), for one CPU */
inline ask(c)
{
#ifdef SENT_BEFORE_FLAG
	if
	:: !wanted[c] -> interrupt[c] = 1; wanted[c] = 1
	:: else
	fi
#else
	if
	:: d_step { !wanted[c] -> wanted[c] = 1 }
		interrupt[c] = 1
	:: wanted[c]
	fi
#endif
}

/* tlb_force(tlb_close()) */
inline force()
{
	d_step { epoch++; stamp = epoch }
	flush();
	c = 0;
	do
	:: c < NC && LAGS(c) -> ask(c); c++
	:: c < NC && !LAGS(c) -> c++
	:: c == NC -> break
	od;
	c = 0;
	do
	:: c < NC && !LAGS(c) -> c++
	:: c < NC && LAGS(c) && interrupt[me] -> serve()
	:: c == NC -> break
	od;
	c = 0;
	stamp = 0
}

/* tlb_leave_idle(): [E7] [E8] */
inline leave_idle()
{
	e = epoch;
	d_step { idle[me] = 0; seen[me] = e }
	flush()
}

proctype cpu(byte me)
{
	byte e, c, stamp;

end:	do
	:: interrupt[me] -> serve()
	:: d_step { asked < ROUNDS -> asked++ } force()
	:: true ->
		idle[me] = 1;
endidle:	interrupt[me];
		leave_idle()
	:: true -> break	/* spins for ever, interrupts on */
	od;
#ifdef DEAF
	false
#else
endspin: do
	:: interrupt[me] -> serve()
	od
#endif
}

init
{
	atomic {
		run cpu(0);
		run cpu(1);
#if NC > 2
		run cpu(2)
#endif
	}
}
