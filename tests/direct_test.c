/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of channels whose bytes are in user memory, and of objects: direct
 * writes, chan_sendmem().  The threads are the kernel's; the address spaces are
 * ones that no thread runs in.
 */

#include <sys/types.h>
#include <sys/sched.h>
#include <ipc/mbuf.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>
#include "channel_help.h"

#define	RW		(PROT_READ | PROT_WRITE)
#define	SIZE		(64 * PAGE_SIZE)
#define	BIG		69000u	/* what a queue has no room for */

/* An address space with SIZE bytes of memory at one address. */
struct user {
	struct vm_map *map;
	vm_offset_t va;
};

static uint8_t buf[SIZE];

static void
user_make(struct user *u)
{
	u->map = vm_map_create();
	EXPECT(u->map != NULL);
	u->va = 0;
	EXPECT_EQ(vm_map_insert(u->map, NULL, 0, &u->va, SIZE, RW, RW), 0);
}

static struct uio
user_uio(const struct user *u, u_int off, u_int n, enum uio_rw rw)
{
	return ((struct uio){ .uio_map = u->map, .uio_base = u->va + off,
	    .uio_resid = n, .uio_rw = rw });
}

/* Puts n bytes of the pattern, from a place on, at off of the memory. */
static void
user_fill(const struct user *u, u_int off, u_int from, u_int n)
{
	struct uio uio = user_uio(u, off, n, UIO_READ);

	fill(buf, from, n);
	EXPECT_EQ(uiomove(buf, n, &uio), 0);
}

static u_int
user_wrong(const struct user *u, u_int off, u_int from, u_int n)
{
	struct uio uio = user_uio(u, off, n, UIO_WRITE);

	memset(buf, 0, n);
	EXPECT_EQ(uiomove(buf, n, &uio), 0);
	return (wrong_bytes(buf, from, n));
}

static int
user_put(struct chan_end *e, const struct user *u, u_int off, u_int n)
{
	struct uio uio = user_uio(u, off, n, UIO_WRITE);
	int error = chan_write(e, &uio, 0, NULL, 0);

	return (error != 0 ? -error : (int)(n - uio.uio_resid));
}

static int
user_get(struct chan_end *e, const struct user *u, u_int off, u_int n)
{
	struct uio uio = user_uio(u, off, n, UIO_READ);
	u_int nrefs = 0;
	int error = chan_read(e, &uio, 0, NULL, &nrefs);

	return (error != 0 ? -error : (int)(n - uio.uio_resid));
}

/* A thread that writes n bytes from an offset. */
struct writer {
	struct helper h;
	struct user u;
	u_int off;
};

static void
thread_user_put(void *arg)
{
	struct writer *w = arg;

	w->h.result = user_put(w->h.end, &w->u, w->off, w->h.n);
}

static void
writer_start(struct writer *w, struct chan_end *end, u_int off, u_int n)
{
	user_make(&w->u);
	user_fill(&w->u, off, 0, n);
	w->off = off;
	start(&w->h, thread_user_put, end, n);
}

static int
writer_finish(struct writer *w)
{
	int result = finish(&w->h);

	EXPECT_EQ(vm_map_audit(w->u.map), 0);
	vm_map_destroy(w->u.map);
	return (result);
}

/* --- direct writes --- */

TEST(direct, "channel.a_long_write_lends_its_pages")
{
	struct chan_end *ends[2];
	struct writer w;
	struct user u;

	make(CHAN_STREAM, ends);
	user_make(&u);
	writer_start(&w, ends[0], 100, BIG);
	until_sleeping(&w.h, "channel reader");
	EXPECT_EQ(queued(ends[1]), BIG);
	EXPECT_EQ(m_inuse(), 1);
	EXPECT_EQ(poll(ends[1]), WAIT_READ | WAIT_WRITE);
	EXPECT_EQ(poll(ends[0]), 0);
	EXPECT_EQ(user_get(ends[1], &u, 50, SIZE - 50), BIG);
	EXPECT_EQ(writer_finish(&w), BIG);
	EXPECT_EQ(user_wrong(&u, 50, 0, BIG), 0);
	EXPECT_EQ(m_inuse(), 0);
	vm_map_destroy(u.map);
	close_both(ends);
}

/* Reads n bytes in pieces of all sizes, into user memory at odd places. */
static void
read_pieces(struct chan_end *e, const struct user *u, u_int all, u_int most)
{
	uint32_t rng = test_seed();
	u_int at = 0, off, len;
	int n = 1;

	for (; at < all && n > 0; at += (u_int)n) {
		off = test_random(&rng) % 9000;
		len = 1 + test_random(&rng) % most;
		n = user_get(e, u, off, len);
		EXPECT(n > 0);
		if (n > 0)
			EXPECT_EQ(user_wrong(u, off, at, (u_int)n), 0);
	}
}

