/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What the simulated threads and interrupt handlers do, and the oracle: what
 * must hold while they do it, and when all is done.
 *
 * The work keeps to the contract of sf_buf(9), so any panic is a failure:
 * each reference comes with a wiring of its own, private mappings are used
 * pinned, and no thread sleeps for a slot while its references are so many that
 * all threads could.
 */

#include <string.h>

#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <machine/pmap.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>
#include "sim.h"

#define	MAXHANDLES		3u	/* handles of a thread */
#define	CHURNS		16u	/* pages mapped in a row */
#define	MAXSHARED	3u	/* handles that any thread may free */
#define	SPARE		0x100040u	/* first of two frames to be recycled */
#define	SPARES		2u

struct handle {
	struct sf_buf *sf;
	struct vm_page *m;
	bool private;
	u_int cpu;
};

static const struct work *work;
static struct handle held[NTHREADS][MAXHANDLES];
static u_int nheld[NTHREADS];
static struct {
	const struct vm_page *m;	/* is being allocated, or NULL */
	int flags;
} asks[NTHREADS];
static struct handle shared[MAXSHARED];
static u_int nshared;
static uint64_t calls;		/* of sf_buf_alloc() for a slot, done */
static u_int ncalling;		/* calls that have not returned */
static uint32_t nbegun;		/* calls that ever began */
static struct vm_page boot_pages[NPAGES + SPARES];

/* Every second page is 4 GiB above the one before: same low half. */
static uint32_t
frame_of(u_int page)
{
	return (0x10 + (page & ~1u) + (page & 1) * 0x100000);
}

static struct vm_page *
page_of(u_int page)
{
	return (&vm_page_array[frame_of(page)]);
}

static uint64_t
mix(uint64_t *s)
{
	uint64_t z = *s += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (z ^ z >> 31);
}

/* work_draw: the work of a seed; at least 20 operations. */
void
work_draw(struct work *w, uint64_t seed)
{
	static const uint8_t often[OP_KINDS] = { [OP_ALLOC] = 60,
	    [OP_READ] = 30, [OP_FREE] = 40, [OP_REF] = 8, [OP_GIVE] = 12,
	    [OP_TAKE] = 8, [OP_FLUSH] = 4, [OP_SIGNAL] = 6, [OP_NAP] = 10,
	    [OP_RECYCLE] = 4, [OP_MOVE] = 6, [OP_AUDIT] = 1, [OP_BUSY] = 8,
	    [OP_CHURN] = 4, [OP_SEAL] = 6 };
	static const uint8_t flags[] = { SFB_DEFAULT, SFB_DEFAULT, SFB_CATCH,
	    SFB_NOWAIT, SFB_CPUPRIVATE, SFB_CPUPRIVATE | SFB_CATCH,
	    SFB_CPUPRIVATE | SFB_NOWAIT, SFB_NOWAIT | SFB_CATCH };
	static const uint32_t epochs[] = { 0, 0x3ffffffc, 0x7ffffffd,
	    0xbffffffc, 0xfffffffd };
	uint64_t s = seed, r = mix(&s);
	uint8_t chance[OP_KINDS];
	u_int total = 0, n;

	memset(w, 0, sizeof(*w));
	w->ncpus = 2 + (r & 3) % 3;
	w->nthreads = 2 + (r >> 2 & 7) % 4;
	if (w->nthreads < w->ncpus && (r >> 5 & 1) != 0)
		w->nthreads = w->ncpus;
	w->nslots = (r >> 6 & 3) == 0 ? 4 + (r >> 8 & 3) :
	    (r >> 6 & 3) == 1 ? 1 + (r >> 8 & 3) % 3 : 4;
	w->npages = 3 + (r >> 10 & 7) % 6;
	w->queued = 1 + (r >> 57 & 3);
	w->search = 1 + (r >> 62 & 3);
	w->strict = (r >> 13 & 7) == 0;
	w->direct = (r >> 16 & 7) == 0;
	w->epoch = epochs[(r >> 19 & 0xff) % nitems(epochs)];
	w->wired = (r >> 27 & 3) != 0;
	w->sleeper = (r >> 60 & 7) == 0;
	for (u_int k = 0; k < OP_KINDS; k++) {
		/* Some kinds are left out of some runs. */
		chance[k] = k > OP_FREE && (r >> (28 + k) & 1) != 0 ? 0 :
		    often[k];
		total += chance[k];
	}
	for (u_int t = 0; t < w->nthreads; t++) {
		r = mix(&s);
		w->nops[t] = (20 + w->nthreads - 1) / w->nthreads + r % 4;
		for (u_int i = 0; i < w->nops[t]; i++) {
			r = mix(&s);
			n = (u_int)(r & 0xffff) % total;
			for (; n >= chance[w->ops[t][i].kind];
			    w->ops[t][i].kind++)
				n -= chance[w->ops[t][i].kind];
			w->ops[t][i].a = r >> 16 & 0xff;
			w->ops[t][i].b = flags[r >> 24 & 7];
		}
	}
}

