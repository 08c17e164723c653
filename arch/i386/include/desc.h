/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_DESC_H_
#define	_MACHINE_DESC_H_

/* Descriptor tables: arch/i386/trap/desc.c. */

#include <sys/types.h>

/*
 * Selectors of a GDT.  SYSENTER and SYSEXIT find the first four by their order
 * (SDM vol. 2, SYSENTER, SYSEXIT).  Those that ring 3 uses have RPL 3.
 */
#define	GSEL_CODE	0x08u
#define	GSEL_DATA	0x10u
#define	GSEL_UCODE	0x1bu
#define	GSEL_UDATA	0x23u
#define	GSEL_TSS	0x28u
#define	GSEL_DFTSS	0x30u
#define	GSEL_PCPU	0x38u
#define	GSEL_TLS	0x43u		/* for %gs: the thread's tls_base */
#define	GSEL_BLOCK	0x4bu		/* for %fs: the thread's block_base */
#define	NGDT		10		/* entries of a GDT */
#define	GDT_ENTRY(sel)	((sel) >> 3)
#define	SEL_RPL		3u		/* the bits of a selector's privilege */

struct tss {				/* SDM vol. 3A, figure 7-2 */
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2;
	uint32_t cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap;			/* bit 0: a #DB at a switch to it */
	uint16_t iomap;			/* where the map of I/O ports begins */
};
_Static_assert(sizeof(struct tss) == 104, "TSS");

struct pcpu;

void	desc_init_cpu(struct pcpu *pc);
void	desc_set_cr3(void);

/*
 * desc_set_base: makes a descriptor one of data for ring 3, which begins at
 * base and has 4 GiB: what is below base is behind its end.  Marked as
 * accessed, so that no CPU writes to it.
 */
static inline void
desc_set_base(uint64_t *d, uint32_t base)
{
	*d = (uint64_t)((base & 0xff000000u) | 0x00cff300u |
	    (base >> 16 & 0xff)) << 32 | (base << 16 | 0xffff);
}

#endif /* !_MACHINE_DESC_H_ */
