/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Functions that code compiled with -fsanitize=undefined calls when it is
 * about to do something that C does not define.  Each panics with the file,
 * the line, the kind and the values.  Part of build/ubsan only; not compiled
 * with that option itself, so that it cannot call itself.
 *
 * The names, arguments and structures are given by the compiler.  gcc and
 * clang agree on them, except that gcc passes arguments as -mregparm says and
 * clang on the stack.
 */

#include <sys/types.h>
#include <sys/systm.h>

#ifdef __clang__
#define	CALL	__attribute__((regparm(0), __noreturn__))
#else
#define	CALL	__attribute__((__noreturn__))
#endif

struct place {
	const char *file;
	uint32_t line, column;
};

/*
 * For an integer, bit 0 of info is set if it is signed, and the other bits are
 * log2 of its width.
 */
struct type {
	uint16_t kind;		/* 0: an integer */
	uint16_t info;
	char name[];
};

/* What a handler gets beside the values; the place always comes first. */
struct typed {
	struct place at;
	const struct type *type, *other;
};

struct mismatch {
	struct place at;
	const struct type *type;
	uint8_t log2_align;
	uint8_t access;		/* index of accesses[] */
};

static const char *const accesses[] = { "load of", "store to", "reference to",
    "member access within", "member call on", "constructor call on",
    "downcast of", "downcast of", "upcast of", "cast to virtual base of",
    "use as nonnull of", "dynamic operation on" };

#define	VALUELEN	24

/*
 * Formats a value into buf.  Values of up to 32 bits are passed as they are,
 * longer ones by address; a value that is no integer is shown as it was
 * passed.
 */
static const char *
value(const struct type *t, uintptr_t v, char buf[VALUELEN])
{
	u_int bits = t->kind == 0 ? 1u << (t->info >> 1) : 0;
	long long n = bits > 32 ? *(const long long *)v : (long long)v;
	bool is_signed = (t->info & 1) != 0;

	if (bits == 0)
		snprintf(buf, VALUELEN, "0x%lx", (unsigned long)v);
	else if (is_signed && bits <= 32)
		snprintf(buf, VALUELEN, "%d", (int)((uint32_t)v <<
		    (32 - bits)) >> (32 - bits));
	else if (is_signed)
		snprintf(buf, VALUELEN, "%lld", n);
	else
		snprintf(buf, VALUELEN, "%llu", (unsigned long long)n);
	return (buf);
}

#define	UNDEFINED(at, fmt, ...)						\
	panic("undefined: %s:%u: " fmt, (at).file, (at).line, ##__VA_ARGS__)

static void __dead2
overflow(const struct typed *d, const char *sign, uintptr_t a, uintptr_t b)
{
	char left[VALUELEN], right[VALUELEN];

	UNDEFINED(d->at, "%s %s %s does not fit in %s",
	    value(d->type, a, left), sign, value(d->type, b, right),
	    d->type->name);
}

/* With -fno-sanitize-recover the compiler's names end in _abort. */
#define	HANDLER(name, ...)						\
	void CALL __ubsan_handle_##name(__VA_ARGS__);			\
	void CALL __ubsan_handle_##name(__VA_ARGS__)

HANDLER(add_overflow_abort, struct typed *d, uintptr_t a, uintptr_t b)
{
	overflow(d, "+", a, b);
}

HANDLER(sub_overflow_abort, struct typed *d, uintptr_t a, uintptr_t b)
{
	overflow(d, "-", a, b);
}

HANDLER(mul_overflow_abort, struct typed *d, uintptr_t a, uintptr_t b)
{
	overflow(d, "*", a, b);
}

HANDLER(divrem_overflow_abort, struct typed *d, uintptr_t a, uintptr_t b)
{
	overflow(d, "/", a, b);
}

HANDLER(negate_overflow_abort, struct typed *d, uintptr_t a)
{
	char buf[VALUELEN];

	UNDEFINED(d->at, "-(%s) does not fit in %s", value(d->type, a, buf),
	    d->type->name);
}

HANDLER(shift_out_of_bounds_abort, struct typed *d, uintptr_t a, uintptr_t b)
{
	char left[VALUELEN], right[VALUELEN];

	UNDEFINED(d->at, "%s shifted by %s, in %s", value(d->type, a, left),
	    value(d->other, b, right), d->type->name);
}

HANDLER(out_of_bounds_abort, struct typed *d, uintptr_t index)
{
	char buf[VALUELEN];

	UNDEFINED(d->at, "index %s is out of %s", value(d->other, index, buf),
	    d->type->name);
}

HANDLER(load_invalid_value_abort, struct typed *d, uintptr_t v)
{
	char buf[VALUELEN];

	UNDEFINED(d->at, "%s is no value of %s", value(d->type, v, buf),
	    d->type->name);
}

HANDLER(vla_bound_not_positive_abort, struct typed *d, uintptr_t bound)
{
	char buf[VALUELEN];

	UNDEFINED(d->at, "an array of %s elements",
	    value(d->type, bound, buf));
}

HANDLER(type_mismatch_v1_abort, struct mismatch *d, uintptr_t p)
{
	UNDEFINED(d->at, "%s 0x%lx, %s, as %s", accesses[d->access],
	    (unsigned long)p, p == 0 ? "a null pointer" :
	    p % (1u << d->log2_align) != 0 ? "not aligned" : "too small",
	    d->type->name);
}

HANDLER(pointer_overflow_abort, struct place *at, uintptr_t base,
    uintptr_t result)
{
	UNDEFINED(*at, "pointer 0x%lx became 0x%lx", (unsigned long)base,
	    (unsigned long)result);
}

HANDLER(invalid_builtin_abort, struct place *at)
{
	UNDEFINED(*at, "zero passed to clz or ctz");
}

/* This never returns in any build, so its name has no _abort. */
HANDLER(builtin_unreachable, struct place *at)
{
	UNDEFINED(*at, "reached __builtin_unreachable()");
}
