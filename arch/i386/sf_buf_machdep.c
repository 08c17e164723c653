/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The machine's side of sf_buf(9).  Owns the page-table entries of the
 * sf_buf window, one for each slot; knows no pool, no page, no reference.
 *
 * Invariants: an entry goes from not-present to present and back, never
 * from one frame to another; it never has G; it is supervisor, read-write
 * and, where the CPU can, no-execute.  While it is present neither half of it
 * is written by software, so no walker sees half an old and half a new one.
 * (That a walker reads an aligned 8-byte entry at once is assumed: SDM
 * vol. 3A 8.1.1 promises it of the Pentium's aligned quadword accesses.)
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/sf_buf.h>
#include <sys/tunable.h>
#include <machine/hw.h>
#include <machine/pmap.h>
#include <machine/sf_buf.h>

#define	PG_ENTER	(PG_V | PG_RW)

static pt_entry_t *ptes;

static bool sf_dmap = true;
static const char *const dmap_modes[] = { "auto", "off", NULL };
static u_int dmap_mode;
TUNABLE_ENUM(sf_buf_dmap, "sf_buf.dmap", dmap_mode, dmap_modes,
    "serve pages of the direct map from it");

static volatile uint32_t *
pte_word(u_int slot, u_int high)
{
	return ((volatile uint32_t *)&ptes[slot] + high);
}

/* sf_buf_md_init: once, at start; strict: never from the direct map. */
void
sf_buf_md_init(bool strict)
{
	ptes = pmap_sf_ptes();
	sf_dmap = dmap_mode == 0 && !strict;
}

vm_offset_t
sf_buf_md_kva(u_int slot)
{
	return (SF_BUF_MIN + (slot << PAGE_SHIFT));
}

/* True, and the address, if the direct map serves pa. */
bool
sf_buf_md_direct(vm_paddr_t pa, vm_offset_t *va)
{
	if (!sf_dmap || pa >= dmap_limit)
		return (false);
	*va = (vm_offset_t)pmap_dmap(pa);
	return (true);
}

/*
 * sf_buf_md_enter: not-present to present; needs no invalidation if no
 * translation of the address is left anywhere (SDM vol. 3A 4.10.4.3).  Any
 * context; the caller owns the slot.  The high word is stored before the low
 * one, which holds P: the other way round a walker could pair the new low
 * word with an old high one and map a frame that is 4 GiB off.  `accessed':
 * some TLB may hold this very translation already, and A must say so.
 */
void
sf_buf_md_enter(u_int slot, vm_paddr_t pa, bool accessed)
{
	pt_entry_t pte = pa | PG_ENTER | (accessed ? PG_A : 0) | pg_nx;

	KASSERT((hw_load32(pte_word(slot, 0)) & PG_V) == 0,
	    "sf_buf: slot %u is mapped already", slot);
	hw_store32(pte_word(slot, 1), (uint32_t)(pte >> 32));
	hw_store32(pte_word(slot, 0), (uint32_t)pte);
}

/*
 * sf_buf_md_remove: present to not-present; true if a TLB may hold the
 * translation.  Any context; the caller owns the slot.  P is cleared and A
 * read by one locked exchange: a walk that sets A looks at P again in the
 * same locked access, so an entry found with A=0 here was cached by nobody
 * (SDM vol. 3A 4.10.2.3, 4.10.4.3; AMD APM vol. 2 5.5).  A load followed by
 * a store would lose an A that a speculative walk sets in between.
 */
bool
sf_buf_md_remove(u_int slot)
{
	uint32_t old = hw_xchg32(pte_word(slot, 0), 0);

	KASSERT((old & PG_V) != 0, "sf_buf: slot %u is not mapped", slot);
	return ((old & PG_A) != 0);
}

/* sf_buf_md_invalidate: drops the slot's translation on this CPU only. */
void
sf_buf_md_invalidate(u_int slot)
{
	hw_invlpg(sf_buf_md_kva(slot));
}

/*
 * sf_buf_md_audit: NULL, or what is wrong with the slot's entry, which must
 * map pa if `mapped`, else nothing.  Of an unmapped entry only P is tested:
 * stray A and D bits may appear in it (erratum KNL4).
 */
const char *
sf_buf_md_audit(u_int slot, bool mapped, vm_paddr_t pa)
{
	pt_entry_t pte = ptes[slot];

	if (!mapped)
		return ((pte & PG_V) != 0 ? "present, but the slot is not" :
		    NULL);
	if ((pte & PG_V) == 0)
		return ("not present");
	if ((pte & PG_FRAME) != pa)
		return ("another frame");
	if ((pte & PG_RW) == 0)
		return ("read-only");
	if ((pte & PG_U) != 0)
		return ("reachable from user mode");
	if ((pte & PG_G) != 0)
		return ("global");
	if ((pte & PG_NX) != pg_nx)
		return ("wrong NX bit");
	return (NULL);
}
