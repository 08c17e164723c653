/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the host test of arch/i386/pc/acpi_tables.c.  Invariant: every table is
 * parsed in a heap block of exactly its length, so that the sanitizer stops
 * the program on any read outside it.  TAP output.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/i386/pc/acpi_tables.c"

#define	HEADER	ACPI_HEADER_LEN

static u_int ncase, nfail;

static void
ok(bool good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++ncase, what);
	nfail += !good;
}

/* A table under construction. */
static struct {
	uint8_t b[8192];
	size_t len;
} t;

static void
put(u_int n, ...)
{
	va_list ap;

	va_start(ap, n);
	while (n-- > 0)
		t.b[t.len++] = (uint8_t)va_arg(ap, int);
	va_end(ap);
}

static void
store32(size_t off, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		t.b[off + i] = (uint8_t)(v >> 8 * i);
}

static void
begin(const char *signature, size_t fixed)
{
	memset(&t, 0, sizeof(t));
	memcpy(t.b, signature, strlen(signature));
	t.len = fixed;
}

/* Makes `len' bytes from `from' sum to zero, by byte `at'. */
static void
seal(size_t from, size_t len, size_t at)
{
	uint8_t sum = 0;

	t.b[at] = 0;
	for (size_t i = from; i < from + len; i++)
		sum = (uint8_t)(sum + t.b[i]);
	t.b[at] = (uint8_t)-sum;
}

static void
finish(void)
{
	store32(4, (uint32_t)t.len);
	seal(0, t.len, 9);
}

/* A copy that ends where its block ends; free() it. */
static void *
exact(size_t len)
{
	void *p = malloc(len == 0 ? 1 : len);

	memcpy(p, t.b, len);
	return (p);
}

static struct madt_info mi;

static void
parse_madt(void)
{
	void *p = exact(t.len);

	memset(&mi, 0xa5, sizeof(mi));
	madt_parse(p, t.len, &mi);
	free(p);
}

static void
begin_madt(void)
{
	begin("APIC", 44);
	store32(36, 0xfee00000);
}

static void
lapic(int id, int flags)
{
	put(8, 0, 8, 0x77, id, flags, 0, 0, 0);
}

static void
x2apic(uint32_t id, int flags)
{
	put(4, 9, 16, 0, 0);
	store32(t.len, id);
	store32(t.len + 4, (uint32_t)flags);
	t.len += 12;
}

static void
test_madt_cpus(void)
{
	begin_madt();
	lapic(3, 1);
	lapic(0, 1);
	lapic(7, 0);		/* disabled */
	lapic(3, 1);		/* a second time */
	lapic(9, 2);		/* could be enabled, but is not */
	put(4, 0x80, 4, 1, 2);	/* of no known type */
	lapic(254, 0xff);
	finish();
	parse_madt();
	ok(mi.error == NULL && mi.ncpus == 3 && mi.apicid[0] == 3 &&
	    mi.apicid[1] == 0 && mi.apicid[2] == 254,
	    "enabled CPUs, each once");
	ok(mi.lapic_pa == 0xfee00000 && mi.nunreachable == 0, "its local APIC");

	begin_madt();
	lapic(0, 1);
	x2apic(5, 1);
	x2apic(5, 1);
	x2apic(6, 0);
	x2apic(300, 1);
	x2apic(0xffffffff, 1);
	lapic(255, 1);
	lapic(255, 0);
	finish();
	parse_madt();
	ok(mi.error == NULL && mi.ncpus == 2 && mi.apicid[1] == 5 &&
	    mi.nunreachable == 3, "x2APIC entries, ids out of reach");

	begin_madt();
	for (int i = 0; i < 300; i++)
		lapic(i & 0xff, 1);
	for (uint32_t i = 0; i < 300; i++)
		x2apic(i, 1);
	finish();
	parse_madt();
	ok(mi.error == NULL && mi.ncpus == 255 && mi.apicid[254] == 254 &&
	    mi.nunreachable == 1 + 45, "more CPUs than there can be");

	begin_madt();
	finish();
	parse_madt();
	ok(mi.error == NULL && mi.ncpus == 0, "no entries");

	begin_madt();
	put(4, 5, 12, 0, 0);
	put(8, 0, 0, 0, 0xfe, 1, 0, 0, 0);
	finish();
	parse_madt();
	ok(mi.lapic_pa == 0x1fe000000, "a local APIC above 4 GiB");
}

