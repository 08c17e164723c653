/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of the page tables of address spaces.  A user address is read here by
 * ring 0, which the kernel never does: see look().
 */

#include <sys/types.h>
#include <sys/abi/call.h>
#include <sys/deadline.h>
#include <sys/errno.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <machine/pmap_user.h>
#include <vm/tlb.h>
#include <vm/vm_state.h>

#define	VA		0x08048000u
#define	TABLE_SIZE	0x200000u
#define	CR4_SMAP	0x00200000u
#define	CREATES		1000u
#define	OLD		((1u << 30) + 100)	/* epochs */
#define	LIMIT_MS	5000u
#define	EXHAUST_MAX	16384u	/* pages */

static struct vm_page *
page_with(uint32_t word)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED);

	*(uint32_t *)pmap_dmap(VM_PAGE_TO_PHYS(m)) = word;
	return (m);
}

static void
page_gone(struct vm_page *m)
{
	vm_page_unwire(m, 0);
	vm_page_free(m);
}

/*
 * Reads a word by way of the translation that this CPU has.  With SMAP that
 * takes EFLAGS.AC (SDM vol. 3A 4.6), which no code of the kernel ever sets.
 */
static uint32_t
look(vm_offset_t va)
{
	bool smap = (rcr4() & CR4_SMAP) != 0;
	uint32_t v;

	if (smap)
		__asm__ volatile("stac" : : : "memory");
	v = *(volatile uint32_t *)va;
	if (smap)
		__asm__ volatile("clac" : : : "memory");
	return (v);
}

/*
 * What a thread of pm reads at va.  Interrupts are off, so that no other thread
 * runs between the switches, and no tick flushes.
 */
static uint32_t
visit(struct pmap *pm, vm_offset_t va)
{
	uint32_t flags = intr_save(), v;

	pmap_activate(pm);
	v = look(va);
	pmap_activate(NULL);
	intr_restore(flags);
	return (v);
}

TEST(enter, "space.an_entry_has_the_rights_that_were_asked_for")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1);
	vm_paddr_t pa = VM_PAGE_TO_PHYS(m);

	EXPECT_EQ(pmap_extract(pm, VA), 0);
	EXPECT_EQ(pmap_enter(pm, VA, pa, 0), 0);
	EXPECT_EQ(pmap_enter(pm, VA + PAGE_SIZE, pa, PMAP_WRITE), 0);
	EXPECT_EQ(pmap_enter(pm, VA + 2 * PAGE_SIZE, pa, PMAP_EXEC), 0);
	EXPECT_EQ(pmap_extract(pm, VA), pa | PG_V | PG_U | pg_nx);
	EXPECT_EQ(pmap_extract(pm, VA + PAGE_SIZE + 4),
	    pa | PG_V | PG_U | PG_RW | pg_nx);
	EXPECT_EQ(pmap_extract(pm, VA + 2 * PAGE_SIZE), pa | PG_V | PG_U);
	EXPECT_EQ(pm->pm_resident, 3);
	EXPECT_EQ(pm->pm_tables, 1);
	EXPECT_EQ(pmap_user_audit(pm), 0);
	pmap_destroy(pm);
	page_gone(m);
}

/* The first page and the last, with what lies at the ends of directories. */
TEST(ends, "space.every_user_address_can_be_mapped")
{
	static const vm_offset_t at[] = { 0, TABLE_SIZE - PAGE_SIZE,
	    0x40000000 - PAGE_SIZE, 0x40000000, USER_END - PAGE_SIZE };
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1);

	for (u_int i = 0; i < nitems(at); i++)
		EXPECT_EQ(pmap_enter(pm, at[i], VM_PAGE_TO_PHYS(m), 0), 0);
	for (u_int i = 0; i < nitems(at); i++)
		EXPECT(pmap_extract(pm, at[i]) != 0);
	EXPECT_EQ(pm->pm_tables, 4);
	EXPECT_EQ(pmap_user_audit(pm), 0);
	EXPECT(!pmap_remove(pm, 0, USER_END));
	EXPECT_EQ(pm->pm_tables, 0);
	EXPECT_EQ(pm->pm_resident, 0);
	pmap_destroy(pm);
	page_gone(m);
}

