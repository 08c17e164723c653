/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Host test (64-bit Linux, TAP) of the kernel's own library: vsnprintf.c,
 * string.c, div64.c, and sha256.c of the main job.  Their functions get other
 * names, so that the host's functions can be compared with them.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define	printf		k_printf
#define	vprintf		k_vprintf
#define	snprintf	k_snprintf
#define	vsnprintf	k_vsnprintf
#define	memcpy		k_memcpy
#define	memmove		k_memmove
#define	memset		k_memset
#define	memcmp		k_memcmp
#define	strlen		k_strlen
#define	strnlen		k_strnlen
#define	strcmp		k_strcmp
#define	strncmp		k_strncmp
#define	strchr		k_strchr
#define	__udivmoddi4	k_udivmoddi4
#define	__udivdi3	k_udivdi3
#define	__umoddi3	k_umoddi3
#define	__divdi3	k_divdi3
#define	__moddi3	k_moddi3
#include "kern/lib/string.c"
#include "kern/lib/vsnprintf.c"
#include "kern/lib/div64.c"
#include "tests/digest/sha256.c"
#undef printf
#undef vprintf
#undef snprintf
#undef vsnprintf
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

static int ntests, nfailed, nbad;

/* The symbols of a kernel with two functions, each 16 bytes long. */
const char *
ksym_lookup(uintptr_t pc, uintptr_t *offset)
{
	if (pc < 0x1000 || pc >= 0x1020)
		return (NULL);
	*offset = pc % 16;
	return (pc < 0x1010 ? "first" : "second");
}

#define	CHECK(cond) do {						\
	if (!(cond)) {							\
		printf("# line %d: %s\n", __LINE__, #cond);		\
		nbad++;							\
	}								\
} while (0)

/* Ends a TAP test point, which sums up the CHECKs since the one before. */
static void
done(const char *name)
{

	printf("%s %d - %s\n", nbad == 0 ? "ok" : "not ok", ++ntests, name);
	if (nbad != 0)
		nfailed++;
	nbad = 0;
}

/* xorshift64, so that each run has the same operands. */
static uint64_t
rnd(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (x);
}

static int
sign(int v)
{

	return ((v > 0) - (v < 0));
}

/* Compares the formatters, for buffers from no bytes to more than enough. */
static void
fmt_same(int line, const char *fmt, ...)
{
	char h[256], k[256];
	va_list ap;
	size_t size;
	int hn, kn;

	for (size = 0; size < 80; size++) {
		memset(h, 0x5a, sizeof(h));
		memset(k, 0x5a, sizeof(k));
		va_start(ap, fmt);
		hn = vsnprintf(h, size, fmt, ap);
		va_end(ap);
		va_start(ap, fmt);
		kn = k_vsnprintf(k, size, fmt, ap);
		va_end(ap);
		if (hn != kn || memcmp(h, k, sizeof(h)) != 0) {
			printf("# line %d: \"%s\" size %zu: %d, not %d\n",
			    line, fmt, size, kn, hn);
			nbad++;
			return;
		}
	}
}

#define	SAME(...)	fmt_same(__LINE__, __VA_ARGS__)

/* Whether the kernel's format of one address gives this text. */
static bool
sym_is(const char *fmt, uintptr_t address, const char *want)
{
	char got[64];

	return (k_snprintf(got, sizeof(got), fmt, (void *)address) ==
	    (int)strlen(want) && strcmp(got, want) == 0);
}

