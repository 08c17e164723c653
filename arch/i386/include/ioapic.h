/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_IOAPIC_H_
#define	_MACHINE_IOAPIC_H_

/* Interrupts of devices: arch/i386/pc/ioapic.c. */

#include <sys/types.h>

struct madt_info;

/*
 * ioapic_init: maps every I/O APIC and masks its inputs.  Once, at start, on
 * the boot CPU, after lapic_init().
 */
void	ioapic_init(const struct madt_info *mi);

/*
 * ioapic_route_isa: from here on ISA interrupt irq (0 to 15) arrives at the
 * boot CPU, which calls handler with interrupts off.  False if no I/O APIC
 * takes it.  Once for each irq, or again with the same handler.  Thread
 * context.
 */
bool	ioapic_route_isa(u_int irq, void (*handler)(void));

/*
 * ioapic_mask_isa: undoes ioapic_route_isa(), but for an interrupt that is on
 * its way, which still finds its handler.  Any context but NMI.
 */
void	ioapic_mask_isa(u_int irq);

/*
 * isa_intr: calls the handler of an irq; false if it has none.  Interrupts off.
 */
bool	isa_intr(u_int irq);

#endif /* !_MACHINE_IOAPIC_H_ */
