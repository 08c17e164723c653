/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * One address space: arch/i386/space/pmap_space.c, steps [U1] to [U7], with the
 * epochs of vm/tlb.c.  NC CPUs run its threads, or keep its tables while they
 * run threads of the kernel, or idle.  Another CPU, which runs no thread of it,
 * replaces the one page that it maps, and the page table with it, ROUNDS times;
 * then it destroys the address space.
 *
 * Frames and tables are numbered in the order of their use.  Properties: ring 3
 * reads no frame that was freed, after pmap_flush(); no walk uses a page table
 * that was freed, after the epoch; no CPU has a PDPT that was freed.  And no
 * wait lasts for ever.
 *
 * A locked instruction is a step.  A plain store that a later load may overtake
 * is a step after that load: RUNS_PLAIN, GEN_PLAIN.  The other stores are of
 * words that only delay a wait.
 */

#ifndef NC
#define NC	2
#endif
#ifndef ROUNDS
#define ROUNDS	2
#endif

byte entry = 1, table = 1;	/* what memory shows; 0: not present */
byte freed, freed_table;	/* all up to these are in other use */
bit dead, gone, ending;		/* pm_dead; its pages are freed */
byte gen, epoch;

/* Of each CPU: */
byte seen[NC], saw_gen[NC];	/* pc_tlb, pc_pmap_gen */
bit idle[NC], wanted[NC], interrupt[NC];
bit runs[NC], loaded[NC];	/* pc_runs, pc_pmap and CR3 */
bit user[NC], busy[NC];		/* ring 3; a thread of pm is on this CPU */
byte tlb[NC], cached[NC];	/* frame, and table, that it caches */

#define LAGS(c)	(!idle[c] && seen[c] < stamp)

/* load_and_publish(): [E4] to [E6], by the tables of the task if `want' */
inline load_and_publish(want)
{
	t = want;
#ifdef DEAD_READ_EARLY
	t = t && !dead;
	e = epoch;
#else
	e = epoch;
	t = t && !dead;
#endif
#ifndef GEN_READ_LATE
	saw_gen[me] = gen;
#endif
	d_step { loaded[me] = t; tlb[me] = 0; cached[me] = 0 }
#ifdef GEN_READ_LATE
	saw_gen[me] = gen;
#endif
	seen[me] = e;
	e = 0; t = 0
}

/* tlb_serve() */
inline serve()
{
	interrupt[me] = 0;
	if
	:: d_step { wanted[me] -> wanted[me] = 0 }
		load_and_publish(loaded[me])
	:: else
	fi
}

/* pmap_activate(), interrupts off */
inline activate()
{
#ifdef RUNS_PLAIN
	g = gen;
	runs[me] = 1;			/* [U4] */
#else
	runs[me] = 1;			/* [U4] */
	g = gen;			/* [U5] */
#endif
	if
	:: loaded[me] && saw_gen[me] == g
	:: else -> load_and_publish(1)	/* [U6] */
	fi;
	g = 0;
	user[me] = 1			/* [U7] */
}

/* tlb_enter_idle(), until an interrupt; tlb_leave_idle() */
inline idle_loop()
{
#ifndef IDLE_KEEPS_TABLES
	if
	:: loaded[me] -> load_and_publish(0)
	:: else
	fi;
#endif
	idle[me] = 1;
endidle: (interrupt[me] || !ending);
	e = epoch;
	d_step { idle[me] = 0; seen[me] = e }
	load_and_publish(loaded[me])
}

proctype cpu(byte me)
{
	byte e, g;
	bit t;

end:	do
	:: interrupt[me] -> serve()
	:: seen[me] != epoch -> load_and_publish(loaded[me])	/* tlb_tick() */
	:: d_step { user[me] && tlb[me] != 0 -> assert(tlb[me] > freed) }
	:: user[me] ->
		user[me] = 0;
		runs[me] = 0;		/* pmap_activate(NULL) */
		busy[me] = 0
	:: d_step { !user[me] && !ending -> busy[me] = 1 } activate()
	:: !user[me] -> idle_loop()
	od
}

/*
 * What a CPU may do at any time: cache the directory's entry, and from there on
 * a translation.  What it caches stays until it loads CR3; to drop it earlier
 * could only do good.
 */
proctype walks(byte c)
{
end:	do
	:: d_step { loaded[c] && cached[c] == 0 && table != 0 ->
		assert(!gone);
		cached[c] = table }
	:: d_step { loaded[c] && cached[c] != 0 && tlb[c] == 0 ->
		assert(!gone && cached[c] > freed_table);
		tlb[c] = (cached[c] == table -> entry : 0) }
	od
}

/* tlb_force_space() */
inline force_space()
{
	c = 0;
	do
	:: c < NC ->
#ifdef GEN_PLAIN
		if
		:: was_run[c] && LAGS(c) ->
#else
		if
		:: runs[c] && LAGS(c) ->		/* [U3] */
#endif
			if
			:: d_step { !wanted[c] -> wanted[c] = 1 }
				interrupt[c] = 1
			:: wanted[c]
			fi
		:: else
		fi;
		c++
	:: c == NC -> break
	od;
	c = 0;
	do
	:: c < NC ->
#ifdef GEN_PLAIN
		!was_run[c] || !(runs[c] && LAGS(c));
#else
		!(runs[c] && LAGS(c));
#endif
		c++
	:: c == NC -> break
	od;
	c = 0
}

/* tlb_is_clean() */
inline wait_clean()
{
	c = 0;
	do
	:: c < NC -> !LAGS(c); c++
	:: c == NC -> break
	od;
	c = 0
}

inline replace_page()
{
#ifdef GEN_FIRST
	gen++;
	d_step { old = entry; entry = 0 }
#else
	d_step { old = entry; entry = 0 }		/* [U1] */
	d_step { old_table = table; table = 0 }
#ifdef GEN_PLAIN
	c = 0;
	do
	:: c < NC -> was_run[c] = runs[c]; c++
	:: c == NC -> break
	od;
#endif
#ifndef NO_GEN
	gen++;						/* [U2] */
#endif
#endif
	d_step { epoch++; stamp = epoch }
#ifndef NOT_FORCED
	force_space();
#endif
	freed = old;
#ifdef GEN_FIRST
	d_step { old_table = table; table = 0 }
#endif
	d_step { entry = old + 1; table = old_table + 1 }
#ifdef TABLE_BY_FORCE
	freed_table = old_table;
#else
	d_step { epoch++; stamp = epoch }
	wait_clean();
	freed_table = old_table;
#endif
	old = 0; old_table = 0; stamp = 0
}

inline destroy()
{
#ifdef DEAD_AFTER_STAMP
	d_step { epoch++; stamp = epoch }
	dead = 1;
#else
	dead = 1;
	d_step { epoch++; stamp = epoch }
#endif
	wait_clean();
	gone = 1
}

proctype remover()
{
	byte c, stamp, old, old_table, round;
#ifdef GEN_PLAIN
	bit was_run[NC];
#endif

	do
	:: round < ROUNDS -> replace_page(); round++
	:: round == ROUNDS -> break
	od;
	ending = 1;
	do
	:: c < NC -> !busy[c]; c++
	:: c == NC -> break
	od;
	c = 0;
	destroy()
}

init
{
	atomic {
		run cpu(0);
		run walks(0);
#if NC > 1
		run cpu(1);
		run walks(1);
#endif
		run remover()
	}
}