static void
test_printf(void)
{
	static const char *const flags[] = { "", "0", "-", "-0", "0-" };
	static const char *const widths[] = { "", "1", "5", "25" };
	static const struct {
		const char	*mod;
		int		kind;
	} mods[] = {
		{ "hh", 0 }, { "h", 0 }, { "", 0 }, { "l", 1 }, { "ll", 2 },
		{ "z", 3 },
	};
	static const uint64_t vals[] = {
		0, 1, 9, 10, 99, 127, 128, 255, 256, 32767, 32768, 65535,
		65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		999999999999, 10000000000000000000u, INT64_MAX,
		(uint64_t)INT64_MIN, UINT64_MAX - 1, UINT64_MAX,
	};
	char fmt[32], buf[8];
	const char *conv;
	size_t f, i, m, w;
	uint64_t v;
	char raw[3] = { 'a', 'b', 'c' };
	char *null = NULL;

	for (conv = "diuxX"; *conv != '\0'; conv++)
	for (f = 0; f < nitems(flags); f++)
	for (w = 0; w < nitems(widths); w++)
	for (m = 0; m < nitems(mods); m++)
	for (i = 0; i < nitems(vals) + 4; i++) {
		v = i < nitems(vals) ? vals[i] : rnd();
		snprintf(fmt, sizeof(fmt), "<%%%s%s%s%c>", flags[f],
		    widths[w], mods[m].mod, *conv);
		if (mods[m].kind == 0)
			SAME(fmt, (int)v);
		else if (mods[m].kind == 1)
			SAME(fmt, (long)v);
		else if (mods[m].kind == 2)
			SAME(fmt, (long long)v);
		else
			SAME(fmt, (size_t)v);
	}
	done("printf: integers as on the host");

	SAME("plain");
	SAME("");
	SAME("100%%|%c|%5c|%-5c|", 'a', 'b', 'c');
	SAME("%c|", 0);
	SAME("%s|%10s|%-10s|%2s", "abc", "def", "ghi", "jklm");
	SAME("%.2s|%.0s|%.9s|%5.1s|%-5.1s|%.s|", "abc", "abc", "abc", "abc",
	    "abc", "abc");
	SAME("%.3s|", raw);		/* not terminated */
	SAME("%*d|%-*d|%*d|%.*s|%.*s|", 5, 1, 5, 2, -5, 3, 2, "abc", -1,
	    "abc");
	SAME("%s|%10s|%-10s|", null, null, null);
	SAME("%p|%20p|%-20p|", (void *)0x1234, (void *)0xdeadbeef,
	    (void *)UINTPTR_MAX);
	done("printf: strings, characters, pointers as on the host");

	CHECK(k_snprintf(NULL, 0, "%d", 12345) == 5);
	CHECK(k_snprintf(buf, sizeof(buf), "%p", NULL) == 3);
	CHECK(strcmp(buf, "0x0") == 0);
	CHECK(k_snprintf(buf, 1, "abc") == 3 && buf[0] == '\0');
	conv = "%q%";
	CHECK(k_snprintf(buf, sizeof(buf), conv, 0) == 3);
	CHECK(strcmp(buf, "%q%") == 0);
	done("printf: the kernel's own choices");

	CHECK(sym_is("<%pS>", 0x1000, "<0x1000 first+0x0>"));
	CHECK(sym_is("<%pS>", 0x1015, "<0x1015 second+0x5>"));
	CHECK(sym_is("<%pS>", 0x0fff, "<0xfff>"));
	CHECK(sym_is("<%pS>", 0x1020, "<0x1020>"));
	CHECK(sym_is("<%pC>", 0x1015, "<0x1015 second+0x5>"));
	/* After a call that does not return, the last of its function. */
	CHECK(sym_is("<%pC>", 0x1010, "<0x1010 first+0x10>"));
	CHECK(sym_is("<%pC>", 0x1020, "<0x1020 second+0x10>"));
	CHECK(sym_is("<%pC>", 0, "<0x0>"));
	CHECK(sym_is("<%pc>", 0x1015, "<0x1015c>"));
	CHECK(k_snprintf(buf, sizeof(buf), "%pS", (void *)0x1000) == 16);
	CHECK(strcmp(buf, "0x1000 ") == 0);
	done("printf: addresses with their names");
}

static void
test_mem(void)
{
	unsigned char a[96], b[96], ref[96];
	size_t d, i, len, s;

	for (i = 0; i < sizeof(ref); i++)
		ref[i] = (unsigned char)rnd();
	for (d = 0; d < 20; d++)
	for (s = 0; s < 20; s++)
	for (len = 0; len < 70; len++) {
		memcpy(a, ref, sizeof(a));
		memcpy(b, ref, sizeof(b));
		memmove(a + d, a + s, len);
		CHECK(k_memmove(b + d, b + s, len) == b + d);
		CHECK(memcmp(a, b, sizeof(a)) == 0);

		memset(a, 1, sizeof(a));
		memset(b, 1, sizeof(b));
		memcpy(a + d, ref + s, len);
		CHECK(k_memcpy(b + d, ref + s, len) == b + d);
		CHECK(memcmp(a, b, sizeof(a)) == 0);

		memset(a + d, (int)(s * 37) - 300, len);
		CHECK(k_memset(b + d, (int)(s * 37) - 300, len) == b + d);
		CHECK(memcmp(a, b, sizeof(a)) == 0);
		CHECK(k_memcmp(a + d, b + d, len) == 0);
		if (len != 0) {
			b[d + s % len] ^= 0x80;
			CHECK(sign(k_memcmp(a + d, b + d, len)) ==
			    sign(memcmp(a + d, b + d, len)));
		}
	}
	done("memcpy memmove memset memcmp");
}

