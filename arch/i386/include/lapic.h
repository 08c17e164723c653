/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_LAPIC_H_
#define	_MACHINE_LAPIC_H_

/* The local APIC and its timer: arch/i386/pc/lapic.c. */

#include <sys/types.h>

#define	VECTOR_ISA	0x30u		/* to 0x3f: ISA IRQ 0 to 15 */
#define	ISA_IRQS	16u
#define	VECTOR_CLOCK	0xe0u
#define	VECTOR_IPI	0xf0u		/* plus the verb */
#define	VECTOR_SPURIOUS	0xffu
#define	LAPIC_DEFAULT_PA 0xfee00000u	/* SDM vol. 3A 10.4.1 */

#define	ICR_FIXED	0x4000u
#define	ICR_NMI		0x4400u
#define	ICR_INIT	0x4500u
#define	ICR_STARTUP	0x4600u

struct madt_info;

void	lapic_init(const struct madt_info *mi);
void	lapic_enable(void);
bool	lapic_present(void);
u_int	lapic_id(void);
void	lapic_eoi(void);
u_int	lapic_in_service(void);
void	lapic_lints(uint32_t lint[2]);
void	lapic_send(u_int apicid, uint32_t command);
void	lapic_timer_calibrate(void);
void	lapic_timer_periodic(void);
void	lapic_timer_oneshot(uint64_t ticks);
void	lapic_timer_stop(void);

#endif /* !_MACHINE_LAPIC_H_ */
