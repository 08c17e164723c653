/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_INTR_H_
#define	_MACHINE_INTR_H_

/*
 * Interrupts put off without CLI, for a few dozen instructions that a CPU has
 * to itself.  pc_intr_held is INTR_HELD meanwhile and, once an interrupt came,
 * has its vector in the bits above.  trap() looks at it: the first interrupt
 * that comes is left for intr_release(), with interrupts off in the frame that
 * it returns by.  So it is paid for when one comes, and not each time; and no
 * EFLAGS need be read, for where interrupts are off none comes.
 *
 * Other CPUs may look at pc_intr_held, to learn whether this one is in such a
 * section: kern/sf_pool.c.
 */

#include <machine/pcpu.h>

#define	INTR_HELD	1u
#define	INTR_CAME(vector) ((vector) << 8)	/* and back: >> 8 */

/*
 * intr_hold: from here on the caller is not interrupted, nor moved to another
 * CPU, until intr_release(); NMIs and exceptions come as ever.  Any context but
 * NMI; does not nest; nothing that waits, or takes a lock, may come between.
 */
static inline void
intr_hold(void)
{
	PCPU_STORE(pc_intr_held, INTR_HELD);
}

void	intr_replay(void);		/* trap.c */

/* intr_release: and takes what came meanwhile. */
static inline void
intr_release(void)
{
	if (__builtin_expect(PCPU_SUB(pc_intr_held, INTR_HELD), 0))
		intr_replay();
}

#endif /* !_MACHINE_INTR_H_ */
