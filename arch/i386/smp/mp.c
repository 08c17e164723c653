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
#include <sys/panic.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <machine/acpi.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/ioapic.h>
#include <machine/ipi.h>
#include <machine/lapic.h>
#include <machine/mp.h>
#include <machine/nmi.h>
#include <machine/pcpu.h>
#include <machine/pmap.h>
#include <machine/trap.h>
#include <machine/tsc.h>
#include <vm/kmem.h>
#include <vm/tlb.h>

#define	TRAMPOLINE_PA	0x8000u
#define	AP_START_MS	1000u
#define	INIT_US		10000u	/* SDM vol. 3A 8.4.4.1 */
#define	SIPI_US		200u	/* the same */
#define	STOP_MS		1000u
#define	SAMPLE_MS	100u
#define	BROADCAST_ID	0xffu	/* no CPU's: it means all (10.6.2.1) */

extern char trampoline_start[], trampoline_end[], boot_df_stack_top[];

static struct pcpu pcpu0 = { .pc_df_stack = (vm_offset_t)boot_df_stack_top };
struct pcpu *pcpus[MAXCPU] = { &pcpu0 };
u_int mp_ncpus = 1;

static volatile uint32_t stopping;

static u_int max_cpus = MAXCPU;
TUNABLE_UINT(maxcpus, "maxcpus", max_cpus, 1, MAXCPU, "CPUs to use");

/*
 * A look at a CPU that hangs, perhaps with interrupts off: what nmi_backtrace()
 * asks for, and nmi_handle() answers, on the CPU in question.
 */
static struct sample {
	uintptr_t calls[BACKTRACE_MAX];
	u_int ncalls;
	volatile uint32_t wanted_of;	/* a CPU's number plus 1, or 0 */
} sample;

/*
 * nmi_handle: an NMI came: to stop for a panic, whereof this does not return, or
 * to say what this CPU was doing.  False if nobody here sent it.  NMI context:
 * takes no lock and prints nothing, for it may have come in the middle of
 * either.
 */
bool
nmi_handle(const struct trapframe *tf)
{
	struct pcpu *pc = curpcpu();

	if (stopping != 0 && !panicked_here()) {
		pc->pc_stopped = tf;
		for (;;)
			cpu_halt();
	}
	if (atomic_load_acq_32(&sample.wanted_of) != pc->pc_cpuid + 1)
		return (false);
	sample.calls[0] = tf->eip;
	sample.ncalls = 1 + backtrace_collect((const void *)(vm_offset_t)
	    tf->ebp, sample.calls + 1, BACKTRACE_MAX - 1);
	/* The calls before the word that says that they are there. */
	atomic_store_rel_32(&sample.wanted_of, 0);
	return (true);
}

/*
 * nmi_backtrace: what another CPU is doing, by NMI: the addresses of its calls,
 * at most max; 0 if it did not answer in 100 ms.  Any context but NMI, one
 * user at a time.
 */
u_int
nmi_backtrace(u_int cpu, uintptr_t calls[], u_int max)
{
	uint64_t start = cpu_ticks();

	sample.wanted_of = cpu + 1;
	lapic_send(pcpus[cpu]->pc_apicid, ICR_NMI);
	while (atomic_load_acq_32(&sample.wanted_of) != 0) {
		if (cpu_ticks() - start > SAMPLE_MS * ticks_per_ms)
			return (0);
		cpu_spinwait();
	}
	if (max > sample.ncalls)
		max = sample.ncalls;
	memcpy(calls, sample.calls, max * sizeof(*calls));
	return (max);
}

/*
 * nmi_stop_others: for a panic: stops the other CPUs by NMI, wherever they
 * are, and returns when they stand or a second is over.  Each leaves its
 * registers in pc_stopped.
 */
void
nmi_stop_others(void)
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
static struct pcpu *volatile ap_pcpu;	/* of the AP that is being started */
static void *volatile ap_stack;
static volatile u_int ap_apicid; /* its own, in the image: see ap_main() */

/*
 * The rest of an AP's life is its idle thread's.  It counts as idle until it
 * is one of mp_ncpus: nobody would wait for a flush of it before.
 */
static void __dead2
ap_main_on_own_stack(void)
{
	struct pcpu *me = ap_pcpu;

	trap_init_cpu(me);
	lapic_enable();
	atomic_store_rel_32(&me->pc_online, 1);
	while (atomic_load_acq_32(&mp_ncpus) <= me->pc_cpuid)
		cpu_spinwait();
	tlb_leave_idle();
	lapic_timer_periodic();
	sched_idle();
}