/* --- rights --- */

TEST(grow, "space.rights_of_the_same_frame_are_added")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1);
	vm_paddr_t pa = VM_PAGE_TO_PHYS(m);

	(void)pmap_enter(pm, VA, pa, 0);
	(void)pmap_enter(pm, VA, pa, PMAP_WRITE);
	EXPECT_EQ(pmap_extract(pm, VA), pa | PG_V | PG_U | PG_RW | pg_nx);
	(void)pmap_enter(pm, VA, pa, 0);
	EXPECT_EQ(pmap_extract(pm, VA), pa | PG_V | PG_U | PG_RW | pg_nx);
	EXPECT(!pmap_protect(pm, VA, VA + PAGE_SIZE, 0));
	(void)pmap_enter(pm, VA, pa, PMAP_EXEC);
	EXPECT_EQ(pmap_extract(pm, VA), pa | PG_V | PG_U);
	EXPECT_EQ(pm->pm_resident, 1);
	EXPECT_EQ(pmap_user_audit(pm), 0);
	pmap_destroy(pm);
	page_gone(m);
}

TEST(protect, "space.protect_takes_rights_away_and_adds_none")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1);
	vm_paddr_t pa = VM_PAGE_TO_PHYS(m);
	const vm_offset_t write = VA, exec = VA + PAGE_SIZE,
	    read = VA + 2 * PAGE_SIZE, end = VA + 3 * PAGE_SIZE;

	(void)pmap_enter(pm, write, pa, PMAP_WRITE);
	(void)pmap_enter(pm, exec, pa, PMAP_EXEC);
	(void)pmap_enter(pm, read, pa, 0);
	EXPECT(!pmap_protect(pm, VA, end, PMAP_WRITE | PMAP_EXEC));
	EXPECT_EQ(pmap_extract(pm, write), pa | PG_V | PG_U | PG_RW | pg_nx);
	EXPECT(!pmap_protect(pm, VA, end, PMAP_WRITE));
	EXPECT_EQ(pmap_extract(pm, write), pa | PG_V | PG_U | PG_RW | pg_nx);
	EXPECT_EQ(pmap_extract(pm, exec), pa | PG_V | PG_U | pg_nx);
	EXPECT(!pmap_protect(pm, VA, end, 0));
	EXPECT_EQ(pmap_extract(pm, write), pa | PG_V | PG_U | pg_nx);
	EXPECT_EQ(pmap_extract(pm, read), pa | PG_V | PG_U | pg_nx);
	EXPECT_EQ(pmap_user_audit(pm), 0);
	pmap_destroy(pm);
	page_gone(m);
}

/* --- tables --- */

TEST(tables, "space.a_table_without_entries_is_given_back")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1);
	vm_offset_t end = VA + 3 * TABLE_SIZE;
	u_int was;

	(void)pmap_reclaim();
	for (vm_offset_t va = VA; va < end; va += PAGE_SIZE)
		(void)pmap_enter(pm, va, VM_PAGE_TO_PHYS(m), PMAP_WRITE);
	EXPECT_EQ(pm->pm_resident, 3 * TABLE_SIZE / PAGE_SIZE);
	EXPECT_EQ(pm->pm_tables, 4);
	EXPECT_EQ(pmap_user_audit(pm), 0);
	was = pmap_waiting();
	EXPECT(!pmap_remove(pm, VA + PAGE_SIZE, end));
	EXPECT_EQ(pm->pm_tables, 1);
	EXPECT_EQ(pm->pm_resident, 1);
	EXPECT_EQ(pmap_waiting(), was + 3);
	EXPECT_EQ(pmap_user_audit(pm), 0);
	EXPECT(pmap_reclaim());
	EXPECT_EQ(pmap_waiting(), 0);
	pmap_destroy(pm);
	page_gone(m);
}

