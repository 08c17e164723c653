/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_HW_H_
#define	_MACHINE_HW_H_

/*
 * The only header through which page-table and TLB code touches the hardware.
 * A host build puts a simulated machine under the same names.
 */

#include <sys/types.h>

static inline uint32_t
hw_load32(volatile uint32_t *p)
{
	return (*p);
}

static inline void
hw_store32(volatile uint32_t *p, uint32_t v)
{
	*p = v;
}

/* Locked without a LOCK prefix (SDM vol. 2, XCHG), so a full barrier. */
static inline uint32_t
hw_xchg32(volatile uint32_t *p, uint32_t v)
{
	__asm__ volatile("xchgl %0, %1" : "+r" (v), "+m" (*p) : : "memory");
	return (v);
}

/* v with the bits of a byte in memory, by one instruction. */
static inline uint32_t
hw_or8(uint32_t v, const volatile uint8_t *p)
{
	__asm__("orb %1, %b0" : "+q" (v) : "m" (*p) : "cc");
	return (v);
}

/* True if any bit of mask is set in *p: one load, as hw_load32(). */
static inline bool
hw_test32(const volatile uint32_t *p, uint32_t mask)
{
	bool set;

	__asm__ volatile("testl %2, %1" : "=@ccnz" (set)
	    : "m" (*p), "ri" (mask));
	return (set);
}

/*
 * Stores new in *p if it was old, each given as its low and its high word.
 * True if it did so.  Locked (SDM vol. 2, CMPXCHG8B).
 */
static inline bool
hw_cmpxchg8b(volatile uint64_t *p, uint32_t old_low, uint32_t old_high,
    uint32_t new_low, uint32_t new_high)
{
	bool done;

	__asm__ volatile("lock cmpxchg8b %1"
	    : "=@ccz" (done), "+m" (*p), "+a" (old_low), "+d" (old_high)
	    : "b" (new_low), "c" (new_high) : "memory");
	return (done);
}

static inline void
hw_invlpg(vm_offset_t va)
{
	__asm__ volatile("invlpg %0" : : "m" (*(const char *)va) : "memory");
}

static inline uint32_t
hw_read_cr3(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr3, %0" : "=r" (v) : : "memory");
	return (v);
}

/*
 * Also flushes this CPU's TLB, global translations excepted, and all of its
 * paging-structure caches (SDM vol. 3A 4.10.4.1).  Serialises: what was stored
 * before is what page walks find afterwards (8.3).
 */
static inline void
hw_load_cr3(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr3" : : "r" (v) : "memory");
}

#endif /* !_MACHINE_HW_H_ */
