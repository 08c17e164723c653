/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of where start-up places things, and of both sides of each border in
 * physical memory.
 */

#include <sys/types.h>
#include <sys/job.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <machine/pmap.h>
#include <boot/multiboot.h>
#include <vm/vm_page.h>

/* No page that the loader or the firmware uses is given away. */
TEST(reserved, "boot.what_loader_and_firmware_use_is_not_free")
{
	const struct reserved_list *list = &boot_info()->reserved;
	const struct reserved *r;
	u_int wrong = 0;

	EXPECT(list->n > 3);
	for (r = list->r; r < &list->r[list->n]; r++)
		for (vm_paddr_t pa = trunc_page(r->start); pa < r->end;
		    pa += PAGE_SIZE)
			if (atop(pa) < vm_page_count &&
			    (PHYS_TO_VM_PAGE(pa)->flags & VPF_RESERVED) == 0)
				wrong++;
	EXPECT_EQ(wrong, 0);
}

TEST(acpi_kept, "boot.the_tables_of_acpi_are_known")
{
	const struct reserved_list *list = &boot_info()->reserved;
	u_int n = 0;

	for (u_int i = 0; i < list->n; i++)
		n += strcmp(list->r[i].what, "ACPI tables") == 0;
	EXPECT(n > 0);
}

static uint32_t
device_frame(vm_offset_t va)
{
	return (atop(pmap_kextract(va)));
}

/* Firmware's tables are read before these addresses exist. */
TEST(devices, "boot.no_frame_is_mapped_twice_as_a_device")
{
	u_int twice = 0;

	for (vm_offset_t a = DEV_MIN; a < DEV_MIN + DEV_SIZE; a += PAGE_SIZE)
		for (vm_offset_t b = DEV_MIN; device_frame(a) != 0 && b < a;
		    b += PAGE_SIZE)
			twice += device_frame(a) == device_frame(b);
	EXPECT_EQ(twice, 0);
	EXPECT(pmap_mapdev(0xfee00000, DEV_SIZE) == NULL);
	EXPECT(pmap_mapdev(0xfee00000, ~(vm_size_t)0) == NULL);
}

/* The last frame below a border and the first above it, if both are there. */
static void
border(vm_paddr_t at, enum vm_zone below, enum vm_zone above)
{
	uint32_t frame = atop(at);

	if (frame > 0 && frame <= vm_page_count)
		EXPECT_EQ(vm_page_array[frame - 1].zone, below);
	if (frame < vm_page_count)
		EXPECT_EQ(vm_page_array[frame].zone, above);
}

TEST(borders, "boot.both_sides_of_the_borders_of_zones")
{
	border(16u << 20, VM_ZONE_LOW, VM_ZONE_DIRECT);
	border(dmap_limit, VM_ZONE_DIRECT, VM_ZONE_MID);
	border(1ull << 32, VM_ZONE_MID, VM_ZONE_HIGH);
}

TEST(dmap_end, "boot.both_sides_of_the_direct_maps_end")
{
	const struct vm_page *last = &vm_page_array[atop(dmap_limit) - 1];
	vm_offset_t end = DMAP_MIN + (vm_offset_t)dmap_limit;

	EXPECT_EQ((vm_offset_t)pmap_dmap(dmap_limit - 1), end - 1);
	EXPECT_EQ(pmap_kextract(end - 1), dmap_limit - 1);
	EXPECT(dmap_limit == DMAP_SIZE || !pmap_is_mapped(end));
	EXPECT_EQ(sf_buf_page_is_direct(last), sf_direct_end != 0);
	EXPECT(!sf_buf_page_is_direct(last + 1));
}

TEST(dmap_share, "boot.most_of_the_ram_is_outside_the_direct_map")
{
	uint32_t inside = vm_page_zone_total(VM_ZONE_LOW) +
	    vm_page_zone_total(VM_ZONE_DIRECT);
	uint32_t outside = vm_page_zone_total(VM_ZONE_MID) +
	    vm_page_zone_total(VM_ZONE_HIGH);

	/* The end is rounded up by 2 MiB at most, which are then not outside. */
	EXPECT(inside != 0 && inside <= outside + 2 * atop(2u << 20));
}

PANIC_TEST(above_dmap, "panic.pmap_dmap_of_the_first_byte_above")
{
	(void)pmap_dmap(dmap_limit - 1);
	(void)pmap_dmap(dmap_limit);
}

/* For a module of zeros, see module_low of tests/boot/chain.asm. */
HIDDEN_TEST(module_zeros, "boot.the_module_has_only_zeros")
{
	const struct bootinfo *bi = boot_info();
	const uint8_t *p = pmap_dmap(bi->mod_start);
	u_int other = 0;

	EXPECT(bi->mod_end > bi->mod_start);
	for (vm_paddr_t pa = bi->mod_start; pa < bi->mod_end; pa++)
		other += *p++ != 0;
	EXPECT_EQ(other, 0);
}
