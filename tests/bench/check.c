/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What is measured must be right: every CPU reads every mapping of every
 * scheme, while slots are used over and over, and must find the page that was
 * asked for.
 */

#include <sys/types.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/pcpu.h>
#include <tests/bench/bench.h>
#include <vm/vm_page.h>

#define	HELD		16u	/* mappings at once: few, as TLBs are small */
#define	ROUNDS		64u	/* each with other pages */

static const struct bench_scheme *scheme;
static struct vm_page *held_page[HELD];
static struct sf_buf *held[HELD];
static volatile uint32_t wrong;

static uint32_t
tag_of(const struct vm_page *m)
{
	return (vm_page_index(m) ^ 0x6d617966u);
}

static void
read_all(void *arg)
{
	(void)arg;
	for (u_int i = 0; i < HELD; i++)
		if (*(volatile uint32_t *)scheme->kva(held[i]) !=
		    tag_of(held_page[i]))
			atomic_fetchadd_32(&wrong, 1);
}

static void
check(const struct bench_scheme *s)
{
	u_int npages = nsfbufs + ROUNDS * HELD;
	struct vm_page **pages;
	struct sf_buf *sf;

	if (!bench_ready(s) || (pages = bench_pages(npages, s->direct)) == NULL)
		return;
	scheme = s;
	/* Once through all slots, so that each is used again from here on. */
	for (u_int i = npages; i-- > 0; s->free(sf)) {
		sf = s->alloc(pages[i], 0);
		*(volatile uint32_t *)s->kva(sf) = tag_of(pages[i]);
	}
	sched_unbind();
	for (u_int round = 0; round < ROUNDS; round++) {
		for (u_int i = 0; i < HELD; i++) {
			held_page[i] = pages[round * HELD + i];
			held[i] = s->alloc(held_page[i], 0);
		}
		run_on_all_cpus(read_all, NULL);
		for (u_int i = 0; i < HELD; i++)
			s->free(held[i]);
	}
	sched_bind(0);
	bench_pages_free(pages, npages);
	printf("# %s: %u readings on each of %u CPUs, %u wrong\n", s->name,
	    ROUNDS * HELD, mp_ncpus, wrong);
	if (wrong != 0)
		bench_failed();
}

BENCH(check_all, "check")
{
	check(&bench_qenter);
	check(&bench_sync);
	check(&bench_sf_buf);
	check(&bench_direct);
}
