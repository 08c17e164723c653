/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The parsers of ACPI's tables.  Their input was made by firmware, and is not
 * trusted: each length and checksum is checked before it is used, no byte is
 * read that the caller did not give, and no loop takes more steps than there
 * are bytes.  Contracts are in <machine/acpi.h>.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/acpi.h>
#include <machine/lapic.h>

/* The MADT and its entries: type, length, then the fields of the type. */
#define	MADT_FIXED	44u
#define	MADT_LAPIC	0	/* 5.2.12.2 */
#define	MADT_LAPIC_LEN	8u
#define	MADT_IOAPIC	1	/* 5.2.12.3 */
#define	MADT_IOAPIC_LEN	12u
#define	MADT_ISO	2	/* interrupt source override, 5.2.12.5 */
#define	MADT_ISO_LEN	10u
#define	MADT_LAPIC_PA	5	/* 5.2.12.8 */
#define	MADT_LAPIC_PA_LEN 12u
#define	MADT_X2APIC	9	/* 5.2.12.12 */
#define	MADT_X2APIC_LEN	16u
#define	LAPIC_ENABLED	0x1u
#define	APIC_BASE_ENABLED 0x800u	/* SDM vol. 3A, figure 10-5 */
#define	ISO_LOW		0x3u	/* of bits 1:0; 0: as the bus has it */
#define	ISO_LEVEL	0xcu	/* of bits 3:2 */

/* Offsets in the FADT; a table of revision 1 ends at 116. */
#define	FADT_FACS	36u
#define	FADT_DSDT	40u
#define	FADT_SMI_CMD	48u
#define	FADT_ACPI_ENABLE 52u
#define	FADT_PM1A_CNT	64u
#define	FADT_PM1B_CNT	68u
#define	FADT_FLAGS	112u
#define	FADT_RESET_REG	116u
#define	FADT_RESET_VALUE 128u
#define	FADT_X_FACS	132u
#define	FADT_X_DSDT	140u
#define	FADT_X_PM1A_CNT	172u
#define	FADT_X_PM1B_CNT	184u
#define	FADT_REV1_LEN	116u
#define	RESET_REG_SUP	0x400u	/* of the flags */
#define	GAS_IO		1	/* address space of a register: I/O ports */

#define	AML_ZERO	0x00
#define	AML_ONE		0x01
#define	AML_NAME	0x08
#define	AML_BYTE	0x0a
#define	AML_WORD	0x0b
#define	AML_DWORD	0x0c
#define	AML_PACKAGE	0x12
#define	AML_ONES	0xff
#define	SLP_TYP_MASK	0x7u	/* 4.8.3.2.1: three bits */

static bool
sums_to_zero(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *p++);
	return (sum == 0);
}

static uint32_t
le16(const uint8_t *p)
{
	return (p[0] | (uint32_t)p[1] << 8);
}

static uint32_t
le32(const uint8_t *p)
{
	return (le16(p) | le16(p + 2) << 16);
}

static uint64_t
le64(const uint8_t *p)
{
	return (le32(p) | (uint64_t)le32(p + 4) << 32);
}

/*
 * If the second checksum is wrong, the RSDP counts as one of revision 0: the
 * part that the first checksum covers is good.
 */
bool
rsdp_parse(const void *rsdp, size_t len, struct rsdp_info *ri)
{
	const uint8_t *p = rsdp;
	uint32_t whole;

	if (len < ACPI_RSDP_LEN || memcmp(p, "RSD PTR ", 8) != 0 ||
	    !sums_to_zero(p, ACPI_RSDP_LEN))
		return (false);
	ri->rsdt_pa = le32(p + 16);
	ri->xsdt_pa = 0;
	if (p[15] < 2 || len < ACPI_RSDP2_LEN)
		return (true);
	whole = le32(p + 20);
	if (whole >= ACPI_RSDP2_LEN && whole <= len && sums_to_zero(p, whole))
		ri->xsdt_pa = le64(p + 24);
	return (true);
}

uint32_t
acpi_table_len(const void *header)
{
	return (le32((const uint8_t *)header + 4));
}

bool
acpi_table_good(const void *table, size_t len, const char *signature)
{
	return (len >= ACPI_HEADER_LEN && memcmp(table, signature, 4) == 0 &&
	    acpi_table_len(table) == len && sums_to_zero(table, len));
}

/*
 * A CPU that one entry enables and another does not is taken to be enabled: if
 * it is not there, it does not start, and is left out by name.
 */
