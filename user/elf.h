/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _USER_ELF_H_
#define	_USER_ELF_H_

/*
 * Programs as files: user/elf.c.  It looks at bytes only, and calls nothing but
 * itself, so that it can be tested anywhere.
 */

#include <stddef.h>
#include <stdint.h>

#define	ELF_PAGE	4096u
#define	ELF_HEAD	4096u	/* the file's headers end before this */
#define	ELF_SEGMENTS	8u

#define	ELF_READ	1u	/* as PROT_* of sys/abi/call.h */
#define	ELF_WRITE	2u
#define	ELF_EXEC	4u

/*
 * Whole pages: of the file in [start, file_end), zeros in [file_end, end).  In
 * the last page of the file what is from `zero' on must be zeros instead.
 */
struct elf_segment {
	uint32_t start, file_end, end;
	uint32_t zero;
	uint32_t page;			/* of the file, at start */
	uint32_t rights;		/* ELF_* */
};

struct elf_image {
	uint32_t entry, base;		/* base: 0, or where it was moved to */
	uint32_t phdr, phnum;		/* in memory; phdr 0: not there */
	uint32_t end;			/* of the last segment */
	uint32_t nsegments;
	struct elf_segment segments[ELF_SEGMENTS];
};

/*
 * elf_parse: what is to be mapped where for the program with these first bytes,
 * of a file of this size.  low and high bound the addresses that it may have;
 * base is where a position-independent one goes.  Returns NULL, or why this is
 * no program that can run, in words; *img is then undefined.  The segments are
 * in order and do not overlap.
 */
const char *elf_parse(const void *head, size_t headlen, uint64_t size,
	    uint32_t low, uint32_t high, uint32_t base, struct elf_image *img);

#endif /* !_USER_ELF_H_ */
