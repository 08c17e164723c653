/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The entries of address spaces: enters and removes them, and takes rights
 * away.  Owns the page tables of tasks, each as long as it has an entry.
 *
 * Invariants of an entry, by the rules of docs/tlb-coherence.md:
 *
 *  - It goes from not-present to present and back, never from one frame to
 *    another.  It is entered with A clear; the high word is stored before the
 *    low one, which has P.
 *  - It has U and never G, and is never writable and executable, if the CPU has
 *    NX.
 *  - It is removed by a locked exchange of the low word, which yields A; its
 *    rights change by CMPXCHG8B, because a walk may set A and D at any time.
 *
 * An entry that is found with A clear was cached by no TLB.  Rights that are
 * added need no flush: a CPU that still caches fewer takes a page fault, which
 * drops what it caches for that address (SDM vol. 3A 4.10.4.1), and finds that
 * nothing is wrong.
 *
 * A directory entry goes the way of an entry.  The table that it named waits
 * for a flush; a walk that still comes by it until then finds no entry present.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/hw.h>
#include <arch/i386/space/tables.h>

#define	PG_WX(e)	(((e) & (PG_RW | pg_nx)) == PG_RW && pg_nx != 0)

/* Panics unless [start, end) is a range of whole pages below the kernel. */
static void
check_range(const struct pmap *pm, vm_offset_t start, vm_offset_t end,
    const char *func, const void *caller)
{
	KASSERT(start <= end && end <= USER_END &&
	    ((start | end) & PAGE_MASK) == 0 && pm->pm_dead == 0,
	    "%s: 0x%zx to 0x%zx of address space %p, dead %u (called from "
	    "%pC)", func, (size_t)start, (size_t)end, (const void *)pm,
	    pm->pm_dead, caller);
}

/* The entry of an address, or NULL if it has no table.  pm_lock is held. */
static inline pt_entry_t *
find_pte(struct pmap *pm, vm_offset_t va)
{
	pt_entry_t pde = *pmap_pde(pm, va);

	if ((pde & PG_V) == 0)
		return (NULL);
	return ((pt_entry_t *)pmap_dmap(pde & PG_FRAME) +
	    va / PAGE_SIZE % NPTE);
}

/* The struct vm_page of the table that an entry is in. */
static struct vm_page *
table_of(const pt_entry_t *pte)
{
	return (PHYS_TO_VM_PAGE((vm_paddr_t)((vm_offset_t)pte - DMAP_MIN)));
}

/* Makes an entry present that is not; see pmap_kenter() for the order. */
static void
make_present(pt_entry_t *pte, pt_entry_t entry)
{
	hw_store32(pmap_low(pte) + 1, (uint32_t)(entry >> 32));
	hw_store32(pmap_low(pte), (uint32_t)entry);
}

/* Stores new in *pte if it was *old; else *old is what it is now. */
static bool
change(pt_entry_t *pte, pt_entry_t *old, pt_entry_t new)
{
	if (hw_cmpxchg8b((volatile uint64_t *)pte, (uint32_t)*old,
	    (uint32_t)(*old >> 32), (uint32_t)new, (uint32_t)(new >> 32)))
		return (true);
	*old = *(volatile pt_entry_t *)pte;
	return (false);
}

/* Adds rights to a present entry.  pm_lock is held. */
static void
add_rights(pt_entry_t *pte, vm_offset_t va, pt_entry_t entry,
    const void *caller)
{
	pt_entry_t old = *(volatile pt_entry_t *)pte, new;

	KASSERT((old & PG_FRAME) == (entry & PG_FRAME), "pmap_enter: frame "
	    "0x%x at 0x%zx, which has 0x%x (called from %pC)",
	    atop(entry & PG_FRAME), (size_t)va, atop(old & PG_FRAME), caller);
	do {
		new = (old | (entry & PG_RW)) & ~(~entry & pg_nx);
		KASSERT(!PG_WX(new), "pmap_enter: 0x%zx would be writable and "
		    "executable (called from %pC)", (size_t)va, caller);
	} while (new != old && !change(pte, &old, new));
	hw_invlpg(va);
}

/*
 * Gives va a table, from *m, if it has none by now, and then *m is NULL.  The
 * table is zeroed before the directory shows it.  pm_lock is held.
 */
