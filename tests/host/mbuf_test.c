/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests ipc/mbuf*.c and ipc/queue.c on the host: random operations against
 * arrays of bytes, with sanitizers and where memory runs out.  Pages are memory
 * of malloc(), whose holds are counted.  Output is TAP.
 *
 * gcc -std=gnu11 -Wall -Wextra -g -fsanitize=address,undefined \
 *     -Itests/host/include -I. tests/host/mbuf_test.c
 */

#include <stdlib.h>

#include "harness.h"
#include "../../ipc/mbuf_alloc.c"
#include "../../ipc/mbuf.c"
#include "../../ipc/queue.c"

#define	NSEEDS		40u
#define	NSTEPS		400u
#define	NQUEUE_OPS	20000u

uint32_t vm_page_count = 65536;

static u_int allocations;		/* of kmalloc() and pages */
static u_int fail_after = ~0u;		/* that many allocations succeed */

static bool
may_allocate(void)
{
	if (fail_after == 0)
		return (false);
	fail_after--;
	allocations++;
	return (true);
}

/* --- what mbuf.c uses --- */

void *
kmalloc(size_t size, int flags)
{
	(void)flags;
	assert(host_locks_held == 0);
	return (may_allocate() ? malloc(size) : NULL);
}

void
kfree(void *p)
{
	allocations--;
	free(p);
}

/* A page: its structure first, then its bytes. */
struct host_page {
	struct vm_page m;
	uint8_t bytes[PAGE_SIZE];
};

static uint8_t *
bytes_of(struct vm_page *m)
{
	return (((struct host_page *)m)->bytes);
}

struct vm_page *
vm_page_alloc_held(void)
{
	struct host_page *p = may_allocate() ?
	    aligned_alloc(32, sizeof(*p)) : NULL;

	if (p == NULL)
		return (NULL);
	p->m.holders = 1;
	p->m.state = VPS_FILLING;
	return (&p->m);
}

bool
vm_page_hold(struct vm_page *m)
{
	if (!may_allocate())
		return (false);
	allocations--;
	m->holders++;
	return (true);
}

void
vm_page_drop(struct vm_page *m)
{
	assert(m->holders > 0);
	if (--m->holders == 0) {
		allocations--;
		free(m);
	}
}

bool
vm_page_seal(struct vm_page *m)
{
	m->state = VPS_SEALED;
	return (true);
}

int
uiomove(void *buf, size_t n, struct uio *uio)
{
	n = n < uio->uio_resid ? n : uio->uio_resid;
	if (uio->uio_rw == UIO_READ)
		memcpy((void *)uio->uio_base, buf, n);
	else
		memcpy(buf, (void *)uio->uio_base, n);
	uio->uio_base += n;
	uio->uio_resid -= n;
	return (0);
}

int
uiomove_pages(struct vm_page *const *m, u_int off, size_t n, struct uio *uio)
{
	size_t part;

	n = n < uio->uio_resid ? n : uio->uio_resid;
	for (; n > 0; n -= part, off += part) {
		part = PAGE_SIZE - (off & PAGE_MASK);
		part = part < n ? part : n;
		assert(uio->uio_rw == UIO_READ ||
		    m[off >> PAGE_SHIFT]->state != VPS_SEALED);
		uiomove(bytes_of(m[off >> PAGE_SHIFT]) + (off & PAGE_MASK),
		    part, uio);
	}
	return (0);
}

/* --- chains against arrays --- */

static u_int wrong;

#define	EXPECT_EQ(a, b)	(wrong += (uint64_t)(a) != (uint64_t)(b))

static uint32_t
test_random(uint32_t *state)
{
	uint32_t z = *state += 0x9e3779b9u;

	z = (z ^ z >> 16) * 0x85ebca6bu;
	z = (z ^ z >> 13) * 0xc2b2ae35u;
	return (z ^ z >> 16);
}

#include "../mbuf_model.h"

/* Takes the reserve, so that what follows comes from kmalloc(), or gives it. */
static struct mbuf *
take_reserve(void)
{
	struct mbuf *all = NULL, *m;

	for (u_int i = 0; i < NRESERVE; i++) {
		m = m_get();
		m->m_next = all;
		all = m;
	}
	return (all);
}

static void
test_model(void)
{
	struct mbuf *all;

	wrong = 0;
	for (u_int seed = 0; seed < NSEEDS; seed++) {
		all = seed % 2 == 0 ? take_reserve() : NULL;
		model_run(seed, NSTEPS);
		m_freem(all);
	}
	ok(wrong == 0, "chains are what arrays of bytes would be");
	ok(m_inuse() == 0 && allocations == 0, "and nothing is left");
}

/*
 * Each allocation of a copy and of a split fails in turn: the chain is whole,
 * and nothing is left.
 */