TEST(cycles, "space.a_thousand_address_spaces_leave_nothing")
{
	struct vm_page *m = page_with(1);
	struct pmap *pm;

	for (u_int i = 0; i < CREATES; i++) {
		pm = pmap_create();
		(void)pmap_enter(pm, VA, VM_PAGE_TO_PHYS(m), 0);
		(void)pmap_enter(pm, USER_END - PAGE_SIZE, VM_PAGE_TO_PHYS(m),
		    PMAP_WRITE);
		EXPECT_EQ(visit(pm, VA), 1);
		pmap_destroy(pm);
	}
	page_gone(m);
}

/*
 * --- TLBs ---
 *
 * QEMU keeps a stale translation until its CPU flushes.  So another CPU reads
 * an address, which primes its TLB; here the frame is taken away, and another
 * one put in its place; then that CPU reads again.  In between its interrupts
 * are off, so that no tick flushes; but while it runs a thread of the address
 * space it serves requests, as a CPU does that waits for a spin lock.
 */

struct guest {
	struct pmap *pm;
	bool stays;			/* runs pm in between, too */
	volatile uint32_t step;		/* 1: primed  2: go on  3: done */
	uint32_t first, second;		/* what it read */
	uint64_t asked;			/* requests that it got in between */
	bool kept;			/* had pm's tables before the second */
};

static bool
reached(struct guest *g, uint32_t step)
{
	struct deadline limit = { 0 };

	while (g->step < step && !deadline_lasted(&limit, LIMIT_MS)) {
		cpu_spinwait();
		if (!intr_enabled() && g->stays &&
		    curpcpu()->pc_flush_wanted != 0) {
			g->asked++;
			tlb_serve();
		}
	}
	return (g->step >= step);
}

static void
be_guest(void *arg)
{
	struct guest *g = arg;
	uint32_t flags = intr_save();

	pmap_activate(g->pm);
	g->first = look(VA);
	if (!g->stays)
		pmap_activate(NULL);
	g->step = 1;
	(void)reached(g, 2);
	g->kept = curpcpu()->pc_pmap == g->pm;
	pmap_activate(g->pm);
	g->second = look(VA);
	pmap_activate(NULL);
	tlb_switch(NULL);
	intr_restore(flags);
	g->step = 3;
}

/*
 * Starts a guest on the last CPU, in a new address space with m at VA; false if
 * there is no other CPU.  This thread then is bound to the first.
 */
static bool
start_guest(struct guest *g, struct thread **td, struct vm_page *m)
{
	if (mp_ncpus == 1) {
		test_skip("one CPU");
		return (false);
	}
	g->pm = pmap_create();
	g->step = 0;
	g->asked = 0;
	(void)pmap_enter(g->pm, VA, VM_PAGE_TO_PHYS(m), PMAP_WRITE);
	sched_bind(0);
	*td = thread_create_on(mp_ncpus - 1, be_guest, g, "guest");
	EXPECT(reached(g, 1));
	EXPECT_EQ(g->first, 1);
	return (true);
}

static void
end_guest(struct guest *g, struct thread *td)
{
	g->step = 2;
	thread_join(td);
	sched_unbind();
}

/* Replaces the frame that VA has. */
static void
replace(struct pmap *pm, struct vm_page *m)
{
	EXPECT(pmap_remove(pm, VA, VA + PAGE_SIZE));
	pmap_flush(pm);
	(void)pmap_enter(pm, VA, VM_PAGE_TO_PHYS(m), PMAP_WRITE);
}

TEST(forced, "space.a_cpu_that_runs_the_task_is_made_to_flush")
{
	struct vm_page *one = page_with(1), *two = page_with(2);
	struct guest g = { .stays = true };
	uint64_t forced;
	struct thread *td;

	if (start_guest(&g, &td, one)) {
		forced = curpcpu()->pc_user.forced;
		replace(g.pm, two);
		EXPECT_EQ(curpcpu()->pc_user.forced, forced + 1);
		end_guest(&g, td);
		EXPECT_EQ(g.asked, 1);
		EXPECT_EQ(g.second, 2);
		pmap_destroy(g.pm);
	}
	page_gone(one);
	page_gone(two);
}

