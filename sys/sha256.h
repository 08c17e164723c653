/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SHA256_H_
#define	_SYS_SHA256_H_

/*
 * SHA-256 (FIPS 180-4).  init, then update as often as needed, then final once;
 * final wipes the context.  No locks and no allocation: any context, as long
 * as the caller keeps one struct sha256_ctx to one thread at a time.
 */

#include <sys/types.h>

#define	SHA256_BLOCK	64	/* bytes hashed at a time */
#define	SHA256_DIGEST	32	/* bytes of the result */

struct sha256_ctx {
	uint32_t	state[8];
	uint64_t	len;			/* bytes taken in so far */
	uint8_t		buf[SHA256_BLOCK];	/* the block begun */
};

void	sha256_init(struct sha256_ctx *ctx);
void	sha256_update(struct sha256_ctx *ctx, const void *data, size_t len);
void	sha256_final(struct sha256_ctx *ctx, uint8_t digest[SHA256_DIGEST]);

#endif /* !_SYS_SHA256_H_ */
