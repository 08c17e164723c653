/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Counts of pages and the monitor's command `pages'.  Owns nothing.
 */

#include <sys/types.h>
#include <sys/monitor.h>
#include <sys/systm.h>
#include <vm/vm_page.h>
#include <vm/vm_zone.h>

/* Returns the zone; panics, naming the caller, if there is no such zone. */
static struct vm_page_zone *
zone_check(enum vm_zone zone, const char *func, const void *caller)
{
	if ((u_int)zone >= VM_NZONES)
		panic("%s: bad zone %u (called from %pC)", func, (u_int)zone,
		    caller);
	return (&vm_page_zones[zone]);
}

/*
 * vm_page_zone_free, vm_page_zone_wired, vm_page_zone_total: return how many
 * pages of a zone are free, are wired (reserved frames included), and were
 * added to the allocator.
 *
 * Context:	any.  Sleeps: no.  Locks: none.
 * Returns:	pages; the number may be out of date.
 * Errors:	panic on a zone that does not exist.
 */
uint32_t
vm_page_zone_free(enum vm_zone zone)
{
	return (zone_check(zone, "vm_page_zone_free", __caller())->free);
}

uint32_t
vm_page_zone_wired(enum vm_zone zone)
{
	return (zone_check(zone, "vm_page_zone_wired", __caller())->wired);
}

uint32_t
vm_page_zone_total(enum vm_zone zone)
{
	return (zone_check(zone, "vm_page_zone_total", __caller())->total);
}

/*
 * vm_page_wired_count: returns how many pages of all zones have a wiring.  Any
 * context; the number may be out of date.
 */
uint32_t
vm_page_wired_count(void)
{
	uint32_t n = 0;

	for (u_int z = 0; z < VM_NZONES; z++)
		n += vm_page_zones[z].wired;
	return (n);
}

/*
 * vm_page_zone_name: returns the name of a zone, for messages.
 *
 * Context:	any.  Sleeps: no.  Locks: none.
 * Returns:	a constant string; never freed.
 * Errors:	panics on a zone that does not exist.
 */
const char *
vm_page_zone_name(enum vm_zone zone)
{
	static const char *const names[VM_NZONES] = {
		[VM_ZONE_LOW] = "low",
		[VM_ZONE_DIRECT] = "direct",
		[VM_ZONE_MID] = "mid",
		[VM_ZONE_HIGH] = "high",
	};

	(void)zone_check(zone, "vm_page_zone_name", __caller());
	return (names[zone]);
}

/*
 * Counts the frames of each zone that an sf_buf maps, referenced or cached.
 * Looks at every frame, because only the command below uses these counts.
 */
static void
count_mapped(uint32_t mapped[VM_NZONES])
{
	memset(mapped, 0, VM_NZONES * sizeof(*mapped));
	for (uint32_t i = 0; i < vm_page_count; i++)
		mapped[vm_page_array[i].zone] += vm_page_array[i].sf != 0;
}

SAFE_COMMAND(command_pages, "pages", "", "frames of each zone")
{
	uint32_t mapped[VM_NZONES];

	count_mapped(mapped);
	printf("  %-8s %10s %10s %10s %10s\n", "zone", "total", "free",
	    "wired", "mapped");
	for (u_int z = 0; z < VM_NZONES; z++)
		printf("  %-8s %10u %10u %10u %10u\n",
		    vm_page_zone_name((enum vm_zone)z), vm_page_zones[z].total,
		    vm_page_zones[z].free, vm_page_zones[z].wired, mapped[z]);
}
