/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Finds ACPI's tables in memory, and turns the machine off.  What that takes is
 * read at start, because nothing can be mapped after a panic.  acpi_tables.c
 * parses the tables.  Section numbers are those of ACPI 6.4.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/acpi.h>
#include <machine/cpufunc.h>
#include <machine/pmap.h>
#include <machine/tsc.h>

#define	EBDA_SEGMENT	0x40e	/* real-mode segment of the EBDA, 5.2.5.1 */
#define	EBDA_LEN	1024u
#define	BIOS_START	0xe0000u
#define	BIOS_END	0x100000u
#define	RSDP_ALIGN	16u
#define	TABLE_MAX	0x100000u	/* bytes; larger is no table */
#define	ABOVE_4G	(1ull << 32)

#define	PM1_SCI_EN	0x0001u	/* 4.8.3.2.1: in ACPI mode */
#define	PM1_SLP_TYP	10	/* shift of three bits */
#define	PM1_SLP_EN	0x2000u
#define	ENABLE_MS	1000u
#define	OFF_MS		1000u

static struct fadt_info fadt;
static uint8_t s5_typ[2];
static bool have_s5;

/* Finds the first sound RSDP in [start, end), which the direct map covers. */
static bool
scan_rsdp(uint32_t start, uint32_t end, struct rsdp_info *ri)
{
	for (uint32_t pa = start; pa + ACPI_RSDP_LEN <= end; pa += RSDP_ALIGN)
		if (rsdp_parse(pmap_dmap(pa), end - pa, ri))
			return (true);
	return (false);
}

static bool
find_rsdp(struct rsdp_info *ri)
{
	const uint8_t *segment = pmap_dmap(EBDA_SEGMENT);
	uint32_t ebda = (segment[0] | (uint32_t)segment[1] << 8) << 4;

	if (ebda != 0 && ebda < BIOS_START - EBDA_LEN &&
	    scan_rsdp(ebda, ebda + EBDA_LEN, ri))
		return (true);
	return (scan_rsdp(BIOS_START, BIOS_END, ri));
}

/* Maps bytes for good; NULL if they are above 4 GiB, or there is no room. */
static const void *
map(vm_paddr_t pa, uint32_t len)
{
	if (pa + len <= dmap_limit)
		return (pmap_dmap(pa));
	return (pa + len > ABOVE_4G ? NULL : pmap_mapdev(pa, len));
}

/* Maps the table at pa; NULL if its signature or its length is wrong. */
static const void *
map_table(uint64_t pa, const char *signature, uint32_t *len)
{
	const void *t;

	if (pa == 0)
		return (NULL);
	if (pa >= ABOVE_4G) {
		printf("acpi: a table at 0x%llx is above 4 GiB, ignored\n",
		    (unsigned long long)pa);
		return (NULL);
	}
	t = map(pa, ACPI_HEADER_LEN);
	if (t == NULL || memcmp(t, signature, 4) != 0)
		return (NULL);
	*len = acpi_table_len(t);
	if (*len < ACPI_HEADER_LEN || *len > TABLE_MAX ||
	    (t = map(pa, *len)) == NULL)
		return (NULL);
	return (t);
}

/* Maps the first table with this signature of a list; NULL if there is none. */
static const void *
search_list(const uint8_t *list, uint32_t len, u_int entry,
    const char *signature, uint32_t *tlen)
{
	const void *t;
	uint64_t pa;

	for (uint32_t off = ACPI_HEADER_LEN; off + entry <= len; off += entry) {
		pa = 0;
		memcpy(&pa, list + off, entry);
		if ((t = map_table(pa, signature, tlen)) != NULL)
			return (t);
	}
	return (NULL);
}

/*
 * Maps the first table with this signature that the XSDT lists or, if there is
 * no sound XSDT, the RSDT.  If NULL, *error says why there is none.
 */
static const void *
find_table(const char *signature, uint32_t *len, const char **error)
{
	struct rsdp_info ri;
	const void *list;
	uint32_t llen;

	*error = "there is no sound RSDP";
	if (!find_rsdp(&ri))
		return (NULL);
	*error = "no list names one";
	list = map_table(ri.xsdt_pa, "XSDT", &llen);
	if (list != NULL && acpi_table_good(list, llen, "XSDT"))
		return (search_list(list, llen, 8, signature, len));
	list = map_table(ri.rsdt_pa, "RSDT", &llen);
	if (list != NULL && acpi_table_good(list, llen, "RSDT"))
		return (search_list(list, llen, 4, signature, len));
	*error = "there is no sound RSDT or XSDT";
	return (NULL);
}

/* Contracts of the public functions are in <machine/acpi.h>. */
void
acpi_find_cpus(struct madt_info *mi)
{
	const char *error;
	const void *madt;
	uint32_t len;

	if ((madt = find_table("APIC", &len, &error)) != NULL) {
		madt_parse(madt, len, mi);
		return;
	}
	memset(mi, 0, sizeof(*mi));
	mi->error = error;
}

void
acpi_find_power(void)
{
	const void *t, *dsdt;
	const char *error;
	uint32_t len;

	if ((t = find_table("FACP", &len, &error)) == NULL ||
	    !fadt_parse(t, len, &fadt))
		return;
	dsdt = map_table(fadt.dsdt_pa, "DSDT", &len);
	have_s5 = dsdt != NULL && s5_parse(dsdt, len, s5_typ);
}

/* Leaves legacy mode, in which the firmware owns the registers (4.8.3.2). */
static void
enter_acpi_mode(void)
{
	if (fadt.smi_cmd == 0 || fadt.acpi_enable == 0 ||
	    (inw(fadt.pm1a_cnt) & PM1_SCI_EN) != 0)
		return;
	outb(fadt.smi_cmd, fadt.acpi_enable);
	for (u_int ms = 0; ms < ENABLE_MS; ms++) {
		if ((inw(fadt.pm1a_cnt) & PM1_SCI_EN) != 0)
			return;
		DELAY(1000);
	}
}

static void
set_sleep_type(uint16_t port, uint8_t typ, uint16_t enable)
{
	uint16_t v = inw(port) & (uint16_t)~(7u << PM1_SLP_TYP | PM1_SLP_EN);

	outw(port, (uint16_t)(v | (uint32_t)typ << PM1_SLP_TYP | enable));
}

void
acpi_poweroff(void)
{
	if (!have_s5 || fadt.pm1a_cnt == 0)
		return;
	enter_acpi_mode();
	/* Both registers get the type before either is enabled (16.1.7). */
	for (u_int i = 0; i < 2; i++) {
		set_sleep_type(fadt.pm1a_cnt, s5_typ[0], i * PM1_SLP_EN);
		if (fadt.pm1b_cnt != 0)
			set_sleep_type(fadt.pm1b_cnt, s5_typ[1],
			    i * PM1_SLP_EN);
	}
	DELAY(OFF_MS * 1000);
}

void
acpi_reset(void)
{
	if (fadt.reset_port == 0)
		return;
	outb(fadt.reset_port, fadt.reset_value);
	DELAY(100000);
}
