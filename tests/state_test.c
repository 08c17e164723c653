/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of page states: holders and owners, what sf_buf(9) enters for a page in
 * each state, and that a page which is sealed loses the mapping it had.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/intr.h>
#include <machine/pmap.h>
#include <sf_buf/pool.h>
#include <tests/sf_evict.h>
#include <vm/tlb.h>
#include <vm/vm_held.h>
#include <vm/vm_state.h>
#include <vm/vm_zone.h>

#define	SIGNATURE	0x5ea1ed00u
#define	MANY		64u		/* pages until a frame comes back */

static struct vm_page *
new_page(void)
{
	struct vm_page *m = vm_page_alloc_held();

	KASSERT(m != NULL, "test: out of pages");
	return (m);
}

/* A free page has links of its list where holders are counted. */
static bool
is_held(const struct vm_page *m)
{
	return ((m->flags & VPF_ALLOCATED) != 0 && m->holders != 0);
}

/* Maps a page, writes a word to it, and unmaps it: the mapping stays cached. */
static void
fill(struct vm_page *m, uint32_t v)
{
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	*(volatile uint32_t *)sf_buf_kva(sf) = v;
	sf_buf_free(sf);
}

static uint32_t
read_word(struct vm_page *m)
{
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);
	uint32_t v = *(volatile uint32_t *)sf_buf_kva(sf);

	sf_buf_free(sf);
	return (v);
}

/* The rights of a referenced mapping: P and RW of its entry. */
static uint32_t
rights(const struct sf_buf *sf)
{
	return (hw_load32(sf_pte_halves(sf)) & (SF_PTE_V | SF_PTE_RW));
}

/*
 * Evicts mappings of this CPU until that of m is removed, as it is before its
 * slot is used again; false if m has none.  Pinned.
 */
static bool
remove_mapping(struct vm_page *m)
{
	struct sf_buf *sf = sf_at(m->sf);
	struct sf_pool *p;

	if (sf == NULL)
		return (false);
	p = pool_lock_mine();
	while (sf_status(sf) != SF_REMOVED && sf_evict_one(p))
		continue;
	pool_unlock(p);
	return (sf_status(sf) == SF_REMOVED && m->sf == sf_addr(sf));
}

static uint32_t
mapped_rights(struct vm_page *m)
{
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);
	uint32_t r = rights(sf);

	sf_buf_free(sf);
	return (r);
}

/* --- holders --- */

TEST(fresh, "state.a_new_page_is_being_filled_and_has_one_hold")
{
	struct vm_page *m = new_page();

	EXPECT_EQ(m->state, VPS_FILLING);
	EXPECT(m->zone >= VM_ZONE_MID);
	EXPECT(VM_PAGE_TO_PHYS(m) >= dmap_limit);
	EXPECT(!sf_buf_page_is_direct(m));
	EXPECT_EQ(m->wire_count, 1);
	EXPECT_EQ(m->holders, HOLD_OTHER);
	EXPECT_EQ(vm_page_owners(m), 0);
	EXPECT_EQ(vm_page_writers(m), 0);
	vm_page_set_owned(m);
	EXPECT_EQ(m->state, VPS_OWNED);
	vm_page_drop(m);
	EXPECT(!is_held(m));
}

TEST(holds, "state.the_last_of_all_holds_frees_the_page")
{
	struct vm_page *m = new_page();

	EXPECT(vm_page_hold(m));
	vm_page_own(m);
	EXPECT_EQ(m->holders, HOLD_OTHER + HOLD_OWNER);
	EXPECT(vm_page_add_owner(m));
	EXPECT_EQ(vm_page_owners(m), 2);
	vm_page_drop(m);
	EXPECT(vm_page_hold(m));
	vm_page_drop_owner(m);
	vm_page_drop_owner(m);
	EXPECT_EQ(vm_page_owners(m), 0);
	EXPECT_EQ(m->wire_count, 1);
	EXPECT(is_held(m));
	vm_page_drop(m);
	EXPECT(!is_held(m));
}

