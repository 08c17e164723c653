/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_VMPARAM_H_
#define	_MACHINE_VMPARAM_H_

/*
 * The address space, a 2/2 split.  Sizes in MiB.
 *
 *	what			from		to		size
 */
#define	KERNBASE		0x80000000u
#define	DMAP_MIN		0x80000000u /*	0xb0000000	 768 */
#define	DMAP_SIZE		0x30000000u
#define	VM_PAGES_MIN		0xb0000000u /*	0xd2000000	 544 */
#define	VM_PAGES_SIZE		0x22000000u
/*	unused			0xd2000000	0xd3d3f000	  29 */
#define	SF_SLOTS_MIN		0xd3d40000u /*	0xd3e40000	   1; and a page
			in front of it, for the sentinel slot */
#define	SF_SLOTS_SIZE		0x00100000u
/*	unused			0xd3e40000	0xd3f00000	 3/4 */
#define	SF_PTES_MIN		0xd3f00000u /*	0xd3f80000	 1/2 */
/*	unused			0xd3f80000	0xd4000000	 1/2 */
#define	SF_BUF_MIN		0xd4000000u /*	0xe4000000	 256 */
#define	SF_BUF_SIZE		0x10000000u
#define	KVA_MIN			0xe4000000u /*	0xf0000000	 192 */
#define	KVA_SIZE		0x0c000000u /*	at most: twice the RAM */
#define	DEV_MIN			0xf0000000u /*	0xf0800000	   8 */
#define	DEV_SIZE		0x00800000u
/*	unused			0xf0800000	0xffffffff	 248 */

#define	KSTACK_SIZE		16384u	/* a thread's stack */
#define	DF_STACK_SIZE		8192u	/* a double-fault task's stack */

#define	SF_SLOT_SIZE		(SF_SLOTS_SIZE / 65536)
#define	VM_PAGE_STRUCT		32u	/* sizeof(struct vm_page) */
/* The byte offset of a page's structure in vm_page_array[]. */
#define	VM_PAGE_OFFSET(m)	((uintptr_t)(m) - VM_PAGES_MIN)
/* 68 GiB of frames. */
#define	VM_PAGES_MAX_FRAMES	(VM_PAGES_SIZE / VM_PAGE_STRUCT)

#endif /* !_MACHINE_VMPARAM_H_ */