static void
test_madt_interrupts(void)
{
	begin_madt();
	for (int i = 0; i < 40; i++)
		put(12, 1, 12, i, 0, 0, i, 0xc0, 0xfe, i, 0, 0, 0);
	put(12, 1, 12, 0, 0, 0, 1, 0xc0, 0xfe, 99, 0, 0, 0);
	put(10, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0);
	put(10, 2, 10, 0, 9, 9, 0, 0, 0, 0xf, 0);
	put(10, 2, 10, 1, 4, 44, 0, 0, 0, 0, 0);	/* no ISA bus */
	put(10, 2, 10, 0, 16, 55, 0, 0, 0, 0, 0);	/* no such IRQ */
	finish();
	parse_madt();
	ok(mi.error == NULL && mi.nioapics == ACPI_MAXIOAPIC &&
	    mi.ioapic[1].pa == 0xfec00100 && mi.ioapic[1].gsi == 1,
	    "I/O APICs, not more than fit");
	ok(mi.isa[0].gsi == 2 && !mi.isa[0].low && !mi.isa[0].level &&
	    mi.isa[9].gsi == 9 && mi.isa[9].low && mi.isa[9].level &&
	    mi.isa[4].gsi == 4 && mi.isa[15].gsi == 15, "ISA overrides");
}

/* Entries that are too short for their type are ignored. */
static void
test_madt_short_entries(void)
{
	static const uint8_t types[] = { 0, 1, 2, 5, 9 };

	for (u_int i = 0; i < sizeof(types); i++) {
		for (int len = 2; len < 17; len++) {
			begin_madt();
			lapic(1, 1);
			t.b[t.len] = types[i];
			t.b[t.len + 1] = (uint8_t)len;
			memset(t.b + t.len + 2, 1, (size_t)len - 2);
			t.len += (size_t)len;
			finish();
			parse_madt();
			if (mi.error != NULL || mi.ncpus < 1 ||
			    mi.apicid[0] != 1) {
				ok(false, "an entry of a wrong size");
				return;
			}
		}
	}
	ok(true, "entries of every size at the table's end");
}

static void
bad_madt(const char *what)
{
	parse_madt();
	ok(mi.error != NULL && mi.ncpus == 0, what);
}

static void
test_madt_bad(void)
{
	begin_madt();
	lapic(1, 1);
	finish();
	t.b[50] ^= 1;
	bad_madt("a wrong checksum");

	begin_madt();
	lapic(1, 1);
	finish();
	t.b[0] = 'X';
	seal(0, t.len, 9);
	bad_madt("a wrong signature");

	begin_madt();
	lapic(1, 1);
	finish();
	store32(4, (uint32_t)t.len + 1);
	seal(0, t.len, 9);
	bad_madt("a wrong length");

	for (t.len = 0; t.len < 44;) {
		void *p;
		size_t len = t.len;

		begin("APIC", len);
		if (len >= 10)
			finish();
		p = exact(t.len);
		madt_parse(p, t.len, &mi);
		free(p);
		if (mi.error == NULL)
			break;
		t.len = len + 1;
	}
	ok(t.len == 44, "a table shorter than its fixed part");

	begin_madt();
	lapic(1, 1);
	put(8, 0, 0, 0, 2, 1, 0, 0, 0);
	finish();
	bad_madt("an entry of length 0");
	begin_madt();
	lapic(1, 1);
	put(3, 0x80, 1, 2);	/* 1, 2 alone would be good */
	finish();
	bad_madt("an entry of length 1");
	begin_madt();
	lapic(1, 1);
	put(2, 0, 8);
	finish();
	bad_madt("an entry beyond the end");
	begin_madt();
	lapic(1, 1);
	put(1, 0);
	finish();
	bad_madt("half an entry's header");
}

