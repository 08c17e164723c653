/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests vm/vm_page.c, vm_zone.c, vm_wire.c and vm_stat.c on the host.  Owns the
 * array that stands for the frames of a machine with a little RAM above 4 GiB;
 * `avail' is the test's own record of which frames it has released, `owned' of
 * those allocated.  Between two cases every lock is free.  Output is TAP.
 *
 * gcc -std=gnu11 -Wall -Wextra -g -fsanitize=address,undefined \
 *     -Itests/host/include -I. tests/host/vm_page_test.c
 */

#include <stdlib.h>

#include "harness.h"
#include "../../vm/vm_page.c"
#include "../../vm/vm_zone.c"
#include "../../vm/vm_wire.c"
#include "../../vm/vm_stat.c"

#define	NFRAMES		(0x100000u + 5003u)	/* no multiple of a block */
#define	DMAP_FRAME	0x300d3u		/* odd, to split buddies */
#define	DMAP_LIMIT	(ptoa(DMAP_FRAME) + 0x123)
#define	MAXLIVE		4096
#define	NOPS		55000	/* ends with many live */


struct vm_page vm_page_array[NFRAMES];
static struct vm_page *const array = vm_page_array;
static uint8_t *avail, *owned, *seen, *shape;
static struct vm_page *referenced;
static uint32_t seed = 20260101;

bool
sf_buf_page_referenced(struct vm_page *m)
{
	assert(host_locks_held == 0);
	return (sf_refs_any(m->sf_refs) || m == referenced);
}

static uint32_t
rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return (seed);
}

static void
reset(void)
{
	/* Garbage first: startup must not rely on zeroes. */
	memset(array, 0xa5, NFRAMES * sizeof(*array));
	memset(avail, 0, NFRAMES);
	memset(owned, 0, NFRAMES);
	referenced = NULL;
	vm_page_startup(NFRAMES, DMAP_LIMIT);
}

/* Releases frames [first, last), and notes them. */
static void
add(uint32_t first, uint32_t last)
{
	memset(avail + first, 1, last - first);
	vm_page_add_range(ptoa(first), ptoa(last));
}

static u_int
zone_wanted(uint32_t i)
{
	return (i < 0x1000 ? VM_ZONE_LOW : i < DMAP_FRAME ? VM_ZONE_DIRECT :
	    i < 0x100000 ? VM_ZONE_MID : VM_ZONE_HIGH);
}

#define	CHECK(cond) do {						\
	if (!(cond)) {							\
		printf("# line %d: %s, frame 0x%x\n", __LINE__, #cond, i); \
		return (false);						\
	}								\
} while (0)

/* Counts everything again: the lists against the flags and the records. */
static bool
recount(void)
{
	uint32_t i, j, prev, sum;
	u_int o, z;

	memset(seen, 0, NFRAMES);
	for (z = 0; z < VM_NZONES; z++) {
		sum = 0;
		for (o = 0; o < NORDERS; o++) {
			prev = VM_PAGE_NONE;
			for (i = vm_page_zones[z].head[o]; i != VM_PAGE_NONE;
			    prev = i, i = array[i].next) {
				CHECK(i < NFRAMES);
				CHECK(array[i].prev == prev);
				CHECK(array[i].flags == VPF_FREE);
				CHECK(array[i].order == o);
				CHECK((i & ((1u << o) - 1)) == 0);
				CHECK((1u << o) <= NFRAMES - i);
				for (j = i; j < i + (1u << o); j++) {
					CHECK(!seen[j]);
					CHECK(zone_wanted(j) == z);
					CHECK(j == i || array[j].flags == 0);
					CHECK(array[j].wire_count == 0);
					seen[j] = 1;
				}
				sum += 1u << o;
				/* The buddy must not be free as well. */
				j = i ^ (1u << o);
				CHECK(o == MAXORDER || j >= NFRAMES ||
				    array[j].flags != VPF_FREE ||
				    array[j].order != o || zone_wanted(j) != z);
			}
		}
		i = z;
		CHECK(sum == vm_page_zone_free(z));
	}
	for (i = 0; i < NFRAMES; i++) {
		CHECK(array[i].zone == zone_wanted(i));
		CHECK(seen[i] == (avail[i] && !owned[i]));
		CHECK((array[i].flags == VPF_RESERVED) == !avail[i]);
		CHECK((array[i].flags == VPF_ALLOCATED) == owned[i]);
	}
	return (true);
}

