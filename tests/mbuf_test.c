/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of mbuf(9).  tests/host/mbuf_test.c holds many more random operations
 * against the model, with sanitizers, but without real pages.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>
#include "mbuf_model.h"

TEST(model, "mbuf.chains_are_what_arrays_of_bytes_would_be")
{
	u_int before = m_inuse();

	model_run(test_seed(), 300);
	EXPECT_EQ(m_inuse(), before);
}

static struct vm_page *
page_of(uint8_t byte)
{
	struct vm_page *page = vm_page_alloc_held();
	uint8_t bytes[64];
	struct uio uio = { .uio_base = (vm_offset_t)bytes,
	    .uio_resid = sizeof(bytes), .uio_rw = UIO_WRITE };

	memset(bytes, byte, sizeof(bytes));
	EXPECT_EQ(uiomove_page(page, 0, sizeof(bytes), &uio), 0);
	vm_page_seal(page);
	return (page);
}

TEST(page_lives, "mbuf.a_shared_page_lives_until_the_last_mbuf_is_freed")
{
	struct mbuf *m = m_getpage(page_of(7), 8, 32), *copy, *rest;
	uint8_t byte;

	copy = m_copym(m, 4, 8);
	EXPECT(copy->m_pages[0] == m->m_pages[0]);
	EXPECT_EQ(copy->m_off, 12);
	rest = m_split(m, 16);
	EXPECT(rest->m_pages[0] == m->m_pages[0]);
	m_freem(m);
	m_freem(rest);
	m_copydata(copy, 7, 1, &byte);
	EXPECT_EQ(byte, 7);
	m_freem(copy);
}

TEST(sealed, "mbuf.pages_that_a_write_fills_are_sealed")
{
	static uint8_t bytes[PAGE_SIZE + 100];
	struct mbuf *m = m_devget(bytes, sizeof(bytes));

	EXPECT((m->m_flags & M_EXT) != 0);
	EXPECT(vm_page_is_sealed(m->m_pages[0]));
	EXPECT(vm_page_is_sealed(m->m_pages[1]));
	EXPECT_EQ(m->m_count, 2);
	EXPECT_EQ(m->m_len, sizeof(bytes));
	EXPECT(m->m_next == NULL);
	m_freem(m);
}

TEST(run, "mbuf.a_copy_shares_only_the_pages_that_it_needs")
{
	struct vm_page *page = page_of(3);
	struct mbuf *m = m_getpage(page_of(1), 4090, 6), *copy;
	uint8_t bytes[100];

	m->m_pages[m->m_count++] = page;
	m->m_len += 20;
	copy = m_copym(m, 7, 10);
	EXPECT_EQ(copy->m_count, 1);
	EXPECT_EQ(copy->m_off, 1);
	EXPECT(copy->m_pages[0] == page);
	m_freem(m);
	m_copydata(copy, 0, 10, bytes);
	EXPECT_EQ(bytes[0], 3);
	EXPECT_EQ(bytes[9], 3);
	m_freem(copy);
}

TEST(eor, "mbuf.the_end_of_a_message_stays_at_its_end")
{
	static const uint8_t bytes[100];
	struct mbuf *a = m_devget(bytes, 100), *b;

	a->m_flags |= M_PKTHDR | M_EOR;
	a->m_pktlen = 100;
	b = m_split(a, 60);
	EXPECT_EQ(a->m_flags, M_PKTHDR);
	EXPECT_EQ(b->m_flags, M_PKTHDR | M_EOR);
	EXPECT_EQ(b->m_pktlen, 40);
	m_cat(a, b);
	EXPECT_EQ(a->m_pktlen, 100);
	EXPECT_EQ(a->m_next->m_flags, M_EOR);
	m_freem(a);
}

TEST(none_left, "mbuf.at_the_limit_there_is_none_and_nothing_leaks")
{
	static uint8_t bytes[(M_MAXPAGES + 1) * PAGE_SIZE];
	struct uio uio = { .uio_base = (vm_offset_t)bytes,
	    .uio_resid = sizeof(bytes), .uio_rw = UIO_WRITE };
	struct mbuf *all = NULL, *m;
	int error;

	if (vm_page_count > (1u << 30) / PAGE_SIZE) {
		test_skip("it would take long: there are many mbufs");
		return;
	}
	while ((m = m_get()) != NULL) {
		m->m_next = all;
		all = m;
	}
	EXPECT(m_uiotombuf(&uio, &error) == NULL);
	EXPECT_EQ(error, ENOBUFS);
	all = m_free(all);
	uio = (struct uio){ .uio_base = (vm_offset_t)bytes,
	    .uio_resid = sizeof(bytes), .uio_rw = UIO_WRITE };
	EXPECT(m_uiotombuf(&uio, &error) == NULL);
	EXPECT_EQ(error, ENOBUFS);
	m_freem(all);
	EXPECT_EQ(m_inuse(), 0);
}

PANIC_TEST(lost_rights, "mbuf.handles_that_are_lost_panic")
{
	struct mbuf *m = m_get();

	m->m_flags |= M_RIGHTS;
	m->m_count = 1;
	m_freem(m);
}

PANIC_TEST(lent_copy, "mbuf.a_copy_of_a_lent_page_panics")
{
	struct mbuf *m = m_getpage(page_of(1), 0, 10);

	m->m_flags |= M_LENT;
	(void)m_copym(m, 0, M_COPYALL);
}