TEST(direct_pieces, "channel.lent_pages_are_read_in_pieces")
{
	static const u_int offsets[] = { 0, 1, 4095, 2048 };
	struct chan_end *ends[2];
	struct writer w;
	struct user u;

	make(CHAN_STREAM, ends);
	user_make(&u);
	for (u_int i = 0; i < nitems(offsets); i++) {
		writer_start(&w, ends[0], offsets[i], 200000);
		read_pieces(ends[1], &u, 200000, 20000);
		EXPECT_EQ(writer_finish(&w), 200000);
	}
	vm_map_destroy(u.map);
	close_both(ends);
}

TEST(withdrawn, "channel.a_signal_takes_lent_pages_back")
{
	struct chan_end *ends[2];
	struct writer w;

	make(CHAN_STREAM, ends);
	EXPECT_EQ(put(ends[0], "before", 6), 6);
	writer_start(&w, ends[0], 10, BIG);
	until_sleeping(&w.h, "channel reader");
	EXPECT_EQ(get(ends[1], buf, 6), 6);
	EXPECT_EQ(get(ends[1], buf, 10000), 10000);
	thread_signal(w.h.td, 3);
	EXPECT_EQ(writer_finish(&w), 10000);
	EXPECT_EQ(m_inuse(), 0);
	EXPECT_EQ(queued(ends[1]), 0);
	EXPECT_EQ(put(ends[0], "x", 1), 1);
	writer_start(&w, ends[0], 10, BIG);
	until_sleeping(&w.h, "channel reader");
	thread_signal(w.h.td, 3);
	EXPECT_EQ(writer_finish(&w), -EINTR);
	EXPECT_EQ(get(ends[1], buf, 10), 1);
	close_both(ends);
}

TEST(lent_close, "channel.a_close_gives_lent_pages_back")
{
	struct chan_end *ends[2];
	struct writer w;

	make(CHAN_STREAM, ends);
	writer_start(&w, ends[0], 10, BIG);
	until_sleeping(&w.h, "channel reader");
	chan_end_release(ends[1]);
	EXPECT_EQ(writer_finish(&w), -EPIPE);
	chan_end_release(ends[0]);
	make(CHAN_STREAM, ends);
	writer_start(&w, ends[0], 10, BIG);
	until_sleeping(&w.h, "channel reader");
	EXPECT_EQ(get(ends[1], buf, 100), 100);
	EXPECT_EQ(ctl(ends[1], CHAN_SHUT, RIGHT_READ), 0);
	EXPECT_EQ(ctl(ends[1], CHAN_SHUT, RIGHT_WRITE), 0);
	EXPECT_EQ(writer_finish(&w), 100);
	EXPECT_EQ(m_inuse(), 0);
	close_both(ends);
}

TEST(not_read, "channel.a_write_that_the_queue_takes_does_not_wait_for_ever")
{
	struct chan_end *ends[2];
	struct user u;

	make(CHAN_STREAM, ends);
	user_make(&u);
	user_fill(&u, 3, 0, CHAN_LIMIT_DEFAULT);
	EXPECT_EQ(user_put(ends[0], &u, 3, CHAN_LIMIT_DEFAULT),
	    CHAN_LIMIT_DEFAULT);
	EXPECT_EQ(queued(ends[1]), CHAN_LIMIT_DEFAULT);
	user_fill(&u, 3, 9, CHAN_LIMIT_DEFAULT);
	EXPECT_EQ(get(ends[1], buf, SIZE), CHAN_LIMIT_DEFAULT);
	EXPECT_EQ(wrong_bytes(buf, 0, CHAN_LIMIT_DEFAULT), 0);
	vm_map_destroy(u.map);
	close_both(ends);
}

TEST(lent_unmapped, "channel.pages_that_are_unmapped_while_lent_stay")
{
	struct chan_end *ends[2];
	struct writer w;

	make(CHAN_STREAM, ends);
	writer_start(&w, ends[0], 0, BIG);
	until_sleeping(&w.h, "channel reader");
	EXPECT_EQ(vm_map_remove(w.u.map, w.u.va, SIZE), 0);
	EXPECT_EQ(get(ends[1], buf, BIG), BIG);
	EXPECT_EQ(wrong_bytes(buf, 0, BIG), 0);
	EXPECT_EQ(writer_finish(&w), BIG);
	close_both(ends);
}

static void
thread_get_bytes(void *arg)
{
	static uint8_t in[20000];
	struct helper *h = arg;
	int n = 1;

	for (; h->result < (int)h->n && n > 0; h->result += n)
		n = get(h->end, in, sizeof(in));
}