u_int
work_count(const struct work *w)
{
	u_int n = 0;

	for (u_int t = 0; t < w->nthreads; t++)
		n += w->nops[t];
	return (n);
}

void
work_print(const struct work *w)
{
	static const char *const names[OP_KINDS] = { "alloc", "read", "free",
	    "ref", "give", "take", "flush", "signal", "nap", "recycle",
	    "move", "audit", "busy", "churn", "seal" };
	const struct op *op;

	printf("%u CPUs, %u slots, 1 of %u queued, %u pages%s%s%s%s, "
	    "epoch 0x%x\n", w->ncpus, w->nslots, w->queued, w->npages,
	    w->strict ? ", strict" : "", w->direct ?
	    ", direct map" : "", w->wired ? ", pages wired" : "", w->sleeper ?
	    ", one asleep" : "", w->epoch);
	for (u_int t = 0; t < w->nthreads; t++) {
		printf("thread %u:", t);
		for (u_int i = 0; i < w->nops[t]; i++) {
			op = &w->ops[t][i];
			printf(" %s", names[op->kind]);
			if (op->kind == OP_ALLOC)
				printf("(page %x%s%s%s)",
				    frame_of(op->a % w->npages),
				    (op->b & SFB_NOWAIT) ? " nowait" : "",
				    (op->b & SFB_CATCH) ? " catch" : "",
				    (op->b & SFB_CPUPRIVATE) ? " private" : "");
		}
		printf("\n");
	}
}

/* Whether the direct map is to serve a page, and so no slot. */
static inline bool
is_direct(const struct vm_page *m)
{
	return (work->direct && !work->strict &&
	    VM_PAGE_TO_PHYS(m) < dmap_limit);
}

/*
 * sf_buf_alloc() returned it: from here on it is to be trusted.  No step lies
 * between the return and this, so what any CPU holds now it will use.
 */
static void
check_new(const struct handle *h)
{
	u_int slot;
	uint64_t pte;
	struct live *l;

	if (is_direct(h->m))
		return;
	calls++;
	slot = sf_index(h->sf);
	l = &live[slot];
	l->frame = vm_page_index(h->m);
	if (h->private)
		l->private_to[h->cpu]++;
	else
		l->shared++;
	pte = sim_pte_here(slot);
	if ((pte & PG_V) == 0 || atop(pte & PG_FRAME) != l->frame)
		sim_fail("slot %u is to map page %x, but its entry is 0x%llx",
		    slot, l->frame, (unsigned long long)pte);
	if (((pte & PG_RW) == 0) != vm_page_is_sealed(h->m))
		sim_fail("slot %u of page %x, state 0x%x, has entry 0x%llx",
		    slot, l->frame, h->m->state, (unsigned long long)pte);
	if (h->private)
		sim_check_slot(cur, slot);
	for (u_int i = 0; i < mp_ncpus; i++)
		if (!h->private && !cpus[i].asleep)
			sim_check_tlb(&cpus[i]);
}

