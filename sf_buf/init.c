/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Start-up of sf_buf(9): the pools of all CPUs, with every slot flushed, and
 * which pages the direct map serves.
 */

#include <sys/types.h>
#include <sys/systm.h>
#include <sf_buf/pool.h>
#include <vm/kmem.h>

/*
 * Contract in <sys/sf_buf.h>.  Strict mode and sf_buf.dmap=off keep it off.
 * References that the direct map gave stay good: the handle says what it is.
 */
bool
sf_buf_set_direct_map(bool on)
{
	bool was = sf_direct_end != 0;

	sf_direct_end = !on || sf_strict ? 0 :
	    (page_off_t)(sf_dmap_pages() * sizeof(struct vm_page));
	return (was);
}

/* In strict mode all slots are in one pool. */
static void
fill_pools(void)
{
	struct sf_pool *p;

	for (u_int i = 0; i < mp_ncpus; i++) {
		sf_pools[i].pc = pcpus[i];
		pcpus[i]->pc_sf_ready.before_first = sf_addr(SF_SENTINEL);
		pcpus[i]->pc_sf_pool = &sf_pools[sf_strict ? 0 : i];
	}
	sf_queue_max = nsfbufs / mp_ncpus / QUEUE_SHARE;
	if (sf_queue_max < QUEUE_MAX)
		sf_queue_max = QUEUE_MAX;
	SF_SENTINEL->next = sf_addr(SF_SENTINEL);
	for (u_int i = 0; i < nsfbufs; i++) {
		hw_store32(&sf_slots[i].page, PAGE_NONE);
		hw_store32(&sf_slots[i].status, SF_REMOVED);
		p = &sf_pools[sf_strict ? 0 : i * mp_ncpus / nsfbufs];
		if (p->ring.nslots == 0)
			p->home = sf_addr(&sf_slots[i]);
		p->home_size += sizeof(sf_slots[i]);
		ring_put(&p->ring, FLUSHED, &sf_slots[i]);
	}
	for (u_int i = 0; i < mp_ncpus; i++)
		pool_set_bounds(&sf_pools[i]);
}

/* sf_buf_init: makes all slots available.  Once, when all CPUs run. */
void
sf_buf_init(void)
{
	sf_callers = kmem_alloc(nsfbufs * sizeof(*sf_callers), M_ZERO);
	KASSERT(nsfbufs != 0 && nsfbufs <= SF_BUF_SIZE >> PAGE_SHIFT,
	    "sf_buf: %u slots", nsfbufs);
	KASSERT(sf_callers != NULL, "sf_buf: no memory for %u slots", nsfbufs);
	sf_pages_end = (page_off_t)(vm_page_count * sizeof(struct vm_page));
	sf_pte_init();
	(void)sf_buf_set_direct_map(true);
	fill_pools();
}