/*
 * An AP's first C code: in the boot tables, on the trampoline's stack.  One
 * that we gave up may come when it is another's turn, and must touch nothing.
 * The boot tables do not map struct pcpu.
 */
void
ap_main(void)
{
	uint32_t r[4];

	do_cpuid(1, r);
	while (r[1] >> 24 != ap_apicid)
		cpu_halt();
	pmap_init_ap();
	__asm__ volatile("movl %0, %%esp; xorl %%ebp, %%ebp; pushl %%ebp; "
	    "jmp *%1" : : "r" ((char *)ap_stack + KSTACK_SIZE),
	    "r" (ap_main_on_own_stack));
	__builtin_unreachable();
}

/*
 * mp_start_ap: INIT-SIPI-SIPI (SDM vol. 3A 8.4.4.1) to the CPU with the APIC
 * pc->pc_apicid; false if it never came.  Then it gets a last INIT, after
 * which it waits for a start-up that nobody sends, rather than come late.
 * Thread context, one user at a time; takes 10 ms, or a second.
 */
bool
mp_start_ap(struct pcpu *pc, void *stack)
{
	uint64_t start;

	ap_pcpu = pc;
	ap_stack = stack;
	ap_apicid = pc->pc_apicid;
	lapic_send(pc->pc_apicid, ICR_INIT);
	DELAY(INIT_US);
	for (int i = 0; i < 2 && pc->pc_online == 0; i++) {
		lapic_send(pc->pc_apicid, ICR_STARTUP | TRAMPOLINE_PA >> 12);
		DELAY(SIPI_US);
	}
	start = cpu_ticks();
	while (pc->pc_online == 0) {
		if (cpu_ticks() - start > AP_START_MS * ticks_per_ms) {
			lapic_send(pc->pc_apicid, ICR_INIT);
			printf("mp: the CPU with APIC %u never started, left "
			    "out\n", pc->pc_apicid);
			return (false);
		}
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
	void *stack = kstack_alloc();
	void *df_stack = kmem_alloc(DF_STACK_SIZE, 0);

	if (pc == NULL || stack == NULL || df_stack == NULL) {
		printf("mp: APIC %u left out: no memory\n", apicid);
		return;
	}
	pc->pc_cpuid = mp_ncpus;
	pc->pc_apicid = apicid;
	pc->pc_tlb = TLB_IDLE;
	pc->pc_df_stack = (vm_offset_t)df_stack + DF_STACK_SIZE;
	pcpus[mp_ncpus] = pc;
	sched_init_cpu(pc->pc_cpuid);
	if (mp_start_ap(pc, stack))
		atomic_store_rel_32(&mp_ncpus, mp_ncpus + 1);
}

/* Those of the MADT but this one, as far as there is room. */
static void
add_all(const struct madt_info *mi, u_int self)
{
	u_int left_out = 0;

	for (u_int i = 0; i < mi->ncpus; i++) {
		if (mi->apicid[i] == self)
			continue;
		if (mi->apicid[i] == BROADCAST_ID)
			printf("mp: APIC %u left out: that means all APICs\n",
			    mi->apicid[i]);
		else if (mp_ncpus < max_cpus)
			add_ap(mi->apicid[i]);
		else
			left_out++;
	}
	if (left_out != 0)
		printf("mp: %u more CPUs are left out: the limit is %u\n",
		    left_out, max_cpus);
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
	add_all(&mi, self);
}

static void
print_ipis(const uint64_t n[IPI_NVERBS])
{
	for (u_int v = 0; v < IPI_NVERBS; v++)
		printf(" %8llu", (unsigned long long)n[v]);
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
	printf("\n  %3s%*s%*s\n  %3s", "", 9 * IPI_NVERBS, "IPIs sent",
	    9 * IPI_NVERBS, "IPIs taken", "cpu");
	for (u_int v = 0; v < 2 * IPI_NVERBS; v++)
		printf(" %8s", ipi_names[v % IPI_NVERBS]);
	printf("\n");
	for (u_int i = 0; i < mp_ncpus; i++) {
		printf("  %3u", i);
		print_ipis(pcpus[i]->pc_ipis_sent);
		print_ipis(pcpus[i]->pc_ipis_taken);
		printf("\n");
	}
}
