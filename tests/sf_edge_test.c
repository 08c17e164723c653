/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of both ends of what sf_buf(9) counts and divides: the references of a
 * slot, the end of the direct map, the order between threads that wait and
 * callers that do not, a CPU that idles with slots it has just removed.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/tsc.h>
#include <sf_buf/pool.h>
#include <tests/sf_evict.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>

#define	REFERENCES	131072u		/* of a slot, at most: CAVEATS.md */
#define	WAIT_MS		20000u

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

/* Maps the page, uses the mapping and frees it. */
static void
touch(struct vm_page *m)
{
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	*(volatile uint32_t *)sf_buf_kva(sf) = 1;
	sf_buf_free(sf);
}

/* Evicts mappings of this CPU's pool until `left' are left. */
static void
evict_down_to(u_int left)
{
	struct sf_pool *p = pool_lock_mine();

	while (p->ring.len[QUEUE] > left && sf_evict_one(p))
		continue;
	pool_unlock(p);
}

/* --- a slot's word --- */

/* The inline path alone adds a reference up to the last one that there is. */
TEST(references, "sf_buf.a_slot_holds_131072_references")
{
	bool was = sf_buf_set_direct_map(false);
	struct vm_page *m = wired_page();
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);
	u_int n, wrong = 0;

	for (n = 1; n < REFERENCES - 1; n++)
		wrong += sf_buf_alloc(m, SFB_NOWAIT) != sf;
	sf_buf_ref(sf);
	EXPECT_EQ(sf_references(sf_status(sf)), REFERENCES);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(sf_buf_inuse(), 1);
	for (n = 0; n < REFERENCES - 1; n++)
		sf_buf_free(sf);
	EXPECT_EQ(sf_references(sf_status(sf)), 1);
	EXPECT(sf_buf_page_referenced(m));
	sf_buf_free(sf);
	EXPECT(!sf_buf_page_referenced(m));
	(void)sf_buf_set_direct_map(was);
	drop_page(m);
}

/* A reference is added to these, and no other, status and page. */
static const struct {
	uint32_t status;
	bool taken;
} statuses[] = {
	{ 0, true },
	{ SF_HIT, true },
	{ SF_REF, true },
	{ SF_REF_MAX, true },
	{ SF_REF_MAX | SF_HIT | SF_UNLISTED | SF_FREE_SLOW, true },
	{ SF_REF_MAX + SF_REF, false },
	{ SF_REF_WRAPPED, false },
	{ SF_REF_MASK, false },
	{ SF_FREE_SLOW | SF_PRIVATE_TO(0) | SF_REF, false },
	{ SF_FREE_SLOW | SF_PRIVATE_TO(31) | SF_REF, false },
	{ SF_FREE_SLOW | SF_PRIVATE_TO(127) | SF_REF, false },
	{ SF_FREE_SLOW | SF_PRIVATE_TO(MAXCPU - 1) | SF_REF, false },
	{ SF_CLAIMED, false },
	{ SF_REMOVED, false },
	{ SF_REVIVING, false },
};

TEST(take, "sf_buf.a_reference_is_added_to_a_shared_mapping_only")
{
	static struct sf_buf sf;		/* no slot */
	uint32_t status;

	for (u_int i = 0; i < nitems(statuses); i++) {
		status = statuses[i].status;
		sf.page = 64;
		sf.status = status;
		EXPECT(!sf_take_reference(&sf, 96));
		EXPECT_EQ(sf.status, status);
		EXPECT_EQ(sf_take_reference(&sf, 64), statuses[i].taken);
		EXPECT_EQ(sf.status, statuses[i].taken ?
		    (status + SF_REF) | SF_HIT : status);
		EXPECT_EQ(sf.page, 64);
	}
	for (u_int cpu = 0; cpu < MAXCPU; cpu++) {
		EXPECT_EQ(SF_PRIVATE_TO(cpu) & ~SF_PRIVATE, 0);
		EXPECT_EQ(SF_PRIVATE_TO(cpu) / SF_PRIVATE_TO(0), cpu + 1);
	}
}

/* --- the end of the direct map --- */

/*
 * Of two pages side by side the direct map is to end between: it serves the
 * first, and a slot the second.
 */
