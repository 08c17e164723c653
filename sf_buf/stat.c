/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* What sf_bufs cost, as a table, and the commands that look at them. */

#include <sys/types.h>
#include <sys/monitor.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>

#include <sf_buf/sf_buf_var.h>

/* One that is added needs a row below. */
_Static_assert(sizeof(struct sf_buf_stats) == 13 * sizeof(uint64_t),
    "sf_buf_stats");

static void
print_row(const char *what, uint64_t n)
{
	printf("  %-24s %14llu\n", what, (unsigned long long)n);
}

/* sf_buf_print_stats: every counter, summed over the CPUs.  Any context. */
void
sf_buf_print_stats(void)
{
	struct sf_buf_stats s;

	sf_buf_stats_read(&s);
	printf("sf_buf: all CPUs together:\n");
	print_row("hits", s.hits);
	print_row("misses", s.misses);
	print_row("  of them CPU-private", s.privates);
	print_row("mappings revived", s.revived);
	print_row("PTE writes", s.pte_writes);
	print_row("local invalidations", s.invlpgs);
	print_row("forced flushes", s.forced);
	print_row("IPIs sent", s.ipis_sent);
	print_row("CPUs interrupted", s.interrupted);
	print_row("sleeps", s.sleeps);
	print_row("failures", s.failures);
	print_row("peak in use, sampled", s.peak);
}

/* After an early panic there is no slot to look at. */
static bool
is_there(const char *who)
{
	if (sf_callers == NULL)
		printf("%s: there is no pool yet\n", who);
	return (sf_callers != NULL);
}

SAFE_COMMAND(command_sfstat, "sfstat", "", "counters of the sf_bufs")
{
	if (!is_there("sfstat"))
		return;
	sf_buf_print_stats();
	print_row("in use", sf_buf_inuse());
	print_row("in the pool", nsfbufs);
}

SAFE_COMMAND(command_audit, "audit", "", "hold every sf_buf's PTE against it")
{
	u_int wrong;

	if (!is_there("audit"))
		return;
	wrong = sf_buf_audit();
	if (wrong == 0)
		printf("audit: all %u entries are right\n", nsfbufs);
	else
		printf("audit: %u of %u entries are wrong\n", wrong, nsfbufs);
}
