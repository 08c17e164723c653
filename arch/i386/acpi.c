/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Finds the CPUs in ACPI's MADT.  Everything here was made by firmware: each
 * length and checksum is looked at before it is used (ACPI 6.4, 5.2.5 RSDP,
 * 5.2.7 RSDT, 5.2.12 MADT).
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/pmap.h>
#include <machine/smp.h>

#define	RSDP_LEN	20u
#define	HEADER_LEN	36u
#define	MADT_FIXED	44u
#define	TABLE_MAX	0x10000u
#define	MADT_LAPIC	0
#define	MADT_LAPIC_LEN	8u
#define	LAPIC_ENABLED	0x1u

static bool
sums_to_zero(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *p++);
	return (sum == 0);
}

static uint32_t
le32(const uint8_t *p)
{
	return (p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24);
}

/*
 * madt_parse: local APIC ids of the enabled processors, in table order and
 * each once.  table: len readable bytes.  mi->error says what is wrong.
 */
void
madt_parse(const void *table, size_t len, struct madt_info *mi)
{
	const uint8_t *t = table;
	u_int i;

	mi->ncpus = 0;
	mi->error = NULL;
	if (len < MADT_FIXED || le32(t + 4) != len || !sums_to_zero(t, len)) {
		mi->error = "its length or checksum is wrong";
		return;
	}
	mi->lapic_pa = le32(t + HEADER_LEN);
	for (size_t off = MADT_FIXED; off < len; off += t[off + 1]) {
		if (len - off < 2 || t[off + 1] < 2 ||
		    t[off + 1] > len - off) {
			mi->error = "an entry has a wrong length";
			return;
		}
		if (t[off] != MADT_LAPIC || t[off + 1] < MADT_LAPIC_LEN ||
		    (le32(t + off + 4) & LAPIC_ENABLED) == 0)
			continue;
		for (i = 0; i < mi->ncpus; i++)
			if (mi->apicid[i] == t[off + 3])
				break;
		if (i == mi->ncpus && i < nitems(mi->apicid))
			mi->apicid[mi->ncpus++] = t[off + 3];
	}
}

static const uint8_t *
map_table(uint32_t pa, const char *signature, uint32_t *len)
{
	const uint8_t *t = pmap_mapdev(pa, HEADER_LEN);

	if (t == NULL || memcmp(t, signature, 4) != 0)
		return (NULL);
	*len = le32(t + 4);
	if (*len < HEADER_LEN || *len > TABLE_MAX)
		return (NULL);
	return (pmap_mapdev(pa, *len));
}

static const uint8_t *
find_rsdp(void)
{
	const uint8_t *p = pmap_dmap(0xe0000);
	const uint8_t *end = pmap_dmap(0x100000);

	for (; p < end; p += 16)
		if (memcmp(p, "RSD PTR ", 8) == 0 &&
		    sums_to_zero(p, RSDP_LEN))
			return (p);
	return (NULL);
}

/* acpi_find_cpus: once, at start. */
void
acpi_find_cpus(struct madt_info *mi)
{
	const uint8_t *rsdp, *rsdt, *madt;
	uint32_t len, mlen;

	memset(mi, 0, sizeof(*mi));
	mi->error = "there is no sound RSDP, RSDT or MADT";
	if ((rsdp = find_rsdp()) == NULL ||
	    (rsdt = map_table(le32(rsdp + 16), "RSDT", &len)) == NULL ||
	    !sums_to_zero(rsdt, len))
		return;
	for (uint32_t off = HEADER_LEN; off + 4 <= len; off += 4) {
		madt = map_table(le32(rsdt + off), "APIC", &mlen);
		if (madt == NULL)
			continue;
		madt_parse(madt, mlen, mi);
		return;
	}
}
