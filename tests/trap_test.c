/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of interrupts and NMIs that come at a bad time, that come late, or that
 * nothing expects; and of each way by which a CPU gets out of its idle halt.
 */

#include <sys/types.h>
#include <sys/ksym.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/clock.h>
#include <machine/cpufunc.h>
#include <machine/i8259.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <machine/lapic.h>
#include <machine/nmi.h>
#include <machine/trap.h>
#include <machine/tsc.h>
#include <sf_buf/pool.h>
#include <tests/bench/bench.h>
#include <tests/nmi_hook.h>
#include <vm/tlb.h>

#define	LIMIT_MS	3000u	/* of guest time; hosts may be busy */
#define	LAST_MS		500u	/* the last part of a wait */
#define	ICR_SMI		0x4200u	/* SDM vol. 3A, figure 10-12 */
#define	LVT_MODE	0x10700u	/* masked, and how it is delivered */
#define	LVT_MASKED	0x10000u
#define	LVT_NMI		0x400u

/*
 * Spins until cond holds, or the limit is over; returns whether it holds.  The
 * limit has two parts, because the first may pass while the host lets no CPU
 * run.
 */
#define	soon(cond) __extension__({					\
	uint64_t start_ = cpu_ticks(), limit_ = LIMIT_MS;		\
	while (!(cond)) {						\
		cpu_spinwait();						\
		if (cpu_ticks() - start_ < limit_ * ticks_per_ms)	\
			continue;					\
		if (limit_ == LAST_MS)					\
			break;						\
		start_ = cpu_ticks();					\
		limit_ = LAST_MS;					\
	}								\
	!!(cond);							\
})

static void
on_last_cpu(void (*fn)(void *))
{
	struct thread *td = thread_create_on(mp_ncpus - 1, fn, NULL, "test");

	KASSERT(td != NULL, "test: no memory for a thread");
	thread_join(td);
}

/* True if this CPU's clock ticks. */
static bool
clock_runs(void)
{
	uint32_t ticks = curpcpu()->pc_ticks;

	return (soon(curpcpu()->pc_ticks != ticks));
}

/* --- NMIs --- */

static volatile uint32_t nmi_is_late, nmi_may_go_on, stop_spinning;

static void
be_late(void)
{
	nmi_is_late = 1;
	(void)soon(nmi_may_go_on != 0);
}

static void
nothing(void *arg)
{
	(void)arg;
}

static void
spin_there(void *arg)
{
	(void)arg;
	while (stop_spinning == 0)
		cpu_spinwait();
}

/* True if one of the calls is of fn. */
static bool
has_call_of(const uintptr_t calls[], u_int n, void (*fn)(void *))
{
	uintptr_t offset;

	for (u_int i = 0; i < n; i++)
		if (ksym_lookup(calls[i], &offset) != NULL &&
		    calls[i] - offset == (uintptr_t)fn)
			return (true);
	return (false);
}

/*
 * Asks until the CPU answers in time, from fn if that is not NULL: an interrupt
 * of its own may hide the function that it came into.
 */
static bool
answers(u_int cpu, void (*fn)(void *))
{
	uintptr_t calls[BACKTRACE_MAX];
	u_int n;

	for (u_int i = 0; i < 50; i++) {
		n = nmi_backtrace(cpu, calls, BACKTRACE_MAX);
		if (n != 0 && (fn == NULL || has_call_of(calls, n, fn)))
			return (true);
	}
	return (false);
}

/*
 * CPU 1 answers a request late, when the last CPU has been asked meanwhile:
 * each answer is its own CPU's, and none is an NMI that nothing waited for.
 */
