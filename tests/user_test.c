/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of the ways into and out of ring 3.  Each runs programs of
 * user_blob.asm, in address spaces of their own, with the functions below as
 * what takes their calls and exceptions.
 */

#include <sys/types.h>
#include <sys/abi/call.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <machine/nmi.h>
#include <machine/pmap_user.h>
#include <machine/trap.h>
#include <machine/tsc.h>
#include <machine/user.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

/* The address space of a program, as user_blob.asm has it. */
#define	CODE		0x400000u
#define	DATA		0x500000u
#define	STACK		(DATA + PAGE_SIZE)

/* In the page of data: words. */
enum { BY_INT, COUNT, FLAG, AFTER = 4 };
#define	IMAGE		0x200u		/* bytes */
#define	NOW		0x800u

/* The calls of the programs. */
enum { C_EXIT, C_ECHO, C_FULL, C_YIELD, C_NULL, C_BAD, C_TLS, C_BLOCK };

#define	EFLAGS_DF	0x00000400u
#define	EFLAGS_NT	0x00004000u
#define	EFLAGS_AC	0x00040000u
#define	EFLAGS_DIRTY	(EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_AC | \
			    0x3000u)	/* IOPL */
#define	PF_USER		4u		/* of an error code */
#define	MAXEXC		64u

extern char blob[], blob_end[], blob_echo[], blob_full[], blob_flags[],
    blob_step[], blob_dirty[], blob_privileged[], blob_exceptions[],
    blob_fpu_errors[], blob_page_faults[], blob_selectors[],
    blob_stack_selector[], blob_fpu[], blob_fpu_first[], blob_tls[],
    blob_calls[], blob_spin[], blob_timed[];

struct exc {
	uint32_t trapno, err, eip, eflags;
	vm_offset_t va;
};

struct program {
	struct user_thread ut;		/* first: td_user points here */
	const char *entry;
	struct thread *td;
	struct vm_page *code, *data;
	struct userframe echo;		/* the frame of C_ECHO */
	struct exc exc[MAXEXC];
	u_int nexc, ncalls, nbad;
	uint32_t bad[2];
	uint32_t dirty;			/* of EFLAGS, seen in ring 0 */
	volatile uint32_t end;		/* the next ops->ast ends it */
};

static struct program *
running(void)
{
	return ((struct program *)curthread()->td_user);
}

static void __dead2
end_here(void)
{
	user_attach(NULL);
	thread_exit();
}

/* --- what takes calls and exceptions --- */

static void
echo(struct program *p, struct userframe *uf)
{
	p->echo = *uf;
	uf->tf.eax = 0xea0ea0ea;
	uf->tf.ebx++;
	uf->tf.esi++;
}

static void
full(struct userframe *uf)
{
	uf->tf.ecx = 0x0ec0ec0e;
	uf->tf.edx = 0x0ed0ed0e;
	uf->tf.eflags = ~EFLAGS_TF;
	uf->tf.err = UF_FULL;
}

static void
take_call(struct userframe *uf)
{
	struct program *p = running();

	p->dirty |= read_eflags() & EFLAGS_DIRTY;
	p->ncalls++;
	if (uf->tf.eax == C_EXIT)
		end_here();
	if (uf->tf.eax == C_ECHO)
		echo(p, uf);
	else if (uf->tf.eax == C_FULL)
		full(uf);
	else if (uf->tf.eax == C_YIELD)
		sched_yield();
	else if (uf->tf.eax == C_TLS)
		user_set_tls(uf->tf.ebx);
	else if (uf->tf.eax == C_BLOCK)
		user_set_block(uf->tf.ebx);
	else if (uf->tf.eax == C_BAD) {
		p->nbad++;
		p->bad[0] = uf->tf.ebx;
		p->bad[1] = uf->tf.esi;
	}
}

