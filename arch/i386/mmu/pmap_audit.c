/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Compares every page-table entry of the kernel with what it may hold, by the
 * table of docs/address-space.md.  Changes nothing.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/pmap.h>
#include <vm/vm_page.h>

#define	PDE_SIZE	0x200000u
#define	SHOW_MAX	16u

extern char kern_text[], kern_rodata[], kern_data[], kern_ksyms[],
    kern_end[];

static bool
within(vm_offset_t va, const char *start, const char *end)
{
	return (va >= (vm_offset_t)start && va < (vm_offset_t)end);
}

/* What is wrong with a present entry that maps size bytes at va, or NULL. */
static const char *
leaf_error(vm_offset_t va, pt_entry_t pte, vm_size_t size)
{
	vm_paddr_t pa = pte & PG_FRAME;
	bool text = within(va, kern_text, kern_rodata);
	bool read_only = text || within(va, kern_rodata, kern_data) ||
	    within(va, kern_ksyms, kern_end);
	const struct vm_page *m;

	if (va < KERNBASE)
		return ("below the kernel, where there is nothing");
	if ((pte & PG_U) != 0)
		return ("reachable from user mode");
	if (read_only == ((pte & PG_RW) != 0))
		return (read_only ? "writable" : "read-only");
	if (((pte & PG_NX) != 0) != (!text && pg_nx != 0))
		return (text ? "no-execute" : "executable");
	if ((pa & (size - 1)) != 0)
		return ("not aligned");
	if (va < DMAP_MIN + DMAP_SIZE)
		return (pa != va - DMAP_MIN ? "another frame" : NULL);
	if (va >= SF_BUF_MIN && (pte & PG_G) != 0)
		return ("global");
	/* What kmem_alloc() maps is wired; pmap_mapdev() maps devices. */
	if (va < KVA_MIN || va >= DEV_MIN)
		return (NULL);
	if (atop(pa) >= vm_page_count)
		return ("not a frame of RAM");
	m = PHYS_TO_VM_PAGE(pa);
	return ((m->flags & VPF_RESERVED) == 0 && !vm_page_wired(m) ?
	    "a page that is not wired" : NULL);
}

/* Checks one entry that maps a page; counts it in *wrong, prints the first. */
static void
check_leaf(vm_offset_t va, pt_entry_t pte, vm_size_t size, u_int *wrong)
{
	const char *why;

	if ((pte & PG_V) == 0 || (why = leaf_error(va, pte, size)) == NULL)
		return;
	if ((*wrong)++ < SHOW_MAX)
		printf("pmap: the entry of 0x%08zx, 0x%016llx, is wrong: %s\n",
		    (size_t)va, (unsigned long long)pte, why);
}

static void
check_table(vm_offset_t va, pt_entry_t pde, u_int *wrong)
{
	const pt_entry_t *pte = pmap_kpte(va);

	if ((pde & PG_U) != 0 && (*wrong)++ < SHOW_MAX)
		printf("pmap: the page table of 0x%08zx is reachable from "
		    "user mode\n", (size_t)va);
	for (u_int i = 0; i < PDE_SIZE / PAGE_SIZE; i++)
		check_leaf(va + i * PAGE_SIZE, pte[i], PAGE_SIZE, wrong);
}

/*
 * pmap_audit: prints and counts the entries that are wrong.  Thread context;
 * reads all page tables.  An entry that changes meanwhile may be counted by
 * mistake.
 */
u_int
pmap_audit(void)
{
	vm_offset_t va = 0;
	pt_entry_t pde;
	u_int wrong = 0;

	do {
		pde = pmap_kpde(va);
		if ((pde & PG_V) != 0 && (va < KERNBASE || (pde & PG_PS) != 0))
			check_leaf(va, pde, PDE_SIZE, &wrong);
		else if ((pde & PG_V) != 0)
			check_table(va, pde, &wrong);
		va += PDE_SIZE;
	} while (va != 0);
	return (wrong);
}
