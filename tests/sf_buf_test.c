/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of the sf_buf contract, a case for each sentence of sf_buf(9).  Every
 * page that needs a slot comes from slot_page(): with the direct map in use
 * it is above that, and where there is none the case is skipped.
 */

#include <sys/types.h>
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
#include <machine/ipi.h>
#include <machine/pmap.h>
#include <sf_buf/pool.h>
#include <tests/sf_evict.h>
#include <vm/kmem.h>
#include <vm/tlb.h>

#define	SIGNATURE	0x6d617966u
#define	WAIT_MS		20000u		/* until what must happen has */
#define	HOLD_MAX	4096u

/* A wired page that a slot must map; NULL, and the case skipped, if none. */
static struct vm_page *
slot_page(void)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);

	KASSERT(m != NULL, "test: out of pages");
	if (!sf_buf_page_is_direct(m))
		return (m);
	vm_page_unwire(m, 0);
	vm_page_free(m);
	test_skip("the direct map serves all pages");
	return (NULL);
}

static void
drop_page(struct vm_page *m)
{
	vm_page_unwire(m, 0);
	vm_page_free(m);
}

static struct sf_buf_stats
stats(void)
{
	struct sf_buf_stats s;

	sf_buf_stats_read(&s);
	return (s);
}

static volatile uint32_t *
words(struct sf_buf *sf)
{
	return ((volatile uint32_t *)sf_buf_kva(sf));
}

/* Stamps a page through a mapping of its own. */
static void
stamp(struct vm_page *m, uint32_t value)
{
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	words(sf)[7] = value;
	sf_buf_free(sf);
}

/* Sleeps until *p is at least n; false if that takes too long. */
static bool
wait_for(volatile uint32_t *p, uint32_t n)
{
	for (u_int ms = 0; *p < n; ms++) {
		if (ms == WAIT_MS)
			return (false);
		(void)thread_sleep_ms(1, 0);
	}
	return (true);
}

/* --- one thread --- */

TEST(maps_page, "sf_buf.maps_the_page")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED | VM_ALLOC_DIRECT);
	volatile uint32_t *direct = pmap_dmap(VM_PAGE_TO_PHYS(m));
	struct sf_buf *sf;

	direct[0] = SIGNATURE;
	direct[1023] = ~SIGNATURE;
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	EXPECT(sf_buf_page(sf) == m);
	EXPECT_EQ(words(sf)[0], SIGNATURE);
	EXPECT_EQ(words(sf)[1023], ~SIGNATURE);
	words(sf)[5] = 5;
	EXPECT_EQ(direct[5], 5);
	sf_buf_free(sf);
	drop_page(m);
}

TEST(wiring, "sf_buf.leaves_the_wiring_alone")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	EXPECT_EQ(m->wire_count, 1);
	sf_buf_free(sf);
	EXPECT_EQ(m->wire_count, 1);
	drop_page(m);
}

TEST(direct, "sf_buf.the_direct_map_serves_its_pages_at_their_address")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED | VM_ALLOC_DIRECT);
	struct sf_buf_stats before = stats();
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);
	bool direct = sf_buf_page_is_direct(m);

	EXPECT_EQ(sf_buf_kva(sf) == (vm_offset_t)pmap_dmap(VM_PAGE_TO_PHYS(m)),
	    direct);
	EXPECT_EQ(direct, sf_direct_end != 0);
	if (direct)
		EXPECT_EQ(stats().misses + stats().hits,
		    before.misses + before.hits);
	EXPECT(sf_buf_page_referenced(m));
	sf_buf_free(sf);
	EXPECT(!sf_buf_page_referenced(m));
	drop_page(m);
}

TEST(shares, "sf_buf.allocations_of_a_page_share_its_mapping")
{
	struct vm_page *m = slot_page();
	struct sf_buf *a, *b;

	if (m == NULL)
		return;
	a = sf_buf_alloc(m, SFB_DEFAULT);
	b = sf_buf_alloc(m, SFB_NOWAIT | SFB_CATCH);
	EXPECT(a == b);
	EXPECT_EQ(sf_buf_kva(a), sf_buf_kva(b));
	sf_buf_free(a);
	EXPECT(sf_buf_page_referenced(m));
	words(b)[0] = SIGNATURE;
	sf_buf_ref(b);
	sf_buf_free(b);
	EXPECT(sf_buf_page_referenced(m));
	EXPECT_EQ(words(b)[0], SIGNATURE);
	sf_buf_free(b);
	EXPECT(!sf_buf_page_referenced(m));
	drop_page(m);
}

TEST(ref_direct, "sf_buf.a_reference_more_of_a_direct_page")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED | VM_ALLOC_DIRECT);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	sf_buf_ref(sf);
	sf_buf_free(sf);
	EXPECT(sf_buf_page_referenced(m));
	sf_buf_free(sf);
	EXPECT(!sf_buf_page_referenced(m));
	drop_page(m);
}

