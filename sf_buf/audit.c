/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Looks at every slot from outside, for tests, faults and the monitor: whether
 * each entry agrees with its slot's state, whether each ring holds what its
 * lengths say, and what a faulting address was.
 */

#include <sys/types.h>
#include <sys/fault.h>
#include <sys/monitor.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>

#define	BAR		64u	/* characters of a drawn ring */
#define	RECOUNTS	4u	/* tries to count one that changes */

/*
 * What the entry of a slot with this page and status must allow.  Sealing does
 * not find every CPU-private slot of a page (seal.c); one without a reference,
 * which no allocation need find either, may allow what its page no longer does.
 */
static uint32_t
rights_of(const struct sf_buf *sf, page_off_t page, uint32_t status)
{
	const struct vm_page *m = sf_page_at(page);

	if (status == SF_REMOVED || page == PAGE_NONE)
		return (0);
	if ((status & SF_PRIVATE) != 0 && (status & SF_REF_MASK) == 0)
		return (SF_PTE_V |
		    (hw_load32(sf_pte_halves(sf)) & SF_PTE_RW));
	/* A free page has no state; it was not sealed when it was freed. */
	return ((m->flags & (VPF_ALLOCATED | VPF_RESERVED)) != 0 ?
	    SF_STATES[page] : VPS_OWNED);
}

/*
 * sf_buf_audit: compares every slot's page-table entry with its state; prints
 * and counts mismatches.  While others work a slot in transition is passed
 * over.  Any context.
 */
u_int
sf_buf_audit(void)
{
	uint32_t status, rights;
	page_off_t page;
	const char *error;
	u_int wrong = 0;

	for (u_int i = 0; i < nsfbufs; i++) {
		page = sf_page(&sf_slots[i]);
		status = sf_status(&sf_slots[i]);
		if ((status & SF_STATE) != 0 && status != SF_REMOVED)
			continue;
		rights = rights_of(&sf_slots[i], page, status);
		error = sf_pte_audit(&sf_slots[i], page, rights);
		/* The word is unchanged, so the slot was not re-used since. */
		if (error == NULL || rights != rights_of(&sf_slots[i], page, status) ||
		    !sf_change(&sf_slots[i], page, status, status))
			continue;
		printf("sf_buf %u: its entry is wrong: %s\n", i, error);
		wrong++;
	}
	return (wrong);
}

/* Describes the slot of a faulting address in the sf_buf window. */
static void
sf_buf_describe_fault(vm_offset_t va)
{
	struct sf_buf *sf;
	u_int index;

	if (va < SF_BUF_MIN || va - SF_BUF_MIN >= nsfbufs << PAGE_SHIFT ||
	    sf_callers == NULL)
		return;
	index = (va - SF_BUF_MIN) >> PAGE_SHIFT;
	sf = &sf_slots[index];
	printf("sf_buf %u: frame 0x%x, references %u, last %s by %pC\n", index,
	    sf_frame(sf), sf_references(sf_status(sf)), sf_strict &&
	    sf_status(sf) == SF_REMOVED ? "freed" : "mapped",
	    sf_callers[index]);
}

FAULT_DESCRIBER(sf_buf_describe_fault);

/*
 * Follows the links of a locked ring once around.  Lets the lock go now and
 * then; false if the ring was changed meanwhile.  (If every length and border
 * is as before, after as many changes as it has slots, that goes unnoticed, and
 * the count may be wrong.)
 */
static bool
recount(struct sf_pool *p, struct sf_recount *c)
{
	struct sf_buf *first = NULL, *sf = NULL;
	bool same = true;

	*c = (struct sf_recount){ .ring = p->ring };
	c->closed = c->ring.nslots == 0;
	if (!c->closed)
		first = sf = ring_first(&p->ring, QUEUE);
	while (same && !c->closed && c->slots <= c->ring.nslots) {
		c->slots++;
		c->referenced += sf_is_referenced(sf_status(sf));
		sf = sf_next(sf);
		c->closed = sf == first;
		p->looked++;
		pool_let_go(p);
		if (p->looked == 0)		/* it did */
			same = memcmp(&c->ring, &p->ring,
			    sizeof(c->ring)) == 0;
	}
	return (same);
}

/*
 * sf_recount: counts the slots in the ring of a CPU's pool, link by link.
 * False if other CPUs changed the ring each time that it was tried.  Thread
 * context, interrupts on.
 */
bool
sf_recount(u_int cpu, struct sf_recount *c)
{
	struct sf_pool *p = &sf_pools[cpu];
	bool done = false;

	pool_lock(p);
	for (u_int i = 0; i < RECOUNTS && !done; i++)
		done = recount(p, c);
	pool_unlock(p);
	return (done);
}

/* Draws the parts of a ring to scale, with a letter for each. */
static void
draw(const struct ring *r, u_int nready)
{
	static const char letters[NPARTS + 1] = "qfbo";
	char bar[BAR + 1];
	u_int at = 0, end = 0, sum = 0;

	for (enum part k = QUEUE; k < NPARTS && r->nslots != 0; k++) {
		sum += r->len[k];
		end = sum * BAR / r->nslots;
		/* Ready slots are the first of the flushed ones. */
		for (u_int i = at; i < end; i++)
			bar[i] = k == FLUSHED && i - at <
			    nready * BAR / r->nslots ? 'r' : letters[k];
		at = end;
	}
	bar[at] = '\0';
	printf("       [%s]\n", bar);
}

static void
print_pool(u_int cpu)
{
	u_int nready = sf_pools[cpu].nready; /* before the lock reclaims them */
	struct sf_recount c;
	bool done = sf_recount(cpu, &c);
	const struct ring *r = &c.ring;

	printf("  %3u %8u %8u %8u %8u %8u %8u\n", cpu, r->nslots,
	    r->len[QUEUE], r->len[FLUSHED], r->len[BATCH], r->len[OPEN],
	    c.referenced);
	if (!done)
		printf("       it changes: %u slots were counted\n", c.slots);
	else if (c.slots != r->nslots || !c.closed)
		printf("       the links hold %u slots%s\n", c.slots,
		    c.closed ? "" : ", and do not close");
	draw(r, nready);
}

SAFE_COMMAND(command_pools, "pools", "", "the ring of each CPU, recounted")
{
	if (sf_callers == NULL) {
		printf("pools: there is no pool yet\n");
		return;
	}
	printf("  %3s %8s %8s %8s %8s %8s %8s\n", "cpu", "slots", "queue",
	    "flushed", "batch", "open", "in use");
	for (u_int i = 0; i < mp_ncpus; i++)
		print_pool(i);
	printf("  q queue: mapped; r ready, f flushed; b batch, o open: "
	    "removed, a TLB may cache them\n");
}

SAFE_COMMAND(command_audit, "audit", "", "hold every sf_buf's PTE against it")
{
	u_int wrong;

	if (sf_callers == NULL) {
		printf("audit: there is no pool yet\n");
		return;
	}
	wrong = sf_buf_audit();
	if (wrong == 0)
		printf("audit: all %u entries are right\n", nsfbufs);
	else
		printf("audit: %u of %u entries are wrong\n", wrong, nsfbufs);
}
