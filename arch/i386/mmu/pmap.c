/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The kernel's page tables.  Owns: the PDPT, the page directories of the
 * upper two GiB, and every page table under them.
 *
 * All of it is built here, before anything runs that could hold a stale
 * translation, and no directory entry changes afterwards; so the
 * paging-structure caches (SDM vol. 3A 4.10.3) never matter.  What changes
 * later are entries of the sf_buf window, by arch/i386/mmu/sf_pte.c, and
 * of the window of kernel addresses, by pmap_kenter() and pmap_kremove() for
 * vm/kmem.c.  Both kinds go from not-present to present and back, never from
 * one frame to another, and never have G.
 *
 * Memory for the tables and for the page array comes from a bump allocator
 * over the RAM that the loader left free; what is left over afterwards goes
 * to vm/vm_page.c.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/monitor.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/pmap.h>
#include <vm/kmem.h>
#include <vm/kva.h>
#include <vm/vm_page.h>
#include <boot/multiboot.h>

#define	NPTE		512u
#define	PDE_SIZE	0x200000u
#define	LOW_RESERVED	0x100000u	/* firmware's, trampolines' */
#define	PG_PCD		0x010u
#define	PG_PWT		0x008u
#define	CPUID_PSE36	(1u << 17)

extern char kern_start_pa[], kern_text[], kern_rodata[], kern_data[],
    kern_ksyms[], kern_end[], boot_stack_guard[], boot_df_stack_guard[];

pt_entry_t pg_nx;
vm_paddr_t dmap_limit;

static pt_entry_t kern_pdpt[4] __attribute__((aligned(32)));
static pt_entry_t kern_pd[2][NPTE] __attribute__((aligned(PAGE_SIZE)));
static uint32_t pg_g;

/* RAM that nobody owns yet: ranges shrink from their start. */
static struct memrange avail[72];
static u_int navail;

static const char *const page_sizes[] = { "2m", "4k", NULL };
static u_int page_size;
TUNABLE_ENUM(pmap_pages, "pmap.pages", page_size, page_sizes,
    "page size of the kernel's fixed mappings");

/*
 * pmap_maxphyaddr: width of a physical address in bits (SDM vol. 2, CPUID
 * leaf 80000008H).  Where that leaf is missing it is 36 according to the SDM,
 * but QEMU gives a CPU without PSE-36 only 32, and faults above: such a CPU is
 * believed to have no more.  Any context.
 */
u_int
pmap_maxphyaddr(void)
{
	uint32_t r[4];

	do_cpuid(0x80000000u, r);
	if (r[0] < 0x80000008u) {
		do_cpuid(1, r);
		return ((r[3] & CPUID_PSE36) != 0 ? 36 : 32);
	}
	do_cpuid(0x80000008u, r);
	return ((r[0] & 0xff) > 52 ? 52 : r[0] & 0xff);
}

void *
pmap_dmap(vm_paddr_t pa)
{
	KASSERT(pa < dmap_limit, "pmap_dmap: 0x%llx is above the direct map's "
	    "end 0x%llx (called from %p)", (unsigned long long)pa,
	    (unsigned long long)dmap_limit, __caller());
	return ((void *)(DMAP_MIN + (vm_offset_t)pa));
}

static void
avail_add(vm_paddr_t start, vm_paddr_t end)
{
	if (start >= end)
		return;
	KASSERT(navail < nitems(avail), "pmap: more than %u pieces of RAM",
	    (u_int)nitems(avail));
	avail[navail].start = start;
	avail[navail++].end = end;
}

/* Takes [start, end) out of what is available. */
static void
avail_remove(vm_paddr_t start, vm_paddr_t end)
{
	struct memrange r;

	start = trunc_page(start);
	end = round_page(end);
	for (u_int i = 0; i < navail; i++) {
		r = avail[i];
		if (r.end <= start || r.start >= end)
			continue;
		avail[i--] = avail[--navail];
		if (r.start < start)
			avail_add(r.start, start);
		if (r.end > end)
			avail_add(end, r.end);
	}
}

/*
 * Zeroed, page-aligned memory below the direct map's limit: from the
 * largest piece there, so that little ones stay whole.
 */
