/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The kernel's page tables.  Owns: the PDPT, the page directories of the
 * upper two GiB, and every page table under them.
 *
 * pmap_bootstrap() builds all of them before it loads CR3, and no directory
 * entry changes afterwards; so the paging-structure caches (SDM vol. 3A
 * 4.10.3) never matter.  What changes later are entries of the sf_buf window,
 * by arch/i386/mmu/sf_pte.c, and of the window of kernel addresses, by
 * pmap_kenter() and pmap_kremove() for vm/kmem.c.  Both kinds go from
 * not-present to present and back, never from one frame to another, and never
 * have G.  Entries of the device window become present during start-up, and
 * stay.
 *
 * Memory for the tables and for the page array comes from vm/ram.c.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/control.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/pmap.h>
#include <vm/ram.h>
#include <vm/vm_page.h>

#define	NPTE		512u
#define	PDE_SIZE	0x200000u
#define	DMAP_LEAST	0x1000000u	/* VM_ALLOC_LOW is always inside */
#define	PG_PCD		0x010u
#define	PG_PWT		0x008u
#define	CPUID_PSE36	(1u << 17)

extern char kern_text[], kern_rodata[], kern_data[], kern_ksyms[],
    kern_end[], boot_stack_guard[], boot_df_stack_guard[], sf_slots[],
    sf_ptes[];			/* linker.ld has their addresses */

pt_entry_t pg_nx;
uint32_t kern_cr3;
vm_paddr_t dmap_limit;
vm_offset_t kva_end;

static pt_entry_t kern_pdpt[4] __attribute__((aligned(32)));
static pt_entry_t kern_pd[2][NPTE] __attribute__((aligned(PAGE_SIZE)));
static uint32_t pg_g;

static vm_offset_t dev_next = DEV_MIN;	/* first unused device address */

static const char *const page_sizes[] = { "2m", "4k", NULL };
enum { PAGES_2M, PAGES_4K };		/* their indices */
static u_int page_size;
TUNABLE_ENUM(pmap_pages, "pmap.pages", page_size, page_sizes,
    "page size of the kernel's fixed mappings");

/*
 * pmap_maxphyaddr: returns the width of a physical address in bits (SDM
 * vol. 2, CPUID leaf 80000008H).  If that leaf is missing it is 36 according to
 * the SDM; but QEMU's CPUs without PSE-36 have 32, and fault on an address
 * above.  So a CPU without the leaf and without PSE-36 is taken to have 32.
 * Any context.
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

/*
 * pmap_dmap: returns the direct map's address of a physical address.  Panics
 * if the direct map does not reach it.  Any context.
 */
void *
pmap_dmap(vm_paddr_t pa)
{
	KASSERT(pa < dmap_limit, "pmap_dmap: 0x%llx is above the direct map's "
	    "end 0x%llx (called from %pC)", (unsigned long long)pa,
	    (unsigned long long)dmap_limit, __caller());
	return ((void *)(DMAP_MIN + (vm_offset_t)pa));
}

/* The physical address of a pointer into the direct map. */
static vm_paddr_t
kva_to_pa(const void *p)
{
	return ((vm_paddr_t)((vm_offset_t)p - DMAP_MIN));
}

/* Allocates and zeroes a page below the direct map's end; never freed. */
static vm_paddr_t
page_alloc(void)
{
	vm_paddr_t pa = ram_alloc(PAGE_SIZE);

	memset(pmap_dmap(pa), 0, PAGE_SIZE);
	return (pa);
}

static pt_entry_t *
pde_of(vm_offset_t va)
{
	return (&kern_pd[(va >> 30) - 2][(va >> 21) & (NPTE - 1)]);
}

/*
 * pmap_kpdpte: returns entry 2 or 3 of the PDPT, which every address space has
 * as well.  It never changes.  Any context.
 */
pt_entry_t
pmap_kpdpte(u_int i)
{
	return (kern_pdpt[i]);
}

/*
 * pmap_kpde: returns the directory entry of an address.  Below the kernel,
 * where there are no directories, returns the entry of the PDPT: 0.  Any
 * context.
 */
pt_entry_t
pmap_kpde(vm_offset_t va)
{
	return (va < KERNBASE ? kern_pdpt[va >> 30] : *pde_of(va));
}

/*
 * pmap_kpte: returns a pointer to the page-table entry of a kernel address,
 * or NULL if the address has no page table: it is not mapped, or by a 2 MB
 * page.  Any context.
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
		*pde = page_alloc() | PG_V | PG_RW;
	*pmap_kpte(va) = pa | bits;
}

/*
 * The bits of the direct map's entry of a frame.  The kernel's image is in the
 * direct map, and no page of it may be both writable and executable.
 */
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
		if (page_size == PAGES_2M && pa >= image_end) {
			*pde_of(DMAP_MIN + (vm_offset_t)pa) = pa | PG_V |
			    PG_RW | PG_PS | pg_g | pg_nx;
			continue;
		}
		for (vm_paddr_t p = pa; p < pa + PDE_SIZE; p += PAGE_SIZE)
			map_4k(DMAP_MIN + (vm_offset_t)p, p, dmap_bits(p));
	}
}

