/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_TEST_H_
#define	_SYS_TEST_H_

/*
 * In-kernel tests: cases sit in a linker set, kern/test.c runs those that
 * the option test= names and reports them as KTAP.
 */

#include <sys/types.h>

struct test {
	const char *name;
	void (*run)(void);
	bool panics;	/* ends the machine: only when named in full */
};

#define	TEST_ENTRY(ident, name, panics)					\
	static void ident(void);					\
	static const struct test test_##ident = { name, ident, panics };\
	static const struct test *const set_##ident			\
	    __attribute__((section("set_tests"), used)) = &test_##ident;	\
	static void ident(void)

#define	TEST(ident, name)	TEST_ENTRY(ident, name, false)
#define	PANIC_TEST(ident, name)	TEST_ENTRY(ident, name, true)

/* Records a failure of the running case, with both values; goes on. */
#define	EXPECT_EQ(a, b)	test_expect_eq((uint64_t)(a), (uint64_t)(b), #a, #b, \
	__FILE__, __LINE__)
#define	EXPECT(cond)	test_expect_eq(!!(cond), 1, #cond, "true",	\
	__FILE__, __LINE__)

void	test_expect_eq(uint64_t a, uint64_t b, const char *as, const char *bs,
	    const char *file, int line);
bool	test_wanted(void);
u_int	test_run(void);		/* a value for machine_exit */

#endif /* !_SYS_TEST_H_ */