static void
use_border(struct vm_page *last, struct vm_page *first)
{
	struct sf_buf *a = sf_buf_alloc(last, SFB_DEFAULT);
	struct sf_buf *b = sf_buf_alloc(first, SFB_DEFAULT);

	EXPECT(sf_buf_page_is_direct(last));
	EXPECT(!sf_buf_page_is_direct(first));
	EXPECT(sf_is_direct(a) && sf_buf_page(a) == last);
	EXPECT(!sf_is_direct(b) && sf_buf_page(b) == first);
	*(volatile uint32_t *)sf_buf_kva(a) = 1;
	*(volatile uint32_t *)sf_buf_kva(b) = 2;
	EXPECT_EQ(*(volatile uint32_t *)sf_buf_kva(a), 1);
	EXPECT_EQ(last->sf, 0);
	EXPECT_EQ(first->sf, sf_addr(b));
	sf_buf_free(b);
	sf_buf_free(a);
	EXPECT(!sf_buf_page_referenced(last));
	EXPECT(!sf_buf_page_referenced(first));
}

TEST(border, "sf_buf.the_direct_map_ends_between_two_pages")
{
	page_off_t end = sf_direct_end;
	struct vm_page *m;

	if (end == 0) {
		test_skip("the direct map serves no page");
		return;
	}
	m = vm_page_alloc_order(VM_ALLOC_DIRECT, 1);
	KASSERT(m != NULL, "test: out of pages");
	vm_page_wire(&m[0]);
	vm_page_wire(&m[1]);
	sched_pin();
	(void)sf_evict_page(&m[0]);
	(void)sf_evict_page(&m[1]);
	sf_direct_end = sf_page_off(&m[1]);
	use_border(&m[0], &m[1]);
	(void)sf_evict_page(&m[1]);
	sf_direct_end = end;
	sched_unpin();
	vm_page_unwire(&m[0], 0);
	vm_page_unwire(&m[1], 0);
	vm_page_free_order(m, 1);
}

/* --- threads that wait come first --- */

static void
alloc_in_interrupt(void *arg)
{
	struct vm_page *m = arg;

	EXPECT(sf_buf_alloc(m, SFB_NOWAIT) == NULL);
}

/*
 * Each way of an allocation that does not wait, while sf_nwaiters says that a
 * thread does: none takes a slot.  A mapping that is there is a hit even so.
 */
static void
fail_to_pass(struct vm_page *m, struct vm_page *mapped)
{
	struct sf_buf *sf;

	EXPECT(sf_buf_alloc(m, SFB_NOWAIT) == NULL);
	EXPECT(sf_buf_alloc(m, SFB_NOWAIT | SFB_CATCH) == NULL);
	EXPECT(sf_buf_alloc(m, SFB_NOWAIT | SFB_CPUPRIVATE) == NULL);
	EXPECT_EQ(m->sf, 0);
	smp_call(mp_ncpus - 1, alloc_in_interrupt, m);
	EXPECT_EQ(m->sf, 0);
	sf = sf_buf_alloc(mapped, SFB_NOWAIT);
	EXPECT(sf != NULL);
	if (sf != NULL)
		sf_buf_free(sf);
}

TEST(waiters, "sf_buf.no_slot_is_taken_past_a_waiter")
{
	struct vm_page *m = wired_page(), *mapped = wired_page();
	bool was = sf_buf_set_direct_map(false);
	struct sf_buf *sf;

	sched_pin();
	(void)sf_evict_page(m);
	touch(mapped);
	evict_down_to(0);		/* for a private request to take */
	sf = sf_buf_alloc(mapped, SFB_DEFAULT);
	/* As a thread that waits does; its search reclaims what is ready. */
	atomic_fetchadd_32(&sf_nwaiters, 1);
	sf_ready_reclaim_all();
	fail_to_pass(m, mapped);
	atomic_fetchadd_32(&sf_nwaiters, -1u);
	sf_buf_free(sf);
	sf = sf_buf_alloc(m, SFB_NOWAIT);
	EXPECT(sf != NULL);
	if (sf != NULL)
		sf_buf_free(sf);
	sched_unpin();
	(void)sf_buf_set_direct_map(was);
	drop_page(mapped);
	drop_page(m);
}

/* --- CPUs that are asked to flush --- */

