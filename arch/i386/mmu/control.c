/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Control registers: owns CR0, CR4 and EFER.  They must be set before a CPU
 * loads the kernel's own page tables.  All CPUs run with the same values:
 * those that the boot CPU supports.  A CPU that does not support them is not
 * used.
 */

#include <sys/types.h>
#include <machine/control.h>
#include <machine/cpufunc.h>

#define	MSR_EFER	0xc0000080u
#define	EFER_NXE	0x800u
#define	CR0_WP		0x00010000u
#define	CR0_NW		0x20000000u
#define	CR0_CD		0x40000000u
#define	CR4_PAE		0x00000020u
#define	CR4_PGE		0x00000080u
#define	CR4_SMEP	0x00100000u
#define	CR4_SMAP	0x00200000u
#define	CPUID_PGE	(1u << 13)	/* leaf 1, EDX */
#define	CPUID7_SMEP	(1u << 7)	/* leaf 7, EBX */
#define	CPUID7_SMAP	(1u << 20)	/* leaf 7, EBX */
#define	CPUID_EXT_NX	(1u << 20)	/* leaf 80000001H, EDX */

static struct cpu_control {
	uint32_t cr4;
	bool nx;
} boot_cpu;

/* The values that this CPU supports. */
static struct cpu_control
detect_control(void)
{
	struct cpu_control c = { .cr4 = CR4_PAE };
	uint32_t r[4];

	do_cpuid(1, r);
	if ((r[3] & CPUID_PGE) != 0)
		c.cr4 |= CR4_PGE;
	do_cpuid(0, r);
	if (r[0] >= 7) {
		do_cpuid(7, r);
		if ((r[1] & CPUID7_SMEP) != 0)
			c.cr4 |= CR4_SMEP;
		if ((r[1] & CPUID7_SMAP) != 0)
			c.cr4 |= CR4_SMAP;
	}
	do_cpuid(0x80000000u, r);
	if (r[0] >= 0x80000001u) {
		do_cpuid(0x80000001u, r);
		c.nx = (r[3] & CPUID_EXT_NX) != 0;
	}
	return (c);
}

/*
 * Sets all bits of CR4, whatever a loader left in it.  CR0.CD may be set,
 * because INIT does not change it (SDM vol. 3A, table 9-1).  Without WP the
 * kernel could write to its read-only pages.
 */
static void
load_control(const struct cpu_control *c)
{
	load_cr0((rcr0() & ~(CR0_CD | CR0_NW)) | CR0_WP);
	load_cr4(c->cr4);
	if (c->nx)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
}

/*
 * control_init_boot: sets the boot CPU's control registers; *pge and *nx say
 * whether page-table entries may have G and NX.  Once, interrupts off, before
 * the kernel's page tables are loaded.
 */
void
control_init_boot(bool *pge, bool *nx)
{
	boot_cpu = detect_control();
	load_control(&boot_cpu);
	*pge = (boot_cpu.cr4 & CR4_PGE) != 0;
	*nx = boot_cpu.nx;
}

/*
 * control_init_ap: sets the control registers of another CPU as the boot CPU
 * has them.  False, and nothing is set, if this CPU does not support the same
 * values: its first fault would be a bit of an entry that it reserves.
 */
bool
control_init_ap(void)
{
	struct cpu_control c = detect_control();

	if (c.cr4 != boot_cpu.cr4 || c.nx != boot_cpu.nx)
		return (false);
	load_control(&c);
	return (true);
}

/*
 * control_error: returns the name of a control register of this CPU that is
 * not as it was set, or NULL.  Any context that cannot migrate.
 */
const char *
control_error(void)
{
	if ((rcr0() & (CR0_WP | CR0_CD | CR0_NW)) != CR0_WP)
		return ("CR0");
	if (rcr4() != boot_cpu.cr4)
		return ("CR4");
	if (boot_cpu.nx && (rdmsr(MSR_EFER) & EFER_NXE) == 0)
		return ("EFER");
	return (NULL);
}