TEST(late, "nmi.a_late_answer_is_swallowed_and_is_for_its_own_cpu_only")
{
	u_int strays = stray_count(T_NMI), last = mp_ncpus - 1;
	uintptr_t calls[BACKTRACE_MAX];
	struct thread *td;

	if (mp_ncpus < 3) {
		test_skip("fewer than 3 CPUs");
		return;
	}
	nmi_is_late = nmi_may_go_on = stop_spinning = 0;
	sched_bind(0);
	td = thread_create_on(last, spin_there, NULL, "test");
	nmi_hook_set(1, be_late);
	EXPECT_EQ(nmi_backtrace(1, calls, BACKTRACE_MAX), 0);
	EXPECT(soon(nmi_is_late != 0));
	EXPECT_EQ(nmi_backtrace(1, calls, BACKTRACE_MAX), 0);
	EXPECT(answers(last, spin_there));
	nmi_may_go_on = 1;
	smp_call(1, nothing, NULL);	/* when the NMI is over */
	EXPECT_EQ(stray_count(T_NMI), strays);
	EXPECT(answers(1, NULL));
	EXPECT(answers(last, spin_there));
	nmi_hook_clear();
	stop_spinning = 1;
	thread_join(td);
	EXPECT_EQ(stray_count(T_NMI), strays);
	sched_unbind();
}

/* --- the ways out of idle --- */

static void
leave_by_interrupt(void)
{
	hw_send_ipi(curcpu_id(), IPI_RESCHED);
	cpu_idle();
	disable_intr();
}

static void
leave_by_nmi(void)
{
	uintptr_t calls[BACKTRACE_MAX];

	(void)nmi_backtrace(curcpu_id(), calls, BACKTRACE_MAX);
}

static void
ignore_step(const struct trapframe *tf)
{
	(void)tf;
}

static void
leave_by_exception(void)
{
	trap_step = ignore_step;
	__asm__ volatile("int $1" : : : "memory");
	trap_step = NULL;
}

static const struct {
	const char *name;
	void (*leave)(void);
} ways[] = {
	{ "an interrupt", leave_by_interrupt },
	{ "an NMI", leave_by_nmi },
	{ "an exception", leave_by_exception },
	{ "a halt that ends by itself", sched_leave_idle },
};

/*
 * By each way a CPU that was idle has flushed its TLB, is not marked idle, and
 * has a clock.
 */
static void
leave_each_way(void *arg)
{
	struct pcpu *pc = curpcpu();
	uint64_t flushes;
	bool marked, awake;

	(void)arg;
	for (u_int i = 0; i < nitems(ways); i++) {
		critical_enter();
		disable_intr();
		sched_enter_idle();
		flushes = pc->pc_flushes;
		marked = (pc->pc_tlb & TLB_IDLE) != 0;
		ways[i].leave();
		awake = (pc->pc_tlb & TLB_IDLE) == 0;
		flushes = pc->pc_flushes - flushes;
		enable_intr();
		critical_exit();
		if (marked && awake && flushes != 0 && clock_runs())
			continue;
		printf("# out of idle by %s: marked %u, then awake %u, %llu "
		    "flushes\n", ways[i].name, marked, awake,
		    (unsigned long long)flushes);
		EXPECT(!"this way out of idle leaves idle");
		disable_intr();
		sched_leave_idle();
		clock_start();
		enable_intr();
	}
}

TEST(ways_out, "idle.each_way_out_flushes_the_tlb_and_starts_the_clock")
{
	on_last_cpu(leave_each_way);
}

/*
 * Boot where the firmware handles an SMI on CPU 0, as SeaBIOS does.  HLT then
 * ends without an interrupt that the kernel sees.
 */
HIDDEN_TEST(smi, "idle.a_halt_that_an_smi_ends")
{
	struct pcpu *pc = pcpus[0];
	uint64_t flushes;
	uint32_t ticks, seen = 0;

	if (mp_ncpus < 2) {
		test_skip("one CPU");
		return;
	}
	sched_bind(1);
	for (u_int i = 0; i < 20; i++) {
		EXPECT(soon((pc->pc_tlb & TLB_IDLE) != 0));
		flushes = pc->pc_flushes;
		ticks = pc->pc_ticks;
		lapic_send(pc->pc_machine.apicid, ICR_SMI);
		DELAY(10000);
		/* The watchdog's look is an interrupt, so it proves nothing. */
		if (pc->pc_ticks == ticks && pc->pc_flushes != flushes)
			seen++;
	}
	sched_unbind();
	printf("# %u of 20 SMIs ended a halt\n", seen);
	EXPECT(seen >= 10);
}

static struct vm_page **pages;

/* Maps and reads pages in turn, until a removed slot waits for a flush. */
static bool
open_a_batch(u_int npages)
{
	struct sf_buf *sf;
	u_int i = 0;

	return (soon((sf = sf_buf_alloc(pages[i++ % npages], SFB_DEFAULT),
	    (void)*(volatile uint32_t *)sf_buf_kva(sf), sf_buf_free(sf),
	    pool_mine()->ring.len[OPEN] != 0)));
}

