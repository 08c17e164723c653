/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_INTR_H_
#define	_MACHINE_INTR_H_

/*
 * Interrupts put off without CLI, for a few dozen instructions that a CPU has
 * to itself.  pc_soft_masked is INTR_SOFT_MASKED meanwhile and, once an interrupt came,
 * has its vector in the bits above.  trap() looks at it: the first interrupt
 * that comes is left for intr_soft_unmask(), with interrupts off in the frame that
 * it returns by.  So it is paid for when one comes, and not each time; and no
 * EFLAGS need be read, for where interrupts are off none comes.
 *
 * Other CPUs may look at pc_soft_masked, to learn whether this one is in such a
 * section: sf_buf/sf_pool.c.
 */

#include <sys/types.h>
#include <machine/pcpu.h>

static inline uint32_t
read_eflags(void)
{
	uint32_t v;

	__asm__ volatile("pushfl; popl %0" : "=r" (v) : : "memory");
	return (v);
}

#define	EFLAGS_IF	0x00000200u

static inline void
disable_intr(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void
enable_intr(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline bool
intr_enabled(void)
{
	return ((read_eflags() & EFLAGS_IF) != 0);
}

/* Interrupts off, and back to what they were. */
static inline uint32_t
intr_save(void)
{
	uint32_t flags = read_eflags();

	disable_intr();
	return (flags);
}

static inline void
intr_restore(uint32_t flags)
{
	if ((flags & EFLAGS_IF) != 0)
		enable_intr();
}

#define	INTR_SOFT_MASKED	1u
#define	INTR_DEFERRED(vector) ((vector) << 8)	/* and back: >> 8 */

/*
 * intr_soft_mask: from here on the caller is not interrupted, nor moved to another
 * CPU, until intr_soft_unmask(); NMIs and exceptions come as ever.  Any context but
 * NMI; does not nest; nothing that waits, or takes a lock, may come between.
 */
static inline void
intr_soft_mask(void)
{
	PCPU_STORE(pc_soft_masked, INTR_SOFT_MASKED);
}

void	intr_deliver_deferred(void);		/* trap.c */

/* intr_soft_unmask: and takes what came meanwhile. */
static inline void
intr_soft_unmask(void)
{
	if (__builtin_expect(PCPU_SUB(pc_soft_masked, INTR_SOFT_MASKED), 0))
		intr_deliver_deferred();
}

#endif /* !_MACHINE_INTR_H_ */
