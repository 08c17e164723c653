/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_FUZZ_H_
#define	_TESTS_FUZZ_H_

/*
 * One program for each parser of what the kernel did not make.  It gives the
 * parser the input of LLVMFuzzerTestOneInput(), whose block ends with it, and
 * must() hold the result against what the parser's contract says.  Built by
 * clang with libFuzzer it looks for inputs (make fuzz); by any compiler, with
 * replay.c, it tries those that are kept in corpus/ (make test).
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define	must(cond) do {							\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__,	\
		    __LINE__, #cond);					\
		abort();						\
	}								\
} while (0)

#endif /* !_TESTS_FUZZ_H_ */