/* Records it, and goes on where EBP says; a program without EBP ends. */
static void
take_exception(struct userframe *uf, vm_offset_t va)
{
	struct program *p = running();
	bool known = uf->tf.ebp != 0;

	p->dirty |= read_eflags() & EFLAGS_DIRTY;
	EXPECT(intr_enabled());
	if (p->nexc < MAXEXC)
		p->exc[p->nexc] = (struct exc){ uf->tf.trapno, uf->tf.err,
		    uf->tf.eip, uf->tf.eflags, va };
	p->nexc++;
	if (!known) {
		printf("# trap %u error 0x%x at 0x%x of %p ends the program\n",
		    uf->tf.trapno, uf->tf.err, uf->tf.eip, (void *)va);
		end_here();
	}
	uf->tf.eip = uf->tf.ebp;
	uf->tf.eflags &= ~EFLAGS_TF;
}

static void
take_ast(struct userframe *uf)
{
	(void)uf;
	EXPECT(intr_enabled());
	(void)atomic_swap_32(&curthread()->td_ast, 0);
	if (running()->end != 0)
		end_here();
}

static const struct user_ops ops = { take_call, take_exception, take_ast };

/* --- programs --- */

/* Copies between a page and memory of the kernel. */
static void
page_copy(struct vm_page *m, u_int off, void *buf, size_t len, bool in)
{
	struct sf_buf *sf = sf_buf_alloc(m, 0);
	char *va = (char *)sf_buf_kva(sf) + off;

	if (in)
		memcpy(va, buf, len);
	else
		memcpy(buf, va, len);
	sf_buf_free(sf);
}

static uint32_t
word(const struct program *p, u_int i)
{
	uint32_t v;

	page_copy(p->data, i * 4, &v, sizeof(v), false);
	return (v);
}

static void
set_word(struct program *p, u_int i, uint32_t v)
{
	page_copy(p->data, i * 4, &v, sizeof(v), true);
}

static struct vm_page *
page_of(struct pmap *pm, vm_offset_t va, u_int rights)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);
	static char zeros[PAGE_SIZE];

	KASSERT(m != NULL, "test: no page");
	page_copy(m, 0, zeros, sizeof(zeros), true);
	KASSERT(pmap_enter(pm, va, VM_PAGE_TO_PHYS(m), rights) == 0,
	    "test: no page for a table");
	return (m);
}

/* A program that does not run yet; by_int: its calls are by INT. */
static struct program *
program_new(const char *entry, bool by_int)
{
	struct program *p = kmalloc(sizeof(*p), M_ZERO);

	KASSERT(p != NULL && blob_end - blob <= (int)PAGE_SIZE,
	    "test: no memory, or the programs are more than a page");
	p->entry = entry;
	p->ut.ops = &ops;
	p->ut.pmap = pmap_create();
	KASSERT(p->ut.pmap != NULL, "test: no memory for page tables");
	p->code = page_of(p->ut.pmap, CODE, PMAP_EXEC);
	p->data = page_of(p->ut.pmap, DATA, PMAP_WRITE);
	page_copy(p->code, 0, blob, (size_t)(blob_end - blob), true);
	set_word(p, BY_INT, by_int || !user_has_sysenter());
	user_fpu_init(&p->ut);
	return (p);
}

static void
first_code(void *arg)
{
	struct program *p = arg;
	struct userframe uf;

	user_attach(&p->ut);
	user_frame_init(&uf, CODE + (uint32_t)(p->entry - blob), STACK);
	user_enter(&uf);
}

static void
program_start(struct program *p, u_int cpu)
{
	p->td = thread_create_on(cpu, first_code, p, "ring 3");
	KASSERT(p->td != NULL, "test: no memory for a thread");
}

/* Waits for its end; nothing may have gone wrong but what is looked at. */
static void
program_wait(struct program *p)
{
	thread_join(p->td);
	EXPECT_EQ(p->dirty, 0);
	EXPECT_EQ(p->nbad, 0);
	if (p->nbad != 0)
		printf("# bad: 0x%x 0x%x\n", p->bad[0], p->bad[1]);
}