TEST(owed, "space.a_cpu_that_does_not_run_the_task_owes_the_flush")
{
	struct vm_page *one = page_with(1), *two = page_with(2);
	struct guest g = { .stays = false };
	uint64_t forced, owed;
	struct thread *td;

	if (start_guest(&g, &td, one)) {
		forced = curpcpu()->pc_user.forced;
		owed = pcpus[mp_ncpus - 1]->pc_user.owed;
		replace(g.pm, two);
		EXPECT_EQ(curpcpu()->pc_user.forced, forced);
		end_guest(&g, td);
		EXPECT(g.kept);
		EXPECT_EQ(g.second, 2);
		EXPECT_EQ(pcpus[mp_ncpus - 1]->pc_user.owed, owed + 1);
		pmap_destroy(g.pm);
	}
	page_gone(one);
	page_gone(two);
}

TEST(spared, "space.a_cpu_that_owes_nothing_does_not_flush")
{
	struct vm_page *one = page_with(1);
	struct guest g = { .stays = false };
	struct pmap_stats *s = &pcpus[mp_ncpus - 1]->pc_user;
	uint64_t spared, switches;
	struct thread *td;

	if (start_guest(&g, &td, one)) {
		spared = s->spared;
		switches = s->switches;
		(void)pmap_enter(g.pm, VA + PAGE_SIZE, VM_PAGE_TO_PHYS(one),
		    0);
		end_guest(&g, td);
		EXPECT(g.kept);
		EXPECT_EQ(s->spared, spared + 1);
		EXPECT_EQ(s->switches, switches);
		pmap_destroy(g.pm);
	}
	page_gone(one);
}

/* The entry gets another frame behind the back of the TLBs. */
TEST(protected, "space.rights_are_gone_from_every_tlb_after_the_flush")
{
	struct vm_page *one = page_with(1), *two = page_with(2);
	struct guest g = { .stays = true };
	struct thread *td;
	pt_entry_t *pte;

	if (start_guest(&g, &td, one)) {
		EXPECT(pmap_protect(g.pm, VA, VA + PAGE_SIZE, 0));
		pmap_flush(g.pm);
		pte = pmap_dmap(g.pm->pm_pd[0][VA / TABLE_SIZE] & PG_FRAME);
		pte += VA / PAGE_SIZE % (TABLE_SIZE / PAGE_SIZE);
		EXPECT_EQ(*pte & ~(pt_entry_t)PG_A,
		    VM_PAGE_TO_PHYS(one) | PG_V | PG_U | pg_nx);
		*pte ^= VM_PAGE_TO_PHYS(one) ^ VM_PAGE_TO_PHYS(two);
		end_guest(&g, td);
		EXPECT_EQ(g.second, 2);
		pmap_destroy(g.pm);
	}
	page_gone(one);
	page_gone(two);
}

TEST(accessed, "space.an_entry_that_no_tlb_cached_needs_no_flush")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1);
	vm_offset_t next = VA + PAGE_SIZE;

	(void)pmap_enter(pm, VA, VM_PAGE_TO_PHYS(m), PMAP_WRITE);
	(void)pmap_enter(pm, next, VM_PAGE_TO_PHYS(m), PMAP_WRITE);
	EXPECT_EQ(visit(pm, VA), 1);
	EXPECT(!pmap_protect(pm, next, next + PAGE_SIZE, 0));
	EXPECT(!pmap_remove(pm, next, next + PAGE_SIZE));
	EXPECT(pmap_protect(pm, VA, next, 0));
	EXPECT(pmap_remove(pm, VA, next));
	pmap_flush(pm);
	pmap_destroy(pm);
	page_gone(m);
}

/* --- the end of an address space, and of tables --- */