static void
add_cpu(struct madt_info *mi, bool named[ACPI_MAXAPICID + 1], uint32_t apicid,
    uint32_t flags)
{
	bool enabled = (flags & LAPIC_ENABLED) != 0, listed = false;

	/* 255 means all CPUs, and more than 8 bits need the x2APIC mode. */
	if (apicid > ACPI_MAXAPICID) {
		mi->nunreachable += enabled;
		return;
	}
	for (u_int i = 0; i < mi->ncpus; i++)
		listed |= mi->apicid[i] == apicid;
	if (named[apicid] && listed != enabled)
		mi->differs = "whether a CPU is enabled";
	named[apicid] = true;
	if (enabled && !listed)
		mi->apicid[mi->ncpus++] = (uint8_t)apicid;
}

static void
add_ioapic(struct madt_info *mi, uint32_t pa, uint32_t gsi)
{
	for (u_int i = 0; i < mi->nioapics; i++) {
		if (mi->ioapic[i].pa != pa)
			continue;
		if (mi->ioapic[i].gsi != gsi)
			mi->differs = "the inputs of an I/O APIC";
		return;
	}
	if (mi->nioapics < nitems(mi->ioapic))
		mi->ioapic[mi->nioapics++] = (struct madt_ioapic){ pa, gsi };
}

/* Takes the override of an ISA IRQ; the first, if there are more. */
static void
add_isa(struct madt_info *mi, const uint8_t *e)
{
	struct madt_isa *isa = &mi->isa[e[3]], new = { le32(e + 4),
	    (e[8] & ISO_LOW) == ISO_LOW, (e[8] & ISO_LEVEL) == ISO_LEVEL,
	    true };

	if (!isa->overridden)
		*isa = new;
	else if (isa->gsi != new.gsi || isa->low != new.low ||
	    isa->level != new.level)
		mi->differs = "where an ISA IRQ arrives";
}

/* e points to an entry whose length byte has been checked. */
static void
take_entry(struct madt_info *mi, bool named[], const uint8_t *e)
{
	uint8_t len = e[1];

	if (e[0] == MADT_LAPIC && len >= MADT_LAPIC_LEN)
		add_cpu(mi, named, e[3], le32(e + 4));
	else if (e[0] == MADT_X2APIC && len >= MADT_X2APIC_LEN)
		add_cpu(mi, named, le32(e + 4), le32(e + 8));
	else if (e[0] == MADT_IOAPIC && len >= MADT_IOAPIC_LEN)
		add_ioapic(mi, le32(e + 4), le32(e + 8));
	else if (e[0] == MADT_LAPIC_PA && len >= MADT_LAPIC_PA_LEN)
		mi->lapic_pa = le64(e + 4);
	else if (e[0] == MADT_ISO && len >= MADT_ISO_LEN && e[2] == 0 &&
	    e[3] < ACPI_ISA_IRQS)
		add_isa(mi, e);
}

void
madt_parse(const void *table, size_t len, struct madt_info *mi)
{
	bool named[ACPI_MAXAPICID + 1] = { false };
	const uint8_t *t = table;

	memset(mi, 0, sizeof(*mi));
	/* Edge-triggered, active high, unless an override says otherwise. */
	for (u_int i = 0; i < ACPI_ISA_IRQS; i++)
		mi->isa[i].gsi = i;
	if (len < MADT_FIXED || !acpi_table_good(table, len, "APIC")) {
		mi->error = "its length or checksum is wrong";
		return;
	}
	mi->lapic_pa = le32(t + ACPI_HEADER_LEN);
	for (size_t off = MADT_FIXED; off < len; off += t[off + 1]) {
		if (len - off < 2 || t[off + 1] < 2 ||
		    t[off + 1] > len - off) {
			mi->error = "an entry has a wrong length";
			mi->ncpus = 0;
			return;
		}
		take_entry(mi, named, t + off);
	}
	if (mi->ncpus == 0 && mi->nunreachable == 0)
		mi->error = "it names no CPU that is enabled";
}

/* Whether the registers, of one page, may be at this address. */
static bool
lapic_possible(uint64_t pa, u_int maxphyaddr)
{
	return (pa != 0 && (pa & PAGE_MASK) == 0 &&
	    pa < 1ull << maxphyaddr);
}

uint64_t
madt_lapic_pa(const struct madt_info *mi, uint64_t apic_base, u_int maxphyaddr)
{
	uint64_t pa = apic_base & ((1ull << maxphyaddr) - 1) &
	    ~(uint64_t)PAGE_MASK;

	if ((apic_base & APIC_BASE_ENABLED) != 0 && pa != 0)
		return (pa);
	if (lapic_possible(mi->lapic_pa, maxphyaddr))
		return (mi->lapic_pa);
	return (LAPIC_DEFAULT_PA);
}

/*
 * Stores the ports of a register, or 0.  Revision 1 has it as a port number at
 * off; later revisions also have it, with its address space, at xoff.
 */
