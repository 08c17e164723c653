/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_SF_BUF_H_
#define	_MACHINE_SF_BUF_H_

/* The machine's side of sf_buf(9): slots are numbers, pages are addresses. */

#include <sys/types.h>

void	sf_buf_md_init(bool strict);
vm_offset_t sf_buf_md_kva(u_int slot);
void	sf_buf_md_enter(u_int slot, vm_paddr_t pa, bool accessed);
bool	sf_buf_md_remove(u_int slot);
void	sf_buf_md_invalidate(u_int slot);
bool	sf_buf_md_direct(vm_paddr_t pa, vm_offset_t *va);
const char *sf_buf_md_audit(u_int slot, bool mapped, vm_paddr_t pa);

#endif /* !_MACHINE_SF_BUF_H_ */
