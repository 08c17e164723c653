/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns how many slots the pool of sf_buf(9) has, and how that is chosen where
 * nsfbufs= does not say.  Invariant: the number is never changed once the
 * page tables of the slots' addresses are made.
 *
 * One slot for PAGES_A_SLOT pages of memory.  A slot is an entry of a page
 * table, a struct sf_buf, and the address of the code that mapped it last: 28
 * bytes, so that this is 7 bytes for each page, where struct vm_page alone
 * takes 32.  With four times as many pages as slots, some wanted far more often
 * than others, four of five requests find a mapping; twice the slots, for as
 * much memory again, would find a tenth more.  docs/pool-size.md has the
 * figures.  From 1 GiB of memory on the addresses set aside for slots are the
 * limit.
 *
 * Pages that the direct map serves count, too: it can be switched off.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/vmparam.h>

#define	MAX_SLOTS	(SF_BUF_SIZE >> PAGE_SHIFT)
#define	PAGES_A_SLOT	4u
/* Their page tables are made of whole pages. */
#define	ROUND_TO	(PAGE_SIZE / 8)

uint32_t nsfbufs;		/* 0: not given, and not yet chosen */
TUNABLE_UINT(nsfbufs, "nsfbufs", nsfbufs, 4, MAX_SLOTS,
    "slots of the pool");

/*
 * sf_buf_size_pool: chooses nsfbufs for a machine with `ram' bytes of RAM,
 * unless it was given, and says so on the console.  Once, when the command line
 * is parsed and before pmap_bootstrap().
 */
void
sf_buf_size_pool(vm_paddr_t ram)
{
	u_int mib = (u_int)(ram >> 20);
	uint64_t wanted = (atop(ram) / PAGES_A_SLOT + ROUND_TO - 1) /
	    ROUND_TO * ROUND_TO;

	if (nsfbufs != 0) {
		printf("mayfly: %u sf_bufs, as nsfbufs= says\n", nsfbufs);
		return;
	}
	nsfbufs = MAX_SLOTS;
	if (wanted > MAX_SLOTS) {
		printf("mayfly: %u sf_bufs, as many as the address window "
		    "holds; one for %u pages of %u MiB would be %u\n", nsfbufs,
		    PAGES_A_SLOT, mib, (u_int)wanted);
		return;
	}
	nsfbufs = (uint32_t)wanted;
	printf("mayfly: %u sf_bufs, one for %u pages of %u MiB\n", nsfbufs,
	    PAGES_A_SLOT, mib);
}