static void
register_ports(const uint8_t *t, size_t len, uint32_t off, uint32_t xoff,
    uint16_t port[FADT_NFIELDS])
{
	uint64_t x = 0;

	if (len >= xoff + 12 && t[xoff] == GAS_IO)
		x = le64(t + xoff + 4);
	port[FADT_64] = x > 0xffff ? 0 : (uint16_t)x;
	port[FADT_32] = le32(t + off) > 0xffff ? 0 : (uint16_t)le16(t + off);
}

/* Stores the addresses of a table, or 0. */
static void
table_addresses(const uint8_t *t, size_t len, uint32_t off, uint32_t xoff,
    uint64_t pa[FADT_NFIELDS])
{
	pa[FADT_64] = len >= xoff + 8 ? le64(t + xoff) : 0;
	pa[FADT_32] = le32(t + off);
}

bool
fadt_parse(const void *table, size_t len, struct fadt_info *fi)
{
	const uint8_t *t = table;
	uint32_t smi_cmd;

	memset(fi, 0, sizeof(*fi));
	if (len < FADT_REV1_LEN || !acpi_table_good(table, len, "FACP"))
		return (false);
	table_addresses(t, len, FADT_FACS, FADT_X_FACS, fi->facs_pa);
	table_addresses(t, len, FADT_DSDT, FADT_X_DSDT, fi->dsdt_pa);
	register_ports(t, len, FADT_PM1A_CNT, FADT_X_PM1A_CNT, fi->pm1a_cnt);
	register_ports(t, len, FADT_PM1B_CNT, FADT_X_PM1B_CNT, fi->pm1b_cnt);
	smi_cmd = le32(t + FADT_SMI_CMD);
	if (smi_cmd <= 0xffff) {
		fi->smi_cmd = (uint16_t)smi_cmd;
		fi->acpi_enable = t[FADT_ACPI_ENABLE];
	}
	if (len > FADT_RESET_VALUE &&
	    (le32(t + FADT_FLAGS) & RESET_REG_SUP) != 0 &&
	    t[FADT_RESET_REG] == GAS_IO && le64(t + FADT_RESET_REG + 4) <=
	    0xffff) {
		fi->reset_port = (uint16_t)le64(t + FADT_RESET_REG + 4);
		fi->reset_value = t[FADT_RESET_VALUE];
	}
	return (true);
}

/*
 * Reads one constant integer (20.2.3) of a package.  Returns its length in
 * bytes, or 0 if it is no constant or does not end before end.
 */
static size_t
aml_integer(const uint8_t *p, const uint8_t *end, uint8_t *value)
{
	size_t left = (size_t)(end - p), need;

	if (left == 0)
		return (0);
	switch (*p) {
	case AML_ZERO:
	case AML_ONE:
	case AML_ONES:
		*value = *p & SLP_TYP_MASK;
		return (1);
	case AML_BYTE:
		need = 2;
		break;
	case AML_WORD:
		need = 3;
		break;
	case AML_DWORD:
		need = 5;
		break;
	default:
		return (0);
	}
	if (need > left)
		return (0);
	*value = p[1] & SLP_TYP_MASK;
	return (need);
}

/*
 * Reads a package (20.2.5.4) from its PkgLength on.  That counts itself, and
 * the two upper bits of its first byte are the number of its further bytes
 * (20.2.4).
 */
static bool
s5_package(const uint8_t *p, const uint8_t *end, uint8_t typ[2])
{
	size_t extra, length, n;

	if (p == end)
		return (false);
	extra = *p >> 6;
	if ((size_t)(end - p) < extra + 2)
		return (false);
	length = extra == 0 ? *p : *p & 0x0fu;
	for (size_t i = 1; i <= extra; i++)
		length |= (size_t)p[i] << (8 * i - 4);
	if (length < extra + 2 || length > (size_t)(end - p))
		return (false);
	end = p + length;
	p += extra + 1;
	if (*p++ < 2)		/* elements */
		return (false);
	if ((n = aml_integer(p, end, &typ[0])) == 0)
		return (false);
	return (aml_integer(p + n, end, &typ[1]) != 0);
}

/* The name may start at the root: with a backslash in front. */
bool
s5_parse(const void *dsdt, size_t len, uint8_t typ[2])
{
	const uint8_t *t = dsdt;

	if (!acpi_table_good(dsdt, len, "DSDT"))
		return (false);
	for (size_t i = ACPI_HEADER_LEN + 1; i + 5 < len; i++) {
		if (memcmp(t + i, "_S5_", 4) != 0 || t[i + 4] != AML_PACKAGE)
			continue;
		if (t[i - 1] != AML_NAME &&
		    (t[i - 1] != '\\' || t[i - 2] != AML_NAME))
			continue;
		if (s5_package(t + i + 5, t + len, typ))
			return (true);
	}
	return (false);
}
