/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Finds the other CPUs (APs: application processors) and starts one, and starts
 * the interrupt controllers that this takes.  kern/smp.c decides which APs
 * start, and with what memory.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/acpi.h>
#include <machine/atomic.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/desc.h>
#include <machine/i8259.h>
#include <machine/intr.h>
#include <machine/ioapic.h>
#include <machine/lapic.h>
#include <machine/mp.h>
#include <machine/pmap.h>
#include <machine/trap.h>
#include <machine/tsc.h>
#include <machine/user.h>
#include <machine/vmparam.h>

#define	AP_START_MS	1000u
#define	FIRST_TICK_MS	1000u
#define	INIT_US		10000u	/* SDM vol. 3A 8.4.4.1 */
#define	SIPI_US		200u	/* SDM vol. 3A 8.4.4.1 */

extern char trampoline_start[], trampoline_end[];

void	ap_enter(void) __dead2;		/* called by the trampoline */

/* For the AP that is being started. */
static struct pcpu *volatile ap_pcpu;
static void *volatile ap_stack;
static void (*volatile ap_run)(void);
static vm_paddr_t ap_start;	/* page of the trampoline */
static volatile u_int ap_apicid; /* its own, in the image: see ap_enter() */

/*
 * Turns on this CPU's local APIC, and ends the interrupts that the firmware
 * left in service: each would hold back all of its priority and below.  Those
 * that are pending come when interrupts are enabled.  Interrupts off.
 */
static void
enable_lapic(void)
{
	u_int vector;

	lapic_enable();
	for (u_int i = 0; i < NVECTORS; i++) {
		vector = lapic_in_service();
		if (vector == 0)
			break;
		stray_note(vector);
		lapic_eoi();
	}
	stray_report();
}

/* An AP on its own stack, in the final page tables. */
static void __dead2
ap_main(void)
{
	struct pcpu *me = ap_pcpu;
	void (*run)(void) = ap_run;

	desc_init_cpu(me);
	user_init_cpu();
	enable_lapic();
	atomic_store_rel_32(&me->pc_online, 1);
	run();
	__builtin_unreachable();
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
	struct stopwatch watch = { 0 };
	uint64_t passed = 0;

	while (pc->pc_online == 0) {
		passed += stopwatch_lap(&watch);
		if (passed > AP_START_MS * ticks_per_ms)
			return (false);
		cpu_spinwait();
	}
	return (true);
}

/*
 * mp_start_ap: starts the CPU whose APIC id is in *pc, by INIT-SIPI-SIPI (SDM
 * vol. 3A 8.4.4.1).  It calls run(), which does not return, with interrupts
 * off, on `stack', of KSTACK_SIZE bytes.  False if it never came: then it gets
 * a last INIT, after which it waits for a start-up that is never sent, rather
 * than come late.  Thread context, one user at a time; takes 10 ms, or a
 * second.
 */
bool
mp_start_ap(struct pcpu *pc, void *stack, void (*run)(void))
{
	u_int apicid = pc->pc_machine.apicid;

	ap_pcpu = pc;
	ap_stack = stack;
	ap_run = run;
	ap_apicid = apicid;
	lapic_send(apicid, ICR_INIT);
	DELAY(INIT_US);
	for (int i = 0; i < 2 && pc->pc_online == 0; i++) {
		lapic_send(apicid, ICR_STARTUP | atop(ap_start));
		DELAY(SIPI_US);
	}
	if (wait_until_online(pc))
		return (true);
	lapic_send(apicid, ICR_INIT);
	printf("mp: the CPU with APIC id %u never started, left out\n", apicid);
	return (false);
}

/*
 * Stores the APIC ids of the CPUs that the MADT names, without this one;
 * returns their number.
 */
static u_int
list_others(const struct madt_info *mi, uint8_t apicids[MAXCPU])
{
	u_int self = lapic_id(), n = 0;
	bool named = false;

	for (u_int i = 0; i < mi->ncpus; i++) {
		named |= mi->apicid[i] == self;
		if (mi->apicid[i] != self && n < MAXCPU)
			apicids[n++] = mi->apicid[i];
	}
	if (!named && mi->error == NULL)
		printf("mp: the MADT does not name this CPU, with APIC id %u\n",
		    self);
	return (n);
}

static void
print_madt(const struct madt_info *mi)
{
	if (mi->error != NULL)
		printf("mp: running on one CPU, because the MADT is unusable: "
		    "%s\n", mi->error);
	if (mi->nunreachable != 0)
		printf("mp: %u CPUs have APIC ids above %u, left out\n",
		    mi->nunreachable, ACPI_MAXAPICID);
}

/*
 * Waits for the first interrupt of this CPU's clock.  An interrupt controller
 * that lets none through would otherwise show as a sleep without an end.
 */
static void
wait_for_tick(void)
{
	const struct pcpu *pc = curpcpu();

	for (u_int ms = 0; pc->pc_ticks == 0; ms++) {
		if (ms == FIRST_TICK_MS)
			panic("mp: the clock of CPU 0 does not interrupt it");
		DELAY(1000);
	}
}

/*
 * mp_init: starts this CPU's local APIC and clock, and the I/O APICs; stores
 * the APIC ids of the other CPUs that can be started and returns their number.
 * low_page is a free page below 1 MiB for that, or 0.  Once, with interrupts
 * off; they are on afterwards.
 */
u_int
mp_init(uint8_t apicids[MAXCPU], vm_paddr_t low_page)
{
	const struct madt_info *mi = acpi_madt();
	u_int n;

	i8259_mask();
	print_madt(mi);
	lapic_init(mi);
	enable_lapic();
	lapic_timer_calibrate();
	curpcpu()->pc_machine.apicid = lapic_id();
	ioapic_init(mi);
	acpi_find_power();
	clock_start();
	enable_intr();
	wait_for_tick();
	n = list_others(mi, apicids);
	if (low_page == 0) {
		if (n != 0)
			printf("mp: running on one CPU: no page below 1 MiB "
			    "is free for the start of another\n");
		return (0);
	}
	ap_start = low_page;
	memcpy(pmap_dmap(low_page), trampoline_start,
	    (size_t)(trampoline_end - trampoline_start));
	return (n);
}
