/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_TEST_H_
#define	_SYS_TEST_H_

/*
 * In-kernel tests: cases sit in a linker set, beside the code that they are
 * for or in tests/; tests/runner.c runs those that test= names, by file and
 * line, each inside a leak fence, and reports them as KTAP.
 */

#include <sys/types.h>

struct test {
	const char *name;
	void (*run)(void);
	enum {
		TEST_PLAIN,
		TEST_HIDDEN,	/* runs only when named in full */
		TEST_PANICS	/* the same; and coming back is a failure */
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
 * Each begins the definition of a case, at file scope.  ident is unique in
 * its file, name everywhere: "area.what_it_says", without '*' and ','.  A case
 * runs in a thread that is not pinned, holds no lock and may sleep, and must
 * leave everything that the fence looks at as it was.
 */
#define	TEST(ident, name)		TEST_ENTRY_(ident, name, TEST_PLAIN)
#define	HIDDEN_TEST(ident, name)	TEST_ENTRY_(ident, name, TEST_HIDDEN)
#define	PANIC_TEST(ident, name)		TEST_ENTRY_(ident, name, TEST_PANICS)

/*
 * Records a failure of the running case, with both values; goes on.  Any
 * context in which printf() works, from any thread of the case.
 */
#define	EXPECT_EQ(a, b)	test_expect_eq((uint64_t)(a), (uint64_t)(b), #a, #b, \
	__FILE__, __LINE__)
#define	EXPECT(cond)	test_expect_eq(!!(cond), 1, #cond, "true",	\
	__FILE__, __LINE__)

void	test_expect_eq(uint64_t a, uint64_t b, const char *as, const char *bs,
	    const char *file, int line);

/*
 * test_skip: this machine cannot show what the running case is about; the
 * report says so, with the reason.  The caller returns then.  What was found
 * wrong before counts all the same.
 */
void	test_skip(const char *reason);

/*
 * test_seed: where the random numbers of the running case start: its name and
 * seed= decide, so that a failure repeats; outside of a case seed= alone.
 * test_random: the next of them, all 32 bits good; *state is anything to start
 * with, and the caller's alone:
 *
 *	uint32_t rng = test_seed() + cpu;
 *	page = test_random(&rng) % npages;
 */
uint32_t test_seed(void);
uint32_t test_random(uint32_t *state);

bool	test_wanted(void);	/* whether test= asks for anything */
u_int	test_run(void);		/* what it asks for */

/*
 * test_run_pattern: runs the cases that the comma-separated patterns name,
 * where * stands for any characters and "all" for every case that is not
 * hidden; "list" only names them.  Thread context; sleeps.  Returns a value for
 * machine_exit(): EXIT_NOTHING also if a pattern names no case.
 */
u_int	test_run_pattern(const char *patterns);

#endif /* !_SYS_TEST_H_ */