static struct {
	volatile uint32_t *word;	/* in a page that slot maps */
	volatile uint32_t ready, go, wrong;
} readers;

/*
 * Caches the slot's translation, then hears of nothing but a request to flush
 * until the slot maps another page.
 */
static void
reader(void *arg)
{
	(void)arg;
	disable_intr();
	readers.wrong += *readers.word != 1;
	atomic_fetchadd_32(&readers.ready, 1);
	while (readers.go == 0) {
		tlb_serve();
		cpu_spinwait();
	}
	if (*readers.word != 2)
		atomic_fetchadd_32(&readers.wrong, 1);
	enable_intr();
}

/* Maps `second' where `first' was, while all other CPUs cache that. */
static void
reuse_under_readers(struct vm_page *first, struct vm_page *second)
{
	static struct thread *tds[MAXCPU];
	struct sf_buf *sf = sf_buf_alloc(first, SFB_DEFAULT);

	readers.word = (volatile uint32_t *)sf_buf_kva(sf);
	*readers.word = 1;
	readers.ready = readers.go = readers.wrong = 0;
	for (u_int i = 1; i < mp_ncpus; i++) {
		tds[i] = thread_create_on(i, reader, NULL, "reader");
		KASSERT(tds[i] != NULL, "test: no thread");
	}
	while (readers.ready < mp_ncpus - 1)
		cpu_spinwait();
	sf_buf_free(sf);
	EXPECT(sf_evict_page(first));
	sf = sf_buf_alloc(second, SFB_DEFAULT);
	EXPECT_EQ(sf_buf_kva(sf), (vm_offset_t)readers.word);
	*readers.word = 2;
	readers.go = 1;
	for (u_int i = 1; i < mp_ncpus; i++)
		thread_join(tds[i]);
	EXPECT_EQ(readers.wrong, 0);
	sf_buf_free(sf);
}

TEST(asked, "smp.every_cpu_that_is_asked_to_flush_does")
{
	bool was = sf_buf_set_direct_map(false);
	struct vm_page *first = wired_page(), *second = wired_page();

	if (mp_ncpus == 1 || sf_strict) {
		test_skip("one CPU, or strict: no slot is re-used so soon");
	} else {
		sched_bind(0);
		sched_pin();
		(void)sf_evict_page(first);
		(void)sf_evict_page(second);
		reuse_under_readers(first, second);
		sched_unpin();
		sched_unbind();
	}
	(void)sf_buf_set_direct_map(was);
	drop_page(first);
	drop_page(second);
}

/* --- a CPU that idles --- */

/* What a thread of the other CPU does before that idles. */
static struct {
	struct vm_page *m[2];
	volatile uint32_t go, ready;
} last_work;

/*
 * One slot in a batch that is not flushed, and one that is open: the last two
 * of the queue, which are read first.
 */
static void
work_last(void *arg)
{
	uint32_t flags;

	(void)arg;
	sched_pin();
	for (u_int i = 0; i < 2; i++)
		(void)sf_evict_page(last_work.m[i]);
	for (u_int i = 0; i < 2; i++)
		touch(last_work.m[i]);
	last_work.ready = 1;
	while (last_work.go == 0)
		cpu_spinwait();
	evict_down_to(1);
	flags = intr_save();
	sf_flush_tick(false);
	intr_restore(flags);
	evict_down_to(0);
	sched_unpin();
}

static bool
idles(u_int cpu)
{
	return ((pcpus[cpu]->pc_tlb & TLB_IDLE) != 0);
}

/*
 * Whether a flush of all TLBs, asked for now, would disturb that CPU, which
 * idles.  Its clock may wake it meanwhile, at the end of a second; that flushes,
 * and then there is another try.
 */
static bool
is_asked(u_int cpu)
{
	const struct pcpu *pc = pcpus[cpu];
	uint64_t taken, flushes, end = cpu_ticks() + WAIT_MS * ticks_per_ms;
	bool asked;

	do {
		flushes = pc->pc_flushes;
		taken = pc->pc_ipis_taken[IPI_FLUSH];
		asked = !idles(cpu);
		if (!asked) {
			tlb_force_nowait(tlb_close());
			asked = pc->pc_flush_wanted != 0 ||
			    pc->pc_ipis_taken[IPI_FLUSH] != taken;
		}
	} while (asked && (pc->pc_flushes != flushes || !idles(cpu)) &&
	    cpu_ticks() < end);
	return (asked);
}

