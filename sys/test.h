/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_TEST_H_
#define	_SYS_TEST_H_

/*
 * In-kernel tests.  A case is declared in tests/, and reaches tests/runner.c
 * by the linker set "set_tests".  The runner runs the cases that the option
 * test= selects in the order of file and line, each inside a leak fence, and
 * reports them as KTAP.
 */

#include <sys/types.h>

struct test {
	const char *name;
	void (*run)(void);
	enum {
		TEST_PLAIN,
		TEST_HIDDEN,	/* runs only when named in full */
		TEST_PANICS	/* hidden; to return is a failure */
	} kind;
	int line;
	const char *file;
};

#define	TEST_ENTRY_(ident, name, kind)					\
	static void ident(void);					\
	static const struct test test_##ident = { name, ident, kind,	\
	    __LINE__, __FILE__ };					\
	static const struct test *const set_##ident			\
	    __attribute__((section("set_tests"), used)) =		\
	    &test_##ident;						\
	static void ident(void)

/*
 * Each of these begins the definition of a case, at file scope.  ident is
 * unique in its file, name in the image: "area.what_it_says", without '*' and
 * ','.  A case runs in a thread that is not pinned, holds no lock and may
 * sleep; it must leave everything that the fence checks as it was.
 */
#define	TEST(ident, name)		TEST_ENTRY_(ident, name, TEST_PLAIN)
#define	HIDDEN_TEST(ident, name)	TEST_ENTRY_(ident, name, TEST_HIDDEN)
#define	PANIC_TEST(ident, name)		TEST_ENTRY_(ident, name, TEST_PANICS)

/*
 * EXPECT, EXPECT_EQ: record a failure of the running case, with both values,
 * if the condition does not hold; the case goes on.  Any context in which
 * printf() works, from any thread of the case.
 */
#define	EXPECT_EQ(a, b)	test_expect_eq((uint64_t)(a), (uint64_t)(b), #a, #b, \
	__FILE__, __LINE__)
#define	EXPECT(cond)	test_expect_eq(!!(cond), 1, #cond, "true",	\
	__FILE__, __LINE__)

void	test_expect_eq(uint64_t a, uint64_t b, const char *as, const char *bs,
	    const char *file, int line);

/*
 * test_skip: reports the running case as skipped, with the reason, because
 * this machine cannot show what the case is about.  The caller then returns.
 * Failures that it recorded before still count.
 */
void	test_skip(const char *reason);

/*
 * test_seed: returns where the random numbers of the running case start.  It
 * is made of the case's name and the option seed=, so that a failure repeats;
 * outside of a case, of seed= alone.
 * test_random: returns the next random number; all 32 bits are good.  *state
 * starts with any value and is used by one thread only:
 *
 *	uint32_t rng = test_seed() + cpu;
 *	page = test_random(&rng) % npages;
 */
uint32_t test_seed(void);
uint32_t test_random(uint32_t *state);

#endif /* !_SYS_TEST_H_ */
