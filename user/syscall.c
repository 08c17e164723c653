/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Linux calls: from a number to the function that performs it.  Each takes the
 * program's registers and returns the result, or minus an error number.
 */

#include "user/proc.h"
#include "user/linux.h"
#include "user/native.h"

typedef int call_fn(struct regs *r);

#define	C(nr, name)	call_fn linux_##name;
#define	A(nr, name)
#include "user/calls.h"
#undef C
#undef A

#define	C(nr, name)	[nr] = linux_##name,
#define	A(nr, name)	[nr] = linux_##name,
static call_fn *const calls[] = {
#include "user/calls.h"
};
#undef C
#undef A

#define	NUMBERS		512u
static volatile uint32_t refused[NUMBERS / 32];	/* those said already */

/* Says once which call is missing; a C library often has another way. */
static int
refuse(uint32_t nr)
{
	if (nr >= NUMBERS)
		return (-ENOSYS);
	if ((atomic_or(&refused[nr / 32], 1u << nr % 32) & 1u << nr % 32) == 0)
		say("personality: %s: Linux call %u is not there\n", proc.name,
		    nr);
	return (-ENOSYS);
}

/* Does what the program asks for, then looks for signals. */
void
perform(struct regs *r)
{
	uint32_t nr = r->eax;
	int result;

	if (nr < nitems(calls) && calls[nr] != NULL)
		result = calls[nr](r);
	else
		result = refuse(nr);
	if (result == -ERESTART) {
		signal_work(r, nr);
	} else {
		r->eax = result;
		signal_work(r, NO_CALL);
	}
}

/* An upcall: the block says why. */
void
upcall(struct regs *r)
{
	const struct thread_block *tb = &self()->block;

	if (tb->reason == UPCALL_INT80) {
		perform(r);
		return;
	}
	signal_take(tb->arg);
	signal_work(r, NO_CALL);
}

/* A note that came on the way back to the program: r is what it goes back to. */
void
upcall_again(struct regs *r)
{
	signal_take(self()->block.arg);
	signal_work(r, NO_CALL);
}

/* Notes that came while the thread was busy. */
void
notes_came(struct regs *r)
{
	signal_work(r, NO_CALL);
}

/* Calls that have nothing to do here: fsync(2), fadvise(2) and the like. */
int
linux_nothing(struct regs *r)
{
	(void)r;
	return (0);
}