TEST(cached, "sf_buf.a_freed_mapping_stays_cached")
{
	struct vm_page *m = slot_page();
	struct sf_buf_stats before;
	struct sf_buf *sf;

	if (m == NULL)
		return;
	if (!sf_strict) {
		sf = sf_buf_alloc(m, SFB_DEFAULT);
		sf_buf_free(sf);
		before = stats();
		EXPECT(sf_buf_alloc(m, SFB_DEFAULT) == sf);
		EXPECT_EQ(stats().pte_writes, before.pte_writes);
		EXPECT_EQ(stats().hits, before.hits + 1);
		sf_buf_free(sf);
	} else
		test_skip("strict: nothing stays cached");
	drop_page(m);
}

/*
 * Every slot is re-used for another page after its old translation was
 * primed; a missing invalidation reads the old page's signature.
 */
TEST(reuse, "sf_buf.a_reused_slot_shows_the_new_page")
{
	static struct vm_page *pages[8192];
	uint32_t n = nsfbufs < 2048 ? 2 * nsfbufs : nsfbufs + 64;
	uint64_t misses = stats().misses;
	struct sf_buf *sf;

	if (n > nitems(pages))
		n = nitems(pages);
	for (uint32_t i = 0; i < n; i++) {
		pages[i] = vm_page_alloc(VM_ALLOC_WIRED);
		stamp(pages[i], SIGNATURE + i);
	}
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < n; i++) {
			sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
			EXPECT_EQ(words(sf)[7], SIGNATURE + i);
			sf_buf_free(sf);
		}
	}
	/* No page was found again in all rounds: slots were re-used. */
	if (nsfbufs < n && !sf_buf_page_is_direct(pages[n - 1]))
		EXPECT(stats().misses - misses >= n);
	for (uint32_t i = 0; i < n; i++)
		drop_page(pages[i]);
}

/*
 * Misses push m's mapping out of the queue.  Until the slot is used for
 * another page, m gets it back for a store.
 */
static void
revive(struct vm_page *m, struct vm_page **pages, uint32_t n)
{
	struct sf_buf_stats before;
	struct sf_buf *sf;
	vm_offset_t va;

	(void)sf_evict_page(m);
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	va = sf_buf_kva(sf);
	words(sf)[7] = SIGNATURE;
	sf_buf_free(sf);
	for (uint32_t i = 0; i < n && pmap_is_mapped(va); i++) {
		(void)sf_evict_page(pages[i]);	/* else it may hit */
		stamp(pages[i], i);
	}
	EXPECT(!pmap_is_mapped(va));
	before = stats();
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	EXPECT_EQ(sf_buf_kva(sf), va);
	EXPECT_EQ(words(sf)[7], SIGNATURE);
	EXPECT_EQ(stats().revived, before.revived + 1);
	EXPECT_EQ(stats().misses, before.misses);
	sf_buf_free(sf);
}

/*
 * Eviction may be two rounds of ready slots away, each of half the slots, if
 * this CPU has all of them.
 */
TEST(revival, "sf_buf.a_removed_mapping_goes_back_to_its_page")
{
	static struct vm_page *pages[HOLD_MAX];
	uint32_t n = nsfbufs;
	struct vm_page *m;

	if (n > nitems(pages) || nsfbufs < 64 || sf_strict) {
		test_skip("too many slots, too few, or strict");
		return;
	}
	if ((m = slot_page()) == NULL)
		return;
	for (uint32_t i = 0; i < n; i++)
		pages[i] = vm_page_alloc(VM_ALLOC_WIRED);
	if (!sf_buf_page_is_direct(pages[n - 1])) {
		sched_pin();
		revive(m, pages, n);
		sched_unpin();
	} else
		test_skip("too few pages that the direct map does not serve");
	for (uint32_t i = 0; i < n; i++)
		drop_page(pages[i]);
	drop_page(m);
}

/*
 * The highest frame, and for each bit of a frame number from 4 GiB up one
 * that has it, as far as there is RAM: its entry must have the bit.
 */
TEST(high, "sf_buf.shows_pages_above_4_gib_with_every_address_bit")
{
	static struct vm_page *pages[16384];
	uint32_t n = 0, done = 0, low = 1u << (32 - PAGE_SHIFT), all = 0;
	struct vm_page *m;

	/* Blocks from everywhere: of the largest order, a page each. */
	while (n < nitems(pages) && (m = vm_page_alloc_order(VM_ALLOC_HIGH,
	    10)) != NULL)
		pages[n++] = m;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t bits = vm_page_index(pages[i]) & ~(low - 1);

		all |= bits;
		if ((bits & ~done) == 0)
			continue;
		done |= bits;
		vm_page_wire(pages[i]);
		stamp(pages[i], vm_page_index(pages[i]));
		EXPECT_EQ(sf_buf_audit(), 0);
	}
	/* Each kept its own stamp: no two of them are one frame. */
	for (uint32_t i = 0; i < n; i++) {
		struct sf_buf *sf;

		if (pages[i]->wire_count != 0) {
			sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
			EXPECT_EQ(words(sf)[7], vm_page_index(pages[i]));
			sf_buf_free(sf);
			vm_page_unwire(pages[i], 0);
		}
		vm_page_free_order(pages[i], 10);
	}
	EXPECT_EQ(done, all);
	if (n == 0)
		test_skip("no RAM above 4 GiB");
}

