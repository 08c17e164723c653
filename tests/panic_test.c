/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Broken contracts and broken machines: each case must end in a panic that
 * says what was wrong and where.  tests/matrix.tsv has a row for each case,
 * with the expected message and the case's function in the backtrace.
 */

#include <sys/types.h>
#include <sys/fault.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <machine/trap.h>
#include <machine/tsc.h>
#include <tests/nmi_hook.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>

static struct vm_page *
wired_page(int where)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED | where);

	KASSERT(m != NULL, "test: out of pages");
	return (m);
}

PANIC_TEST(wire_frame_0, "panic.wiring_of_frame_0")
{
	vm_page_wire(&vm_page_array[0]);
}

/* --- sf_buf(9) --- */

PANIC_TEST(unwired, "panic.sf_buf_alloc_of_an_unwired_page")
{
	struct vm_page *m = wired_page(0), *other = wired_page(0);

	/* Makes slots ready, so that the next miss takes the fast path. */
	sf_buf_free(sf_buf_alloc(other, SFB_DEFAULT));
	vm_page_unwire(m, 0);
	(void)sf_buf_alloc(m, SFB_DEFAULT);
}

PANIC_TEST(unwired_direct, "panic.sf_buf_alloc_of_an_unwired_direct_page")
{
	struct vm_page *m = wired_page(VM_ALLOC_DIRECT);

	vm_page_unwire(m, 0);
	(void)sf_buf_alloc(m, SFB_DEFAULT);
}

PANIC_TEST(null_page, "panic.sf_buf_alloc_of_no_page")
{
	struct vm_page *volatile none = NULL;	/* hidden from the compiler */

	(void)sf_buf_alloc(none, SFB_DEFAULT);
}

PANIC_TEST(unaligned_page, "panic.sf_buf_alloc_of_half_a_page")
{
	(void)sf_buf_alloc((struct vm_page *)((vm_offset_t)wired_page(0) + 4),
	    SFB_DEFAULT);
}

PANIC_TEST(bad_flag, "panic.sf_buf_alloc_with_an_unknown_flag")
{
	(void)sf_buf_alloc(wired_page(0), 0x80);
}

PANIC_TEST(not_pinned, "panic.sf_buf_alloc_private_but_not_pinned")
{
	(void)sf_buf_alloc(wired_page(0), SFB_CPUPRIVATE);
}

/* All slots are referenced: the next allocation sleeps, which is wrong here. */
PANIC_TEST(alloc_under_spin, "panic.sf_buf_alloc_sleeps_under_a_spin_lock")
{
	static struct spinlock l = SPINLOCK_INITIALIZER("outer",
	    RANK_THREADS);

	for (u_int i = 0; i < nsfbufs; i++)
		(void)sf_buf_alloc(wired_page(0), SFB_DEFAULT);
	spin_lock(&l);
	(void)sf_buf_alloc(wired_page(0), SFB_DEFAULT);
}

PANIC_TEST(double_free, "panic.sf_buf_double_free")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(0), SFB_DEFAULT);

	sf_buf_free(sf);
	sf_buf_free(sf);
}

PANIC_TEST(double_free_hit, "panic.sf_buf_double_free_after_a_hit")
{
	struct vm_page *m = wired_page(0);

	sf_buf_free(sf_buf_alloc(m, SFB_DEFAULT));
	sf_buf_free(sf_buf_alloc(m, SFB_DEFAULT));
	sf_buf_free(sf_buf_alloc(m, SFB_DEFAULT));
	sf_buf_free(sf_at(m->sf));
}

PANIC_TEST(double_free_direct, "panic.sf_buf_double_free_direct_map")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(VM_ALLOC_DIRECT),
	    SFB_DEFAULT);

	sf_buf_free(sf);
	sf_buf_free(sf);
}

PANIC_TEST(free_unwired_direct, "panic.sf_buf_free_of_an_unwired_direct_page")
{
	struct vm_page *m = wired_page(VM_ALLOC_DIRECT);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	sf_buf_free(sf);
	vm_page_unwire(m, 0);
	sf_buf_free(sf);
}

