/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What is measured must be right: every CPU reads every mapping of every
 * scheme, while the same few addresses are used over and over, and must find
 * the page that was asked for.
 *
 * All other slots are held meanwhile, and the readers never sleep: so nothing
 * but the scheme itself makes a CPU forget what an address mapped before.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <tests/bench/bench.h>
#include <tests/bench/window.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	ACTIVE		8u	/* addresses: few, as TLBs are small */
#define	ROUNDS		32u	/* each with other pages */

static const struct bench_scheme *scheme;
static struct vm_page *page[ACTIVE];
static struct sf_buf *mapping[ACTIVE];
static volatile uint32_t round, ndone, wrong;

static uint32_t
tag_of(const struct vm_page *m)
{
	return (vm_page_index(m) ^ 0x6d617966u);
}

static void
read_all(void)
{
	for (u_int i = 0; i < ACTIVE; i++)
		if (*(volatile uint32_t *)scheme->kva(mapping[i]) !=
		    tag_of(page[i]))
			atomic_fetchadd_32(&wrong, 1);
}

static void
reader(void *arg)
{
	(void)arg;
	for (uint32_t r = 1; r <= ROUNDS; r++) {
		bench_await(&round, r, "the round of the check");
		read_all();
		atomic_fetchadd_32(&ndone, 1);
	}
}

static void
run_rounds(struct vm_page **pages)
{
	for (uint32_t r = 1; r <= ROUNDS; r++) {
		for (u_int i = 0; i < ACTIVE; i++) {
			page[i] = pages[(r * ACTIVE + i) % (2 * ACTIVE)];
			mapping[i] = scheme->alloc(page[i], 0);
		}
		ndone = 0;
		atomic_store_rel_32(&round, r);
		read_all();
		bench_await(&ndone, mp_ncpus - 1, "CPUs that have checked");
		for (u_int i = 0; i < ACTIVE; i++)
			scheme->free(mapping[i]);
	}
}

/* Slots to hold, so that ACTIVE are left; qenter uses its last one first. */
static u_int
slots_to_hold(const struct bench_scheme *s)
{
	if (s == &bench_qenter || s->direct)
		return (0);
	return ((s == &bench_sync && nsfbufs > SYNC_SLOTS ? SYNC_SLOTS :
	    nsfbufs) - ACTIVE);
}

static void
check_pages(struct vm_page **pages, u_int nheld)
{
	struct sf_buf **held = bench_array((nheld + 1) * sizeof(*held)), *sf;
	struct thread *tds[MAXCPU];

	round = wrong = 0;
	for (u_int i = 0; i < nheld; i++)
		held[i] = scheme->alloc(pages[2 * ACTIVE + i], 0);
	for (u_int i = 0; i < 2 * ACTIVE; i++, scheme->free(sf)) {
		sf = scheme->alloc(pages[i], 0);
		*(volatile uint32_t *)scheme->kva(sf) = tag_of(pages[i]);
	}
	for (u_int i = 1; i < mp_ncpus; i++) {
		tds[i] = thread_create_on(i, reader, NULL, "reader");
		KASSERT(tds[i] != NULL, "bench: no memory");
	}
	run_rounds(pages);
	for (u_int i = 1; i < mp_ncpus; i++)
		thread_join(tds[i]);
	for (u_int i = 0; i < nheld; i++)
		scheme->free(held[i]);
	kmem_free(held, (nheld + 1) * sizeof(*held));
}

static void
check(const struct bench_scheme *s)
{
	u_int nheld = slots_to_hold(s), npages = 2 * ACTIVE + nheld;
	struct vm_page **pages;

	if (!bench_ready(s) || nsfbufs <= ACTIVE ||
	    (pages = bench_pages(npages, s->direct)) == NULL)
		return;
	scheme = s;
	check_pages(pages, nheld);
	bench_pages_free(pages, npages);
	printf("# %s: %u readings on each of %u CPUs, %u wrong\n", s->name,
	    ROUNDS * ACTIVE, mp_ncpus, wrong);
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