TEST(accessed, "sf_buf.the_accessed_bit_tells_what_a_tlb_may_hold")
{
	struct vm_page *m = slot_page();
	struct sf_buf *sf;
	page_off_t page;

	if (m == NULL)
		return;
	page = sf_page_off(m);
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	/* The mapping may be a cached one that was read. */
	if ((sf_pte_remove(sf) & SF_PTE_A) != 0)
		tlb_flush_all_wait();
	sf_pte_enter(sf, page, SF_STATES, 0);
	EXPECT((sf_pte_remove(sf) & SF_PTE_A) == 0);
	sf_pte_enter(sf, page, SF_STATES, 0);
	(void)words(sf)[0];
	EXPECT((sf_pte_remove(sf) & SF_PTE_A) != 0);
	tlb_flush_all_wait();
	/* A that is set from the start counts as cached, accessed or not. */
	sf_pte_enter(sf, page, SF_STATES, SF_PTE_A);
	EXPECT((sf_pte_remove(sf) & SF_PTE_A) != 0);
	EXPECT(sf_pte_audit(sf, page, 0) == NULL);
	sf_pte_enter(sf, page, SF_STATES, 0);
	sf_buf_free(sf);
	drop_page(m);
}

TEST(audit, "sf_buf.the_audit_finds_a_wrong_entry")
{
	struct vm_page *m = slot_page();
	volatile uint32_t *pte;
	struct sf_buf *sf;
	/* And PWT, PCD, PAT and one that software may use: all must be 0. */
	static const uint32_t low[] = { PG_G, PG_U, PG_RW, PG_V, 0x1000, 0x008,
	    0x010, 0x080, 0x800 };
	static const uint32_t harmless[] = { PG_A, PG_M };

	if (m == NULL)
		return;
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	pte = sf_pte_halves(sf);
	EXPECT_EQ(sf_buf_audit(), 0);
	printf("# the audit is to find 11 faults now:\n");
	/* The mapping is not touched while its entry is wrong. */
	for (u_int i = 0; i < nitems(low); i++) {
		pte[0] ^= low[i];
		EXPECT_EQ(sf_buf_audit(), 1);
		pte[0] ^= low[i];
	}
	pte[1] ^= 1;			/* 4 GiB off */
	EXPECT_EQ(sf_buf_audit(), 1);
	pte[1] ^= 1;
	pte[1] ^= 1u << (52 - 32);	/* above every address */
	EXPECT_EQ(sf_buf_audit(), 1);
	pte[1] ^= 1u << (52 - 32);
	for (u_int i = 0; i < nitems(harmless); i++) {
		pte[0] ^= harmless[i];
		EXPECT_EQ(sf_buf_audit(), 0);
		pte[0] ^= harmless[i];
	}
	EXPECT_EQ(sf_buf_audit(), 0);
	tlb_flush_all_wait();
	sf_buf_free(sf);
	drop_page(m);
}

/* The entry of a removed slot must not be present; A and D may appear in it. */
TEST(audit_removed, "sf_buf.the_audit_finds_the_entry_of_a_removed_slot")
{
	struct vm_page *m = slot_page();
	volatile uint32_t *pte;
	struct sf_buf *sf;

	if (m == NULL)
		return;
	sched_pin();
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	pte = sf_pte_halves(sf);
	sf_buf_free(sf);
	if (!sf_strict)
		EXPECT(sf_evict_page(m));
	EXPECT_EQ(sf_status(sf), SF_REMOVED);
	pte[0] = PG_A | PG_M;
	EXPECT_EQ(sf_buf_audit(), 0);
	printf("# the audit is to find an entry now:\n");
	pte[0] = (uint32_t)VM_PAGE_TO_PHYS(m) | PG_V | PG_RW;
	EXPECT_EQ(sf_buf_audit(), 1);
	pte[0] = 0;
	EXPECT_EQ(sf_buf_audit(), 0);
	tlb_flush_all_wait();
	sched_unpin();
	drop_page(m);
}

/* --- strict mode --- */

TEST(strict, "sf_buf.strict_mode_removes_a_freed_mapping_at_once")
{
	struct vm_page *m = slot_page();
	vm_offset_t va;
	struct sf_buf *sf;

	if (m == NULL)
		return;
	if (!sf_strict) {
		test_skip("not in strict mode");
		drop_page(m);
		return;
	}
	EXPECT_EQ(sf_direct_end, 0);
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	va = sf_buf_kva(sf);
	sf_buf_ref(sf);
	sf_buf_free(sf);
	EXPECT(pmap_is_mapped(va));
	sf_buf_free(sf);
	EXPECT(!pmap_is_mapped(va));
	/* The address is used again last of all. */
	for (u_int i = 1; i < nsfbufs; i++) {
		sf = sf_buf_alloc(m, SFB_DEFAULT);
		EXPECT(sf_buf_kva(sf) != va);
		sf_buf_free(sf);
	}
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	EXPECT_EQ(sf_buf_kva(sf), va);
	sf_buf_free(sf);
	drop_page(m);
}

/* --- exhaustion --- */

/* Every slot but `spare', held by references to pages of their own. */
static struct held {
	struct vm_page *pages[HOLD_MAX];
	struct sf_buf *sfs[HOLD_MAX];
	uint32_t n;
} held;

