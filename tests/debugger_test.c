/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Makes something for tests/gdb.t to look at: an sf_buf with two references,
 * its page, and a thread that sleeps.  The test stops in debugger_look().
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/timeout.h>
#include <vm/vm_page.h>

void	debugger_look(struct sf_buf *sf, struct vm_page *m);

void __attribute__((noinline))
debugger_look(struct sf_buf *sf, struct vm_page *m)
{
	__asm__ volatile("" : : "r" (sf), "r" (m));
}

static void
sleeper(void *arg)
{
	sleepq_lock(arg);
	(void)sleepq_wait(arg, "the debugger", SLEEP_CATCH, 0);
}

HIDDEN_TEST(look, "debugger.something_to_look_at")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);
	struct thread *td = thread_create(sleeper, &m, "sleeper");

	sf_buf_ref(sf);
	while (td->td_state != TDS_SLEEPING)
		(void)thread_sleep_ms(1, 0);
	debugger_look(sf, m);
	thread_signal(td, 1);
	thread_join(td);
	sf_buf_free(sf);
	sf_buf_free(sf);
	vm_page_unwire(m, 0);
	vm_page_free(m);
}
