/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_JOB_H_
#define	_SYS_JOB_H_

/*
 * Jobs: what the kernel can do once it is up.  A run does one.  Each job is
 * declared beside its code and reaches kern/job.c by the linker set
 * "set_jobs", so that the kernel names no test and no benchmark.
 */

#include <sys/types.h>

struct bootinfo;

struct job {
	u_int order;		/* unique; of the wanted jobs the lowest runs */
	bool (*wanted)(void);	/* whether the command line asks for it */
	u_int (*run)(void);	/* returns a value for machine_exit() */
};

/* The order of the job to do when no option asks for another. */
#define	JOB_DEFAULT	100u

/*
 * JOB: declares a job, at file scope.  ident is unique in the file.  wanted is
 * called in any context, after the command line was parsed; run in thread
 * context, and it may sleep.
 */
#define	JOB(ident, ord, want, fn)					\
	static const struct job job_##ident = { .order = (ord),		\
	    .wanted = (want), .run = (fn) };				\
	static const struct job *const job_set_##ident			\
	    __attribute__((section("set_jobs"), used)) = &job_##ident

/*
 * job_run: does the job that the command line asks for.  Thread context;
 * sleeps.  Returns a value for machine_exit().
 */
u_int	job_run(void);

/*
 * boot_info: what the loader handed over, such as the boot module that a job
 * works on.  It is decoded before any job runs.  Any context.
 */
const struct bootinfo *boot_info(void);

/*
 * boot_take_modules: copies the list of modules, of at most BOOTINFO_MAXMODS,
 * and returns how many there are.  Their memory is the caller's from then on,
 * and boot_info() has none any more.  By a job.
 */
struct boot_module;
u_int	boot_take_modules(struct boot_module *mods);

#endif /* !_SYS_JOB_H_ */
