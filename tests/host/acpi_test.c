/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns the host test of arch/i386/pc/acpi_tables.c and acpi_find.c.  Invariant:
 * every table is parsed in a heap block of exactly its length, so that the
 * sanitizer stops the program on any read outside it.  TAP output.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int note(const char *fmt, ...);

#include "arch/i386/pc/acpi_tables.c"
#define	printf		note
#include "arch/i386/pc/acpi_find.c"
#undef printf
#include "boot/physmem.c"
#include "boot/reserved.c"

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
	ok(mi.error != NULL && mi.ncpus == 0, "no entries");
	begin_madt();
	lapic(0, 0);
	finish();
	parse_madt();
	ok(mi.error != NULL && strcmp(mi.error,
	    "it names no CPU that is enabled") == 0, "no CPU is enabled");

	begin_madt();
	put(4, 5, 12, 0, 0);
	put(8, 0, 0, 0, 0xfe, 1, 0, 0, 0);
	finish();
	parse_madt();
	lapic(0, 1);
	finish();
	parse_madt();
	ok(mi.lapic_pa == 0x1fe000000, "a local APIC above 4 GiB");
}

/* Entries that name one thing twice. */
static void
test_madt_twice(void)
{
	begin_madt();
	lapic(0, 1);
	lapic(0, 1);
	x2apic(0, 1);
	lapic(1, 0);
	lapic(1, 0);
	finish();
	parse_madt();
	ok(mi.ncpus == 1 && mi.differs == NULL, "entries that agree");
	begin_madt();
	lapic(0, 1);
	lapic(1, 0);
	x2apic(1, 1);
	finish();
	parse_madt();
	ok(mi.ncpus == 2 && mi.differs != NULL &&
	    strcmp(mi.differs, "whether a CPU is enabled") == 0,
	    "a CPU that is enabled by the second entry");
	begin_madt();
	lapic(1, 1);
	x2apic(1, 0);
	finish();
	parse_madt();
	ok(mi.ncpus == 1 && mi.differs != NULL, "by the first entry");
	begin_madt();
	lapic(0, 1);
	put(12, 1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0);
	put(12, 1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0);
	finish();
	parse_madt();
	ok(mi.nioapics == 1 && mi.ioapic[0].gsi == 0 && mi.differs != NULL &&
	    strcmp(mi.differs, "the inputs of an I/O APIC") == 0,
	    "an I/O APIC with two first inputs");
	begin_madt();
	lapic(0, 1);
	put(10, 2, 10, 0, 9, 9, 0, 0, 0, 0xf, 0);
	put(10, 2, 10, 0, 9, 9, 0, 0, 0, 0xf, 0);
	finish();
	parse_madt();
	ok(mi.differs == NULL, "an override twice");
	put(10, 2, 10, 0, 9, 20, 0, 0, 0, 0xf, 0);
	finish();
	parse_madt();
	ok(mi.isa[9].gsi == 9 && mi.differs != NULL &&
	    strcmp(mi.differs, "where an ISA IRQ arrives") == 0,
	    "two overrides of one IRQ");
}

static void
test_lapic_pa(void)
{
	struct madt_info m = { .lapic_pa = 0xfec80000 };

	ok(madt_lapic_pa(&m, 0xfee00900, 36) == 0xfee00000,
	    "the MSR's address, whatever the MADT says");
	ok(madt_lapic_pa(&m, 0xffff000fee00900, 36) == 0xfee00000,
	    "bits above the address do not count");
	ok(madt_lapic_pa(&m, 0xffffff800, 36) == 0xffffff000,
	    "the highest address");
	ok(madt_lapic_pa(&m, 0xfee00100, 36) == 0xfec80000 &&
	    madt_lapic_pa(&m, 0x800, 36) == 0xfec80000,
	    "the MADT's, if the MSR has none");
	m.lapic_pa = 0;
	ok(madt_lapic_pa(&m, 0, 36) == LAPIC_DEFAULT_PA, "not 0");
	m.lapic_pa = 0xfee00010;
	ok(madt_lapic_pa(&m, 0, 36) == LAPIC_DEFAULT_PA, "nor within a page");
	m.lapic_pa = 1ull << 36;
	ok(madt_lapic_pa(&m, 0, 36) == LAPIC_DEFAULT_PA &&
	    madt_lapic_pa(&m, 0, 37) == 1ull << 36,
	    "nor one that the CPU cannot form");
}