/*
 * Around calls of sf_buf(9).  begin_call() returns what end_call() takes to
 * say whether the call had the pool to itself from start to end.
 */
static uint32_t
begin_call(void)
{
	nbegun++;
	return (ncalling++ == 0 ? nbegun : 0);
}

static bool
end_call(uint32_t began)
{
	ncalling--;
	return (began == nbegun);
}

static u_int
slots_referenced(void)
{
	u_int n = 0, refs;

	for (u_int i = 0; i < nsfbufs; i++) {
		refs = live[i].shared;
		for (u_int c = 0; c < mp_ncpus; c++)
			refs += live[i].private_to[c];
		n += refs != 0;
	}
	return (n);
}

/*
 * An allocation failed that had the pool to itself.  In thread context it
 * could have flushed; it had to, if any slot was there to be had.
 */
static void
check_failed(int flags)
{
	if (cur->pc->pc_intr_depth == 0 && slots_referenced() < nsfbufs)
		sim_fail("sf_buf_alloc failed, flags 0x%x, but %u of %u slots "
		    "are not referenced", flags, nsfbufs - slots_referenced(),
		    nsfbufs);
}

/*
 * An allocation forces at most ROUNDS flushes by itself, and one more for each
 * time that it queues or, with SFB_NOWAIT, at the end.
 */
static void
check_forces(const struct task *t, u_int forces, u_int queued, int flags)
{
	u_int searches = (flags & SFB_NOWAIT) != 0 ? 1 : 0;

	forces = t->forces - forces;
	queued = t->queued - queued;
	if (forces > ROUNDS + queued + searches)
		sim_fail("an allocation forced %u flushes, and queued %u times",
		    forces, queued);
}

/* The threads that wait for a slot now, and in which of their sleeps. */
struct waits {
	uint32_t sleeps[NTHREADS];	/* 0: the thread does not wait */
	uint64_t hits;			/* of this CPU, and revived */
};

static void
note_waits(struct waits *w)
{
	const struct task *t = tasks;

	for (u_int i = 0; i < nthreads; i++, t++)
		w->sleeps[i] = asks[i].m != NULL && t->wchan != NULL &&
		    !t->napping ? t->sleeps : 0;
	w->hits = cur->pc->pc_sf.hits + cur->pc->pc_sf.revived;
}

/* A slot was taken without a wait; no thread must have waited all the time. */
static void
check_waits(const struct waits *before)
{
	struct waits after;

	note_waits(&after);
	if (after.hits != before->hits)
		return;
	for (u_int i = 0; i < nthreads; i++)
		if (before->sleeps[i] != 0 &&
		    after.sleeps[i] == before->sleeps[i])
			sim_fail("SFB_NOWAIT took a slot past thread %u, which "
			    "waits for one", i);
}

/* With a wiring of its own, which release() drops. */
static bool
take(struct handle *h, struct vm_page *m, int flags)
{
	const struct task *t = cur->task;
	u_int forces = t->forces, queued = t->queued;
	struct waits waits;
	uint32_t began;
	bool undisturbed;

	vm_page_wire(m);
	*h = (struct handle){ NULL, m, (flags & SFB_CPUPRIVATE) != 0, 0 };
	note_waits(&waits);
	began = begin_call();
	h->sf = sf_buf_alloc(m, flags);
	undisturbed = end_call(began);
	check_forces(t, forces, queued, flags);
	if (h->sf != NULL && (flags & SFB_NOWAIT) != 0 && !is_direct(m))
		check_waits(&waits);
	h->cpu = curcpu_id();
	if (h->sf != NULL) {
		check_new(h);
		return (true);
	}
	calls++;			/* the direct map never fails */
	if (undisturbed)
		check_failed(flags);
	vm_page_unwire(m, 0);
	return (false);
}