static void
release(void)
{
	while (held.n > 0) {
		sf_buf_free(held.sfs[--held.n]);
		drop_page(held.pages[held.n]);
	}
}

static bool
hold_all_but(uint32_t spare)
{
	if (nsfbufs > HOLD_MAX) {
		test_skip("too many slots to hold them all");
		return (false);
	}
	for (held.n = 0; held.n < nsfbufs - spare; held.n++) {
		held.pages[held.n] = slot_page();
		if (held.pages[held.n] == NULL) {
			release();
			return (false);
		}
		held.sfs[held.n] = sf_buf_alloc(held.pages[held.n],
		    SFB_NOWAIT);
		KASSERT(held.sfs[held.n] != NULL, "test: NULL with %u of %u "
		    "held", held.n, nsfbufs);
	}
	return (true);
}

TEST(exhaustion, "sf_buf.nowait_fails_only_when_all_are_referenced")
{
	struct vm_page *m = slot_page();
	uint64_t failures = stats().failures;
	struct sf_buf *sf;

	if (m == NULL)
		return;
	if (hold_all_but(0)) {
		EXPECT(sf_buf_alloc(m, SFB_NOWAIT) == NULL);
		EXPECT(sf_buf_alloc(m, SFB_NOWAIT | SFB_CATCH) == NULL);
		EXPECT_EQ(stats().failures, failures + 2);
		EXPECT_EQ(sf_buf_inuse(), nsfbufs);
		/* A hit needs no slot. */
		EXPECT(sf_buf_alloc(held.pages[0], SFB_NOWAIT) ==
		    held.sfs[0]);
		sf_buf_free(held.sfs[0]);
		sf_buf_free(held.sfs[0]);
		sf = sf_buf_alloc(m, SFB_NOWAIT);
		EXPECT(sf != NULL && sf_buf_page(sf) == m);
		held.sfs[0] = sf_buf_alloc(held.pages[0], SFB_NOWAIT);
		EXPECT(held.sfs[0] == NULL);
		sf_buf_free(sf);
		held.sfs[0] = sf_buf_alloc(held.pages[0], SFB_NOWAIT);
		release();
	}
	drop_page(m);
}

/* A thread that allocates, says what it got, and frees when it may. */
struct sleeper {
	struct vm_page *m;
	int flags;
	struct sf_buf *sf;
	volatile uint32_t *order;	/* counts the threads that are done */
	uint32_t place;
	volatile uint32_t started, done, may_free;
	struct thread *td;
};

static void
sleeper_main(void *arg)
{
	struct sleeper *s = arg;

	s->started = 1;
	if ((s->flags & SFB_CPUPRIVATE) != 0)
		sched_pin();
	s->sf = sf_buf_alloc(s->m, s->flags);
	if (s->sf != NULL)
		(void)words(s->sf)[0];
	if (s->order != NULL)
		s->place = atomic_fetchadd_32(s->order, 1);
	s->done = 1;
	while (s->may_free == 0)
		(void)thread_sleep_ms(1, 0);
	if (s->sf != NULL)
		sf_buf_free(s->sf);
	if ((s->flags & SFB_CPUPRIVATE) != 0)
		sched_unpin();
	(void)thread_signals_take();
}

/* Starts one, and returns when it sleeps for a slot. */
static void
sleeper_start(struct sleeper *s, struct vm_page *m, int flags)
{
	uint32_t waiting = sf_nwaiters;

	*s = (struct sleeper){ .m = m, .flags = flags, .order = s->order };
	s->td = thread_create(sleeper_main, s, "sleeper");
	KASSERT(s->td != NULL, "test: no thread");
	EXPECT(wait_for(&sf_nwaiters, waiting + 1));
}

static void
sleeper_end(struct sleeper *s)
{
	s->may_free = 1;
	thread_join(s->td);
}

TEST(default_sleeps, "sf_buf.default_sleeps_until_a_slot_is_free")
{
	struct vm_page *m = slot_page();
	uint64_t sleeps = stats().sleeps;
	struct sleeper s = { .order = NULL };

	if (m == NULL)
		return;
	if (hold_all_but(0)) {
		sleeper_start(&s, m, SFB_DEFAULT);
		thread_signal(s.td, 1);	/* must not end this wait */
		(void)thread_sleep_ms(30, 0);
		EXPECT_EQ(s.done, 0);
		EXPECT_EQ(stats().sleeps, sleeps + 1);
		/* A later one waits behind it; with SFB_NOWAIT it fails. */
		sf_buf_free(held.sfs[--held.n]);
		drop_page(held.pages[held.n]);
		EXPECT(wait_for(&s.done, 1));
		EXPECT(s.sf != NULL && sf_buf_page(s.sf) == m);
		sleeper_end(&s);
		release();
	}
	drop_page(m);
}