static void *
boot_alloc(vm_size_t size)
{
	vm_paddr_t pa, end, best = 0;
	u_int pick = 0;

	size = round_page(size);
	for (u_int i = 0; i < navail; i++) {
		end = avail[i].end < dmap_limit ? avail[i].end : dmap_limit;
		if (avail[i].start >= end || end - avail[i].start <= best)
			continue;
		best = end - avail[i].start;
		pick = i;
	}
	KASSERT(best >= size, "pmap: %zu bytes of tables do not fit the "
	    "largest free RAM, %llu bytes", size, (unsigned long long)best);
	pa = avail[pick].start;
	avail[pick].start += size;
	return (memset(pmap_dmap(pa), 0, size));
}

static vm_paddr_t
kva_to_pa(const void *p)
{
	return ((vm_paddr_t)((vm_offset_t)p - DMAP_MIN));
}

static pt_entry_t *
pde_of(vm_offset_t va)
{
	return (&kern_pd[(va >> 30) - 2][(va >> 21) & (NPTE - 1)]);
}

/*
 * pmap_kpde: the directory entry of an address; 0 below the kernel, where
 * there is no directory.  Any context.
 */
pt_entry_t
pmap_kpde(vm_offset_t va)
{
	return (va < KERNBASE ? kern_pdpt[va >> 30] : *pde_of(va));
}

/*
 * pmap_kpte: the entry of a kernel address that is mapped by 4 KB pages;
 * NULL where there is no page table.  Any context.
 */
pt_entry_t *
pmap_kpte(vm_offset_t va)
{
	pt_entry_t pde = *pde_of(va);

	if ((pde & PG_V) == 0 || (pde & PG_PS) != 0)
		return (NULL);
	return ((pt_entry_t *)pmap_dmap(pde & PG_FRAME) +
	    ((va >> PAGE_SHIFT) & (NPTE - 1)));
}

static void
map_4k(vm_offset_t va, vm_paddr_t pa, pt_entry_t bits)
{
	pt_entry_t *pde = pde_of(va);

	if ((*pde & PG_V) == 0)
		*pde = kva_to_pa(boot_alloc(PAGE_SIZE)) | PG_V | PG_RW;
	*pmap_kpte(va) = pa | bits;
}

/* What the direct map may do with a frame: the image is in it (W^X). */
static pt_entry_t
dmap_bits(vm_paddr_t pa)
{
	vm_offset_t va = DMAP_MIN + (vm_offset_t)pa;

	if (va >= (vm_offset_t)kern_text && va < (vm_offset_t)kern_rodata)
		return (PG_V | pg_g);
	if (va >= (vm_offset_t)kern_rodata && va < (vm_offset_t)kern_data)
		return (PG_V | pg_g | pg_nx);
	if (va >= (vm_offset_t)kern_ksyms && va < (vm_offset_t)kern_end)
		return (PG_V | pg_g | pg_nx);
	return (PG_V | PG_RW | pg_g | pg_nx);
}

static void
map_dmap(void)
{
	vm_paddr_t image_end = kva_to_pa(kern_end);

	for (vm_paddr_t pa = 0; pa < dmap_limit; pa += PDE_SIZE) {
		if (page_size == 0 && pa >= image_end) {
			*pde_of(DMAP_MIN + (vm_offset_t)pa) = pa | PG_V |
			    PG_RW | PG_PS | pg_g | pg_nx;
			continue;
		}
		for (vm_paddr_t p = pa; p < pa + PDE_SIZE; p += PAGE_SIZE)
			map_4k(DMAP_MIN + (vm_offset_t)p, p, dmap_bits(p));
	}
}

static vm_size_t
page_array_size(vm_paddr_t end)
{
	return (round_page(atop(end) * sizeof(struct vm_page)));
}

static u_int
largest_piece(void)
{
	u_int pick = 0;

	for (u_int i = 1; i < navail; i++)
		if (avail[i].end - avail[i].start >
		    avail[pick].end - avail[pick].start)
			pick = i;
	return (pick);
}

static void
leave_out(vm_paddr_t start, vm_paddr_t end)
{
	printf("pmap: the RAM from 0x%llx to 0x%llx is not used, for want of "
	    "page structures\n", (unsigned long long)start,
	    (unsigned long long)end);
	avail_remove(start, end);
}

