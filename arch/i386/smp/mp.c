/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The start of the other CPUs (APs: application processors), one at a time, and
 * of the interrupt controllers that this takes.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/acpi.h>
#include <machine/atomic.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/desc.h>
#include <machine/i8259.h>
#include <machine/intr.h>
#include <machine/ioapic.h>
#include <machine/ipi.h>
#include <machine/lapic.h>
#include <machine/mp.h>
#include <machine/pmap.h>
#include <machine/tsc.h>
#include <vm/kmem.h>
#include <vm/tlb.h>

#define	TRAMPOLINE_PA	0x8000u
#define	AP_START_MS	1000u
#define	INIT_US		10000u	/* SDM vol. 3A 8.4.4.1 */
#define	SIPI_US		200u	/* SDM vol. 3A 8.4.4.1 */

extern char trampoline_start[], trampoline_end[];

void	ap_enter(void) __dead2;		/* called by the trampoline */

static u_int max_cpus = MAXCPU;
TUNABLE_UINT(maxcpus, "maxcpus", max_cpus, 1, MAXCPU, "CPUs to use");

/* For the AP that is being started. */
static struct pcpu *volatile ap_pcpu;
static void *volatile ap_stack;
static volatile u_int ap_apicid; /* its own, in the image: see ap_enter() */

/*
 * An AP on its own stack.  Ends in the CPU's idle thread.  Until mp_ncpus
 * includes this CPU it counts as idle, because no flush waits for it.
 */
static void __dead2
ap_main(void)
{
	struct pcpu *me = ap_pcpu;

	desc_init_cpu(me);
	lapic_enable();
	atomic_store_rel_32(&me->pc_online, 1);
	while (atomic_load_acq_32(&mp_ncpus) <= me->pc_cpuid)
		cpu_spinwait();
	tlb_leave_idle();
	clock_start();
	sched_idle();
}

/*
 * An AP's first C code: in the boot tables, on the trampoline's stack.  An AP
 * that was given up may arrive while another is being started; it must
 * recognise that and halt.  struct pcpu is not mapped yet, so the test uses a
 * variable of the image.
 */
void
ap_enter(void)
{
	uint32_t r[4];

	do_cpuid(1, r);
	while (r[1] >> 24 != ap_apicid)
		cpu_halt();
	pmap_init_ap();
	__asm__ volatile("movl %0, %%esp; xorl %%ebp, %%ebp; pushl %%ebp; "
	    "jmp *%1" : : "r" ((char *)ap_stack + KSTACK_SIZE),
	    "r" (ap_main));
	__builtin_unreachable();
}

/* Waits until the AP runs; false if it does not in time. */
static bool
wait_until_online(const struct pcpu *pc)
{
	uint64_t start = cpu_ticks();

	while (pc->pc_online == 0) {
		if (cpu_ticks() - start > AP_START_MS * ticks_per_ms)
			return (false);
		cpu_spinwait();
	}
	return (true);
}

/*
 * mp_start_ap: starts the CPU whose APIC id is in *pc, by INIT-SIPI-SIPI (SDM
 * vol. 3A 8.4.4.1); false if it never came.  Then it gets a last INIT, after
 * which it waits for a start-up that is never sent, rather than come late.
 * Thread context, one user at a time; takes 10 ms, or a second.
 */
bool
mp_start_ap(struct pcpu *pc, void *stack)
{
	u_int apicid = pc->pc_machine.apicid;

	ap_pcpu = pc;
	ap_stack = stack;
	ap_apicid = apicid;
	lapic_send(apicid, ICR_INIT);
	DELAY(INIT_US);
	for (int i = 0; i < 2 && pc->pc_online == 0; i++) {
		lapic_send(apicid, ICR_STARTUP | TRAMPOLINE_PA >> 12);
		DELAY(SIPI_US);
	}
	if (wait_until_online(pc))
		return (true);
	lapic_send(apicid, ICR_INIT);
	printf("mp: the CPU with APIC id %u never started, left out\n", apicid);
	return (false);
}

/*
 * Adds one CPU.  It is in pcpus[] before it runs, because it takes locks, and
 * starts out idle, so that no flush waits for it.  The memory of a CPU that
 * never came is not freed: it might still arrive.
 */
static void
add_ap(u_int apicid)
{
	struct pcpu *pc = kmem_alloc(sizeof(struct pcpu), M_ZERO);
	void *stack = kmem_alloc(KSTACK_SIZE, 0);
	void *df_stack = kmem_alloc(DF_STACK_SIZE, 0);

	if (pc == NULL || stack == NULL || df_stack == NULL) {
		printf("mp: APIC id %u left out: no memory\n", apicid);
		return;
	}
	pc->pc_cpuid = mp_ncpus;
	pc->pc_tlb = TLB_IDLE;
	pc->pc_machine.apicid = apicid;
	pc->pc_machine.df_stack = (vm_offset_t)df_stack + DF_STACK_SIZE;
	pcpus[mp_ncpus] = pc;
	sched_init_cpu(pc->pc_cpuid);
	if (mp_start_ap(pc, stack))
		atomic_store_rel_32(&mp_ncpus, mp_ncpus + 1);
}

/* Starts every CPU of the MADT but this one, up to maxcpus=. */
static void
start_all_aps(const struct madt_info *mi, u_int self)
{
	u_int left_out = 0;

	memcpy(pmap_dmap(TRAMPOLINE_PA), trampoline_start,
	    (size_t)(trampoline_end - trampoline_start));
	for (u_int i = 0; i < mi->ncpus; i++) {
		if (mi->apicid[i] == self)
			continue;
		if (mi->apicid[i] == LAPIC_BROADCAST)
			printf("mp: APIC id %u is the broadcast id, left "
			    "out\n", mi->apicid[i]);
		else if (mp_ncpus < max_cpus)
			add_ap(mi->apicid[i]);
		else
			left_out++;
	}
	if (left_out != 0)
		printf("mp: %u more CPUs are left out: the limit is %u\n",
		    left_out, max_cpus);
}

static void
find_cpus(struct madt_info *mi)
{
	acpi_find_cpus(mi);
	if (mi->error != NULL) {
		printf("mp: running on one CPU, because the MADT is unusable: "
		    "%s\n", mi->error);
		mi->lapic_pa = LAPIC_DEFAULT_PA;
	}
	if (mi->nunreachable != 0)
		printf("mp: %u CPUs have APIC ids above %u, left out\n",
		    mi->nunreachable, ACPI_MAXAPICID);
}

/*
 * mp_start: starts this CPU's local APIC and clock, the I/O APICs, then every
 * CPU that the MADT names, up to maxcpus=.  Once, with interrupts off; they
 * are on afterwards.
 */
void
mp_start(void)
{
	struct madt_info mi;
	u_int self;

	i8259_mask();
	find_cpus(&mi);
	lapic_init(mi.lapic_pa);
	lapic_enable();
	lapic_timer_calibrate();
	self = lapic_id();
	pcpus[0]->pc_machine.apicid = self;
	ioapic_init(&mi);
	acpi_find_power();
	ipi_register(IPI_FLUSH, tlb_serve);
	clock_start();
	enable_intr();
	start_all_aps(&mi, self);
}