/* A tick may close the batch first, so this looks with interrupts off. */
static void
idle_with_an_open_batch(void *arg)
{
	const struct ring *r = &pool_mine()->ring;
	u_int open, left;

	(void)arg;
	for (u_int i = 0; i < 100; i++) {
		EXPECT(open_a_batch(2 * nsfbufs));
		tlb_flush_all_wait();
		critical_enter();
		disable_intr();
		open = r->len[OPEN];
		sched_enter_idle();
		left = r->len[OPEN];
		sched_leave_idle();
		enable_intr();
		critical_exit();
		if (open == 0)
			continue;
		EXPECT_EQ(left, 0);
		return;
	}
	EXPECT(!"a batch is open when the CPU goes idle");
}

/* In a pool of a few slots no batch stays open. */
TEST(batch, "idle.a_cpu_closes_its_batch_before_it_halts")
{
	if (nsfbufs < 16 * mp_ncpus || nsfbufs > 1024 || sf_strict) {
		test_skip("too many slots or too few, or strict");
		return;
	}
	if ((pages = bench_pages(2 * nsfbufs, false)) == NULL) {
		test_skip("too few pages that the direct map does not serve");
		return;
	}
	on_last_cpu(idle_with_an_open_batch);
	bench_pages_free(pages, 2 * nsfbufs);
}

/* --- IPIs --- */

static uint64_t
calls_taken(void)
{
	uint64_t n = 0;

	for (u_int i = 0; i < mp_ncpus; i++)
		n += pcpus[i]->pc_ipis_taken[IPI_CALL];
	return (n);
}

/* An IPI_CALL does nothing where no call waits. */
TEST(ipis, "smp.an_ipi_reaches_the_cpu_that_it_is_sent_to")
{
	uint64_t all, its;

	for (u_int i = 0; i < mp_ncpus; i++) {
		all = calls_taken();
		its = pcpus[i]->pc_ipis_taken[IPI_CALL];
		hw_send_ipi(i, IPI_CALL);
		EXPECT(soon(calls_taken() == all + 1));
		EXPECT_EQ(pcpus[i]->pc_ipis_taken[IPI_CALL], its + 1);
	}
}

/* --- interrupts that come soft-masked --- */

/*
 * Sends this CPU an interrupt while it soft-masks interrupts.  Returns the
 * vector of the one that was put off, which is delivered before the return.
 */
static u_int
interrupt_soft_masked(enum ipi_verb verb)
{
	u_int vector;

	intr_soft_mask();
	if (verb < IPI_NVERBS)
		hw_send_ipi(curcpu_id(), verb);
	(void)soon(!intr_enabled());
	vector = INTR_DEFERRED_VECTOR(curpcpu()->pc_soft_masked);
	intr_soft_unmask();
	return (vector);
}

/*
 * Until this kind is the first to come: the clock may come before it.  False if
 * one was lost.
 */
static bool
put_off(enum ipi_verb verb)
{
	struct pcpu *pc = curpcpu();
	uint64_t taken, flushes;
	u_int vector;

	do {
		taken = pc->pc_ipis_taken[verb];
		flushes = pc->pc_flushes;
		pc->pc_flush_wanted = verb == IPI_FLUSH;
		vector = interrupt_soft_masked(verb);
		if (!soon(pc->pc_ipis_taken[verb] == taken + 1)) {
			pc->pc_flush_wanted = 0;
			tlb_flush_here();
			return (false);
		}
		EXPECT(verb != IPI_FLUSH || pc->pc_flushes > flushes);
	} while (vector != VECTOR_IPI + verb);
	return (true);
}

static void
put_off_each(void *arg)
{
	uint32_t ticks;
	u_int vector = 0;

	(void)arg;
	for (enum ipi_verb v = IPI_FLUSH; v <= IPI_RESCHED; v++) {
		if (put_off(v))
			continue;
		EXPECT(!"an IPI that is put off is delivered");
		return;
	}
	for (u_int i = 0; i < 100 && vector != VECTOR_CLOCK; i++) {
		ticks = curpcpu()->pc_ticks;
		vector = interrupt_soft_masked(IPI_NVERBS);
		EXPECT(vector != VECTOR_CLOCK || curpcpu()->pc_ticks != ticks);
		if (vector == 0)
			break;
	}
	EXPECT_EQ(vector, VECTOR_CLOCK);
}