static void
add_table(struct pmap *pm, vm_offset_t va, struct vm_page **m)
{
	pt_entry_t *pde = pmap_pde(pm, va);
	uint32_t *where, bit;

	if ((*pde & PG_V) != 0)
		return;
	make_present(pde, VM_PAGE_TO_PHYS(*m) | PG_V | PG_RW | PG_U);
	where = pmap_where(pm, va, &bit);
	*where |= bit;
	pm->pm_tables++;
	*m = NULL;
}

/* pmap_enter() at the entry of va.  pm_lock is held. */
static void
enter(struct pmap *pm, pt_entry_t *pte, vm_offset_t va, pt_entry_t entry,
    const void *caller)
{
	if ((*pmap_low(pte) & PG_V) != 0) {
		add_rights(pte, va, entry, caller);
		return;
	}
	make_present(pte, entry);
	table_of(pte)->next++;
	pm->pm_resident++;
	curpcpu()->pc_user.entered++;
}

/* Contracts of the public functions are in <machine/pmap_user.h>. */
int
pmap_enter(struct pmap *pm, vm_offset_t va, vm_paddr_t pa, u_int rights)
{
	pt_entry_t entry = pa | PG_V | PG_U |
	    ((rights & PMAP_WRITE) != 0 ? PG_RW : 0) |
	    ((rights & PMAP_EXEC) != 0 ? 0 : pg_nx);
	struct vm_page *table = NULL;
	pt_entry_t *pte;

	check_range(pm, va, va + PAGE_SIZE, "pmap_enter", __caller());
	KASSERT((pa & ~PG_FRAME) == 0 && (rights != (PMAP_WRITE | PMAP_EXEC) ||
	    pg_nx == 0), "pmap_enter: 0x%llx "
	    "at 0x%zx, rights 0x%x (called from %pC)", (unsigned long long)pa,
	    (size_t)va, rights, __caller());
	spin_lock(&pm->pm_lock);
	pte = find_pte(pm, va);
	if (pte == NULL) {
		spin_unlock(&pm->pm_lock);
		table = pmap_table_alloc();
		if (table == NULL)
			return (ENOMEM);
		spin_lock(&pm->pm_lock);
		add_table(pm, va, &table);
		pte = find_pte(pm, va);
	}
	enter(pm, pte, va, entry, __caller());
	spin_unlock(&pm->pm_lock);
	if (table != NULL)
		pmap_table_free(table);	/* another thread was faster */
	return (0);
}

void
pmap_enter_more(struct pmap *pm, vm_offset_t va, struct vm_page *const *m,
    u_int n, u_int rights)
{
	pt_entry_t bits = PG_V | PG_U |
	    ((rights & PMAP_EXEC) != 0 ? 0 : pg_nx), *pte;
	u_int entered = 0;

	check_range(pm, va, va + n * PAGE_SIZE, "pmap_enter_more", __caller());
	KASSERT(va / PAGE_SIZE % NPTE + n <= NPTE, "pmap_enter_more: %u pages "
	    "from 0x%zx have two tables (called from %pC)", n, (size_t)va,
	    __caller());
	spin_lock(&pm->pm_lock);
	pte = find_pte(pm, va);
	for (u_int i = 0; pte != NULL && i < n; i++)
		if (m[i] != NULL && (*pmap_low(&pte[i]) & PG_V) == 0) {
			make_present(&pte[i], VM_PAGE_TO_PHYS(m[i]) | bits);
			entered++;
		}
	if (entered != 0)
		table_of(pte)->next += entered;
	pm->pm_resident += entered;
	curpcpu()->pc_user.entered += entered;
	spin_unlock(&pm->pm_lock);
}

/*
 * Removes n entries from pte on; true if a TLB may cache one.  One locked
 * exchange clears P and reads A; sf_pte_remove() explains why that is
 * conclusive.  pm_lock is held.
 */
static bool
remove_entries(struct pmap *pm, pt_entry_t *pte, u_int n)
{
	uint32_t all = 0, old;
	u_int removed = 0;

	for (; n-- > 0; pte++) {
		if ((hw_load32(pmap_low(pte)) & PG_V) == 0)
			continue;
		old = hw_xchg32(pmap_low(pte), 0);
		all |= old;
		removed++;
	}
	pm->pm_resident -= removed;
	table_of(pte - 1)->next -= removed;
	curpcpu()->pc_user.removed += removed;
	return ((all & PG_A) != 0);
}