/* Makes it end by ops->ast, from wherever it is. */
static void
program_stop(struct program *p)
{
	p->end = 1;
	atomic_set_32(&p->td->td_ast, 1);
	hw_send_ipi(p->td->td_cpu, IPI_RESCHED);
	program_wait(p);
}

static void
program_free(struct program *p)
{
	pmap_destroy(p->ut.pmap);
	vm_page_unwire(p->code, 0);
	vm_page_free(p->code);
	vm_page_unwire(p->data, 0);
	vm_page_free(p->data);
	kfree(p);
}

/* Runs a program to its end. */
static struct program *
run(const char *entry, bool by_int)
{
	struct program *p = program_new(entry, by_int);

	program_start(p, curcpu_id());
	program_wait(p);
	return (p);
}

/* True, and the case is skipped, if tasks cannot run here. */
static bool
unsupported(void)
{
	if (user_supported() == NULL)
		return (false);
	test_skip(user_supported());
	return (true);
}

/* The ways to call: by SYSENTER, if it is there, and by INT. */
#define	FOREACH_WAY(by_int)						\
	for (int by_int = !user_has_sysenter(); by_int <= 1; by_int++)

/* --- calls --- */

static void
check_echo(const struct program *p, bool by_int)
{
	const struct userframe *uf = &p->echo;

	EXPECT_EQ(uf->tf.trapno, CALL_VECTOR);
	EXPECT_EQ(uf->tf.eax, C_ECHO);
	EXPECT_EQ(uf->tf.ebx, 0xb0b0b0b0);
	EXPECT_EQ(uf->tf.esi, 0x51515151);
	EXPECT_EQ(uf->tf.edi, 0xd1d1d1d1);
	EXPECT_EQ(uf->tf.ebp, 0xb9b9b9b9);
	EXPECT_EQ(uf->esp, STACK - 4);
	EXPECT((uf->tf.eflags & EFLAGS_IF) != 0);
	EXPECT_EQ(word(p, AFTER), 0xea0ea0ea);
	EXPECT_EQ(word(p, AFTER + 1), 0xb0b0b0b1);
	EXPECT_EQ(word(p, AFTER + 2), 0x51515152);
	EXPECT_EQ(word(p, AFTER + 3), 0xd1d1d1d1);
	EXPECT_EQ(word(p, AFTER + 4), 0xb9b9b9b9);
	EXPECT_EQ(word(p, AFTER + 7), STACK);
	if (!by_int) {
		EXPECT_EQ(word(p, AFTER + 8) & EFLAGS_DIRTY, 0);
		return;
	}
	EXPECT_EQ(word(p, AFTER + 5), 0xc0c0c0c0);
	EXPECT_EQ(word(p, AFTER + 6), 0xd0d0d0d0);
}

TEST(calls, "user.a_call_carries_its_registers_in_and_out")
{
	struct program *p;

	if (unsupported())
		return;
	FOREACH_WAY(by_int) {
		p = run(blob_echo, by_int);
		EXPECT_EQ(p->ncalls, 2);
		EXPECT_EQ(p->nexc, 0);
		check_echo(p, by_int);
		program_free(p);
	}
}

/* And whatever is in EFLAGS, ring 3 gets neither IOPL nor VM. */
TEST(full_frame, "user.a_call_can_give_back_all_registers")
{
	struct program *p;

	if (unsupported())
		return;
	FOREACH_WAY(by_int) {
		p = run(blob_full, by_int);
		EXPECT_EQ(word(p, AFTER), 0x0ec0ec0e);
		EXPECT_EQ(word(p, AFTER + 1), 0x0ed0ed0e);
		EXPECT_EQ(word(p, AFTER + 2) & 0x00023000, 0);
		EXPECT((word(p, AFTER + 2) & EFLAGS_AC) != 0);
		program_free(p);
	}
}

