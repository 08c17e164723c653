/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Fuzzes arch/i386/pc/acpi_tables.c.  The first byte selects the parser that
 * gets the rest.  If its upper bit is set, signature, length and checksum are
 * corrected first, because hardly any generated table would have correct ones.
 */

#include "tests/fuzz/fuzz.h"
#include "arch/i386/pc/acpi_tables.c"

enum { RSDP, MADT, FADT, DSDT, NPARSERS };
#define	MAKE_GOOD	0x80

static void
make_good(uint8_t *t, size_t len, const char *signature)
{
	uint8_t sum = 0;

	if (len < ACPI_HEADER_LEN)
		return;
	memcpy(t, signature, 4);
	for (int i = 0; i < 4; i++)
		t[4 + i] = (uint8_t)(len >> 8 * i);
	t[9] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + t[i]);
	t[9] = (uint8_t)-sum;
}

static void
rsdp(uint8_t *t, size_t len, bool good)
{
	struct rsdp_info ri;

	if (good && len >= ACPI_RSDP_LEN) {
		memcpy(t, "RSD PTR ", 8);
		t[8] = 0;
		for (u_int i = 0; i < ACPI_RSDP_LEN; i++)
			t[8] = (uint8_t)(t[8] - (i == 8 ? 0 : t[i]));
	}
	must(rsdp_parse(t, len, &ri) || !good || len < ACPI_RSDP_LEN);
}

static void
madt(uint8_t *t, size_t len, bool good)
{
	bool seen[ACPI_MAXAPICID + 1] = { false };
	struct madt_info mi;

	if (good)
		make_good(t, len, "APIC");
	memset(&mi, 0xa5, sizeof(mi));
	madt_parse(t, len, &mi);
	must(mi.ncpus <= nitems(mi.apicid));
	must(mi.nioapics <= nitems(mi.ioapic));
	must(mi.error == NULL || mi.ncpus == 0);
	must(mi.ncpus + mi.nunreachable <= len / 8);
	for (u_int i = 0; i < mi.ncpus; i++) {
		must(mi.apicid[i] <= ACPI_MAXAPICID && !seen[mi.apicid[i]]);
		seen[mi.apicid[i]] = true;
	}
}

static void
fadt(uint8_t *t, size_t len, bool good)
{
	struct fadt_info fi;

	if (good)
		make_good(t, len, "FACP");
	memset(&fi, 0xa5, sizeof(fi));
	if (!fadt_parse(t, len, &fi))
		for (size_t i = 0; i < sizeof(fi); i++)
			must(((const uint8_t *)&fi)[i] == 0);
}

static void
dsdt(uint8_t *t, size_t len, bool good)
{
	uint8_t typ[2] = { 0xa5, 0xa5 };

	if (good)
		make_good(t, len, "DSDT");
	if (s5_parse(t, len, typ))
		must(typ[0] <= 7 && typ[1] <= 7);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const parsers[NPARSERS])(uint8_t *, size_t, bool) = {
		[RSDP] = rsdp, [MADT] = madt, [FADT] = fadt, [DSDT] = dsdt,
	};
	uint8_t *t;

	if (len == 0)
		return (0);
	/* As large as the table, so that a read past its end is detected. */
	t = malloc(len > 1 ? len - 1 : 1);
	memcpy(t, data + 1, len - 1);
	parsers[data[0] % NPARSERS](t, len - 1, (data[0] & MAKE_GOOD) != 0);
	free(t);
	return (0);
}
