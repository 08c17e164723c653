/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Checks the schemes that are measured: while few addresses map one page after
 * another, every CPU reads every mapping of a scheme and must find the page
 * that was allocated.
 *
 * All other slots are referenced meanwhile, and the readers never sleep, so
 * only the scheme itself removes old translations from a CPU's TLB.
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

#define	ACTIVE		8u	/* addresses: few, for TLBs are small */
#define	ROUNDS		32u	/* each maps other pages than the one before */

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

/*
 * Returns how many slots to reference so that only ACTIVE are left.  For qenter
 * none, because it uses the address freed last first.
 */
static u_int
slots_to_keep(const struct bench_scheme *s)
{
	if (s == &bench_qenter || s->direct)
		return (0);
	return ((s == &bench_sync && nsfbufs > SYNC_SLOTS ? SYNC_SLOTS :
	    nsfbufs) - ACTIVE);
}

static void
check_pages(struct vm_page **pages, u_int nkept)
{
	struct sf_buf **kept = bench_array((nkept + 1) * sizeof(*kept)), *sf;
	struct thread *tds[MAXCPU];

	round = wrong = 0;
	for (u_int i = 0; i < nkept; i++)
		kept[i] = scheme->alloc(pages[2 * ACTIVE + i], 0);
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
	for (u_int i = 0; i < nkept; i++)
		scheme->free(kept[i]);
	kmem_free(kept, (nkept + 1) * sizeof(*kept));
}

static void
check(const struct bench_scheme *s)
{
	u_int nkept = slots_to_keep(s), npages = 2 * ACTIVE + nkept;
	struct vm_page **pages;

	if (!bench_ready(s) || nsfbufs <= ACTIVE ||
	    (pages = bench_pages(npages, s->direct)) == NULL)
		return;
	scheme = s;
	check_pages(pages, nkept);
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