static void
use(const struct handle *h)
{
	if (sf_buf_page(h->sf) != h->m)
		sim_fail("sf_buf_page: not the page that was asked for");
	if (!sf_buf_page_referenced(h->m))
		sim_fail("page %x counts as not referenced, but is",
		    vm_page_index(h->m));
	sim_read(sf_buf_kva(h->sf), vm_page_index(h->m));
}

/* Whether a CPU does not use what its TLB caches before it has flushed it. */
static bool
will_flush(const struct cpu *c)
{
	return (c != cur && (c->asleep || c->serves ||
	    c->pc->pc_flush_wanted != 0));
}

/* Whether the calling context dropped the last reference of a slot. */
static bool
dropped_last(u_int slot)
{
	return (last_drops[slot].by == cur->task &&
	    last_drops[slot].depth == cur->pc->pc_intr_depth);
}

/*
 * In strict mode, when the free that dropped the last reference returns: the
 * mapping is gone, and with it this TLB's translation; every other CPU has lost
 * it, too, or is asked to flush.
 */
static void
check_gone(u_int slot, uint32_t frame)
{
	uint32_t removed = sim_removals[slot] - last_drops[slot].removals;

	if (removed == 0)
		sim_fail("strict, but slot %u still maps page %x after its "
		    "last free", slot, frame);
	if (removed != 1 || (sim_pte_here(slot) & PG_V) != 0)
		return;			/* used again meanwhile */
	for (u_int i = 0; i < mp_ncpus; i++)
		if (cpus[i].tlb[slot] == frame + 1 && !will_flush(&cpus[i]))
			sim_fail("strict, but after the last free CPU %u still "
			    "has page %x for slot %u", i, frame, slot);
}

static void
release(const struct handle *h)
{
	u_int slot = 0;
	uint32_t began;

	if (!is_direct(h->m)) {
		slot = sf_index(h->sf);
		if (h->private)
			live[slot].private_to[h->cpu]--;
		else
			live[slot].shared--;
		if (dropped_last(slot))
			last_drops[slot].by = NULL;	/* an earlier one */
	}
	began = begin_call();
	sf_buf_free(h->sf);
	(void)end_call(began);
	if (work->strict && !is_direct(h->m) && dropped_last(slot))
		check_gone(slot, vm_page_index(h->m));
	vm_page_unwire(h->m, 0);
}

/* For any thread to free, as if under a lock; false if there is no room. */
static bool
give(const struct handle *h)
{
	sim_step("give", NULL, 0, NULL);
	sim_drain(cur);
	if (nshared == MAXSHARED)
		return (false);
	shared[nshared++] = *h;
	return (true);
}

static struct handle
drop(u_int thread, u_int i)
{
	struct handle h = held[thread][i];

	held[thread][i] = held[thread][--nheld[thread]];
	if (h.private)
		sched_unpin();
	return (h);
}

/* A slot would be free even if all threads slept with as many references. */
static bool
may_sleep(u_int thread)
{
	return (nheld[thread] * nthreads < nsfbufs);
}

static void
op_alloc(u_int thread, const struct op *op)
{
	struct handle h;
	int flags = op->b;
	bool got;

	if (nheld[thread] == MAXHANDLES)
		return;
	if (!may_sleep(thread))
		flags |= SFB_NOWAIT;
	if ((flags & SFB_CPUPRIVATE) != 0)
		sched_pin();
	asks[thread].m = page_of(op->a % work->npages);
	asks[thread].flags = flags;
	got = take(&h, page_of(op->a % work->npages), flags);
	asks[thread].m = NULL;
	if (got) {
		held[thread][nheld[thread]++] = h;
	} else {
		if ((flags & SFB_CPUPRIVATE) != 0)
			sched_unpin();
		if ((flags & (SFB_NOWAIT | SFB_CATCH)) == 0)
			sim_fail("sf_buf_alloc failed, flags 0x%x", flags);
		if ((flags & SFB_NOWAIT) == 0 &&
		    curthread()->td_signals == 0)
			sim_fail("sf_buf_alloc was interrupted by no signal");
	}
	if ((flags & SFB_CATCH) != 0)
		curthread()->td_signals = 0;
}