/* Backs the page array with memory, which need not be in the direct map. */
static void
map_page_array(vm_size_t size)
{
	vm_paddr_t pa = ram_page_array();

	for (vm_size_t off = 0; off < size; off += PAGE_SIZE)
		map_4k(VM_PAGES_MIN + off, pa + off,
		    PG_V | PG_RW | pg_g | pg_nx);
}

/*
 * Builds the page tables of the sf_buf window and maps them one after another
 * as sf_ptes[], so that a slot's index is its entry's.  Also maps sf_slots[],
 * with the sentinel slot, all zero, in front.
 */
static void
make_sf_window(u_int nsfbufs)
{
	u_int tables = (nsfbufs + NPTE - 1) / NPTE;
	vm_paddr_t pa;

	for (u_int i = 0; i < tables; i++) {
		pa = page_alloc();
		*pde_of(SF_BUF_MIN + i * PDE_SIZE) = pa | PG_V | PG_RW;
		map_4k(SF_PTES_MIN + i * PAGE_SIZE, pa,
		    PG_V | PG_RW | pg_g | pg_nx);
	}
	for (vm_offset_t va = SF_SLOTS_MIN - PAGE_SIZE;
	    va < SF_SLOTS_MIN + nsfbufs * SF_SLOT_SIZE; va += PAGE_SIZE)
		map_4k(va, page_alloc(), PG_V | PG_RW | pg_g | pg_nx);
}

/* Gives [va, end) page tables, with no entry present. */
static void
make_tables(vm_offset_t va, vm_offset_t end)
{
	for (; va < end; va += PDE_SIZE)
		*pde_of(va) = page_alloc() | PG_V | PG_RW;
}

/*
 * pmap_kva_end: returns the end of the window of kernel addresses.  It is twice
 * the size of RAM: with a guard beside each page, more could not be backed.
 */
vm_offset_t
pmap_kva_end(vm_paddr_t ram_size)
{
	vm_size_t size = KVA_SIZE;

	if (2 * ram_size < KVA_SIZE)
		size = (vm_size_t)(2 * ram_size) & ~(PDE_SIZE - 1);
	return (KVA_MIN + size);
}

/*
 * pmap_dmap_end: returns where the direct map ends, if it is to reach `wanted'
 * and RAM reaches up to ram_end: in whole large pages, within its window, and
 * not below 16 MiB.
 */
vm_paddr_t
pmap_dmap_end(vm_paddr_t wanted, vm_paddr_t ram_end)
{
	vm_paddr_t end = (wanted + PDE_SIZE - 1) & ~(vm_paddr_t)(PDE_SIZE - 1);

	if (end < DMAP_LEAST)
		end = DMAP_LEAST;
	if (end > ram_end)
		end = ram_end & ~(vm_paddr_t)(PDE_SIZE - 1);
	return (end < DMAP_SIZE ? end : DMAP_SIZE);
}

/* The page tables of [va, end). */
static u_int
ntables(vm_offset_t va, vm_offset_t end)
{
	return ((end - 1) / PDE_SIZE - va / PDE_SIZE + 1);
}

/*
 * pmap_tables_size: returns the bytes that pmap_bootstrap() will take by
 * ram_alloc(), exactly: each window's page tables, and the slots.  The direct
 * map will end at dmap_end.
 */
vm_size_t
pmap_tables_size(vm_paddr_t ram_size, vm_paddr_t ram_end, vm_paddr_t dmap_end,
    u_int nsfbufs)
{
	vm_offset_t small_end = page_size == PAGES_2M ? (vm_offset_t)kern_end :
	    DMAP_MIN + (vm_offset_t)dmap_end;
	u_int slots = atop(round_page(nsfbufs * SF_SLOT_SIZE)) + 1;

	return (PAGE_SIZE * (slots + ntables(DMAP_MIN, small_end) +
	    ntables(VM_PAGES_MIN, VM_PAGES_MIN + vm_page_array_size(ram_end)) +
	    ntables(SF_SLOTS_MIN - PAGE_SIZE, SF_PTES_MIN + 1) +
	    ntables(SF_BUF_MIN, SF_BUF_MIN + nsfbufs * PAGE_SIZE) +
	    ntables(KVA_MIN, pmap_kva_end(ram_size)) +
	    ntables(DEV_MIN, DEV_MIN + DEV_SIZE)));
}