/* Whether pages of tables are freed without a flush for which this waits. */
static bool
reclaim_nowait(void)
{
	uint32_t flags = intr_save();
	bool any = pmap_reclaim();

	intr_restore(flags);
	return (any);
}

/* A thread of the kernel that runs in a dead address space for a while. */
static void
stay(void *arg)
{
	struct guest *g = arg;
	uint32_t flags = intr_save();

	pmap_activate(g->pm);
	g->first = look(VA);
	pmap_activate(NULL);
	g->step = 1;
	(void)reached(g, 2);
	g->kept = curpcpu()->pc_pmap == g->pm;
	tlb_flush_here();
	g->second = hw_read_cr3() == kern_cr3 && curpcpu()->pc_pmap == NULL;
	tlb_switch(NULL);		/* if that failed */
	intr_restore(flags);
	g->step = 3;
}

TEST(dead, "space.tables_are_kept_while_a_cpu_has_them_loaded")
{
	struct vm_page *one = page_with(1), *own, *pd;
	struct guest g = { .stays = false };
	struct thread *td;

	if (mp_ncpus == 1) {
		test_skip("one CPU");
		page_gone(one);
		return;
	}
	(void)pmap_reclaim();
	sched_bind(0);
	g.pm = pmap_create();
	own = PHYS_TO_VM_PAGE(g.pm->pm_cr3);
	pd = PHYS_TO_VM_PAGE(g.pm->pm_pdpt[0] & PG_FRAME);
	(void)pmap_enter(g.pm, VA, VM_PAGE_TO_PHYS(one), 0);
	td = thread_create_on(mp_ncpus - 1, stay, &g, "guest");
	EXPECT(reached(&g, 1));
	pmap_destroy(g.pm);
	EXPECT_EQ(pmap_waiting(), 4);
	EXPECT(!reclaim_nowait());
	EXPECT((own->flags & pd->flags & VPF_ALLOCATED) != 0);
	g.step = 2;
	thread_join(td);
	EXPECT(g.kept);
	EXPECT_EQ(g.second, 1);
	EXPECT(pmap_reclaim());
	EXPECT_EQ(pmap_waiting(), 0);
	sched_unbind();
	page_gone(one);
}

/* The table goes from memory at once, and to another use after the flush. */
TEST(table_waits, "space.a_table_that_is_given_back_waits_for_a_flush")
{
	struct vm_page *one = page_with(1), *table;
	struct guest g = { .stays = false };
	struct thread *td;

	(void)pmap_reclaim();
	if (start_guest(&g, &td, one)) {
		table = PHYS_TO_VM_PAGE(g.pm->pm_pd[0][VA / TABLE_SIZE] &
		    PG_FRAME);
		EXPECT(pmap_remove(g.pm, VA, VA + PAGE_SIZE));
		pmap_flush(g.pm);
		EXPECT_EQ(pmap_waiting(), 1);
		EXPECT(!reclaim_nowait());
		EXPECT((table->flags & VPF_ALLOCATED) != 0);
		(void)pmap_enter(g.pm, VA, VM_PAGE_TO_PHYS(one), 0);
		EXPECT_EQ(g.pm->pm_tables, 1);
		end_guest(&g, td);
		EXPECT_EQ(g.second, 1);
		EXPECT(pmap_reclaim());
		EXPECT_EQ(pmap_waiting(), 0);
		pmap_destroy(g.pm);
	}
	page_gone(one);
}

/* An address space may be the only one for hours, in which epochs wrap. */
TEST(old_stamp, "space.a_stamp_that_is_too_old_is_replaced")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1), *table;

	(void)pmap_reclaim();
	(void)pmap_enter(pm, VA, VM_PAGE_TO_PHYS(m), 0);
	table = PHYS_TO_VM_PAGE(pm->pm_pd[0][VA / TABLE_SIZE] & PG_FRAME);
	(void)pmap_remove(pm, VA, VA + PAGE_SIZE);
	EXPECT_EQ(pmap_waiting(), 1);
	table->prev -= OLD;
	EXPECT(!reclaim_nowait());
	tlb_flush_all_wait();
	EXPECT(reclaim_nowait());
	EXPECT_EQ(pmap_waiting(), 0);
	pmap_destroy(pm);
	page_gone(m);
}

