/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Address spaces: makes and destroys them, and keeps the CPUs that have one
 * loaded right.  An address space takes three pages: one for its struct pmap,
 * which begins with the PDPT, and two directories.  They are in the direct map,
 * so below 4 GiB.  MOV CR3 reads the PDPT's entries (SDM vol. 3A 4.4.1), so all
 * four are there before the first.
 *
 * A CPU keeps a task's tables loaded (pc_pmap) when it goes on to run threads
 * of the kernel, which use no user address.  pc_runs is the address space whose
 * thread it runs now.  Only CPUs that run pm are made to flush when rights are
 * taken away from it; the others owe that flush until they run pm again.
 *
 * Remover:	[U1] changes entries, by locked instructions
 *		[U2] pm_gen++, locked
 *		[U3] reads pc_runs of every CPU: pm?
 * A switch:	[U4] XCHG pc_runs = pm, locked
 *		[U5] reads pm_gen
 *		[U6] as when its tables were flushed here last?  If not, MOV CR3
 *		[U7] ring 3
 *
 * If [U3] sees pm, the remover asks that CPU to flush and waits, until it has
 * published an epoch that was closed after [U1], or runs pm no longer.  If
 * [U3] does not see pm, it came before [U4], so [U2] came before [U5], which
 * finds a pm_gen that no flush from before [U1] can have recorded, and [U6]
 * loads CR3.  With a plain store in [U4], the load in [U5] could be done while
 * the store waits in the store buffer: the remover would not see the one, nor
 * this CPU the other.  For [U2] it is the same with [U3].
 *
 * A CPU that stops to run pm, by a plain store, uses no user address
 * afterwards, and what it wrote before is visible before that store (SDM vol.
 * 3A 8.2.2); so the remover need not wait for it.
 *
 * pc_pmap_gen is what pm_gen was before a load of CR3 (vm/tlb.c), so losses
 * that it counts are flushed.  It takes 2^32 losses between two flushes of a
 * CPU for [U6] to be wrong, and a CPU that is awake flushes at every tick when
 * the epoch has moved, as each pmap_flush() makes it do.
 */

#include <sys/types.h>
#include <sys/monitor.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <machine/intr.h>
#include <vm/tlb.h>
#include <arch/i386/space/tables.h>


/*
 * Fills in a new address space, at the start of the page m; the rest of the
 * page is never used.
 */
static struct pmap *
init(struct vm_page *m, struct vm_page *pd[2])
{
	struct pmap *pm = pmap_dmap(VM_PAGE_TO_PHYS(m));

	memset(pm, 0, sizeof(*pm));
	pm->pm_cr3 = (uint32_t)VM_PAGE_TO_PHYS(m);
	spin_init(&pm->pm_lock, "page tables", RANK_PMAP);
	for (u_int i = 0; i < 2; i++) {
		pm->pm_pd[i] = pmap_dmap(VM_PAGE_TO_PHYS(pd[i]));
		pm->pm_pdpt[i] = VM_PAGE_TO_PHYS(pd[i]) | PG_V;
		pm->pm_pdpt[i + 2] = pmap_kpdpte(i + 2);
	}
	return (pm);
}

/* Contracts of the public functions are in <machine/pmap_user.h>. */
struct pmap *
pmap_create(void)
{
	struct vm_page *m, *pd[2];

	m = pmap_page_alloc();
	if (m == NULL)
		return (NULL);
	for (u_int i = 0; i < 2; i++) {
		pd[i] = pmap_table_alloc();
		if (pd[i] == NULL) {
			while (i-- > 0)
				pmap_table_free(pd[i]);
			pmap_table_free(m);
			return (NULL);
		}
	}
	return (init(m, pd));
}

/* Puts the page of an address in the direct map in front of a chain. */
static uint32_t
add_to_chain(uint32_t chain, const void *p)
{
	struct vm_page *m;

	m = PHYS_TO_VM_PAGE((vm_paddr_t)((vm_offset_t)p - DMAP_MIN));
	m->next = chain;
	return (vm_page_index(m));
}