/*
 * Whether the free blocks are the largest possible of the avail frames:
 * found independently, by trying the largest order first at each frame.
 */
static bool
maximal(void)
{
	uint32_t i, j, size;
	u_int o;

	for (i = 0; i < NFRAMES; i += size) {
		size = 1;
		if (!avail[i])
			continue;
		for (o = MAXORDER;; o--) {
			size = 1u << o;
			if ((i & (size - 1)) != 0 || size > NFRAMES - i)
				continue;
			for (j = 0; j < size; j++)
				if (!avail[i + j] ||
				    zone_wanted(i + j) != zone_wanted(i))
					break;
			if (j == size)
				break;
		}
		CHECK(array[i].flags == VPF_FREE && array[i].order == o);
	}
	return (true);
}

static void
take(struct vm_page *m, u_int order)
{
	memset(owned + vm_page_index(m), 1, 1u << order);
}

static void
test_ranges(void)
{
	uint32_t i, n;

	reset();
	ok(recount(), "startup: every frame reserved, in its zone");
	for (i = n = 0; i < NFRAMES; i++)
		n += array[i].sf == 0 && array[i].sf_private == 0 &&
		    array[i].sf_refs == SF_REFS_UNWIRED &&
		    array[i].wire_count == 0 && array[i].state == VPS_OWNED &&
		    array[i].writers == 0 && array[i].holders == 0 &&
		    array[i].caller != NULL;
	ok(n == NFRAMES && vm_page_count == NFRAMES,
	    "startup: every frame unmapped and unwired");

	vm_page_add_range(0x10fff, 0x12001);
	memset(avail + 0x11, 1, 1);
	ok(recount() && maximal(), "unaligned edges: only the whole page");
	vm_page_add_range(0x20001, 0x21fff);
	vm_page_add_range(0x30000, 0x30fff);
	vm_page_add_range(0x40000, 0x40000);
	vm_page_add_range(0x50000, 0x40000);
	vm_page_add_range(UINT64_MAX - 5, UINT64_MAX);
	vm_page_add_range(ptoa(NFRAMES), ptoa(NFRAMES + 10));
	ok(recount() && maximal(), "no whole page: nothing added");

	add(0x10, 0x11);
	add(0x12, 0x20);
	ok(recount() && maximal() && array[0x10].order == 4,
	    "adjacent ranges merge");

	add(0xc03, 0x1405);
	ok(recount() && maximal(), "range across 16 MiB");
	add(DMAP_FRAME - 0x900, DMAP_FRAME + 0x777);
	ok(recount() && maximal() && array[DMAP_FRAME].flags == VPF_FREE &&
	    array[DMAP_FRAME].zone == VM_ZONE_MID,
	    "range across an odd direct map limit");
	memset(avail + 0xffc01, 1, NFRAMES - 0xffc01);
	vm_page_add_range(ptoa(0xffc01), UINT64_MAX);
	ok(recount() && maximal(), "range across 4 GiB, clipped to the array");
	PANICS(vm_page_add_range(0x10000, 0x11000), "frame 0x10 is not "
	    "reserved", "adding a range twice panics");
	array[0x100].wire_count = 1;
	PANICS(vm_page_add_range(0x100000, 0x101000), "frame 0x100 is wired",
	    "adding a wired frame panics");
	array[0x100].wire_count = 0;
	array[0x100].sf_refs = 1;
	PANICS(vm_page_add_range(0x100000, 0x101000), "frame 0x100 has a "
	    "referenced", "adding a mapped frame panics");
	array[0x100].sf_refs = 0;
	array[0x100].sf = 3;
	referenced = &array[0x100];
	PANICS(vm_page_add_range(0x100000, 0x101000), "frame 0x100 has a "
	    "referenced", "adding a frame with a referenced slot panics");
	referenced = NULL;
	vm_page_add_range(0x100000, 0x101000);
	avail[0x100] = 1;
	ok(array[0x100].sf == 3 && recount(), "add_range leaves sf alone");

	/* Frames either side of each boundary, one at a time. */
	reset();
	static const uint32_t bounds[] = { 0x1000, DMAP_FRAME, 0x100000 };
	for (i = 0, n = 0; i < nitems(bounds); i++) {
		add(bounds[i] - 1, bounds[i] + 1);
		n += array[bounds[i] - 1].order + array[bounds[i]].order;
	}
	ok(n == 0 && recount() && maximal(), "no merge across a boundary");
}

