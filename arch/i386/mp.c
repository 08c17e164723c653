/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * More than one CPU: the local APIC, the start of the others, and what CPUs
 * ask of each other.
 *
 * A request to drop a translation lives in the asking CPU's pcpu: it stores
 * the address, names the CPUs in pc_pending, sets its bit in each one's
 * pc_requests, sends the interrupt and waits until pc_pending is empty.  The
 * order that counts: address before pc_requests (a locked OR), so that who
 * finds the bit finds the address; INVLPG before the bit leaves pc_pending
 * (a locked AND), so that the asker never goes on too early.  No lock is
 * shared: any number of CPUs may ask at once, and a CPU that spins with
 * interrupts off answers from its spin loop.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/hw.h>
#include <machine/pcpu.h>
#include <machine/pmap.h>
#include <machine/smp.h>
#include <machine/trap.h>
#include <vm/vm_page.h>

#define	TRAMPOLINE_PA	0x8000u
#define	LAPIC_SIZE	0x400u
#define	LAPIC_ID	(0x20 / 4)
#define	LAPIC_EOI	(0xb0 / 4)
#define	LAPIC_SVR	(0xf0 / 4)
#define	LAPIC_ICR_LO	(0x300 / 4)
#define	LAPIC_ICR_HI	(0x310 / 4)
#define	SVR_ENABLE	0x100u
#define	ICR_BUSY	0x1000u
#define	ICR_NMI		0x4400u
#define	ICR_INIT	0x4500u
#define	ICR_STARTUP	0x4600u
#define	ICR_FIXED	0x4000u
#define	VECTOR_BASE	0xf0u		/* plus the verb */
#define	VECTOR_SPURIOUS	0xffu
#define	AP_STACK	16384u
#define	AP_START_MS	1000u
#define	WARN_MS		1000u

extern char trampoline_start[], trampoline_end[];

static struct pcpu pcpu0;
struct pcpu *pcpus[MAXCPU] = { &pcpu0 };
u_int mp_ncpus = 1;

static volatile uint32_t *lapic;
static volatile uint32_t stopping;

static u_int max_cpus = MAXCPU;
TUNABLE_UINT(maxcpus, "maxcpus", max_cpus, 1, MAXCPU, "CPUs to use");
static u_int ipi_panic_ms = 30000;
TUNABLE_UINT(ipi_timeout, "ipi.timeout", ipi_panic_ms, 100, 600000,
    "milliseconds after which a CPU that does not answer is a panic");

/* ICR high and low are one command: no interrupt may come between them. */
static void
icr_write(u_int apicid, uint32_t command)
{
	uint32_t flags = read_eflags();
	u_int polls = 0;

	disable_intr();
	while ((lapic[LAPIC_ICR_LO] & ICR_BUSY) != 0)
		KASSERT(++polls < 100000000u, "local APIC of CPU %u is stuck",
		    curcpu_id());
	lapic[LAPIC_ICR_HI] = apicid << 24;
	lapic[LAPIC_ICR_LO] = command;
	if ((flags & EFLAGS_IF) != 0)
		enable_intr();
}

static void
ipi_send(u_int cpu, enum ipi_verb verb)
{
	curpcpu()->pc_ipis_sent[verb]++;
	icr_write(pcpus[cpu]->pc_apicid, ICR_FIXED | (VECTOR_BASE + verb));
}

static void
lapic_enable(void)
{
	lapic[LAPIC_SVR] = SVR_ENABLE | VECTOR_SPURIOUS;
}

/* tlb_serve: answers what other CPUs ask; any context, also spinning. */
void
tlb_serve(void)
{
	struct pcpu *me = curpcpu(), *asker;
	uint32_t bits;
	u_int n;

	for (u_int w = 0; w < nitems(me->pc_requests.bits); w++) {
		if (me->pc_requests.bits[w] == 0)
			continue;
		bits = atomic_swap_32(&me->pc_requests.bits[w], 0);
		for (; bits != 0; bits &= bits - 1) {
			n = w * 32 + (u_int)__builtin_ctz(bits);
			asker = pcpus[n];
			hw_invlpg(asker->pc_inval_va);
			CPU_CLR_ATOMIC(me->pc_cpuid, &asker->pc_pending);
		}
	}
}

