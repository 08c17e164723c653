/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_DIGEST_H_
#define	_SYS_DIGEST_H_

#include <sys/types.h>

struct bootinfo;

/* digest_init: where the module is; *info stays in use.  Once, at start. */
void	digest_init(const struct bootinfo *info);

/*
 * digest_run: the whole job; its memory is given back.  Thread context, one
 * at a time; sleeps.  Returns a value for machine_exit(): EXIT_PASSED only if
 * every digest agrees.
 */
u_int	digest_run(void);

#endif /* !_SYS_DIGEST_H_ */
