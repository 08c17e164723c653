/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* The first task: sets itself up, then becomes the program. */

#include "user/native.h"
#include "user/proc.h"

struct process proc __attribute__((__aligned__(4096)));

/* From start.asm, on the stack of the first struct thread. */
void
main(void)
{
	struct thread *td;
	struct results res;

	native_raw(CALL_THREAD_SELF, 0, 0, 0, 0, &res);
	proc.pid = res.ebx;
	proc.ppid = 0;
	proc.nthreads = 1;
	proc.umask = 022;
	memcpy(proc.name, "personality", 12);
	memcpy(&proc.random, boot->seed, sizeof(proc.random));
	proc.random |= 1;		/* a state of 0 would stay */
	td = thread_alloc();
	thread_init(td);
	fd_init();
	exec_first();
}
