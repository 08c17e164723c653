/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * One page of a task's memory, which is shared, copied, borrowed and sealed:
 * vm/map/vm_object_page.c and vm_borrow.c.
 *
 *	user	a thread of the parent, which writes by its TLB or by faults
 *	kernel	borrows the page for writing, for the parent, and writes
 *	fork	gives a child the page; the child then unmaps it
 *	reader	borrows the child's page and holds it: a message
 *	sender	takes the parent's page for a message, SEALED
 *
 * Steps under the object's lock are apart from each other, because the user and
 * the kernel write without it, and the reader and the child have another lock.
 *
 * Properties, looked at after each write to any page:
 *  - what the parent and the kernel for it wrote last is in the parent's page
 *    (looked at while its lock is free, when all have ended);
 *  - the child's page has what it had when it was forked;
 *  - what the reader holds, and what was sent, does not change;
 *  - and no write goes to a page that is free.
 */

#define NP	6
#define NONE	15

byte data[NP], owners[NP], others[NP], writers[NP];
bit sealed[NP];
bit locked;			/* the parent's object */
byte slot0, slot1 = NONE;	/* the page of the parent, of the child */
byte pte = NONE, tlb = NONE;	/* of the parent, and one thread's */
bit pte_rw, tlb_rw;
byte truth, child, held = NONE, held_data, sent = NONE, sent_data;
byte ended;

#define LOCK	atomic { !locked -> locked = 1 }
#define UNLOCK	locked = 0

#ifdef READER_IGNORED
#define UNREAD(p)	1
#else
#define UNREAD(p)	(others[p] == 0 || writers[p] > 0)
#endif
#define EXCLUSIVE(p)	(!sealed[p] && owners[p] == 1 && UNREAD(p))

inline check(p)
{
	assert(owners[p] + others[p] > 0);
	assert(slot1 == NONE || data[slot1] == child);
	assert(held == NONE || data[held] == held_data);
	assert(sent == NONE || data[sent] == sent_data)
}

inline write(p, value)
{
	d_step { data[p] = value; truth = value; check(p) }
}

/* vm_page_alloc_held() */
inline alloc(n)
{
	d_step {
		n = 0;
		do
		:: owners[n] + others[n] > 0 -> n++
		:: else -> break
		od;
		others[n] = 1;
		sealed[n] = 0;
		writers[n] = 0
	}
}

inline remove_entries()
{
	d_step { pte = NONE; pte_rw = 0 };
	tlb = NONE
}

inline protect_entries()
{
	pte_rw = 0;
#ifndef NOT_FLUSHED
	tlb = NONE
#endif
}

inline copy_page(n, p)
{
	d_step { data[n] = data[p]; check(n) }
}

/* replace_page(): of the parent, whose lock is held */
inline replace(n)
{
	alloc(n);
#ifdef COPIED_BEFORE_REMOVED
	copy_page(n, slot0);
	remove_entries();
#else
	remove_entries();
	copy_page(n, slot0);
#endif
	d_step { owners[n] = 1; others[n] = 0 };
	d_step { owners[slot0]--; slot0 = n };
	n = 0
}

inline page_for_writing(n)
{
	if
	:: EXCLUSIVE(slot0)
	:: else -> replace(n)
	fi
}

proctype user()
{
	byte n, value = 1;

	do
	:: value == 3 -> break
	:: else ->
		if
		:: atomic { tlb != NONE && tlb_rw ->
			write(tlb, value); value++ }
		:: atomic { !(tlb != NONE && tlb_rw) && pte != NONE &&
			pte_rw -> tlb = pte; tlb_rw = 1 }
		:: atomic { !(tlb != NONE && tlb_rw) && !(pte != NONE &&
			pte_rw) && !locked -> locked = 1 }
			page_for_writing(n);
			atomic { pte = slot0; pte_rw = 1; tlb = NONE };
			UNLOCK
		fi
	od;
	ended++
}

proctype kernel()
{
	byte n, m;

	LOCK;
	page_for_writing(n);
	d_step { m = slot0; others[m]++; writers[m]++ };
	UNLOCK;
#ifdef WRITER_DROPPED_EARLY
	writers[m]--;
	write(m, 7);
#else
	write(m, 7);
	writers[m]--;
#endif
	d_step { others[m]--; m = 0 };
	ended++
}

proctype fork()
{
	byte n;

	LOCK;
#ifndef RIGHTS_KEPT
	protect_entries();
#endif
	if
#ifdef WRITERS_IGNORED
	:: true ->
#else
	:: writers[slot0] == 0 ->
#endif
		d_step { owners[slot0]++; slot1 = slot0; child = data[slot0] }
	:: else ->
		alloc(n);
		copy_page(n, slot0);
		d_step { owners[n] = 1; others[n] = 0; slot1 = n;
			child = data[n] }
	fi;
	UNLOCK;
	/* The child unmaps the page at any time. */
	d_step { owners[slot1]--; slot1 = NONE };
	ended++
}

/* Under the lock of the child's object; it holds the page until the end. */
proctype reader()
{
	if
	:: d_step { slot1 != NONE -> held = slot1; held_data = data[slot1];
		others[slot1]++ }
	:: true
	fi;
	ended++
}

proctype sender()
{
	byte n;

	LOCK;
	if
#ifndef WRITERS_SEALED
	:: writers[slot0] > 0 ->
		alloc(n);
		copy_page(n, slot0);
		d_step { sealed[n] = 1; sent = n; sent_data = data[n] }
#endif
	:: else ->
		if
		:: EXCLUSIVE(slot0) ->
#ifndef SEALED_WRITABLE
			protect_entries()
#endif
		:: else -> replace(n)
		fi;
		d_step { sealed[slot0] = 1; sent = slot0;
			sent_data = data[slot0]; others[slot0]++ }
	fi;
	UNLOCK;
	ended++
}

init
{
	atomic {
		owners[0] = 1;
		run user();
		run kernel();
		run fork();
		run reader();
		run sender()
	};
	ended == 5;
	assert(data[slot0] == truth)
}
