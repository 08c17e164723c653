/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_TUNABLE_H_
#define	_SYS_TUNABLE_H_

/*
 * Boot options.  Each option is declared once, next to the variable that it
 * sets, and reaches kern/tunable.c by the linker set "set_tunables".
 * Invariants: names are unique and hold no space, no '=' and no '/'; the
 * variable starts with its default, which stays if the option is not given.
 */

#include <sys/types.h>

#define	TUNABLE_STRSIZE	768	/* bytes of a TUN_STR, with the final NUL */

struct tunable {
	const char	*name;
	const char	*help;		/* one line, for people */
	enum {
		TUN_UINT,		/* var is a u_int * */
		TUN_BOOL,		/* var is a bool * */
		TUN_STR,		/* var is a char[TUNABLE_STRSIZE] */
		TUN_ENUM		/* var is a u_int *, index in choices */
	} type;
	void		*var;
	uint32_t	min;		/* TUN_UINT, inclusive */
	uint32_t	max;
	const char	*const *choices; /* TUN_ENUM, ends in NULL */
};

#define	TUNABLE_CHECK_(v, t)						\
	_Static_assert(__builtin_types_compatible_p(__typeof__(v), t),	\
	    "a tunable's variable must be a " #t)

#define	TUNABLE_(token, ...)						\
	static const struct tunable tunable_##token = { __VA_ARGS__ };	\
	static const struct tunable *const tunable_set_##token		\
	    __attribute__((section("set_tunables"), used)) =		\
	    &tunable_##token

/*
 * Each of these declares one option, at file scope.  token is an identifier
 * that is unique in the file; str is the option's name; v is the variable
 * itself, not its address; lo and hi are inclusive; list is an array of
 * strings that ends in NULL; text describes the option in one line.
 */
#define	TUNABLE_UINT(token, str, v, lo, hi, text)			\
	TUNABLE_CHECK_(v, u_int);					\
	TUNABLE_(token, .name = (str), .help = (text), .type = TUN_UINT, \
	    .var = &(v), .min = (lo), .max = (hi))
#define	TUNABLE_BOOL(token, str, v, text)				\
	TUNABLE_CHECK_(v, bool);					\
	TUNABLE_(token, .name = (str), .help = (text), .type = TUN_BOOL, \
	    .var = &(v))
#define	TUNABLE_STR(token, str, v, text)				\
	TUNABLE_CHECK_(v, char[TUNABLE_STRSIZE]);			\
	TUNABLE_(token, .name = (str), .help = (text), .type = TUN_STR,	\
	    .var = (v))
#define	TUNABLE_ENUM(token, str, v, list, text)				\
	TUNABLE_CHECK_(v, u_int);					\
	TUNABLE_(token, .name = (str), .help = (text), .type = TUN_ENUM, \
	    .var = &(v), .choices = (list))

/* The bounds of the set, from the linker; weak, for a set without members. */
extern const struct tunable *const __start_set_tunables[]
    __attribute__((weak));
extern const struct tunable *const __stop_set_tunables[]
    __attribute__((weak));

/* The contract is in kern/tunable.c. */
int	tunable_parse(const char *cmdline, char *err, size_t errlen);

#endif /* !_SYS_TUNABLE_H_ */