static void
test_str(void)
{
	static const char *const v[] = {
		"", "a", "b", "ab", "abc", "abd", "\xff", "a\xff", "\x7f",
	};
	size_t i, j, n;
	int c;

	for (i = 0; i < nitems(v); i++) {
		CHECK(k_strlen(v[i]) == strlen(v[i]));
		for (n = 0; n < 5; n++)
			CHECK(k_strnlen(v[i], n) == strnlen(v[i], n));
		for (c = -128; c < 256; c++)
			CHECK(k_strchr(v[i], c) == strchr(v[i], c));
		for (j = 0; j < nitems(v); j++) {
			CHECK(sign(k_strcmp(v[i], v[j])) ==
			    sign(strcmp(v[i], v[j])));
			for (n = 0; n < 5; n++)
				CHECK(sign(k_strncmp(v[i], v[j], n)) ==
				    sign(strncmp(v[i], v[j], n)));
		}
	}
	done("strlen strnlen strcmp strncmp strchr");
}

static void
div_same(uint64_t n, uint64_t d)
{
	uint64_t rem;
	int64_t sd, sn;

	if (d == 0)
		return;
	CHECK(k_udivmoddi4(n, d, &rem) == n / d && rem == n % d);
	CHECK(k_udivdi3(n, d) == n / d);
	CHECK(k_umoddi3(n, d) == n % d);
	sn = (int64_t)n;
	sd = (int64_t)d;
	if (sn == INT64_MIN && sd == -1) {
		/* Undefined in C, and a trap on the host: here it wraps. */
		CHECK(k_divdi3(sn, sd) == INT64_MIN);
		CHECK(k_moddi3(sn, sd) == 0);
		return;
	}
	CHECK(k_divdi3(sn, sd) == sn / sd);
	CHECK(k_moddi3(sn, sd) == sn % sd);
}

static void
test_div(void)
{
	uint64_t edge[64 * 6];
	size_t i, j, n;

	n = 0;
	for (i = 0; i < 64; i++) {
		for (j = 0; j < 3; j++) {
			edge[n++] = ((uint64_t)1 << i) + j - 1;
			edge[n++] = 0 - (((uint64_t)1 << i) + j - 1);
		}
	}
	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			div_same(edge[i], edge[j]);
	done("64-bit division: edge operands");

	for (i = 0; i < 1000000; i++) {
		uint64_t a, b;

		a = rnd();
		b = rnd();
		div_same(a >> (rnd() % 64), b >> (rnd() % 64));
	}
	done("64-bit division: random operands");
}

static bool
sha_is(struct sha256_ctx *ctx, const char *want)
{
	uint8_t digest[SHA256_DIGEST];
	char hex[2 * SHA256_DIGEST + 1];
	size_t i;

	sha256_final(ctx, digest);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return (strcmp(hex, want) == 0);
}

static void
test_sha256(void)
{
	static const char empty[] =
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	static const char abc[] =
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const char million[] =
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
	struct sha256_ctx ctx, one;
	uint8_t d1[SHA256_DIGEST], d2[SHA256_DIGEST];
	uint8_t as[997];
	size_t i, len, n;

	sha256_init(&ctx);
	sha256_update(&ctx, NULL, 0);
	CHECK(sha_is(&ctx, empty));
	sha256_init(&ctx);
	sha256_update(&ctx, "abc", 3);
	CHECK(sha_is(&ctx, abc));
	memset(as, 'a', sizeof(as));
	sha256_init(&ctx);
	for (len = 1000000; len > 0; len -= n) {
		n = len < sizeof(as) ? len : sizeof(as);
		sha256_update(&ctx, as, n);
	}
	CHECK(sha_is(&ctx, million));
	done("sha256: known digests");

	for (len = 0; len < 200; len++) {
		sha256_init(&one);
		sha256_update(&one, as, len);
		sha256_final(&one, d1);
		sha256_init(&ctx);
		for (i = 0; i < len; i++)
			sha256_update(&ctx, as + i, 1);
		sha256_final(&ctx, d2);
		CHECK(memcmp(d1, d2, sizeof(d1)) == 0);
	}
	done("sha256: whole and byte by byte agree");
}

int
main(void)
{

	test_printf();
	test_mem();
	test_str();
	test_div();
	test_sha256();
	printf("1..%d\n", ntests);
	return (nfailed == 0 ? 0 : 1);
}