TEST(catch, "sf_buf.catch_ends_the_wait_on_a_signal")
{
	struct vm_page *m = slot_page();
	struct sleeper s = { .order = NULL };
	struct sf_buf *sf;

	if (m == NULL)
		return;
	if (hold_all_but(0)) {
		sleeper_start(&s, m, SFB_CATCH);
		EXPECT_EQ(s.done, 0);
		thread_signal(s.td, 1);
		EXPECT(wait_for(&s.done, 1));
		EXPECT(s.sf == NULL);
		sleeper_end(&s);
		EXPECT_EQ(sf_nwaiters, 0);
		/* Pending before: NULL only where the call would wait. */
		thread_signal(curthread(), 1);
		EXPECT(sf_buf_alloc(m, SFB_CATCH) == NULL);
		sf = sf_buf_alloc(held.pages[0], SFB_CATCH);
		EXPECT(sf == held.sfs[0]);
		sf_buf_free(sf);
		sf_buf_free(held.sfs[--held.n]);
		drop_page(held.pages[held.n]);
		sf = sf_buf_alloc(m, SFB_CATCH);
		EXPECT(sf != NULL);
		sf_buf_free(sf);
		EXPECT_EQ(thread_signals_take(), 2);
		release();
	}
	drop_page(m);
}

TEST(private_waits, "sf_buf.private_requests_wait_and_catch_as_others")
{
	struct vm_page *m = slot_page();
	struct sleeper s = { .order = NULL };

	if (m == NULL)
		return;
	if (hold_all_but(0)) {
		sched_pin();
		EXPECT(sf_buf_alloc(m, SFB_CPUPRIVATE | SFB_NOWAIT) == NULL);
		EXPECT(sf_buf_alloc(m, SFB_ALL) == NULL);
		sched_unpin();
		sleeper_start(&s, m, SFB_CPUPRIVATE | SFB_CATCH);
		thread_signal(s.td, 1);
		EXPECT(wait_for(&s.done, 1));
		EXPECT(s.sf == NULL);
		sleeper_end(&s);
		sleeper_start(&s, m, SFB_CPUPRIVATE);
		sf_buf_free(held.sfs[--held.n]);
		drop_page(held.pages[held.n]);
		EXPECT(wait_for(&s.done, 1));
		EXPECT(s.sf != NULL);
		sleeper_end(&s);
		release();
	}
	drop_page(m);
}

TEST(in_order, "sf_buf.waiters_are_served_in_order")
{
	static struct sleeper s[4];
	volatile uint32_t order = 0;

	if (!hold_all_but(0))
		return;
	for (u_int i = 0; i < nitems(s); i++) {
		s[i].order = &order;
		sleeper_start(&s[i], slot_page(), SFB_DEFAULT);
	}
	for (u_int i = 0; i < nitems(s); i++) {
		EXPECT_EQ(order, i);
		sf_buf_free(held.sfs[--held.n]);
		drop_page(held.pages[held.n]);
		EXPECT(wait_for(&order, i + 1));
	}
	for (u_int i = 0; i < nitems(s); i++) {
		EXPECT_EQ(s[i].place, i);
		sleeper_end(&s[i]);
		drop_page(s[i].m);
	}
	release();
}

TEST(one_mapping, "sf_buf.two_sleepers_for_a_page_end_with_one_mapping")
{
	struct vm_page *m = slot_page();
	static struct sleeper s[2];
	struct sf_buf *sf;

	if (m == NULL)
		return;
	if (hold_all_but(0)) {
		s[0].order = s[1].order = NULL;
		sleeper_start(&s[0], m, SFB_DEFAULT);
		sleeper_start(&s[1], m, SFB_DEFAULT);
		/* One slot is enough for both. */
		sf_buf_free(held.sfs[--held.n]);
		drop_page(held.pages[held.n]);
		EXPECT(wait_for(&s[0].done, 1) && wait_for(&s[1].done, 1));
		EXPECT(s[0].sf != NULL && s[0].sf == s[1].sf);
		sleeper_end(&s[0]);
		sleeper_end(&s[1]);
		EXPECT(!sf_buf_page_referenced(m));
		/* And a slot was passed on, not lost, if it was given two. */
		sf = sf_buf_alloc(m, SFB_NOWAIT);
		EXPECT(sf != NULL);
		sf_buf_free(sf);
		release();
	}
	drop_page(m);
}

TEST(given_twice, "sf_buf.a_waiter_passes_on_what_it_does_not_need")
{
	struct vm_page *m = slot_page(), *other = slot_page();
	static struct sleeper s[3];

	if (m == NULL)
		return;
	if (hold_all_but(0)) {
		s[0].order = s[1].order = s[2].order = NULL;
		sleeper_start(&s[0], m, SFB_DEFAULT);
		sleeper_start(&s[1], m, SFB_DEFAULT);
		sleeper_start(&s[2], other, SFB_DEFAULT);
		/* Two slots, given in order to the two that want one page. */
		for (u_int i = 0; i < 2; i++) {
			sf_buf_free(held.sfs[--held.n]);
			drop_page(held.pages[held.n]);
		}
		for (u_int i = 0; i < 3; i++)
			EXPECT(wait_for(&s[i].done, 1));
		EXPECT(s[0].sf == s[1].sf);
		EXPECT(s[2].sf != NULL && s[2].sf != s[0].sf);
		for (u_int i = 0; i < 3; i++)
			sleeper_end(&s[i]);
		release();
	}
	drop_page(m);
	drop_page(other);
}

/* What the threads of a parallel case share. */
static struct shared {
	struct sf_buf *sf;
	struct vm_page **pages;
	uint32_t npages, want, rounds;
	int flags;
	volatile uint32_t wrong, failed, live;
} shared;

