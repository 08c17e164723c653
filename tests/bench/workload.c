/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Compares the schemes with the work that sf_buf(9) is meant for: reading a
 * memory disk, copying through a pipe, and serving files, each with fewer
 * pages than slots and with more.  The CPUs that take no part are busy.  An
 * operation is a page read, copied or sent.
 */

#include <sys/types.h>
#include <sys/deadline.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/tsc.h>
#include <tests/bench/bench.h>
#include <tests/bench/trace.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	RUN_MS		100u	/* of a measurement, and of warming up */
#define	BLOCK_PAGES	16u	/* the disk's reader: dd bs=64k */
#define	RING		16u	/* pages in a pipe */
#define	FILES		10000u
#define	FILE_MEDIAN	8192u	/* bytes */
#define	FILE_MAX	256u	/* pages */
#define	WINDOW		64u	/* pages sent and not yet acknowledged */

static const struct bench_scheme *const schemes[] = {
	&bench_qenter, &bench_sync, &bench_sf_buf, &bench_direct, NULL
};

/* One run of a workload, and its state; run() performs a few operations. */
struct load {
	const struct bench_scheme *scheme;
	struct vm_page **pages;
	u_int npages, next;
	bool touch;
	void (*run)(struct load *l);
	uint64_t ops;
	uint8_t *buffer;		/* BLOCK_PAGES pages */

	volatile uint32_t head, tail;	/* of the pipe; free running */
	volatile uint32_t stop;
	struct vm_page *ring[RING];

	struct zipf popular;		/* the files */
	uint32_t *first_page;		/* of each file, and the end */
	struct lru cache;		/* pages of files, in pages[] */
	uint32_t seed;
	struct sf_buf *window[WINDOW];
	u_int sent;
};

static void
copy_out(struct load *l, struct vm_page *m, uint8_t *to)
{
	struct sf_buf *sf = l->scheme->alloc(m, SFB_CPUPRIVATE);

	memcpy(to, (const void *)l->scheme->kva(sf), PAGE_SIZE);
	l->scheme->free(sf);
}

/* Copies a block of the disk to the reader, as dd(1) does; blocks in order. */
static void
run_disk(struct load *l)
{
	for (u_int i = 0; i < BLOCK_PAGES; i++) {
		copy_out(l, l->pages[l->next], l->buffer + i * PAGE_SIZE);
		l->next = (l->next + 1) % l->npages;
	}
	l->ops += BLOCK_PAGES;
}

/*
 * Waits while the two ends of the pipe are exactly `apart' pages apart: 0 is an
 * empty pipe, RING a full one.  False if the run was stopped meanwhile.
 */
static bool
wait_while(struct load *l, uint32_t apart)
{
	struct deadline wait = { 0 };

	while (atomic_load_acq_32(&l->head) - atomic_load_acq_32(&l->tail) ==
	    apart) {
		if (atomic_load_acq_32(&l->stop) != 0)
			return (false);
		cpu_spinwait();
		KASSERT(!deadline_passed(&wait), "bench: the pipe's "
		    "other end is gone");
	}
	return (true);
}

/* The pipe's writer: copies into its next page and puts that into the ring. */
static void
write_page(struct load *l)
{
	struct vm_page *m = l->pages[l->next];
	struct sf_buf *sf = l->scheme->alloc(m, SFB_CPUPRIVATE);

	memcpy((void *)l->scheme->kva(sf), l->buffer, PAGE_SIZE);
	l->scheme->free(sf);
	l->ring[l->head % RING] = m;
	atomic_store_rel_32(&l->head, l->head + 1);
	l->next = (l->next + 1) % l->npages;
}

static void
read_page(struct load *l)
{
	copy_out(l, l->ring[l->tail % RING], l->buffer + PAGE_SIZE);
	atomic_store_rel_32(&l->tail, l->tail + 1);
}

static void
pipe_reader(void *arg)
{
	sched_pin();
	while (wait_while(arg, 0))
		read_page(arg);
	sched_unpin();
}

static void
run_pipe(struct load *l)
{
	for (u_int i = 0; i < RING; i++) {
		if (mp_ncpus > 1)
			(void)wait_while(l, RING);
		write_page(l);
	}
	for (u_int i = 0; mp_ncpus == 1 && i < RING; i++)
		read_page(l);
	l->ops += RING;
}

/*
 * Sends a page, as with a network card that reads it from memory by itself:
 * the mapping is freed after WINDOW more pages, when this one is acknowledged.
 * With l->touch, computes a checksum first.
 */
