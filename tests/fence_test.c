/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Cases that leak one thing each, to test the fence of tests/runner.c: a run
 * of one must fail and name the thing.  No case gives back what it took,
 * because nothing runs after it.  And cases that never end, which must end in
 * a panic that names them.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <vm/vm_page.h>

HIDDEN_TEST(leak_page, "leak.page")
{
	EXPECT(vm_page_alloc(0) != NULL);
}

HIDDEN_TEST(leak_wiring, "leak.wiring")
{
	vm_page_wire(vm_page_alloc(0));
}

HIDDEN_TEST(leak_heap, "leak.heap")
{
	EXPECT(kmalloc(64, 0) != NULL);
}

HIDDEN_TEST(leak_sf_buf, "leak.sf_buf")
{
	EXPECT(sf_buf_alloc(vm_page_alloc(VM_ALLOC_WIRED), SFB_DEFAULT) !=
	    NULL);
}

HIDDEN_TEST(leak_direct, "leak.sf_buf_direct")
{
	EXPECT(sf_buf_alloc(vm_page_alloc(VM_ALLOC_WIRED | VM_ALLOC_DIRECT),
	    SFB_DEFAULT) != NULL);
}

static void
nothing(void *arg)
{
	(void)arg;
}

HIDDEN_TEST(leak_thread, "leak.thread")
{
	EXPECT(thread_create(nothing, NULL, "leaked") != NULL);
}

HIDDEN_TEST(leak_spin_lock, "leak.spin_lock")
{
	static struct spinlock l = SPINLOCK_INITIALIZER("leaked",
	    RANK_RUNQ);

	spin_lock(&l);
}

HIDDEN_TEST(leak_mutex, "leak.mutex")
{
	static struct mtx m = MTX_INITIALIZER("leaked", RANK_MUTEX);

	mtx_lock(&m);
}

HIDDEN_TEST(leak_pin, "leak.pin")
{
	sched_pin();
}

HIDDEN_TEST(leak_binding, "leak.binding")
{
	sched_bind(0);
}

HIDDEN_TEST(leak_critical, "leak.critical_section")
{
	critical_enter();
}

HIDDEN_TEST(leak_interrupts, "leak.interrupts_off")
{
	disable_intr();
}

HIDDEN_TEST(leak_signal, "leak.signal")
{
	thread_signal(curthread(), 3);
}

PANIC_TEST(sleep_for_ever, "limit.a_case_that_sleeps_for_ever")
{
	sleepq_lock(&sleep_for_ever);
	(void)sleepq_wait(&sleep_for_ever, "nothing", SLEEP_LONG, 0);
}

PANIC_TEST(spin_for_ever, "limit.a_case_that_spins_for_ever")
{
	for (;;)
		cpu_spinwait();
}