TEST(soft_masked, "intr.each_kind_that_is_put_off_by_the_soft_mask_is_delivered")
{
	on_last_cpu(put_off_each);
}

/* --- interrupts that nothing expects --- */

#define	VECTOR_UNOWNED	0x80u

static void
send_self(u_int vector)
{
	lapic_send(curpcpu()->pc_machine.apicid, ICR_FIXED | vector);
}

static void
raise_8259_7(void)
{
	__asm__ volatile("int %0" : : "i" (VECTOR_8259 + 7) : "memory");
}

static void
raise_8259_15(void)
{
	__asm__ volatile("int %0" : : "i" (VECTOR_8259 + 15) : "memory");
}

static void
raise_spurious(void)
{
	__asm__ volatile("int %0" : : "i" (VECTOR_SPURIOUS) : "memory");
}

static void
send_8259_7(void)
{
	send_self(VECTOR_8259 + 7);
}

static void
send_isa_15(void)
{
	send_self(VECTOR_ISA + 15);
}

static void
send_unowned(void)
{
	send_self(VECTOR_UNOWNED);
}

static void
send_nmi(void)
{
	lapic_send(curpcpu()->pc_machine.apicid, ICR_NMI);
}

static const struct {
	u_int vector;
	void (*raise)(void);
} strays[] = {
	{ VECTOR_8259 + 7, raise_8259_7 },
	{ VECTOR_8259 + 15, raise_8259_15 },
	{ VECTOR_SPURIOUS, raise_spurious },
	/*
	 * These are in service: without an EOI they block what comes next.  So
	 * does one sent on VECTOR_SPURIOUS, as the row irr-left does; but
	 * Bochs takes no EOI for that.
	 */
	{ VECTOR_8259 + 7, send_8259_7 },
	{ VECTOR_ISA + 15, send_isa_15 },
	{ VECTOR_UNOWNED, send_unowned },
	{ T_NMI, send_nmi },
};

static void
raise_each(void *arg)
{
	u_int before;

	(void)arg;
	for (u_int i = 0; i < nitems(strays); i++) {
		before = stray_count(strays[i].vector);
		strays[i].raise();
		EXPECT(soon(stray_count(strays[i].vector) == before + 1));
		if (clock_runs())
			continue;
		EXPECT(!"what was unexpected blocks no other interrupt");
		for (u_int n = 0; n < NVECTORS; n++)
			lapic_eoi();
	}
}

TEST(unexpected, "intr.unexpected_ones_are_counted_and_end_nothing")
{
	on_last_cpu(raise_each);
}

/*
 * A spurious interrupt comes while another one is in service, which only one
 * that was put off is: it must not get the EOI of that one.
 */
static void
spurious_in_service(void *arg)
{
	struct pcpu *pc = curpcpu();
	uint32_t deferred;
	u_int before, after;

	(void)arg;
	intr_soft_mask();
	hw_send_ipi(curcpu_id(), IPI_RESCHED);
	(void)soon(!intr_enabled());
	deferred = pc->pc_soft_masked;
	pc->pc_soft_masked = 0;
	before = lapic_in_service();
	raise_8259_7();
	after = lapic_in_service();
	pc->pc_soft_masked = deferred;
	intr_soft_unmask();
	EXPECT_EQ(before, INTR_DEFERRED_VECTOR(deferred));
	EXPECT_EQ(after, before);
	EXPECT(clock_runs());
}

TEST(spurious, "intr.a_spurious_one_gets_no_eoi")
{
	on_last_cpu(spurious_in_service);
}

static void
check_lints(void *arg)
{
	uint32_t lint[2];

	(void)arg;
	lapic_lints(lint);
	EXPECT_EQ(lint[0] & LVT_MASKED, LVT_MASKED);
	EXPECT_EQ(lint[1] & (LVT_MODE | LVT_MASKED), LVT_NMI);
}

TEST(lints, "intr.every_cpu_sets_its_lints")
{
	run_on_all_cpus(check_lints, NULL);
}