TEST(limits, "state.no_count_of_holds_wraps")
{
	struct vm_page *m = new_page();

	m->holders = HOLD_OWNERS - HOLD_OWNER + HOLD_OTHER;
	EXPECT(vm_page_add_owner(m));
	EXPECT(!vm_page_add_owner(m));
	EXPECT_EQ(m->holders, HOLD_OWNERS + HOLD_OTHER);
	EXPECT(vm_page_hold(m));
	m->holders = ~HOLD_OWNERS - HOLD_OTHER + HOLD_OWNER;
	EXPECT(vm_page_hold(m));
	EXPECT(!vm_page_hold(m));
	EXPECT_EQ(m->holders, ~HOLD_OWNERS + HOLD_OWNER);
	EXPECT(vm_page_add_owner(m));
	m->holders = HOLD_OTHER;
	vm_page_drop(m);
}

static void
hold_and_drop(void *arg)
{
	struct vm_page *m = arg;

	for (u_int i = 0; i < 2000; i++) {
		EXPECT(vm_page_hold(m));
		EXPECT(vm_page_add_owner(m));
		vm_page_drop(m);
		EXPECT(vm_page_hold(m));
		vm_page_own(m);
		vm_page_drop_owner(m);
		vm_page_drop_owner(m);
	}
}

TEST(churn, "state.all_cpus_hold_and_drop_and_one_hold_is_left")
{
	struct vm_page *m = new_page();

	run_on_all_cpus(hold_and_drop, m);
	EXPECT_EQ(m->holders, HOLD_OTHER);
	EXPECT_EQ(m->wire_count, 1);
	vm_page_drop(m);
}

TEST(kernels, "state.the_kernels_own_pages_are_owned")
{
	struct vm_page *m = vm_page_alloc_order(0, 1);
	struct vm_page *held = new_page();

	EXPECT(m != NULL);
	EXPECT_EQ(m[0].state, VPS_OWNED);
	EXPECT_EQ(m[1].state, VPS_OWNED);
	EXPECT_EQ(m[1].holders, 0);
	/* A reserved frame, of the kernel's image. */
	EXPECT_EQ(PHYS_TO_VM_PAGE(pmap_kextract((vm_offset_t)kernels))->state,
	    VPS_OWNED);
	vm_page_free_order(m, 1);
	vm_page_drop(held);
}

/* --- sealing --- */

TEST(others, "state.a_page_with_another_hold_is_not_sealed")
{
	struct vm_page *m = new_page();

	EXPECT(vm_page_hold(m));
	EXPECT(!vm_page_seal(m));
	EXPECT_EQ(m->state, VPS_FILLING);
	vm_page_drop(m);
	vm_page_own(m);
	vm_page_set_owned(m);
	EXPECT(vm_page_add_owner(m));
	EXPECT(!vm_page_seal(m));
	EXPECT_EQ(m->state, VPS_OWNED);
	vm_page_drop_owner(m);
	vm_page_writer_add(m);
	vm_page_writer_add(m);
	EXPECT_EQ(vm_page_writers(m), 2);
	vm_page_writer_drop(m);
	vm_page_writer_drop(m);
	EXPECT(vm_page_seal(m));
	EXPECT(vm_page_is_sealed(m));
	/* Once it is sealed it may have any holds. */
	EXPECT(vm_page_hold(m) && vm_page_add_owner(m));
	vm_page_drop(m);
	vm_page_drop_owner(m);
	vm_page_drop_owner(m);
}

TEST(entry, "state.the_entry_of_a_sealed_page_has_no_rw")
{
	struct vm_page *m = new_page();

	EXPECT_EQ(mapped_rights(m), SF_PTE_V | SF_PTE_RW);
	fill(m, SIGNATURE);
	EXPECT(vm_page_seal(m));
	EXPECT_EQ(mapped_rights(m), SF_PTE_V);
	EXPECT_EQ(read_word(m), SIGNATURE);
	EXPECT_EQ(sf_buf_audit(), 0);
	vm_page_drop(m);
	EXPECT_EQ(sf_buf_audit(), 0);
}

