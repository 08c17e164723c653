/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * SHA-256 (FIPS 180-4), written for size and clarity rather than for speed.
 */

#include <sys/systm.h>
#include <tests/digest/sha256.h>

/* First 32 fraction bits of the square roots of the first 8 primes. */
static const uint32_t initial[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

/* First 32 fraction bits of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
	0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t
ror(uint32_t x, u_int n)
{

	return (x >> n | x << (32 - n));
}

/* Byte by byte, because the input may have any alignment. */
static inline uint32_t
get_be32(const uint8_t *p)
{

	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

static inline void
put_be32(uint8_t *p, uint32_t v)
{

	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void
sha256_block(uint32_t state[8], const uint8_t *p)
{
	uint32_t s[8], w[16], t1, t2, x, y;
	u_int i, j;

	for (i = 0; i < 8; i++)
		s[i] = state[i];
	for (i = 0; i < 64; i++) {
		/* The schedule uses the last 16 words only. */
		j = i % 16;
		if (i < 16)
			w[j] = get_be32(p + 4 * i);
		else {
			x = w[(i + 1) % 16];
			y = w[(i + 14) % 16];
			w[j] += w[(i + 9) % 16] +
			    (ror(x, 7) ^ ror(x, 18) ^ x >> 3) +
			    (ror(y, 17) ^ ror(y, 19) ^ y >> 10);
		}
		t1 = s[7] + k[i] + w[j] +
		    (ror(s[4], 6) ^ ror(s[4], 11) ^ ror(s[4], 25)) +
		    ((s[4] & s[5]) ^ (~s[4] & s[6]));
		t2 = (ror(s[0], 2) ^ ror(s[0], 13) ^ ror(s[0], 22)) +
		    ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		for (j = 7; j > 0; j--)
			s[j] = s[j - 1];
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		state[i] += s[i];
}

void
sha256_init(struct sha256_ctx *ctx)
{

	memcpy(ctx->state, initial, sizeof(ctx->state));
	ctx->len = 0;
}

void
sha256_update(struct sha256_ctx *ctx, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t n, used;

	/* data may be NULL if len is 0. */
	if (len == 0)
		return;
	used = (size_t)ctx->len % SHA256_BLOCK;
	ctx->len += len;
	if (used != 0) {
		n = SHA256_BLOCK - used;
		if (n > len)
			n = len;
		memcpy(ctx->buf + used, p, n);
		p += n;
		len -= n;
		if (used + n < SHA256_BLOCK)
			return;
		sha256_block(ctx->state, ctx->buf);
	}
	for (; len >= SHA256_BLOCK; len -= SHA256_BLOCK) {
		sha256_block(ctx->state, p);
		p += SHA256_BLOCK;
	}
	memcpy(ctx->buf, p, len);
}

void
sha256_final(struct sha256_ctx *ctx, uint8_t digest[SHA256_DIGEST])
{
	static const uint8_t padding[SHA256_BLOCK] = { 0x80 };
	uint8_t bits[8];
	size_t used;
	u_int i;

	put_be32(bits, (uint32_t)(ctx->len >> 29));
	put_be32(bits + 4, (uint32_t)(ctx->len << 3));

	/* Pads by 1 to 64 bytes, so that the length ends the block. */
	used = (size_t)ctx->len % SHA256_BLOCK;
	sha256_update(ctx, padding, (used < 56 ? 56 : 120) - used);
	sha256_update(ctx, bits, sizeof(bits));
	for (i = 0; i < 8; i++)
		put_be32(digest + 4 * i, ctx->state[i]);
	memset(ctx, 0, sizeof(*ctx));
}