/* Allocates, checks the page's signature and frees, at random. */
static void
churn(void *arg)
{
	struct shared *s = arg;
	uint32_t rng = test_seed() + atomic_fetchadd_32(&s->live, 1), i;
	struct sf_buf *sf;

	for (uint32_t r = 0; r < s->rounds; r++) {
		i = test_random(&rng) % s->npages;
		if ((s->flags & SFB_CPUPRIVATE) != 0)
			sched_pin();
		sf = sf_buf_alloc(s->pages[i], s->flags);
		if (sf == NULL) {
			atomic_fetchadd_32(&s->failed, 1);
		} else {
			if (words(sf)[7] != SIGNATURE + i ||
			    sf_buf_page(sf) != s->pages[i])
				atomic_fetchadd_32(&s->wrong, 1);
			if (r % 8 == 0 && (s->flags & SFB_CPUPRIVATE) == 0)
				sched_yield();
			sf_buf_free(sf);
		}
		if ((s->flags & SFB_CPUPRIVATE) != 0)
			sched_unpin();
	}
}

TEST(crowd, "sf_buf.64_threads_share_few_slots_and_all_get_through")
{
	static struct thread *tds[64];
	static struct vm_page *pages[32];

	/* With more slots this still holds, and is not scarce. */
	shared = (struct shared){ .pages = pages, .npages = nitems(pages),
	    .rounds = 40 };
	for (uint32_t i = 0; i < nitems(pages); i++) {
		pages[i] = vm_page_alloc(VM_ALLOC_WIRED);
		stamp(pages[i], SIGNATURE + i);
	}
	for (u_int i = 0; i < nitems(tds); i++) {
		tds[i] = thread_create(churn, &shared, "crowd");
		KASSERT(tds[i] != NULL, "test: no thread");
	}
	for (u_int i = 0; i < nitems(tds); i++)
		thread_join(tds[i]);
	EXPECT_EQ(shared.wrong, 0);
	EXPECT_EQ(shared.failed, 0);
	EXPECT_EQ(sf_nwaiters, 0);
	for (uint32_t i = 0; i < nitems(pages); i++)
		drop_page(pages[i]);
}

/* --- interrupts and other CPUs --- */

static void
use_in_interrupt(void *arg)
{
	struct shared *s = arg;
	struct sf_buf *sf = sf_buf_alloc(s->pages[0], SFB_NOWAIT);

	if (sf == NULL) {
		atomic_fetchadd_32(&s->failed, 1);
		return;
	}
	if (words(sf)[7] != SIGNATURE)
		atomic_fetchadd_32(&s->wrong, 1);
	sf_buf_free(sf);
}

TEST(interrupt, "sf_buf.an_interrupt_handler_may_allocate_with_nowait")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);

	shared = (struct shared){ .pages = &m };
	stamp(m, SIGNATURE);
	for (u_int i = 0; i < mp_ncpus; i++) {
		if (!sf_buf_page_is_direct(m) && !sf_strict) {
			sched_pin();
			EXPECT(sf_evict_page(m));
			sched_unpin();
		}
		smp_call(i, use_in_interrupt, &shared);
	}
	EXPECT_EQ(shared.wrong, 0);
	EXPECT_EQ(shared.failed, 0);
	drop_page(m);
}

static void
free_in_interrupt(void *arg)
{
	sf_buf_free(arg);
}

TEST(free_interrupt, "sf_buf.a_free_in_an_interrupt_wakes_a_sleeper")
{
	struct vm_page *m = slot_page();
	struct sleeper s = { .order = NULL };

	if (m == NULL)
		return;
	if (hold_all_but(0)) {
		sleeper_start(&s, m, SFB_DEFAULT);
		smp_call(mp_ncpus - 1, free_in_interrupt,
		    held.sfs[--held.n]);
		EXPECT(wait_for(&s.done, 1));
		drop_page(held.pages[held.n]);
		sleeper_end(&s);
		release();
	}
	drop_page(m);
}

static void
read_on_this_cpu(void *arg)
{
	struct shared *s = arg;

	if (words(s->sf)[7] != s->want)
		atomic_fetchadd_32(&s->wrong, 1);
}

/*
 * Every CPU primes the old translation of one address, the slot is evicted
 * and maps another page, and every CPU must see that one.
 */
TEST(all_cpus, "smp.every_cpu_sees_the_new_page_of_a_reused_slot")
{
	struct vm_page *first = slot_page(), *second = slot_page();
	struct sf_buf_stats before = stats();
	vm_offset_t va;

	if (first == NULL)
		return;
	for (u_int round = 0; round < 4 && !sf_strict; round++) {
		shared = (struct shared){ .want = SIGNATURE + round };
		shared.sf = sf_buf_alloc(first, SFB_DEFAULT);
		va = sf_buf_kva(shared.sf);
		words(shared.sf)[7] = shared.want;
		run_on_all_cpus(read_on_this_cpu, &shared);
		EXPECT_EQ(shared.wrong, 0);
		sf_buf_free(shared.sf);
		sched_pin();
		(void)sf_evict_page(second);
		EXPECT(sf_evict_page(first));
		shared.sf = sf_buf_alloc(second, SFB_DEFAULT);
		sched_unpin();
		EXPECT_EQ(sf_buf_kva(shared.sf), va);
		shared.want = words(shared.sf)[7] = ~SIGNATURE;
		run_on_all_cpus(read_on_this_cpu, &shared);
		EXPECT_EQ(shared.wrong, 0);
		sf_buf_free(shared.sf);
	}
	if (sf_strict)
		test_skip("strict: no slot is re-used so soon");
	else
		EXPECT(stats().misses >= before.misses + 7);
	drop_page(second);
	drop_page(first);
}