TEST(fault_write, "channel.a_write_ends_where_the_memory_ends")
{
	struct chan_end *ends[2];
	struct helper reader;
	struct user u;

	make(CHAN_STREAM, ends);
	user_make(&u);
	user_fill(&u, SIZE - 20000, 0, 20000);
	start(&reader, thread_get_bytes, ends[1], 20000);
	EXPECT_EQ(user_put(ends[0], &u, SIZE - 20000, 40000), 20000);
	EXPECT_EQ(finish(&reader), 20000);
	/* Nothing reads: the bytes are copied, and the result is the same. */
	EXPECT_EQ(user_put(ends[0], &u, SIZE - 20000, 40000), 20000);
	EXPECT_EQ(queued(ends[1]), 20000);
	EXPECT_EQ(get(ends[1], buf, 30000), 20000);
	EXPECT_EQ(wrong_bytes(buf, 0, 20000), 0);
	EXPECT_EQ(user_put(ends[0], &u, SIZE, 40000), -EFAULT);
	EXPECT_EQ(user_put(ends[0], &u, SIZE - 1, 10), -EFAULT);
	EXPECT_EQ(queued(ends[1]), 0);
	vm_map_destroy(u.map);
	close_both(ends);
}

TEST(fault_read, "channel.a_read_that_faults_loses_nothing")
{
	struct chan_end *ends[2];
	struct user u;

	make(CHAN_STREAM, ends);
	user_make(&u);
	fill(buf, 0, 30000);
	EXPECT_EQ(put(ends[0], buf, 30000), 30000);
	EXPECT_EQ(user_get(ends[1], &u, SIZE, 10), -EFAULT);
	EXPECT_EQ(user_get(ends[1], &u, SIZE - 5000, 30000), 5000);
	EXPECT_EQ(user_wrong(&u, SIZE - 5000, 0, 5000), 0);
	EXPECT_EQ(get(ends[1], buf, 30000), 25000);
	EXPECT_EQ(wrong_bytes(buf, 5000, 25000), 0);
	close_both(ends);
	make(CHAN_MESSAGE, ends);
	fill(buf, 0, 3000);
	EXPECT_EQ(put(ends[0], buf, 3000), 3000);
	EXPECT_EQ(user_get(ends[1], &u, SIZE - 2000, 3000), -EFAULT);
	EXPECT_EQ(get(ends[1], buf, 3000), 3000);
	vm_map_destroy(u.map);
	close_both(ends);
}

/* --- direct writes under signals --- */

#define	STRESS_BYTES	2000000u

struct stress {
	struct helper h;
	struct user u;
	volatile u_int interrupted;
};

/*
 * Writes the pattern of a stream, of which each write makes the next part in
 * the same memory: a page that were still lent then would show it.
 */
static void
thread_stress(void *arg)
{
	struct stress *s = arg;
	uint32_t rng = test_seed() + 7;
	u_int off, len, at = 0;
	int n;

	while (at < STRESS_BYTES && s->h.done == 0) {
		off = test_random(&rng) % 5000;
		len = at == 0 ? BIG : 1 + test_random(&rng) % 70000;
		if (len > STRESS_BYTES - at)
			len = STRESS_BYTES - at;
		user_fill(&s->u, off, at, len);
		n = user_put(s->h.end, &s->u, off, len);
		s->interrupted += n != (int)len;
		if (n > 0)
			at += (u_int)n;
		else if (n != -EINTR)
			break;
		(void)thread_signals_take();
	}
	s->h.result = (int)at;
}

static void
thread_signals(void *arg)
{
	struct stress *s = arg;
	struct helper *me = &s->h;

	while (me->done == 0) {
		thread_signal(me->td, 3);
		(void)thread_sleep_ms(1, 0);
	}
}

TEST(stress, "channel.signals_lose_no_byte_of_direct_writes")
{
	static uint8_t in[30000];
	struct chan_end *ends[2];
	uint32_t rng = test_seed();
	u_int at = 0, wrong = 0;
	struct thread *signals;
	struct stress s = { .interrupted = 0 };
	int n = 1;

	make(CHAN_STREAM, ends);
	user_make(&s.u);
	start(&s.h, thread_stress, ends[0], 0);
	signals = thread_create(thread_signals, &s, "signals");
	/* The first write finds no room, and one signal is sure to end it. */
	for (u_int i = 0; i < 5000 && s.interrupted == 0; i++)
		(void)thread_sleep_ms(1, 0);
	for (; at < STRESS_BYTES && n > 0; at += (u_int)n) {
		if (test_random(&rng) % 8 == 0) {
			thread_signal(s.h.td, 3);
			sched_yield();
		}
		n = get(ends[1], in, 1 + test_random(&rng) % sizeof(in));
		wrong += n <= 0 ? 1 : wrong_bytes(in, at, (u_int)n);
	}
	EXPECT_EQ(wrong, 0);
	s.h.done = 1;
	thread_join(signals);
	chan_end_release(ends[1]);
	EXPECT_EQ(finish(&s.h), STRESS_BYTES);
	EXPECT(s.interrupted > 0);
	vm_map_destroy(s.u.map);
	chan_end_release(ends[0]);
}

