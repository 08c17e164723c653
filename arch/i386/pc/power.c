/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * How the machine ends.  Each way is tried in turn, and none is trusted: the
 * next one is tried after a bounded wait.  Contracts are in <sys/power.h>.
 *
 * Under QEMU both a reboot and a power-off give exit status 0, so that status
 * means nothing: only machine_exit() says how a run went.
 */

#include <sys/types.h>
#include <sys/monitor.h>
#include <sys/panic.h>
#include <sys/power.h>
#include <sys/systm.h>
#include <machine/acpi.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/tsc.h>

#define	KBC_COMMAND	0x64		/* the 8042: command, and status */
#define	KBC_INPUT_FULL	0x02
#define	KBC_PULSE_RESET	0xfe
#define	KBC_POLLS	100000u
#define	RESET_US	100000u

static void __dead2
halt_silently(void)
{
	for (;;) {
		disable_intr();
		cpu_halt();
	}
}

static void __dead2
halt(void)
{
	printf("mayfly: halted\n");
	halt_silently();
}

/*
 * A machine that has no such device reads all ones at its port.  QEMU may take
 * a while to end, so what is printed after the value is written may be seen, or
 * not: nothing is.
 */
void
machine_exit(u_int value)
{
	bool has_device = inb(EXIT_PORT) != 0xff;

	if (panicked() && !panicked_here())
		halt_silently();	/* the panic says how the run ends */
	/* A run has not passed if its output does not show it. */
	if (!printf_flush() && value == EXIT_PASSED)
		value = EXIT_FAILED;
	gcov_print();
	if (!has_device)
		halt();
	disable_intr();
	outb(EXIT_PORT, (uint8_t)value);
	halt_silently();
}

static void
reset_by_8042(void)
{
	for (u_int i = 0; i < KBC_POLLS; i++)
		if ((inb(KBC_COMMAND) & KBC_INPUT_FULL) == 0)
			break;
	outb(KBC_COMMAND, KBC_PULSE_RESET);
	DELAY(RESET_US);
}

/* Without an IDT an exception is a triple fault, which resets a PC. */
static void
reset_by_triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint32_t base;
	} __attribute__((packed)) none;

	__asm__ volatile("lidt %0; int3" : : "m" (none));
}

void
machine_reboot(void)
{
	(void)printf_flush();
	gcov_print();
	disable_intr();
	acpi_reset();
	reset_by_8042();
	reset_by_triple_fault();
	halt();
}

void
machine_poweroff(void)
{
	(void)printf_flush();
	gcov_print();
	disable_intr();
	acpi_poweroff();
	printf("poweroff: this machine does not turn itself off\n");
	halt();
}

SAFE_COMMAND(command_reboot, "reboot", "", "reset the machine")
{
	machine_reboot();
}

SAFE_COMMAND(command_poweroff, "poweroff", "", "turn the machine off")
{
	machine_poweroff();
}
