/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the host test of sf_buf/size.c: the number of slots for machines from
 * the least memory to the most, and the line that says why.  TAP output.
 */

#include <sys/systm.h>

static char said[200];

#define	printf(...)	snprintf(said, sizeof(said), __VA_ARGS__)
#include "sf_buf/size.c"
#undef printf

#define	MIB	((vm_paddr_t)1 << 20)

/* What a PC's RAM lacks of its nominal size, below 1 MiB and at the top. */
#define	HOLES	((vm_paddr_t)512 << 10)

static u_int ncase, nfail;

static void
check(vm_paddr_t ram, uint32_t given, uint32_t slots, const char *line)
{
	bool good;

	nsfbufs = given;
	said[0] = '\0';
	sf_buf_size_pool(ram);
	good = nsfbufs == slots && strcmp(said, line) == 0;
	ncase++;
	nfail += !good;
	printf("%sok %u - %u MiB, given %u: %u slots\n", good ? "" : "not ",
	    ncase, (u_int)(ram / MIB), given, nsfbufs);
	if (!good)
		printf("# want %u slots and: %s# said: %s", slots, line, said);
}

/* Every size is one that nsfbufs= could give, and more memory never fewer. */
static void
check_all_sizes(void)
{
	uint32_t before = 0;
	bool good = true;

	for (vm_paddr_t ram = 32 * MIB; ram <= 68 * 1024 * MIB; ram += MIB) {
		nsfbufs = 0;
		sf_buf_size_pool(ram);
		if (nsfbufs < tunable_nsfbufs.min ||
		    nsfbufs > tunable_nsfbufs.max || nsfbufs < before)
			good = false;
		before = nsfbufs;
	}
	ncase++;
	nfail += !good;
	printf("%sok %u - in range and rising from 32 MiB to 68 GiB\n",
	    good ? "" : "not ", ncase);
}

int
main(void)
{
	check(32 * MIB, 0, 2048,
	    "mayfly: 2048 sf_bufs, one for 4 pages of 32 MiB\n");
	check(64 * MIB - HOLES, 0, 4096,
	    "mayfly: 4096 sf_bufs, one for 4 pages of 63 MiB\n");
	check(512 * MIB - HOLES, 0, 32768,
	    "mayfly: 32768 sf_bufs, one for 4 pages of 511 MiB\n");
	check(1024 * MIB, 0, 65536,
	    "mayfly: 65536 sf_bufs, one for 4 pages of 1024 MiB\n");
	check(1024 * MIB + 4 * PAGE_SIZE, 0, 65536, "mayfly: 65536 sf_bufs, "
	    "as many as the address window holds; one for 4 pages of 1024 MiB "
	    "would be 66048\n");
	check(5 * 1024 * MIB - HOLES, 0, 65536, "mayfly: 65536 sf_bufs, as "
	    "many as the address window holds; one for 4 pages of 5119 MiB "
	    "would be 327680\n");
	check(64 * 1024 * MIB, 0, 65536, "mayfly: 65536 sf_bufs, as many "
	    "as the address window holds; one for 4 pages of 65536 MiB would "
	    "be 4194304\n");
	check(64 * MIB, 4, 4, "mayfly: 4 sf_bufs, as nsfbufs= says\n");
	check(5 * 1024 * MIB, 65536, 65536,
	    "mayfly: 65536 sf_bufs, as nsfbufs= says\n");
	check_all_sizes();
	printf("1..%u\n", ncase);
	return (nfail != 0);
}
