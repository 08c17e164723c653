/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Measures for how many instructions a CPU takes no interrupt, because of CLI
 * or of the soft mask of <machine/intr.h>.
 *
 * With EFLAGS.TF set, each instruction ends in a debug exception, which comes
 * with interrupts off as well.  The handler looks whether the CPU could take an
 * interrupt at this moment, and counts the instructions from one such moment
 * to the next.  So the figure is exact, and the measured code is as it is.
 *
 * An interrupt can be taken where EFLAGS.IF is set, but not right after STI
 * (SDM vol. 2B, STI): "sti; cli" lets none in.  Nor can it where pc_soft_masked
 * is set: there it comes, but is put off.  QEMU takes STI and the instruction
 * behind it as one step, other machines as two.
 *
 * One measurement is under way at a time.  A switch to another thread does not
 * change TF, so the CPU goes on in single steps; interrupt gates clear it.
 */

#include <sys/types.h>
#include <sys/ksym.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/intr.h>
#include <machine/trap.h>
#include <tests/bench/stretch.h>

#define	KNOWN		1000u		/* instructions of the self-check */

#define	STI		0xfbu		/* SDM vol. 2B, STI */

static struct stretch *stretch;
static uint32_t length;			/* of the stretch so far */
static uintptr_t begin;			/* and where it began */
static uintptr_t behind_sti;		/* if the next instruction is STI */

/* Counts the moment before an instruction, in which an interrupt may come. */
static void
count_moment(uintptr_t eip, bool open)
{
	stretch->insns++;
	if (open) {
		length = 0;
		return;
	}
	if (length++ == 0)
		begin = eip;
	if (length > stretch->longest) {
		stretch->longest = length;
		stretch->from = begin;
	}
}

static void
take_step(const struct trapframe *tf)
{
	bool open = (tf->eflags & EFLAGS_IF) != 0 &&
	    !PCPU_TEST(pc_soft_masked, ~0u);

	if (behind_sti == tf->eip)
		open = false;
	else if (behind_sti != 0)
		count_moment(behind_sti, false);
	count_moment(tf->eip, open);
	behind_sti = *(const uint8_t *)tf->eip == STI ? tf->eip + 1 : 0;
}

/* TF takes effect one instruction late, both when it is set and cleared. */
static inline void
steps_start(void)
{
	__asm__ volatile("pushfl; orl $0x100, (%%esp); popfl; nop" : : :
	    "memory", "cc");
}

static inline void
steps_stop(void)
{
	__asm__ volatile("pushfl; andl $~0x100, (%%esp); popfl" : : :
	    "memory", "cc");
}

void
stretch_measure(struct stretch *s, void (*fn)(void *), void *arg)
{
	KASSERT(intr_enabled() && trap_step == NULL, "stretch_measure: "
	    "interrupts are off, or it is under way (called from %pC)",
	    __caller());
	stretch = s;
	length = 0;
	behind_sti = 0;
	trap_step = take_step;
	steps_start();
	fn(arg);
	steps_stop();
	trap_step = NULL;
}

/* Counted after CLI: the NOPs, STI, and the instruction behind STI. */
static void
hard_stretch(void *arg)
{
	(void)arg;
	__asm__ volatile("cli; .rept %c0 - 2; nop; .endr; sti; nop; nop" : :
	    "i" (KNOWN) : "memory");
}

/* STI and CLI in the middle let no interrupt in. */
static void
shadowed_stretch(void *arg)
{
	(void)arg;
	__asm__ volatile("cli; .rept %c0 - 4; nop; .endr; sti; cli; sti; nop; "
	    "nop" : : "i" (KNOWN) : "memory");
}

/* Counted after the store that masks: the NOPs, and what unmasks. */
static void
soft_stretch(void *arg)
{
	(void)arg;
	intr_soft_mask();
	__asm__ volatile(".rept %c0 - 1; nop; .endr" : : "i" (KNOWN) :
	    "memory");
	intr_soft_unmask();
}

/* Two stretches of half the length, with a moment between them. */
static void
two_stretches(void *arg)
{
	(void)arg;
	for (u_int i = 0; i < 2; i++)
		__asm__ volatile("cli; .rept %c0 - 2; nop; .endr; sti; nop; "
		    "nop" : : "i" (KNOWN / 2) : "memory");
}

bool
stretch_works(void)
{
	static const struct {
		void (*fn)(void *);
		uint32_t insns;
	} known[] = {
		{ hard_stretch, KNOWN }, { shadowed_stretch, KNOWN },
		{ soft_stretch, KNOWN }, { two_stretches, KNOWN / 2 },
	};
	bool works = true;

	for (u_int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct stretch s = { 0 };

		stretch_measure(&s, known[i].fn, NULL);
		if (s.longest == known[i].insns)
			continue;
		printf("# stretch %u is of %u instructions, and was measured "
		    "as %u\n", i, known[i].insns, s.longest);
		works = false;
	}
	return (works);
}