static void
test_zones(void)
{
	static const struct {
		int req;
		uint32_t frames[5];
		const char *name;
	} c[] = {
		{ 0, { 0x100010, 0x40000, 0x2000, 0x100, 0 },
		    "default order: high, mid, direct, low" },
		{ VM_ALLOC_DIRECT, { 0x2000, 0x100, 0 },
		    "VM_ALLOC_DIRECT: direct, low" },
		{ VM_ALLOC_HIGH, { 0x100010, 0 }, "VM_ALLOC_HIGH: high" },
		{ VM_ALLOC_LOW, { 0x100, 0 }, "VM_ALLOC_LOW: low" },
		{ VM_ALLOC_LOW | VM_ALLOC_DIRECT, { 0x100, 0 },
		    "LOW with DIRECT is LOW" },
		{ VM_ALLOC_USER, { 0x100010, 0x40000, 0 },
		    "VM_ALLOC_USER: high, mid" },
		{ VM_ALLOC_USER | VM_ALLOC_HIGH, { 0x100010, 0 },
		    "USER with HIGH is HIGH" },
	};
	struct vm_page *m;
	uint32_t i, j;
	bool good;

	for (i = 0; i < nitems(c); i++) {
		reset();
		add(0x100, 0x101);
		add(0x2000, 0x2001);
		add(0x40000, 0x40001);
		add(0x100010, 0x100011);
		good = true;
		for (j = 0; c[i].frames[j] != 0; j++) {
			m = vm_page_alloc(c[i].req);
			if (m != &array[c[i].frames[j]])
				good = false;
			else
				take(m, 0);
		}
		good = good && vm_page_alloc(c[i].req) == NULL;
		ok(good && recount(), c[i].name);
	}
	ok(strcmp(vm_page_zone_name(VM_ZONE_LOW), "low") == 0 &&
	    strcmp(vm_page_zone_name(VM_ZONE_HIGH), "high") == 0, "names");
	PANICS(vm_page_zone_name(VM_NZONES), "bad zone 4", "bad zone's name");
	PANICS((void)vm_page_zone_free(VM_NZONES), "bad zone 4",
	    "bad zone's free");
	PANICS(vm_page_startup(NFRAMES, 0x800000), "0x800000",
	    "direct map below 16 MiB panics");
	PANICS(vm_page_startup(NFRAMES, MID_LIMIT + 1), "0x100000001",
	    "direct map above 4 GiB panics");
}

static void
test_random(void)
{
	static struct { struct vm_page *m; u_int order; } live[MAXLIVE];
	static const int reqs[] = { 0, VM_ALLOC_DIRECT, VM_ALLOC_HIGH,
	    VM_ALLOC_LOW, VM_ALLOC_USER };
	struct vm_page *m;
	uint32_t i, j, k, n, op, nulls;
	u_int order, z;
	bool good;

	reset();
	add(0x1, 0x9f);
	add(0x100, 0x1a03);
	add(DMAP_FRAME - 0x805, DMAP_FRAME + 0x1001);
	add(0xfff00, NFRAMES - 3);
	good = recount() && maximal();
	for (i = 0; i < NFRAMES; i++) {
		array[i].sf = i ^ 0x5a5a5a5a;
		shape[i] = array[i].flags << 4 | (array[i].flags == VPF_FREE ?
		    array[i].order : 0);
	}
	ok(good, "random: initial state is maximal");
	printf("# seed %u\n", seed);

	good = true;
	n = nulls = 0;
	for (op = 0; op < NOPS && good; op++) {
		/* Phases that mostly allocate and mostly free. */
		if (n < MAXLIVE && (n == 0 ||
		    rnd() % 8 < ((op / 5000 & 1) ? 3u : 5u))) {
			order = rnd() % 3 ? rnd() % 4 : rnd() % NORDERS;
			i = rnd() % nitems(reqs);
			m = vm_page_alloc_order(reqs[i], order);
			if (m == NULL) {
				nulls++;
				continue;
			}
			j = vm_page_index(m);
			z = zone_wanted(j);
			good = (j & ((1u << order) - 1)) == 0 &&
			    (i != 1 || z <= VM_ZONE_DIRECT) &&
			    (i != 2 || z == VM_ZONE_HIGH) &&
			    (i != 3 || z == VM_ZONE_LOW) &&
			    (i != 4 || z >= VM_ZONE_MID);
			for (k = j; k < j + (1u << order); k++)
				good = good && avail[k] && !owned[k] &&
				    array[k].state == VPS_OWNED &&
				    array[k].holders == 0 &&
				    array[k].writers == 0;
			take(m, order);
			live[n].m = m;
			live[n++].order = order;
		} else {
			i = rnd() % n;
			m = live[i].m;
			order = live[i].order;
			live[i] = live[--n];
			memset(owned + vm_page_index(m), 0, 1u << order);
			if (order > 0 && rnd() % 4 == 0) {
				/* In two pieces. */
				order--;
				vm_page_free_order(m + (1u << order), order);
			}
			vm_page_free_order(m, order);
		}
		if (op % 1000 == 0)
			good = good && recount();
	}
	ok(good && recount(), "random: disjoint, aligned, sums match");
	printf("# %u times NULL, %u live\n", nulls, n);
	ok(nulls > 0, "random: exhaustion was met");
	while (n > 0) {
		n--;
		memset(owned + vm_page_index(live[n].m), 0,
		    1u << live[n].order);
		vm_page_free_order(live[n].m, live[n].order);
	}
	good = recount() && maximal();
	for (i = 0; i < NFRAMES; i++)
		good = good && shape[i] == (array[i].flags << 4 |
		    (array[i].flags == VPF_FREE ? array[i].order : 0));
	ok(good, "random: all merged back to the initial state");
	for (i = 0; i < NFRAMES; i++)
		good = good && array[i].sf == (i ^ 0x5a5a5a5a);
	ok(good, "random: sf survived");
}

