/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Fuzzes user/elf.c.  The input is a program's file, of which the parser gets
 * the first page.
 */

#include "tests/fuzz/fuzz.h"
#include "user/elf.c"

#define	LOW	0x1000u
#define	HIGH	0x7e800000u
#define	BASE	0x00400000u

/* What may be mapped without a further look. */
static void
check_segment(const struct elf_segment *s, uint32_t low, size_t size)
{
	must(s->start % ELF_PAGE == 0 && s->file_end % ELF_PAGE == 0 &&
	    s->end % ELF_PAGE == 0);
	must(s->start >= low && s->start < s->end && s->end <= HIGH);
	must(s->file_end >= s->start && s->file_end <= s->end);
	must((s->rights & ELF_READ) != 0 || s->rights == 0);
	must((s->rights & (ELF_WRITE | ELF_EXEC)) != (ELF_WRITE | ELF_EXEC));
	if (s->file_end == s->start)
		return;
	/* The bytes are in the file, and zeros begin in the last page of it. */
	must(s->zero > s->start && s->zero <= s->file_end &&
	    s->file_end - s->zero < ELF_PAGE);
	must((uint64_t)s->page * ELF_PAGE + (s->zero - s->start) <= size);
	must((s->rights & ELF_WRITE) != 0 || s->file_end == s->end);
}

static void
check_image(const struct elf_image *img, size_t size)
{
	uint32_t low = LOW;
	bool entered = false, described = img->phdr == 0;

	must(img->nsegments > 0 && img->nsegments <= ELF_SEGMENTS);
	must(img->base == 0 || img->base == BASE);
	for (uint32_t i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segments[i];

		check_segment(s, low, size);
		low = s->end;
		entered |= img->entry >= s->start && img->entry < s->end &&
		    (s->rights & ELF_EXEC) != 0;
		described |= img->phdr >= s->start && img->phdr < s->end;
	}
	must(entered && described);
	must(img->end > low - ELF_PAGE && img->end <= low);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t headlen = len < ELF_HEAD ? len : ELF_HEAD;
	uint8_t *head = malloc(headlen == 0 ? 1 : headlen);
	struct elf_image img;
	const char *why;

	memcpy(head, data, headlen);
	why = elf_parse(head, headlen, len, LOW, HIGH, BASE, &img);
	if (why == NULL)
		check_image(&img, len);
	else
		must(strlen(why) > 0 && strlen(why) < 80);
	free(head);
	return (0);
}
