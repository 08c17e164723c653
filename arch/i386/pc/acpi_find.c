/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Finds ACPI's tables in memory and has acpi_tables.c parse them.  Firmware
 * gives several facts twice, and one of the two may be wrong: there may be two
 * RSDPs, each names an XSDT and an RSDT, and the FADT has two addresses of the
 * DSDT.  All are looked at, the preferred one first, and the first that is
 * sound is used; if that is not the preferred one, a line says so.
 *
 * Invariant: a pointer that map() returned is not used after the next call of
 * map().  Section numbers are those of ACPI 6.4.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/acpi.h>
#include <boot/bios.h>

#define	BIOS_START	0xe0000u	/* 5.2.5.1 */
#define	BIOS_END	0x100000u
#define	RSDP_ALIGN	16u
#define	TABLE_MAX	0x100000u	/* bytes; larger is no table */
/* More than firmware has; what it has by mistake must not take minutes. */
#define	MAXLISTS	8u
#define	MAXUNSOUND	16u		/* lists that are not sound */
#define	MAXENTRIES	256u		/* of a list */
#define	FACS_LEN	64u		/* 5.2.10; it has no checksum */
#define	TABLES		"ACPI tables"

/* A sound XSDT or RSDT. */
struct list {
	const char *name;
	uint64_t pa;
	uint32_t len;
	u_int entry;			/* bytes of an entry */
};

struct search {
	phys_map_t *map;
	struct reserved_list *reserved;
	struct list lists[MAXLISTS];	/* the preferred one first */
	u_int nlists, nunsound;
	bool any_rsdp;
};

/*
 * Reserves memory of the firmware.  Nothing of ours reads it again, so it does
 * no harm if the list is full.
 */
static void
keep(struct search *s, uint64_t pa, uint32_t len)
{
	(void)reserved_add(s->reserved, pa, pa + len, TABLES);
}

/* Maps the table at pa; NULL if its signature or its length is wrong. */
static const void *
map_table(struct search *s, uint64_t pa, const char *signature, uint32_t *len)
{
	const void *t;

	if (pa == 0 || (t = s->map(pa, ACPI_HEADER_LEN)) == NULL ||
	    (signature != NULL && memcmp(t, signature, 4) != 0))
		return (NULL);
	*len = acpi_table_len(t);
	if (*len < ACPI_HEADER_LEN || *len > TABLE_MAX)
		return (NULL);
	return (s->map(pa, *len));
}

static void
add_list(struct search *s, const char *name, uint64_t pa, u_int entry)
{
	const void *t;
	uint32_t len;

	if (pa == 0 || s->nlists == MAXLISTS || s->nunsound == MAXUNSOUND)
		return;
	for (u_int i = 0; i < s->nlists; i++)
		if (s->lists[i].pa == pa)
			return;
	t = map_table(s, pa, name, &len);
	if (t == NULL || !acpi_table_good(t, len, name)) {
		printf("acpi: the %s at 0x%llx is not sound, ignored\n", name,
		    (unsigned long long)pa);
		if (++s->nunsound == MAXUNSOUND)
			printf("acpi: no more RSDTs and XSDTs are looked at\n");
		return;
	}
	s->lists[s->nlists++] = (struct list){ name, pa, len, entry };
	keep(s, pa, len);
}

/* Adds the lists of every sound RSDP in [start, end), of at most 2 MiB. */
static void
scan_rsdp(struct search *s, vm_paddr_t start, vm_paddr_t end)
{
	const uint8_t *p = s->map(start, (vm_size_t)(end - start));
	struct rsdp_info ri;

	for (vm_paddr_t pa = start; p != NULL && pa + ACPI_RSDP_LEN <= end;
	    pa += RSDP_ALIGN) {
		if (!rsdp_parse(p + (pa - start), (size_t)(end - pa), &ri))
			continue;
		s->any_rsdp = true;
		keep(s, pa, ACPI_RSDP2_LEN);
		add_list(s, "XSDT", ri.xsdt_pa, 8);
		add_list(s, "RSDT", ri.rsdt_pa, 4);
		p = s->map(start, (vm_size_t)(end - start));
	}
}

static u_int
entries(const struct list *l)
{
	u_int n = (l->len - ACPI_HEADER_LEN) / l->entry;

	return (n < MAXENTRIES ? n : MAXENTRIES);
}

/* The address of a table that a list names. */
static uint64_t
entry_of(struct search *s, const struct list *l, u_int i)
{
	const void *e = s->map(l->pa + ACPI_HEADER_LEN + i * l->entry,
	    l->entry);
	uint64_t pa = 0;

	if (e != NULL)
		memcpy(&pa, e, l->entry);
	return (pa);
}