static void
leave(void *arg)
{
	(void)arg;
	tlb_switch(NULL);
}

static void
visit_lazily(void *arg)
{
	(void)visit(arg, VA);
}

TEST(idle, "space.an_idle_cpu_has_the_kernels_tables")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1);
	const struct pcpu *pc = pcpus[mp_ncpus - 1];
	uint64_t switches = pc->pc_user.switches;
	struct deadline limit = { 0 };

	(void)pmap_enter(pm, VA, VM_PAGE_TO_PHYS(m), 0);
	thread_join(thread_create_on(mp_ncpus - 1, visit_lazily, pm, "guest"));
	EXPECT_EQ(pc->pc_user.switches, switches + 1);
	while (*(struct pmap *const volatile *)&pc->pc_pmap != NULL &&
	    !deadline_lasted(&limit, LIMIT_MS))
		(void)thread_sleep_ms(1, 0);
	EXPECT(pc->pc_pmap == NULL);
	smp_call(pc->pc_cpuid, leave, NULL);	/* if that failed */
	pmap_destroy(pm);
	page_gone(m);
}

/* --- several threads at once --- */

/*
 * Each CPU has every NTH page of the same tables, which come and go under all
 * of them.
 */
struct crowd {
	struct pmap *pm;
	struct vm_page *m;
	volatile uint32_t left;		/* rounds that are still to do */
};

#define	CROWD_PAGES	(2 * TABLE_SIZE / PAGE_SIZE)

static void
be_crowd(void *arg)
{
	struct crowd *c = arg;
	uint32_t rng = test_seed() + curcpu_id();
	vm_paddr_t pa = VM_PAGE_TO_PHYS(c->m);
	u_int page, me = curcpu_id(), errors = 0;
	vm_offset_t va;

	while ((int32_t)atomic_fetchadd_32(&c->left, -1u) > 0) {
		page = test_random(&rng) % (CROWD_PAGES / mp_ncpus);
		va = VA + (page * mp_ncpus + me) * PAGE_SIZE;
		switch (test_random(&rng) % 4) {
		case 0:
			errors += pmap_enter(c->pm, va, pa, PMAP_WRITE) != 0;
			errors += (pmap_extract(c->pm, va) & PG_RW) == 0;
			break;
		case 1:
			(void)pmap_protect(c->pm, va, va + PAGE_SIZE, 0);
			errors += (pmap_extract(c->pm, va) & PG_RW) != 0;
			break;
		default:
			(void)pmap_remove(c->pm, va, va + PAGE_SIZE);
			errors += pmap_extract(c->pm, va) != 0;
		}
	}
	EXPECT_EQ(errors, 0);
}

TEST(crowd, "space.cpus_enter_and_remove_in_the_same_tables")
{
	struct crowd c = { .pm = pmap_create(), .m = page_with(1),
	    .left = 8000 };

	run_on_all_cpus(be_crowd, &c);
	EXPECT_EQ(pmap_user_audit(c.pm), 0);
	(void)pmap_remove(c.pm, 0, USER_END);
	EXPECT_EQ(c.pm->pm_tables, 0);
	pmap_destroy(c.pm);
	page_gone(c.m);
}

/* Each CPU enters the first page of a table again and again, all at once. */
static void
be_first(void *arg)
{
	struct crowd *c = arg;
	vm_offset_t va = VA + curcpu_id() * PAGE_SIZE;
	u_int errors = 0;

	while ((int32_t)atomic_fetchadd_32(&c->left, -1u) > 0) {
		errors += pmap_enter(c->pm, va, VM_PAGE_TO_PHYS(c->m), 0) != 0;
		(void)pmap_remove(c->pm, va, va + PAGE_SIZE);
	}
	EXPECT_EQ(errors, 0);
}