static void
send_page(struct load *l, struct vm_page *m)
{
	struct sf_buf **slot = &l->window[l->sent++ % WINDOW];
	const volatile uint32_t *data;
	uint32_t sum = 0;

	if (*slot != NULL)
		l->scheme->free(*slot);
	*slot = l->scheme->alloc(m, 0);
	data = (const volatile uint32_t *)l->scheme->kva(*slot);
	for (u_int i = 0; l->touch && i < PAGE_SIZE / sizeof(sum); i++)
		sum += data[i];
}

/* Serves a request for a file drawn by popularity, from the page cache. */
static void
run_web(struct load *l)
{
	u_int file = zipf_next(&l->popular, &l->seed);
	bool cached;

	for (u_int p = l->first_page[file]; p < l->first_page[file + 1]; p++)
		send_page(l, l->pages[lru_use(&l->cache, p, &cached)]);
	l->ops += l->first_page[file + 1] - l->first_page[file];
}

static void
make_files(struct load *l)
{
	uint32_t sum = 0, n;

	l->seed = 1;
	l->first_page = bench_array((FILES + 1) * sizeof(*l->first_page));
	for (u_int i = 0; i < FILES; i++) {
		l->first_page[i] = sum;
		n = lognormal_next(FILE_MEDIAN, &l->seed) / PAGE_SIZE + 1;
		sum += n > FILE_MAX ? FILE_MAX : n;
	}
	l->first_page[FILES] = sum;
	zipf_init(&l->popular, FILES);
	lru_init(&l->cache, sum, l->npages);
}

static void
drop_files(struct load *l)
{
	for (u_int i = 0; i < WINDOW; i++)
		if (l->window[i] != NULL)
			l->scheme->free(l->window[i]);
	lru_free(&l->cache);
	zipf_free(&l->popular);
	kmem_free(l->first_page, (FILES + 1) * sizeof(*l->first_page));
}

static uint64_t
run_for(struct load *l, u_int ms)
{
	uint64_t start = cpu_ticks(), now;

	sched_pin();
	do {
		l->run(l);
		now = cpu_ticks();
	} while (now - start < ms * ticks_per_ms);
	sched_unpin();
	return (now - start);
}

static void
run_load(const char *name, struct load *l)
{
	struct bench_result r = { .name = name, .scheme = l->scheme,
	    .cpus = mp_ncpus, .pages = l->npages,
	    .workers = l->run == run_pipe && mp_ncpus > 1 ? 2 : 1,
	    .touch = l->touch ? TOUCH_READ : TOUCH_NONE,
	    .flags = l->run == run_web ? 0 : SFB_CPUPRIVATE };
	struct thread *reader = NULL;
	struct bench_counts before;

	if (l->scheme->reset != NULL)
		l->scheme->reset();
	bench_busy_start(r.workers, mp_ncpus, false);
	if (r.workers == 2) {
		reader = thread_create_on(1, pipe_reader, l, "reader");
		KASSERT(reader != NULL, "bench: no memory");
	}
	(void)run_for(l, RUN_MS);
	l->scheme->stats(&before);
	l->ops = 0;
	r.time = run_for(l, RUN_MS);
	r.ops = l->ops;
	l->scheme->stats(&r.counts);
	bench_counts_sub(&r.counts, &before);
	l->stop = 1;
	if (reader != NULL)
		thread_join(reader);
	bench_busy_stop();
	bench_report(&r);
}

/*
 * Runs a workload with each scheme, with fewer pages than slots and with more.
 */
static void
workload(const char *name, void (*run)(struct load *l), bool touch)
{
	for (u_int i = 0; i < 2; i++)
		for (const struct bench_scheme *const *s = schemes; *s != NULL;
		    s++) {
			struct load l = { .scheme = *s, .run = run,
			    .touch = touch,
			    .npages = i == 0 ? nsfbufs / 2 : 4 * nsfbufs };

			if (!bench_ready(*s) || (l.pages =
			    bench_pages(l.npages, (*s)->direct)) == NULL)
				continue;
			l.buffer = bench_array(BLOCK_PAGES * PAGE_SIZE);
			if (run == run_web)
				make_files(&l);
			run_load(name, &l);
			if (run == run_web)
				drop_files(&l);
			kmem_free(l.buffer, BLOCK_PAGES * PAGE_SIZE);
			bench_pages_free(l.pages, l.npages);
		}
}

BENCH(disk, "workload.disk")
{
	workload("disk", run_disk, true);
}

BENCH(pipe, "workload.pipe")
{
	workload("pipe", run_pipe, true);
}

BENCH(web, "workload.web")
{
	workload("web", run_web, false);
	workload("web", run_web, true);
}