/*
 * pmap_bootstrap: builds the kernel's own page tables and loads them; sets
 * dmap_limit, as ram_init() planned it, kva_end and kern_cr3.  Once, on the
 * boot CPU, interrupts off, after ram_init().  ram_size: bytes of usable RAM;
 * nsfbufs: slots of the sf_buf window.
 */
void
pmap_bootstrap(vm_paddr_t ram_size, u_int nsfbufs)
{
	bool pge, nx;

	KASSERT((vm_offset_t)vm_page_array == VM_PAGES_MIN &&
	    (vm_offset_t)sf_ptes == SF_PTES_MIN &&
	    (vm_offset_t)sf_slots == SF_SLOTS_MIN,
	    "pmap: linker.ld and vmparam.h disagree");
	control_init_boot(&pge, &nx);
	pg_g = pge ? PG_G : 0;
	pg_nx = nx ? PG_NX : 0;
	dmap_limit = ram_limit;
	kva_end = pmap_kva_end(ram_size);
	for (u_int i = 2; i < 4; i++)
		kern_pdpt[i] = kva_to_pa(kern_pd[i - 2]) | PG_V;
	map_dmap();
	*pmap_kpte((vm_offset_t)boot_stack_guard) = 0;
	*pmap_kpte((vm_offset_t)boot_df_stack_guard) = 0;
	map_page_array(vm_page_array_size(ram_end));
	make_sf_window(nsfbufs);
	make_tables(KVA_MIN, kva_end);
	make_tables(DEV_MIN, DEV_MIN + DEV_SIZE);
	kern_cr3 = (uint32_t)kva_to_pa(kern_pdpt);
	hw_load_cr3(kern_cr3);
}

/*
 * pmap_init_ap: loads the kernel's page tables on a CPU that has just started,
 * after what their entries need, EFER.NXE and CR4.PGE.  Does not return on a
 * CPU that lacks one of these: the CPU that starts it finds that it never came.
 */
void
pmap_init_ap(void)
{
	while (!control_init_ap())
		cpu_halt();
	hw_load_cr3(kern_cr3);
}

enum pte_half { LOW, HIGH };

/*
 * Points to the low or the high word of a kernel address's entry; panics if
 * the address has no page table.
 */
static volatile uint32_t *
kpte_half(vm_offset_t va, enum pte_half half, const void *caller)
{
	pt_entry_t *pte = va < KERNBASE ? NULL : pmap_kpte(va);

	KASSERT(pte != NULL, "pmap: no page table for %p (called from %pC)",
	    (void *)va, caller);
	return ((volatile uint32_t *)pte + half);
}

/*
 * Makes an entry present.  That needs no invalidation if no TLB holds a
 * translation of the address (SDM vol. 3A 4.10.4.3).  The high word is stored
 * before the low one, which has P: in the other order a page walk could pair
 * the new low word with the high word of an earlier frame.
 */
static void
kenter(vm_offset_t va, pt_entry_t pte, const void *caller)
{
	volatile uint32_t *low = kpte_half(va, LOW, caller);

	KASSERT((hw_load32(low) & PG_V) == 0, "pmap_kenter: %p is mapped "
	    "already (called from %pC)", (void *)va, caller);
	hw_store32(kpte_half(va, HIGH, caller), (uint32_t)(pte >> 32));
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
 * pmap_kremove: unmaps a kernel address; true if a TLB may hold the
 * translation.  One locked exchange clears P and reads A; sf_pte_remove()
 * explains why that is conclusive.  Any context; the caller owns the address.
 * Panics if nothing is mapped there.
 */
bool
pmap_kremove(vm_offset_t va)
{
	uint32_t old = hw_xchg32(kpte_half(va, LOW, __caller()), 0);

	KASSERT((old & PG_V) != 0, "pmap_kremove: %p is not mapped (called "
	    "from %pC)", (void *)va, __caller());
	return ((old & PG_A) != 0);
}

/*
 * pmap_kextract: returns the physical address that a kernel address is mapped
 * to, 0 if none.  Any context.  The answer may be out of date unless the caller
 * owns the address.
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
 * pmap_mapdev: maps physical memory that is not RAM, uncached, between unmapped
 * pages; it stays mapped.  Start-up, boot CPU.  NULL if the device window has
 * no room left.
 */
void *
pmap_mapdev(vm_paddr_t pa, vm_size_t size)
{
	vm_offset_t off = (vm_offset_t)(pa & PAGE_MASK);
	vm_offset_t va = dev_next + PAGE_SIZE;

	if (size > DEV_SIZE || va + off + size > DEV_MIN + DEV_SIZE)
		return (NULL);
	dev_next = va + round_page(off + size);
	for (vm_offset_t o = 0; va + o < dev_next; o += PAGE_SIZE)
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
