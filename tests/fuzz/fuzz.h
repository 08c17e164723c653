/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_FUZZ_H_
#define	_TESTS_FUZZ_H_

/*
 * Fuzzing: a program for each parser of foreign input.
 * LLVMFuzzerTestOneInput() gives the parser the input, and checks the result
 * against the parser's contract by must().  The memory block ends with the
 * input.  Built by clang with libFuzzer the program generates inputs (make
 * fuzz); built by any compiler with replay.c it tries the inputs kept in
 * corpus/ (make test).
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