/*
 * With interrupts off here no batch gets flushed until the other CPU idles.
 * Returns how many slots that left open.
 */
static u_int
open_after(u_int cpu)
{
	uint64_t end = cpu_ticks() + WAIT_MS * ticks_per_ms;
	struct sf_pool *p = pcpus[cpu]->pc_sf_pool;
	uint64_t flushes;
	bool idled;
	u_int open;

	disable_intr();
	last_work.go = 1;
	while (!(idled = idles(cpu)) && cpu_ticks() < end)
		cpu_spinwait();
	EXPECT(idled);
	flushes = pcpus[cpu]->pc_flushes;
	pool_acquire(p);
	open = p->ring.len[OPEN];
	/* Unless the end of a second has woken it, and it has flushed. */
	EXPECT(p->ring.len[BATCH] != 0 || pcpus[cpu]->pc_flushes != flushes);
	pool_release(p);
	EXPECT(!is_asked(cpu));
	enable_intr();
	return (open);
}

TEST(idle, "smp.a_cpu_that_idles_leaves_no_batch_open")
{
	u_int cpu = mp_ncpus - 1;
	bool was = sf_buf_set_direct_map(false);
	struct thread *td;

	last_work.m[0] = wired_page();
	last_work.m[1] = wired_page();
	last_work.go = last_work.ready = 0;
	if (mp_ncpus == 1 || nsfbufs / mp_ncpus < 8 || sf_strict) {
		test_skip("one CPU, too few slots, or strict: no batches");
	} else {
		sched_bind(0);
		td = thread_create_on(cpu, work_last, NULL, "last");
		KASSERT(td != NULL, "test: no thread");
		while (last_work.ready == 0)
			cpu_spinwait();
		EXPECT_EQ(open_after(cpu), 0);
		thread_join(td);
		sched_unbind();
	}
	(void)sf_buf_set_direct_map(was);
	drop_page(last_work.m[0]);
	drop_page(last_work.m[1]);
}

/* --- stamps that are too old to be compared --- */

#define	OLD	(1u << 29)	/* epochs */

/* Gives the batch of this CPU, with a slot at least, the stamp. */
static void
set_stamp(uint32_t stamp)
{
	struct sf_pool *p = pool_lock_mine();

	ring_merge(&p->ring, OPEN);
	EXPECT(p->ring.len[BATCH] != 0);
	p->stamp = stamp;
	pool_unlock(p);
}

TEST(old, "sf_buf.a_batch_with_an_old_stamp_gets_a_new_one")
{
	bool was = sf_buf_set_direct_map(false);
	struct vm_page *m = wired_page();
	uint32_t flags, epoch = tlb_close();

	EXPECT(tlb_is_recent(epoch));
	EXPECT(tlb_is_recent(epoch - OLD + 1000));
	EXPECT(!tlb_is_recent(epoch - OLD));
	EXPECT(!tlb_is_recent(epoch + 1000));
	sched_pin();
	(void)sf_evict_page(m);
	touch(m);
	flags = intr_save();
	if (!sf_strict)
		evict_down_to(0);
	set_stamp(epoch - 2 * OLD - 1000);	/* it looks like one to come */
	intr_restore(flags);
	EXPECT(sf_flush_force());
	EXPECT(tlb_is_recent(pool_mine()->stamp));
	sched_unpin();
	(void)sf_buf_set_direct_map(was);
	drop_page(m);
}

/* --- rings, link by link --- */

TEST(recount, "sf_buf.the_links_of_each_ring_hold_what_it_counts")
{
	struct sf_recount c;
	u_int n = 0, tries;

	for (u_int cpu = 0; cpu < mp_ncpus; cpu++) {
		for (tries = 0; tries < 100 && !sf_recount(cpu, &c); tries++)
			sched_yield();
		EXPECT(tries < 100);
		EXPECT(c.closed);
		EXPECT_EQ(c.slots, c.ring.nslots);
		n += c.slots;
	}
	/* What is referenced may be in no ring. */
	EXPECT(n <= nsfbufs && n + sf_buf_inuse() >= nsfbufs);
}
