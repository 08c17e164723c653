/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_ACPI_H_
#define	_MACHINE_ACPI_H_

/*
 * What the kernel takes from ACPI's tables.  The parsers, in acpi_tables.c,
 * read only the bytes that they are given, and none beyond len; so they also
 * run on a host.  Section numbers are those of ACPI 6.4.
 */

#include <sys/types.h>
#include <boot/physmem.h>
#include <boot/reserved.h>

#define	ACPI_RSDP_LEN	20u	/* of revision 0; scan_rsdp() reads these */
#define	ACPI_RSDP2_LEN	36u	/* from revision 2 on */
#define	ACPI_HEADER_LEN	36u	/* in front of every table but the RSDP */
#define	ACPI_MAXIOAPIC	16u
#define	ACPI_MAXAPICID	254u	/* the largest that an IPI can reach */
#define	ACPI_ISA_IRQS	16u

/* The addresses of the two lists of tables (5.2.5). */
struct rsdp_info {
	uint32_t rsdt_pa;	/* 4-byte entries; 0: none */
	uint64_t xsdt_pa;	/* 8-byte entries, preferred; 0: none */
};

/* rsdp_parse: reads an RSDP of len bytes.  False if it is not sound. */
bool	rsdp_parse(const void *p, size_t len, struct rsdp_info *ri);

/*
 * acpi_table_good: true if len bytes are one whole table with this signature,
 * by its length and checksum (5.2.6).
 */
bool	acpi_table_good(const void *table, size_t len, const char *signature);

/* acpi_table_len: the length that a table's header of 36 bytes claims. */
uint32_t acpi_table_len(const void *header);

/* Processors and interrupt controllers (5.2.12). */
struct madt_info {
	uint64_t lapic_pa;	/* an override replaces it (5.2.12.8) */
	u_int ncpus;
	uint8_t apicid[ACPI_MAXAPICID + 1];	/* each once, in table order */
	u_int nunreachable;	/* enabled ones with an id above 254 */
	u_int nioapics;
	struct madt_ioapic {
		uint32_t pa;
		uint32_t gsi;	/* of its first input */
	} ioapic[ACPI_MAXIOAPIC];
	struct madt_isa {	/* where each ISA IRQ arrives */
		uint32_t gsi;
		bool low;	/* active low */
		bool level;	/* level-triggered */
		bool overridden; /* by an entry of the table */
	} isa[ACPI_ISA_IRQS];
	const char *differs;	/* NULL, or a fact that entries contradict */
	const char *error;	/* NULL, or why the table is unusable */
};

/*
 * madt_parse: stores in *mi the enabled processors, by local APIC id, the I/O
 * APICs and the ISA IRQs.  If the table is unusable mi->error says why, and
 * mi->ncpus is 0.
 */
void	madt_parse(const void *table, size_t len, struct madt_info *mi);

/*
 * madt_lapic_pa: returns the address of this CPU's local APIC.  That is what
 * IA32_APIC_BASE says, apic_base, because the CPU itself goes by it; only if
 * the MSR has no address, the MADT's counts, if it is possible with addresses
 * of maxphyaddr bits.
 */
uint64_t madt_lapic_pa(const struct madt_info *mi, uint64_t apic_base,
	    u_int maxphyaddr);

/* A fact that the FADT has in a field of 64 bits and in one of 32. */
enum { FADT_64, FADT_32, FADT_NFIELDS };

/* What turns the machine off and on again (5.2.9).  Ports of 0: none. */
struct fadt_info {
	uint64_t facs_pa[FADT_NFIELDS];
	uint64_t dsdt_pa[FADT_NFIELDS];
	uint16_t pm1a_cnt[FADT_NFIELDS];
	uint16_t pm1b_cnt[FADT_NFIELDS];
	uint16_t smi_cmd;	/* asks for ACPI mode; 0: it is always on */
	uint8_t acpi_enable;	/* what to write there */
	uint16_t reset_port;	/* I/O port; 0: none */
	uint8_t reset_value;
};

/* fadt_parse: false, and *fi all zero, if the table is not sound. */
bool	fadt_parse(const void *table, size_t len, struct fadt_info *fi);

/*
 * s5_parse: stores the two values for SLP_TYP of the package \_S5 of a whole
 * DSDT (7.4.2.6).  Finds the package by its bytes, without running any AML.
 * False if there is none, or it is not constant.
 */
bool	s5_parse(const void *dsdt, size_t len, uint8_t typ[2]);

/* All that the kernel takes from the tables. */
struct acpi_info {
	struct madt_info madt;
	struct fadt_info fadt;
	uint8_t s5_typ[2];
	bool have_s5;
};

/*
 * acpi_find: finds the tables in memory that map shows, stores in *ai what they
 * say, and reserves their memory in *list.  Of what is there twice it uses the
 * sound one, and prints which.  Needs the address of the extended BIOS data
 * area, or 0.
 */
void	acpi_find(phys_map_t *map, vm_paddr_t ebda, struct reserved_list *list,
	    struct acpi_info *ai);

/*
 * acpi_init: reads the tables, for all functions below.  Once, before anything
 * is placed in memory, on the bootstrap page tables.
 */
void	acpi_init(struct reserved_list *list);

/* acpi_madt: what acpi_init() found out about the CPUs. */
const struct madt_info *acpi_madt(void);

/* acpi_find_power: chooses acpi_poweroff()'s registers.  Once, at start. */
void	acpi_find_power(void);

/*
 * acpi_poweroff, acpi_reset: turn the machine off, or reset it; return if there
 * are no registers for that, or if nothing happened.  Any context.
 */
void	acpi_poweroff(void);
void	acpi_reset(void);

#endif /* !_MACHINE_ACPI_H_ */
