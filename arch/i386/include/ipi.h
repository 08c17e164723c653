/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_IPI_H_
#define	_MACHINE_IPI_H_

/* Interrupts from CPU to CPU: arch/i386/smp/ipi.c. */

#include <sys/types.h>

/* What a CPU may be interrupted for by another. */
enum ipi_verb {
	IPI_FLUSH,		/* flush the TLB, publish the epoch */
	IPI_CALL,		/* run a function: smp_call() */
	IPI_RESCHED,		/* look at the run queue */
	IPI_TEST,		/* for tests and benchmarks */
	IPI_NVERBS
};

extern const char *const ipi_names[IPI_NVERBS];

void	hw_send_ipi(u_int cpu, enum ipi_verb verb);
void	ipi_register(enum ipi_verb verb, void (*handler)(void));
bool	ipi_handle(enum ipi_verb verb);
void	smp_call(u_int cpu, void (*fn)(void *), void *arg);

#endif /* !_MACHINE_IPI_H_ */