static void
test_exhaustion(void)
{
	struct vm_page *m;
	uint32_t n;

	reset();
	add(0x200, 0x600);
	m = vm_page_alloc_order(0, 9);
	ok(m != NULL && vm_page_alloc_order(0, 10) == NULL,
	    "no block of the order: NULL");
	vm_page_free_order(m, 9);
	for (n = 0; (m = vm_page_alloc(0)) != NULL; n++)
		take(m, 0);
	ok(n == 0x400 && vm_page_zone_free(VM_ZONE_LOW) == 0 && recount(),
	    "exhaustion: every page once, then NULL");
	for (n = 0x200; n < 0x600; n++)
		vm_page_free(&array[n]);
	memset(owned, 0, NFRAMES);
	ok(recount() && maximal(), "exhaustion: all merged back");
}

static void
test_wire(void)
{
	struct vm_page *m;
	char want[64];
	uint32_t i, n;

	reset();
	add(0x400, 0x800);
	m = vm_page_alloc_order(VM_ALLOC_WIRED, 3);
	for (i = n = 0; i < 8; i++)
		n += m[i].wire_count == 1 && m[i].caller != NULL;
	ok(n == 8, "VM_ALLOC_WIRED wires every page");
	snprintf(want, sizeof(want), "frame 0x%x is wired",
	    vm_page_index(m) + 7);
	for (i = 0; i < 7; i++)
		vm_page_unwire(&m[i], i & 1);
	PANICS(vm_page_free_order(m, 3), want, "free of a wired page panics");
	vm_page_wire(&m[7]);
	vm_page_unwire(&m[7], 0);
	ok(m[7].wire_count == 1, "wire and unwire");
	vm_page_unwire(&m[7], 1);
	ok(m[7].wire_count == 0 && m[7].flags == VPF_ALLOCATED,
	    "the last unwire does not free");
	ok(m[7].sf_refs == SF_REFS_UNWIRED, "the last unwire says so in "
	    "sf_refs");
	vm_page_wire(&m[7]);
	ok(m[7].sf_refs == 0, "and the first wiring takes it back");
	m[7].sf_refs = 2;
	vm_page_wire(&m[7]);
	vm_page_unwire(&m[7], 0);
	ok(m[7].sf_refs == 2 && m[7].wire_count == 1, "others leave the "
	    "references alone");
	m[7].sf_refs = 0;
	vm_page_unwire(&m[7], 0);
	snprintf(want, sizeof(want), "frame 0x%x is not wired",
	    vm_page_index(m));
	PANICS(vm_page_unwire(m, 0), want, "unwire underflow panics");
	vm_page_wire(m);
	PANICS(vm_page_unwire(m, 2), "bad activate 2", "activate 2 panics");
	PANICS(vm_page_unwire(m, -1), "bad activate -1", "activate -1 panics");
	referenced = m;
	PANICS(vm_page_unwire(m, 0), "referenced mapping",
	    "last unwire of a referenced slot panics");
	vm_page_wire(m);
	vm_page_unwire(m, 0);
	ok(m->wire_count == 1, "not the last unwire: no panic");
	referenced = NULL;
	m->sf_refs = 1;
	PANICS(vm_page_unwire(m, 0), "referenced mapping",
	    "last unwire with sf_refs panics");
	m->sf_refs = 0;
	for (i = 1, n = 0; i != 0; i <<= 1) {
		m->wire_count = i;
		vm_page_wire(m);
		n += m->wire_count == i + 1 && vm_page_wired(m);
		vm_page_unwire(m, 0);
		n += m->wire_count == i && m->sf_refs == 0;
	}
	ok(n == 64, "a wiring more and less of each power of two");
	m->wire_count = UINT32_MAX - 1;
	vm_page_wire(m);
	ok(m->wire_count == UINT32_MAX, "the last wiring that fits");
	PANICS(vm_page_wire(m), "overflows", "wire overflow panics");
	ok(m->wire_count == UINT32_MAX, "wire overflow leaves the count");
	m->wire_count = 0;
	vm_page_free_order(m, 3);
	PANICS(vm_page_wire(m), "is free", "wire of a free page panics");
	vm_page_wire(&array[5]);
	vm_page_unwire(&array[5], 0);
	ok(array[5].wire_count == 0 && recount() && maximal(),
	    "wire of a reserved page is permitted");
}

