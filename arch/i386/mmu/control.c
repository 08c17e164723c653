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
#define	CR0_MP		0x00000002u
#define	CR0_EM		0x00000004u
#define	CR0_TS		0x00000008u
#define	CR0_NE		0x00000020u
#define	CR0_WP		0x00010000u
#define	CR0_NW		0x20000000u
#define	CR0_CD		0x40000000u
#define	CR4_PAE		0x00000020u
#define	CR4_PGE		0x00000080u
#define	CR4_OSFXSR	0x00000200u
#define	CR4_OSXMMEXCPT	0x00000400u
#define	CR4_UMIP	0x00000800u
#define	CR4_SMEP	0x00100000u
#define	CR4_SMAP	0x00200000u
#define	CPUID_SEP	(1u << 11)	/* leaf 1, EDX */
#define	CPUID_PGE	(1u << 13)	/* leaf 1, EDX */
#define	CPUID_FXSR	(1u << 24)	/* leaf 1, EDX */
#define	CPUID_SSE	(1u << 25)	/* leaf 1, EDX */
#define	CPUID7_SMEP	(1u << 7)	/* leaf 7, EBX */
#define	CPUID7_SMAP	(1u << 20)	/* leaf 7, EBX */
#define	CPUID7_UMIP	(1u << 2)	/* leaf 7, ECX */
#define	CPUID_EXT_NX	(1u << 20)	/* leaf 80000001H, EDX */

#define	CR0_SET		(CR0_WP | CR0_NE | CR0_MP)
#define	CR0_CLEAR	(CR0_CD | CR0_NW | CR0_EM | CR0_TS)

static struct cpu_control {
	uint32_t cr4;
	bool nx;
	bool sysenter;
} boot_cpu;

/*
 * The first Pentium Pros say that they have SYSENTER, and do not (SDM vol. 2,
 * SYSENTER).  eax and edx are those of CPUID leaf 1.
 */
static bool
has_sysenter(uint32_t eax, uint32_t edx)
{
	u_int family = (eax >> 8) & 0xf, model = (eax >> 4) & 0xf;

	return ((edx & CPUID_SEP) != 0 &&
	    !(family == 6 && model < 3 && (eax & 0xf) < 3));
}

/* Bits of CR4 for what leaf 1 says in EDX. */
static uint32_t
basic_cr4(uint32_t edx)
{
	uint32_t cr4 = CR4_PAE;

	if ((edx & CPUID_PGE) != 0)
		cr4 |= CR4_PGE;
	if ((edx & CPUID_FXSR) != 0)
		cr4 |= CR4_OSFXSR;
	if ((edx & CPUID_FXSR) != 0 && (edx & CPUID_SSE) != 0)
		cr4 |= CR4_OSXMMEXCPT;
	return (cr4);
}

/* The values that this CPU supports. */
static struct cpu_control
detect_control(void)
{
	struct cpu_control c = { .cr4 = 0 };
	uint32_t r[4];

	do_cpuid(1, r);
	c.cr4 = basic_cr4(r[3]);
	c.sysenter = has_sysenter(r[0], r[3]);
	do_cpuid(0, r);
	if (r[0] >= 7) {
		do_cpuid(7, r);
		if ((r[1] & CPUID7_SMEP) != 0)
			c.cr4 |= CR4_SMEP;
		if ((r[1] & CPUID7_SMAP) != 0)
			c.cr4 |= CR4_SMAP;
		if ((r[2] & CPUID7_UMIP) != 0)
			c.cr4 |= CR4_UMIP;
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
 * kernel could write to its read-only pages.  TSD and PCE stay clear: ring 3
 * may read the TSC, and not the performance counters.  The FPU is on for ring 3
 * and reports its errors by exceptions (SDM vol. 3A 9.2); the kernel does not
 * use it.  UMIP hides from ring 3 where the descriptor tables are.
 */
static void
load_control(const struct cpu_control *c)
{
	load_cr0((rcr0() & ~CR0_CLEAR) | CR0_SET);
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

	if (c.cr4 != boot_cpu.cr4 || c.nx != boot_cpu.nx ||
	    c.sysenter != boot_cpu.sysenter)
		return (false);
	load_control(&c);
	return (true);
}

/*
 * control_has_fxsr, control_has_sysenter: whether all CPUs have FXSAVE and
 * FXRSTOR, and SYSENTER.  Any context, after control_init_boot().
 */
bool
control_has_fxsr(void)
{
	return ((boot_cpu.cr4 & CR4_OSFXSR) != 0);
}

bool
control_has_sysenter(void)
{
	return (boot_cpu.sysenter);
}

/*
 * control_error: returns the name of a control register of this CPU that is
 * not as it was set, or NULL.  Any context that cannot migrate.
 */
const char *
control_error(void)
{
	if ((rcr0() & (CR0_SET | CR0_CLEAR)) != CR0_SET)
		return ("CR0");
	if (rcr4() != boot_cpu.cr4)
		return ("CR4");
	if (boot_cpu.nx && (rdmsr(MSR_EFER) & EFER_NXE) == 0)
		return ("EFER");
	return (NULL);
}
