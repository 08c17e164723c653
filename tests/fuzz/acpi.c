/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Fuzzes arch/i386/pc/acpi_tables.c and acpi_find.c.  The first byte selects the
 * parser that gets the rest.  If its upper bit is set, signature, length and
 * checksum are corrected first, because hardly any generated table would have
 * correct ones.  If bit 6 is set, the rest is memory at MEMORY, which begins
 * with an XSDT and an RSDT of 60 bytes each, and the tables are searched for.
 */

#include "tests/fuzz/fuzz.h"
#include "arch/i386/pc/acpi_tables.c"
#define	printf(...)	((void)0)
#include "arch/i386/pc/acpi_find.c"
#undef printf
#include "boot/physmem.c"
#include "boot/reserved.c"

enum { RSDP, MADT, FADT, DSDT, NPARSERS };
#define	MAKE_GOOD	0x80
#define	FIND		0x40
#define	MEMORY		0x100000u
#define	LIST_LEN	60u

void
panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
}

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

static const uint8_t *memory;
static size_t memory_len;
static uint8_t rsdp_memory[ACPI_RSDP2_LEN];
static void *lent;

/* Returns a new block each time, so that accesses beyond it are detected. */
static const void *
map(vm_paddr_t pa, vm_size_t len)
{
	free(lent);
	lent = NULL;
	if (pa == BIOS_START && len == BIOS_END - BIOS_START) {
		lent = calloc(1, len);
		memcpy(lent, rsdp_memory, sizeof(rsdp_memory));
	} else if (pa >= MEMORY && len <= memory_len &&
	    pa - MEMORY <= memory_len - len) {
		lent = malloc(len == 0 ? 1 : len);
		memcpy(lent, memory + (pa - MEMORY), len);
	}
	return (lent);
}

static uint8_t
checksum(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum - *p++);
	return (sum);
}

static void
find(uint8_t *t, size_t len, bool good)
{
	static struct reserved_list list;
	struct acpi_info ai;

	if (good && len >= 2 * LIST_LEN) {
		make_good(t, LIST_LEN, "XSDT");
		make_good(t + LIST_LEN, LIST_LEN, "RSDT");
	}
	memory = t;
	memory_len = len;
	memset(rsdp_memory, 0, sizeof(rsdp_memory));
	memcpy(rsdp_memory, "RSD PTR ", 8);
	rsdp_memory[15] = 2;
	rsdp_memory[16] = LIST_LEN;
	rsdp_memory[18] = rsdp_memory[26] = MEMORY >> 16;
	rsdp_memory[20] = ACPI_RSDP2_LEN;
	rsdp_memory[8] = checksum(rsdp_memory, ACPI_RSDP_LEN);
	rsdp_memory[32] = checksum(rsdp_memory, ACPI_RSDP2_LEN);
	memset(&list, 0, sizeof(list));
	acpi_find(map, 0, &list, &ai);
	must(ai.madt.ncpus <= nitems(ai.madt.apicid));
	must(ai.madt.error == NULL || ai.madt.ncpus == 0);
	must(list.n >= 1 && list.r[0].start == BIOS_START);
	for (u_int i = 1; i < list.n; i++)
		must(list.r[i].start >= MEMORY &&
		    list.r[i].end <= MEMORY + len);
	free(lent);
	lent = NULL;
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
	if ((data[0] & FIND) != 0)
		find(t, len - 1, (data[0] & MAKE_GOOD) != 0);
	else
		parsers[data[0] % NPARSERS](t, len - 1,
		    (data[0] & MAKE_GOOD) != 0);
	free(t);
	return (0);
}
