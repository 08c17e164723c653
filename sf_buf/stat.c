/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What sf_bufs cost: the counters, the clock's share in them, and the monitor's
 * table.
 *
 * Each CPU counts its own operations, so that counting takes no locked
 * instruction; reading adds them up.
 */

#include <sys/types.h>
#include <sys/monitor.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>

/* A new counter needs a row in sf_buf_print_stats(). */
_Static_assert(sizeof(struct sf_buf_stats) == 14 * sizeof(uint64_t),
    "sf_buf_stats");

/*
 * Carries into the high half of this CPU's hit counter: the inline path adds to
 * the low 32 bits only, which cannot wrap twice between two calls of this.
 */
static void
carry_hits(struct pcpu *pc)
{
	uint32_t low = (uint32_t)pc->pc_sf.hits;

	if (low < pc->pc_sf_hits_seen)
		pc->pc_sf.hits += (uint64_t)1 << 32;
	pc->pc_sf_hits_seen = low;
}

/* sf_buf_tick: called by the clock interrupt.  Interrupts off. */
void
sf_buf_tick(void)
{
	carry_hits(curpcpu());
	sf_flush_tick(false);
}

/* sf_buf_idle: called by a CPU before it stops its clock.  Interrupts off. */
void
sf_buf_idle(void)
{
	carry_hits(curpcpu());
	sf_flush_tick(true);
}

/* Contract in <sys/sf_buf.h>. */
void
sf_buf_stats_read(struct sf_buf_stats *sum)
{
	const struct sf_buf_stats *s;

	memset(sum, 0, sizeof(*sum));
	sf_ready_reclaim_all();
	for (u_int i = 0; i < mp_ncpus; i++) {
		s = &pcpus[i]->pc_sf;
		sum->hits += s->hits;
		sum->misses += s->misses + s->privates;
		sum->revived += s->revived;
		sum->removals += s->removals;
		sum->privates += s->privates;
		sum->races += s->races;
		sum->invlpgs += s->privates;
		sum->forced += s->forced;
		sum->sleeps += s->sleeps;
		sum->failures += s->failures;
		sum->peak = s->peak > sum->peak ? s->peak : sum->peak;
		sum->ipis_sent += pcpus[i]->pc_ipis_sent[IPI_FLUSH];
		sum->interrupted += pcpus[i]->pc_ipis_taken[IPI_FLUSH];
	}
	sum->pte_writes = sum->misses + sum->races + sum->revived +
	    sum->removals;
}

static void
print_row(const char *what, uint64_t n)
{
	printf("  %-24s %14llu\n", what, (unsigned long long)n);
}

/* Contract in <sys/sf_buf.h>. */
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
	print_row("races lost", s.races);
	print_row("PTE writes", s.pte_writes);
	print_row("local invalidations", s.invlpgs);
	print_row("forced flushes", s.forced);
	print_row("IPIs sent", s.ipis_sent);
	print_row("CPUs interrupted", s.interrupted);
	print_row("sleeps", s.sleeps);
	print_row("failures", s.failures);
	print_row("peak in use, sampled", s.peak);
}

SAFE_COMMAND(command_sfstat, "sfstat", "", "counters of the sf_bufs")
{
	if (sf_callers == NULL) {
		printf("sfstat: there is no pool yet\n");
		return;
	}
	sf_buf_print_stats();
	print_row("in use", sf_buf_inuse());
	print_row("in the pool", nsfbufs);
}
