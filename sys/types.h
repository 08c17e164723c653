/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_TYPES_H_
#define	_SYS_TYPES_H_

/* Types that the whole kernel uses, with the names that the BSDs give them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t	vm_paddr_t;	/* physical address, bytes */
typedef uintptr_t	vm_offset_t;	/* kernel virtual address, bytes */
typedef size_t		vm_size_t;	/* size of a virtual range, bytes */
typedef unsigned int	u_int;

#define	PAGE_SHIFT	12
#define	PAGE_SIZE	(1u << PAGE_SHIFT)
#define	PAGE_MASK	(PAGE_SIZE - 1)

#define	round_page(x)	(((x) + PAGE_MASK) & ~(__typeof__(x))PAGE_MASK)
#define	trunc_page(x)	((x) & ~(__typeof__(x))PAGE_MASK)
#define	atop(x)		((uint32_t)((x) >> PAGE_SHIFT))
#define	ptoa(x)		((vm_paddr_t)(x) << PAGE_SHIFT)
#define	nitems(a)	(sizeof(a) / sizeof((a)[0]))

static inline u_int
umin(u_int a, u_int b)
{
	return (a < b ? a : b);
}

static inline u_int
umax(u_int a, u_int b)
{
	return (a > b ? a : b);
}

#endif /* !_SYS_TYPES_H_ */
