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
#include <sys/ksym.h>
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

static volatile uint32_t panic_owner;	/* 0, or the first CPU's number + 1 */

/*
 * What each CPU held when it stopped.  Copied before the first line is
 * printed, for printing takes the console's lock from whoever has it.
 */
static struct held {
	const char *name;
	const void *where;
} held[MAXCPU][MAXHELD];

static const char *const ends[] = { "exit", "halt", "monitor", NULL };
static u_int end;
TUNABLE_ENUM(panic, "panic", end, ends, "what follows a panic");

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
 * Printing needs the console and what that needs.  If this panics too, what
 * it has to say is the message of the second panic; the third is silent.
 */
static void
panic_again(const char *fmt, va_list ap)
{
	static u_int depth;

	if (depth++ == 0) {
		printf("panic: again, while the first was shown or in its "
		    "monitor:\n");
		vprintf(fmt, ap);
		printf("\n");
	}
	machine_exit(EXIT_PANIC);
}

/*
 * Only the first CPU returns; one exchange decides which it is, and says so
 * to all.  The others wait for its NMI.
 */
static void
be_the_first(const char *fmt, va_list ap)
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

/* From here on this CPU starts over with none: see spin_wait(). */
static void
stop_all(void)
{
	nmi_stop_others();
	for (u_int i = 0; i < mp_ncpus; i++)
		copy_held(i);
	if (curcpu_id() >= mp_ncpus)
		copy_held(curcpu_id());		/* an AP that just starts */
	curpcpu()->pc_held = NULL;
	curpcpu()->pc_saved_flags = 0;
}

static void
show_lock(const char *name, const void *where)
{
	char at[KSYM_STRLEN];

	printf("  holds %s, taken at %p %s\n", name, where,
	    ksym_format((uintptr_t)where, at));
}

static void
show_cpu(u_int cpu)
{
	const struct pcpu *pc = pcpus[cpu];
	const struct thread *td = pc->pc_curthread;

	if (td == NULL)
		return;		/* before there are threads */
	printf("CPU %u: thread %u %s, %u interrupts deep\n", cpu, td->td_id,
	    td->td_name, pc->pc_intr_depth);
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
		if (tf == NULL) {
			printf("  does not answer\n");
			continue;
		}
		trapframe_print(tf);
		backtrace_frame(tf);
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

static u_int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return ((u_int)(c - '0'));
	return (c >= 'a' && c <= 'f' ? (u_int)(c - 'a') + 10 : 16);
}

/*
 * Each address of kernel code with its name.  In a message it is a return
 * address: the call, which is looked up, ends before it.
 */
static void
print_named(const char *text)
{
	char name[KSYM_STRLEN], line[512];
	size_t len = 0;
	uintptr_t pc, offset;

	while (*text != '\0' && len < sizeof(line) - 1) {
		line[len++] = *text++;
		if (line[len - 1] != 'x' || len < 2 || line[len - 2] != '0')
			continue;
		for (pc = 0; hex_digit(*text) < 16 && len < sizeof(line) - 1;)
			pc = pc << 4 | hex_digit(line[len++] = *text++);
		if (ksym_lookup(pc - 1, &offset) != NULL)
			len += (size_t)snprintf(line + len, sizeof(line) - len,
			    " %s", ksym_format(pc - 1, name));
	}
	line[len < sizeof(line) ? len : sizeof(line) - 1] = '\0';
	printf("panic: CPU %u: %s\n", curcpu_id(), line);
}

/* A CPU that was stopped in the middle of a line has not ended it. */
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
begin(const char *fmt, va_list ap)
{
	char text[256];

	be_the_first(fmt, ap);
	stop_all();
	vsnprintf(text, sizeof(text), fmt, ap);
	if (console_busy())
		printf("\n");
	print_named(text);
	show_cpu(curcpu_id());
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(fmt, ap);
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

	va_start(ap, fmt);
	begin(fmt, ap);
	va_end(ap);
	trapframe_print(tf);
	cpu_print_registers();
	backtrace_frame(tf);
	show_others();
	finish();
}