/* Takes the table of va, which is empty, out of its directory. */
static struct vm_page *
take_table(struct pmap *pm, vm_offset_t va)
{
	pt_entry_t *pde = pmap_pde(pm, va);
	struct vm_page *m = pmap_page(*pde);
	uint32_t *where, bit;

	(void)hw_xchg32(pmap_low(pde), 0);
	where = pmap_where(pm, va, &bit);
	*where &= ~bit;
	pm->pm_tables--;
	return (m);
}

/* The end of what the table of va maps, or `end' if that comes first. */
static inline vm_offset_t
table_end(vm_offset_t va, vm_offset_t end)
{
	vm_offset_t next = (va & ~(TABLE_SIZE - 1)) + TABLE_SIZE;

	return (next < end ? next : end);
}

bool
pmap_remove(struct pmap *pm, vm_offset_t start, vm_offset_t end)
{
	uint32_t gone = VM_PAGE_NONE;	/* a chain of tables */
	bool unflushed = false;
	struct vm_page *m;
	vm_offset_t next;
	pt_entry_t *pte;

	check_range(pm, start, end, "pmap_remove", __caller());
	for (; start < end; start = next) {
		next = table_end(start, end);
		spin_lock(&pm->pm_lock);
		pte = find_pte(pm, start);
		if (pte != NULL) {
			unflushed |= remove_entries(pm, pte,
			    (next - start) / PAGE_SIZE);
			if (table_of(pte)->next == 0) {
				m = take_table(pm, start);
				m->next = gone;
				gone = vm_page_index(m);
			}
		}
		spin_unlock(&pm->pm_lock);
	}
	if (gone != VM_PAGE_NONE)
		pmap_wait(gone);
	return (unflushed);
}

/*
 * Takes from n entries the rights that `keep' lacks; `keep' has RW or not, and
 * NX or not.  True if a TLB may cache one of them as it was: not if A is clear
 * afterwards, for a walk sets A, by a locked access, before a TLB caches what it
 * read (SDM vol. 3A 4.10.2.2).  That this access looks at the rights again, as
 * it does at P, is assumed.
 */
static bool
protect_entries(pt_entry_t *pte, u_int n, pt_entry_t keep)
{
	bool unflushed = false;
	pt_entry_t old, new;

	for (; n-- > 0; pte++) {
		old = *(volatile pt_entry_t *)pte;
		if ((old & PG_V) == 0)
			continue;
		do {
			new = (old & (keep | ~(pt_entry_t)PG_RW)) |
			    (keep & pg_nx);
		} while (new != old && !change(pte, &old, new));
		unflushed |= new != old && (old & PG_A) != 0;
	}
	return (unflushed);
}

bool
pmap_protect(struct pmap *pm, vm_offset_t start, vm_offset_t end, u_int rights)
{
	pt_entry_t keep = ((rights & PMAP_WRITE) != 0 ? PG_RW : 0) |
	    ((rights & PMAP_EXEC) != 0 ? 0 : pg_nx);
	bool unflushed = false;
	vm_offset_t next;
	pt_entry_t *pte;

	check_range(pm, start, end, "pmap_protect", __caller());
	keep |= ~(PG_RW | PG_NX);
	for (; start < end; start = next) {
		next = table_end(start, end);
		spin_lock(&pm->pm_lock);
		pte = find_pte(pm, start);
		if (pte != NULL)
			unflushed |= protect_entries(pte,
			    (next - start) / PAGE_SIZE, keep);
		spin_unlock(&pm->pm_lock);
	}
	return (unflushed);
}

pt_entry_t
pmap_extract(struct pmap *pm, vm_offset_t va)
{
	pt_entry_t *pte, entry = 0;

	check_range(pm, trunc_page(va), trunc_page(va), "pmap_extract",
	    __caller());
	spin_lock(&pm->pm_lock);
	if (va < USER_END && (pte = find_pte(pm, va)) != NULL)
		entry = *(volatile pt_entry_t *)pte;
	spin_unlock(&pm->pm_lock);
	return ((entry & PG_V) != 0 ? entry : 0);
}
