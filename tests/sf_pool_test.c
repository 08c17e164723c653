/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of what lies behind the contract of sf_buf(9): runs of slots that are
 * evicted as a whole, pools that grow, the sampled peak, long searches.
 */

#include <sys/types.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/pcpu.h>
#include <sf_buf/pool.h>
#include <tests/sf_evict.h>
#include <vm/vm_page.h>

#define	SIGNATURE	0x72696e67u
#define	PAGES_MAX	4096u		/* no case takes more */
#define	SLOTS_MAX	(PAGES_MAX / 2)
#define	WAIT_MS		20000u

static struct vm_page *pages[PAGES_MAX];
static u_int npages;

static void
drop_page(struct vm_page *m)
{
	vm_page_unwire(m, 0);
	vm_page_free(m);
}

static void
drop_pages(void)
{
	while (npages > 0)
		drop_page(pages[--npages]);
}

/* Takes n pages that slots must map; false, and the case skipped, if none. */
static bool
take_pages(u_int n)
{
	struct vm_page *m;

	while (npages < n) {
		m = vm_page_alloc(VM_ALLOC_WIRED);
		KASSERT(m != NULL, "test: out of pages");
		pages[npages++] = m;
		if (!sf_buf_page_is_direct(m))
			continue;
		drop_pages();
		test_skip("the direct map serves all pages");
		return (false);
	}
	return (true);
}

static uint64_t
misses(void)
{
	struct sf_buf_stats s;

	sf_buf_stats_read(&s);
	return (s.misses);
}

static void
touch(u_int i)
{
	sf_buf_free(sf_buf_alloc(pages[i], SFB_DEFAULT));
}

/* --- runs --- */

/* Whether every mapping that is read shows its page; every other one is not. */
static void
read_some(void *arg)
{
	volatile uint32_t *wrong = arg;
	uint32_t rng = test_seed() + curcpu_id(), r, i;
	u_int n = (nsfbufs < 64 ? 300 : 5000) / mp_ncpus + 1;
	struct sf_buf *sf;

	for (; n > 0; n--) {
		r = test_random(&rng);
		i = r / 4 % npages;
		sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
		if (r % 2 == 0 && *(volatile uint32_t *)sf_buf_kva(sf) !=
		    SIGNATURE + i)
			atomic_fetchadd_32(wrong, 1);
		sf_buf_free(sf);
	}
}

/*
 * Slots that were accessed and slots that never were are evicted together, in
 * one run, and all of them must wait for a flush: on no CPU may a slot that is
 * used again show the page that it mapped before.
 */
TEST(mixed, "sf_buf.a_run_of_accessed_and_other_slots_is_flushed")
{
	u_int n = nsfbufs < 256 ? 2 * nsfbufs : 512;
	volatile uint32_t wrong = 0;
	struct sf_buf *sf;

	if (!take_pages(n))
		return;
	for (u_int i = 0; i < n; i++) {
		sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
		*(volatile uint32_t *)sf_buf_kva(sf) = SIGNATURE + i;
		sf_buf_free(sf);
	}
	run_on_all_cpus(read_some, (void *)(uintptr_t)&wrong);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(sf_buf_audit(), 0);
	drop_pages();
}

/* --- the sampled peak --- */

static u_int
forget_peaks(void)
{
	u_int peak = 0;

	for (u_int i = 0; i < mp_ncpus; i++) {
		peak = pcpus[i]->pc_sf.peak > peak ? pcpus[i]->pc_sf.peak :
		    peak;
		pcpus[i]->pc_sf.peak = 0;
	}
	return (peak);
}

/* Begins a sample anew, with the next miss of this CPU. */
static struct sf_pool *
begin_sample(void)
{
	struct sf_pool *p = pool_lock_mine();

	p->unsampled = p->sampled = p->sampled_inuse = 0;
	pool_unlock(p);
	return (p);
}

/*
 * Misses until the sample ends: SAMPLE for each slot, and those that ready
 * slots served and that are counted later.
 */
