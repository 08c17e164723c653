/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_ERRNO_H_
#define	_SYS_ERRNO_H_

/*
 * The error numbers that kernel functions and calls return; 0 is success.
 * Each has the value that it has in the BSDs.
 */

#define	EPERM		1	/* the handle lacks the right */
#define	ESRCH		3	/* no such thread */
#define	EINTR		4	/* interrupted */
#define	E2BIG		7	/* too many */
#define	EBADF		9	/* no such handle */
#define	EDEADLK		11	/* a call to itself */
#define	ENOMEM		12	/* out of memory */
#define	EACCES		13	/* the memory may not be used in this way */
#define	EFAULT		14	/* no memory there */
#define	EEXIST		17	/* something is there already */
#define	EINVAL		22	/* invalid argument */
#define	EMFILE		24	/* the table of handles is full */
#define	EFBIG		27	/* too large */
#define	EPIPE		32	/* the other end is closed */
#define	EAGAIN		35	/* would block */
#define	EWOULDBLOCK	EAGAIN	/* would block, or timed out */
#define	EMSGSIZE	40	/* the message is larger than the buffer or limit */
#define	ENOBUFS		55	/* a limit of the task is reached */
#define	ETIMEDOUT	60	/* the deadline has passed */
#define	ENOSYS		78	/* no such call */

#endif /* !_SYS_ERRNO_H_ */
