/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What channels cost, in instructions of all CPUs under -icount: two threads,
 * each with an address space of its own, in which no thread runs.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <sys/uio.h>
#include <machine/tsc.h>
#include <ipc/channel.h>
#include <tests/bench/bench.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>

#define	RW	(PROT_READ | PROT_WRITE)
#define	ROUNDS	64u
#define	AREA	131072u

struct peer {
	struct vm_map *map;
	vm_offset_t va;
	struct chan_end *end;
	u_int n;
};

static void
peer_make(struct peer *p, struct chan_end *end, u_int n)
{
	struct uio uio;
	static char zero[4096];

	p->map = vm_map_create();
	p->va = 0;
	KASSERT(p->map != NULL && vm_map_insert(p->map, NULL, 0, &p->va, AREA,
	    RW, RW) == 0, "bench: no memory");
	for (u_int off = 0; off < AREA; off += sizeof(zero)) {
		uio = (struct uio){ p->map, p->va + off, sizeof(zero),
		    UIO_READ };
		(void)uiomove(zero, sizeof(zero), &uio);
	}
	p->end = end;
	p->n = n;
}

static void
read_all(void *arg)
{
	struct peer *p = arg;
	struct uio uio;
	u_int none;

	do {
		none = 0;
		uio = (struct uio){ p->map, p->va, p->n, UIO_READ };
	} while (chan_read(p->end, &uio, 0, NULL, &none) == 0 &&
	    uio.uio_resid < p->n);
}

static uint64_t
write_rounds(const struct peer *p, u_int rounds)
{
	uint64_t t0 = cpu_ticks();
	struct uio uio;

	while (rounds-- > 0) {
		uio = (struct uio){ p->map, p->va, p->n, UIO_WRITE };
		(void)chan_write(p->end, &uio, 0, NULL, 0);
	}
	return ((cpu_ticks() - t0) >> bench_tsc_shift);
}

static void
measure_stream(u_int n, u_int rn)
{
	struct peer w, r;
	struct chan_end *ends[2];
	struct thread *td;
	uint64_t t;

	(void)chan_create(CHAN_STREAM, ends);
	peer_make(&w, ends[0], n);
	peer_make(&r, ends[1], rn);
	td = thread_create(read_all, &r, "reader");
	(void)write_rounds(&w, 16);
	t = write_rounds(&w, ROUNDS);
	printf("channel: write of %u: %u instructions\n", n, (u_int)t / ROUNDS);
	chan_end_release(ends[0]);
	thread_join(td);
	chan_end_release(ends[1]);
	vm_map_destroy(w.map);
	vm_map_destroy(r.map);
}

static void
serve(void *arg)
{
	struct peer *p = arg;
	struct uio out, in;
	u_int none;

	in = (struct uio){ p->map, p->va, p->n, UIO_READ };
	none = 0;
	if (chan_read(p->end, &in, 0, NULL, &none) != 0)
		return;
	do {
		out = (struct uio){ p->map, p->va, p->n, UIO_WRITE };
		in = (struct uio){ p->map, p->va, p->n, UIO_READ };
	} while (chan_call(p->end, &out, &in) == 0 && in.uio_resid < p->n);
}

static void
measure_call(u_int n)
{
	struct peer w, r;
	struct chan_end *ends[2];
	struct thread *td;
	struct uio out, in;
	uint64_t t = 0;

	(void)chan_create(CHAN_MESSAGE, ends);
	peer_make(&w, ends[0], n);
	peer_make(&r, ends[1], n);
	td = thread_create(serve, &r, "server");
	for (u_int i = 0; i < 80; i++) {
		if (i == 16)
			t = cpu_ticks();
		out = (struct uio){ w.map, w.va, n, UIO_WRITE };
		in = (struct uio){ w.map, w.va, n, UIO_READ };
		(void)chan_call(ends[0], &out, &in);
	}
	t = (cpu_ticks() - t) >> bench_tsc_shift;
	printf("channel: call of %u: %u instructions\n", n, (u_int)t / ROUNDS);
	chan_end_release(ends[0]);
	thread_join(td);
	chan_end_release(ends[1]);
	vm_map_destroy(w.map);
	vm_map_destroy(r.map);
}

static void
measure_send(void)
{
	struct vm_object *ob = vm_object_create(16, NULL);
	struct peer r;
	struct chan_end *ends[2];
	struct thread *td;
	uint64_t t = 0;
	vm_size_t sent;

	(void)chan_create(CHAN_STREAM, ends);
	peer_make(&r, ends[1], 65536);
	td = thread_create(read_all, &r, "reader");
	for (u_int i = 0; i < 80; i++) {
		if (i == 16)
			t = cpu_ticks();
		(void)chan_sendmem(ends[0], ob, 0, 65536, 0, &sent);
	}
	t = (cpu_ticks() - t) >> bench_tsc_shift;
	printf("channel: sendmem: %u for 4 KiB\n", (u_int)t / ROUNDS / 16);
	chan_end_release(ends[0]);
	thread_join(td);
	chan_end_release(ends[1]);
	vm_map_destroy(r.map);
	vm_object_release(ob);
}

BENCH(page, "exact.channel-page")
{
	measure_stream(65536, 65536);
}

BENCH(small_pages, "exact.channel-page-4k-reads")
{
	measure_stream(65536, 4096);
}

BENCH(call, "exact.channel-call")
{
	measure_call(16);
}

BENCH(send, "exact.channel-sendmem")
{
	measure_send();
}

BENCH(sizes, "exact.channel-sizes")
{
	static const u_int sizes[] = { 1, 64, 128, 256, 512, 768, 1024, 1536,
	    2048, 3072, 4096, 8192, 12288, 16384, 32768 };

	for (u_int i = 0; i < nitems(sizes); i++)
		measure_stream(sizes[i], 65536);
	measure_call(64);
	measure_call(1024);
}
