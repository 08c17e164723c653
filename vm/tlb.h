/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_TLB_H_
#define	_VM_TLB_H_

/* Keeps all TLBs coherent, by epochs: vm/tlb.c has the contracts. */

#include <sys/types.h>

struct pmap;

#define	TLB_IDLE	1u		/* in pc_tlb; the epoch is above it */

uint32_t tlb_close(void);
bool	tlb_is_clean(uint32_t stamp);
bool	tlb_is_recent(uint32_t stamp);
bool	tlb_others_idle(void);
void	tlb_force(uint32_t stamp);
void	tlb_force_nowait(uint32_t stamp);
u_int	tlb_force_space(uint32_t stamp, const struct pmap *pm);
void	tlb_switch(struct pmap *pm);
bool	tlb_may_wait(void);
void	tlb_flush_all_wait(void);
void	tlb_flush_here(void);
void	tlb_serve(void);
void	tlb_tick(void);
void	tlb_enter_idle(void);
void	tlb_leave_idle(void);

#endif /* !_VM_TLB_H_ */