/* Whatever way the mapping comes back: revived, private, with interrupts off. */
TEST(ways, "state.no_way_to_map_a_sealed_page_gives_rw")
{
	struct vm_page *m = new_page();
	struct sf_buf *sf;
	uint32_t flags;

	EXPECT(vm_page_seal(m));
	sched_pin();
	EXPECT_EQ(mapped_rights(m), SF_PTE_V);
	EXPECT(remove_mapping(m) || sf_strict);
	EXPECT_EQ(mapped_rights(m), SF_PTE_V);
	(void)sf_evict_page(m);
	EXPECT_EQ(mapped_rights(m), SF_PTE_V);
	(void)sf_evict_page(m);
	sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
	EXPECT_EQ(rights(sf), SF_PTE_V);
	sf_buf_free(sf);
	(void)sf_evict_page(m);
	flags = intr_save();
	sf = sf_buf_alloc(m, SFB_NOWAIT);
	if (sf != NULL) {
		EXPECT_EQ(rights(sf), SF_PTE_V);
		sf_buf_free(sf);
	}
	intr_restore(flags);
	sched_unpin();
	vm_page_drop(m);
}

TEST(cached, "state.sealing_takes_the_cached_mapping_away")
{
	struct vm_page *m = new_page();
	struct sf_buf *sf;

	fill(m, SIGNATURE);
	sf = (void *)(uintptr_t)m->sf;
	EXPECT(sf_strict || (sf != NULL && rights(sf) != 0));
	EXPECT(vm_page_seal(m));
	EXPECT_EQ(m->sf, 0);
	EXPECT(sf == NULL || rights(sf) == 0);
	EXPECT_EQ(sf_buf_audit(), 0);
	EXPECT_EQ(read_word(m), SIGNATURE);
	vm_page_drop(m);
	EXPECT_EQ(m->sf, 0);
}

/* The CPU-private slot through which a page was filled is not found again. */
TEST(cached_private, "state.sealing_takes_the_private_mapping_away")
{
	struct vm_page *m = new_page();
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
	*(volatile uint32_t *)sf_buf_kva(sf) = SIGNATURE;
	EXPECT(rights(sf) == (SF_PTE_V | SF_PTE_RW));
	sf_buf_free(sf);
	EXPECT(vm_page_seal(m));
	EXPECT_EQ(sf_buf_audit(), 0);
	sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
	EXPECT_EQ(rights(sf), SF_PTE_V);
	EXPECT_EQ(*(volatile uint32_t *)sf_buf_kva(sf), SIGNATURE);
	sf_buf_free(sf);
	sched_unpin();
	vm_page_drop(m);
}

/* A mapping that eviction has removed is not revived: a TLB may still have it. */
TEST(removed, "state.a_removed_mapping_of_a_sealed_page_is_not_revived")
{
	struct vm_page *m = new_page();
	struct sf_buf_stats before, after;

	sched_pin();
	fill(m, SIGNATURE);
	EXPECT(remove_mapping(m) || sf_strict);
	EXPECT(vm_page_seal(m));
	EXPECT_EQ(m->sf, 0);
	sf_buf_stats_read(&before);
	EXPECT_EQ(read_word(m), SIGNATURE);
	sf_buf_stats_read(&after);
	EXPECT_EQ(after.revived, before.revived);
	sched_unpin();
	vm_page_drop(m);
}

/* Finds the frame of a page that was just freed; the others stay held. */
static bool
find_again(const struct vm_page *m, struct vm_page **held, u_int *n)
{
	for (*n = 0; *n < MANY;) {
		held[*n] = new_page();
		if (held[(*n)++] == m)
			return (true);
	}
	return (false);
}

