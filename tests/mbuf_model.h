/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_MBUF_MODEL_H_
#define	_TESTS_MBUF_MODEL_H_

/*
 * Random operations on two chains of mbufs, held against arrays of bytes: for
 * tests/mbuf_test.c and tests/host/mbuf_test.c, which define EXPECT_EQ() and
 * test_random() in their ways.
 */

#include <ipc/mbuf.h>
#include <sys/uio.h>

#define	MODEL_MAX	100000u		/* bytes of a chain */

struct model_chain {
	struct mbuf *m;			/* NULL if len is 0 */
	u_int len;
	uint8_t bytes[MODEL_MAX];
};

static struct model_chain model_a, model_b;
static uint8_t model_buf[MODEL_MAX];
static uint32_t model_rng;

static u_int
model_draw(u_int n)
{
	return (test_random(&model_rng) % n);
}

static void
model_free(struct model_chain *c)
{
	m_freem(c->m);
	c->m = NULL;
	c->len = 0;
}

/* Lengths of all sizes, from a byte on. */
static u_int
model_length(u_int most)
{
	u_int n = 1 + model_draw(1u << model_draw(17));

	return (n < most ? n : most);
}

static void
model_check(const struct model_chain *c)
{
	if (c->m == NULL)
		return;
	EXPECT_EQ(m_length(c->m), c->len);
	if ((c->m->m_flags & M_PKTHDR) != 0)
		EXPECT_EQ(c->m->m_pktlen, c->len);
	m_copydata(c->m, 0, c->len, model_buf);
	EXPECT_EQ(memcmp(model_buf, c->bytes, c->len), 0);
}

static void
model_new(struct model_chain *c)
{
	model_free(c);
	c->len = model_length(MODEL_MAX);
	for (u_int i = 0; i < c->len; i++)
		c->bytes[i] = (uint8_t)test_random(&model_rng);
	c->m = m_devget(c->bytes, c->len);
	if (model_draw(2) == 0) {
		c->m->m_flags |= M_PKTHDR;
		c->m->m_pktlen = c->len;
	}
}

static void
model_adj_front(struct model_chain *c)
{
	u_int n = model_length(c->len - 1);

	m_adj(c->m, (int)n);
	c->len -= n;
	memmove(c->bytes, c->bytes + n, c->len);
}

static void
model_adj_end(struct model_chain *c)
{
	u_int n = model_length(c->len - 1);

	m_adj(c->m, -(int)n);
	c->len -= n;
}

static void
model_split(struct model_chain *c, struct model_chain *to)
{
	u_int off = model_length(c->len - 1);

	model_free(to);
	to->m = m_split(c->m, off);
	to->len = c->len - off;
	memcpy(to->bytes, c->bytes + off, to->len);
	c->len = off;
	EXPECT_EQ(to->m->m_flags & M_PKTHDR, c->m->m_flags & M_PKTHDR);
}

static void
model_cat(struct model_chain *c, struct model_chain *from)
{
	if (c->len + from->len > MODEL_MAX || from->m == NULL)
		return;
	m_cat(c->m, from->m);
	memcpy(c->bytes + c->len, from->bytes, from->len);
	c->len += from->len;
	from->m = NULL;
	from->len = 0;
}

static void
model_copym(const struct model_chain *c, struct model_chain *to)
{
	u_int off = model_draw(c->len), n = model_length(c->len - off);

	model_free(to);
	if (model_draw(4) == 0)
		n = c->len - off;
	to->m = m_copym(c->m, off, n == c->len - off ? M_COPYALL : n);
	to->len = n;
	memcpy(to->bytes, c->bytes + off, n);
}

static void
model_copydata(const struct model_chain *c)
{
	u_int off = model_draw(c->len), n = model_length(c->len - off);

	m_copydata(c->m, off, n, model_buf);
	EXPECT_EQ(memcmp(model_buf, c->bytes + off, n), 0);
}

/* To a uio that is shorter than the chain, or longer. */
static void
model_touio(const struct model_chain *c)
{
	u_int n = model_length(MODEL_MAX);
	u_int moved = n < c->len ? n : c->len;
	struct uio uio = { .uio_base = (vm_offset_t)model_buf,
	    .uio_resid = n, .uio_rw = UIO_READ };

	EXPECT_EQ(m_mbuftouio(&uio, c->m), 0);
	EXPECT_EQ(uio.uio_resid, n - moved);
	EXPECT_EQ(uio.uio_base, (vm_offset_t)model_buf + moved);
	EXPECT_EQ(memcmp(model_buf, c->bytes, moved), 0);
}

static void
model_step(void)
{
	struct model_chain *c = model_draw(2) == 0 ? &model_a : &model_b;
	struct model_chain *other = c == &model_a ? &model_b : &model_a;
	u_int op = model_draw(8);

	if (c->len < 2 || op == 0)
		model_new(c);
	else if (op == 1)
		model_adj_front(c);
	else if (op == 2)
		model_adj_end(c);
	else if (op == 3)
		model_split(c, other);
	else if (op == 4)
		model_cat(c, other);
	else if (op == 5)
		model_copym(c, other);
	else if (op == 6)
		model_copydata(c);
	else
		model_touio(c);
	model_check(c);
	model_check(other);
}

static void
model_run(uint32_t seed, u_int steps)
{
	model_rng = seed;
	while (steps-- > 0)
		model_step();
	model_free(&model_a);
	model_free(&model_b);
}

#endif /* !_TESTS_MBUF_MODEL_H_ */
