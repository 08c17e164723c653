/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests vm/kva.c, vm/kmem.c and vm/kmalloc.c on the host, over the real page
 * allocator, as a debug build.  Physical memory is a file in memory; the
 * direct map and every page of the window of kernel addresses are mappings of
 * it, so that a use after free really faults.  The TLBs of three CPUs are two
 * times: when an address was last unmapped, and when a CPU last flushed.  The
 * oracle is pmap_kenter(): no CPU may still reach the address or the frame
 * through an old translation.
 *
 * gcc -std=gnu11 -Wall -Wextra -g -fsanitize=address,undefined \
 *     -Itests/host/include -I. tests/host/kmem_test.c
 */

#define	_GNU_SOURCE
#define	DEBUG
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>

#include "harness.h"
#include "../../vm/vm_page.c"
#include "../../vm/vm_zone.c"
#include "../../vm/vm_wire.c"
#include "../../vm/vm_stat.c"
#include "../../vm/vm_poison.c"
#undef POISON
#include "../../vm/kva.c"
#include "../../vm/kmem.c"
#include "../../vm/kmalloc.c"

#define	NFRAMES		9000u
#define	DMAP_FRAMES	6144u		/* 24 MiB */
#define	NKVA		3001u
#define	TAG_FRAMES	18u		/* for a tag for each of NKVA */
#define	NCPU		3u
#define	NLIVE		200u
#define	NOPS		25000u

vm_paddr_t dmap_limit = ptoa(DMAP_FRAMES);
struct vm_page vm_page_array[NFRAMES];

static int memory;			/* all frames, a file */
static char *dmap, *window;
static uint32_t mapped[NKVA];		/* frame plus 1, or 0 */
static uint64_t now, flushed[NCPU], kva_gone[NKVA], frame_gone[NFRAMES];
static uint32_t epoch, seen[NCPU];
static bool touched = true, may_wait = true;
static uint32_t seed = 20260202;

/* The frames from 1 on have the tags of the arena. */
vm_paddr_t
ram_alloc(vm_size_t size)
{
	assert(size <= TAG_FRAMES * PAGE_SIZE);
	return (ptoa(1));
}

bool
sf_buf_page_referenced(struct vm_page *m)
{
	(void)m;
	return (false);
}

static void __dead2
give_up(const char *why, size_t value)
{
	printf("not ok %d - %s: 0x%zx\nBail out!\n", ++ncases, why, value);
	exit(1);
}

/* After a panic the kernel waits for no lock; here they are released. */
static void
drop_locks(void)
{
	host_locks_held = 0;
	kmem_arena.lock.held = 0;
	for (u_int i = 0; i < nitems(classes); i++)
		classes[i].lock.held = 0;
}

static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return (seed % n);
}

/* --- the machine --- */

static void
flush(u_int cpu)
{
	seen[cpu] = epoch;
	flushed[cpu] = ++now;
}

uint32_t
tlb_close(void)
{
	return (++epoch);
}

bool
tlb_is_clean(uint32_t stamp)
{
	for (u_int i = 0; i < NCPU; i++)
		if ((int32_t)(seen[i] - stamp) < 0)
			return (false);
	return (true);
}

bool
tlb_may_wait(void)
{
	return (may_wait);
}

void
tlb_force(uint32_t stamp)
{
	assert(may_wait && host_locks_held == 0);
	for (u_int i = 0; i < NCPU; i++)
		if ((int32_t)(seen[i] - stamp) < 0)
			flush(i);
}

void *
pmap_dmap(vm_paddr_t pa)
{
	if (pa >= dmap_limit)
		give_up("no address of the direct map", pa);
	return (dmap + pa);
}

static u_int
window_page(vm_offset_t va)
{
	size_t i = (va - (vm_offset_t)window) / PAGE_SIZE;

	if (va < (vm_offset_t)window || i >= NKVA)
		give_up("no kernel address", va);
	return ((u_int)i);
}