TEST(recycled, "state.a_frame_that_was_sealed_is_writable_for_its_next_owner")
{
	static struct vm_page *held[MANY];
	struct vm_page *m = new_page();
	u_int n;

	fill(m, SIGNATURE);
	EXPECT(vm_page_seal(m));
	EXPECT_EQ(read_word(m), SIGNATURE);
	vm_page_drop(m);
	EXPECT(find_again(m, held, &n));
	EXPECT_EQ(m->state, VPS_FILLING);
	EXPECT_EQ(mapped_rights(m), SF_PTE_V | SF_PTE_RW);
	fill(m, ~SIGNATURE);
	EXPECT_EQ(read_word(m), ~SIGNATURE);
	while (n > 0)
		vm_page_drop(held[--n]);
}

/* Seals pages while other CPUs do the same and evict each other's mappings. */
static void
seal_many(void *arg)
{
	volatile uint32_t *wrong = arg;
	struct vm_page *m[4];
	uint32_t rng = test_seed() + curcpu_id(), v;

	for (u_int i = 0; i < 300 / mp_ncpus + 1; i++) {
		for (u_int j = 0; j < nitems(m); j++) {
			v = SIGNATURE + i * 8 + j;
			m[j] = new_page();
			fill(m[j], v);
			if (test_random(&rng) % 2 != 0)
				vm_page_set_owned(m[j]);
			if (!vm_page_seal(m[j]) || m[j]->sf != 0 ||
			    mapped_rights(m[j]) != SF_PTE_V ||
			    read_word(m[j]) != v)
				atomic_fetchadd_32(wrong, 1);
		}
		for (u_int j = 0; j < nitems(m); j++)
			vm_page_drop(m[j]);
	}
}

TEST(all_cpus, "state.all_cpus_seal_pages_and_every_entry_is_right")
{
	volatile uint32_t wrong = 0;

	run_on_all_cpus(seal_many, (void *)(uintptr_t)&wrong);
	EXPECT_EQ(wrong, 0);
	EXPECT_EQ(sf_buf_audit(), 0);
}

/* --- panics --- */

PANIC_TEST(write_sealed, "panic.write_to_a_sealed_page")
{
	struct vm_page *m = new_page();

	fill(m, SIGNATURE);
	EXPECT(vm_page_seal(m));
	EXPECT_EQ(read_word(m), SIGNATURE);
	fill(m, 0);
}

static void
fill_elsewhere(void *arg)
{
	fill(arg, SIGNATURE);
}

static void
run_on(u_int cpu, void (*fn)(void *), void *arg)
{
	struct thread *td = thread_create_on(cpu, fn, arg, "elsewhere");

	KASSERT(td != NULL, "test: no thread");
	thread_join(td);
}

/* The CPU that writes has cached the mapping that it could write through. */
PANIC_TEST(write_sealed_there, "panic.write_to_a_page_sealed_by_another_cpu")
{
	struct vm_page *m = new_page();

	sched_pin();
	run_on(mp_ncpus - 1 - curcpu_id(), fill_elsewhere, m);
	EXPECT(vm_page_seal(m));
	run_on(mp_ncpus - 1 - curcpu_id(), fill_elsewhere, m);
}

PANIC_TEST(seal_twice, "panic.a_page_is_sealed_twice")
{
	struct vm_page *m = new_page();

	EXPECT(vm_page_seal(m));
	(void)vm_page_seal(m);
}

PANIC_TEST(seal_written, "panic.a_page_with_a_writer_is_sealed")
{
	struct vm_page *m = new_page();

	vm_page_own(m);
	vm_page_set_owned(m);
	vm_page_writer_add(m);
	(void)vm_page_seal(m);
}

PANIC_TEST(seal_mapped, "panic.a_page_with_a_referenced_mapping_is_sealed")
{
	struct vm_page *m = new_page();

	(void)sf_buf_alloc(m, SFB_DEFAULT);
	(void)vm_page_seal(m);
}

