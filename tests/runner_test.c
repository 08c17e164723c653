/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Cases that fail, skip or print in one way each, to test tests/runner.c: a
 * row of tests/matrix.tsv for each says how a run of it must end.  All are
 * hidden.
 */

#include <sys/types.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/pmap.h>
#include <machine/sf_pte.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>

HIDDEN_TEST(passes, "runner.passes")
{
	EXPECT(2);
	EXPECT_EQ(1ull << 32, 1ull << 32);
}

HIDDEN_TEST(fails, "runner.fails")
{
	EXPECT(false);
}

/* The two differ in their upper halves only. */
HIDDEN_TEST(differs, "runner.differs_above_4_gib")
{
	EXPECT_EQ(1ull << 32, 0);
}

static void
fail_there(void *arg)
{
	(void)arg;
	EXPECT(false);
}

HIDDEN_TEST(elsewhere, "runner.fails_in_another_thread")
{
	struct thread *td = thread_create(fail_there, NULL, "test");

	EXPECT(td != NULL);
	if (td != NULL)
		thread_join(td);
}

HIDDEN_TEST(third, "runner.fails_in_the_third_run")
{
	static u_int runs;

	EXPECT(++runs != 3);
}

HIDDEN_TEST(skips, "runner.skips")
{
	test_skip("it is told to");
}

HIDDEN_TEST(fails_and_skips, "runner.skips_after_a_failure")
{
	EXPECT(false);
	test_skip("it is told to");
}

HIDDEN_TEST(shows_seed, "runner.prints_its_seed")
{
	uint32_t rng = test_seed();

	printf("# seed 0x%x, random 0x%x\n", test_seed(), test_random(&rng));
}

PANIC_TEST(returns, "runner.returns_without_a_panic")
{
}

/* The entry of a slot that is mapped is left without its bit RW. */
HIDDEN_TEST(audit, "runner.leaves_a_wrong_entry")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	sf_pte_halves(sf)[0] ^= PG_RW;
	sf_buf_free(sf);
	vm_page_unwire(m, 0);
	vm_page_free(m);
}
