/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_SMP_H_
#define	_MACHINE_SMP_H_

/* What the CPUs do to each other: mp.c, ipi.c, tlb.c, lapic.c, clock.c. */

#include <sys/types.h>
#include <machine/pcpu.h>

struct trapframe;

/* mp.c */
void	mp_start(void);
void	mp_stop_others(void);
bool	mp_start_ap(struct pcpu *pc, void *stack);
bool	mp_nmi(const struct trapframe *tf);
u_int	mp_sample(u_int cpu, uintptr_t calls[], u_int max);
void	trap_init_cpu(void *pcpu);

/* ipi.c */
void	ipi_handle(enum ipi_verb verb);
extern const char *const ipi_names[IPI_NVERBS];
void	smp_call(u_int cpu, void (*fn)(void *), void *arg);
/* A wait for another CPU: all zero before the first wait_expired(). */
struct cpu_wait {
	uint64_t start;		/* TSC ticks; 0: it begins now */
	bool warned;
	bool late;		/* in its last part, from `start' */
};
bool	wait_expired(struct cpu_wait *w);
bool	wait_is_long(struct cpu_wait *w);
bool	wait_is_over(struct cpu_wait *w);
extern u_int ipi_timeout_ms;

/* tlb.c: the epochs.  See there for the order of everything. */
uint32_t tlb_close(void);
bool	tlb_is_clean(uint32_t stamp);
bool	tlb_is_recent(uint32_t stamp);
bool	tlb_others_idle(void);
void	tlb_force(uint32_t stamp);
void	tlb_force_nowait(uint32_t stamp);
bool	tlb_may_wait(void);
void	tlb_flush_all_wait(void);
void	tlb_flush_here(void);
void	tlb_serve(void);
void	tlb_tick(void);
void	tlb_enter_idle(void);
void	tlb_leave_idle(void);
#define	TLB_IDLE	1u		/* in pc_tlb; the rest is the epoch */

/* lapic.c */
#define	VECTOR_ISA	0x30u		/* to 0x3f: ISA IRQ 0 to 15 */
#define	ISA_IRQS	16u
#define	VECTOR_CLOCK	0xe0u
#define	VECTOR_IPI	0xf0u		/* plus the verb */
#define	VECTOR_SPURIOUS	0xffu
#define	LAPIC_DEFAULT_PA 0xfee00000u	/* SDM vol. 3A 10.4.1 */
void	lapic_init(vm_paddr_t pa);
void	lapic_enable(void);
bool	lapic_present(void);
u_int	lapic_id(void);
void	lapic_eoi(void);
void	lapic_send(u_int apicid, uint32_t command);
void	lapic_timer_calibrate(void);
void	lapic_timer_periodic(void);
void	lapic_timer_oneshot(uint64_t ticks);	/* 0: stops it */
#define	ICR_FIXED	0x4000u
#define	ICR_NMI		0x4400u
#define	ICR_INIT	0x4500u
#define	ICR_STARTUP	0x4600u

/* clock.c */
#define	HZ		100u
void	clock_init(void);
void	clock_intr(void);
void	clock_idle(bool entering);
void	DELAY(u_int us);
uint64_t cpu_ticks(void);
extern uint64_t ticks_per_ms;

#endif /* !_MACHINE_SMP_H_ */