TEST(flags, "user.no_flag_of_ring_3_reaches_the_kernel")
{
	struct program *p;

	if (unsupported())
		return;
	FOREACH_WAY(by_int) {
		p = run(blob_flags, by_int);
		EXPECT_EQ(p->ncalls, 9);
		EXPECT_EQ(p->nexc, 0);
		program_free(p);
	}
}

/* By INT, TF is back after the return: the step that follows is the task's. */
TEST(step, "user.a_single_step_into_the_kernel_ends_there")
{
	struct program *p;

	if (unsupported())
		return;
	FOREACH_WAY(by_int) {
		p = run(blob_step, by_int);
		EXPECT_EQ(p->ncalls, 3);
		EXPECT_EQ(p->nexc, by_int ? 1 : 0);
		EXPECT_EQ(p->exc[0].trapno, by_int ? T_DEBUG : 0);
		program_free(p);
	}
}

static void
note_flags(void *arg)
{
	*(volatile uint32_t *)arg |= read_eflags() & EFLAGS_DIRTY;
}

TEST(dirty, "user.an_interrupt_of_ring_3_has_clean_flags")
{
	struct program *p;
	volatile uint32_t seen = 0;

	if (unsupported())
		return;
	if (mp_ncpus < 2) {
		test_skip("one CPU");
		return;
	}
	sched_bind(0);
	p = program_new(blob_dirty, false);
	program_start(p, 1);
	while (word(p, COUNT) == 0)
		sched_yield();
	for (u_int i = 0; i < 1000; i++)
		smp_call(1, note_flags, (void *)&seen);
	set_word(p, FLAG, 1);
	program_wait(p);
	sched_unbind();
	EXPECT_EQ(seen, 0);
	EXPECT_EQ(p->nexc, 0);
	program_free(p);
}

/* --- exceptions --- */

TEST(privileged, "user.what_is_privileged_gives_a_fault")
{
	struct program *p;

	if (unsupported())
		return;
	p = run(blob_privileged, false);
	EXPECT_EQ(p->nexc, 47);
	for (u_int i = 0; i < p->nexc && i < MAXEXC; i++) {
		if (p->exc[i].trapno == 13)
			continue;
		printf("# at 0x%x: trap %u\n", p->exc[i].eip,
		    p->exc[i].trapno);
		EXPECT(!"a #GP");
	}
	program_free(p);
}

TEST(exceptions, "user.exceptions_and_int80_are_given_to_the_task")
{
	static const uint32_t traps[] = { 0, 3, 4, 5, 6, T_INT80 };
	struct program *p;

	if (unsupported())
		return;
	p = run(blob_exceptions, false);
	EXPECT_EQ(p->nexc, nitems(traps));
	for (u_int i = 0; i < nitems(traps); i++)
		EXPECT_EQ(p->exc[i].trapno, traps[i]);
	EXPECT_EQ(p->ncalls, 1);
	program_free(p);
}

TEST(fpu_errors, "user.errors_of_the_fpu_are_exceptions")
{
	struct program *p;

	if (unsupported())
		return;
	p = run(blob_fpu_errors, false);
	EXPECT_EQ(p->exc[0].trapno, 16);
	/* QEMU's TCG has no errors of SSE. */
	if (p->nexc == 2)
		EXPECT_EQ(p->exc[1].trapno, 19);
	else
		EXPECT_EQ(p->nexc, 1);
	program_free(p);
}

TEST(page_faults, "user.a_page_fault_tells_its_address")
{
	vm_offset_t kernel = (vm_offset_t)take_call;
	struct program *p;

	if (unsupported())
		return;
	p = program_new(blob_page_faults, false);
	set_word(p, FLAG, (uint32_t)kernel);
	program_start(p, curcpu_id());
	program_wait(p);
	EXPECT_EQ(p->nexc, pg_nx != 0 ? 6 : 5);
	for (u_int i = 0; i < p->nexc; i++) {
		EXPECT_EQ(p->exc[i].trapno, T_PAGEFLT);
		EXPECT((p->exc[i].err & PF_USER) != 0);
	}
	EXPECT_EQ(p->exc[0].va, kernel);
	EXPECT_EQ(p->exc[0].eip, kernel);
	EXPECT_EQ(p->exc[1].va, kernel);
	EXPECT_EQ(p->exc[2].va, kernel);
	EXPECT_EQ(p->exc[3].va, 0x700000);
	EXPECT_EQ(trunc_page(p->exc[4].va), CODE);
	if (pg_nx != 0)
		EXPECT_EQ(p->exc[5].va, STACK - 16);
	program_free(p);
}

