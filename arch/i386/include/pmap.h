/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_PMAP_H_
#define	_MACHINE_PMAP_H_

/* PAE page tables of the kernel (SDM vol. 3A 4.4), by arch/i386/mmu/pmap.c. */

#include <sys/types.h>
#include <machine/vmparam.h>

typedef uint64_t pt_entry_t;

#define	PG_V		0x001u		/* P, present */
#define	PG_RW		0x002u
#define	PG_U		0x004u
#define	PG_A		0x020u
#define	PG_M		0x040u		/* D, dirty */
#define	PG_PS		0x080u
#define	PG_G		0x100u
#define	PG_NX		(1ull << 63)
#define	PG_FRAME	0x000ffffffffff000ull

extern pt_entry_t pg_nx;		/* PG_NX where the CPU has it, else 0 */
extern uint32_t kern_cr3;		/* of the kernel's own tables */
extern vm_paddr_t dmap_limit;		/* end of what the direct map covers */
extern vm_offset_t kva_end;		/* end of the window at KVA_MIN */

/* Start-up. */
u_int	pmap_maxphyaddr(void);
vm_paddr_t pmap_dmap_end(vm_paddr_t wanted, vm_paddr_t ram_end);
vm_offset_t pmap_kva_end(vm_paddr_t ram_size);
vm_size_t pmap_tables_size(vm_paddr_t ram_size, vm_paddr_t ram_end,
	    vm_paddr_t dmap_end, u_int nsfbufs);
void	pmap_bootstrap(vm_paddr_t ram_size, u_int nsfbufs);
void	pmap_init_ap(void);
void	*pmap_mapdev(vm_paddr_t pa, vm_size_t size);

/* The one checked accessor of the direct map. */
void	*pmap_dmap(vm_paddr_t pa);

/* Pages of the window of kernel addresses, for vm/kmem.c. */
void	pmap_kenter(vm_offset_t va, vm_paddr_t pa);
bool	pmap_kremove(vm_offset_t va);

/* What the tables hold. */
pt_entry_t pmap_kpdpte(u_int i);
pt_entry_t pmap_kpde(vm_offset_t va);
pt_entry_t *pmap_kpte(vm_offset_t va);
vm_paddr_t pmap_kextract(vm_offset_t va);
bool	pmap_is_mapped(vm_offset_t va);
u_int	pmap_audit(void);	/* prints and counts wrong entries */

#endif /* !_MACHINE_PMAP_H_ */
