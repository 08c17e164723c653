/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_ERRNO_H_
#define	_SYS_ERRNO_H_

/*
 * The error numbers that kernel functions return; 0 is success.  Each has the
 * value that it has in the BSDs.
 */

#define	EINTR		4	/* interrupted */
#define	ENOMEM		12	/* out of memory */
#define	EINVAL		22	/* invalid argument */
#define	EWOULDBLOCK	35	/* would block, or timed out */

#endif /* !_SYS_ERRNO_H_ */