PANIC_TEST(kva_of_freed, "panic.sf_buf_kva_of_a_freed_one")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(0), SFB_DEFAULT);

	sf_buf_free(sf);
	(void)sf_buf_kva(sf);
}

PANIC_TEST(page_of_freed, "panic.sf_buf_page_of_a_freed_one")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(0), SFB_DEFAULT);

	sf_buf_free(sf);
	(void)sf_buf_page(sf);
}

PANIC_TEST(ref_of_freed, "panic.sf_buf_ref_of_a_freed_one")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(0), SFB_DEFAULT);

	sf_buf_free(sf);
	sf_buf_ref(sf);
}

PANIC_TEST(ref_of_freed_direct, "panic.sf_buf_ref_of_a_freed_direct_map")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(VM_ALLOC_DIRECT),
	    SFB_DEFAULT);

	sf_buf_free(sf);
	sf_buf_ref(sf);
}

PANIC_TEST(ref_foreign, "panic.sf_buf_ref_of_a_foreign_handle")
{
	uint64_t word = 1;
	/* Volatile, to hide from the compiler that it is no slot. */
	struct sf_buf *volatile sf = (void *)&word;

	sf_buf_ref(sf);
}

PANIC_TEST(foreign_handle, "panic.sf_buf_free_of_a_foreign_handle")
{
	uint64_t word = 1;
	/* Volatile, to hide from the compiler that it is no slot. */
	struct sf_buf *volatile sf = (void *)&word;

	sf_buf_free(sf);
}

PANIC_TEST(unaligned_handle, "panic.sf_buf_free_of_an_unaligned_handle")
{
	vm_offset_t sf = (vm_offset_t)sf_buf_alloc(wired_page(0),
	    SFB_DEFAULT);

	sf_buf_free((struct sf_buf *)(sf + 4));
}

PANIC_TEST(handle_behind, "panic.sf_buf_free_of_a_handle_behind_the_last")
{
	sf_buf_free(&sf_slots[nsfbufs]);
}

PANIC_TEST(references, "panic.sf_buf_ref_overflows")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(0), SFB_DEFAULT);

	for (u_int i = 0; i < 1u << 21; i++)
		sf_buf_ref(sf);
}

PANIC_TEST(in_transition, "panic.sf_buf_that_stays_in_transition")
{
	struct vm_page *m = wired_page(0);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	sf_buf_free(sf);
	sf->status = SF_CLAIMED;
	(void)sf_buf_alloc(m, SFB_DEFAULT);
}

PANIC_TEST(references_alloc, "panic.sf_buf_alloc_overflows")
{
	struct vm_page *m = wired_page(0);

	for (u_int i = 0; i < 131072; i++)
		(void)sf_buf_alloc(m, SFB_NOWAIT);
	printf("# 131072 references\n");
	(void)sf_buf_alloc(m, SFB_NOWAIT);
	printf("# one more\n");
}

PANIC_TEST(references_direct, "panic.sf_buf_alloc_overflows_direct_map")
{
	struct vm_page *m = wired_page(VM_ALLOC_DIRECT);

	m->sf_refs = 0x7fffffff;
	(void)sf_buf_alloc(m, SFB_DEFAULT);
}

PANIC_TEST(execute, "panic.execution_of_an_sf_buf")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(0), SFB_DEFAULT);

	*(volatile char *)sf_buf_kva(sf) = (char)0xc3;	/* RET */
	((void (*)(void))sf_buf_kva(sf))();
}

/* Not inlined, so that the panic names it. */
static void __attribute__((noinline))
the_last_free(struct sf_buf *sf)
{
	sf_buf_free(sf);
	__asm__ volatile("");	/* so that the call is not a jump */
}