static void
op_ref(u_int thread, u_int i)
{
	struct handle *h = &held[thread][i];

	if (nheld[thread] == MAXHANDLES)
		return;
	vm_page_wire(h->m);
	sf_buf_ref(h->sf);
	if (h->private)
		sched_pin();		/* as for each private handle */
	if (!is_direct(h->m) && h->private)
		live[sf_index(h->sf)].private_to[h->cpu]++;
	else if (!is_direct(h->m))
		live[sf_index(h->sf)].shared++;
	held[thread][nheld[thread]++] = *h;
}

/* A page that comes and goes, with whatever mapping its frame has cached. */
static void
op_recycle(void)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_HIGH);
	struct handle h;

	if (m == NULL)
		return;
	if (take(&h, m, SFB_NOWAIT)) {
		use(&h);
		release(&h);
	}
	vm_page_free(m);
}

/* Maps a page, if there is a slot, and perhaps uses it. */
static void
map_once(struct vm_page *m, int flags, bool used)
{
	struct handle h;

	if (!take(&h, m, flags))
		return;
	if (used)
		use(&h);
	release(&h);
}

/*
 * A page was sealed: no entry that can be found allows a write to it.  One of
 * a CPU-private slot that the page does not name may be left, until eviction
 * comes to it.
 */
static void
check_sealed(const struct vm_page *m)
{
	uint64_t rw = PG_V | PG_RW;

	if (!vm_page_is_sealed(m))
		sim_fail("page %x is not sealed", vm_page_index(m));
	if (m->sf != 0)
		sim_fail("sealed page %x names slot %u", vm_page_index(m),
		    sf_index(sf_at(m->sf)));
	for (u_int i = 0; i < nsfbufs; i++)
		if ((sim_ptes[i] & rw) == rw &&
		    atop(sim_ptes[i] & PG_FRAME) == vm_page_index(m) &&
		    ((sf_slots[i].status & SF_PRIVATE) == 0 ||
		    m->sf_private == i))
			sim_fail("slot %u can write to sealed page %x", i,
			    vm_page_index(m));
}

/*
 * A page that is filled, sealed and read, and then given back.  Nobody else
 * has it, but eviction may come to its mappings at any time.
 */
static void
op_seal(const struct op *op)
{
	int private = (op->a & 1) != 0 ? SFB_CPUPRIVATE : 0;
	bool used = (op->a & 2) == 0;
	struct vm_page *m = vm_page_alloc_held();
	uint32_t began;

	if (m == NULL)
		return;
	sched_pin();
	map_once(m, SFB_NOWAIT | private, used);
	map_once(m, SFB_NOWAIT, (op->a & 4) == 0);
	sched_unpin();
	began = begin_call();
	if (!vm_page_seal(m))
		sim_fail("page %x cannot be sealed", vm_page_index(m));
	(void)end_call(began);
	check_sealed(m);
	sched_pin();
	map_once(m, SFB_NOWAIT | private, used);
	map_once(m, SFB_NOWAIT, true);
	sched_unpin();
	began = begin_call();
	vm_page_drop(m);
	(void)end_call(began);
}

/* Maps pages at full rate, which may leave other threads no slot to steal. */
static void
op_churn(u_int first)
{
	struct handle h;

	for (u_int i = 0; i < CHURNS; i++) {
		if (!take(&h, page_of((first + i) % work->npages), SFB_NOWAIT))
			break;
		release(&h);
	}
}

static void
op_take(void)
{
	struct handle h;

	if (nshared == 0)
		return;
	h = shared[--nshared];
	release(&h);
}

/* What needs a handle. */
static void
op_on_held(u_int thread, const struct op *op)
{
	u_int i = op->a % nheld[thread];
	struct handle h;

	switch (op->kind) {
	case OP_READ:
		use(&held[thread][i]);
		break;
	case OP_FREE:
		h = drop(thread, i);
		release(&h);
		break;
	case OP_REF:
		op_ref(thread, i);
		break;
	case OP_GIVE:
		if (give(&held[thread][i]))
			(void)drop(thread, i);
		break;
	}
}

