/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * panic: the end of a run that went wrong.  The first CPU to come here stops
 * the others, shows what every one of them was doing, and ends as the option
 * panic= says.  From then on no lock is waited for and no CPU is asked for
 * anything.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/lock.h>
#include <sys/monitor.h>
#include <sys/panic.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/pcpu.h>
#include <machine/smp.h>
#include <machine/trap.h>

static volatile uint32_t panicking;
static u_int panic_cpu;

static const char *const ends[] = { "exit", "halt", "monitor", NULL };
static u_int end;
TUNABLE_ENUM(panic, "panic", end, ends, "what follows a panic");

bool
panicked(void)
{
	return (panicking != 0);
}

/* Who comes second on the same CPU panicked while it showed the first. */
static void
be_the_first(const void *caller)
{
	disable_intr();
	if (atomic_swap_32(&panicking, 1) == 0) {
		panic_cpu = curcpu_id();
		return;
	}
	if (panic_cpu == curcpu_id()) {
		printf("panic: again, while the first was shown or in its "
		    "monitor (called from %p)\n", caller);
		machine_exit(EXIT_PANIC);
	}
	for (;;)
		cpu_halt();	/* until the first one's NMI stops us */
}

static void
show_cpu(u_int cpu)
{
	const struct pcpu *pc = pcpus[cpu];
	const struct thread *td = pc->pc_curthread;

	printf("CPU %u: thread %u %s, %u interrupts deep\n", cpu, td->td_id,
	    td->td_name, pc->pc_intr_depth);
	spin_print_held(cpu);
	for (const struct mtx *m = td->td_mutexes; m != NULL; m = m->next)
		printf("  holds %s, taken at %p\n", m->name, m->holder);
}

static void
show_others(void)
{
	for (u_int i = 0; i < mp_ncpus; i++) {
		if (i == panic_cpu)
			continue;
		show_cpu(i);
		if (pcpus[i]->pc_stopped == NULL) {
			printf("  does not answer\n");
			continue;
		}
		trapframe_print(pcpus[i]->pc_stopped);
		backtrace_frame(pcpus[i]->pc_stopped);
	}
}

static void __dead2
finish(void)
{
	if (end == 1) {
		printf("panic: halted, for panic=halt\n");
		for (;;)
			cpu_halt();
	}
	if (end == 2)
		monitor_run();
	machine_exit(EXIT_PANIC);
}

static void
show_message(const char *fmt, va_list ap)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, ap);
	printf("panic: CPU %u: %s\n", panic_cpu, text);
	show_cpu(panic_cpu);
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	be_the_first(__caller());
	mp_stop_others();
	va_start(ap, fmt);
	show_message(fmt, ap);
	va_end(ap);
	cpu_print_registers();
	backtrace(__builtin_frame_address(0));
	show_others();
	finish();
}

void
panic_frame(struct trapframe *tf, const char *fmt, ...)
{
	va_list ap;

	be_the_first(__caller());
	mp_stop_others();
	va_start(ap, fmt);
	show_message(fmt, ap);
	va_end(ap);
	trapframe_print(tf);
	backtrace_frame(tf);
	show_others();
	finish();
}