static void
test_panics(void)
{
	struct vm_page *m;
	char want[128];

	reset();
	add(0x400, 0x800);
	PANICS(vm_page_alloc(0x40), "bad request 0x40 order 0", "bad bit");
	PANICS(vm_page_alloc(VM_ALLOC_WIRED | 0x100), "bad request 0x110",
	    "bad bit with a good one");
	PANICS(vm_page_alloc_order(0, 11), "bad request 0x0 order 11",
	    "order 11");
	PANICS(vm_page_alloc(VM_ALLOC_HIGH | VM_ALLOC_LOW),
	    "contradictory request 0x6", "HIGH with LOW");

	ok(!sf_refs_any(0) && !sf_refs_any(SF_REFS_UNWIRED) &&
	    sf_refs_any(1) && sf_refs_any(SF_REFS_UNWIRED - 1) &&
	    sf_refs_any(SF_REFS_UNWIRED + 1) && sf_refs_any(~0u),
	    "references, with and without wirings");
	m = vm_page_alloc(0);
	m->sf_refs = SF_REFS_UNWIRED + 1;
	PANICS(vm_page_free(m), "has a referenced mapping",
	    "free of an unwired page with a reference panics");
	m->sf_refs = 1;
	snprintf(want, sizeof(want), "frame 0x%x has a referenced mapping",
	    vm_page_index(m));
	PANICS(vm_page_free(m), want, "free with sf_refs panics");
	m->sf_refs = 0;
	referenced = m;
	PANICS(vm_page_free(m), want, "free with a referenced slot panics");
	referenced = NULL;
	m->sf = 77;
	vm_page_free(m);
	ok(m->sf == 77, "free leaves sf alone");
	snprintf(want, sizeof(want), "frame 0x%x is free already, freed by %pC",
	    vm_page_index(m), m->caller);
	PANICS(vm_page_free(m), want, "double free names the earlier caller");

	m = vm_page_alloc_order(0, 2);
	vm_page_free(m + 1);
	snprintf(want, sizeof(want), "frame 0x%x is free already, freed by %pC",
	    vm_page_index(m + 1), m[1].caller);
	PANICS(vm_page_free_order(m, 2), want, "double free within a block");
	PANICS(vm_page_free_order(m + 2, 2), "heads no block of order 2",
	    "misaligned free panics");
	PANICS(vm_page_free_order(m, 11), "bad order 11", "free of order 11");
	vm_page_free(m);
	vm_page_free_order(m + 2, 1);
	PANICS(vm_page_free(&array[3]), "frame 0x3 is reserved",
	    "free of a reserved page panics");
	PANICS(vm_page_free_order(&array[NFRAMES - 1 - (NFRAMES - 1) % 1024],
	    10), "heads no block", "free past the array panics");
	PANICS(vm_page_free(NULL), "is not a page", "free of NULL panics");
	PANICS(vm_page_wire(array + NFRAMES), "is not a page",
	    "wire past the array panics");
	PANICS(vm_page_wire((void *)((char *)&array[0x400] + 16)),
	    "is not a page", "wire of half a page panics");
	PANICS(vm_page_wire(&array[0]), "frame 0 cannot be wired",
	    "wire of frame 0 panics");
	ok(recount() && maximal(), "the panics changed nothing");
}