TEST(race, "space.cpus_that_make_the_same_table_leave_one")
{
	struct crowd c = { .pm = pmap_create(), .m = page_with(1),
	    .left = 8000 };

	run_on_all_cpus(be_first, &c);
	EXPECT_EQ(c.pm->pm_tables, 0);
	EXPECT_EQ(pmap_user_audit(c.pm), 0);
	pmap_destroy(c.pm);
	page_gone(c.m);
}

/* --- memory runs out --- */


/* Frees the first page of a list; returns the next. */
static struct vm_page *
free_first(struct vm_page *m)
{
	uint32_t next = m->next;

	vm_page_free(m);
	return (next == VM_PAGE_NONE ? NULL : &vm_page_array[next]);
}

TEST(no_memory, "space.no_page_for_a_table_is_an_error")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1), *all = NULL, *p;
	u_int before = pm->pm_tables;

	if (vm_page_zone_free(VM_ZONE_DIRECT) > EXHAUST_MAX) {
		test_skip("it would take long: the direct map is large");
		pmap_destroy(pm);
		page_gone(m);
		return;
	}
	while ((p = vm_page_alloc(VM_ALLOC_DIRECT)) != NULL) {
		p->next = all == NULL ? VM_PAGE_NONE : vm_page_index(all);
		all = p;
	}
	EXPECT_EQ(pmap_enter(pm, VA, VM_PAGE_TO_PHYS(m), 0), ENOMEM);
	EXPECT_EQ(pm->pm_tables, before);
	/* Not enough for all three pages of another one. */
	for (u_int i = 0; i < 3 && all != NULL; i++) {
		EXPECT(pmap_create() == NULL);
		all = free_first(all);
	}
	while (all != NULL)
		all = free_first(all);
	EXPECT_EQ(pmap_enter(pm, VA, VM_PAGE_TO_PHYS(m), 0), 0);
	pmap_destroy(pm);
	page_gone(m);
}

/* --- the audit --- */

TEST(audit, "space.the_audit_finds_a_wrong_entry")
{
	struct pmap *pm = pmap_create();
	struct vm_page *m = page_with(1);
	vm_paddr_t pa = VM_PAGE_TO_PHYS(m);
	pt_entry_t *pte, good;

	(void)pmap_enter(pm, VA, pa, PMAP_WRITE);
	pte = pmap_dmap(pm->pm_pd[0][VA / TABLE_SIZE] & PG_FRAME);
	pte += VA / PAGE_SIZE % (TABLE_SIZE / PAGE_SIZE);
	good = *pte;
	printf("# the entries named next are wrong on purpose\n");
	*pte = good & ~(pt_entry_t)PG_U;
	EXPECT_EQ(pmap_user_audit(pm), 1);
	*pte = good | PG_G;
	EXPECT_EQ(pmap_user_audit(pm), 1);
	*pte = good & ~PG_NX;
	EXPECT_EQ(pmap_user_audit(pm), pg_nx != 0);
	*pte = good ^ pa ^ VM_PAGE_TO_PHYS(&vm_page_array[vm_page_count]);
	EXPECT_EQ(pmap_user_audit(pm), 1);
	*pte = good;
	pte[1] = good;			/* its table does not count it */
	EXPECT_EQ(pmap_user_audit(pm), 2);
	pte[1] = 0;
	m->state = VPS_SEALED;
	EXPECT_EQ(pmap_user_audit(pm), 1);
	m->state = VPS_FILLING;
	EXPECT_EQ(pmap_user_audit(pm), 1);
	m->state = VPS_OWNED;
	m->holders = 2 * HOLD_OWNER;
	EXPECT_EQ(pmap_user_audit(pm), 1);
	m->holders = 0;
	vm_page_unwire(m, 0);
	EXPECT_EQ(pmap_user_audit(pm), 1);
	vm_page_wire(m);
	EXPECT_EQ(pmap_user_audit(pm), 0);
	pmap_destroy(pm);
	page_gone(m);
}