static bool
nobody_pending(const struct pcpu *me)
{
	uint32_t any = 0;

	for (u_int w = 0; w < nitems(me->pc_pending.bits); w++)
		any |= me->pc_pending.bits[w];
	return (any == 0);
}

static void
complain(const struct pcpu *me, bool end)
{
	for (u_int i = 0; i < mp_ncpus; i++) {
		if (!CPU_ISSET(i, &me->pc_pending))
			continue;
		if (end)
			panic("tlb_shootdown: CPU %u waits for CPU %u to drop "
			    "%p, %u ms", me->pc_cpuid, i,
			    (void *)me->pc_inval_va, ipi_panic_ms);
		printf("tlb_shootdown: CPU %u waits for CPU %u to drop %p\n",
		    me->pc_cpuid, i, (void *)me->pc_inval_va);
	}
}

/*
 * tlb_shootdown: drops the translation of va on every CPU, this one too,
 * and returns when that is done.  Thread context, interrupts on, no spin
 * lock held: two CPUs that ask each other with interrupts off would wait
 * for ever.
 */
void
tlb_shootdown(vm_offset_t va)
{
	struct pcpu *me = curpcpu();
	uint64_t start;
	bool warned = false;

	hw_invlpg(va);
	if (mp_ncpus == 1)
		return;
	KASSERT(me->pc_spin_nest == 0 && me->pc_intr_depth == 0 &&
	    (read_eflags() & EFLAGS_IF) != 0, "tlb_shootdown: may not wait "
	    "here (called from %p)", __caller());
	me->pc_inval_va = va;
	for (u_int i = 0; i < mp_ncpus; i++)
		if (i != me->pc_cpuid)
			CPU_SET_ATOMIC(i, &me->pc_pending);
	for (u_int i = 0; i < mp_ncpus; i++) {
		if (i == me->pc_cpuid)
			continue;
		CPU_SET_ATOMIC(me->pc_cpuid, &pcpus[i]->pc_requests);
		ipi_send(i, IPI_INVLPG);
	}
	start = cpu_ticks();
	while (!nobody_pending(me)) {
		__asm__ volatile("pause");
		if (!warned && cpu_ticks() - start > WARN_MS * ticks_per_ms) {
			warned = true;
			complain(me, false);
		}
		if (cpu_ticks() - start > ipi_panic_ms * ticks_per_ms)
			complain(me, true);
	}
}

void
ipi_handle(u_int vector)
{
	struct pcpu *me = curpcpu();

	if (vector == VECTOR_SPURIOUS)
		return;		/* takes no EOI (SDM vol. 3A 10.9) */
	me->pc_intr_depth++;
	lapic[LAPIC_EOI] = 0;
	if (vector - VECTOR_BASE < IPI_NVERBS)
		me->pc_ipis_taken[vector - VECTOR_BASE]++;
	if (vector == VECTOR_BASE + IPI_INVLPG)
		tlb_serve();
	me->pc_intr_depth--;
}

/* True if the NMI is a panic's call to stop. */
bool
ipi_nmi(void)
{
	return (stopping != 0);
}

/* mp_stop_others: for a panic; does not wait. */
void
mp_stop_others(void)
{
	stopping = 1;
	for (u_int i = 0; i < mp_ncpus; i++)
		if (i != curcpu_id())
			icr_write(pcpus[i]->pc_apicid, ICR_NMI);
}

