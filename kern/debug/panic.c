/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The end of a run that went wrong.  The first CPU that panics stops the
 * others, shows what every CPU was doing, and ends as the option panic= says.
 * Invariant: from then on it waits for no lock and for no other CPU.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/monitor.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/tunable.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/nmi.h>
#include <machine/trap.h>

#define	MAXHELD		8	/* locks shown of each CPU */
#define	MESSAGE_MAX	480	/* bytes; with its prefix one printf() */

static volatile uint32_t panic_owner;	/* 0, or the first CPU's number + 1 */

/*
 * The locks that each CPU held when it stopped.  They are copied before the
 * first line is printed, because printing takes the console's lock from the
 * CPU that holds it.
 */
static struct held {
	const char *name;
	const void *where;
} held[MAXCPU][MAXHELD];

enum { ACT_EXIT, ACT_HALT, ACT_MONITOR };
static const char *const action_names[] = {
	[ACT_EXIT] = "exit", [ACT_HALT] = "halt", [ACT_MONITOR] = "monitor",
	NULL
};
static u_int panic_action = ACT_EXIT;
TUNABLE_ENUM(panic, "panic", panic_action, action_names,
    "what follows a panic");

/* Contracts of these are in <sys/panic.h>. */

bool
panicked(void)
{
	return (panic_owner != 0);
}

bool
panicked_here(void)
{
	return (panic_owner == curcpu_id() + 1);
}

/*
 * Reporting may itself panic.  The second panic prints its message alone; the
 * third prints nothing.
 */
static void
panic_again(const char *fmt, va_list ap)
{
	static u_int depth;

	if (depth++ == 0) {
		printf("panic: another panic, during the report or the monitor "
		    "of the first:\n");
		vprintf(fmt, ap);
		printf("\n");
	}
	machine_exit(EXIT_PANIC);
}

/*
 * Returns on the first CPU only; one exchange decides which that is.  The
 * others halt here until its NMI stops them.
 */
static void
claim_panic(const char *fmt, va_list ap)
{
	disable_intr();
	if (atomic_cmpset_32(&panic_owner, 0, curcpu_id() + 1))
		return;
	if (panicked_here())
		panic_again(fmt, ap);
	for (;;)
		cpu_halt();
}

static void
copy_held(u_int cpu)
{
	const struct spinlock *l = pcpus[cpu]->pc_held;

	for (u_int i = 0; i < MAXHELD && l != NULL; i++, l = l->next)
		held[cpu][i] = (struct held){ l->name, l->where };
}

/*
 * Stops the other CPUs and copies the locks of all.  This CPU then counts as
 * holding none: spin_wait() breaks the locks that it finds taken.
 */
static void
stop_all(void)
{
	nmi_stop_others();
	for (u_int i = 0; i < mp_ncpus; i++)
		copy_held(i);
	if (curcpu_id() >= mp_ncpus)
		copy_held(curcpu_id());	/* an AP that is starting */
	curpcpu()->pc_held = NULL;
	curpcpu()->pc_saved_flags = 0;
}

static void
show_lock(const char *name, const void *where)
{
	printf("  holds %s, taken at %pC\n", name, where);
}

static void
show_cpu(u_int cpu)
{
	const struct pcpu *pc = pcpus[cpu];
	const struct thread *td = pc->pc_curthread;

	if (td == NULL)
		return;		/* it has no thread yet */
	printf("CPU %u: thread %u %s, %u interrupts deep%s\n", cpu, td->td_id,
	    td->td_name, pc->pc_intr_depth, pc->pc_stopped == NULL &&
	    cpu != curcpu_id() ? ", does not answer" : "");
	for (u_int i = 0; i < MAXHELD && held[cpu][i].name != NULL; i++)
		show_lock(held[cpu][i].name, held[cpu][i].where);
	for (const struct mtx *m = td->td_mutexes; m != NULL; m = m->next)
		show_lock(m->name, m->where);
}

static void
show_others(void)
{
	const struct trapframe *tf;

	for (u_int i = 0; i < mp_ncpus; i++) {
		if (i == curcpu_id())
			continue;
		show_cpu(i);
		tf = pcpus[i]->pc_stopped;
		if (tf == NULL)
			continue;
		trapframe_print(tf);
		backtrace_frame(tf);
	}
}

static void __dead2
panic_end(void)
{
	if (panic_action == ACT_HALT) {
		printf("panic: halted, because of panic=halt\n");
		for (;;)
			cpu_halt();
	}
	if (panic_action == ACT_MONITOR)
		monitor_run();
	machine_exit(EXIT_PANIC);
}

/* Whether a CPU was stopped in the middle of a line. */
static bool
console_busy(void)
{
	for (u_int i = 0; i < mp_ncpus; i++)
		for (u_int j = 0; j < MAXHELD && held[i][j].name != NULL; j++)
			if (strcmp(held[i][j].name, "console") == 0)
				return (true);
	return (false);
}

static void
panic_begin(const char *fmt, va_list ap)
{
	char text[MESSAGE_MAX];

	claim_panic(fmt, ap);
	stop_all();
	vsnprintf(text, sizeof(text), fmt, ap);
	if (console_busy())
		printf("\n");
	printf("panic: CPU %u: %s\n", curcpu_id(), text);
	show_cpu(curcpu_id());
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	panic_begin(fmt, ap);
	va_end(ap);
	cpu_print_registers();
	backtrace(__builtin_frame_address(0));
	show_others();
	panic_end();
}

void
panic_frame(struct trapframe *tf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	panic_begin(fmt, ap);
	va_end(ap);
	trapframe_print(tf);
	cpu_print_registers();
	backtrace_frame(tf);
	show_others();
	panic_end();
}