/*
 * The end of RAM and of the module.  A page structure for each frame below
 * must fit the window of the page array and the largest piece of RAM: what
 * is so far up that they do not is left out, piece by piece.
 */
static vm_paddr_t
fit_ram(vm_paddr_t mod_end)
{
	const vm_paddr_t max = ptoa(VM_PAGES_MAX_FRAMES);
	struct memrange top, large;
	vm_paddr_t end;

	for (;;) {
		KASSERT(navail > 0, "pmap: no RAM is left");
		top = avail[0];
		for (u_int i = 1; i < navail; i++)
			if (avail[i].end > top.end)
				top = avail[i];
		large = avail[largest_piece()];
		end = top.end > mod_end ? top.end : round_page(mod_end);
		if (end <= max && large.end - large.start >
		    page_array_size(end))
			return (end);
		/* Of one that straddles the limit, the part below is good. */
		leave_out(top.start < max && top.end > max ? max : top.start,
		    top.end);
	}
}

/* Backs the page array with the top of the largest piece of RAM there is. */
static void
map_page_array(vm_size_t size)
{
	vm_paddr_t pa;
	u_int pick = largest_piece();

	avail[pick].end -= size;
	pa = avail[pick].end;
	for (vm_size_t off = 0; off < size; off += PAGE_SIZE)
		map_4k(VM_PAGES_MIN + off, pa + off,
		    PG_V | PG_RW | pg_g | pg_nx);
}

/*
 * One page table after another, which are mapped as sf_ptes[], so that a
 * slot's number is its index; and memory for the slots themselves, and for the
 * one in front of the first, which is all zero: nobody's.
 */
static void
make_sf_window(u_int nsfbufs)
{
	u_int tables = (nsfbufs + NPTE - 1) / NPTE;
	vm_paddr_t pa;

	for (u_int i = 0; i < tables; i++) {
		pa = kva_to_pa(boot_alloc(PAGE_SIZE));
		*pde_of(SF_BUF_MIN + i * PDE_SIZE) = pa | PG_V | PG_RW;
		map_4k(SF_PTES_MIN + i * PAGE_SIZE, pa,
		    PG_V | PG_RW | pg_g | pg_nx);
	}
	for (vm_offset_t va = SF_SLOTS_MIN - PAGE_SIZE;
	    va < SF_SLOTS_MIN + nsfbufs * SF_SLOT_SIZE; va += PAGE_SIZE)
		map_4k(va, kva_to_pa(boot_alloc(PAGE_SIZE)),
		    PG_V | PG_RW | pg_g | pg_nx);
}

/*
 * The page tables of the window of kernel addresses, twice the size of RAM:
 * a small machine could not back more, with guards.  Returns the bytes.
 */
static vm_size_t
make_kva_window(const struct physmem *mem)
{
	vm_size_t size = KVA_SIZE;
	vm_paddr_t ram = physmem_size(mem);

	if (2 * ram < KVA_SIZE)
		size = (vm_size_t)(2 * ram) & ~(PDE_SIZE - 1);
	for (vm_size_t off = 0; off < size; off += PDE_SIZE)
		*pde_of(KVA_MIN + off) = kva_to_pa(boot_alloc(PAGE_SIZE)) |
		    PG_V | PG_RW;
	return (size);
}

/*
 * pmap_bootstrap: from the loader's memory map to the kernel's own tables
 * and a filled page allocator.  Once, on the boot CPU, interrupts off.
 * mem: usable RAM, sorted and disjoint; [mod_start, mod_end): the module,
 * which stays reserved; nsfbufs: slots of the sf_buf window.
 */