static struct rsdp_info ri;

static bool
parse_rsdp(size_t len)
{
	void *p = exact(len);
	bool good;

	memset(&ri, 0xa5, sizeof(ri));
	good = rsdp_parse(p, len, &ri);
	free(p);
	return (good);
}

static void
begin_rsdp(int revision)
{
	begin("RSD PTR ", 36);
	t.b[15] = (uint8_t)revision;
	store32(16, 0x12345678);
	store32(20, 36);
	store32(24, 0x9abcdef0);
	store32(28, 1);
	seal(0, 20, 8);
	seal(0, 36, 32);
}

static void
test_rsdp(void)
{
	begin_rsdp(0);
	ok(parse_rsdp(20) && ri.rsdt_pa == 0x12345678 && ri.xsdt_pa == 0,
	    "RSDP of revision 0");
	ok(!parse_rsdp(19), "RSDP cut short");
	begin_rsdp(2);
	ok(parse_rsdp(36) && ri.xsdt_pa == 0x19abcdef0, "of revision 2");
	for (size_t len = 20; len < 36; len++)
		if (!parse_rsdp(len) || ri.xsdt_pa != 0)
			ok(false, "cut to revision 0");
	t.b[33] ^= 1;
	ok(parse_rsdp(36) && ri.xsdt_pa == 0, "a wrong second checksum");
	begin_rsdp(2);
	store32(20, 0xffffffff);
	ok(parse_rsdp(36) && ri.xsdt_pa == 0, "an impossible length");
	begin_rsdp(2);
	t.b[10] ^= 1;
	ok(!parse_rsdp(36), "a wrong first checksum");
	begin_rsdp(2);
	t.b[7] = 'x';
	ok(!parse_rsdp(36), "a wrong signature");
}

static struct fadt_info fi;

static bool
parse_fadt(void)
{
	void *p = exact(t.len);
	bool good;

	memset(&fi, 0xa5, sizeof(fi));
	good = fadt_parse(p, t.len, &fi);
	free(p);
	return (good);
}

static void
begin_fadt(size_t len)
{
	begin("FACP", len);
	store32(40, 0x1000);	/* DSDT */
	store32(48, 0xb2);	/* SMI command port */
	t.b[52] = 0xf1;
	store32(64, 0x604);	/* PM1a control */
}

static void
test_fadt(void)
{
	begin_fadt(116);
	finish();
	ok(parse_fadt() && fi.dsdt_pa == 0x1000 && fi.pm1a_cnt == 0x604 &&
	    fi.pm1b_cnt == 0 && fi.smi_cmd == 0xb2 && fi.acpi_enable == 0xf1 &&
	    fi.reset_port == 0, "FADT of revision 1");

	begin_fadt(244);
	store32(112, 1 << 10);	/* has a reset register */
	t.b[116] = 1;
	store32(120, 0xcf9);
	t.b[128] = 0x0f;
	store32(140, 0x2000);
	store32(144, 3);
	store32(64, 0);
	t.b[172] = 1;
	store32(176, 0xb004);
	finish();
	ok(parse_fadt() && fi.dsdt_pa == 0x300002000 && fi.pm1a_cnt == 0xb004 &&
	    fi.reset_port == 0xcf9 && fi.reset_value == 0x0f, "of a later one");
	t.b[116] = t.b[172] = 0;	/* in memory, not ports */
	finish();
	ok(parse_fadt() && fi.pm1a_cnt == 0 && fi.reset_port == 0,
	    "registers that are no ports");
	t.b[116] = t.b[172] = 1;
	store32(122, 1);
	store32(178, 1);
	store32(48, 0x10000);
	finish();
	ok(parse_fadt() && fi.pm1a_cnt == 0 && fi.reset_port == 0 &&
	    fi.smi_cmd == 0, "ports above 65535");
	begin_fadt(115);
	finish();
	ok(!parse_fadt() && fi.pm1a_cnt == 0, "FADT cut short");
	for (size_t len = 116; len < 260; len++) {
		begin_fadt(len);
		memset(t.b + 116, 1, len - 116);	/* all are ports */
		store32(112, 1 << 10);
		store32(64, 0);
		finish();
		if (!parse_fadt()) {
			ok(false, "FADT of some length");
			return;
		}
	}
	ok(true, "FADT of every length");
}