static void
op_other(const struct op *op)
{
	struct sf_buf_stats stats;

	switch (op->kind) {
	case OP_TAKE:
		op_take();
		break;
	case OP_FLUSH:
		tlb_flush_all_wait();
		break;
	case OP_SIGNAL:
		thread_signal_sim(op->a % nthreads);
		break;
	case OP_NAP:
		thread_nap();
		break;
	case OP_RECYCLE:
		op_recycle();
		break;
	case OP_MOVE:
		thread_move(op->a % mp_ncpus);
		break;
	case OP_AUDIT:
		/* A fault stays; what passed by is not there a second time. */
		if (sf_buf_audit() != 0 && sf_buf_audit() != 0)
			sim_fail("the audit found wrong entries");
		sf_buf_stats_read(&stats);
		break;
	case OP_BUSY:
		thread_busy();
		break;
	case OP_CHURN:
		op_churn(op->a);
		break;
	case OP_SEAL:
		op_seal(op);
		break;
	}
}

/* work_thread: what a thread does. */
void
work_thread(u_int thread)
{
	const struct op *op;
	struct handle h;

	for (u_int i = 0; i < work->nops[thread]; i++) {
		op = &work->ops[thread][i];
		sim_note("op %u: kind %u, %u, 0x%x", i, op->kind, op->a, op->b);
		if (op->kind == OP_ALLOC ||
		    (op->kind <= OP_GIVE && nheld[thread] == 0))
			op_alloc(thread, op);
		else if (op->kind <= OP_GIVE)
			op_on_held(thread, op);
		else
			op_other(op);
	}
	while (nheld[thread] != 0) {
		h = drop(thread, nheld[thread] - 1);
		use(&h);
		release(&h);
	}
}

/*
 * work_device: what an interrupt handler does: bit 0: it frees what is
 * shared; else it maps a page without waiting, privately with bit 1, and
 * with bit 2 leaves it to others to free.
 */
void
work_device(uint32_t what)
{
	struct handle h;

	if ((what & 1) != 0) {
		op_take();
		return;
	}
	if (!take(&h, page_of((what >> 3) % work->npages), SFB_NOWAIT |
	    ((what & 2) != 0 ? SFB_CPUPRIVATE : 0)))
		return;
	use(&h);
	if ((what & 4) == 0 || !give(&h))
		release(&h);
}

uint32_t
work_device_draw(void)
{
	return (sim_draw(64));
}

/*
 * work_release_shared: all threads wait: an interrupt frees what is left to
 * be freed; false if nothing is.
 */
bool
work_release_shared(void)
{
	if (nshared == 0)
		return (false);
	cpus[0].device[cpus[0].ndevice++] = 1;
	cpus[0].pending |= INTR_DEVICE;
	return (true);
}

/*
 * work_check_waiters: all threads wait.  One that waits for a slot must not
 * have had its page mapped by another meanwhile, nor a signal that ends the
 * wait.
 */
void
work_check_waiters(void)
{
	uint32_t frame;

	for (u_int t = 0; t < work->nthreads; t++) {
		if (asks[t].m == NULL)
			continue;
		frame = vm_page_index(asks[t].m);
		for (u_int i = 0; i < nsfbufs; i++)
			if (live[i].shared != 0 && live[i].frame == frame)
				sim_fail("lost wake-up: thread %u waits for "
				    "page %x, which slot %u maps", t, frame, i);
		if ((asks[t].flags & SFB_CATCH) != 0 &&
		    tasks[t].td.td_signals != 0)
			sim_fail("lost wake-up: thread %u waits in spite of a "
			    "signal", t);
	}
}

