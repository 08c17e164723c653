/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The two 8259s of a PC, which the I/O APICs replace.  Left alone they would
 * deliver on the vectors of exceptions.
 */

#include <sys/types.h>
#include <machine/cpufunc.h>
#include <machine/i8259.h>

#define	MASTER		0x20		/* command port; data is next */
#define	SLAVE		0xa0

/* Initialises one: edge-triggered, vectors from `vector' on; masks all. */
static void
init_and_mask(uint16_t port, uint8_t vector, uint8_t cascade)
{
	outb(port, 0x11);		/* ICW1: three more follow */
	outb(port + 1, vector);		/* ICW2 */
	outb(port + 1, cascade);	/* ICW3: how the two are connected */
	outb(port + 1, 0x01);		/* ICW4: 8086 mode */
	outb(port + 1, 0xff);		/* every line masked */
}

/*
 * i8259_mask: masks every line, and moves the vectors away from those of the
 * exceptions, for spurious interrupts are not masked: they come as line 7 of
 * the one that makes them up.  Once, at start, before interrupts are enabled.
 */
void
i8259_mask(void)
{
	init_and_mask(MASTER, VECTOR_8259, 0x04); /* the slave is on line 2 */
	init_and_mask(SLAVE, VECTOR_8259 + 8, 0x02);
}