/* Boot with sf_buf.strict=1. */
PANIC_TEST(use_after_free, "panic.use_of_an_sf_buf_after_its_last_free")
{
	struct sf_buf *sf = sf_buf_alloc(wired_page(0), SFB_DEFAULT);
	volatile uint32_t *p = (volatile uint32_t *)sf_buf_kva(sf);

	*p = 1;			/* into the TLB */
	the_last_free(sf);
	(void)*p;
}

/* --- pages and their wiring --- */

PANIC_TEST(page_double_free, "panic.vm_page_double_free")
{
	struct vm_page *m = vm_page_alloc(0);

	vm_page_free(m);
	vm_page_free(m);
}

PANIC_TEST(free_wired, "panic.vm_page_free_of_a_wired_page")
{
	vm_page_free(wired_page(0));
}

PANIC_TEST(unwire_mapped, "panic.vm_page_unwire_of_a_mapped_page")
{
	struct vm_page *m = wired_page(0);

	(void)sf_buf_alloc(m, SFB_DEFAULT);
	vm_page_unwire(m, 0);
}

PANIC_TEST(unwire_below, "panic.vm_page_unwire_below_zero")
{
	struct vm_page *m = wired_page(0);

	vm_page_unwire(m, 0);
	vm_page_unwire(m, 0);
}

PANIC_TEST(wire_overflow, "panic.vm_page_wire_overflows")
{
	struct vm_page *m = wired_page(0);

	m->wire_count = (__typeof__(m->wire_count))-1;
	vm_page_wire(m);
}

PANIC_TEST(wire_free, "panic.vm_page_wire_of_a_free_page")
{
	struct vm_page *m = vm_page_alloc(0);

	vm_page_free(m);
	vm_page_wire(m);
}

/* --- locks and sleeping --- */

static struct spinlock inner = SPINLOCK_INITIALIZER("inner", RANK_PAGE);
static struct spinlock outer = SPINLOCK_INITIALIZER("outer", RANK_THREADS);
static struct mtx mutex_inner = MTX_INITIALIZER("mutex inner",
    RANK_MUTEX_INNER);
static struct mtx mutex_outer = MTX_INITIALIZER("mutex outer", RANK_MUTEX);

PANIC_TEST(sleep_spin, "panic.sleep_under_a_spin_lock")
{
	spin_lock(&outer);
	(void)thread_sleep_ms(1, 0);
}

PANIC_TEST(sleep_critical, "panic.sleep_in_a_critical_section")
{
	critical_enter();
	(void)thread_sleep_ms(1, 0);
}

PANIC_TEST(sleep_deaf, "panic.sleep_with_interrupts_off")
{
	disable_intr();
	(void)thread_sleep_ms(1, 0);
}

static void
sleep_now(void *arg)
{
	(void)arg;
	(void)thread_sleep_ms(1, 0);
}

PANIC_TEST(sleep_intr, "panic.sleep_in_an_interrupt")
{
	smp_call(1, sleep_now, NULL);
}

PANIC_TEST(sleep_unlocked, "panic.sleep_with_its_channel_unlocked")
{
	(void)sleepq_wait(&inner, "nothing", 0, 0);
}

static void
lock_now(void *arg)
{
	mtx_lock(arg);
}

PANIC_TEST(mutex_intr, "panic.mutex_in_an_interrupt")
{
	smp_call(1, lock_now, &mutex_outer);
}

PANIC_TEST(mutex_deaf, "panic.mutex_with_interrupts_off")
{
	disable_intr();
	mtx_lock(&mutex_outer);
}

PANIC_TEST(mutex_critical, "panic.mutex_in_a_critical_section")
{
	critical_enter();
	mtx_lock(&mutex_outer);
}

PANIC_TEST(mutex_spin, "panic.mutex_under_a_spin_lock")
{
	spin_lock(&outer);
	mtx_lock(&mutex_outer);
}

PANIC_TEST(spin_order, "panic.spin_lock_out_of_order")
{
	spin_lock(&inner);
	spin_lock(&outer);
}

