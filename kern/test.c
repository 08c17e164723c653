/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Runs the in-kernel tests.  Around every case stands a fence: free pages
 * and references of sf_bufs must be afterwards what they were before.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/tunable.h>
#include <machine/pmap.h>
#include <vm/vm_page.h>

extern const struct test *const __start_set_tests[], *const
    __stop_set_tests[];

static char wanted[64];
TUNABLE_STR(test, "test", wanted, "tests to run: all, list, prefix*, a name");

static u_int failures;		/* of the running case */

void
test_expect_eq(uint64_t a, uint64_t b, const char *as, const char *bs,
    const char *file, int line)
{
	if (a == b)
		return;
	failures++;
	printf("# %s:%d: %s is 0x%llx, %s is 0x%llx\n", file, line, as,
	    (unsigned long long)a, bs, (unsigned long long)b);
}

bool
test_wanted(void)
{
	return (wanted[0] != '\0');
}

static bool
selected(const struct test *t)
{
	size_t len = strlen(wanted);

	if (strcmp(wanted, t->name) == 0)
		return (true);
	if (t->panics)
		return (false);
	if (strcmp(wanted, "all") == 0)
		return (true);
	return (wanted[len - 1] == '*' &&
	    strncmp(wanted, t->name, len - 1) == 0);
}

static uint32_t
free_pages(void)
{
	uint32_t n = kstack_idle_pages();

	for (int z = 0; z < VM_NZONES; z++)
		n += vm_page_zone_free((enum vm_zone)z);
	return (n);
}

static bool
run_case(const struct test *t, u_int number)
{
	uint32_t pages = free_pages();
	u_int inuse = sf_buf_inuse();

	failures = 0;
	t->run();
	EXPECT_EQ(free_pages(), pages);
	EXPECT_EQ(sf_buf_inuse(), inuse);
	EXPECT_EQ(sf_buf_audit(), 0);
	printf("%s %u %s\n", failures == 0 ? "ok" : "not ok", number,
	    t->name);
	return (failures == 0);
}

static u_int
list(void)
{
	for (const struct test *const *t = __start_set_tests;
	    t < __stop_set_tests; t++)
		printf("%s%s\n", (*t)->name, (*t)->panics ? " (panics)" : "");
	return (EXIT_NOTHING);
}

u_int
test_run(void)
{
	const struct test *const *t;
	u_int planned = 0, number = 0, failed = 0;

	if (strcmp(wanted, "list") == 0)
		return (list());
	for (t = __start_set_tests; t < __stop_set_tests; t++)
		planned += selected(*t);
	if (planned == 0) {
		printf("mayfly: no test is called %s; test=list names them\n",
		    wanted);
		return (EXIT_NOTHING);
	}
	printf("KTAP version 1\n1..%u\n", planned);
	for (t = __start_set_tests; t < __stop_set_tests; t++)
		if (selected(*t) && !run_case(*t, ++number))
			failed++;
	return (failed == 0 ? EXIT_PASSED : EXIT_FAILED);
}
