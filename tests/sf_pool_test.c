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

#define	TURN		32u		/* pages that a CPU maps in its turn */

static volatile uint32_t turn;

/* As touch(), and reads the page: its slot must be flushed when it goes. */
static void
touch_and_read(u_int i)
{
	struct sf_buf *sf = sf_buf_alloc(pages[i], SFB_DEFAULT);

	(void)*(volatile uint32_t *)sf_buf_kva(sf);
	sf_buf_free(sf);
}

/* Pages of its own that each CPU maps: more than it begins with, 3/8 of all. */
static u_int
turns_end(void)
{
	return (nsfbufs / 8 * 3 / TURN * TURN);
}

/* Waits for the turn of half h of the pages. */
static void
wait_turn(uint32_t h)
{
	while (turn % 2 != h)
		cpu_spinwait();
}

static void
take_first_turns(void)
{
	for (u_int i = 0; i < turns_end(); i += TURN) {
		wait_turn(0);
		for (u_int j = i; j < i + TURN; j++)
			touch_and_read(j);
		atomic_fetchadd_32(&turn, 1);
	}
}

/*
 * Keeps what it maps: then its pool runs out of slots, however many the clock
 * has flushed meanwhile on a slow host.
 */
static void
take_second_turns(void *arg)
{
	static struct sf_buf *held[SLOTS_MAX];

	(void)arg;
	for (u_int i = 0; i < turns_end(); i += TURN) {
		wait_turn(1);
		for (u_int j = i; j < i + TURN; j++)
			held[j] = sf_buf_alloc(pages[npages / 2 + j],
			    SFB_DEFAULT);
		atomic_fetchadd_32(&turn, 1);
	}
	for (u_int i = 0; i < turns_end(); i++)
		sf_buf_free(held[i]);
}

/* How many slots of a CPU's pool are at home there. */
static u_int
at_home(u_int cpu)
{
	struct sf_pool *p = &sf_pools[cpu];
	struct sf_buf *sf;
	u_int n = 0;

	pool_lock(p);
	sf = ring_first(&p->ring, QUEUE);
	for (u_int i = 0; i < p->ring.nslots; i++, sf = sf_next(sf))
		n += sf_addr(sf) - p->home < p->home_size;
	pool_unlock(p);
	return (n);
}

/*
 * The slots that a CPU took from the other one while it worked alone go back to
 * their home when that one maps pages as well, although both are active.
 */
TEST(home, "smp.slots_come_home_from_an_active_pool")
{
	u_int other;
	struct thread *td;

	if (mp_ncpus != 2 || nsfbufs < 512 || nsfbufs > SLOTS_MAX ||
	    nsfbufs % TURN != 0 || sf_strict) {
		test_skip("not two CPUs, too many slots or too few, or strict");
		return;
	}
	if (!take_pages(2 * nsfbufs))
		return;
	sched_pin();
	grow();
	other = 1 - curcpu_id();
	turn = 0;
	td = thread_create_on(other, take_second_turns, NULL, "second");
	KASSERT(td != NULL, "test: no thread");
	take_first_turns();
	thread_join(td);
	/*
	 * Without the search for them they are 10/64 of all slots; with it
	 * 26/64, but fewer where a slow host lets the clock flush others.
	 */
	EXPECT(at_home(other) >= nsfbufs / 64 * 11);
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