PANIC_TEST(mutex_order, "panic.mutex_out_of_order")
{
	mtx_lock(&mutex_inner);
	mtx_lock(&mutex_outer);
}

PANIC_TEST(spin_recursion, "panic.spin_lock_recursion")
{
	spin_lock(&outer);
	spin_lock(&outer);
}

PANIC_TEST(mutex_recursion, "panic.mutex_recursion")
{
	mtx_lock(&mutex_outer);
	mtx_lock(&mutex_outer);
}

PANIC_TEST(spin_not_held, "panic.spin_unlock_of_a_free_lock")
{
	spin_unlock(&outer);
}

static void
unlock_for_another(void *arg)
{
	mtx_unlock(arg);
}

PANIC_TEST(mutex_not_ours, "panic.mtx_unlock_by_another_thread")
{
	mtx_lock(&mutex_outer);
	thread_join(thread_create(unlock_for_another, &mutex_outer, "other"));
}

PANIC_TEST(unpin, "panic.sched_unpin_without_a_pin")
{
	sched_unpin();
}

PANIC_TEST(bind_nowhere, "panic.sched_bind_to_no_cpu")
{
	sched_bind(mp_ncpus);
}

PANIC_TEST(bind_twice, "panic.sched_bind_twice")
{
	sched_bind(0);
	sched_bind(0);
}

PANIC_TEST(bind_pinned, "panic.sched_bind_while_pinned")
{
	sched_pin();
	sched_bind(0);
}

PANIC_TEST(unbind, "panic.sched_unbind_without_a_bind")
{
	sched_unbind();
}

PANIC_TEST(critical, "panic.critical_exit_without_an_enter")
{
	critical_exit();
}

PANIC_TEST(create_nowhere, "panic.thread_create_on_no_cpu")
{
	(void)thread_create_on(mp_ncpus, lock_now, NULL, "nowhere");
}

PANIC_TEST(join_itself, "panic.thread_join_of_itself")
{
	thread_join(curthread());
}

PANIC_TEST(signal_32, "panic.thread_signal_that_has_no_bit")
{
	thread_signal(curthread(), 32);
}

PANIC_TEST(exit_main, "panic.thread_exit_of_the_first_thread")
{
	thread_exit();
}

static void
exit_critical(void *arg)
{
	(void)arg;
	critical_enter();
}

PANIC_TEST(critical_exit_, "panic.thread_exit_in_a_critical_section")
{
	thread_join(thread_create(exit_critical, NULL, "critical"));
}

static void
exit_pinned(void *arg)
{
	(void)arg;
	sched_pin();
}

PANIC_TEST(pinned_exit, "panic.thread_exit_while_pinned")
{
	thread_join(thread_create(exit_pinned, NULL, "pinned"));
}

static void
exit_holding(void *arg)
{
	mtx_lock(arg);
}

PANIC_TEST(holding_exit, "panic.thread_exit_with_a_mutex")
{
	thread_join(thread_create(exit_holding, &mutex_outer, "holder"));
}

/* --- protection --- */

PANIC_TEST(write_text, "panic.write_to_kernel_text")
{
	*(volatile char *)(vm_offset_t)sf_buf_ref = 0;
}

PANIC_TEST(write_rodata, "panic.write_to_read_only_data")
{
	static const char text[] = "constant";

	*(volatile char *)(vm_offset_t)text = 0;
}

PANIC_TEST(write_ksyms, "panic.write_to_kernel_symbols")
{
	extern char kern_ksyms[];

	*(volatile char *)kern_ksyms = 0;
}

PANIC_TEST(execute_data, "panic.execution_of_data")
{
	static uint8_t code = 0xc3;	/* RET */

	((void (*)(void))(vm_offset_t)&code)();
}

PANIC_TEST(null_read, "panic.read_through_a_null_pointer")
{
	volatile int *volatile p = NULL;

	(void)*p;
}

static int __attribute__((noinline))
recurse(volatile int *up)
{
	volatile int pad[64];

	pad[0] = *up + 1;
	return (pad[0] == 0 ? 0 : recurse(pad) + pad[0]);
}

