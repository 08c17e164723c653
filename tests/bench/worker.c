/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Workers: the benchmark fills in bench_workers[] and starts them.  The first
 * worker has no thread: the benchmark itself, on CPU 0, performs its operations
 * and measures the time, so that all times are read on one CPU.  While workers
 * run, only a worker's own CPU writes to its entry; any CPU may read its `ops'.
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
 * Performs a chunk of operations.  Inlined once for each touch, for the
 * kernel's own scheme and for the others, so that an operation has no test for
 * these.
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
 * Each copy is a function of its own, of less than 1 KB (without sanitizers)
 * and aligned to 1 KB, so that none crosses a page boundary.  For a jump
 * across that boundary the emulator must look up the target, which would cost
 * time.
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

/*
 * bench_work: performs a chunk of operations.  The caller is pinned to the
 * worker's CPU.
 */
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
 * bench_work_for: performs the first worker's operations for `ms' milliseconds;
 * returns the TSC ticks that it took.
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
 * bench_workers_start: starts the workers 1 to n - 1, all at the same time; the
 * first, 0, is the caller's.  Thread context, on CPU 0.
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

/*
 * bench_workers_stop: stops the workers and waits until they have ended.
 * Thread context; sleeps.
 */
void
bench_workers_stop(u_int n)
{
	atomic_store_rel_32(&stop, 1);
	for (u_int i = 1; i < n; i++)
		thread_join(bench_workers[i].td);
}

/* bench_workers_ops: returns the operations done so far by n workers. */
uint32_t
bench_workers_ops(u_int n)
{
	uint32_t ops = 0;

	for (u_int i = 0; i < n; i++)
		ops += bench_workers[i].ops;
	return (ops);
}
