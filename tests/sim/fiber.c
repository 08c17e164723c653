/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Fibers: the stacks of the simulated threads, and the switch from one to
 * another, which takes only a few instructions, for it happens every few steps.
 */

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "sim.h"

#if !defined(__x86_64__)
#error "the simulation switches stacks by code for x86-64 only"
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define	ASAN	1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define	ASAN	1
#endif

#ifdef ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

static const void *main_stack;
static size_t main_size;
#endif

#define	STACK_SIZE	(64u << 10)
#define	WATCH_S		2u

void	fiber_swap(void **save, void *sp);

/* Saves the callee-saved registers on the old stack; loads those of the new. */
__asm__(
"	.text\n"
"	.type	fiber_swap, @function\n"
"fiber_swap:\n"
"	pushq	%rbp\n"
"	pushq	%rbx\n"
"	pushq	%r12\n"
"	pushq	%r13\n"
"	pushq	%r14\n"
"	pushq	%r15\n"
"	movq	%rsp, (%rdi)\n"
"	movq	%rsi, %rsp\n"
"	popq	%r15\n"
"	popq	%r14\n"
"	popq	%r13\n"
"	popq	%r12\n"
"	popq	%rbx\n"
"	popq	%rbp\n"
"	ret\n"
"	.size	fiber_swap, . - fiber_swap\n");

/*
 * fiber_make: makes f start at `entry', which never returns, when it is
 * switched to.  Whatever it did before is forgotten.
 */
void
fiber_make(struct fiber *f, void (*entry)(void))
{
	void **sp;

	if (f->stack == NULL) {
		f->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (f->stack == MAP_FAILED)
			abort();
	}
#ifdef ASAN
	ASAN_UNPOISON_MEMORY_REGION(f->stack, STACK_SIZE);
#endif
	sp = (void **)(f->stack + STACK_SIZE);
	*--sp = NULL;			/* entry's return address */
	*--sp = (void *)entry;
	for (u_int i = 0; i < 6; i++)
		*--sp = NULL;
	f->sp = sp;
	f->fake = NULL;
}

/* fiber_switch: runs `to'; returns when another fiber switches to `from'. */
void
fiber_switch(struct fiber *from, struct fiber *to)
{
#ifdef ASAN
	bool to_main = to->stack == NULL;

	__sanitizer_start_switch_fiber(&from->fake,
	    to_main ? main_stack : to->stack, to_main ? main_size : STACK_SIZE);
#endif
	fiber_swap(&from->sp, to->sp);
#ifdef ASAN
	__sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
#endif
}

/* fiber_entered: must be called first in a new fiber. */
void
fiber_entered(void)
{
#ifdef ASAN
	const void *stack;
	size_t size;

	/* The first switch of all comes from the main stack. */
	__sanitizer_finish_switch_fiber(NULL, &stack, &size);
	if (main_stack == NULL) {
		main_stack = stack;
		main_size = size;
	}
#endif
}

#ifndef ASAN
static void
crashed(int sig)
{
	/* The stack does not matter: the next run makes the fibers again. */
	sim_fail("crash: signal %d", sig);
}

/* Fails a run that has made no step since the last time that this looked. */
static void
look(int sig)
{
	static uint64_t last;
	uint64_t steps = total_steps + now;

	(void)sig;
	if (machine_runs && steps == last)
		sim_fail("loop: no step in %u s", WATCH_S);
	last = steps;
}
#endif

/*
 * fiber_catch_crashes: from now on a wild access fails the run and does not
 * end the program.  Does nothing under the address sanitizer, whose own report
 * is more useful.
 */
void
fiber_catch_crashes(void)
{
#ifndef ASAN
	static char stack[STACK_SIZE];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = crashed,
	    .sa_flags = SA_ONSTACK | SA_NODEFER };

	if (sigaltstack(&ss, NULL) != 0 ||
	    sigaction(SIGSEGV, &sa, NULL) != 0 ||
	    sigaction(SIGBUS, &sa, NULL) != 0 ||
	    sigaction(SIGFPE, &sa, NULL) != 0)
		abort();
#endif
}

/*
 * fiber_watch: from now on a loop without a step fails the run, too, after
 * WATCH_S seconds of this process.  For each process: fork() ends it.
 */
void
fiber_watch(void)
{
#ifndef ASAN
	struct sigaction sa = { .sa_handler = look,
	    .sa_flags = SA_ONSTACK | SA_NODEFER };
	struct itimerval t = { { WATCH_S, 0 }, { WATCH_S, 0 } };

	if (sigaction(SIGVTALRM, &sa, NULL) != 0 ||
	    setitimer(ITIMER_VIRTUAL, &t, NULL) != 0)
		abort();
#endif
}