PANIC_TEST(share_written, "panic.a_page_with_a_writer_gets_another_owner")
{
	struct vm_page *m = new_page();

	vm_page_own(m);
	vm_page_writer_add(m);
	(void)vm_page_add_owner(m);
}

PANIC_TEST(write_shared, "panic.a_page_with_two_owners_gets_a_writer")
{
	struct vm_page *m = new_page();

	vm_page_own(m);
	EXPECT(vm_page_add_owner(m));
	vm_page_writer_add(m);
}

PANIC_TEST(drop_unheld, "panic.a_hold_is_dropped_that_is_an_owners")
{
	struct vm_page *m = new_page();

	vm_page_own(m);
	vm_page_drop(m);
}

PANIC_TEST(hold_free, "panic.a_page_without_holders_is_held")
{
	struct vm_page *m = new_page();

	vm_page_drop(m);
	(void)vm_page_hold(m);
}

PANIC_TEST(drop_written, "panic.the_last_hold_of_a_page_with_a_writer_is_dropped")
{
	struct vm_page *m = new_page();

	vm_page_own(m);
	vm_page_writer_add(m);
	vm_page_drop_owner(m);
}

PANIC_TEST(drop_mapped, "panic.a_held_page_is_dropped_while_it_is_mapped")
{
	struct vm_page *m = new_page();

	(void)sf_buf_alloc(m, SFB_DEFAULT);
	vm_page_drop(m);
}

PANIC_TEST(own_sealed, "panic.a_sealed_page_becomes_owned")
{
	struct vm_page *m = new_page();

	EXPECT(vm_page_seal(m));
	vm_page_set_owned(m);
}

/* --- what CPUs keep --- */

static bool (*real_lowmem)(void);
static u_int lowmem_calls;

static bool
count_lowmem(void)
{
	lowmem_calls++;
	return (real_lowmem());
}

/* Takes all pages of tasks in the largest blocks, as a chain. */
static struct vm_page *
take_everything(void)
{
	struct vm_page *all = NULL, *m;

	for (u_int order = MAXORDER + 1; order-- > 0;)
		while ((m = vm_page_alloc_order(VM_ALLOC_USER, order)) !=
		    NULL) {
			m->prev = order;
			m->next = all == NULL ? VM_PAGE_NONE :
			    vm_page_index(all);
			all = m;
		}
	return (all);
}

static void
give_everything(struct vm_page *m)
{
	uint32_t next;

	for (; m != NULL; m = next == VM_PAGE_NONE ? NULL :
	    &vm_page_array[next]) {
		next = m->next;
		vm_page_free_order(m, m->prev);
	}
}

/*
 * Half of a block's pages are free, and no two neighbours.  A page of a task
 * comes from there at once: that there is no run of pages is no want of memory,
 * for which other CPUs would lose what they keep, again and again.
 */
TEST(fragments, "state.single_free_pages_are_enough")
{
	struct vm_page *block = vm_page_alloc_order(VM_ALLOC_USER, 8), *all,
	    *taken[100];

	EXPECT(block != NULL);
	all = take_everything();
	for (u_int i = 1; i < 256; i += 2)
		vm_page_free(&block[i]);
	real_lowmem = vm_lowmem;
	lowmem_calls = 0;
	vm_lowmem = count_lowmem;
	for (u_int i = 0; i < nitems(taken); i++)
		taken[i] = vm_page_alloc_held();
	vm_lowmem = real_lowmem;
	EXPECT_EQ(lowmem_calls, 0);
	for (u_int i = 0; i < nitems(taken); i++) {
		EXPECT(taken[i] != NULL);
		if (taken[i] != NULL)
			vm_page_drop(taken[i]);
	}
	(void)vm_held_reclaim();
	for (u_int i = 0; i < 256; i += 2)
		vm_page_free(&block[i]);
	give_everything(all);
}