static void
free_on_this_cpu(void *arg)
{
	struct shared *s = arg;

	read_on_this_cpu(arg);
	sf_buf_free(s->sf);
}

TEST(any_cpu_frees, "smp.a_mapping_is_used_and_freed_by_any_cpu")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);

	shared = (struct shared){ .want = SIGNATURE };
	stamp(m, SIGNATURE);
	shared.sf = sf_buf_alloc(m, SFB_DEFAULT);
	for (u_int i = 0; i < mp_ncpus; i++)
		sf_buf_ref(shared.sf);
	run_on_all_cpus(free_on_this_cpu, &shared);
	EXPECT_EQ(shared.wrong, 0);
	EXPECT(sf_buf_page_referenced(m));
	sf_buf_free(shared.sf);
	EXPECT(!sf_buf_page_referenced(m));
	drop_page(m);
}

static void
churn_test(int flags)
{
	static struct vm_page *pages[512];

	shared = (struct shared){ .pages = pages, .npages = nitems(pages),
	    .rounds = (nsfbufs > 64 ? 2000u : 600u) / mp_ncpus + 1,
	    .flags = flags };
	if (nsfbufs > 256)
		shared.npages = 48;	/* mostly hits and lost races */
	for (uint32_t i = 0; i < nitems(pages); i++) {
		pages[i] = vm_page_alloc(VM_ALLOC_WIRED);
		stamp(pages[i], SIGNATURE + i);
	}
	run_on_all_cpus(churn, &shared);
	EXPECT_EQ(shared.wrong, 0);
	EXPECT((flags & SFB_NOWAIT) != 0 || shared.failed == 0);
	EXPECT(shared.failed == 0 || nsfbufs <= 2 * mp_ncpus);
	for (uint32_t i = 0; i < nitems(pages); i++)
		drop_page(pages[i]);
}

/* Reads the pages one after another; how many had to be mapped. */
static uint64_t
misses_of_a_pass(struct vm_page **pages, uint32_t n)
{
	uint64_t before = stats().misses;
	struct sf_buf *sf;

	for (uint32_t i = 0; i < n; i++) {
		sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
		(void)words(sf)[0];
		sf_buf_free(sf);
	}
	return (stats().misses - before);
}

/*
 * With the others idle it is to have their slots as well, not just its own.
 * Holds all pages at once first: then its pool runs out of slots, and it takes
 * others', however many slots the clock flushes meanwhile on a slow host.
 */
static void
hold_all(struct vm_page **pages, uint32_t n)
{
	static struct sf_buf *held[HOLD_MAX];

	for (uint32_t i = 0; i < n; i++)
		held[i] = sf_buf_alloc(pages[i], SFB_DEFAULT);
	for (uint32_t i = 0; i < n; i++)
		sf_buf_free(held[i]);
}

