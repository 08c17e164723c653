/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Names for addresses of code.  scripts/ksyms makes the table from the
 * kernel's first link, for the second; it is never written.  Nothing here
 * panics, because panic() calls it.
 */

#include <sys/types.h>
#include <sys/ksym.h>
#include <sys/systm.h>

struct ksym {
	uintptr_t addr;
	const char *name;
};

/* Sorted by address; each address occurs once. */
extern const struct ksym ksym_table[];
extern const uint32_t ksym_count;
extern const char kern_text[], kern_rodata[];

/* Contracts are in <sys/ksym.h>. */
const char *
ksym_lookup(uintptr_t pc, uintptr_t *offset)
{
	uint32_t lo = 0, hi = ksym_count, mid;

	if (pc < (uintptr_t)kern_text || pc >= (uintptr_t)kern_rodata)
		return (NULL);
	/* Symbols below lo start at or before pc, those from hi on after it. */
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (ksym_table[mid].addr <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return (NULL);
	*offset = pc - ksym_table[lo - 1].addr;
	return (ksym_table[lo - 1].name);
}