static void
test_madt_interrupts(void)
{
	begin_madt();
	lapic(0, 1);
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
	ok(parse_fadt() && fi.dsdt_pa[FADT_32] == 0x1000 &&
	    fi.dsdt_pa[FADT_64] == 0 && fi.pm1a_cnt[FADT_32] == 0x604 &&
	    fi.pm1a_cnt[FADT_64] == 0 && fi.pm1b_cnt[FADT_32] == 0 && fi.smi_cmd == 0xb2 && fi.acpi_enable == 0xf1 &&
	    fi.reset_port == 0, "FADT of revision 1");

	begin_fadt(244);
	store32(112, 1 << 10);	/* has a reset register */
	t.b[116] = 1;
	store32(120, 0xcf9);
	t.b[128] = 0x0f;
	store32(140, 0x2000);
	store32(144, 3);
	t.b[172] = 1;
	store32(176, 0xb004);
	store32(36, 0x3000);
	store32(132, 0x4000);
	finish();
	ok(parse_fadt() && fi.dsdt_pa[FADT_64] == 0x300002000 &&
	    fi.dsdt_pa[FADT_32] == 0x1000 && fi.pm1a_cnt[FADT_64] == 0xb004 &&
	    fi.pm1a_cnt[FADT_32] == 0x604 && fi.facs_pa[FADT_32] == 0x3000 &&
	    fi.facs_pa[FADT_64] == 0x4000 && fi.reset_port == 0xcf9 && fi.reset_value == 0x0f, "of a later one");
	t.b[116] = t.b[172] = 0;	/* in memory, not ports */
	finish();
	ok(parse_fadt() && fi.pm1a_cnt[FADT_64] == 0 && fi.reset_port == 0,
	    "registers that are no ports");
	t.b[116] = t.b[172] = 1;
	store32(122, 1);
	store32(178, 1);
	store32(48, 0x10000);
	store32(64, 0x10000);
	finish();
	ok(parse_fadt() && fi.pm1a_cnt[FADT_64] == 0 &&
	    fi.pm1a_cnt[FADT_32] == 0 && fi.reset_port == 0 &&
	    fi.smi_cmd == 0, "ports above 65535");
	begin_fadt(115);
	finish();
	ok(!parse_fadt() && fi.pm1a_cnt[FADT_32] == 0, "FADT cut short");
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

/* --- the tables in memory --- */

#define	EBDA		0x9fc00u
#define	MEMORY		0x40000u	/* of tables, from TABLES_PA */
#define	TABLES_PA	0xbff00000ull	/* where no direct map reaches */

static uint8_t low[BIOS_END - EBDA], memory[MEMORY];
static size_t memory_used;
static void *lent;
static char notes[1 << 16];
static struct reserved_list list;
static struct acpi_info ai;

static int
note(const char *fmt, ...)
{
	size_t used = strlen(notes);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(notes + used, sizeof(notes) - used, fmt, ap);
	va_end(ap);
	return (0);
}

void
panic(const char *fmt, ...)
{
	printf("Bail out! panic: %s\n", fmt);
	exit(1);
}

/* Each call returns a new block, and frees the one before. */
static const void *
map(vm_paddr_t pa, vm_size_t len)
{
	const uint8_t *src = NULL;

	free(lent);
	lent = NULL;
	if (pa >= EBDA && pa < BIOS_END && len <= BIOS_END - pa)
		src = low + (pa - EBDA);
	if (pa >= TABLES_PA && pa < TABLES_PA + MEMORY &&
	    len <= TABLES_PA + MEMORY - pa)
		src = memory + (pa - TABLES_PA);
	if (src == NULL)
		return (NULL);
	lent = malloc(len);
	memcpy(lent, src, len);
	return (lent);
}

static void
begin_memory(void)
{
	memset(low, 0, sizeof(low));
	memset(memory, 0, sizeof(memory));
	memory_used = 0;
}

/* Puts the table under construction into memory; returns its address. */
static uint64_t
place(void)
{
	uint64_t pa = TABLES_PA + memory_used;

	memcpy(memory + memory_used, t.b, t.len);
	memory_used += (t.len + 15) & ~(size_t)15;
	return (pa);
}

/* A MADT with this number of CPUs. */
static uint64_t
place_madt(int ncpus)
{
	begin_madt();
	for (int i = 0; i < ncpus; i++)
		lapic(i, 1);
	finish();
	return (place());
}

/* A DSDT whose _S5 has this type; of 0, whose _S5 is no constant. */
static uint64_t
place_dsdt(int type)
{
	begin("DSDT", HEADER);
	put(3, 0x10, 0x05, 0x70);
	put(5, 0x08, '_', 'S', '5', '_');
	put(7, 0x12, 6, 2, type == 0 ? 'X' : 0x0a, type, 0x0a, type);
	finish();
	return (place());
}

static uint64_t
place_fadt(uint64_t dsdt, uint64_t x_dsdt)
{
	begin_fadt(244);
	store32(40, (uint32_t)dsdt);
	store32(140, (uint32_t)x_dsdt);
	store32(144, (uint32_t)(x_dsdt >> 32));
	finish();
	return (place());
}

/* A list of these tables; 0 is an entry of zeros. */
static uint64_t
place_list(const char *signature, u_int n, const uint64_t *tables)
{
	u_int entry = signature[0] == 'X' ? 8 : 4;

	begin(signature, HEADER + n * entry);
	for (u_int i = 0; i < n; i++)
		memcpy(t.b + HEADER + i * entry, &tables[i], entry);
	finish();
	return (place());
}

#define	LIST(signature, ...)						\
	place_list(signature, nitems(((const uint64_t[]){ __VA_ARGS__ })), \
	    (const uint64_t[]){ __VA_ARGS__ })

static void
place_rsdp(uint32_t pa, uint64_t rsdt, uint64_t xsdt)
{
	begin("RSD PTR ", 36);
	t.b[15] = 2;
	store32(16, (uint32_t)rsdt);
	store32(20, 36);
	store32(24, (uint32_t)xsdt);
	store32(28, (uint32_t)(xsdt >> 32));
	seal(0, 20, 8);
	seal(0, 36, 32);
	memcpy(low + (pa - EBDA), t.b, 36);
}

static void
find(void)
{
	memset(&list, 0, sizeof(list));
	memset(&ai, 0xa5, sizeof(ai));
	notes[0] = '\0';
	acpi_find(map, EBDA, &list, &ai);
}

static bool
is_kept(uint64_t pa, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (reserved_by(&list, pa + i, pa + i + 1) == NULL)
			return (false);
	return (true);
}

static void
test_find(void)
{
	uint64_t madt, fadt, dsdt, rsdt;

	begin_memory();
	madt = place_madt(3);
	dsdt = place_dsdt(5);
	fadt = place_fadt(dsdt, 0);
	rsdt = LIST("RSDT", fadt, madt);
	place_rsdp(0xf0010, rsdt, 0);
	find();
	ok(ai.madt.error == NULL && ai.madt.ncpus == 3 && ai.have_s5 &&
	    ai.s5_typ[0] == 5 && ai.fadt.pm1a_cnt[FADT_32] == 0x604 &&
	    notes[0] == '\0', "tables at the end of memory");
	ok(is_kept(madt, 44 + 24) && is_kept(dsdt, HEADER) &&
	    is_kept(fadt, 244) && is_kept(rsdt, HEADER + 8) &&
	    is_kept(0xf0010, 36), "their memory is reserved");
	ok(reserved_by(&list, 0, 0xf0010) == NULL &&
	    reserved_by(&list, TABLES_PA + memory_used, ~0ull) == NULL,
	    "and none around it");
	begin_memory();
	find();
	ok(ai.madt.error != NULL && strcmp(ai.madt.error,
	    "there is no sound RSDP") == 0 && !ai.have_s5, "no RSDP");
	place_rsdp(0xfffd0, 0, 0);
	find();
	ok(strcmp(ai.madt.error, "there is no sound RSDT or XSDT") == 0,
	    "an RSDP without lists");
}

/* Many lists that are not sound, and a list of many entries. */
static void
test_find_bounds(void)
{
	static uint64_t many[300];
	uint64_t wrong;
	u_int lines = 0;

	begin_memory();
	wrong = LIST("RSDT", 0);
	memory[wrong - TABLES_PA + 9] ^= 1;
	for (uint32_t pa = 0xe0000; pa < 0xe4000; pa += 0x40)
		place_rsdp(pa, wrong, 0);
	find();
	for (const char *s = notes; *s != '\0'; s++)
		lines += *s == '\n';
	ok(lines > 1 && lines < 20, "some lines for many unsound lists");

	begin_memory();
	many[255] = place_madt(2);
	place_rsdp(0xe0000, place_list("RSDT", 300, many), 0);
	find();
	ok(ai.madt.ncpus == 2, "the last entry that is looked at");
	many[256] = many[255];
	many[255] = 0;
	place_rsdp(0xe0000, place_list("RSDT", 300, many), 0);
	find();
	ok(ai.madt.ncpus == 0, "and one after it");
}

/* Of the two lists one is sound, or one has the table. */
static void
test_find_lists(void)
{
	uint64_t madt, one, rsdt, xsdt;

	begin_memory();
	madt = place_madt(3);
	rsdt = LIST("RSDT", madt);
	xsdt = LIST("XSDT", 0, 0, 0);
	place_rsdp(0xe0000, rsdt, xsdt);
	find();
	ok(ai.madt.error == NULL && ai.madt.ncpus == 3 && strstr(notes,
	    "names no sound APIC: the one of the RSDT is used\n") != NULL,
	    "an XSDT of null entries does not hide the RSDT");
	memory[xsdt - TABLES_PA + 9] ^= 1;
	find();
	ok(ai.madt.ncpus == 3 && strncmp(notes, "acpi: the XSDT at 0x", 20) ==
	    0 && strstr(notes, "is not sound, ignored\n") != NULL,
	    "nor does an XSDT with a wrong checksum");
	place_rsdp(0xe0000, rsdt, 0x1234567890);
	find();
	ok(ai.madt.ncpus == 3 && strstr(notes, "not sound") != NULL,
	    "nor an XSDT where nothing is");

	one = place_madt(1);
	memory[one - TABLES_PA + 9] ^= 1;
	xsdt = LIST("XSDT", one);
	place_rsdp(0xe0000, rsdt, xsdt);
	find();
	ok(ai.madt.ncpus == 3 && strstr(notes, "no sound APIC") != NULL,
	    "nor an XSDT that names an unsound table");
	xsdt = LIST("XSDT", one, madt);
	place_rsdp(0xe0000, rsdt, xsdt);
	find();
	ok(ai.madt.ncpus == 3 && notes[0] == '\0',
	    "nor an unsound table before a sound one");
	one = place_madt(1);
	xsdt = LIST("XSDT", one);
	place_rsdp(0xe0000, rsdt, xsdt);
	find();
	ok(ai.madt.ncpus == 1 && strstr(notes, "the XSDT and the RSDT name "
	    "different APICs: the one of the XSDT is used\n") != NULL,
	    "of two sound ones the XSDT's is used, with a note");
	one = place_madt(0);
	xsdt = LIST("XSDT", one);
	place_rsdp(0xe0000, rsdt, xsdt);
	find();
	ok(ai.madt.ncpus == 3, "one that names no CPU is not sound");
	xsdt = LIST("XSDT", madt);
	place_rsdp(0xe0000, 0x10, xsdt);
	find();
	ok(ai.madt.ncpus == 3 && strstr(notes, "the RSDT at 0x10 is not sound")
	    != NULL, "the RSDT may be wrong as well");
	rsdt = LIST("RSDT", one);
	place_rsdp(0xe0000, rsdt, 0);
	find();
	ok(ai.madt.error != NULL && strcmp(ai.madt.error,
	    "it names no CPU that is enabled") == 0, "no sound one at all");
}

static void
test_find_rsdps(void)
{
	uint64_t rsdt, wrong;

	begin_memory();
	rsdt = LIST("RSDT", place_madt(3));
	wrong = LIST("RSDT", 0);
	place_rsdp(EBDA + 0x3d0, wrong, 0);
	place_rsdp(0xf5000, rsdt, 0);
	find();
	ok(ai.madt.ncpus == 3 && strstr(notes, "no sound APIC") != NULL,
	    "an RSDP in the EBDA does not hide the one of the BIOS");
	place_rsdp(EBDA + 0x3d0, rsdt, 0);
	place_rsdp(0xf5000, wrong, 0);
	find();
	ok(ai.madt.ncpus == 3 && notes[0] == '\0', "nor the other way round");
	for (u_int i = 0; i < 2 * MAXLISTS; i++)
		place_rsdp(0xe0000 + i * 0x40, LIST("RSDT", 0), 0);
	find();
	ok(ai.madt.ncpus == 3, "more lists than are looked at");
}

static void
test_find_dsdt(void)
{
	uint64_t bad, good, other;

	begin_memory();
	bad = place_dsdt(3);
	memory[bad - TABLES_PA + 9] ^= 1;
	good = place_dsdt(5);
	other = place_dsdt(6);
	place_rsdp(0xf0000, LIST("RSDT", place_fadt(good, bad)), 0);
	find();
	ok(ai.have_s5 && ai.s5_typ[0] == 5 && strstr(notes, "no sound DSDT "
	    "with an _S5 is at 0x") != NULL, "an unsound X_DSDT does not hide the DSDT");
	place_rsdp(0xf0000, LIST("RSDT", place_fadt(good, 1ull << 40)), 0);
	find();
	ok(ai.have_s5 && ai.s5_typ[0] == 5, "nor does one where nothing is");
	bad = place_dsdt(0);
	place_rsdp(0xf0000, LIST("RSDT", place_fadt(good, bad)), 0);
	find();
	ok(ai.have_s5 && ai.s5_typ[0] == 5, "nor one without _S5");
	place_rsdp(0xf0000, LIST("RSDT", place_fadt(good, other)), 0);
	find();
	ok(ai.have_s5 && ai.s5_typ[0] == 6, "of two sound ones X_DSDT counts");
}

int
main(void)
{
	test_madt_cpus();
	test_madt_twice();
	test_lapic_pa();
	test_madt_interrupts();
	test_madt_short_entries();
	test_madt_bad();
	test_rsdp();
	test_fadt();
	test_s5();
	test_find();
	test_find_bounds();
	test_find_lists();
	test_find_rsdps();
	test_find_dsdt();
	free(lent);
	printf("1..%u\n", ncase);
	return (nfail != 0);
}