/* Takes what a table says; false if the table is not sound. */
typedef bool take_t(const void *t, uint32_t len, struct acpi_info *ai);

static bool
take_madt(const void *t, uint32_t len, struct acpi_info *ai)
{
	madt_parse(t, len, &ai->madt);
	return (ai->madt.error == NULL);
}

static bool
take_fadt(const void *t, uint32_t len, struct acpi_info *ai)
{
	return (fadt_parse(t, len, &ai->fadt));
}

/* Looks in one list for a sound table; returns its address, or 0. */
static uint64_t
search_list(struct search *s, const struct list *l, const char *signature,
    take_t *take, struct acpi_info *ai)
{
	const void *t;
	uint32_t len;
	uint64_t pa;

	for (u_int i = 0; i < entries(l); i++) {
		pa = entry_of(s, l, i);
		t = map_table(s, pa, signature, &len);
		if (t != NULL && take(t, len, ai))
			return (pa);
	}
	return (0);
}

/* Looks in all lists for a sound table, and says if they disagree. */
static void
find_table(struct search *s, const char *signature, take_t *take,
    struct acpi_info *ai)
{
	static struct acpi_info other;	/* is too large for the stack */
	const struct list *l, *first = s->lists, *end = first + s->nlists;
	uint64_t pa = 0, pa2;

	for (l = first; l < end; l++)
		if ((pa = search_list(s, l, signature, take, ai)) != 0)
			break;
	if (pa == 0)
		return;
	if (l != first)
		printf("acpi: the %s at 0x%llx names no sound %s: the one of "
		    "the %s is used\n", first->name, (unsigned long long)
		    first->pa, signature, l->name);
	for (const struct list *m = l + 1; m < end; m++) {
		pa2 = search_list(s, m, signature, take, &other);
		if (pa2 != 0 && pa2 != pa)
			printf("acpi: the %s and the %s name different %ss: "
			    "the one of the %s is used\n", l->name, m->name,
			    signature, l->name);
	}
}

/* Reads _S5 of the first DSDT that is sound and has one. */
static void
find_s5(struct search *s, struct acpi_info *ai)
{
	const uint64_t *pa = ai->fadt.dsdt_pa;
	const void *t;
	uint32_t len;

	for (u_int i = 0; i < FADT_NFIELDS && !ai->have_s5; i++) {
		t = map_table(s, pa[i], "DSDT", &len);
		if (t == NULL || !acpi_table_good(t, len, "DSDT"))
			continue;
		keep(s, pa[i], len);
		ai->have_s5 = s5_parse(t, len, ai->s5_typ);
		if (ai->have_s5 && i == FADT_32 && pa[FADT_64] != 0)
			printf("acpi: no sound DSDT with an _S5 is at 0x%llx: "
			    "the one at 0x%llx is used\n", (unsigned long long)
			    pa[FADT_64], (unsigned long long)pa[FADT_32]);
	}
}

/* Reserves every sound table, whatever it is for. */
static void
keep_tables(struct search *s, const struct fadt_info *fi)
{
	char signature[4];
	const void *t;
	uint32_t len;
	uint64_t pa;

	for (u_int n = 0; n < s->nlists; n++) {
		for (u_int i = 0; i < entries(&s->lists[n]); i++) {
			pa = entry_of(s, &s->lists[n], i);
			if ((t = map_table(s, pa, NULL, &len)) == NULL)
				continue;
			memcpy(signature, t, sizeof(signature));
			if (acpi_table_good(t, len, signature))
				keep(s, pa, len);
		}
	}
	for (u_int i = 0; i < FADT_NFIELDS; i++) {
		t = fi->facs_pa[i] == 0 ? NULL : s->map(fi->facs_pa[i], 4);
		if (t != NULL && memcmp(t, "FACS", 4) == 0)
			keep(s, fi->facs_pa[i], FACS_LEN);
	}
}

/* The contract is in <machine/acpi.h>. */
void
acpi_find(phys_map_t *map, vm_paddr_t ebda, struct reserved_list *list,
    struct acpi_info *ai)
{
	static struct search s;

	memset(ai, 0, sizeof(*ai));
	s = (struct search){ .map = map, .reserved = list };
	if (ebda != 0)
		scan_rsdp(&s, ebda, ebda + EBDA_SCAN);
	scan_rsdp(&s, BIOS_START, BIOS_END);
	ai->madt.error = !s.any_rsdp ? "there is no sound RSDP" :
	    s.nlists == 0 ? "there is no sound RSDT or XSDT" :
	    "no list names one";
	find_table(&s, "APIC", take_madt, ai);
	find_table(&s, "FACP", take_fadt, ai);
	find_s5(&s, ai);
	keep_tables(&s, &ai->fadt);
}