/* Does what it is told, sleeping in HLT while it is told nothing. */
static void __dead2
work_loop(void)
{
	struct pcpu *me = curpcpu();

	for (;;) {
		/*
		 * Interrupts are off from the look at pc_work to the HLT:
		 * an IPI_WORK in between stays pending and ends the HLT, for
		 * STI takes effect after the instruction that follows it.
		 */
		disable_intr();
		if (me->pc_work == NULL) {
			__asm__ volatile("sti; hlt" : : : "memory");
			continue;
		}
		enable_intr();
		me->pc_work(me->pc_work_arg);
		__atomic_store_n(&me->pc_work, NULL, __ATOMIC_SEQ_CST);
	}
}

/*
 * mp_run_all: runs fn(arg) on every CPU, this one too, in parallel, with
 * interrupts on, and returns when all are done.  The work itself says how
 * long it takes; no bound is put on it here.
 */
void
mp_run_all(void (*fn)(void *), void *arg)
{
	for (u_int i = 0; i < mp_ncpus; i++) {
		if (i == curcpu_id())
			continue;
		pcpus[i]->pc_work_arg = arg;
		__atomic_store_n(&pcpus[i]->pc_work, fn, __ATOMIC_SEQ_CST);
		ipi_send(i, IPI_WORK);
	}
	fn(arg);
	for (u_int i = 0; i < mp_ncpus; i++)
		while (i != curcpu_id() && pcpus[i]->pc_work != NULL)
			__asm__ volatile("pause");
}

void	ap_main(void) __dead2;
static struct pcpu *ap_pcpu;		/* of the AP that is being started */
static vm_offset_t ap_stack_top;

static void __dead2
ap_main_on_own_stack(void)
{
	struct pcpu *me = ap_pcpu;

	trap_init_cpu(me);
	lapic_enable();
	atomic_store_rel_32(&me->pc_online, 1);
	work_loop();
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
	icr_write(pc->pc_apicid, ICR_INIT);
	DELAY(10000);
	for (int i = 0; i < 2 && pc->pc_online == 0; i++) {
		icr_write(pc->pc_apicid, ICR_STARTUP | TRAMPOLINE_PA >> 12);
		DELAY(200);
	}
	start = cpu_ticks();
	while (pc->pc_online == 0) {
		if (cpu_ticks() - start > AP_START_MS * ticks_per_ms)
			return (false);
		__asm__ volatile("pause");
	}
	return (true);
}

static void
add_ap(u_int apicid)
{
	struct pcpu *pc = pmap_alloc_mapped(sizeof(struct pcpu));
	void *stack = pmap_alloc_mapped(AP_STACK);

	if (pc == NULL || stack == NULL) {
		printf("mp: no memory for the CPU with APIC id %u\n", apicid);
		return;
	}
	pc->pc_self = pc;
	pc->pc_cpuid = mp_ncpus;
	pc->pc_apicid = apicid;
	pcpus[mp_ncpus] = pc;
	if (start_ap(pc, (vm_offset_t)stack)) {
		mp_ncpus++;
	} else {
		icr_write(apicid, ICR_INIT);	/* and must stay out */
		printf("mp: the CPU with APIC id %u does not start; left out\n",
		    apicid);
	}
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

/* mp_start: starts every CPU that the MADT names, up to maxcpus=. */
void
mp_start(void)
{
	struct madt_info mi;
	u_int self;

	mask_8259();
	acpi_find_cpus(&mi);
	if (mi.error != NULL) {
		printf("mp: one CPU: the MADT is not used, %s\n", mi.error);
		enable_intr();
		return;
	}
	if ((lapic = pmap_mapdev(mi.lapic_pa, LAPIC_SIZE)) == NULL)
		panic("mp: no room to map the local APIC");
	lapic_enable();
	self = lapic[LAPIC_ID] >> 24;
	pcpu0.pc_apicid = self;
	memcpy(pmap_dmap(TRAMPOLINE_PA), trampoline_start,
	    (size_t)(trampoline_end - trampoline_start));
	for (u_int i = 0; i < mi.ncpus; i++)
		if (mi.apicid[i] != self && mp_ncpus < max_cpus)
			add_ap(mi.apicid[i]);
	enable_intr();
}
