/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What seldom happens to sf_bufs: slots that are evicted in each of their
 * states, an entry that can be executed, hits beyond 32 bits, a wait that takes
 * so long that it is complained about.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/pmap.h>
#include <machine/tsc.h>
#include <sf_buf/pool.h>
#include <tests/sf_evict.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>

#define	OTHERS		512u	/* pages that push one out of its slot */

static struct vm_page *
wired_page(void)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);

	KASSERT(m != NULL, "test: out of pages");
	return (m);
}

static void
drop_page(struct vm_page *m)
{
	vm_page_unwire(m, 0);
	vm_page_free(m);
}

/* Maps the page, and lets go of it; its slot. */
static struct sf_buf *
touch(struct vm_page *m)
{
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	*(volatile uint32_t *)sf_buf_kva(sf) = vm_page_index(m);
	sf_buf_free(sf);
	return (sf);
}

static bool
is_removed(struct sf_buf *sf)
{
	return (sf_status(sf) == SF_REMOVED);
}

/*
 * Maps others, which have no mapping yet, until the slot of m is removed, but
 * not yet another page's.  False if that never happens.
 */
static bool
push_out(struct vm_page *m, struct vm_page *others[OTHERS])
{
	struct sf_buf *sf = touch(m);

	for (u_int i = 0; i < OTHERS; i++) {
		if (is_removed(sf) && m->sf == sf_addr(sf))
			return (true);
		(void)touch(others[i]);
	}
	return (false);
}

/*
 * A CPU keeps at most one slot in sf_mapped_share of its pool mapped.  It looks
 * whether there are more when its ready slots run out, which takes at most as
 * many misses.  Its pool may have grown, at the cost of the others.  If it is
 * one of those, a slot may be removed and used again by the same miss: seen with
 * 10 slots.
 */
static bool
can_push_out(void)
{
	u_int n = pool_mine()->ring.nslots;

	return (!sf_strict && n >= 12 && 2 * (n / sf_mapped_share) <= OTHERS);
}

static void
evict_in_each_state(struct vm_page *m, struct vm_page *others[2 * OTHERS])
{
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	EXPECT(!sf_evict_page(m));		/* referenced */
	EXPECT(sf_buf_page(sf) == m);
	sf_buf_free(sf);
	EXPECT_EQ(sf_evict_page(m), !sf_strict);	/* mapped, idle */
	EXPECT_EQ(m->sf, 0);
	EXPECT(!sf_evict_page(m));		/* has none */
	if (!can_push_out())
		return;
	EXPECT(push_out(m, others));
	EXPECT(sf_evict_page(m));		/* removed */
	EXPECT_EQ(m->sf, 0);
	EXPECT(push_out(m, &others[OTHERS]));
	(void)touch(m);				/* revived, still listed so */
	EXPECT(sf_evict_page(m));
	EXPECT_EQ(m->sf, 0);
}

TEST(evict, "sf_buf.is_evicted_in_every_state_but_referenced")
{
	static struct vm_page *others[2 * OTHERS];
	struct vm_page *m = wired_page();
	bool was = sf_buf_set_direct_map(false);

	sched_pin();
	for (u_int i = 0; i < 2 * OTHERS; i++) {
		others[i] = wired_page();
		(void)sf_evict_page(others[i]);	/* m's owner before */
	}
	evict_in_each_state(m, others);
	sched_unpin();
	EXPECT_EQ(sf_buf_audit(), 0);
	(void)sf_buf_set_direct_map(was);
	for (u_int i = 0; i < 2 * OTHERS; i++)
		drop_page(others[i]);
	drop_page(m);
}

TEST(audit_nx, "sf_buf.the_audit_finds_an_entry_that_can_be_executed")
{
	struct vm_page *m;
	volatile uint32_t *pte;
	struct sf_buf *sf;
	bool was;

	if (pg_nx == 0) {
		test_skip("this CPU has no NX");
		return;
	}
	was = sf_buf_set_direct_map(false);
	m = wired_page();
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	pte = sf_pte_halves(sf);
	printf("# the audit is to find one now:\n");
	pte[1] ^= (uint32_t)(pg_nx >> 32);
	EXPECT_EQ(sf_buf_audit(), 1);
	pte[1] ^= (uint32_t)(pg_nx >> 32);
	EXPECT_EQ(sf_buf_audit(), 0);
	tlb_flush_all_wait();
	sf_buf_free(sf);
	(void)sf_buf_set_direct_map(was);
	drop_page(m);
}

/* Has this CPU's count stand there, as far as its clock knows, too. */
static void
set_hits(uint64_t hits)
{
	uint32_t intr = intr_save();
	struct pcpu *pc = curpcpu();

	pc->pc_sf.hits = hits;
	pc->pc_sf_hits_seen = (uint32_t)hits;
	intr_restore(intr);
}

TEST(many_hits, "sf_buf.hits_are_counted_beyond_32_bits")
{
	struct vm_page *m = wired_page();
	bool was = sf_buf_set_direct_map(false);
	struct deadline wait = { 0 };
	uint64_t hits;
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	sched_pin();
	hits = curpcpu()->pc_sf.hits;
	set_hits(0xfffffff0);
	for (u_int i = 0; i < 32; i++)
		sf_buf_free(sf_buf_alloc(m, SFB_DEFAULT));
	/* The next tick carries. */
	while (*(volatile uint64_t *)&curpcpu()->pc_sf.hits < 1ull << 32 &&
	    !deadline_lasted(&wait, 1000))
		continue;
	EXPECT_EQ(curpcpu()->pc_sf.hits, 0xfffffff0 + 32ull);
	set_hits(hits + 32);
	sched_unpin();
	sf_buf_free(sf);
	(void)sf_buf_set_direct_map(was);
	drop_page(m);
}

/* The last slot's, whoever waits for it. */
static struct vm_page *wanted;

static void
want(void *arg)
{
	struct sf_buf *sf = sf_buf_alloc(wanted, SFB_DEFAULT);

	*(volatile uint32_t *)arg = sf_buf_page(sf) == wanted;
	sf_buf_free(sf);
}

/*
 * With a small pool: a row of its own, whose pattern holds the complaint.  A
 * thread that has complained sleeps again, without a timeout.
 */
HIDDEN_TEST(complaint, "sf_buf.a_long_wait_is_complained_about")
{
	static struct sf_buf *held[64];
	struct vm_page *pages[64];
	volatile uint32_t got = 0;
	struct thread *td;

	KASSERT(nsfbufs <= nitems(held), "test: needs a small pool");
	(void)sf_buf_set_direct_map(false);
	wanted = wired_page();
	for (u_int i = 0; i < nsfbufs; i++) {
		pages[i] = wired_page();
		held[i] = sf_buf_alloc(pages[i], SFB_DEFAULT);
	}
	td = thread_create(want, (void *)(uintptr_t)&got, "patient");
	for (u_int i = 0; i < 60000 && (td->td_deadline != 0 ||
	    td->td_state != TDS_SLEEPING); i++)
		(void)thread_sleep_ms(1, 0);
	EXPECT_EQ(got, 0);
	for (u_int i = 0; i < nsfbufs; i++)
		sf_buf_free(held[i]);
	thread_join(td);
	EXPECT_EQ(got, 1);
	for (u_int i = 0; i < nsfbufs; i++)
		drop_page(pages[i]);
	drop_page(wanted);
}
