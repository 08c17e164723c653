/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Compares every entry of an address space with what it may hold.  Changes
 * nothing.
 *
 * What it finds of pages is right while other threads run: before a page is
 * sealed or shared its entries lose the right to write, and before it is freed
 * they are removed; either takes pm_lock, which is held here from the look at
 * an entry to the look at its page.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <vm/vm_state.h>
#include <arch/i386/space/tables.h>

#define	PG_TABLE	(PG_V | PG_RW | PG_U)	/* of a directory's entry */
#define	SHOW_MAX	16u

/* What one audit has found. */
struct audit {
	struct pmap *pm;
	u_int wrong, tables, resident;
};

/* Counts a wrong entry; prints the first ones. */
static void
note(struct audit *a, vm_offset_t va, pt_entry_t entry, const char *why)
{
	if (a->wrong++ < SHOW_MAX)
		printf("pmap: address space %p: the entry of 0x%08zx, "
		    "0x%016llx, is wrong: %s\n", (void *)a->pm, (size_t)va,
		    (unsigned long long)entry, why);
}

/* What is wrong with the frame of an entry, or NULL. */
static const char *
frame_error(pt_entry_t entry)
{
	const struct vm_page *m;

	if (atop(entry & PG_FRAME) >= vm_page_count)
		return ("not a frame of RAM");
	m = pmap_page(entry);
	if ((m->flags & VPF_ALLOCATED) == 0)
		return ("a page that is free");
	if (!vm_page_wired(m))
		return ("a page that is not wired");
	if (m->state == VPS_FILLING)
		return ("a page that is being filled");
	if ((entry & PG_RW) == 0)
		return (NULL);
	if (vm_page_is_sealed(m))
		return ("writable, of a sealed page");
	return (vm_page_owners(m) > 1 ? "writable, of a shared page" : NULL);
}

/* What is wrong with a present entry of a page table, or NULL. */
static const char *
entry_error(pt_entry_t entry)
{
	if ((entry & PG_U) == 0)
		return ("not for user mode");
	if ((entry & PG_G) != 0)
		return ("global");
	if ((entry & PG_PS) != 0)
		return ("of a memory type of its own");	/* PAT */
	if ((entry & PG_NX & ~pg_nx) != 0)
		return ("no-execute, which this CPU reserves");
	if (pg_nx != 0 && (entry & (PG_RW | PG_NX)) == PG_RW)
		return ("writable and executable");
	return (frame_error(entry));
}

static void
check_table(struct audit *a, vm_offset_t va, pt_entry_t pde)
{
	const pt_entry_t *pte = pmap_dmap(pde & PG_FRAME);
	const char *why;
	u_int present = 0;

	a->tables++;
	if ((pde & ~(PG_FRAME | PG_A)) != PG_TABLE)
		note(a, va, pde, "a directory's entry with other bits");
	for (u_int i = 0; i < NPTE; i++) {
		if ((pte[i] & PG_V) == 0)
			continue;
		present++;
		why = entry_error(pte[i]);
		if (why != NULL)
			note(a, va + i * PAGE_SIZE, pte[i], why);
	}
	a->resident += present;
	if (present == 0 || present != pmap_page(pde)->next)
		note(a, va, pde, "its table counts other entries than it has");
}

/*
 * The entries of the PDPT, whose bits 1, 2 and 5 to 8 are reserved; but QEMU's
 * page walks set bit 5, A, here as well.
 */
static void
check_pdpt(struct audit *a)
{
	const struct pmap *pm = a->pm;
	pt_entry_t must;

	for (u_int i = 0; i < nitems(pm->pm_pdpt); i++) {
		must = i >= 2 ? pmap_kpdpte(i) :
		    ((vm_offset_t)pm->pm_pd[i] - DMAP_MIN) | PG_V;
		if (((pm->pm_pdpt[i] ^ must) & ~(pt_entry_t)PG_A) != 0)
			note(a, i << 30, pm->pm_pdpt[i], "of the PDPT");
	}
}

/* The contract is in <machine/pmap_user.h>. */
u_int
pmap_user_audit(struct pmap *pm)
{
	struct audit a = { .pm = pm };
	pt_entry_t pde;

	check_pdpt(&a);
	for (vm_offset_t va = 0; va < USER_END; va += TABLE_SIZE) {
		spin_lock(&pm->pm_lock);
		pde = *pmap_pde(pm, va);
		if ((pde & PG_V) != 0)
			check_table(&a, va, pde);
		spin_unlock(&pm->pm_lock);
	}
	if (a.tables != pm->pm_tables || a.resident != pm->pm_resident) {
		a.wrong++;
		printf("pmap: address space %p counts %u tables and %u "
		    "entries; it has %u and %u\n", (void *)pm, pm->pm_tables,
		    pm->pm_resident, a.tables, a.resident);
	}
	return (a.wrong);
}
