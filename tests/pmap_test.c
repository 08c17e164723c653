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
#include <sys/errno.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/pmap_user.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>

#define	VA		0x08048000u
#define	TABLE_SIZE	0x200000u
#define	CR4_SMAP	0x00200000u
#define	CREATES		1000u

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

static void
activate(struct pmap *pm)
{
	uint32_t flags = intr_save();

	pmap_activate(pm);
	intr_restore(flags);
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
		activate(pm);
		EXPECT_EQ(look(VA), 1);
		activate(NULL);
		pmap_destroy(pm);
	}
	page_gone(m);
}
