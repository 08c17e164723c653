/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* Tests of the sf_buf contract, one case a sentence, and of wiring. */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/pcpu.h>
#include <machine/pmap.h>
#include <machine/sf_buf.h>
#include <machine/smp.h>
#include <vm/vm_page.h>

#define	SIGNATURE	0x6d617966u

/* The highest page: above the direct map wherever RAM reaches there. */
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

TEST(maps_page, "sf_buf.maps_the_page")
{
	struct vm_page *m = wired_page();
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	EXPECT(sf != NULL);
	EXPECT(sf_buf_page(sf) == m);
	words(sf)[0] = SIGNATURE;
	words(sf)[1023] = ~SIGNATURE;
	EXPECT_EQ(words(sf)[0], SIGNATURE);
	EXPECT_EQ(m->wire_count, 1);
	sf_buf_free(sf);
	EXPECT_EQ(m->wire_count, 1);
	drop_page(m);
}

TEST(shares, "sf_buf.one_page_shares_one_mapping")
{
	struct vm_page *m = wired_page();
	struct sf_buf *a = sf_buf_alloc(m, SFB_DEFAULT);
	struct sf_buf *b = sf_buf_alloc(m, SFB_NOWAIT);

	EXPECT(a == b);
	EXPECT_EQ(sf_buf_kva(a), sf_buf_kva(b));
	sf_buf_free(a);
	EXPECT(sf_buf_page_referenced(m));
	words(b)[0] = SIGNATURE;
	sf_buf_ref(b);
	sf_buf_free(b);
	EXPECT(sf_buf_page_referenced(m));
	sf_buf_free(b);
	EXPECT(!sf_buf_page_referenced(m));
	drop_page(m);
}

TEST(cached, "sf_buf.a_freed_mapping_stays_cached")
{
	struct vm_page *m = wired_page();
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);
	uint64_t writes;

	sf_buf_free(sf);
	if (sf_strict) {
		test_skip("strict mode keeps no freed mapping");
		drop_page(m);
		return;
	}
	writes = stats().pte_writes;
	EXPECT(sf_buf_alloc(m, SFB_DEFAULT) == sf);
	EXPECT_EQ(stats().pte_writes, writes);
	sf_buf_free(sf);
	drop_page(m);
}

/*
 * Every slot is re-used for another page after its old translation was
 * primed; a missing invalidation reads the old page's signature.
 */
TEST(reuse, "sf_buf.a_reused_slot_shows_the_new_page")
{
	static struct vm_page *pages[65536];
	uint32_t n = nsfbufs < 2048 ? 2 * nsfbufs : nsfbufs + 64;
	uint64_t misses = stats().misses, direct = stats().direct;
	struct sf_buf *sf;

	if (n > 8192)
		n = 8192;
	for (uint32_t i = 0; i < n; i++) {
		pages[i] = wired_page();
		sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
		words(sf)[7] = SIGNATURE + i;
		sf_buf_free(sf);
	}
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < n; i++) {
			sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
			EXPECT_EQ(words(sf)[7], SIGNATURE + i);
			sf_buf_free(sf);
		}
	}
	if (nsfbufs < n && stats().direct == direct)
		EXPECT(stats().misses - misses >= 3 * (n - nsfbufs));
	for (uint32_t i = 0; i < n; i++)
		drop_page(pages[i]);
}

TEST(exhaustion, "sf_buf.nowait_fails_only_when_all_are_referenced")
{
	static struct sf_buf *held[65536];
	static struct vm_page *pages[65536];
	uint64_t direct = stats().direct;
	uint32_t n = 0;

	if (nsfbufs > 4096)
		return;
	while (n <= nsfbufs) {
		pages[n] = wired_page();
		held[n] = sf_buf_alloc(pages[n], SFB_NOWAIT | SFB_CATCH);
		if (held[n] == NULL)
			break;
		n++;
	}
	if (stats().direct == direct) {
		EXPECT_EQ(n, nsfbufs);
		EXPECT(sf_buf_alloc(pages[0], SFB_NOWAIT) == held[0]);
		sf_buf_free(held[0]);
		sf_buf_free(held[0]);
		held[0] = sf_buf_alloc(pages[n], SFB_NOWAIT);
		EXPECT(held[0] != NULL && sf_buf_page(held[0]) == pages[n]);
	}
	for (uint32_t i = 0; i < n; i++)
		sf_buf_free(held[i]);
	for (uint32_t i = 0; i < n + (n == nsfbufs); i++)
		drop_page(pages[i]);
}