void
pmap_bootstrap(const struct physmem *mem, vm_paddr_t mod_start,
    vm_paddr_t mod_end, u_int nsfbufs)
{
	struct kva_tag *tags;
	vm_paddr_t end;
	vm_size_t size;
	bool pge, nx;

	KASSERT(mem->nram > 0, "pmap: no RAM at all");
	KASSERT((vm_offset_t)vm_page_array == VM_PAGES_MIN &&
	    (vm_offset_t)&sf_ptes[1] == SF_PTES_MIN &&
	    (vm_offset_t)sf_slots == SF_SLOTS_MIN,
	    "pmap: linker.ld and vmparam.h disagree");
	cpu_init_boot(&pge, &nx);
	pg_g = pge ? PG_G : 0;
	pg_nx = nx ? PG_NX : 0;
	for (u_int i = 0; i < mem->nram; i++)
		avail_add(mem->ram[i].start, mem->ram[i].end);
	avail_remove(0, LOW_RESERVED);
	avail_remove((vm_offset_t)kern_start_pa, kva_to_pa(kern_end));
	if (mod_end > mod_start)
		avail_remove(mod_start, mod_end);
	end = fit_ram(mod_end);
	dmap_limit = end < DMAP_SIZE ? end & ~(vm_paddr_t)(PDE_SIZE - 1) :
	    DMAP_SIZE;
	for (u_int i = 2; i < 4; i++)
		kern_pdpt[i] = kva_to_pa(kern_pd[i - 2]) | PG_V;
	map_dmap();
	*pmap_kpte((vm_offset_t)boot_stack_guard) = 0;
	*pmap_kpte((vm_offset_t)boot_df_stack_guard) = 0;
	map_page_array(page_array_size(end));
	make_sf_window(nsfbufs);
	size = make_kva_window(mem);
	tags = boot_alloc((size >> PAGE_SHIFT) * sizeof(*tags));
	hw_load_cr3((uint32_t)kva_to_pa(kern_pdpt));

	vm_page_startup(atop(end), dmap_limit);
	for (u_int i = 0; i < navail; i++)
		vm_page_add_range(avail[i].start, avail[i].end);
	kmem_init(KVA_MIN, size, tags);
}

/*
 * pmap_init_ap: gives a CPU that just started what the tables need, EFER.NXE
 * and CR4.PGE, and only then the tables.  One that cannot have it stays here,
 * and its starter finds that it never came.
 */
void
pmap_init_ap(void)
{
	while (!cpu_init_ap())
		cpu_halt();
	hw_load_cr3((uint32_t)kva_to_pa(kern_pdpt));
}

/* The halves of the entry of a kernel address that has a page table. */
static volatile uint32_t *
kpte_word(vm_offset_t va, u_int high, const void *caller)
{
	pt_entry_t *pte = va < KERNBASE ? NULL : pmap_kpte(va);

	KASSERT(pte != NULL, "pmap: no page table for %p (called from %p)",
	    (void *)va, caller);
	return ((volatile uint32_t *)pte + high);
}

/*
 * Not-present to present, which needs no invalidation if no translation of
 * the address is left anywhere (SDM vol. 3A 4.10.4.3).  The high word comes
 * before the low one, which holds P: the other way round a walker could pair
 * the new low word with the high word of the frame that was here before.
 */
static void
kenter(vm_offset_t va, pt_entry_t pte, const void *caller)
{
	volatile uint32_t *low = kpte_word(va, 0, caller);

	KASSERT((hw_load32(low) & PG_V) == 0, "pmap_kenter: %p is mapped "
	    "already (called from %p)", (void *)va, caller);
	hw_store32(kpte_word(va, 1, caller), (uint32_t)(pte >> 32));
	hw_store32(low, (uint32_t)pte);
}

/*
 * pmap_kenter: maps a frame at a kernel address, read-write, no-execute, and
 * not global: MOV CR3 must drop it.  Any context; the caller owns the address,
 * and no TLB holds a translation of it.  Panics if something is mapped there.
 */
void
pmap_kenter(vm_offset_t va, vm_paddr_t pa)
{
	kenter(va, pa | PG_V | PG_RW | pg_nx, __caller());
}

/*
 * pmap_kremove: unmaps a kernel address; true if some TLB may hold the
 * translation.  One locked exchange clears P and yields A: why that tells is
 * at sf_buf_md_remove().  Any context; the caller owns the address.  Panics if
 * nothing is mapped there.
 */
bool
pmap_kremove(vm_offset_t va)
{
	uint32_t old = hw_xchg32(kpte_word(va, 0, __caller()), 0);

	KASSERT((old & PG_V) != 0, "pmap_kremove: %p is not mapped (called "
	    "from %p)", (void *)va, __caller());
	return ((old & PG_A) != 0);
}

/*
 * pmap_kextract: the physical address behind a kernel address, 0 if there is
 * none.  Any context; who does not own the address gets an answer that may
 * be out of date.
 */
