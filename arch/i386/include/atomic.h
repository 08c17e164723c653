/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_ATOMIC_H_
#define	_MACHINE_ATOMIC_H_

/*
 * atomic(9) for i386.  Every read-modify-write is a locked instruction and
 * so a full barrier (SDM vol. 3A 8.2.3.9); plain loads are acquire and plain
 * stores release under TSO (8.2.2), so those need only stop the compiler.
 */

#include <sys/types.h>

static inline uint32_t
atomic_load_acq_32(volatile uint32_t *p)
{
	return (__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static inline void
atomic_store_rel_32(volatile uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline uint32_t
atomic_fetchadd_32(volatile uint32_t *p, uint32_t v)
{
	return (__atomic_fetch_add(p, v, __ATOMIC_SEQ_CST));
}

/*
 * Increment, decrement and subtraction.  False if the result is negative (its
 * top bit is set).
 */
static inline bool
atomic_inc_32(volatile uint32_t *p)
{
	bool good;

	__asm__ volatile("lock incl %1" : "=@ccns" (good), "+m" (*p)
	    : : "memory");
	return (good);
}

static inline bool
atomic_dec_32(volatile uint32_t *p)
{
	bool good;

	__asm__ volatile("lock decl %1" : "=@ccns" (good), "+m" (*p)
	    : : "memory");
	return (good);
}

static inline bool
atomic_sub_32(volatile uint32_t *p, uint32_t v)
{
	bool good;

	__asm__ volatile("lock subl %2, %1" : "=@ccns" (good), "+m" (*p)
	    : "ri" (v) : "memory");
	return (good);
}

static inline uint32_t
atomic_swap_32(volatile uint32_t *p, uint32_t v)
{
	return (__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST));
}

/* Stores new in *p if it was *old; true if so, else *old is what was found. */
static inline bool
atomic_fcmpset_32(volatile uint32_t *p, uint32_t *old, uint32_t new)
{
	bool done;

	__asm__ volatile("lock cmpxchgl %3, %1"
	    : "=@ccz" (done), "+m" (*p), "+a" (*old) : "r" (new) : "memory");
	return (done);
}

/* As atomic_fcmpset_32(), without returning the value found. */
static inline bool
atomic_cmpset_32(volatile uint32_t *p, uint32_t old, uint32_t new)
{
	return (__atomic_compare_exchange_n(p, &old, new, false,
	    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

/*
 * As atomic_cmpset_32() with old = 0, which is loaded into EAX here: otherwise
 * gcc may reuse a variable known to be 0, and keep it in a register for that.
 */
static inline bool
atomic_cmpset_0_32(volatile uint32_t *p, uint32_t new)
{
	bool done;

	__asm__ volatile("xorl %%eax, %%eax; lock cmpxchgl %2, %1"
	    : "=@ccz" (done), "+m" (*p) : "r" (new) : "eax", "memory");
	return (done);
}

static inline void
atomic_set_32(volatile uint32_t *p, uint32_t bits)
{
	__atomic_fetch_or(p, bits, __ATOMIC_SEQ_CST);
}

static inline void
atomic_clear_32(volatile uint32_t *p, uint32_t bits)
{
	__atomic_fetch_and(p, ~bits, __ATOMIC_SEQ_CST);
}

/* Orders this thread against interrupts of the same CPU: the compiler only. */
static inline void
atomic_interrupt_fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#define	atomic_store_rel_ptr(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

#define	atomic_swap_ptr(p, v)	__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

/* As atomic_cmpset_32(), for a pointer or an integer of its size. */
#define	atomic_cmpset_ptr(p, old, new) __extension__({			\
	__typeof__(*(p) + 0) old_ = (old);				\
	__atomic_compare_exchange_n(p, &old_, new, false,		\
	    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);			\
})

#endif /* !_MACHINE_ATOMIC_H_ */