TEST(accessed, "sf_buf.the_accessed_bit_tells_what_a_tlb_may_hold")
{
	struct vm_page *m = wired_page();
	vm_offset_t va;
	uint32_t slot;
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	if (!sf_buf_md_direct(VM_PAGE_TO_PHYS(m), &va)) {
		slot = (sf_buf_kva(sf) - SF_BUF_MIN) >> PAGE_SHIFT;
		/* The mapping may be a cached one that was read. */
		if (sf_buf_md_remove(slot))
			tlb_flush_all_wait();
		sf_buf_md_enter(slot, VM_PAGE_TO_PHYS(m), false);
		EXPECT(!sf_buf_md_remove(slot));
		sf_buf_md_enter(slot, VM_PAGE_TO_PHYS(m), false);
		(void)words(sf)[0];
		EXPECT(sf_buf_md_remove(slot));
		tlb_flush_all_wait();
		sf_buf_md_enter(slot, VM_PAGE_TO_PHYS(m), false);
	}
	sf_buf_free(sf);
	drop_page(m);
}

/* What the CPUs of a parallel case share. */
static struct shared {
	struct sf_buf *sf;
	struct vm_page **pages;
	uint32_t npages, want, rounds;
	volatile uint32_t wrong, failed;
} shared;

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
	struct vm_page *first = wired_page(), *second = wired_page();
	struct sf_buf *sf = sf_buf_alloc(first, SFB_DEFAULT);
	vm_offset_t va = sf_buf_kva(sf);

	shared = (struct shared){ .sf = sf, .want = SIGNATURE };
	words(sf)[7] = SIGNATURE;
	run_on_all_cpus(read_on_this_cpu, &shared);
	EXPECT_EQ(shared.wrong, 0);
	sf_buf_free(sf);
	sched_pin();
	if (va >= SF_BUF_MIN && va < KVA_MIN) {
		(void)sf_buf_evict(second);
		EXPECT(sf_buf_evict(first));
	}
	shared.sf = sf_buf_alloc(second, SFB_DEFAULT);
	sched_unpin();
	if (va >= SF_BUF_MIN && va < KVA_MIN)
		EXPECT_EQ(sf_buf_kva(shared.sf), va);
	shared.want = words(shared.sf)[7] = ~SIGNATURE;
	run_on_all_cpus(read_on_this_cpu, &shared);
	EXPECT_EQ(shared.wrong, 0);
	sf_buf_free(shared.sf);
	drop_page(second);
	drop_page(first);
}

/* Allocates, checks the page's signature and frees, at random. */
static void
churn(void *arg)
{
	struct shared *s = arg;
	uint32_t x = curcpu_id() * 2654435761u + 1, i;
	struct sf_buf *sf;

	for (uint32_t r = 0; r < s->rounds; r++) {
		x = x * 1664525u + 1013904223u;
		i = (x >> 8) % s->npages;
		sf = sf_buf_alloc(s->pages[i], SFB_NOWAIT);
		if (sf == NULL) {
			atomic_fetchadd_32(&s->failed, 1);
			continue;
		}
		if (words(sf)[7] != SIGNATURE + i ||
		    sf_buf_page(sf) != s->pages[i])
			atomic_fetchadd_32(&s->wrong, 1);
		sf_buf_free(sf);
	}
}

TEST(churning, "smp.all_cpus_churn_and_read_no_stale_page")
{
	static struct vm_page *pages[512];
	struct sf_buf *sf;

	shared = (struct shared){ .pages = pages, .npages = nitems(pages),
	    .rounds = 4000 / mp_ncpus };
	if (nsfbufs > 256)
		shared.npages = 48;	/* mostly hits and lost races */
	for (uint32_t i = 0; i < nitems(pages); i++) {
		pages[i] = wired_page();
		sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
		words(sf)[7] = SIGNATURE + i;
		sf_buf_free(sf);
	}
	run_on_all_cpus(churn, &shared);
	EXPECT_EQ(shared.wrong, 0);
	EXPECT(shared.failed == 0 || nsfbufs <= mp_ncpus + 1);
	for (uint32_t i = 0; i < nitems(pages); i++)
		drop_page(pages[i]);
}