/* --- chan_sendmem --- */

static struct vm_object *
object_make(u_int n)
{
	struct vm_object *ob = vm_object_create(atop(round_page(n)), NULL);
	struct uio uio = uio_of(buf, n, UIO_WRITE);

	fill(buf, 0, n);
	EXPECT_EQ(vm_object_io(ob, 0, &uio), 0);
	return (ob);
}

TEST(sendmem, "channel.sendmem_queues_the_pages_of_an_object")
{
	struct vm_object *ob = object_make(10 * PAGE_SIZE);
	struct chan_end *ends[2];
	struct uio uio;
	vm_size_t sent;

	make(CHAN_STREAM, ends);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 5000, 20000, 0, &sent), 0);
	EXPECT_EQ(sent, 20000);
	EXPECT_EQ(queued(ends[1]), 20000);
	EXPECT_EQ(m_inuse(), 1);
	memset(buf, 0xff, sizeof(buf));
	uio = uio_of(buf, 10 * PAGE_SIZE, UIO_WRITE);
	EXPECT_EQ(vm_object_io(ob, 0, &uio), 0);
	EXPECT_EQ(get(ends[1], buf, SIZE), 20000);
	EXPECT_EQ(wrong_bytes(buf, 5000, 20000), 0);
	vm_object_release(ob);
	close_both(ends);
}

TEST(sendmem_limits, "channel.sendmem_ends_with_the_object_and_the_room")
{
	struct vm_object *ob = object_make(40 * PAGE_SIZE);
	struct chan_end *ends[2];
	vm_size_t sent;

	make(CHAN_STREAM, ends);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 40 * PAGE_SIZE, 1, 0, &sent), 0);
	EXPECT_EQ(sent, 0);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 1ull << 40, 1, 0, &sent), 0);
	EXPECT_EQ(sent, 0);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 40 * PAGE_SIZE - 10, 100, 0,
	    &sent), 0);
	EXPECT_EQ(sent, 10);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 1, SIZE, CHAN_NONBLOCK, &sent), 0);
	EXPECT_EQ(sent, CHAN_LIMIT_DEFAULT - 10);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 0, 100, CHAN_NONBLOCK, &sent),
	    EAGAIN);
	chan_end_release(ends[1]);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 0, 100, 0, &sent), EPIPE);
	vm_object_release(ob);
	chan_end_release(ends[0]);
}

TEST(sendmem_message, "channel.sendmem_makes_one_message")
{
	struct vm_object *ob = object_make(20 * PAGE_SIZE);
	struct chan_end *ends[2];
	vm_size_t sent;

	make(CHAN_MESSAGE, ends);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 0, CHAN_MSG_MAX + 1, 0, &sent),
	    EMSGSIZE);
	EXPECT_EQ(chan_sendmem(ends[0], ob, 1, 10000, 0, &sent), 0);
	EXPECT_EQ(sent, 10000);
	EXPECT_EQ(put(ends[0], "next", 4), 4);
	EXPECT_EQ(get(ends[1], buf, SIZE), 10000);
	EXPECT_EQ(wrong_bytes(buf, 1, 10000), 0);
	EXPECT_EQ(get(ends[1], buf, SIZE), 4);
	vm_object_release(ob);
	close_both(ends);
}

struct sender {
	struct helper h;
	struct vm_object *ob;
};

static void
thread_sendmem(void *arg)
{
	struct sender *s = arg;
	vm_size_t sent;
	int error = chan_sendmem(s->h.end, s->ob, 0, s->h.n, 0, &sent);

	s->h.result = error != 0 ? -error : (int)sent;
}

TEST(sendmem_sleeps, "channel.sendmem_waits_for_room")
{
	struct chan_end *ends[2];
	struct sender s;
	struct user u;

	make(CHAN_STREAM, ends);
	user_make(&u);
	s.ob = object_make(50 * PAGE_SIZE);
	start(&s.h, thread_sendmem, ends[0], 200000);
	until_sleeping(&s.h, "channel room");
	read_pieces(ends[1], &u, 200000, 9000);
	EXPECT_EQ(finish(&s.h), 200000);
	start(&s.h, thread_sendmem, ends[0], 200000);
	until_sleeping(&s.h, "channel room");
	thread_signal(s.h.td, 3);
	EXPECT_EQ(finish(&s.h), CHAN_LIMIT_DEFAULT);
	vm_object_release(s.ob);
	vm_map_destroy(u.map);
	close_both(ends);
}