/* --- segments --- */

TEST(selectors, "user.whatever_selectors_it_loads_the_kernel_does_not_mind")
{
	struct program *p, *other;

	if (unsupported())
		return;
	sched_bind(0);
	FOREACH_WAY(by_int) {
		p = program_new(blob_selectors, by_int);
		other = program_new(blob_spin, by_int);
		program_start(other, 0);
		program_start(p, 0);
		program_wait(p);
		program_stop(other);
		/* What is not a segment of ring 3, or null. */
		EXPECT(p->nexc > 200);
		for (u_int i = 0; i < MAXEXC; i++)
			EXPECT_EQ(p->exc[i].trapno, 13);
		program_free(other);
		program_free(p);
	}
	sched_unbind();
}

TEST(stack_selector, "user.a_call_needs_no_stack_of_the_task")
{
	struct program *p;

	if (unsupported())
		return;
	p = run(blob_stack_selector, true);
	EXPECT_EQ(p->ncalls, 3);
	EXPECT_EQ(p->nexc, 0);
	program_free(p);
}

/* Two on each CPU, whose segments have different bases. */
TEST(tls, "user.the_segments_of_a_thread_are_its_own")
{
	static struct program *p[2 * MAXCPU];
	u_int n = 2 * mp_ncpus;

	if (unsupported())
		return;
	FOREACH_WAY(by_int) {
		for (u_int i = 0; i < n; i++) {
			p[i] = program_new(blob_tls, by_int);
			set_word(p[i], COUNT, 200);
			set_word(p[i], FLAG, DATA + 0x200 + 8 * (i % 8));
		}
		for (u_int i = 0; i < n; i++)
			program_start(p[i], i % mp_ncpus);
		for (u_int i = 0; i < n; i++) {
			program_wait(p[i]);
			EXPECT_EQ(p[i]->ncalls, 203);
			EXPECT_EQ(p[i]->nexc, 0);
			program_free(p[i]);
		}
	}
}

/* --- the FPU --- */

/* Values for all of the FPU's registers, of which none is a signalling NaN. */
static void
fpu_random(uint8_t image[FPU_SIZE], uint32_t *rng)
{
	struct user_thread *ut = kmalloc(sizeof(*ut), M_ZERO);

	user_fpu_init(ut);
	memcpy(image, ut->fpu, FPU_SIZE);
	kfree(ut);
	for (u_int i = 32; i < 288; i++)
		if (i >= 160 || i % 16 < 8)
			image[i] = (uint8_t)test_random(rng);
	image[4] = 0xff;		/* all registers are in use */
	image[0] = 0x7f;
	image[1] = (uint8_t)(test_random(rng) & 0xf);	/* rounding */
	image[25] = (uint8_t)(0x1f | (test_random(rng) & 0x60));
}

TEST(fpu, "user.the_state_of_the_fpu_is_a_threads_own")
{
	static struct program *p[3 * MAXCPU];
	u_int n = 3 * mp_ncpus;
	uint32_t rng = test_seed();
	uint8_t image[FPU_SIZE];

	if (unsupported())
		return;
	for (u_int i = 0; i < n; i++) {
		p[i] = program_new(blob_fpu, false);
		fpu_random(image, &rng);
		page_copy(p[i]->data, IMAGE, image, sizeof(image), true);
		set_word(p[i], COUNT, 40);
		set_word(p[i], FLAG, 100000);
	}
	for (u_int i = 0; i < n; i++)
		program_start(p[i], i % mp_ncpus);
	for (u_int i = 0; i < n; i++) {
		program_wait(p[i]);
		EXPECT_EQ(p[i]->nexc, 0);
	}
	for (u_int i = 0; i < n; i++)
		program_free(p[i]);
}

