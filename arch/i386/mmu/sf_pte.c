/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The machine's side of sf_buf(9).  Owns the page-table entries of the
 * sf_buf window, one for each slot; knows no pool, no page, no reference.
 *
 * Invariants: an entry goes from not-present to present and back, never
 * from one frame to another; it never has G; it is supervisor and, where
 * the CPU can, no-execute; it is read-write unless its page is sealed.  While
 * it is present neither half of it is written by software, so no walker sees
 * half an old and half a new one.
 * (That a walker reads an aligned 8-byte entry at once is assumed: SDM
 * vol. 3A 8.1.1 promises it of the Pentium's aligned quadword accesses.)
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/pmap.h>
#include <machine/sf_pte.h>

_Static_assert(SF_PTE_V == PG_V && SF_PTE_RW == PG_RW && SF_PTE_A == PG_A,
    "bits of an sf_buf entry");

uint32_t sf_pte_nx;

static const char *const dmap_modes[] = { "auto", "off", NULL };
enum { DMAP_AUTO, DMAP_OFF };
static u_int dmap_mode;
TUNABLE_ENUM(sf_buf_dmap, "sf_buf.dmap", dmap_mode, dmap_modes,
    "serve pages of the direct map from it");

/* sf_pte_init: once, at start. */
void
sf_pte_init(void)
{
	sf_pte_nx = (uint32_t)(pg_nx >> 32);
}

/* sf_dmap_pages: the direct map may serve this many pages, from frame 0. */
uint32_t
sf_dmap_pages(void)
{
	return (dmap_mode == DMAP_AUTO ? atop(dmap_limit) : 0);
}

/*
 * sf_pte_audit: returns NULL, or what is wrong with the slot's entry, which
 * must map the page with these rights, SF_PTE_V and perhaps SF_PTE_RW; or be not
 * present, without rights.  Of an unmapped entry only P is tested: stray A and D
 * bits may appear in it (erratum KNL4).
 */
const char *
sf_pte_audit(const struct sf_buf *sf, uint32_t page, uint32_t rights)
{
	volatile uint32_t *half = sf_pte_halves(sf);
	pt_entry_t pte = (pt_entry_t)hw_load32(&half[1]) << 32 |
	    hw_load32(&half[0]);

	if (rights == 0)
		return ((pte & PG_V) != 0 ? "present, but the slot is removed" :
		    NULL);
	if ((pte & PG_V) == 0)
		return ("not present");
	if ((pte & PG_FRAME) != ptoa(page / VM_PAGE_STRUCT))
		return ("another frame");
	if ((pte & PG_RW) != (rights & PG_RW))
		return ((pte & PG_RW) == 0 ? "read-only" :
		    "writable, but the page is sealed");
	if ((pte & PG_U) != 0)
		return ("reachable from user mode");
	if ((pte & PG_G) != 0)
		return ("global");
	if ((pte & PG_NX) != pg_nx)
		return ("wrong NX bit");
	if ((pte & ~(pt_entry_t)(PG_V | PG_RW | PG_A | PG_M | PG_FRAME)) !=
	    pg_nx)
		return ("a bit that must be 0");
	return (NULL);
}