TEST(alone, "smp.a_cpu_that_maps_alone_has_all_slots")
{
	static struct vm_page *pages[HOLD_MAX];
	uint32_t n = nsfbufs * 3 / 4;

	if (n > nitems(pages) || nsfbufs < 64 || sf_strict) {
		test_skip("too many slots, too few, or strict");
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		pages[i] = vm_page_alloc(VM_ALLOC_WIRED);
	if (!sf_buf_page_is_direct(pages[n - 1])) {
		sched_pin();
		hold_all(pages, n);
		for (u_int pass = 0; pass < 8; pass++)
			(void)misses_of_a_pass(pages, n);
		EXPECT(misses_of_a_pass(pages, n) <= n / 4);
		sched_unpin();
	} else
		test_skip("too few pages that the direct map does not serve");
	for (uint32_t i = 0; i < n; i++)
		drop_page(pages[i]);
}

TEST(churning, "smp.all_cpus_churn_and_read_no_stale_page")
{
	churn_test(SFB_DEFAULT);
}

TEST(churning_nowait, "smp.all_cpus_churn_with_nowait")
{
	churn_test(SFB_NOWAIT);
}

TEST(churning_private, "smp.all_cpus_churn_cpu_private")
{
	churn_test(SFB_CPUPRIVATE);
}

/*
 * Private on one CPU, then shared, then private on another; each primes its
 * TLB with what the slots held before.
 */
static void
use_private(void *arg)
{
	struct shared *s = arg;
	struct sf_buf *sf;

	for (uint32_t i = 0; i < s->npages; i++) {
		sf = sf_buf_alloc(s->pages[i], s->flags);
		if (words(sf)[7] != SIGNATURE + i)
			atomic_fetchadd_32(&s->wrong, 1);
		sf_buf_free(sf);
	}
}

static void
use_on(u_int cpu, int flags)
{
	struct thread *td;

	shared.flags = flags;
	td = thread_create_on(cpu, use_private, &shared, "private");
	KASSERT(td != NULL, "test: no thread");
	thread_join(td);
}

TEST(private_shared, "smp.private_on_a_then_shared_then_private_on_b")
{
	static struct vm_page *pages[96];
	u_int b = mp_ncpus - 1;

	shared = (struct shared){ .pages = pages, .npages = nitems(pages) };
	for (uint32_t i = 0; i < nitems(pages); i++) {
		pages[i] = vm_page_alloc(VM_ALLOC_WIRED);
		stamp(pages[i], SIGNATURE + i);
	}
	for (u_int round = 0; round < 3; round++) {
		use_on(0, SFB_CPUPRIVATE);
		use_on(0, SFB_DEFAULT);
		use_on(b, SFB_DEFAULT);
		use_on(b, SFB_CPUPRIVATE);
		use_on(0, SFB_CPUPRIVATE);
	}
	EXPECT_EQ(shared.wrong, 0);
	for (uint32_t i = 0; i < nitems(pages); i++)
		drop_page(pages[i]);
}

/* --- private mappings in slots that others may hold --- */

static volatile uint32_t deaf_stop, deaf_ready;

/* Keeps this CPU from flushing: no batch gets clean meanwhile. */
static void
deaf(void *arg)
{
	(void)arg;
	disable_intr();
	atomic_fetchadd_32(&deaf_ready, 1);
	while (deaf_stop == 0)
		cpu_spinwait();
	enable_intr();
}

/* Counts the CPUs that find a private mapping; wrong if not where it is. */
static void
look_for_private(void *arg)
{
	struct shared *s = arg;
	struct sf_buf *sf;

	sched_pin();
	sf = sf_private_lookup(s->pages[0]);
	if (sf != NULL) {
		atomic_fetchadd_32(&s->live, 1);
		if (curcpu_id() != 0 || sf != s->sf)
			atomic_fetchadd_32(&s->wrong, 1);
		sf_buf_free(sf);
	}
	sched_unpin();
}

/*
 * With another CPU deaf no slot that was read can become clean.  Private
 * requests then take removed ones, without an interrupt; a shared request for
 * the same page gets a mapping of its own, and each shows the page.
 */
static void
private_while_deaf(struct vm_page **pages, uint32_t n)
{
	struct sf_buf_stats before = stats();
	struct sf_buf *sf, *again;
	uint32_t i;

	for (i = 0; i < n && stats().privates == before.privates; i++) {
		sf = sf_buf_alloc(pages[i], SFB_CPUPRIVATE | SFB_NOWAIT);
		if (sf == NULL)
			break;
		EXPECT_EQ(words(sf)[7], SIGNATURE + i);
		sf_buf_free(sf);
	}
	EXPECT_EQ(stats().privates, before.privates + 1);
	EXPECT_EQ(stats().ipis_sent, before.ipis_sent);
	i--;
	sf = sf_buf_alloc(pages[i], SFB_CPUPRIVATE | SFB_NOWAIT);
	again = sf_buf_alloc(pages[i], SFB_CPUPRIVATE | SFB_NOWAIT);
	EXPECT(sf != NULL && sf == again);
	EXPECT_EQ(stats().privates, before.privates + 1);
	EXPECT(sf_buf_page_referenced(pages[i]));
	EXPECT_EQ(words(sf)[7], SIGNATURE + i);
	sf_buf_free(again);
	deaf_stop = 1;			/* from here flushes get through */
	again = sf_buf_alloc(pages[i], SFB_DEFAULT);
	EXPECT(again != sf);
	EXPECT_EQ(words(again)[7], SIGNATURE + i);
	sf_buf_free(again);
	EXPECT(sf_buf_page_referenced(pages[i]));
	/* It is this CPU's; one with a number that looks alike has none. */
	shared = (struct shared){ .sf = sf, .pages = &pages[i] };
	run_on_all_cpus(look_for_private, &shared);
	EXPECT_EQ(shared.live, 1);
	EXPECT_EQ(shared.wrong, 0);
	sf_buf_free(sf);
	EXPECT(!sf_buf_page_referenced(pages[i]));
}

TEST(private_removed, "smp.private_takes_a_removed_slot_without_an_ipi")
{
	static struct vm_page *pages[2 * HOLD_MAX];
	uint32_t n = 2 * nsfbufs;
	struct thread *td;

	if (mp_ncpus == 1 || n > nitems(pages) || nsfbufs < 64 || sf_strict) {
		test_skip("one CPU, too many slots or too few, or strict");
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if ((pages[i] = slot_page()) == NULL) {
			while (i > 0)
				drop_page(pages[--i]);
			return;
		}
		stamp(pages[i], SIGNATURE + i);
	}
	sched_bind(0);
	sched_pin();
	deaf_stop = deaf_ready = 0;
	td = thread_create_on(1, deaf, NULL, "deaf");
	KASSERT(td != NULL, "test: no thread");
	EXPECT(wait_for(&deaf_ready, 1));
	private_while_deaf(pages, n);
	deaf_stop = 1;
	sched_unpin();
	sched_unbind();
	thread_join(td);
	for (uint32_t i = 0; i < n; i++)
		drop_page(pages[i]);
}
