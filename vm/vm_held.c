/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Free pages of tasks, kept by each CPU.
 *
 * A page of a task is taken and freed alone, and often: the free lists would
 * cut a block for it each time and merge it again, which costs some 800
 * instructions.  So each CPU keeps some pages in a stack.  It gets BATCH of
 * them as one block, and gives back as many when the stack is full.
 *
 * A page that is kept is allocated, as far as vm_page.c knows, with the one
 * wiring that vm_state.c has of it; it has no holder.  The check that none of
 * its mappings is referenced is made when it is put here, as it is for each
 * page that is freed.  Pages of tasks lie outside the direct map, so they are
 * not poisoned, here or there.
 *
 * When pages run out, vm_page_alloc() calls vm_held_reclaim(), so what is kept
 * never makes an allocation fail, but for pages that another CPU is just
 * moving.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/pcpu.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <vm/vm_held.h>
#include <vm/vm_zone.h>

#define	KEPT_MAX	1024u		/* of each CPU; on a small machine */
#define	KEPT_SHARE	256u		/* one page of this many */
#define	BATCH_ORDER	4u
#define	BATCH		(1u << BATCH_ORDER)
#define	REQUEST		(VM_ALLOC_USER | VM_ALLOC_WIRED)

static struct keep {
	struct spinlock lock;		/* RANK_PAGE */
	uint32_t head;			/* frame of the last one put, by next */
	u_int n;
} __attribute__((aligned(64))) keeps[MAXCPU];

static u_int kept_max;
static bool (*next_lowmem)(void);

/* The calling CPU's; it is no harm if the thread moves meanwhile. */
static inline struct keep *
my_keep(void)
{
	return (&keeps[curcpu_id()]);
}

/* Puts m on a stack whose lock is held; false if that is full. */
static inline bool
push(struct keep *k, struct vm_page *m)
{
	if (k->n == kept_max)
		return (false);
	m->next = k->head;
	k->head = vm_page_index(m);
	k->n++;
	return (true);
}

/* The page that was put last, or NULL.  The lock is held. */
static inline struct vm_page *
pop(struct keep *k)
{
	struct vm_page *m;

	if (k->n == 0)
		return (NULL);
	m = &vm_page_array[k->head];
	k->head = m->next;
	m->next = 0;		/* no writers */
	k->n--;
	return (m);
}

static void
free_page(struct vm_page *m)
{
	vm_page_unwire(m, 0);
	vm_page_free_for(m, m->caller);
}

/* Gives at most max pages of a stack back; true if there was one. */
static bool
give_back(struct keep *k, u_int max)
{
	struct vm_page *page[BATCH];
	u_int n = 0, i;

	spin_lock(&k->lock);
	while (n < max && (page[n] = pop(k)) != NULL)
		n++;
	spin_unlock(&k->lock);
	for (i = 0; i < n; i++)
		free_page(page[i]);
	return (n > 0);
}

/*
 * Gets a block, and keeps all of it but the page that it returns.  That there
 * is no block is no want of memory: to empty what CPUs keep for one would not
 * end while they go on.
 */
static struct vm_page *
refill(struct keep *k)
{
	struct vm_page *m = vm_page_alloc_order(REQUEST | VM_ALLOC_EASY,
	    BATCH_ORDER);
	u_int i = BATCH - 1;

	if (m == NULL)
		return (vm_page_alloc(REQUEST));
	spin_lock(&k->lock);
	while (i > 0 && push(k, &m[i]))
		i--;
	spin_unlock(&k->lock);
	for (; i > 0; i--)
		free_page(&m[i]);
	return (m);
}

/* Contracts are in vm_held.h. */
struct vm_page *
vm_held_take(void)
{
	struct keep *k = my_keep();
	struct vm_page *m;

	spin_lock(&k->lock);
	m = pop(k);
	spin_unlock(&k->lock);
	return (m != NULL ? m : refill(k));
}

void
vm_held_put(struct vm_page *m, const void *caller)
{
	struct keep *k = my_keep();
	bool kept = false;

	m->caller = caller;
	if (atomic_load_acq_32(&m->wire_count) == 1 && !vm_page_referenced(m)) {
		spin_lock(&k->lock);
		kept = push(k, m);
		spin_unlock(&k->lock);
	}
	if (kept)
		return;
	/* The stack is full; or the page may not be freed: that panics. */
	free_page(m);
	(void)give_back(k, BATCH);
}

bool
vm_held_reclaim(void)
{
	bool any = false;

	for (u_int cpu = 0; cpu < mp_ncpus; cpu++)
		while (give_back(&keeps[cpu], BATCH))
			any = true;
	return (any);
}

/* For vm_page_alloc(): what is kept here first, for that waits for no CPU. */
static bool
lowmem(void)
{
	return (vm_held_reclaim() || next_lowmem());
}

void
vm_held_init(void)
{
	for (u_int cpu = 0; cpu < MAXCPU; cpu++)
		spin_init(&keeps[cpu].lock, "kept pages", RANK_PAGE);
	kept_max = vm_page_count / KEPT_SHARE;
	if (kept_max > KEPT_MAX)
		kept_max = KEPT_MAX;
	next_lowmem = vm_lowmem;
	vm_lowmem = lowmem;
}