static void
sample_peak(u_int nheld)
{
	uint64_t end = misses() + SAMPLE * nsfbufs + SAMPLE + 2 * READY_MAX;
	struct pcpu *pc = curpcpu();

	(void)begin_sample();
	while (misses() < end)
		for (u_int i = nheld; i < npages; i++)
			touch(i);
	EXPECT(pc->pc_sf.peak >= nheld);
	/* What is mapped as a slot is looked at may count as well. */
	EXPECT(pc->pc_sf.peak <= nheld + nsfbufs / 4 + 1);
}

TEST(peak, "sf_buf.the_peak_of_what_is_in_use_is_sampled")
{
	u_int nheld = nsfbufs / 4, peak;
	static struct sf_buf *held[SLOTS_MAX / 4];

	if (nsfbufs > 1024) {
		test_skip("a sample of so many slots takes too long");
		return;
	}
	if (!take_pages(2 * nsfbufs + nheld))
		return;
	sched_pin();
	peak = forget_peaks();
	for (u_int i = 0; i < nheld; i++)
		held[i] = sf_buf_alloc(pages[i], SFB_DEFAULT);
	sample_peak(nheld);
	for (u_int i = 0; i < nheld; i++)
		sf_buf_free(held[i]);
	if (curpcpu()->pc_sf.peak < peak)
		curpcpu()->pc_sf.peak = peak;
	sched_unpin();
	drop_pages();
}

/* --- pools that grow --- */

/*
 * References seven of eight slots at once, then frees them: whichever pools
 * they were in, they join the queue of this CPU's.
 */
static void
grow(void)
{
	static struct sf_buf *sfs[SLOTS_MAX];
	u_int n = nsfbufs / 8 * 7;

	for (u_int i = 0; i < n; i++)
		sfs[i] = sf_buf_alloc(pages[i], SFB_DEFAULT);
	while (n > 0)
		sf_buf_free(sfs[--n]);
}

/* The most mappings that the queue of this CPU's pool holds over a pass. */
static u_int
longest_queue(void)
{
	struct sf_pool *p;
	u_int most = 0;

	for (u_int i = 0; i < npages; i++) {
		touch(i);
		p = pool_lock_mine();
		most = p->ring.len[QUEUE] > most ? p->ring.len[QUEUE] : most;
		pool_unlock(p);
	}
	return (most);
}

/*
 * A CPU that has most of the slots keeps more of them mapped than it did of its
 * share, up to the bound of all queues.
 */
TEST(grew, "smp.a_pool_that_grew_keeps_more_mapped")
{
	u_int most, high;

	if (mp_ncpus == 1 || nsfbufs < 64 || nsfbufs > SLOTS_MAX ||
	    sf_strict) {
		test_skip("one CPU, too many slots or too few, or strict");
		return;
	}
	if (!take_pages(2 * nsfbufs))
		return;
	sched_pin();
	grow();
	(void)longest_queue();		/* evicts what grow() freed */
	most = longest_queue();
	high = pool_mine()->ring.nslots / sf_mapped_share;
	high = high < sf_queue_max ? high : sf_queue_max;
	EXPECT(pool_mine()->ring.nslots > nsfbufs / mp_ncpus * 5 / 4);
	EXPECT(most >= high * 3 / 4);
	EXPECT(most <= high + 1);
	sched_unpin();
	drop_pages();
}

/* --- slots at home --- */

/*
 * The pages that the second CPU maps, and what it finds.  It maps more than it
 * has slots, and keeps each: so no clock can give it one of its own again, and
 * the speed of the host does not matter.
 */
static struct homecoming {
	struct sf_buf *held[SLOTS_MAX];
	u_int nslots, foreign;		/* its slots at first; not at home */
	u_int nheld, nforeign;		/* what it mapped; not at home */
	volatile uint32_t done;
} returned;

static bool
is_at_home(const struct sf_buf *sf, const struct sf_pool *p)
{
	return (sf_addr(sf) - p->home < p->home_size);
}

