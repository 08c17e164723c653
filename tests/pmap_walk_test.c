/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * arch/i386/space/pmap_user.c once more, unchanged, on a machine whose page
 * walks come between any two of its steps.  A real CPU shows that order too
 * rarely.
 *
 * A walk reads the entry at once, notes that the translation is cached, and
 * sets A, and D if it may write.
 */

#include <sys/types.h>
#include <sys/test.h>
#include <machine/hw.h>
#include <arch/i386/space/tables.h>

#define	VA		0x08048000u
#define	LOW_PA		0x012345000ull	/* two frames, whose entries differ */
#define	HIGH_PA		0x1abcde000ull	/* in both words */
#define	TURNS		5000u

static struct {
	pt_entry_t *pte;		/* the entry that it walks; or NULL */
	uint32_t rng;
	bool cached, cached_write;	/* since the last turn began */
	u_int walks, torn;
} walker;

static void
walk(void)
{
	pt_entry_t e;

	if (walker.pte == NULL || test_random(&walker.rng) % 2 != 0)
		return;
	e = *(volatile pt_entry_t *)walker.pte;
	if ((e & PG_V) == 0)
		return;
	walker.walks++;
	walker.cached = true;
	walker.cached_write |= (e & PG_RW) != 0;
	walker.torn += (e & PG_FRAME) != LOW_PA && (e & PG_FRAME) != HIGH_PA;
	*pmap_low(walker.pte) |= PG_A | ((e & PG_RW) != 0 ? PG_M : 0);
}

static uint32_t
walked_load32(volatile uint32_t *p)
{
	uint32_t v = hw_load32(p);

	walk();
	return (v);
}

static void
walked_store32(volatile uint32_t *p, uint32_t v)
{
	hw_store32(p, v);
	walk();
}

static uint32_t
walked_xchg32(volatile uint32_t *p, uint32_t v)
{
	walk();
	v = hw_xchg32(p, v);
	walk();
	return (v);
}

static bool
walked_cmpxchg8b(volatile uint64_t *p, uint32_t old_low, uint32_t old_high,
    uint32_t new_low, uint32_t new_high)
{
	bool done;

	walk();
	done = hw_cmpxchg8b(p, old_low, old_high, new_low, new_high);
	walk();
	return (done);
}

#define	hw_load32	walked_load32
#define	hw_store32	walked_store32
#define	hw_xchg32	walked_xchg32
#define	hw_cmpxchg8b	walked_cmpxchg8b
#define	pmap_enter	walked_enter
#define	pmap_enter_more		walked_enter_more
#define	pmap_remove	walked_remove
#define	pmap_protect	walked_protect
#define	pmap_extract	walked_extract
int	walked_enter(struct pmap *, vm_offset_t, vm_paddr_t, u_int);
bool	walked_remove(struct pmap *, vm_offset_t, vm_offset_t);
bool	walked_protect(struct pmap *, vm_offset_t, vm_offset_t, u_int);
pt_entry_t walked_extract(struct pmap *, vm_offset_t);
#include <arch/i386/space/pmap_user.c>

/*
 * The life of one entry, after a flush.  Returns how often a caller would not
 * have flushed what a TLB caches, or D was lost.
 */
static u_int
turn(struct pmap *pm, vm_paddr_t pa)
{
	const vm_offset_t end = VA + PAGE_SIZE;
	u_int missed = 0;

	walker.cached = walker.cached_write = false;
	(void)walked_enter(pm, VA, pa, 0);
	(void)walked_enter(pm, VA, pa, PMAP_WRITE);
	missed += !walked_protect(pm, VA, end, 0) && walker.cached_write;
	missed += (walked_extract(pm, VA) & PG_M) == 0 && walker.cached_write;
	return (missed + (!walked_remove(pm, VA, end) && walker.cached));
}

TEST(walks, "space.a_page_walk_may_come_between_any_two_steps")
{
	struct pmap *pm = pmap_create();
	u_int missed = 0;

	(void)walked_enter(pm, VA + PAGE_SIZE, LOW_PA, 0); /* keeps the table */
	walker.pte = (pt_entry_t *)pmap_dmap(*pmap_pde(pm, VA) & PG_FRAME) +
	    VA / PAGE_SIZE % NPTE;
	walker.rng = test_seed();
	walker.walks = walker.torn = 0;
	for (u_int i = 0; i < TURNS; i++)
		missed += turn(pm, i % 2 == 0 ? LOW_PA : HIGH_PA);
	walker.pte = NULL;
	EXPECT(walker.walks > TURNS);
	EXPECT_EQ(walker.torn, 0);
	EXPECT_EQ(missed, 0);
	pmap_destroy(pm);
}
