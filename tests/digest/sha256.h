/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_DIGEST_SHA256_H_
#define	_TESTS_DIGEST_SHA256_H_

/*
 * SHA-256 (FIPS 180-4): sha256_init(), then sha256_update() as often as
 * needed, then sha256_final() once, which clears the context.  No locks and no
 * allocation: any context, if each struct sha256_ctx is used by one thread at
 * a time.
 */

#include <sys/types.h>

#define	SHA256_BLOCK	64	/* bytes hashed at a time */
#define	SHA256_DIGEST	32	/* bytes of the result */

struct sha256_ctx {
	uint32_t	state[8];
	uint64_t	len;			/* bytes hashed so far */
	uint8_t		buf[SHA256_BLOCK];	/* the incomplete block */
};

void	sha256_init(struct sha256_ctx *ctx);
void	sha256_update(struct sha256_ctx *ctx, const void *data, size_t len);
void	sha256_final(struct sha256_ctx *ctx, uint8_t digest[SHA256_DIGEST]);

#endif /* !_TESTS_DIGEST_SHA256_H_ */
