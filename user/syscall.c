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

#define	C(nr, name, pointers, or_null)	call_fn linux_##name;
#define	A(nr, name, pointers, or_null)
#include "user/calls.h"
#undef C
#undef A

/* Bit n - 1: argument n. */
enum { P1 = 0x1, P2 = 0x2, P3 = 0x4, P4 = 0x8, P5 = 0x10, P6 = 0x20 };

#define	C(nr, name, pointers, or_null)	\
	[nr] = { linux_##name, pointers, or_null },
#define	A(nr, name, pointers, or_null)	\
	[nr] = { linux_##name, pointers, or_null },
static const struct linux_call {
	call_fn *perform;
	uint8_t pointers, or_null;	/* P1 to P6 */
} calls[] = {
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

bool
is_program(uint32_t addr, uint32_t len)
{
	return (addr >= PROGRAM_LOW && addr < PROGRAM_HIGH &&
	    len <= PROGRAM_HIGH - addr);
}

static bool
pointers_good(const struct linux_call *c, const struct regs *r)
{
	const uint32_t args[] = { r->ebx, r->ecx, r->edx, r->esi, r->edi,
	    r->ebp };
	uint32_t set = c->pointers | c->or_null, i;

	for (; set != 0; set &= set - 1) {
		i = __builtin_ctz(set);
		if (!is_program(args[i], 1) &&
		    (args[i] != 0 || (c->pointers & 1u << i) != 0))
			return (false);
	}
	return (true);
}

static int
perform_call(uint32_t nr, struct regs *r)
{
	const struct linux_call *c = &calls[nr];

	if (nr >= nitems(calls) || c->perform == NULL)
		return (refuse(nr));
	if ((c->pointers | c->or_null) != 0 && !pointers_good(c, r))
		return (-EFAULT);
	return (c->perform(r));
}

/* Does what the program asks for, then looks for signals. */
void
perform(struct regs *r)
{
	uint32_t nr = r->eax;
	int result = perform_call(nr, r);

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

/* A note came on the way back to the program: r is what it goes back to. */
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