static void
overflow(void *arg)
{
	volatile int zero = 0;

	(void)arg;
	printf("%d\n", recurse(&zero));
}

/*
 * Not recurse(), so that the report says whose stack it was; and of another
 * size, so that the compiler does not make one function of the two.
 */
static int __attribute__((noinline))
recurse_there(volatile int *up)
{
	volatile int pad[80];

	pad[0] = *up + 1;
	return (pad[0] == 0 ? 0 : recurse_there(pad) + pad[0]);
}

static void
overflow_there(void)
{
	volatile int zero = 0;

	printf("%d\n", recurse_there(&zero));
}

/*
 * CPU 1 has its double fault in the NMI by which the panic of CPU 0, which has
 * had one, tries to stop it.  The report must show the frame of CPU 0.
 */
PANIC_TEST(overflow_both, "panic.stack_overflow_of_two_cpus")
{
	sched_bind(0);
	nmi_hook_set(1, overflow_there);
	overflow(NULL);
}

PANIC_TEST(stack_overflow, "panic.stack_overflow")
{
	overflow(NULL);
}

PANIC_TEST(thread_overflow, "panic.stack_overflow_of_a_thread")
{
	thread_join(thread_create(overflow, NULL, "deep"));
}

/* --- other CPUs --- */

static volatile uint32_t deaf_cpus;

/* Interrupts stay off for ever, so this CPU never answers. */
static void
deaf(void *arg)
{
	(void)arg;
	if (curcpu_id() == 0) {
		while (deaf_cpus != mp_ncpus - 1)
			DELAY(1000);
		tlb_flush_all_wait();
	}
	disable_intr();
	atomic_fetchadd_32(&deaf_cpus, 1);
	for (;;)
		cpu_spinwait();
}

PANIC_TEST(deaf_cpu, "panic.an_ipi_that_is_never_answered")
{
	run_on_all_cpus(deaf, NULL);
}

static volatile uint32_t holds;

/* Keeps the lock, and so interrupts off: only an NMI reaches this CPU. */
static void
keep_lock(void *arg)
{
	spin_lock(arg);
	holds = 1;
	for (;;)
		cpu_spinwait();
}

static void
let_cpu_1_keep(struct spinlock *l)
{
	sched_bind(0);
	(void)thread_create_on(1, keep_lock, l, "keeper");
	while (holds == 0)
		cpu_spinwait();
}

PANIC_TEST(stops_all, "panic.stops_a_cpu_with_interrupts_off")
{
	let_cpu_1_keep(&outer);
	panic("planted");
}

PANIC_TEST(kept_lock, "panic.a_spin_lock_that_is_never_released")
{
	let_cpu_1_keep(&outer);
	spin_lock(&outer);
}

static void
do_nothing(void *arg)
{
	(void)arg;
}

PANIC_TEST(call_nowhere, "panic.smp_call_of_no_cpu")
{
	smp_call(mp_ncpus, do_nothing, NULL);
}

PANIC_TEST(call_deaf, "panic.smp_call_with_interrupts_off")
{
	disable_intr();
	smp_call(0, do_nothing, NULL);
}

PANIC_TEST(call_unheard, "panic.smp_call_that_is_never_answered")
{
	let_cpu_1_keep(&outer);
	smp_call(1, do_nothing, NULL);
}

/* As if an earlier caller's function had not returned. */
PANIC_TEST(call_busy, "panic.smp_call_of_a_cpu_that_takes_none")
{
	pcpus[1]->pc_call = (struct smp_call *)&outer;
	smp_call(1, do_nothing, NULL);
}

static void
panic_in_interrupt(void *arg)
{
	panic("planted %s", (const char *)arg);
}

PANIC_TEST(in_interrupt, "panic.in_an_interrupt")
{
	char what[] = "in an interrupt";

	smp_call(curcpu_id(), panic_in_interrupt, what);
}

static volatile uint32_t ready;

