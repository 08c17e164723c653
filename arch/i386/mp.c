/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * More than one CPU: the start of the others, and their stop in a panic.
 * Owns the table of CPUs: pcpus[] and mp_ncpus only grow, here, at start.
 */

#include <sys/types.h>
#include <sys/monitor.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <machine/acpi.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/ioapic.h>
#include <machine/pcpu.h>
#include <machine/pmap.h>
#include <machine/smp.h>
#include <vm/kmem.h>

#define	TRAMPOLINE_PA	0x8000u
#define	AP_STACK	16384u
#define	AP_START_MS	1000u
#define	STOP_MS		200u

extern char trampoline_start[], trampoline_end[];

static struct pcpu pcpu0;
struct pcpu *pcpus[MAXCPU] = { &pcpu0 };
u_int mp_ncpus = 1;

static volatile uint32_t stopping;

static u_int max_cpus = MAXCPU;
TUNABLE_UINT(maxcpus, "maxcpus", max_cpus, 1, MAXCPU, "CPUs to use");

/* mp_stopping: whether an NMI is a panic's call to stop.  Any context. */
bool
mp_stopping(void)
{
	return (stopping != 0);
}

/*
 * mp_stop_others: for a panic: stops the other CPUs by NMI, wherever they
 * are, and returns when they stand or 200 ms are over.  Each leaves its
 * registers in pc_stopped.
 */
void
mp_stop_others(void)
{
	uint64_t start = cpu_ticks();
	u_int me = curcpu_id();

	stopping = 1;
	for (u_int i = 0; i < mp_ncpus; i++)
		if (i != me)
			lapic_send(pcpus[i]->pc_apicid, ICR_NMI);
	for (u_int i = 0; i < mp_ncpus; i++)
		while (i != me && pcpus[i]->pc_stopped == NULL &&
		    cpu_ticks() - start < STOP_MS * ticks_per_ms)
			cpu_spinwait();
}

void	ap_main(void) __dead2;
static struct pcpu *ap_pcpu;		/* of the AP that is being started */
static vm_offset_t ap_stack_top;

/* The rest of an AP's life is its idle thread's. */
static void __dead2
ap_main_on_own_stack(void)
{
	struct pcpu *me = ap_pcpu;

	trap_init_cpu(me);
	lapic_enable();
	tlb_leave_idle();
	lapic_timer_periodic();
	atomic_store_rel_32(&me->pc_online, 1);
	sched_idle();
}

/* An AP's first C code: in the boot tables, on the trampoline's stack. */
void
ap_main(void)
{
	pmap_init_ap();
	__asm__ volatile("movl %0, %%esp; xorl %%ebp, %%ebp; pushl %%ebp; "
	    "jmp *%1" : : "r" (ap_stack_top), "r" (ap_main_on_own_stack));
	__builtin_unreachable();
}

/* INIT-SIPI-SIPI (SDM vol. 3A 8.4.4.1); false if it never came. */
static bool
start_ap(struct pcpu *pc, vm_offset_t stack)
{
	uint64_t start;

	ap_pcpu = pc;
	ap_stack_top = stack + AP_STACK;
	lapic_send(pc->pc_apicid, ICR_INIT);
	DELAY(10000);
	for (int i = 0; i < 2 && pc->pc_online == 0; i++) {
		lapic_send(pc->pc_apicid, ICR_STARTUP | TRAMPOLINE_PA >> 12);
		DELAY(200);
	}
	start = cpu_ticks();
	while (pc->pc_online == 0) {
		if (cpu_ticks() - start > AP_START_MS * ticks_per_ms)
			return (false);
		cpu_spinwait();
	}
	return (true);
}

/*
 * Starts one more CPU.  It must be in the table before it runs, for it takes
 * locks; born idle, so that nobody waits for it before.  One that never came
 * keeps its memory: it might still come, and must not find it in other use.
 */
