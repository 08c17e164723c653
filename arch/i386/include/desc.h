/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_DESC_H_
#define	_MACHINE_DESC_H_

/* Descriptor tables: arch/i386/trap/desc.c. */

#include <sys/types.h>

#define	NGDT		6		/* entries of a GDT */

struct tss {				/* SDM vol. 3A, figure 7-2 */
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2;
	uint32_t cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt, iomap;
};
_Static_assert(sizeof(struct tss) == 104, "TSS");

struct pcpu;

void	desc_init_cpu(struct pcpu *pc);
void	desc_set_cr3(void);

#endif /* !_MACHINE_DESC_H_ */