static void
panic_together(void *arg)
{
	(void)arg;
	atomic_fetchadd_32(&ready, 1);
	while (ready != mp_ncpus)
		cpu_spinwait();
	panic("planted on CPU %u", curcpu_id());
}

/* Only one panic is reported, and the machine ends. */
PANIC_TEST(together, "panic.on_all_cpus_at_once")
{
	run_on_all_cpus(panic_together, NULL);
}

static void
print_for_ever(void *arg)
{
	(void)arg;
	for (;;) {
		ready = 1;
		printf("# a long line, in the middle of which a CPU stops\n");
	}
}

/* The message begins a line, even if a CPU is stopped in the middle of one. */
PANIC_TEST(printing, "panic.while_others_print")
{
	sched_bind(0);
	for (u_int i = 1; i < mp_ncpus; i++)
		(void)thread_create_on(i, print_for_ever, NULL, "printer");
	while (ready == 0)
		cpu_spinwait();
	DELAY(20000);
	panic("planted");
}

static void
end_the_run(void)
{
	machine_exit(EXIT_PASSED);
}

/* The run must end as a panic, although another CPU ends it meanwhile. */
PANIC_TEST(exit_meanwhile, "panic.while_another_cpu_ends_the_run")
{
	sched_bind(0);
	nmi_hook_set(1, end_the_run);
	panic("planted");
}

/* Ends QEMU as failed, which machine_exit() does not do in spite of a panic. */
static void
judge(const char *what)
{
	printf("# CPU %u %s\n", curcpu_id(), what);
	outb(EXIT_PORT, EXIT_FAILED);
}

/* Judges the panic from a CPU that it stops: that CPU must not go on. */
static void
run_until_stopped(void *arg)
{
	(void)arg;
	atomic_fetchadd_32(&ready, 1);
	while (curpcpu()->pc_stopped == NULL)
		cpu_spinwait();
	judge("was stopped by the panic, and goes on");
}

PANIC_TEST(stay_stopped, "panic.stops_all_cpus_for_good")
{
	sched_bind(0);
	for (u_int i = 1; i < mp_ncpus; i++)
		(void)thread_create_on(i, run_until_stopped, NULL, "runner");
	while (ready != mp_ncpus - 1)
		(void)thread_sleep_ms(1, 0);
	panic("planted");
}

/* --- panics in panics --- */

/* Reading where this points is a page fault. */
#define	NOWHERE		((void *)8)

/* The report lists the mutexes of the thread. */
PANIC_TEST(in_report, "panic.while_it_is_reported")
{
	curthread()->td_mutexes = NOWHERE;
	panic("planted");
}

static bool describe_badly;

static void
describe(vm_offset_t va)
{
	static u_int faults;

	(void)va;
	if (!describe_badly)
		return;
	if (++faults > 2)
		judge("reports a third panic");
	panic("planted %s", (const char *)NOWHERE);
}
FAULT_DESCRIBER(describe);

/*
 * The second panic is one of a describer, whose message cannot be printed: that
 * is the third, which ends the machine without a word.
 */
PANIC_TEST(third, "panic.while_the_second_is_reported")
{
	describe_badly = true;
	curthread()->td_mutexes = NOWHERE;
	panic("planted");
}

/* Called after each instruction of a printf(). */
static void
panic_with_the_console(const struct trapframe *tf)
{
	static u_int steps;
	const struct spinlock *l = curpcpu()->pc_held;

	(void)tf;
	/* Some instructions later, so that a part of the line is out. */
	if (l != NULL && strcmp(l->name, "console") == 0 && ++steps == 4000)
		panic("planted in the middle of a line");
}

PANIC_TEST(in_printf, "panic.while_this_cpu_prints")
{
	trap_step = panic_with_the_console;
	__asm__ volatile("pushfl; orl $0x100, (%%esp); popfl" : : :
	    "memory", "cc");
	printf("# a long line, in the middle of which this CPU panics, and "
	    "which never ends\n");
}
