/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of what ring 3 may do and what it gets for what it may not: calls,
 * flags, exceptions, segments.  The programs are those of user_blob.asm.
 */

#include <sys/types.h>
#include <sys/abi/call.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/ipi.h>
#include <machine/pmap.h>
#include <machine/trap.h>
#include <tests/ring3.h>

#define	CPUID7_UMIP	4u		/* leaf 7, ECX */

/* Any address of the kernel. */
extern char blob[];

/* --- calls --- */

static void
check_echo(const struct program *p, bool by_int)
{
	const struct userframe *uf = &p->echo;

	EXPECT_EQ(uf->tf.trapno, CALL_VECTOR);
	EXPECT_EQ(uf->tf.eax, C_ECHO);
	EXPECT_EQ(uf->tf.ebx, 0xb0b0b0b0);
	EXPECT_EQ(uf->tf.esi, 0x51515151);
	EXPECT_EQ(uf->tf.edi, 0xd1d1d1d1);
	EXPECT_EQ(uf->tf.ebp, 0xb9b9b9b9);
	EXPECT_EQ(uf->esp, STACK - 4);
	EXPECT((uf->tf.eflags & EFLAGS_IF) != 0);
	EXPECT_EQ(program_word(p, AFTER), 0xea0ea0ea);
	EXPECT_EQ(program_word(p, AFTER + 1), 0xb0b0b0b1);
	EXPECT_EQ(program_word(p, AFTER + 2), 0x51515152);
	EXPECT_EQ(program_word(p, AFTER + 3), 0xd1d1d1d1);
	EXPECT_EQ(program_word(p, AFTER + 4), 0xb9b9b9b9);
	EXPECT_EQ(program_word(p, AFTER + 7), STACK);
	if (!by_int) {
		EXPECT_EQ(program_word(p, AFTER + 8) & EFLAGS_DIRTY, 0);
		return;
	}
	EXPECT_EQ(program_word(p, AFTER + 5), 0xc0c0c0c0);
	EXPECT_EQ(program_word(p, AFTER + 6), 0xd0d0d0d0);
}

TEST(calls, "user.a_call_carries_its_registers_in_and_out")
{
	struct program *p;

	if (no_ring3())
		return;
	FOREACH_WAY(by_int) {
		p = program_run(blob_echo, by_int);
		EXPECT_EQ(p->ncalls, 2);
		EXPECT_EQ(p->nexc, 0);
		check_echo(p, by_int);
		program_free(p);
	}
}

/* And whatever is in EFLAGS, ring 3 gets neither IOPL nor VM. */
TEST(full_frame, "user.a_call_can_give_back_all_registers")
{
	struct program *p;

	if (no_ring3())
		return;
	FOREACH_WAY(by_int) {
		p = program_run(blob_full, by_int);
		EXPECT_EQ(program_word(p, AFTER), 0x0ec0ec0e);
		EXPECT_EQ(program_word(p, AFTER + 1), 0x0ed0ed0e);
		EXPECT_EQ(program_word(p, AFTER + 2) & 0x00023000, 0);
		EXPECT((program_word(p, AFTER + 2) & EFLAGS_AC) != 0);
		program_free(p);
	}
}

TEST(flags, "user.no_flag_of_ring_3_reaches_the_kernel")
{
	struct program *p;

	if (no_ring3())
		return;
	FOREACH_WAY(by_int) {
		p = program_run(blob_flags, by_int);
		EXPECT_EQ(p->ncalls, 9);
		EXPECT_EQ(p->nexc, 0);
		program_free(p);
	}
}

/* By INT, TF is back after the return: the step that follows is the task's. */
TEST(step, "user.a_single_step_into_the_kernel_ends_there")
{
	struct program *p;

	if (no_ring3())
		return;
	FOREACH_WAY(by_int) {
		p = program_run(blob_step, by_int);
		EXPECT_EQ(p->ncalls, 3);
		EXPECT_EQ(p->nexc, by_int ? 1 : 0);
		EXPECT_EQ(p->exc[0].trapno, by_int ? T_DEBUG : 0);
		program_free(p);
	}
}

static void
note_flags(void *arg)
{
	*(volatile uint32_t *)arg |= read_eflags() & EFLAGS_DIRTY;
}

TEST(dirty, "user.an_interrupt_of_ring_3_has_clean_flags")
{
	struct program *p;
	volatile uint32_t seen = 0;

	if (no_ring3())
		return;
	if (mp_ncpus < 2) {
		test_skip("one CPU");
		return;
	}
	sched_bind(0);
	p = program_new(blob_dirty, false);
	program_start(p, 1);
	while (program_word(p, COUNT) == 0)
		sched_yield();
	for (u_int i = 0; i < 20; i++)
		smp_call(1, note_flags, (void *)&seen);
	program_set_word(p, FLAG, 1);
	program_wait(p);
	sched_unbind();
	EXPECT_EQ(seen, 0);
	EXPECT_EQ(p->nexc, 0);
	program_free(p);
}

/* --- exceptions --- */

