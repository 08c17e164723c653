/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The local APIC (SDM vol. 3A, chapter 10): interrupts between CPUs, the end
 * of interrupts, and the timer.  Every CPU sees its own at one address.
 * Invariant: each CPU touches only its own, and writes the two halves of
 * the ICR with interrupts off.
 */

#include <sys/types.h>
#include <sys/clock.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/systm.h>
#include <machine/acpi.h>
#include <machine/calibrate.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/lapic.h>
#include <machine/pmap.h>
#include <machine/tsc.h>

#define	MSR_APIC_BASE	0x1bu
#define	APIC_BASE_EXTD	0x400u
#define	LAPIC_SIZE	0x400u
#define	LAPIC_ID	(0x20 / 4)
#define	LAPIC_VERSION	(0x30 / 4)
#define	LAPIC_TPR	(0x80 / 4)
#define	LAPIC_EOI	(0xb0 / 4)
#define	LAPIC_SVR	(0xf0 / 4)
#define	LAPIC_ISR	(0x100 / 4)	/* 8 words, every fourth */
#define	LAPIC_ICR_LO	(0x300 / 4)
#define	LAPIC_ICR_HI	(0x310 / 4)
#define	LAPIC_LVT_TIMER	(0x320 / 4)
#define	LAPIC_LVT_PMC	(0x340 / 4)
#define	LAPIC_LVT_LINT0	(0x350 / 4)
#define	LAPIC_LVT_LINT1	(0x360 / 4)
#define	LAPIC_LVT_ERROR	(0x370 / 4)
#define	LAPIC_TIMER_INIT (0x380 / 4)
#define	LAPIC_TIMER_NOW	(0x390 / 4)
#define	LAPIC_TIMER_DIV	(0x3e0 / 4)
#define	TPR_EXCEPTIONS	0x10u		/* admits vectors from 0x20 on */
#define	SVR_ENABLE	0x100u
#define	ICR_BUSY	0x1000u
#define	ICR_POLLS	100000000u
#define	LVT_NMI		0x400u
#define	LVT_MASKED	0x10000u
#define	LVT_PERIODIC	0x20000u
#define	TIMER_DIV_1	0xbu
#define	SAMPLE_COUNTS	1000u	/* of the timer, at least */
#define	MIN_PER_TICK	100u	/* so that a clock tick is 1 % right */

static volatile uint32_t *lapic;
static uint64_t timer_ratio;		/* TSC ticks in a count: calibrate() */
static uint32_t timer_per_tick;		/* timer counts in 1/HZ s */

/*
 * lapic_init: maps the local APIC's registers, at the address that this CPU has
 * in its MSR, whatever the MADT says.  Once, at start.  Ends the run if the
 * firmware left it in x2APIC mode: then the registers are MSRs, and the way
 * back leads through a reset of all CPUs (SDM vol. 3A 10.12.5).
 */
void
lapic_init(const struct madt_info *mi)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);
	vm_paddr_t pa = madt_lapic_pa(mi, base, pmap_maxphyaddr());

	if ((base & APIC_BASE_EXTD) != 0) {
		printf("lapic: left in x2APIC mode by the firmware: cannot be "
		    "used\n");
		machine_exit(EXIT_NOTHING);
	}
	if (mi->error == NULL && mi->lapic_pa != pa)
		printf("lapic: used at 0x%llx; the MADT says 0x%llx\n",
		    (unsigned long long)pa, (unsigned long long)mi->lapic_pa);
	lapic = pmap_mapdev(pa, LAPIC_SIZE);
	if (lapic == NULL)
		panic("lapic: no room to map 0x%llx", (unsigned long long)pa);
}

/* lapic_present: true after lapic_init().  Any context. */
bool
lapic_present(void)
{
	return (lapic != NULL);
}

/*
 * lapic_enable: turns this CPU's local APIC on and sets its sources, whatever
 * the firmware left: LINT0, where the 8259s are, is masked, LINT1 is the
 * machine's NMI, and the timer is off.  The thermal monitor is left alone,
 * because its interrupt may be one of system management.  Vectors of exceptions
 * are held back for ever: a stub that expects an error code would misread the
 * stack.  LINT1 comes last: until the APIC is on, the mask of each LVT entry
 * stays set (SDM vol. 3A 10.4.7.2).  Once on each CPU.
 */
void
lapic_enable(void)
{
	u_int last_lvt = lapic[LAPIC_VERSION] >> 16 & 0xff;

	lapic[LAPIC_TPR] = TPR_EXCEPTIONS;
	lapic[LAPIC_LVT_TIMER] = LVT_MASKED;
	lapic[LAPIC_LVT_LINT0] = LVT_MASKED;
	if (last_lvt >= 3)
		lapic[LAPIC_LVT_ERROR] = LVT_MASKED;
	if (last_lvt >= 4)
		lapic[LAPIC_LVT_PMC] = LVT_MASKED;
	lapic[LAPIC_SVR] = SVR_ENABLE | VECTOR_SPURIOUS;
	lapic[LAPIC_LVT_LINT1] = LVT_NMI;
}

