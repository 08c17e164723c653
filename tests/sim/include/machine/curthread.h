/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_CURTHREAD_H_
#define	_MACHINE_CURTHREAD_H_

/* The thread of the simulated CPU that runs now; tests/sim/machine.c. */

struct thread;

#define	PC_CURTHREAD	sizeof(void *)	/* offset in struct pcpu */

struct thread *curthread(void);

#endif /* !_MACHINE_CURTHREAD_H_ */