/* The free lists panic before they take their lock, and change nothing. */
static void
test_zone_panics(void)
{
	static const uint8_t zone[VM_NZONES + 1];
	struct vm_page bad;

	reset();
	add(0x400, 0x800);
	PANICKED(vm_zone_take(zone, VM_NZONES + 1, 0), "order 0 of 5 zones");
	PANICKED(vm_zone_take(zone, 1, MAXORDER + 1), "order 11 of 1 zones");
	PANICKED(vm_zone_put(0x801, 1, VPF_RESERVED, 0, NULL, &bad),
	    "frame 0x801 heads no block of order 1");
	PANICKED(vm_zone_put(0x800, MAXORDER + 1, VPF_RESERVED, 0, NULL, &bad),
	    "frame 0x800 heads no block of order 11");
	PANICKED(vm_zone_put(NFRAMES - NFRAMES % 2, 1, VPF_RESERVED, 0, NULL,
	    &bad), "heads no block of order 1");
	PANICKED(vm_zone_put(DMAP_FRAME - 1, 1, VPF_RESERVED, 0, NULL, &bad),
	    "crosses a zone");
	ok(recount() && maximal(), "the free lists refuse what is no block");
}

/* Counts of each zone, with something in each. */
static void
test_counts(void)
{
	static const uint32_t first[] = { 0x100, 0x1000, DMAP_FRAME, 0x100000 };
	uint32_t mapped[VM_NZONES];
	bool good = true;

	reset();
	for (u_int z = 0; z < VM_NZONES; z++) {
		add(first[z], first[z] + z + 2);
		for (u_int i = 0; i <= z; i++)
			vm_page_wire(&array[first[z] + z + 2 + i]);
		array[first[z]].sf = 1;
		array[first[z] + z].sf = ~0u;
	}
	array[NFRAMES - 1].sf = 1;
	count_mapped(mapped);
	for (u_int z = 0; z < VM_NZONES; z++)
		good &= vm_page_zone_total(z) == z + 2 &&
		    vm_page_zone_free(z) == z + 2 &&
		    vm_page_zone_wired(z) == z + 1 && mapped[z] ==
		    1u + (z != 0) + (z == VM_ZONE_HIGH);
	ok(good && vm_page_wired_count() == 1 + 2 + 3 + 4,
	    "each zone's pages are counted apart");
	for (u_int z = 0; z < VM_NZONES; z++)
		for (u_int i = 0; i <= z; i++) {
			vm_page_wire(&array[first[z] + z + 2 + i]);
			vm_page_unwire(&array[first[z] + z + 2 + i], 0);
			good &= vm_page_zone_wired(z) == z + 1 - i;
			vm_page_unwire(&array[first[z] + z + 2 + i], 0);
			good &= vm_page_zone_wired(z) == z - i;
		}
	ok(good && vm_page_wired_count() == 0,
	    "the last unwiring of a page is counted, and no other");
	PANICS((void)vm_page_zone_total(VM_NZONES), "bad zone 4",
	    "bad zone's total");
	PANICS((void)vm_page_zone_wired(VM_NZONES), "bad zone 4",
	    "bad zone's wired");
}

int
main(void)
{
	/* So that what failed is printed before a sanitizer ends this. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	avail = malloc(NFRAMES);
	owned = malloc(NFRAMES);
	seen = malloc(NFRAMES);
	shape = malloc(NFRAMES);
	assert(avail != NULL && owned != NULL &&
	    seen != NULL && shape != NULL);

	test_ranges();
	test_zones();
	test_random();
	test_exhaustion();
	test_wire();
	test_panics();
	test_zone_panics();
	test_counts();

	free(avail);
	free(owned);
	free(seen);
	free(shape);
	return (harness_end());
}
