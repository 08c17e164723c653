/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Owns what the kernel took from ACPI's tables, and turns the machine off.  The
 * tables are read at start, before anything is placed in memory, because a
 * loader's map may call their memory RAM.  acpi_find.c finds them, and
 * acpi_tables.c parses them.  Section numbers are those of ACPI 6.4.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <machine/acpi.h>
#include <machine/cpufunc.h>
#include <machine/peek.h>
#include <machine/tsc.h>
#include <boot/bios.h>

#define	PM1_SCI_EN	0x0001u	/* 4.8.3.2.1: in ACPI mode */
#define	PM1_SLP_TYP	10	/* shift of three bits */
#define	PM1_SLP_EN	0x2000u
#define	ENABLE_MS	1000u
#define	OFF_MS		1000u

#define	PORT_ABSENT	0xffffu	/* what the ISA bus reads without a device */

static struct acpi_info info;
static uint16_t pm1a_cnt, pm1b_cnt;	/* ports; 0: none */

/* Contracts of the public functions are in <machine/acpi.h>. */
void
acpi_init(struct reserved_list *list)
{
	acpi_find(boot_peek, bios_ebda(boot_map), list, &info);
	if (info.madt.differs != NULL)
		printf("acpi: entries of the MADT contradict each other: %s\n",
		    info.madt.differs);
}

const struct madt_info *
acpi_madt(void)
{
	return (&info.madt);
}

/* Chooses the port at which there is a register; says so if both differ. */
static uint16_t
choose_port(const char *name, const uint16_t port[FADT_NFIELDS])
{
	uint16_t chosen = port[FADT_64];

	if (chosen == 0 ||
	    (port[FADT_32] != 0 && inw(chosen) == PORT_ABSENT))
		chosen = port[FADT_32];
	if (port[FADT_64] != 0 && port[FADT_32] != 0 &&
	    port[FADT_64] != port[FADT_32])
		printf("acpi: the FADT gives the ports 0x%x and 0x%x for %s: "
		    "0x%x is used\n", port[FADT_64], port[FADT_32], name,
		    chosen);
	return (chosen);
}

void
acpi_find_power(void)
{
	pm1a_cnt = choose_port("PM1a_CNT", info.fadt.pm1a_cnt);
	pm1b_cnt = choose_port("PM1b_CNT", info.fadt.pm1b_cnt);
}

/* Leaves legacy mode, in which the firmware owns the registers (4.8.3.2). */
static void
enter_acpi_mode(void)
{
	if (info.fadt.smi_cmd == 0 || info.fadt.acpi_enable == 0 ||
	    (inw(pm1a_cnt) & PM1_SCI_EN) != 0)
		return;
	outb(info.fadt.smi_cmd, info.fadt.acpi_enable);
	for (u_int ms = 0; ms < ENABLE_MS; ms++) {
		if ((inw(pm1a_cnt) & PM1_SCI_EN) != 0)
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
	if (!info.have_s5 || pm1a_cnt == 0)
		return;
	enter_acpi_mode();
	/* Both registers get the type before either is enabled (16.1.7). */
	for (u_int i = 0; i < 2; i++) {
		set_sleep_type(pm1a_cnt, info.s5_typ[0], i * PM1_SLP_EN);
		if (pm1b_cnt != 0)
			set_sleep_type(pm1b_cnt, info.s5_typ[1],
			    i * PM1_SLP_EN);
	}
	DELAY(OFF_MS * 1000);
}

void
acpi_reset(void)
{
	if (info.fadt.reset_port == 0)
		return;
	outb(info.fadt.reset_port, info.fadt.reset_value);
	DELAY(100000);
}
