/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The first task: what prog= asks for.  It runs the personality, which is a
 * part of the kernel's image, finds the boot block and the console, and starts
 * the program itself.  docs/user-mode.md has the lines that tell how it ended.
 *
 * When it has ended, all tasks are ended, so that nothing is left at the end of
 * the job.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/job.h>
#include <sys/malloc.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/tsc.h>
#include <machine/user.h>
#include <boot/multiboot.h>
#include <ipc/channel.h>
#include <task/image.h>
#include <task/task.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>

#define	STACK_SIZE	0x10000u	/* of the personality's start-up code */
#define	STACK_TOP	(BOOT_BLOCK - PAGE_SIZE)

static char prog[TUNABLE_STRSIZE];
TUNABLE_STR(prog, "prog", prog, "the boot module to run as a program");
static char args[TUNABLE_STRSIZE];
TUNABLE_STR(args, "args", args, "its arguments, between commas");
static bool stats;
TUNABLE_BOOL(stats, "stats", stats,
    "print the kernel's counters when the program has ended");

static u_int seed;
TUNABLE_UINT(prog_seed, "prog.seed", seed, 0, 0xffffffffu,
    "where the addresses of a program's memory start; 0: by the clock");

static uint64_t start_ticks;	/* cpu_ticks() when the first task began */

/* The personality's ELF image, by task/image.asm; none in some kernels. */
extern const uint8_t user_image[] __attribute__((weak));
extern const uint8_t user_image_end[] __attribute__((weak));

static void
say(const char *what)
{
	printf("mayfly: %s: %s\n", prog, what);
}

/* Copies each boot module to the page cache and gives the task a handle. */
static const char *
add_files(struct task *t, struct boot_block *bb)
{
	static struct boot_module mods[BOOTINFO_MAXMODS];
	struct kref ref = { .ops = &vm_object_ops,
	    .rights = RIGHT_READ | RIGHT_EXEC | RIGHT_DUP };
	u_int n = boot_take_modules(mods);
	struct boot_file *f;

	for (u_int i = 0; i < n && i < BOOT_MAXFILES; i++) {
		f = &bb->files[bb->nfiles++];
		ref.object = image_module(&mods[i]);
		if (ref.object == NULL)
			return ("there is no memory for the files");
		f->size = mods[i].end - mods[i].start;
		snprintf(f->name, sizeof(f->name), "%s", mods[i].name);
		if (handle_alloc(t, &ref, &f->handle) != 0) {
			kref_release(&ref);
			return ("there is no memory for the files");
		}
	}
	return (NULL);
}

static void
fill_seed(struct boot_block *bb)
{
	uint32_t state = seed != 0 ? seed : (uint32_t)cpu_ticks() | 1;

	for (u_int i = 0; i < sizeof(bb->seed); i++) {
		/* Xorshift (Marsaglia, 2003); its state is never 0. */
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		bb->seed[i] = (uint8_t)(state >> 11);
	}
}

static const char *
add_boot_block(struct task *t)
{
	struct boot_block *bb = kmalloc(sizeof(*bb), M_ZERO);
	const char *error;

	if (bb == NULL)
		return ("there is no memory for the boot block");
	bb->flags = user_has_sysenter() ? BOOT_SYSENTER : 0;
	bb->ncpus = mp_ncpus;
	bb->mem_mib = (u_int)(physmem_size(&boot_info()->mem) >> 20);
	fill_seed(bb);
	snprintf(bb->args, sizeof(bb->args), "%s%s%s", prog,
	    args[0] != '\0' ? "," : "", args);
	error = add_files(t, bb);
	if (error == NULL && image_memory(t, BOOT_BLOCK, sizeof(*bb),
	    PROT_READ, bb, sizeof(*bb)) != 0)
		error = "there is no memory for the boot block";
	kfree(bb);
	return (error);
}

/* Gives the task all that it starts with but the console. */
static const char *
furnish(struct task *t, struct userframe *uf)
{
	const char *error;
	uint32_t entry;

	error = image_load(t, user_image,
	    (size_t)(user_image_end - user_image), &entry);
	if (error == NULL)
		error = add_boot_block(t);
	if (error == NULL && image_memory(t, STACK_TOP - STACK_SIZE,
	    STACK_SIZE, PROT_READ | PROT_WRITE, NULL, 0) != 0)
		error = "there is no memory for a stack";
	if (error == NULL)
		user_frame_init(uf, entry, STACK_TOP);
	return (error);
}

static void
print_end(const struct task *t, uint32_t status)
{
	u_int low = status & 0xff;

	if (status == STATUS_FAULT(low))
		printf("mayfly: %s ended: fault %u (%s) at 0x%x\n", prog, low,
		    task_fault_name(low), t->t_fault_eip);
	else if (status == STATUS_NOTE(low))
		printf("mayfly: %s ended: note %u\n", prog, low);
	else
		printf("mayfly: %s ended: exit status %u\n", prog, low);
}

static void
print_stats(void)
{
	printf("mayfly: %llu us from the kernel's start to the first task's\n",
	    (unsigned long long)((start_ticks - boot_ticks) * 1000 /
	    ticks_per_ms));
	sf_buf_print_stats();
}

/* Runs the task to its end. */
static const char *
run(struct task *t, const struct userframe *uf)
{
	uint32_t status = 0;
	u_int id;

	printf("mayfly: %s starts\n", prog);
	start_ticks = cpu_ticks();
	if (task_thread(t, uf, 0, 0, 0, &id) != 0)
		return ("there is no memory for a thread");
	(void)task_wait(t, &status);
	task_end_all(t, STATUS_NOTE(NOTE_KILL));
	return (NULL);
}

/* The console is handle 3, the first that handle_alloc() gives. */
static const char *
run_with_console(struct task *t)
{
	struct kref ref = { .ops = &chan_end_ops,
	    .rights = RIGHT_READ | RIGHT_WRITE | RIGHT_DUP };
	const char *error = NULL;
	struct console *c;
	struct chan_end *end;
	struct userframe uf;
	u_int handle;

	if ((c = console_open(&end)) == NULL)
		return ("there is no memory for the console");
	ref.object = end;
	if (handle_alloc(t, &ref, &handle) != 0) {
		kref_release(&ref);
		error = "there is no memory for the console";
	}
	if (error == NULL)
		error = furnish(t, &uf);
	if (error == NULL)
		error = run(t, &uf);
	/* What is left of a task that did not start has the console's end. */
	handle_close_all(t);
	console_close(c);
	return (error);
}

/* Makes the first task, runs it, and tells how it ended. */
static const char *
run_first(void)
{
	struct task *t = task_create(prog, &call_ops);
	const char *error;
	uint32_t status;

	if (t == NULL)
		return ("there is no memory for a task");
	error = run_with_console(t);
	if (error == NULL) {
		(void)task_status(t, &status);
		print_end(t, status);
		if (stats)
			print_stats();
	}
	task_release(t);
	return (error);
}

static u_int
root_run(void)
{
	const char *error = user_supported();

	if (error == NULL && user_image == NULL)
		error = "this kernel was built without the personality";
	if (error != NULL) {
		say(error);
		return (EXIT_NOTHING);
	}
	time_init();
	audit_begin();
	error = run_first();
	if (error != NULL)
		say(error);
	if (!audit_end())
		return (EXIT_FAILED);
	return (error == NULL ? EXIT_PASSED : EXIT_NOTHING);
}

static bool
root_wanted(void)
{
	return (prog[0] != '\0');
}

JOB(root, 50, root_wanted, root_run);