/* How many slots of a CPU's pool are not at home there; *nslots is of all. */
static u_int
count_foreign(struct sf_pool *p, u_int *nslots)
{
	struct sf_buf *sf;
	u_int n = 0;

	pool_lock(p);
	*nslots = p->ring.nslots;
	sf = ring_first(&p->ring, QUEUE);
	for (u_int i = 0; i < *nslots; i++, sf = sf_next(sf))
		n += !is_at_home(sf, p);
	pool_unlock(p);
	return (n);
}

/*
 * Orders the flushed slots of this CPU: first nfirst that are at home here,
 * then all that are at home in p; returns how many these are.
 */
static u_int
put_in_order(const struct sf_pool *p, u_int nfirst)
{
	static struct sf_buf *sfs[2][SLOTS_MAX];
	struct sf_pool *mine = pool_lock_mine();
	u_int n[2] = { 0, 0 }, k, i;
	struct sf_buf *sf;

	while ((sf = ring_get(&mine->ring, FLUSHED)) != NULL) {
		k = is_at_home(sf, p);
		sfs[k][n[k]++] = sf;
	}
	KASSERT(n[0] >= nfirst, "test: only %u slots to pass", n[0]);
	for (i = 0; i < nfirst; i++)
		ring_put(&mine->ring, FLUSHED, sfs[0][i]);
	for (i = 0; i < n[1]; i++)
		ring_put(&mine->ring, FLUSHED, sfs[1][i]);
	for (i = nfirst; i < n[0]; i++)
		ring_put(&mine->ring, FLUSHED, sfs[0][i]);
	pool_unlock(mine);
	return (n[1]);
}

static void
map_and_keep(void *arg)
{
	struct homecoming *h = arg;
	struct sf_pool *p;
	struct sf_buf *sf;

	sched_pin();
	p = pool_mine();
	h->foreign = count_foreign(p, &h->nslots);
	h->nheld = h->nslots + nsfbufs / 32;
	h->nforeign = 0;
	for (u_int i = 0; i < h->nheld; i++) {
		sf = sf_buf_alloc(pages[i], SFB_DEFAULT);
		h->nforeign += !is_at_home(sf, p);
		h->held[i] = sf;
	}
	atomic_store_rel_32(&h->done, 1);
	for (u_int i = 0; i < h->nheld; i++)
		sf_buf_free(h->held[i]);
	sched_unpin();
}

/*
 * The slots that a CPU took from the other one while it worked alone go back to
 * their home when that one maps pages as well, although both are active, and
 * although they are not the first ones that the other could have.
 */
TEST(home, "smp.slots_come_home_from_an_active_pool")
{
	struct thread *td;
	u_int other;

	if (mp_ncpus != 2 || nsfbufs < 256 || nsfbufs > 1024 || sf_strict) {
		test_skip("not two CPUs, too many slots or too few, or strict");
		return;
	}
	if (!take_pages(2 * nsfbufs))
		return;
	sched_pin();
	/* Hits would leave slots in the other's pool. */
	for (u_int i = 0; i < nsfbufs; i++)
		(void)sf_evict_page(pages[i]);
	grow();
	(void)longest_queue();		/* no slot has the first pages then */
	other = 1 - curcpu_id();
	EXPECT(put_in_order(&sf_pools[other], nsfbufs / 32) > nsfbufs / 32);
	returned.done = 0;
	td = thread_create_on(other, map_and_keep, &returned, "second");
	KASSERT(td != NULL, "test: no thread");
	while (returned.done == 0)	/* a CPU that idles is not active */
		cpu_spinwait();
	EXPECT(pool_mine()->active != 0);
	thread_join(td);
	/* It began with few slots; all others that it got are at home there. */
	EXPECT(returned.nslots < nsfbufs / 4);
	EXPECT(returned.nforeign <= returned.foreign);
	sched_unpin();
	drop_pages();
}

/* --- whose slots come first --- */

/* Takes most slots, and evicts them again: its pool has many flushed ones. */
static void
have_many(void *arg)
{
	(void)arg;
	grow();
	for (u_int i = 0; i < npages; i++)
		touch(i);
}

