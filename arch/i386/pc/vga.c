/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * VGA text memory, 80 columns of 25 rows, which scrolls.  Owns the memory, the
 * place of the next character and the hardware's cursor.  Contracts are in
 * <machine/vga.h>.
 */

#include <sys/types.h>
#include <machine/cpufunc.h>
#include <machine/vga.h>
#include <machine/vmparam.h>

#define	CRTC_INDEX	0x3d4
#define	CRTC_DATA	0x3d5
#define	CRTC_START	0x0c		/* and 0x0d, the low byte */
#define	CRTC_CURSOR	0x0e		/* and 0x0f, the low byte */
#define	VGA		((volatile uint16_t *)(DMAP_MIN + 0xb8000))
#define	VGA_COLS	80
#define	VGA_ROWS	25
#define	VGA_GREY	0x0700

static u_int column, row;	/* column == VGA_COLS: the row is full */

static void
fill(u_int from, u_int to)
{
	while (from < to)
		VGA[from++] = VGA_GREY | ' ';
}

static void
newline(void)
{
	column = 0;
	if (row < VGA_ROWS - 1) {
		row++;
		return;
	}
	for (u_int i = 0; i < VGA_COLS * (VGA_ROWS - 1); i++)
		VGA[i] = VGA[i + VGA_COLS];
	fill(VGA_COLS * (VGA_ROWS - 1), VGA_COLS * VGA_ROWS);
}

static void
clear(void)
{
	fill(0, VGA_COLS * VGA_ROWS);
	column = row = 0;
}

/* Sets a pair of the CRT controller's registers, the high byte first. */
static void
crtc_set(uint8_t reg, u_int v)
{
	outb(CRTC_INDEX, reg);
	outb(CRTC_DATA, (uint8_t)(v >> 8));
	outb(CRTC_INDEX, reg + 1);
	outb(CRTC_DATA, (uint8_t)v);
}

void
vga_init(void)
{
	crtc_set(CRTC_START, 0);
	clear();
}

void
vga_putc(char c)
{
	switch (c) {
	case '\n':
		newline();
		return;
	case '\r':
		column = 0;
		return;
	case '\b':
		if (column > 0)
			column--;
		return;
	case '\f':
		clear();
		return;
	case '\a':
		return;
	}
	if (column == VGA_COLS)
		newline();
	VGA[row * VGA_COLS + column++] = (uint16_t)(VGA_GREY | (uint8_t)c);
}

void
vga_show_cursor(void)
{
	crtc_set(CRTC_CURSOR, row * VGA_COLS + column);
}