/*
 * lapic_in_service: returns the highest vector that this CPU's local APIC has
 * in service, which is that of the latest interrupt without an EOI; 0 if there
 * is none.  Interrupts off.
 */
u_int
lapic_in_service(void)
{
	uint32_t word;

	for (u_int i = 8; i-- > 0; ) {
		word = lapic[LAPIC_ISR + 4 * i];
		if (word != 0)
			return (32 * i + 31 - (u_int)__builtin_clz(word));
	}
	return (0);
}

/* lapic_lints: stores this CPU's LVT entries of LINT0 and LINT1. */
void
lapic_lints(uint32_t lint[2])
{
	lint[0] = lapic[LAPIC_LVT_LINT0];
	lint[1] = lapic[LAPIC_LVT_LINT1];
}

/* lapic_id: the APIC id of this CPU. */
u_int
lapic_id(void)
{
	return (lapic[LAPIC_ID] >> 24);
}

/* lapic_eoi: ends the interrupt in service (SDM vol. 3A 10.8.5). */
void
lapic_eoi(void)
{
	lapic[LAPIC_EOI] = 0;
}

/*
 * lapic_send: sends one command to one APIC.  Any context.  Interrupts are off
 * between the two halves of the ICR, because a handler that sends another
 * command there would redirect this one.  Waits until this CPU's own APIC has
 * sent the command before.
 */
void
lapic_send(u_int apicid, uint32_t command)
{
	uint32_t flags = intr_save();
	u_int polls = 0;

	while ((lapic[LAPIC_ICR_LO] & ICR_BUSY) != 0)
		KASSERT(++polls < ICR_POLLS, "lapic: the APIC of CPU %u is "
		    "stuck sending", curcpu_id());
	lapic[LAPIC_ICR_HI] = apicid << 24;
	lapic[LAPIC_ICR_LO] = command;
	intr_restore(flags);
}

static void
timer_read(struct counter_reading *r)
{
	r->before = cpu_ticks();
	r->count = lapic[LAPIC_TIMER_NOW];
	r->after = cpu_ticks();
}

/*
 * lapic_timer_calibrate: calibrates the timer against the TSC, which tsc_init()
 * calibrated.  Once, at start, for all CPUs: they share one bus clock.  Ends
 * the run if the timer cannot interrupt HZ times a second.
 */
void
lapic_timer_calibrate(void)
{
	const struct counter timer = { .read = timer_read, .mask = UINT32_MAX,
	    .min_counts = SAMPLE_COUNTS, .min_ticks = ticks_per_ms };
	enum calibration result;

	lapic[LAPIC_TIMER_DIV] = TIMER_DIV_1;
	lapic[LAPIC_LVT_TIMER] = LVT_PERIODIC | LVT_MASKED;
	lapic[LAPIC_TIMER_INIT] = UINT32_MAX;
	result = calibrate(&timer, &timer_ratio);
	lapic_timer_stop();
	if (result == CAL_SOUND)
		timer_per_tick = timer_counts(ticks_per_ms * 1000 / HZ,
		    timer_ratio);
	if (result == CAL_SOUND && timer_per_tick >= MIN_PER_TICK)
		return;
	printf("lapic: the timer cannot be used as a clock: it %s\n",
	    result == CAL_UNSTEADY ? "has a different frequency each time" :
	    "does not count, or too slowly, or the TSC stands still");
	machine_exit(EXIT_NOTHING);
}

/*
 * lapic_timer_periodic: interrupts this CPU every 1/HZ s.  Interrupts off.  The
 * timer is stopped first: a one-shot of a count or two would be periodic from
 * the change of its mode to the new count, and an emulator may be so busy with
 * such a timer that the CPU never gets to write the new count.
 */
void
lapic_timer_periodic(void)
{
	lapic[LAPIC_TIMER_INIT] = 0;
	lapic[LAPIC_TIMER_DIV] = TIMER_DIV_1;
	lapic[LAPIC_LVT_TIMER] = LVT_PERIODIC | VECTOR_CLOCK;
	lapic[LAPIC_TIMER_INIT] = timer_per_tick;
}

/*
 * lapic_timer_oneshot: interrupts this CPU once, when this many TSC ticks have
 * passed; sooner if that is too far off for the timer.  Interrupts off.
 */
void
lapic_timer_oneshot(uint64_t ticks)
{
	uint32_t count = timer_counts(ticks, timer_ratio);

	if (count == 0)
		count = 1;		/* 0 would stop it */
	lapic[LAPIC_LVT_TIMER] = VECTOR_CLOCK;
	lapic[LAPIC_TIMER_INIT] = count;
}

/* lapic_timer_stop: no more interrupts by this CPU's timer.  Interrupts off. */
void
lapic_timer_stop(void)
{
	lapic[LAPIC_LVT_TIMER] = LVT_MASKED;
	lapic[LAPIC_TIMER_INIT] = 0;
}