/* True if a CPU has not flushed since then. */
static bool
reachable(uint64_t gone)
{
	for (u_int i = 0; i < NCPU; i++)
		if (gone > flushed[i])
			return (true);
	return (false);
}

void
pmap_kenter(vm_offset_t va, vm_paddr_t pa)
{
	u_int i = window_page(va);

	if (mapped[i] != 0 || (va & PAGE_MASK) != 0)
		give_up("mapped twice, or not a page", va);
	if (reachable(kva_gone[i]))
		give_up("an address is used again too early", va);
	if (reachable(frame_gone[atop(pa)]))
		give_up("a frame is used again too early", atop(pa));
	mapped[i] = atop(pa) + 1;
	if (mmap((void *)va, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_FIXED, memory, (off_t)pa) == MAP_FAILED)
		give_up("mmap", va);
}

bool
pmap_kremove(vm_offset_t va)
{
	u_int i = window_page(va);

	if (mapped[i] == 0)
		give_up("unmapped twice", va);
	if (touched)
		kva_gone[i] = frame_gone[mapped[i] - 1] = ++now;
	mapped[i] = 0;
	if (mmap((void *)va, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_FIXED |
	    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		give_up("munmap", va);
	return (touched);
}

vm_paddr_t
pmap_kextract(vm_offset_t va)
{
	if (va - (vm_offset_t)dmap < dmap_limit)
		return (va - (vm_offset_t)dmap);
	if (va - (vm_offset_t)window >= NKVA * PAGE_SIZE ||
	    mapped[window_page(va)] == 0)
		return (0);
	return (ptoa(mapped[window_page(va)] - 1) | (va & PAGE_MASK));
}

static void
reset(void)
{
	if (window == NULL) {
		memory = memfd_create("memory", 0);
		if (ftruncate(memory, (off_t)ptoa(NFRAMES)) != 0)
			give_up("no memory", NFRAMES);
		dmap = mmap(NULL, ptoa(DMAP_FRAMES), PROT_READ | PROT_WRITE,
		    MAP_SHARED, memory, 0);
		window = mmap(NULL, NKVA * PAGE_SIZE, PROT_NONE, MAP_PRIVATE |
		    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	}
	assert(dmap != MAP_FAILED && window != MAP_FAILED);
	for (u_int i = 0; i < NCPU; i++)
		flush(i);
	vm_page_startup(NFRAMES, dmap_limit);
	vm_page_add_range(ptoa(1 + TAG_FRAMES), ptoa(NFRAMES));
	kmem_init((vm_offset_t)window, (vm_offset_t)window +
	    NKVA * PAGE_SIZE);
}

static uint32_t
free_now(void)
{
	uint32_t n = 0;

	for (u_int z = 0; z < VM_NZONES; z++)
		n += vm_page_zone_free((enum vm_zone)z);
	return (n);
}

/* --- the arena's own invariants --- */

static bool
listed(const struct kva_arena *a, u_int i)
{
	u_int list = list_of(a->tags[i].size), j;

	for (j = a->head[list]; j != KVA_NONE && j != i; j = a->tags[j].next)
		continue;
	return (j == i && (a->nonempty[list / 32] & 1u << list % 32) != 0);
}

static bool
arena_good(const struct kva_arena *a)
{
	u_int i = 0, size, flags, nfree = 0, nlisted = 0, nranges = 0;
	bool was_free = false;

	for (; i < a->npages; i += size) {
		size = a->tags[i].size;
		flags = a->tags[i].flags & (KVA_FREE | KVA_RETIRED);
		if (size == 0 || i + size > a->npages ||
		    (a->tags[i].flags & KVA_HEAD) == 0 ||
		    a->tags[i + size - 1].size != size ||
		    (a->tags[i + size - 1].flags & ~KVA_HEAD) !=
		    (flags | KVA_TAIL))
			return (false);
		for (u_int j = i + 1; j + 1 < i + size; j++)
			if (a->tags[j].flags != 0)
				return (false);
		if (flags == KVA_FREE && (was_free || !listed(a, i)))
			return (false);
		was_free = flags == KVA_FREE;
		nfree += was_free ? size : 0;
		nranges += was_free;
	}
	for (u_int l = 0; l < KVA_LISTS; l++) {
		if ((a->head[l] == KVA_NONE) ==
		    ((a->nonempty[l / 32] & 1u << l % 32) != 0))
			return (false);
		for (u_int j = a->head[l]; j != KVA_NONE; j = a->tags[j].next)
			nlisted++;
	}
	return (i == a->npages && nfree == a->nfree && nlisted == nranges);
}

/* --- the slabs' own invariants --- */

static u_int
list_length(const struct class *c)
{
	u_int n = 0;

	for (const struct slab *s = c->slabs; s != NULL; s = s->next)
		n++;
	return (n);
}

/* The list of a class has every slab with a free object, and no other. */
static bool
slabs_good(void)
{
	u_int n[nitems(classes)] = { 0 }, bits;
	const struct slab *s;
	bool good = true;

	for (u_int i = 0; i < DMAP_FRAMES; i++) {
		if ((vm_page_array[i].flags & VPF_SLAB) == 0)
			continue;
		s = pmap_dmap(ptoa(i));
		bits = 0;
		for (u_int w = 0; w < SLAB_WORDS; w++)
			bits += (u_int)__builtin_popcount(s->used[w]);
		good &= bits == s->nused && bits != 0;
		n[s->class] += bits < objects_of(&classes[s->class]);
	}
	for (u_int c = 0; c < nitems(classes); c++)
		good &= n[c] == list_length(&classes[c]);
	return (good);
}

/* --- the cases --- */

static struct {
	uint8_t *p;
	size_t size;
	bool small;		/* from kmalloc() */
} live[NLIVE];

static size_t
pick_size(bool small)
{
	if (small)
		return (rnd(20) == 0 ? rnd(40000) : rnd(1500));
	return (1 + rnd(rnd(30) == 0 ? 300 * PAGE_SIZE : 60 * PAGE_SIZE));
}

/* A few bytes of each page, and the last byte, identify the allocation. */
static bool
stamp(u_int i, bool write)
{
	uint8_t *p = live[i].p, mark = (uint8_t)(i * 7 + 1);
	bool good = true;

	for (size_t off = 0; off < live[i].size; off += 509) {
		good &= write || p[off] == mark;
		p[off] = mark;
	}
	if (live[i].size > 0) {
		good &= write || p[live[i].size - 1] == mark;
		p[live[i].size - 1] = mark;
	}
	return (good);
}

static bool
guarded(u_int i)
{
	vm_offset_t va = (vm_offset_t)live[i].p;
	u_int first = window_page(va);
	u_int last = window_page(va + live[i].size - 1);

	return (first > 0 && mapped[first - 1] == 0 &&
	    (last + 1 == NKVA || mapped[last + 1] == 0));
}

static bool
step(u_int *nulls)
{
	u_int i = rnd(NLIVE);
	bool good = true;

	may_wait = rnd(3) != 0;
	if (rnd(4) == 0)
		flush(rnd(NCPU));
	if (live[i].p != NULL) {
		good = stamp(i, false);
		if (live[i].small)
			kfree(live[i].p);
		else
			kmem_free(live[i].p, live[i].size);
		live[i].p = NULL;
		return (good);
	}
	live[i].small = rnd(2) == 0;
	live[i].size = pick_size(live[i].small);
	live[i].p = live[i].small ? kmalloc(live[i].size, 0) :
	    kmem_alloc(live[i].size, 0);
	if (live[i].p == NULL) {
		++*nulls;
		return (true);
	}
	stamp(i, true);
	return (live[i].small || guarded(i));
}

static void
test_random_ops(void)
{
	uint32_t before, nulls = 0;
	bool good = true, sound = true;

	reset();
	before = free_now();
	for (u_int n = 0; n < NOPS && good && sound; n++) {
		good = step(&nulls);
		if (n % 16 == 0)
			sound = arena_good(&kmem_arena) && slabs_good();
	}
	ok(good, "what is allocated keeps its contents and its guards");
	ok(sound, "the invariants of arena and slabs hold");
	ok(nulls > 10 && nulls < NOPS / 4, "it ran out now and then");
	printf("# %u times NULL\n", nulls);
	for (u_int i = 0; i < NLIVE; i++) {
		if (live[i].p == NULL)
			continue;
		if (live[i].small)
			kfree(live[i].p);
		else
			kmem_free(live[i].p, live[i].size);
		live[i].p = NULL;
	}
	may_wait = true;
	(void)kmem_reclaim();
	ok(free_now() == before && vm_page_wired_count() == 0,
	    "all pages came back");
	ok(kmalloc_bytes() == 0, "no byte is allocated");
	ok(arena_good(&kmem_arena) && kmem_arena.nfree == NKVA &&
	    kmem_arena.tags[0].size == NKVA, "all addresses are one range");
}

static void
test_fit(void)
{
	static struct kva_tag t[1000];
	struct kva_arena a;
	vm_offset_t base = 0x100000, r[10], s;

	memset(t, 0, sizeof(t));
	kva_init(&a, "a", base, nitems(t), t);
	ok(kva_alloc(&a, 1000, NULL) == 0 && kva_alloc(&a, 1u << 31, NULL) == 0,
	    "more than there is fails");
	s = kva_alloc(&a, 999, NULL);
	ok(s == base + PAGE_SIZE && a.nfree == 0, "all of it fits");
	kva_retire(&a, s, 999, NULL);
	kva_release(&a, s);

	/* Holes of 70 and of 100 pages, of one list, the smaller first. */
	for (u_int i = 0; i < 4; i++)
		r[i] = kva_alloc(&a, i == 0 ? 69 : i == 2 ? 99 : 1, NULL);
	s = kva_alloc(&a, a.nfree - 1, NULL);
	ok(s != 0 && a.nfree == 0, "the rest fits");
	kva_retire(&a, r[2], 99, NULL);
	kva_release(&a, r[2]);
	kva_retire(&a, r[0], 69, NULL);
	kva_release(&a, r[0]);
	ok(kva_alloc(&a, 80, NULL) == r[2], "the hole that fits is found");
	ok(kva_alloc(&a, 69, NULL) == r[0], "and the other one filled");
	ok(kva_alloc(&a, 19, NULL) == 0 && kva_alloc(&a, 18, NULL) != 0,
	    "to the last page");
	ok(arena_good(&a), "and the arena is sound");
	PANICS(kva_init(&a, "a", base, KVA_MAXPAGES + 1, t), "65535 pages",
	    "an arena that is too large panics");
}

/* What no caller may do with an arena. */
static void
test_kva_panics(void)
{
	static struct kva_tag t[100];
	vm_offset_t base = 0x100000, r;
	const void *last = NULL;
	struct kva_arena a;

	PANICS(kva_init(&a, "a", base, 0, t), "0 pages", "an empty arena");
	kva_init(&a, "a", base, nitems(t), t);
	PANICS((void)kva_alloc(&a, 0, __caller()), "no pages",
	    "a range of no pages");
	r = kva_alloc(&a, 5, t);
	ok(kva_size(&a, r, &last) == 5 && last == t, "a range and its caller");
	ok(kva_size(&a, r + PAGE_SIZE, &last) == 0 &&
	    kva_size(&a, r - PAGE_SIZE, &last) == 0 &&
	    kva_size(&a, r + 1, &last) == 0 &&
	    kva_size(&a, base + nitems(t) * PAGE_SIZE, &last) == 0 &&
	    kva_size(&a, base + (nitems(t) + 1) * PAGE_SIZE, &last) == 0 &&
	    last == NULL, "no other address begins a range");
	PANICS(kva_retire(&a, r, 4, __caller()), "free of 4 pages",
	    "fewer pages");
	PANICS(kva_retire(&a, r, 6, __caller()), "free of 6 pages",
	    "more pages");
	ok(PANICKED_WITH(kva_release(&a, r), "is not retired"),
	    "what is allocated is not released");
	a.lock.held = 0;
	ok(PANICKED_WITH(kva_quarantine(&a, r, 0), "is not retired"),
	    "nor put into quarantine");
	a.lock.held = 0;
	kva_retire(&a, r, 5, &a);
	ok(kva_size(&a, r, &last) == 0 && last == &a,
	    "what is retired has no pages, and names the last caller");
	PANICS(kva_retire(&a, r, 5, __caller()), "where 0 are allocated",
	    "what is retired is not retired again");
	kva_release(&a, r);
	ok(a.nfree == nitems(t) && arena_good(&a), "and is free at last");
}

/* The lists on both sides of each border between them. */
static void
test_lists(void)
{
	bool good = true;

	for (u_int size = 1; size <= KVA_EXACT; size++)
		good &= list_of(size) == size - 1;
	for (u_int size = KVA_EXACT + 1; size <= KVA_MAXPAGES; size++)
		good &= list_of(size) < KVA_LISTS && list_of(size) ==
		    list_of(size - 1) + ((size & (size - 1)) == 0);
	ok(good && list_of(KVA_MAXPAGES) == KVA_LISTS - 1,
	    "a list for each size, and then for each power of two");
}

static void
test_wrap(void)
{
	uint32_t stamp;
	char *p;

	reset();
	epoch = seen[0] = seen[1] = seen[2] = 0x7ffffff0u;
	p = kmem_alloc(PAGE_SIZE, 0);
	may_wait = false;
	kmem_free(p, PAGE_SIZE);
	ok(kmem_arena.nquarantined == 1, "a freed page is in quarantine");
	/* Others close batches and flush for very long. */
	epoch += 0x90000000u;
	seen[0] = seen[1] = seen[2] = epoch;
	flushed[0] = flushed[1] = flushed[2] = ++now;
	ok(!kmem_reclaim(), "an ancient stamp looks unclean");
	may_wait = true;
	ok(kmem_reclaim() && kmem_arena.nquarantined == 0,
	    "a new stamp gets it out");
	ok(!kva_close(&kmem_arena, &stamp), "nothing is left to close");
}

static void
test_untouched(void)
{
	char *p;

	reset();
	p = kmem_alloc(3 * PAGE_SIZE, 0);
	touched = false;
	kmem_free(p, 3 * PAGE_SIZE);
	touched = true;
	ok(kmem_arena.nquarantined == 0 && kmem_arena.nfree == NKVA,
	    "what no TLB holds skips the quarantine");
}

static void
test_lowmem(void)
{
	uint32_t all, n = 0;
	char *p;

	reset();
	all = free_now();
	p = kmem_alloc(1000 * PAGE_SIZE, 0);
	kmem_free(p, 1000 * PAGE_SIZE);
	ok(free_now() == all - 1000, "a thousand pages wait for a flush");
	for (; n + 50 < all && vm_page_alloc(0) != NULL; n++)
		continue;
	ok(n + 50 == all, "vm_page_alloc gets them when it runs out");
	ok(kmem_alloc(51 * PAGE_SIZE, 0) == NULL && kmem_reclaim() &&
	    free_now() == 50 && arena_good(&kmem_arena),
	    "what fails for want of pages takes none");
	p = kmem_alloc(50 * PAGE_SIZE, 0);
	ok(p != NULL && kmalloc(1, 0) == NULL, "the last pages are good");
	kmem_free(p, 50 * PAGE_SIZE);
}

static void
test_kmalloc_panics(void)
{
	struct vm_page *m;
	char *keep, *p;

	reset();
	keep = kmalloc(100, 0);
	p = kmalloc(100, 0);
	kfree(p);
	PANICS(kfree(p), "is free already, freed by 0x", "double free");
	p[99] = 0;
	PANICS((void)kmalloc(100, 0), "was written at offset 99 (0x00)",
	    "write after free");
	p = kmalloc(100, 0);
	p[100] = 1;
	PANICS(kfree(p), "red zone behind the 100 bytes", "write behind");
	p = kmalloc(100, 0);
	((struct redzone *)p)[-1].magic ^= 1;
	PANICS(kfree(p), "red zone before", "write before");
	PANICS(kfree(keep + 16), "inside of an allocation", "inside");
	PANICS(kfree(keep - (1 << 12)), "is not allocated", "another page");
	PANICS(kfree(&keep), "is not allocated", "the stack");
	PANICS((void)kmalloc(1, 1), "unknown flags 0x1", "flags");
	p = kmalloc(5000, 0);
	PANICS(kfree(p + PAGE_SIZE), "is not allocated", "inside a large one");
	p[5000] = 1;
	PANICS(kfree(p), "red zone behind the 5000 bytes",
	    "write behind a large one");
	p[5000] = (char)RED;
	kfree(p);
	PANICS(kfree(p), "is not allocated, freed by 0x", "large double free");
	p = kmem_alloc(PAGE_SIZE, 0);
	PANICS(kfree(p), "is not allocated", "a page of kmem_alloc");
	PANICS(kmem_free(p, 2 * PAGE_SIZE), "where 1 are allocated",
	    "kmem_free of another size");
	PANICS(kmem_free(p + PAGE_SIZE, PAGE_SIZE), "where 0 are allocated",
	    "kmem_free of no allocation");
	PANICS((void)kmem_alloc(0, 0), "0 bytes", "kmem_alloc of nothing");
	kmem_free(p, PAGE_SIZE);
	PANICS(kmem_free(p, PAGE_SIZE), "where 0 are allocated; last caller",
	    "kmem_free twice");
	m = vm_page_alloc(VM_ALLOC_LOW);
	p = pmap_dmap(VM_PAGE_TO_PHYS(m));
	PANICS(kfree(p), "is not allocated", "a page of vm_page_alloc");
	vm_page_free(m);
	p[40] = 1;
	panic_msg[0] = '\0';
	if (setjmp(panic_env) == 0) {
		panic_armed = true;
		(void)vm_page_alloc(VM_ALLOC_LOW);
	}
	ok(strstr(panic_msg, "was written at offset 0x28") != NULL,
	    "write to a free page");
}

/* The next of n bytes to try: all at both ends, some between. */
static size_t
next_byte(size_t i, size_t n)
{
	return (i < 40 || i + 40 >= n ? i + 1 : i + 37 > n - 40 ? n - 40 :
	    i + 37);
}

/*
 * Flip bytes around an allocation, one at a time: its free must panic.  They
 * stop at the first that does not, for then the allocation is gone.
 */
static bool
red_behind(char *p, size_t bytes, size_t behind)
{
	for (size_t i = 0; i < behind; i = next_byte(i, behind)) {
		p[bytes + i] ^= 1;
		if (!PANICKED_WITH(kfree(p), "red zone behind"))
			return (false);
		p[bytes + i] ^= 1;
	}
	return (true);
}

static bool
red_before(char *p, size_t bytes, size_t most)
{
	struct redzone *r = (struct redzone *)p - 1;

	for (size_t i = 0; i < sizeof(r->magic); i++) {
		((char *)&r->magic)[i] ^= 1;
		if (!PANICKED_WITH(kfree(p), "red zone before"))
			return (false);
		((char *)&r->magic)[i] ^= 1;
	}
	r->bytes = (uint32_t)most + 1;
	if (!PANICKED_WITH(kfree(p), "red zone before"))
		return (false);
	r->bytes = (uint32_t)bytes;
	return (true);
}

/*
 * Writes bytes of a free object, one at a time: the next allocation, which gets
 * the object, must panic.  `keep' holds the slab.
 */
static bool
poison_everywhere(const struct class *c, size_t bytes)
{
	size_t n = c->size - RED_FRONT;
	char want[64], *keep = kmalloc(bytes, 0), *p;

	for (size_t i = 0; i < n; i = next_byte(i, n)) {
		p = kmalloc(bytes, 0);
		kfree(p);
		p[i] ^= 1;
		snprintf(want, sizeof(want), "was written at offset %zu (", i);
		if (!PANICKED_WITH((void)kmalloc(bytes, 0), want))
			return (false);
		red_alloc((struct redzone *)p - 1, c->size, bytes, NULL);
		kfree(p);
	}
	kfree(keep);
	return (true);
}

/* The smallest and the largest size of a class, and what it costs. */
static bool
class_good(const struct class *c, size_t least, size_t most)
{
	const size_t sizes[2] = { least, most };
	size_t before;
	char *p;

	for (u_int i = 0; i < nitems(sizes); i++) {
		before = kmalloc_bytes();
		p = kmalloc(sizes[i], 0);
		if (kmalloc_bytes() != before + c->size ||
		    !red_before(p, sizes[i], most) || !red_behind(p, sizes[i],
		    c->size - RED_FRONT - sizes[i]))
			return (false);
		kfree(p);
	}
	return (objects_of(c) == 1 || poison_everywhere(c, most));
}

static void
test_red_zones(void)
{
	size_t least = 0, most;
	bool good = true;

	reset();
	for (u_int i = 0; i < nitems(classes) && good; i++) {
		if (classes[i].size < RED_ALL)
			continue;
		most = classes[i].size - RED_ALL;
		good = class_good(&classes[i], least, most);
		least = most + 1;
	}
	ok(good, "every class has its sizes, red zones and poison");
	ok(least == SLAB_MAX - RED_ALL + 1,
	    "a byte more than the last class is large");
}

static void
test_large_red_zones(void)
{
	static const size_t large[] = { SLAB_MAX - RED_ALL + 1, PAGE_SIZE - 1,
	    PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE - 1 };
	bool good = true;
	size_t bytes;
	char *p;

	reset();
	for (u_int i = 0; i < nitems(large) && good; i++) {
		bytes = round_page(large[i]);
		p = kmalloc(large[i], 0);
		good = kmalloc_bytes() == bytes && p == (char *)
		    trunc_page((vm_offset_t)p) &&
		    red_behind(p, large[i], bytes - large[i]);
		if (good)
			kfree(p);
	}
	ok(good && kmalloc_bytes() == 0, "large ones have red to their end");
}

/* Words of a free page, and the two pages where the direct map ends. */
static void
test_page_poison(void)
{
	struct vm_page *last = &vm_page_array[DMAP_FRAMES - 1], *m;
	char want[64];
	bool good = true;
	uint32_t *p;

	reset();
	for (size_t i = 0; i < PAGE_SIZE / sizeof(*p);
	    i = next_byte(i, PAGE_SIZE / sizeof(*p))) {
		m = vm_page_alloc(VM_ALLOC_LOW);
		p = pmap_dmap(VM_PAGE_TO_PHYS(m));
		vm_page_free(m);
		p[i] ^= 1;
		snprintf(want, sizeof(want), "frame 0x%x was written at offset "
		    "0x%zx (", vm_page_index(m), i * 4);
		good &= PANICKED_WITH((void)vm_page_alloc(VM_ALLOC_LOW), want);
		p[i] ^= 1;
		m->flags = VPF_ALLOCATED;
		vm_page_free(m);
	}
	ok(good, "a write to a free page is found, from end to end");
	ok(vm_page_poison(last) && !vm_page_poison(last + 1),
	    "the last page of the direct map is poisoned, the next is not");
	m = vm_page_alloc(VM_ALLOC_LOW);
	PANICS(vm_page_poison_check(m, __caller()), "is allocated already",
	    "the poison of an allocated page is not looked at");
	vm_page_free(m);
}

/* What kmem_free() finds if an owner, or a bug, was at its pages. */
static void
test_kmem_panics(void)
{
	char *p;

	reset();
	p = kmem_alloc(3 * PAGE_SIZE, 0);
	(void)pmap_kremove((vm_offset_t)p + 2 * PAGE_SIZE);
	ok(PANICKED_WITH(kmem_free(p, 3 * PAGE_SIZE), "nothing is mapped at"),
	    "a page that is not mapped any more");
	reset();
	memset(mapped, 0, sizeof(mapped));
	p = kmem_alloc(2 * PAGE_SIZE, 0);
	vm_page_unwire(PHYS_TO_VM_PAGE(pmap_kextract((vm_offset_t)p +
	    PAGE_SIZE)), 0);
	ok(PANICKED_WITH(kmem_free(p, 2 * PAGE_SIZE), "is not wired"),
	    "a page that is not wired any more");
	PANICS((void)kmem_alloc(1, 2), "flags 0x2", "an unknown flag");
	PANICS(kmem_init(PAGE_SIZE, PAGE_SIZE), "kmem_init", "an empty window");
	PANICS(kmem_init(PAGE_SIZE, 3 * PAGE_SIZE + 8), "kmem_init",
	    "a window that ends within a page");
	PANICS(kmem_init(8, 3 * PAGE_SIZE), "kmem_init",
	    "a window that begins within a page");
	memset(mapped, 0, sizeof(mapped));
}

/* More of one size than fit a slab, given back in another order. */
static void
test_many(void)
{
	enum { N = 1000 };
	static uint32_t *p[N];
	bool good = true;

	reset();
	for (uint32_t i = 0; i < N; i++) {
		p[i] = kmalloc(8, 0);
		p[i][0] = p[i][1] = i;
	}
	good = slabs_good();
	for (uint32_t i = 0; i < N; i++) {
		uint32_t j = i * 7 % N;

		good &= p[j][0] == j && p[j][1] == j;
		kfree(p[j]);
		good &= i % 50 != 0 || slabs_good();
	}
	ok(good && kmalloc_bytes() == 0, "a thousand small ones are apart");
}

static void
test_sizes(void)
{
	size_t before;
	bool good = true;
	uint8_t *p;

	reset();
	for (size_t size = 0; size < 9000; size++) {
		before = kmalloc_bytes();
		p = kmalloc(size, 0);
		good &= p != NULL && ((uintptr_t)p & 15) == 0 &&
		    kmalloc_bytes() >= before + size;
		memset(p, 0xff, size);
		kfree(p);
		p = kmalloc(size, M_ZERO);
		for (size_t i = 0; i < size; i++)
			good &= p[i] == 0;
		kfree(p);
		good &= kmalloc_bytes() == before;
	}
	ok(good, "every size is aligned, zeroed, and counted");
	kfree(NULL);
	ok(kmalloc((size_t)NKVA * PAGE_SIZE, 0) == NULL &&
	    kmalloc(~(size_t)0, 0) == NULL, "too much fails");
}

int
main(void)
{
	/* So that what failed is printed before a sanitizer ends this. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed %u\n", seed);
	after_panic = drop_locks;
	test_lists();
	test_fit();
	test_kva_panics();
	test_untouched();
	test_red_zones();
	test_large_red_zones();
	test_random_ops();
	test_many();
	test_sizes();
	test_page_poison();
	test_kmem_panics();
	test_lowmem();
	test_kmalloc_panics();
	test_wrap();
	return (harness_end());
}
