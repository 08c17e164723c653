/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Workers: the benchmark fills in bench_workers[], and starts them.  The first
 * has no thread: the benchmark, on CPU 0, works for it and takes the time, as
 * the clocks of other CPUs are not looked at.  Meanwhile nobody but a worker's
 * own CPU writes to its entry, and anyone may read its `ops'.
 */

#include <sys/types.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/tsc.h>
#include <tests/bench/worker.h>
#include <vm/vm_page.h>

struct bench_worker bench_workers[MAXCPU];
static volatile uint32_t nready, go, stop;

/*
 * Inlined, once for each touch, and for the kernel's own and the others: an
 * operation does not ask which it is.
 */
static inline __attribute__((always_inline)) void
some_ops(struct bench_worker *w, const struct bench_scheme *s,
    enum bench_touch touch)
{
	u_int next = w->next;
	struct sf_buf *sf;
	vm_offset_t va;

	for (u_int n = w->chunk; n > 0; n--) {
		sf = s->alloc(w->pages[next], w->flags);
		va = s->kva(sf);
		if (touch == TOUCH_READ)
			(void)*(volatile uint32_t *)va;
		else if (touch == TOUCH_ZERO)
			memset((void *)va, 0, PAGE_SIZE);
		s->free(sf);
		if (++next == w->npages)
			next = 0;
	}
	w->next = next;
	w->ops += w->chunk;
}

/*
 * Each in a function of its own, of less than 1 KB but with a sanitizer, so
 * that none lies across a boundary of pages: there an emulator has to look up
 * where a jump goes.
 */
#define	OPS(name, scheme, touch)					\
	static void __attribute__((noinline, flatten, aligned(1024)))	\
	name(struct bench_worker *w)					\
	{								\
		some_ops(w, scheme, touch);				\
	}

OPS(own_none, &bench_in_line, TOUCH_NONE)
OPS(own_read, &bench_in_line, TOUCH_READ)
OPS(own_zero, &bench_in_line, TOUCH_ZERO)
OPS(other_none, w->scheme, TOUCH_NONE)
OPS(other_read, w->scheme, TOUCH_READ)
OPS(other_zero, w->scheme, TOUCH_ZERO)

/* bench_work: a chunk of operations, on the worker's own CPU, pinned. */
void
bench_work(struct bench_worker *w)
{
	static void (*const own[])(struct bench_worker *) = {
		[TOUCH_NONE] = own_none, [TOUCH_READ] = own_read,
		[TOUCH_ZERO] = own_zero
	};
	static void (*const other[])(struct bench_worker *) = {
		[TOUCH_NONE] = other_none, [TOUCH_READ] = other_read,
		[TOUCH_ZERO] = other_zero
	};

	(bench_is_own(w->scheme) ? own : other)[w->touch](w);
}

/*
 * bench_work_for: the first worker's chunks, until so many milliseconds are
 * over; returns the ticks that it took.
 */
uint64_t
bench_work_for(u_int ms)
{
	uint64_t t0 = cpu_ticks(), t;

	do {
		bench_work(&bench_workers[0]);
		t = cpu_ticks() - t0;
	} while (t < ms * ticks_per_ms);
	return (t);
}

static void
run(void *arg)
{
	sched_pin();
	atomic_fetchadd_32(&nready, 1);
	bench_await(&go, 1, "starts");
	while (atomic_load_acq_32(&stop) == 0)
		bench_work(arg);
	sched_unpin();
}

/*
 * bench_workers_start: all of n but the first begin, at once.  Thread context,
 * on CPU 0.
 */
void
bench_workers_start(u_int n)
{
	struct bench_worker *w = bench_workers;

	nready = go = stop = 0;
	for (u_int i = 1; i < n; i++) {
		w[i].td = thread_create_on(i, run, &w[i], "bench");
		KASSERT(w[i].td != NULL, "bench: no memory");
	}
	bench_await(&nready, n - 1, "CPUs that are ready");
	atomic_store_rel_32(&go, 1);
}

/* bench_workers_stop: they have ended.  Thread context; sleeps. */
void
bench_workers_stop(u_int n)
{
	atomic_store_rel_32(&stop, 1);
	for (u_int i = 1; i < n; i++)
		thread_join(bench_workers[i].td);
}

/* bench_workers_ops: what the first n have done, so far. */
uint32_t
bench_workers_ops(u_int n)
{
	uint32_t ops = 0;

	for (u_int i = 0; i < n; i++)
		ops += bench_workers[i].ops;
	return (ops);
}