static uint8_t typ[2];

static bool
parse_s5(void)
{
	void *p;
	bool good;

	finish();
	p = exact(t.len);
	good = s5_parse(p, t.len, typ);
	free(p);
	return (good);
}

static void
begin_s5(void)
{
	begin("DSDT", HEADER);
	put(3, 0x10, 0x05, 0x70);
	put(5, 0x08, '_', 'S', '5', '_');
}

static void
test_s5(void)
{
	begin_s5();
	put(7, 0x12, 6, 4, 0x05 + 0x05, 5, 0x00, 0x00);
	ok(parse_s5() && typ[0] == 5 && typ[1] == 0, "_S5: a byte and a zero");
	begin_s5();
	put(9, 0x12, 0x41, 0, 4, 0x01, 0x0b, 6, 0, 0);
	t.b[t.len - 8] = 0x48;	/* PkgLength of two bytes: 8 */
	ok(parse_s5() && typ[0] == 1 && typ[1] == 6, "a one and a word");
	begin_s5();
	put(10, 0x12, 9, 2, 0x0c, 3, 0, 0, 0, 0xff, 0);
	ok(parse_s5() && typ[0] == 3 && typ[1] == 7, "a double word and ones");
	begin("DSDT", HEADER);
	put(6, 0x08, '\\', '_', 'S', '5', '_');
	put(5, 0x12, 4, 2, 1, 1);
	ok(parse_s5() && typ[0] == 1 && typ[1] == 1, "written from the root");

	begin_s5();
	put(4, 0x12, 3, 1, 1);
	ok(!parse_s5(), "_S5 of one element");
	begin_s5();
	put(5, 0x12, 4, 2, 1, 'X');
	ok(!parse_s5(), "_S5 that is no constant");
	begin_s5();
	put(3, 0x12, 60, 2);
	ok(!parse_s5(), "_S5 beyond the end");
	begin_s5();
	put(1, 0x12);
	ok(!parse_s5(), "_S5 at the end");
	begin_s5();
	put(5, 0x12, 4, 2, 1, 0x0a);
	ok(!parse_s5(), "_S5 that ends in a prefix");
	begin_s5();
	put(2, 0x12, 0x41);
	ok(!parse_s5(), "_S5 of half a length");
	begin_s5();
	put(2, 0x12, 0xff);
	ok(!parse_s5(), "_S5 of a length that is not there");
	begin("DSDT", HEADER);
	put(4, '_', 'S', '5', '_');
	ok(!parse_s5(), "a name that is the whole table");
	begin("DSDT", HEADER);
	ok(!parse_s5(), "an empty DSDT");
	for (size_t cut = 0; cut < 12; cut++) {
		begin_s5();
		put(7, 0x12, 6, 4, 0x0a, 5, 0x0a, 5);
		t.len -= cut;
		if (parse_s5() != (cut == 0)) {
			ok(false, "_S5 cut short");
			return;
		}
	}
	ok(true, "_S5 cut short anywhere");
}

int
main(void)
{
	test_madt_cpus();
	test_madt_interrupts();
	test_madt_short_entries();
	test_madt_bad();
	test_rsdp();
	test_fadt();
	test_s5();
	printf("1..%u\n", ncase);
	return (nfail != 0);
}
