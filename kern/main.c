/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * From the bootstrap tables to the end of the run: kern_main() is the order
 * in which the parts of the kernel start.  Invariants: the command line is
 * parsed before anything that an option can change; what the loader handed
 * over is decoded once and not changed afterwards.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/job.h>
#include <sys/monitor.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/smp.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <sys/tunable.h>
#include <machine/acpi.h>
#include <machine/desc.h>
#include <machine/peek.h>
#include <machine/pmap.h>
#include <machine/pmap_user.h>
#include <machine/tsc.h>
#include <machine/user.h>
#include <boot/multiboot.h>
#include <vm/kmem.h>
#include <vm/ram.h>
#include <vm/vm_held.h>
#include <vm/vm_page.h>

#define	MIN_RAM_MB	32
/* What must be free for threads and pages, and for the stacks of each CPU. */
#define	MIN_FREE	0x200000u
#define	MIN_FREE_CPU	0x18000u
#define	KERNEL_SHARE_MIN 0x2000000u

extern char kern_start_pa[], kern_end[];

void	kern_main(uint32_t magic, uint32_t info) __dead2;

static void __dead2
refuse(const char *sentence)
{
	printf("mayfly: %s\n", sentence);
	machine_exit(EXIT_NOTHING);
}

/* Says where two sources contradict each other; the memory map counts. */
static void
compare_memory(void)
{
	const uint32_t start = 0x100000;
	const struct memrange *r;
	uint64_t kib = 0;

	if (boot_bi.has_unreachable)
		printf("mayfly: the RAM above what %u address bits reach is "
		    "not used\n", pmap_maxphyaddr());
	for (r = boot_bi.mem.ram; r < &boot_bi.mem.ram[boot_bi.mem.nram]; r++)
		if (r->start <= start && start < r->end)
			kib = (r->end - start) >> 10;
	/* Firmware's tables may be at the end, in one figure and not both. */
	if (boot_bi.mem_upper != 0 && (kib > boot_bi.mem_upper + 1024ull ||
	    boot_bi.mem_upper > kib + 1024))
		printf("mayfly: the memory map has %llu KiB from 1 MiB on, "
		    "mem_upper says %u: the map is used\n",
		    (unsigned long long)kib, (u_int)boot_bi.mem_upper);
}

/* Decodes what the loader handed over; ends the machine if it is no good. */
static void
parse_boot(uint32_t magic, uint32_t info)
{
	vm_paddr_t ram;
	char err[320];
	bool good;

	good = multiboot_parse(magic, info, boot_map,
	    (vm_offset_t)kern_start_pa, (vm_offset_t)kern_end - DMAP_MIN,
	    1ull << pmap_maxphyaddr(), &boot_bi);
	if (tunable_parse(boot_bi.cmdline, err, sizeof(err)) != 0)
		refuse(err);
	if (!good)
		refuse(boot_bi.error);
	compare_memory();
	ram = physmem_size(&boot_bi.mem);
	if (ram < (MIN_RAM_MB << 20)) {
		snprintf(err, sizeof(err), "needs at least %u MiB of RAM, "
		    "found %u KiB", MIN_RAM_MB, (u_int)(ram >> 10));
		refuse(err);
	}
}

/*
 * How much of the RAM that is free at start the direct map is to reach: what the
 * kernel may need for itself, page tables and small objects.  Pages of tasks,
 * caches and messages must have no mapping that can always be written, so they
 * are never in it, and most of the RAM is left to them: a quarter is the
 * kernel's, on machines of less than 128 MiB 32 MiB, but never more than half.
 */
static vm_paddr_t
kernel_share(vm_paddr_t free)
{
	vm_paddr_t share = free / 4;

	if (share < KERNEL_SHARE_MIN)
		share = KERNEL_SHARE_MIN;
	return (share < free / 2 ? share : free / 2);
}

/*
 * Computes how much memory the page tables, the slots and the arena's tags
 * take, below which address they must lie, and how much must be free besides.
 */
static void
find_needs(const struct physmem *free, vm_paddr_t end, struct ram_needs *needs)
{
	vm_paddr_t ram = physmem_size(&boot_bi.mem);

	needs->limit = pmap_dmap_end(physmem_reach(free,
	    kernel_share(physmem_size(free))), end);
	needs->size = pmap_tables_size(ram, end, needs->limit, nsfbufs) +
	    kmem_tags_size(KVA_MIN, pmap_kva_end(ram));
	needs->left = MIN_FREE + acpi_madt()->ncpus * MIN_FREE_CPU;
}

/* Plans what is placed in memory; ends the machine if it does not fit. */
static void
plan_memory(void)
{
	char err[320];

	sf_buf_size_pool(physmem_size(&boot_bi.mem));
	if (!ram_init(&boot_bi, find_needs, err, sizeof(err)))
		refuse(err);
}

static void
print_memory(void)
{
	char zones[128];
	size_t len = 0;

	for (int z = 0; z < VM_NZONES && len < sizeof(zones); z++)
		len += (size_t)snprintf(zones + len, sizeof(zones) - len,
		    " %s %u", vm_page_zone_name((enum vm_zone)z),
		    vm_page_zone_free((enum vm_zone)z));
	printf("mayfly: pages free:%s; %u CPUs%s\n", zones, mp_ncpus,
	    pg_nx != 0 ? "" : "; no NX");
}

/* kern_main: called once, on the boot CPU's stack, by boot/start.asm. */
void
kern_main(uint32_t magic, uint32_t info)
{
	u_int result;

	boot_ticks = cpu_ticks();
	cons_init();
	desc_init_cpu(pcpus[0]);
	sleepq_init();
	timeout_init();
	thread_init();
	parse_boot(magic, info);
	acpi_init(&boot_bi.reserved);
	plan_memory();
	pmap_bootstrap(physmem_size(&boot_bi.mem), nsfbufs);
	desc_set_cr3();
	user_init_cpu();
	vm_page_startup(atop(ram_end), dmap_limit);
	kmem_init(KVA_MIN, kva_end);
	pmap_user_init();
	vm_held_init();
	ram_release(vm_page_add_range);
	tsc_init();
	thread_init_idle();
	smp_start();
	sf_buf_init();
	print_memory();
	result = job_run();
	if (monitor_wanted())
		monitor_run();
	machine_exit(result);
}
