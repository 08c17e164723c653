/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CURTHREAD_H_
#define	_MACHINE_CURTHREAD_H_

/*
 * The running thread.  Apart from <sys/pcpu.h>, which needs struct thread, so
 * that <sys/thread.h> and <sys/sched.h> can have inline functions.
 */

struct thread;

#define	PC_CURTHREAD	4	/* offset in struct pcpu */

/*
 * curthread: the running thread, in one instruction.  Any context.  Not
 * volatile: a thread that moves is still itself, so the compiler may keep the
 * result.
 */
static inline struct thread *
curthread(void)
{
	struct thread *td;

	__asm__("movl %%fs:%c1, %0" : "=r" (td) : "i" (PC_CURTHREAD));
	return (td);
}

#endif /* !_MACHINE_CURTHREAD_H_ */