vm_paddr_t
pmap_kextract(vm_offset_t va)
{
	pt_entry_t pte = pmap_kpde(va);

	if ((pte & PG_V) != 0 && (pte & PG_PS) != 0)
		return ((pte & PG_FRAME) | (va & (PDE_SIZE - 1)));
	if ((pte & PG_V) != 0)
		pte = *pmap_kpte(va);
	if ((pte & PG_V) == 0)
		return (0);
	return ((pte & PG_FRAME) | (va & PAGE_MASK));
}

/*
 * pmap_mapdev: maps physical memory that is not RAM, uncached, for good.  Any
 * context but NMI.  NULL if address space ran out.
 */
void *
pmap_mapdev(vm_paddr_t pa, vm_size_t size)
{
	vm_offset_t off = (vm_offset_t)(pa & PAGE_MASK);
	vm_offset_t va = kmem_kva_alloc(off + size);

	if (va == 0)
		return (NULL);
	for (vm_offset_t o = 0; o < round_page(off + size); o += PAGE_SIZE)
		kenter(va + o, (trunc_page(pa) + o) | PG_V | PG_RW | PG_PCD |
		    PG_PWT | pg_nx, __caller());
	return ((void *)(va + off));
}

/* pmap_is_mapped: whether a kernel address has a page.  Any context. */
bool
pmap_is_mapped(vm_offset_t va)
{
	pt_entry_t pde = pmap_kpde(va);

	if ((pde & PG_V) == 0 || (pde & PG_PS) != 0)
		return ((pde & PG_V) != 0);
	return ((*pmap_kpte(va) & PG_V) != 0);
}

static void
print_range(vm_offset_t from, vm_offset_t to, const char *what)
{
	printf("  0x%08x  0x%08x  %7u K  %s\n", from, to, (to - from) >> 10,
	    what);
}

/* The image is a part of the direct map. */
static void
print_image(void)
{
	print_range((vm_offset_t)kern_text, (vm_offset_t)kern_rodata,
	    "  kernel text, R-X");
	print_range((vm_offset_t)kern_rodata, (vm_offset_t)kern_data,
	    "  kernel read-only data, R--");
	print_range((vm_offset_t)kern_data, (vm_offset_t)kern_ksyms,
	    "  kernel data, RW-");
	print_range((vm_offset_t)kern_ksyms, (vm_offset_t)kern_end,
	    "  kernel symbols, R--");
}

SAFE_COMMAND(command_map, "map", "", "the kernel's address space")
{
	struct kmem_stats k;
	char what[64];

	printf("  from        to               size  what\n");
	snprintf(what, sizeof(what), "direct map, %s pages behind the kernel",
	    page_size == 0 ? "2 MB" : "4 KB");
	print_range(DMAP_MIN, DMAP_MIN + (vm_offset_t)dmap_limit, what);
	print_image();
	snprintf(what, sizeof(what), "page array, %u frames of %zu bytes",
	    vm_page_count, sizeof(struct vm_page));
	print_range(VM_PAGES_MIN, VM_PAGES_MIN + (vm_offset_t)round_page(
	    vm_page_count * sizeof(struct vm_page)), what);
	print_range(SF_SLOTS_MIN - PAGE_SIZE, SF_SLOTS_MIN +
	    (vm_offset_t)round_page(nsfbufs * SF_SLOT_SIZE),
	    "states of the sf_bufs");
	print_range(SF_PTES_MIN, SF_PTES_MIN + (vm_offset_t)round_page(
	    nsfbufs * sizeof(pt_entry_t)), "page tables of the sf_bufs");
	snprintf(what, sizeof(what), "sf_bufs, %u slots", nsfbufs);
	print_range(SF_BUF_MIN, SF_BUF_MIN + (nsfbufs << PAGE_SHIFT), what);
	kmem_stats_read(&k);
	snprintf(what, sizeof(what), "kernel memory and devices, %u K free",
	    k.free << (PAGE_SHIFT - 10));
	print_range(KVA_MIN, KVA_MIN + (k.total << PAGE_SHIFT), what);
	printf("  all else is unmapped; no-execute is %s, physical addresses "
	    "have %u bits\n", pg_nx != 0 ? "on" : "not there",
	    pmap_maxphyaddr());
}