static void
add_ap(u_int apicid)
{
	struct pcpu *pc = kmem_alloc(sizeof(struct pcpu), M_ZERO);
	void *stack = kmem_alloc(AP_STACK, 0);

	if (pc == NULL || stack == NULL) {
		printf("mp: APIC %u left out: no memory\n", apicid);
		return;
	}
	pc->pc_cpuid = mp_ncpus;
	pc->pc_apicid = apicid;
	pc->pc_tlb = TLB_IDLE;
	pcpus[mp_ncpus] = pc;
	sched_init_cpu(pc->pc_cpuid);
	if (start_ap(pc, (vm_offset_t)stack))
		mp_ncpus++;
	else
		printf("mp: the CPU with APIC %u never started, left out\n",
		    apicid);
}

/*
 * The 8259s would deliver on the vectors of exceptions: moved out of the
 * way, and every line masked.
 */
static void
mask_8259(void)
{
	static const uint8_t icw[2][4] = {
		{ 0x11, 0x20, 0x04, 0x01 }, { 0x11, 0x28, 0x02, 0x01 },
	};

	for (u_int i = 0; i < 2; i++) {
		outb(i == 0 ? 0x20 : 0xa0, icw[i][0]);
		for (u_int j = 1; j < 4; j++)
			outb(i == 0 ? 0x21 : 0xa1, icw[i][j]);
		outb(i == 0 ? 0x21 : 0xa1, 0xff);
	}
}

/*
 * mp_start: this CPU's local APIC and clock, then every CPU that the MADT
 * names, up to maxcpus=.  Once; interrupts are on afterwards.
 */
void
mp_start(void)
{
	struct madt_info mi;
	u_int self;

	mask_8259();
	acpi_find_cpus(&mi);
	if (mi.error != NULL) {
		printf("mp: one CPU: the MADT is not used, %s\n", mi.error);
		mi.lapic_pa = LAPIC_DEFAULT_PA;
	}
	if (mi.nunreachable != 0)
		printf("mp: %u CPUs have APIC ids above %u, left out\n",
		    mi.nunreachable, ACPI_MAXAPICID);
	lapic_init(mi.lapic_pa);
	lapic_enable();
	lapic_timer_calibrate();
	self = lapic_id();
	pcpu0.pc_apicid = self;
	ioapic_init(&mi);
	acpi_find_power();
	lapic_timer_periodic();
	enable_intr();
	memcpy(pmap_dmap(TRAMPOLINE_PA), trampoline_start,
	    (size_t)(trampoline_end - trampoline_start));
	for (u_int i = 0; i < mi.ncpus; i++)
		if (mi.apicid[i] != self && mp_ncpus < max_cpus)
			add_ap(mi.apicid[i]);
}

static void
print_ipis(const uint64_t n[IPI_NVERBS])
{
	for (u_int v = 0; v < IPI_NVERBS; v++)
		printf(" %10llu", (unsigned long long)n[v]);
}

SAFE_COMMAND(command_cpus, "cpus", "", "every CPU, its TLB's epoch, its IPIs")
{
	const struct pcpu *pc;

	printf("  %3s %4s %10s %10s %10s %10s %s\n", "cpu", "apic", "ticks",
	    "switches", "flushes", "epoch", "state");
	for (u_int i = 0; i < mp_ncpus; i++) {
		pc = pcpus[i];
		printf("  %3u %4u %10u %10llu %10llu %10u %s\n", i,
		    pc->pc_apicid, pc->pc_ticks,
		    (unsigned long long)pc->pc_switches,
		    (unsigned long long)pc->pc_flushes, pc->pc_tlb >> 1,
		    (pc->pc_tlb & TLB_IDLE) != 0 ? "idle" :
		    pc->pc_curthread->td_name);
	}
	printf("\n  %3s%*s%*s\n  %3s", "", 11 * IPI_NVERBS, "IPIs sent",
	    11 * IPI_NVERBS, "IPIs taken", "cpu");
	for (u_int v = 0; v < 2 * IPI_NVERBS; v++)
		printf(" %10s", ipi_names[v % IPI_NVERBS]);
	printf("\n");
	for (u_int i = 0; i < mp_ncpus; i++) {
		printf("  %3u", i);
		print_ipis(pcpus[i]->pc_ipis_sent);
		print_ipis(pcpus[i]->pc_ipis_taken);
		printf("\n");
	}
}