/*
 * A CPU whose slots are all unflushed takes those of another pool before it
 * flushes itself; else it would use its own over and over.  Interrupts are off
 * so that no clock flushes them first.
 */
TEST(others_first, "smp.a_dry_pool_takes_others_slots_before_it_flushes")
{
	struct thread *td;
	struct sf_buf *sf;
	uint32_t flags;
	u_int before;

	if (mp_ncpus == 1 || nsfbufs < 64 || nsfbufs > SLOTS_MAX ||
	    sf_strict) {
		test_skip("one CPU, too many slots or too few, or strict");
		return;
	}
	if (!take_pages(2 * nsfbufs))
		return;
	sched_pin();
	td = thread_create_on((curcpu_id() + 1) % mp_ncpus, have_many, NULL,
	    "many");
	KASSERT(td != NULL, "test: no thread");
	thread_join(td);
	flags = intr_save();
	before = pool_mine()->ring.nslots;
	for (u_int i = 0; i < npages; i++) {
		sf = sf_buf_alloc(pages[i], SFB_NOWAIT);
		if (sf == NULL)
			break;
		(void)*(volatile uint32_t *)sf_buf_kva(sf);
		sf_buf_free(sf);
	}
	EXPECT(pool_mine()->ring.nslots > before);
	intr_restore(flags);
	sched_unpin();
	drop_pages();
}

/* --- long searches --- */

/* Frees that come from another CPU while threads look for a slot. */
static struct frees {
	struct sf_buf *sfs[SLOTS_MAX];
	volatile uint32_t go, served;
} frees;

#define	NWAIT	8u

static void
free_some(void *arg)
{
	(void)arg;
	while (frees.go == 0)
		cpu_spinwait();
	for (u_int i = 0; i < NWAIT; i++) {
		for (volatile u_int n = 0; n < 300 * i; n++)
			continue;
		sf_buf_free(frees.sfs[i * nsfbufs / NWAIT]);
	}
}

static void
wait_for_one(void *arg)
{
	struct sf_buf *sf = sf_buf_alloc(arg, SFB_DEFAULT);

	EXPECT(sf_buf_page(sf) == arg);
	atomic_fetchadd_32(&frees.served, 1);
	/* Kept until all have one. */
	while (frees.served < NWAIT)
		(void)thread_sleep_ms(1, 0);
	sf_buf_free(sf);
}

/* Hundreds of slots are referenced; as many are freed as threads want one. */
static void
race_frees(u_int cpu)
{
	struct thread *tds[NWAIT + 1];

	frees.go = frees.served = 0;
	for (u_int i = 0; i < nsfbufs; i++)
		frees.sfs[i] = sf_buf_alloc(pages[i], SFB_DEFAULT);
	tds[NWAIT] = thread_create_on(cpu, free_some, NULL, "frees");
	frees.go = 1;
	for (u_int i = 0; i < NWAIT; i++)
		tds[i] = thread_create(wait_for_one, pages[nsfbufs + i],
		    "waits");
	for (u_int i = 0; i <= NWAIT; i++) {
		KASSERT(tds[i] != NULL, "test: no thread");
		thread_join(tds[i]);
	}
	EXPECT_EQ(frees.served, NWAIT);
	EXPECT_EQ(sf_nwaiters, 0);
	for (u_int i = 0; i < nsfbufs; i++)
		if (i % (nsfbufs / NWAIT) != 0)
			sf_buf_free(frees.sfs[i]);
}

TEST(race, "smp.frees_during_a_long_search_reach_the_waiters")
{
	if (nsfbufs > SLOTS_MAX || nsfbufs < 2 * NWAIT ||
	    nsfbufs % NWAIT != 0) {
		test_skip("too many slots, or too few");
		return;
	}
	if (!take_pages(nsfbufs + NWAIT))
		return;
	for (u_int round = 0; round < 4; round++)
		race_frees(round % mp_ncpus);
	drop_pages();
}