/* All pages of pm as a chain; its entries stay as they are. */
static uint32_t
all_pages(struct pmap *pm)
{
	uint32_t chain = add_to_chain(VM_PAGE_NONE, pm), set;
	u_int n = 0;
	vm_offset_t va;

	for (u_int i = 0; i < nitems(pm->pm_where); i++)
		for (set = pm->pm_where[i]; set != 0; set &= set - 1, n++) {
			va = (32 * i + (u_int)__builtin_ctz(set)) * TABLE_SIZE;
			chain = add_to_chain(chain,
			    pmap_dmap(*pmap_pde(pm, va) & PG_FRAME));
		}
	KASSERT(n == pm->pm_tables, "pmap_destroy: %u tables are counted as "
	    "%u", n, pm->pm_tables);
	for (u_int i = 0; i < 2; i++)
		chain = add_to_chain(chain, pm->pm_pd[i]);
	return (chain);
}

/*
 * The tables are not changed: a CPU that has them loaded may walk them until it
 * flushes, and a flush finds pm_dead set (vm/tlb.c).
 */
void
pmap_destroy(struct pmap *pm)
{
	for (u_int i = 0; i < mp_ncpus; i++)
		KASSERT(pcpus[i]->pc_runs != (uintptr_t)pm, "pmap_destroy: "
		    "CPU %u runs a thread of address space %p (called from "
		    "%pC)", i, (void *)pm, __caller());
	KASSERT(pm->pm_dead == 0, "pmap_destroy: address space %p is destroyed "
	    "already (called from %pC)", (void *)pm, __caller());
	hw_store32(&pm->pm_dead, 1);
	pmap_wait(all_pages(pm));
}

void
pmap_activate(struct pmap *pm)
{
	struct pcpu *pc = curpcpu();

	KASSERT(!intr_enabled(), "pmap_activate: interrupts are on (called "
	    "from %pC)", __caller());
	if (pc->pc_runs == (uintptr_t)pm) {
		/* [U3] saw that all the time, so nothing is owed. */
		KDEBUG(pm == NULL || pc->pc_pmap == pm, "pmap_activate: CPU %u "
		    "runs address space %p, but has %p", pc->pc_cpuid,
		    (void *)pm, (void *)pc->pc_pmap);
		return;
	}
	if (pm == NULL) {
		atomic_store_rel_ptr(&pc->pc_runs, 0);
		return;
	}
	KASSERT(pm->pm_dead == 0, "pmap_activate: address space %p is "
	    "destroyed (called from %pC)", (void *)pm, __caller());
	(void)atomic_swap_ptr(&pc->pc_runs, (uintptr_t)pm);	/* [U4] */
	if (pc->pc_pmap == pm) {
		if (hw_load32(&pm->pm_gen) == pc->pc_pmap_gen) { /* [U5] */
			pc->pc_user.spared++;
			return;
		}
		pc->pc_user.owed++;
	}
	pc->pc_user.switches++;
	tlb_switch(pm);						/* [U6] */
}

void
pmap_flush(struct pmap *pm)
{
	(void)atomic_fetchadd_32(&pm->pm_gen, 1);		/* [U2] */
	PCPU_COUNT(pc_user.flushes);
	if (tlb_force_space(tlb_close(), pm) != 0)
		PCPU_COUNT(pc_user.forced);
}

static void
print_row(const char *what, uint64_t n)
{
	printf("  %-24s %14llu\n", what, (unsigned long long)n);
}

SAFE_COMMAND(command_pmap, "pmap", "", "counters of address spaces")
{
	struct pmap_stats sum = { 0 };
	const struct pmap_stats *s;

	for (u_int i = 0; i < mp_ncpus; i++) {
		s = &pcpus[i]->pc_user;
		sum.switches += s->switches;
		sum.spared += s->spared;
		sum.owed += s->owed;
		sum.entered += s->entered;
		sum.removed += s->removed;
		sum.flushes += s->flushes;
		sum.forced += s->forced;
	}
	printf("address spaces: all CPUs together:\n");
	print_row("switches", sum.switches);
	print_row("  of them flushes owed", sum.owed);
	print_row("flushes spared", sum.spared);
	print_row("user entries made", sum.entered);
	print_row("user entries removed", sum.removed);
	print_row("flushes of lost rights", sum.flushes);
	print_row("  of them with IPIs", sum.forced);
	print_row("pages of tables waiting", pmap_waiting());
}
