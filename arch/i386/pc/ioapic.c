/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The I/O APICs (82093AA data sheet, section 3), and the table of handlers by
 * IRQ.  Owns their registers: each is read and written by an index register
 * and a window, two steps that ioapic_lock keeps together.  An input is masked
 * until a driver routes it, and all go to the boot CPU.  Contracts are in
 * <machine/ioapic.h>.
 *
 * Invariant: an input that is not masked has a handler; a handler is never
 * taken out again.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/systm.h>
#include <machine/acpi.h>
#include <machine/ioapic.h>
#include <machine/lapic.h>
#include <machine/pmap.h>

#define	IOAPIC_SIZE	0x20u
#define	IOAPIC_WINDOW	(0x10 / 4)	/* the index register is at 0 */
#define	REG_VERSION	0x01u
#define	REG_INPUT(n)	(0x10u + 2 * (n))	/* low word; high is next */
#define	INPUT_LOW	0x02000u	/* active low */
#define	INPUT_LEVEL	0x08000u
#define	INPUT_MASKED	0x10000u

static struct ioapic {
	volatile uint32_t *regs;
	uint32_t gsi;			/* of its first input */
	u_int ninputs;
} ioapics[ACPI_MAXIOAPIC];
static u_int nioapics;
static u_int boot_apicid;
static struct madt_isa isa[ACPI_ISA_IRQS];
static void (*handlers[ACPI_ISA_IRQS])(void);
static struct spinlock ioapic_lock =
    SPINLOCK_INITIALIZER("I/O APIC", RANK_DEVICE);

static uint32_t
read_reg(const struct ioapic *io, u_int reg)
{
	io->regs[0] = reg;
	return (io->regs[IOAPIC_WINDOW]);
}

static void
write_reg(const struct ioapic *io, u_int reg, uint32_t v)
{
	io->regs[0] = reg;
	io->regs[IOAPIC_WINDOW] = v;
}

void
ioapic_init(const struct madt_info *mi)
{
	struct ioapic *io;

	boot_apicid = lapic_id();
	memcpy(isa, mi->isa, sizeof(isa));
	for (u_int i = 0; i < mi->nioapics; i++) {
		io = &ioapics[nioapics];
		io->regs = pmap_mapdev(mi->ioapic[i].pa, IOAPIC_SIZE);
		if (io->regs == NULL)
			return;
		io->gsi = mi->ioapic[i].gsi;
		io->ninputs = (read_reg(io, REG_VERSION) >> 16 & 0xff) + 1;
		for (u_int n = 0; n < io->ninputs; n++)
			write_reg(io, REG_INPUT(n), INPUT_MASKED);
		nioapics++;
	}
}

/* The I/O APIC that has this input; NULL if there is none. */
static const struct ioapic *
ioapic_of(uint32_t gsi)
{
	for (u_int i = 0; i < nioapics; i++)
		if (gsi >= ioapics[i].gsi &&
		    gsi - ioapics[i].gsi < ioapics[i].ninputs)
			return (&ioapics[i]);
	return (NULL);
}

bool
ioapic_route_isa(u_int irq, void (*handler)(void))
{
	const struct madt_isa *i = &isa[irq];
	const struct ioapic *io = ioapic_of(i->gsi);
	u_int input;

	if (io == NULL)
		return (false);
	input = i->gsi - io->gsi;
	spin_lock(&ioapic_lock);
	handlers[irq] = handler;
	/* The destination first: the low word unmasks the input. */
	write_reg(io, REG_INPUT(input) + 1, boot_apicid << 24);
	write_reg(io, REG_INPUT(input), (VECTOR_ISA + irq) |
	    (i->low ? INPUT_LOW : 0) | (i->level ? INPUT_LEVEL : 0));
	spin_unlock(&ioapic_lock);
	return (true);
}

void
ioapic_mask_isa(u_int irq)
{
	const struct ioapic *io = ioapic_of(isa[irq].gsi);

	if (io == NULL)
		return;
	spin_lock(&ioapic_lock);
	write_reg(io, REG_INPUT(isa[irq].gsi - io->gsi), INPUT_MASKED);
	spin_unlock(&ioapic_lock);
}

bool
isa_intr(u_int irq)
{
	if (handlers[irq] == NULL)
		return (false);
	handlers[irq]();
	return (true);
}
