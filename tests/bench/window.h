/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_BENCH_WINDOW_H_
#define	_TESTS_BENCH_WINDOW_H_

/*
 * The foundation of the schemes that sf_buf(9) is compared with: kernel
 * addresses of their own, and the synchronous invalidation of one address on
 * other CPUs.  window.c.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/hw.h>
#include <machine/pmap.h>

#define	WINDOW_MAXCPU	64u
#define	SYNC_SLOTS	6656u	/* of the scheme sync: FreeBSD's limit */
#define	QENTER_SLOTS	256u	/* of the scheme qenter */

/*
 * A spin lock for which a CPU waits, and under which it waits for other CPUs,
 * with interrupts on, like FreeBSD's adaptive mutex.  So the holder is not
 * pre-empted (it is in a critical section), but still takes the interrupts of
 * other CPUs' shootdowns.
 */
struct bench_lock {
	volatile uint32_t locked;
};

void	bench_lock_wait(struct bench_lock *l);

/* Inline, as in FreeBSD, so that the instruction counts are comparable. */
static inline void
bench_lock(struct bench_lock *l)
{
	curthread()->td_critnest++;
	if (atomic_swap_32(&l->locked, 1) != 0)
		bench_lock_wait(l);
}

static inline void
bench_unlock(struct bench_lock *l)
{
	atomic_store_rel_32(&l->locked, 0);
	if (curpcpu()->pc_need_resched != 0)
		critical_exit();
	else
		curthread()->td_critnest--;
}

struct cpuset {
	uint32_t word[WINDOW_MAXCPU / 32];
};

/* Makes an entry present: high word first, as sf_pte_enter() does. */
static inline void
window_enter(volatile uint32_t *pte, vm_paddr_t pa)
{
	pt_entry_t e = pa | PG_V | PG_RW | pg_nx;

	hw_store32(pte + 1, (uint32_t)(e >> 32));
	hw_store32(pte, (uint32_t)e);
}

/*
 * Makes an entry not-present.  True if a TLB may still cache it, which the A
 * bit shows.
 */
static inline bool
window_remove(volatile uint32_t *pte)
{
	return ((hw_xchg32(pte, 0) & (PG_V | PG_A)) == (PG_V | PG_A));
}

vm_offset_t window_init(u_int nslots);
volatile uint32_t *window_pte(vm_offset_t va);
void	window_all_cpus(struct cpuset *set);
void	window_shootdown(const struct cpuset *set, vm_offset_t va);
void	window_flush_all(void);
uint64_t window_ipis(void);		/* writes to an ICR */
uint64_t window_interrupted(void);	/* CPUs */

#endif /* !_TESTS_BENCH_WINDOW_H_ */