TEST(privileged, "user.what_is_privileged_gives_a_fault")
{
	struct program *p;

	if (no_ring3())
		return;
	p = program_run(blob_privileged, false);
	EXPECT_EQ(p->nexc, 47);
	for (u_int i = 0; i < p->nexc && i < MAXEXC; i++) {
		if (p->exc[i].trapno == 13)
			continue;
		printf("# at 0x%x: trap %u\n", p->exc[i].eip,
		    p->exc[i].trapno);
		EXPECT(!"a #GP");
	}
	program_free(p);
}

TEST(tables, "user.ring_3_does_not_learn_where_the_tables_are")
{
	struct program *p;
	uint32_t r[4];

	if (no_ring3())
		return;
	do_cpuid(0, r);
	if (r[0] >= 7)
		do_cpuid(7, r);
	if (r[0] < 7 || (r[2] & CPUID7_UMIP) == 0) {
		test_skip("the CPU has no UMIP");
		return;
	}
	p = program_run(blob_tables, false);
	EXPECT_EQ(p->nexc, 5);
	for (u_int i = 0; i < p->nexc && i < 5; i++)
		EXPECT_EQ(p->exc[i].trapno, 13);
	program_free(p);
}

TEST(exceptions, "user.exceptions_and_int80_are_given_to_the_task")
{
	static const uint32_t traps[] = { 0, 3, 4, 5, 6, T_INT80 };
	struct program *p;

	if (no_ring3())
		return;
	p = program_run(blob_exceptions, false);
	EXPECT_EQ(p->nexc, nitems(traps));
	for (u_int i = 0; i < nitems(traps); i++)
		EXPECT_EQ(p->exc[i].trapno, traps[i]);
	EXPECT_EQ(p->ncalls, 1);
	program_free(p);
}

TEST(fpu_errors, "user.errors_of_the_fpu_are_exceptions")
{
	struct program *p;

	if (no_ring3())
		return;
	p = program_run(blob_fpu_errors, false);
	EXPECT_EQ(p->exc[0].trapno, 16);
	/* QEMU's TCG has no errors of SSE. */
	if (p->nexc == 2)
		EXPECT_EQ(p->exc[1].trapno, 19);
	else
		EXPECT_EQ(p->nexc, 1);
	program_free(p);
}

TEST(page_faults, "user.a_page_fault_tells_its_address")
{
	vm_offset_t kernel = (vm_offset_t)blob;
	struct program *p;

	if (no_ring3())
		return;
	p = program_new(blob_page_faults, false);
	program_set_word(p, FLAG, (uint32_t)kernel);
	program_start(p, curcpu_id());
	program_wait(p);
	EXPECT_EQ(p->nexc, pg_nx != 0 ? 6 : 5);
	for (u_int i = 0; i < p->nexc; i++) {
		EXPECT_EQ(p->exc[i].trapno, T_PAGEFLT);
		EXPECT((p->exc[i].err & PF_USER) != 0);
	}
	EXPECT_EQ(p->exc[0].va, kernel);
	EXPECT_EQ(p->exc[0].eip, kernel);
	EXPECT_EQ(p->exc[1].va, kernel);
	EXPECT_EQ(p->exc[2].va, kernel);
	EXPECT_EQ(p->exc[3].va, 0x700000);
	EXPECT_EQ(trunc_page(p->exc[4].va), CODE);
	if (pg_nx != 0)
		EXPECT_EQ(p->exc[5].va, STACK - 16);
	program_free(p);
}

/* --- segments --- */

TEST(selectors, "user.whatever_selectors_it_loads_the_kernel_does_not_mind")
{
	struct program *p, *other;

	if (no_ring3())
		return;
	sched_bind(0);
	FOREACH_WAY(by_int) {
		p = program_new(blob_selectors, by_int);
		other = program_new(blob_yield, by_int);
		program_start(other, 0);
		program_start(p, 0);
		program_wait(p);
		program_stop(other);
		/* What is not a segment of ring 3, or null. */
		EXPECT(p->nexc > 200);
		for (u_int i = 0; i < MAXEXC; i++)
			EXPECT_EQ(p->exc[i].trapno, 13);
		program_free(other);
		program_free(p);
	}
	sched_unbind();
}

TEST(stack_selector, "user.a_call_needs_no_stack_of_the_task")
{
	struct program *p;

	if (no_ring3())
		return;
	p = program_run(blob_stack_selector, true);
	EXPECT_EQ(p->ncalls, 3);
	EXPECT_EQ(p->nexc, 0);
	program_free(p);
}

/* Two on each of some CPUs, whose segments have different bases. */
TEST(tls, "user.the_segments_of_a_thread_are_its_own")
{
	struct program *p[2 * RING3_CPUS];
	u_int cpus = mp_ncpus < RING3_CPUS ? mp_ncpus : RING3_CPUS;
	u_int n = 2 * cpus;

	if (no_ring3())
		return;
	FOREACH_WAY(by_int) {
		for (u_int i = 0; i < n; i++) {
			p[i] = program_new(blob_tls, by_int);
			program_set_word(p[i], COUNT, 200);
			program_set_word(p[i], FLAG,
			    DATA + 0x200 + 8 * (i % 8));
		}
		for (u_int i = 0; i < n; i++)
			program_start(p[i], i % cpus);
		for (u_int i = 0; i < n; i++) {
			program_wait(p[i]);
			EXPECT_EQ(p[i]->ncalls, 203);
			EXPECT_EQ(p[i]->nexc, 0);
			program_free(p[i]);
		}
	}
}
