/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_SMP_H_
#define	_MACHINE_SMP_H_

#include <sys/types.h>

void	mp_start(void);
void	mp_run_all(void (*fn)(void *), void *arg);
void	mp_stop_others(void);
void	ipi_handle(u_int vector);
bool	ipi_nmi(void);
void	tlb_serve(void);
void	tlb_shootdown(vm_offset_t va);
void	clock_init(void);
void	DELAY(u_int us);
uint64_t cpu_ticks(void);
extern uint64_t ticks_per_ms;
extern u_int mp_ncpus;
void	trap_init_cpu(void *pcpu);

/* acpi.c */
struct madt_info {
	uint32_t lapic_pa;
	u_int ncpus;
	uint8_t apicid[255];
	const char *error;	/* NULL, or why it is not to be used */
};
void	madt_parse(const void *table, size_t len, struct madt_info *mi);
void	acpi_find_cpus(struct madt_info *mi);

#endif /* !_MACHINE_SMP_H_ */
