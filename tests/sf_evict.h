/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_SF_EVICT_H_
#define	_TESTS_SF_EVICT_H_

/* A way for tests to choose which slot is used next: tests/sf_evict.c. */

#include <sys/types.h>

struct vm_page;

bool	sf_evict_page(struct vm_page *m);

#endif /* !_TESTS_SF_EVICT_H_ */
