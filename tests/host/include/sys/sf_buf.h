/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SF_BUF_H_
#define	_SYS_SF_BUF_H_

/* Host shim: the test decides which page has a referenced mapping. */

#include <stdbool.h>

struct vm_page;

bool	sf_buf_page_referenced(struct vm_page *m);

#endif /* !_SYS_SF_BUF_H_ */
