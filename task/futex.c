/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * To wait for a word of memory to change, and to wake those that do.
 *
 * A word is known by its page and its offset in it, so that tasks that share
 * memory mean one word.  A waiter has its page borrowed for writing for as long
 * as it waits: such a page is its object's alone, and fork(2) copies it rather
 * than share it, so that no copy-on-write puts another page at the address.
 *
 * No wake-up is lost.  The waiter enters its bucket before it reads the word,
 * under the bucket's lock; the waker has stored to the word before its call
 * takes that lock.  So the waiter sees the new value, or the waker sees the
 * waiter.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/sf_buf.h>
#include <sys/sleepq.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <task/call.h>
#include <vm/map/vm_map.h>
#include <vm/vm_page.h>

#define	NBUCKETS	64u
#define	WORD		sizeof(uint32_t)

struct sleeper {
	struct sleeper *next;
	const struct vm_page *page;
	u_int off;
	bool woken;
};

/* Guarded by the bucket's lock: the list, and `woken' of each sleeper. */
static struct bucket {
	struct spinlock lock;
	struct sleeper *first;		/* in the order in which they came */
} buckets[NBUCKETS] = {
	[0 ... NBUCKETS - 1] = {
		.lock = SPINLOCK_INITIALIZER("futex", RANK_FUTEX)
	}
};

static struct bucket *
bucket_of(const struct vm_page *m, u_int off)
{
	return (&buckets[(vm_page_index(m) + off / WORD) % NBUCKETS]);
}

/* Finds the page of a word of the calling task; the caller returns it. */
static int
borrow_word(uint32_t va, struct vm_page **m)
{
	int n;

	if ((va & (WORD - 1)) != 0)
		return (EINVAL);
	if (va >= USER_END)
		return (EFAULT);
	n = vm_borrow(curtask()->t_map, va, WORD, PROT_WRITE, m, 1);
	return (n < 0 ? call_error(-n) : 0);
}

static void
append(struct bucket *b, struct sleeper *s)
{
	struct sleeper **p = &b->first;

	while (*p != NULL)
		p = &(*p)->next;
	*p = s;
}

static void
unlist(struct bucket *b, struct sleeper *s)
{
	struct sleeper **p = &b->first;

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
}

/* Sleeps until woken.  The bucket is locked. */
static int
sleep(struct bucket *b, struct sleeper *s, uint64_t deadline)
{
	int error = 0;
	u_int ms;

	while (!s->woken && (error == 0 || error == EWOULDBLOCK)) {
		if (!time_left_ms(deadline, &ms)) {
			error = ETIMEDOUT;
			break;
		}
		error = sleepq_wait_spin(s, &b->lock, "futex",
		    SLEEP_CATCH | SLEEP_LONG, ms);
	}
	return (s->woken ? 0 : error);
}

/* The mapping of the page is given back before the thread sleeps. */
static int
wait_for_word(struct vm_page *m, u_int off, uint32_t value, uint64_t deadline)
{
	struct sleeper s = { .page = m, .off = off };
	struct bucket *b = bucket_of(m, off);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_CATCH);
	const volatile uint32_t *word;
	int error;

	if (sf == NULL)
		return (EINTR);
	word = (const volatile uint32_t *)(sf_buf_kva(sf) + off);
	spin_lock(&b->lock);
	append(b, &s);
	error = *word != value ? EAGAIN : 0;
	sf_buf_free(sf);
	if (error == 0)
		error = sleep(b, &s, deadline);
	if (!s.woken)
		unlist(b, &s);
	spin_unlock(&b->lock);
	return (error);
}

int32_t
call_futex_wait(struct userframe *uf, u_int handle)
{
	uint32_t va = ARG1(uf);
	struct vm_page *m;
	int error = handle != 0 ? EINVAL : borrow_word(va, &m);

	if (error != 0)
		return (-error);
	error = wait_for_word(m, va & PAGE_MASK, ARG2(uf),
	    arg_64(ARG3(uf), ARG4(uf)));
	vm_return(&m, 1, PROT_WRITE);
	return (-error);
}

/* Wakes at most `most' sleepers of a word and returns how many. */
static u_int
wake(const struct vm_page *m, u_int off, u_int most)
{
	struct bucket *b = bucket_of(m, off);
	struct sleeper *s, **p;
	u_int n = 0;

	spin_lock(&b->lock);
	for (p = &b->first; (s = *p) != NULL && n < most;) {
		if (s->page != m || s->off != off) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		s->woken = true;
		/* It cannot go before the lock is released. */
		sleepq_wakeup(s);
		n++;
	}
	spin_unlock(&b->lock);
	return (n);
}

int32_t
call_futex_wake(struct userframe *uf, u_int handle)
{
	uint32_t va = ARG1(uf);
	struct vm_page *m;
	int error = handle != 0 ? EINVAL : borrow_word(va, &m);
	u_int n;

	if (error != 0)
		return (-error);
	n = wake(m, va & PAGE_MASK, ARG2(uf));
	vm_return(&m, 1, PROT_WRITE);
	return ((int32_t)n);
}
