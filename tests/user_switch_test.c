/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of what comes between two instructions of ring 3: another thread, with
 * its own state of the FPU, an interrupt, an NMI.  The programs are those of
 * user_blob.asm.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <machine/cpufunc.h>
#include <machine/ipi.h>
#include <machine/nmi.h>
#include <machine/trap.h>
#include <tests/ring3.h>
#include <vm/kmem.h>

extern char user_sysexit[];

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
	struct program *p[3 * RING3_CPUS];
	u_int cpus = mp_ncpus < RING3_CPUS ? mp_ncpus : RING3_CPUS;
	u_int n = 3 * cpus;
	uint32_t rng = test_seed();
	uint8_t image[FPU_SIZE];

	if (no_ring3())
		return;
	for (u_int i = 0; i < n; i++) {
		p[i] = program_new(blob_fpu, false);
		fpu_random(image, &rng);
		page_write(p[i]->data, IMAGE, image, sizeof(image));
		program_set_word(p[i], COUNT, 12);
		program_set_word(p[i], FLAG, 100000);
	}
	for (u_int i = 0; i < n; i++)
		program_start(p[i], i % cpus);
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

	if (no_ring3())
		return;
	sched_bind(0);
	p = program_new(blob_fpu, false);
	fpu_random(image, &rng);
	page_write(p->data, IMAGE, image, sizeof(image));
	program_set_word(p, COUNT, 1);
	program_start(p, 0);
	program_wait(p);
	program_free(p);
	p = program_run(blob_fpu_first, false);
	page_read(p->data, NOW, now, sizeof(now));
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

	if (no_ring3())
		return;
	sched_bind(mp_ncpus - 1);
	p = program_new(blob_spin, false);
	program_start(p, mp_ncpus - 1);
	while (program_word(p, COUNT) == 0)
		sched_yield();
	program_stop(p);
	EXPECT_EQ(p->ncalls, 0);
	EXPECT_EQ(p->nexc, 0);
	program_free(p);
	sched_unbind();
}

#define	STORM_MS	5000	/* for a host where an NMI takes its time */
#define	NMIS		12u		/* each way; repeat= makes more */

/*
 * NMIs and interrupts meet each instruction of the way in and out, with the
 * program's own segments loaded.
 */
TEST(storm, "user.nmis_and_interrupts_on_the_way_in_and_out_do_no_harm")
{
	uint32_t strays = stray_count(T_NMI), count;
	uintptr_t calls[BACKTRACE_MAX];
	struct program *p;
	u_int sent = 0, answers = 0;

	if (no_ring3())
		return;
	if (mp_ncpus < 2) {
		test_skip("one CPU");
		return;
	}
	sched_bind(0);
	FOREACH_WAY(by_int) {
		struct deadline limit = { 0 };

		p = program_new(blob_calls, by_int);
		p->ut.tls_base = p->ut.block_base = DATA;
		program_start(p, 1);
		while (program_word(p, COUNT) == 0)
			sched_yield();
		for (u_int i = 0; i < NMIS &&
		    !deadline_lasted(&limit, STORM_MS); i++, sent++) {
			hw_send_ipi(1, IPI_RESCHED);
			answers += nmi_backtrace(1, calls, BACKTRACE_MAX) != 0;
		}
		program_stop(p);
		count = program_word(p, COUNT);
		EXPECT(p->ncalls == count || p->ncalls == count + 1);
		EXPECT_EQ(p->nexc, 0);
		program_free(p);
	}
	EXPECT(sent > 0 && answers >= sent / 2);
	EXPECT_EQ(stray_count(T_NMI), strays);
	sched_unbind();
}

/* --- between STI and SYSEXIT --- */

#define	DR7_NONE	0x400u		/* a bit that is always set */
#define	DR7_EXECUTE_DR0	0x402u

enum window { SHADOW_LEFT, SHADOW_LOST };
static enum window at;
static volatile uint32_t windows;

/*
 * Runs in the trap of a breakpoint on SYSEXIT, which is as an NMI there: it
 * ends the shadow of STI.  An interrupt is pending when it returns.
 * SHADOW_LOST: returns to SYSEXIT itself, as an SMI does.
 */
static void
at_sysexit(const struct trapframe *tf)
{
	struct trapframe *frame = (struct trapframe *)(vm_offset_t)tf;

	load_dr7(DR7_NONE);
	windows++;
	if (at == SHADOW_LOST) {
		frame->eip = (uint32_t)(vm_offset_t)user_sysexit;
		frame->eflags |= EFLAGS_IF;
	}
	hw_send_ipi(curcpu_id(), IPI_RESCHED);
}

static void
break_at_sysexit(void *arg)
{
	(void)arg;
	load_dr0((vm_offset_t)user_sysexit);
	load_dr7(DR7_EXECUTE_DR0);
}

static void
meet_sysexit(enum window w)
{
	struct program *p = program_new(blob_calls, false);
	uint32_t before;

	at = w;
	trap_step = at_sysexit;
	program_start(p, 1);
	for (u_int i = 0; i < 8; i++) {
		before = windows;
		smp_call(1, break_at_sysexit, NULL);
		while (windows == before)
			sched_yield();
	}
	program_stop(p);
	trap_step = NULL;
	EXPECT_EQ(p->nexc, 0);
	EXPECT(p->ncalls - program_word(p, COUNT) <= 1);
	program_free(p);
}

TEST(window, "user.an_interrupt_just_before_sysexit_does_no_harm")
{
	if (no_ring3())
		return;
	if (mp_ncpus < 2 || !user_has_sysenter()) {
		test_skip("one CPU, or no SYSENTER");
		return;
	}
	sched_bind(0);
	meet_sysexit(SHADOW_LEFT);
	meet_sysexit(SHADOW_LOST);
	sched_unbind();
}

/* For a count of instructions, under -icount: see tests/bench. */
HIDDEN_TEST(cost, "user.cost_of_a_null_call")
{
	struct program *p;
	uint64_t t[2];

	FOREACH_WAY(by_int) {
		p = program_new(blob_timed, by_int);
		program_set_word(p, COUNT, 100000);
		program_start(p, curcpu_id());
		program_wait(p);
		page_read(p->data, AFTER * 4, t, sizeof(t));
		printf("# a null call by %s: %llu ticks\n", by_int ? "INT" :
		    "SYSENTER", (unsigned long long)((t[1] - t[0]) / 100000));
		program_free(p);
	}
}
