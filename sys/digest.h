/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_DIGEST_H_
#define	_SYS_DIGEST_H_

#include <sys/types.h>

struct bootinfo;

u_int	digest_module(const struct bootinfo *bi);

#endif /* !_SYS_DIGEST_H_ */
