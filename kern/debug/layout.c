/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The monitor's command `map': what is where in the kernel's address space.
 * Owns nothing.
 */

#include <sys/types.h>
#include <sys/monitor.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <machine/pmap.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

extern char kern_text[], kern_rodata[], kern_data[], kern_ksyms[],
    kern_end[];

static void
print_range(vm_offset_t from, vm_offset_t to, const char *what)
{
	printf("  0x%08x  0x%08x  %7u K  %s\n", from, to, (to - from) >> 10,
	    what);
}

static void
print_direct_map(void)
{
	vm_offset_t end = DMAP_MIN + (vm_offset_t)dmap_limit;
	char what[64];

	snprintf(what, sizeof(what), "direct map, %s pages behind the kernel",
	    (pmap_kpde(end - 1) & PG_PS) != 0 ? "2 MB" : "4 KB");
	print_range(DMAP_MIN, end, what);
	/* The image is a part of the direct map. */
	print_range((vm_offset_t)kern_text, (vm_offset_t)kern_rodata,
	    "  kernel text, R-X");
	print_range((vm_offset_t)kern_rodata, (vm_offset_t)kern_data,
	    "  kernel read-only data, R--");
	print_range((vm_offset_t)kern_data, (vm_offset_t)kern_ksyms,
	    "  kernel data, RW-");
	print_range((vm_offset_t)kern_ksyms, (vm_offset_t)kern_end,
	    "  kernel symbols, R--");
}

static void
print_sf_bufs(void)
{
	char what[64];

	print_range(SF_SLOTS_MIN - PAGE_SIZE, SF_SLOTS_MIN +
	    (vm_offset_t)round_page(nsfbufs * SF_SLOT_SIZE),
	    "states of the sf_bufs");
	print_range(SF_PTES_MIN, SF_PTES_MIN + (vm_offset_t)round_page(
	    nsfbufs * sizeof(pt_entry_t)), "page tables of the sf_bufs");
	snprintf(what, sizeof(what), "sf_bufs, %u slots", nsfbufs);
	print_range(SF_BUF_MIN, SF_BUF_MIN + (nsfbufs << PAGE_SHIFT), what);
}

SAFE_COMMAND(command_map, "map", "", "the kernel's address space")
{
	struct kmem_stats k;
	char what[64];

	printf("  from        to               size  what\n");
	print_direct_map();
	snprintf(what, sizeof(what), "page array, %u frames of %zu bytes",
	    vm_page_count, sizeof(struct vm_page));
	print_range(VM_PAGES_MIN, VM_PAGES_MIN +
	    vm_page_array_size(ptoa(vm_page_count)), what);
	print_sf_bufs();
	kmem_stats_read(&k);
	snprintf(what, sizeof(what), "kernel memory, %u K free",
	    k.free << (PAGE_SHIFT - 10));
	print_range(KVA_MIN, KVA_MIN + (k.total << PAGE_SHIFT), what);
	print_range(DEV_MIN, DEV_MIN + DEV_SIZE, "devices");
	printf("  all else is unmapped; no-execute is %s, physical addresses "
	    "have %u bits\n", pg_nx != 0 ? "on" : "not there",
	    pmap_maxphyaddr());
}
