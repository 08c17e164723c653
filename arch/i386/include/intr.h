/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_INTR_H_
#define	_MACHINE_INTR_H_

/*
 * Interrupts off: by CLI, or by a store.
 *
 * Soft-masked interrupts: a section of a few dozen instructions is protected
 * by a store instead of CLI.  (D. Stodolsky, J. B. Chen, B. N. Bershad: Fast
 * Interrupt Priority Management in Operating System Kernels, 1993.)
 *
 * pc_soft_masked is INTR_SOFT_MASKED within such a section.  trap() looks at
 * it: the first interrupt is recorded there for intr_soft_unmask(), and its
 * return frame has IF cleared, so that no second one comes.  So the cost is
 * that of an interrupt that comes, and not that of each section; and EFLAGS
 * need not be read, because where interrupts are off none comes.
 *
 * Other CPUs may read pc_soft_masked, to learn whether this one is in such a
 * section: sf_buf/ready.c.
 */

#include <sys/types.h>
#include <sys/pcpu.h>

#define	EFLAGS_ALWAYS	0x00000002u	/* a bit that is always set */
#define	EFLAGS_TF	0x00000100u
#define	EFLAGS_IF	0x00000200u

/* pc_soft_masked: the mark of a section, and the vector of an interrupt. */
#define	INTR_SOFT_MASKED	1u
#define	INTR_DEFERRED(vector)	((vector) << 8)
#define	INTR_DEFERRED_VECTOR(mask) ((mask) >> 8)

static inline uint32_t
read_eflags(void)
{
	uint32_t v;

	__asm__ volatile("pushfl; popl %0" : "=r" (v) : : "memory");
	return (v);
}

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

/* intr_save: turns interrupts off; returns what intr_restore() takes. */
static inline uint32_t
intr_save(void)
{
	uint32_t flags = read_eflags();

	disable_intr();
	return (flags);
}

/* Whether interrupts were on when intr_save() returned flags. */
static inline bool
intr_were_on(uint32_t flags)
{
	return ((flags & EFLAGS_IF) != 0);
}

/* intr_restore: turns them on again if they were on at intr_save(). */
static inline void
intr_restore(uint32_t flags)
{
	if (intr_were_on(flags))
		enable_intr();
}

/*
 * intr_soft_mask: from here to intr_soft_unmask() the caller is neither
 * interrupted nor moved to another CPU; NMIs and exceptions come as ever.  Any
 * context but NMI.  Does not nest.  Within the section nothing may wait or
 * take a lock.
 */
static inline void
intr_soft_mask(void)
{
	PCPU_STORE(pc_soft_masked, INTR_SOFT_MASKED);
}

void	intr_deliver_deferred(void);		/* soft.c */

/* intr_soft_unmask: ends the section, and delivers a deferred interrupt. */
static inline void
intr_soft_unmask(void)
{
	if (__builtin_expect(PCPU_SUB(pc_soft_masked, INTR_SOFT_MASKED), 0))
		intr_deliver_deferred();
}

#endif /* !_MACHINE_INTR_H_ */