/* The slots whose page was sealed, and to which eviction has not come yet. */
static u_int
slots_vacated(void)
{
	u_int n = 0;

	for (u_int i = 0; i < nsfbufs; i++)
		n += (sf_slots[i].status & SF_STATE) == 0 &&
		    sf_slots[i].page == PAGE_NONE;
	return (n);
}

static void
check_counters(void)
{
	struct sf_buf_stats s;

	sf_buf_stats_read(&s);
	if (s.hits + s.misses + s.revived + s.failures != calls)
		sim_fail("%llu hits, %llu misses, %llu revived and %llu "
		    "failures are not %llu calls",
		    (unsigned long long)s.hits, (unsigned long long)s.misses,
		    (unsigned long long)s.revived,
		    (unsigned long long)s.failures, (unsigned long long)calls);
	/* Eviction counts the removal of what sealing removed. */
	if (s.pte_writes + slots_vacated() != sim_pte_writes)
		sim_fail("%llu entries were written or removed, not %llu",
		    (unsigned long long)sim_pte_writes,
		    (unsigned long long)s.pte_writes);
}

static void
check_pages(void)
{
	struct vm_page *m;

	for (u_int i = 0; i < NPAGES; i++) {
		m = page_of(i);
		if (m->wire_count != work->wired || sf_refs_any(m->sf_refs) ||
		    sf_buf_page_referenced(m))
			sim_fail("page %x is left with %u wirings, %u "
			    "references", vm_page_index(m), m->wire_count,
			    m->sf_refs);
	}
}

/* Every slot must be there to be had, by as many pages at once. */
static void
check_slots(void)
{
	struct handle h[NSLOTS];
	u_int n = 0;

	for (u_int i = 0; i < NPAGES && n < nsfbufs; i++)
		if (!is_direct(page_of(i))) {
			if (!take(&h[n], page_of(i), SFB_NOWAIT))
				sim_fail("a slot leaked: %u of %u can be had",
				    n, nsfbufs);
			n++;
		}
	for (u_int i = 0; i < n; i++)
		use(&h[i]);
	while (n > 0)
		release(&h[--n]);
}

/* work_check: at the end, on CPU 0, when all others idle. */
void
work_check(void)
{
	sim_note("all is done");
	check_counters();
	check_pages();
	if (sf_buf_inuse() != 0)
		sim_fail("%u slots are left referenced", sf_buf_inuse());
	if (sf_buf_audit() != 0)
		sim_fail("the audit found wrong entries");
	check_slots();
	for (u_int i = 0; work->strict && i < nsfbufs; i++)
		if ((sim_ptes[i] & PG_V) != 0)
			sim_fail("strict, but slot %u is still mapped", i);
	sim_finish();
}

/* work_init: the pages, once; the memory of the array is the caller's. */
void
work_init(void)
{
	for (u_int i = 0; i < NPAGES; i++)
		vm_page_add_range(ptoa(frame_of(i)), ptoa(frame_of(i) + 1));
	for (u_int i = 0; i < NPAGES; i++)
		(void)vm_page_alloc(0);
	vm_page_add_range(ptoa(SPARE), ptoa(SPARE + SPARES));
	for (u_int i = 0; i < NPAGES; i++)
		boot_pages[i] = *page_of(i);
	for (u_int i = 0; i < SPARES; i++)
		boot_pages[NPAGES + i] = vm_page_array[SPARE + i];
}

/* work_start: no reference is left, all pages are as they were at first. */
void
work_start(const struct work *w)
{
	work = w;
	nshared = 0;
	calls = 0;
	ncalling = 0;
	nbegun = 0;
	memset(nheld, 0, sizeof(nheld));
	memset(asks, 0, sizeof(asks));
	for (u_int i = 0; i < NPAGES; i++) {
		*page_of(i) = boot_pages[i];
		page_of(i)->wire_count = w->wired;
		page_of(i)->sf_refs = w->wired ? 0 : SF_REFS_UNWIRED;
	}
	for (u_int i = 0; i < SPARES; i++)
		vm_page_array[SPARE + i] = boot_pages[NPAGES + i];
}