static void
test_no_memory(void)
{
	struct mbuf *all = take_reserve(), *m, *n;
	static uint8_t bytes[60000];
	u_int before, i;

	wrong = 0;
	m = m_devget(bytes, sizeof(bytes));
	m->m_next = m_devget(bytes, 1000);
	before = allocations;
	for (i = 0, n = NULL; n == NULL && i < 100; i++) {
		fail_after = i;
		n = m_copym(m, 10, M_COPYALL);
		fail_after = ~0u;
		EXPECT_EQ(n == NULL && allocations != before, 0);
	}
	EXPECT_EQ(m_length(n), 60990);
	m_freem(n);
	for (i = 0, n = NULL; n == NULL && i < 100; i++) {
		fail_after = i;
		n = m_split(m, 5000);
		fail_after = ~0u;
		EXPECT_EQ(n == NULL && m_length(m) != 61000, 0);
	}
	EXPECT_EQ(m_length(n), 56000);
	m_freem(n);
	m_freem(m);
	for (i = 0, m = NULL; m == NULL && i < 100; i++) {
		fail_after = i;
		m = m_devget(bytes, sizeof(bytes));
		fail_after = ~0u;
	}
	m_freem(m);
	m_freem(all);
	ok(wrong == 0 && m_inuse() == 0 && allocations == 0,
	    "where memory runs out a chain stays whole and nothing leaks");
}

/* --- the queue of a stream against an array --- */

static struct mbufq queue;
static uint8_t queue_bytes[1u << 20];
static u_int queue_head, queue_tail;

static void
check_queue(void)
{
	u_int bytes = 0, mbufs = 0;
	struct mbuf *last = NULL;

	for (struct mbuf *m = queue.q_first; m != NULL; m = m->m_next) {
		bytes += m->m_len;
		mbufs++;
		last = m;
		EXPECT_EQ(m->m_len == 0, 0);
	}
	EXPECT_EQ(queue.q_bytes, bytes);
	EXPECT_EQ(queue.q_mbufs, mbufs);
	EXPECT_EQ(queue.q_last == last, true);
	EXPECT_EQ(bytes, queue_tail - queue_head);
}

static void
queue_put(u_int n)
{
	struct mbuf *m, *last;
	u_int mbufs = 1;

	for (u_int i = 0; i < n; i++)
		queue_bytes[queue_tail + i] = (uint8_t)model_draw(256);
	last = m = m_devget(queue_bytes + queue_tail, n);
	queue_tail += n;
	if (mbufq_coalesce(&queue, m)) {
		m_freem(m);
		return;
	}
	for (; last->m_next != NULL; last = last->m_next)
		mbufs++;
	mbufq_append(&queue, m, last, mbufs, n);
}

static void
queue_get(u_int n)
{
	static uint8_t got[1u << 20];

	n = umin(n, queue.q_bytes);
	m_copydata(queue.q_first, 0, n, got);
	EXPECT_EQ(memcmp(got, queue_bytes + queue_head, n), 0);
	m_freem(mbufq_consume(&queue, n));
	queue_head += n;
}

static void
test_queue(void)
{
	wrong = 0;
	model_rng = 5;
	for (u_int i = 0; i < NQUEUE_OPS; i++) {
		if (queue_tail > sizeof(queue_bytes) - 200000) {
			queue_get(queue.q_bytes);
			queue_head = queue_tail = 0;
		}
		if (queue.q_bytes > 100000 || model_draw(2) == 0)
			queue_get(model_length(100000));
		else
			queue_put(model_length(100000));
		check_queue();
	}
	m_freem(mbufq_take_all(&queue));
	ok(wrong == 0, "the queue of a stream is what an array would be");
	ok(m_inuse() == 0 && allocations == 0, "and nothing is left");
}

/* Of lent bytes behind others some are consumed, the rest is taken back. */
static void
test_lent(void)
{
	static const uint8_t bytes[8000];
	struct mbuf *m, *back;

	wrong = 0;
	queue = (struct mbufq){ NULL };
	m = m_devget(bytes, 100);
	mbufq_append(&queue, m, m, 1, 100);
	m = m_devget(bytes, 8000);
	m->m_flags |= M_LENT;
	mbufq_append(&queue, m, m, 1, 8000);
	queue.q_lent = 8000;
	m_freem(mbufq_consume(&queue, 60));
	EXPECT_EQ(queue.q_lent, 8000);
	m_freem(mbufq_consume(&queue, 1040));
	EXPECT_EQ(queue.q_lent, 7000);
	EXPECT_EQ(queue.q_mbufs, 1);
	back = mbufq_take_lent(&queue, NULL);
	EXPECT_EQ(m_length(back), 7000);
	EXPECT_EQ(queue.q_first == NULL && queue.q_last == NULL, true);
	EXPECT_EQ(queue.q_bytes + queue.q_lent + queue.q_mbufs, 0);
	m_freem(back);
	back = m_devget(bytes, 100);
	mbufq_append(&queue, back, back, 1, 100);
	m = m_devget(bytes, 8000);
	m->m_flags |= M_LENT;
	mbufq_append(&queue, m, m, 1, 8000);
	queue.q_lent = 8000;
	EXPECT_EQ(mbufq_take_lent(&queue, back) == m, true);
	EXPECT_EQ(queue.q_bytes, 100);
	EXPECT_EQ(queue.q_last == back, true);
	mbufq_append(&queue, m, m, 1, 8000);
	queue.q_lent = 8000;
	m_freem(mbufq_take_all(&queue));
	EXPECT_EQ(queue.q_lost, 8000);
	m_freem(mbufq_take_all(&queue));
	EXPECT_EQ(queue.q_lost, 8000);
	ok(wrong == 0, "lent bytes are counted, and can be taken back");
}

int
main(void)
{
	test_model();
	test_no_memory();
	test_queue();
	test_lent();
	return (harness_end());
}