/* After a thread that has left other values in all registers. */
TEST(fpu_first, "user.a_program_starts_with_a_clean_fpu")
{
	struct program *p;
	uint32_t rng = test_seed();
	uint8_t image[FPU_SIZE], now[FPU_SIZE];

	if (unsupported())
		return;
	sched_bind(0);
	p = program_new(blob_fpu, false);
	fpu_random(image, &rng);
	page_copy(p->data, IMAGE, image, sizeof(image), true);
	set_word(p, COUNT, 1);
	program_start(p, 0);
	program_wait(p);
	program_free(p);
	p = run(blob_fpu_first, false);
	page_copy(p->data, NOW, now, sizeof(now), false);
	EXPECT_EQ(memcmp(now, p->ut.fpu, 6), 0);
	for (u_int i = 32; i < 288; i++)
		if (now[i] != 0) {
			printf("# byte %u of FXSAVE is 0x%x\n", i, now[i]);
			EXPECT(!"all registers are 0");
			break;
		}
	EXPECT_EQ(*(uint32_t *)(void *)&now[24], 0x1f80);
	program_free(p);
	sched_unbind();
}

/* --- interrupts --- */

/* On the CPU of the test, which runs again only if the clock takes it. */
TEST(preempt, "user.a_loop_of_ring_3_is_pre_empted_and_ended")
{
	struct program *p;

	if (unsupported())
		return;
	sched_bind(mp_ncpus - 1);
	p = program_new(blob_spin, false);
	program_start(p, mp_ncpus - 1);
	while (word(p, COUNT) == 0)
		sched_yield();
	program_stop(p);
	EXPECT_EQ(p->ncalls, 0);
	EXPECT_EQ(p->nexc, 0);
	program_free(p);
	sched_unbind();
}

/*
 * NMIs and interrupts meet each instruction of the way in and out, with the
 * program's own segments loaded.
 */
TEST(storm, "user.nmis_and_interrupts_on_the_way_in_and_out_do_no_harm")
{
	uint32_t strays = stray_count(T_NMI), count;
	uintptr_t calls[BACKTRACE_MAX];
	struct program *p;
	u_int answers = 0;

	if (unsupported())
		return;
	if (mp_ncpus < 2) {
		test_skip("one CPU");
		return;
	}
	sched_bind(0);
	FOREACH_WAY(by_int) {
		p = program_new(blob_calls, by_int);
		p->ut.tls_base = p->ut.block_base = DATA;
		program_start(p, 1);
		while (word(p, COUNT) == 0)
			sched_yield();
		for (u_int i = 0; i < 500; i++) {
			hw_send_ipi(1, IPI_RESCHED);
			answers += nmi_backtrace(1, calls, BACKTRACE_MAX) != 0;
		}
		program_stop(p);
		count = word(p, COUNT);
		EXPECT(p->ncalls == count || p->ncalls == count + 1);
		EXPECT_EQ(p->nexc, 0);
		program_free(p);
	}
	EXPECT(answers >= 400);
	EXPECT_EQ(stray_count(T_NMI), strays);
	sched_unbind();
}

/* For a count of instructions, under -icount: see tests/bench. */
HIDDEN_TEST(cost, "user.cost_of_a_null_call")
{
	struct program *p;
	uint64_t t[2];

	FOREACH_WAY(by_int) {
		p = program_new(blob_timed, by_int);
		set_word(p, COUNT, 100000);
		program_start(p, curcpu_id());
		program_wait(p);
		page_copy(p->data, AFTER * 4, t, sizeof(t), false);
		printf("# a null call by %s: %llu ticks\n", by_int ? "INT" :
		    "SYSENTER", (unsigned long long)((t[1] - t[0]) / 100000));
		program_free(p);
	}
}
