/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of the kernel's memory: page tables, kernel addresses and their pages,
 * kmalloc, wiring.
 */

#include <sys/types.h>
#include <sys/malloc.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/control.h>
#include <machine/ipi.h>
#include <machine/pmap.h>
#include <machine/sf_pte.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	SIGNATURE	0x4b564131u

static u_int
quarantined(void)
{
	struct kmem_stats s;

	kmem_stats_read(&s);
	return (s.quarantined);
}

static struct vm_page *
page_behind(const void *p)
{
	return (PHYS_TO_VM_PAGE(pmap_kextract((vm_offset_t)p)));
}

/* --- pmap --- */

TEST(tables, "pmap.every_entry_is_as_it_must_be")
{
	EXPECT_EQ(pmap_audit(), 0);
}

static volatile uint32_t wrong_cpus;

static void
check_control(void *arg)
{
	const char *what = control_error();

	(void)arg;
	if (what == NULL)
		return;
	printf("# CPU %u: %s is wrong\n", curcpu_id(), what);
	atomic_fetchadd_32(&wrong_cpus, 1);
}

TEST(control, "pmap.every_cpu_has_the_same_control_registers")
{
	wrong_cpus = 0;
	run_on_all_cpus(check_control, NULL);
	EXPECT_EQ(wrong_cpus, 0);
}

TEST(dmap_end, "pmap.the_direct_map_ends_where_it_says")
{
	vm_offset_t end = DMAP_MIN + (vm_offset_t)dmap_limit;

	EXPECT_EQ((vm_offset_t)pmap_dmap(dmap_limit - 1), end - 1);
	EXPECT_EQ(pmap_kextract(end - 1), dmap_limit - 1);
	EXPECT(pmap_is_mapped(end - 1));
	EXPECT(dmap_limit == DMAP_SIZE || !pmap_is_mapped(end));
	EXPECT(sf_dmap_pages() == 0 || sf_dmap_pages() == atop(dmap_limit));
	/* Frame 0 is the first that it serves, unless strict mode is on. */
	if (sf_buf_page_is_direct(vm_page_array)) {
		EXPECT(sf_buf_page_is_direct(PHYS_TO_VM_PAGE(dmap_limit - 1)));
		EXPECT(!sf_buf_page_is_direct(PHYS_TO_VM_PAGE(dmap_limit)));
	}
}

/* Each window from its first page to its last. */
TEST(window_tables, "pmap.every_window_has_tables_to_its_last_page")
{
	vm_offset_t slot = SF_BUF_MIN;
	u_int bad = 0;

	EXPECT(pmap_is_mapped((vm_offset_t)vm_page_array));
	EXPECT(pmap_is_mapped((vm_offset_t)&vm_page_array[vm_page_count] - 1));
	EXPECT(pmap_is_mapped((vm_offset_t)SF_SENTINEL));
	EXPECT(pmap_is_mapped((vm_offset_t)&sf_slots[nsfbufs] - 1));
	EXPECT(pmap_kpte(KVA_MIN) != NULL);
	EXPECT(pmap_kpte(kva_end - PAGE_SIZE) != NULL);
	EXPECT(pmap_kpte(DEV_MIN) != NULL);
	EXPECT(pmap_kpte(DEV_MIN + DEV_SIZE - PAGE_SIZE) != NULL);
	for (u_int i = 0; i < nsfbufs; i++, slot += PAGE_SIZE) {
		EXPECT_EQ(sf_pte_kva(&sf_slots[i]), slot);
		bad += pmap_kextract((vm_offset_t)&sf_ptes[i]) !=
		    pmap_kextract((vm_offset_t)pmap_kpte(slot));
	}
	EXPECT_EQ(bad, 0);
}

/* --- kernel addresses --- */

TEST(guards, "kva.unmapped_pages_surround_an_allocation")
{
	char *a = kmem_alloc(3 * PAGE_SIZE, 0), *b = kmem_alloc(1, 0);
	void *stack = kstack_alloc();

	EXPECT(a != NULL && b != NULL && stack != NULL);
	EXPECT(!pmap_is_mapped((vm_offset_t)a - 1));
	EXPECT(pmap_is_mapped((vm_offset_t)a));
	EXPECT(pmap_is_mapped((vm_offset_t)a + 3 * PAGE_SIZE - 1));
	EXPECT(!pmap_is_mapped((vm_offset_t)a + 3 * PAGE_SIZE));
	EXPECT(!pmap_is_mapped((vm_offset_t)b - 1));
	EXPECT(!pmap_is_mapped((vm_offset_t)b + PAGE_SIZE));
	EXPECT(!pmap_is_mapped((vm_offset_t)stack - 1));
	EXPECT(pmap_is_mapped((vm_offset_t)stack));
	kstack_free(stack);
	kmem_free(b, 1);
	kmem_free(a, 3 * PAGE_SIZE);
}

/* Pages from va down to the first that is not mapped. */
static u_int
pages_down(vm_offset_t va)
{
	u_int n = 0;

	while (pmap_is_mapped(va - n * PAGE_SIZE))
		n++;
	return (n);
}

static void
measure_stack(void *deepest)
{
	u_int here = 0, *most = deepest;

	here = pages_down((vm_offset_t)&here);
	if (here > *most)
		*most = here;
}

static void
measure_thread(struct thread *td, void *deepest)
{
	u_int here = pages_down((vm_offset_t)td), *most = deepest;

	/* The first thread's structure is not on its stack. */
	if (td->td_stack != 0 && here > *most)
		*most = here;
}

/* An interrupt that finds a CPU idle runs on the stack of its idle thread. */
TEST(stack_guards, "kva.every_stack_has_an_unmapped_page_below")
{
	const u_int most = KSTACK_SIZE / PAGE_SIZE;
	vm_offset_t top;
	u_int deepest = 0;

	thread_foreach(measure_thread, &deepest);
	measure_stack(&deepest);
	for (u_int cpu = 0; cpu < mp_ncpus; cpu++) {
		smp_call(cpu, measure_stack, &deepest);
		top = pcpus[cpu]->pc_machine.df_stack;
		EXPECT_EQ(pages_down(top - 1), DF_STACK_SIZE / PAGE_SIZE);
	}
	EXPECT(deepest > 0 && deepest <= most);
}

/* The page stays allocated and wired until no TLB caches its address. */
TEST(page_waits, "kva.freed_pages_wait_for_a_flush")
{
	volatile uint32_t *p;
	struct vm_page *m;
	uint32_t free;

	(void)kmem_reclaim();
	EXPECT_EQ(quarantined(), 0);
	p = kmem_alloc(PAGE_SIZE, 0);
	m = page_behind((const void *)p);
	*p = SIGNATURE;
	free = vm_page_zone_free((enum vm_zone)m->zone);
	sched_pin();
	kmem_free((void *)p, PAGE_SIZE);
	EXPECT_EQ(quarantined(), 1);
	EXPECT(vm_page_wired(m));
	EXPECT_EQ(vm_page_zone_free((enum vm_zone)m->zone), free);
	EXPECT(!pmap_is_mapped((vm_offset_t)p));
	sched_unpin();
	EXPECT(kmem_reclaim());
	EXPECT_EQ(quarantined(), 0);
	EXPECT(!vm_page_wired(m));
	EXPECT_EQ(vm_page_zone_free((enum vm_zone)m->zone), free + 1);
}

static struct {
	volatile uint32_t *p;
	uint32_t want;
	volatile uint32_t stale;
} probe;

static void
look(void *arg)
{
	(void)arg;
	if (*probe.p != probe.want)
		atomic_fetchadd_32(&probe.stale, 1);
}

/*
 * Every CPU reads through an address each time after its page has changed.  The
 * test keeps one page allocated, so that the address gets another one.
 */
TEST(reuse, "kva.no_cpu_sees_the_old_page_of_a_reused_address")
{
	volatile uint32_t *before = NULL;
	struct vm_page *kept = vm_page_alloc(0), *other;
	u_int reused = 0, rounds = 40 + 160 / mp_ncpus;

	probe.stale = 0;
	for (uint32_t n = 0; n < rounds; n++) {
		probe.p = kmem_alloc(PAGE_SIZE, 0);
		probe.want = SIGNATURE + n;
		*probe.p = probe.want;
		reused += probe.p == before;
		for (u_int cpu = 0; cpu < mp_ncpus; cpu++)
			smp_call(cpu, look, NULL);
		before = probe.p;
		kmem_free((void *)probe.p, PAGE_SIZE);
		if (n % 8 != 0)
			(void)kmem_reclaim();
		other = kept;
		kept = vm_page_alloc(0);
		vm_page_free(other);
	}
	vm_page_free(kept);
	EXPECT_EQ(probe.stale, 0);
	EXPECT(reused > rounds / 2);
}

TEST(exhaust, "kva.too_much_fails_and_takes_nothing")
{
	uint32_t all = 0;
	void *p;

	EXPECT(kmem_alloc(KVA_SIZE, 0) == NULL);
	EXPECT(kmem_alloc(~(vm_size_t)0, 0) == NULL);
	for (u_int z = 0; z < VM_NZONES; z++)
		all += vm_page_zone_free((enum vm_zone)z);
	if (all >= atop(KVA_SIZE)) {
		test_skip("there is more memory than kernel addresses");
		return;
	}
	/* Address space is for twice the memory: the pages run out. */
	EXPECT(kmem_alloc((all + 1) * PAGE_SIZE, 0) == NULL);
	p = kmem_alloc(all / 2 * PAGE_SIZE, 0);
	EXPECT(p != NULL);
	kmem_free(p, all / 2 * PAGE_SIZE);
	/* Half is in quarantine, the other half is not enough. */
	p = kmem_alloc((all / 2 + all / 8) * PAGE_SIZE, 0);
	EXPECT(p != NULL);
	kmem_free(p, (all / 2 + all / 8) * PAGE_SIZE);
}

#define	NLIVE	12u
#define	NROUNDS	(40 + 1600 / mp_ncpus)	/* of each CPU */

/* Allocations of random sizes live for a while, each filled by its index. */
static void
churn(void *arg)
{
	void *(*alloc)(size_t, int) = ((void *(**)(size_t, int))arg)[0];
	uint32_t max = ((uint32_t *)arg)[1], size[NLIVE] = { 0 };
	uint32_t rng = test_seed() + curcpu_id() * 7919u, i, bad = 0;
	uint32_t rounds = NROUNDS;
	uint8_t *p[NLIVE] = { NULL };

	for (uint32_t n = 0; n < rounds + NLIVE; n++) {
		i = n < rounds ? test_random(&rng) % NLIVE : n - rounds;
		for (uint32_t b = 0; p[i] != NULL && b < size[i]; b++)
			bad += p[i][b] != (uint8_t)(i * 16 + b);
		if (p[i] != NULL && alloc == kmalloc)
			kfree(p[i]);
		else if (p[i] != NULL)
			kmem_free(p[i], size[i]);
		p[i] = NULL;
		if (n >= rounds)
			continue;
		size[i] = 1 + test_random(&rng) % max;
		p[i] = alloc(size[i], 0);
		for (uint32_t b = 0; p[i] != NULL && b < size[i]; b++)
			p[i][b] = (uint8_t)(i * 16 + b);
	}
	EXPECT_EQ(bad, 0);
}

TEST(kva_churn, "kva.all_cpus_churn_and_lose_nothing")
{
	void *args[2] = { kmem_alloc, (void *)(3 * PAGE_SIZE) };

	run_on_all_cpus(churn, args);
}

/* --- kmalloc --- */

static bool
all_are(const uint8_t *p, size_t size, uint8_t byte)
{
	while (size > 0 && p[size - 1] == byte)
		size--;
	return (size == 0);
}

TEST(sizes, "kmalloc.every_size_is_there_aligned_and_zeroed")
{
	size_t before = kmalloc_bytes();
	size_t size;
	u_int bad = 0;
	uint8_t *p;

	for (size = 0; size < 3 * PAGE_SIZE; size += size < 300 ? 1 : 37) {
		p = kmalloc(size, 0);
		bad += p == NULL || ((uintptr_t)p & 15) != 0;
		memset(p, 0xff, size);
		EXPECT(kmalloc_bytes() >= before + size);
		kfree(p);
		p = kmalloc(size, M_ZERO);
		bad += p == NULL || !all_are(p, size, 0);
		kfree(p);
	}
	EXPECT_EQ(bad, 0);
	EXPECT_EQ(kmalloc_bytes(), before);
	kfree(NULL);
}

/* Two neighbours, filled to their last bytes. */
static void
fill_two(size_t size)
{
	uint8_t *a = kmalloc(size, 0), *b = kmalloc(size, 0);

	EXPECT(a != NULL && b != NULL);
	memset(a, 0xaa, size);
	memset(b, 0xbb, size);
	EXPECT(all_are(a, size, 0xaa) && all_are(b, size, 0xbb));
	kfree(a);
	EXPECT(all_are(b, size, 0xbb));
	kfree(b);
}

/*
 * Around the size of each larger class, with and without the 24 bytes of the
 * red zones of a debug build, and around that of a page.
 */
TEST(kmalloc_edges, "kmalloc.sizes_at_the_edges_of_classes_are_apart")
{
	static const size_t edges[] = { 336, 448, 576, 672, 1008, 1344, 2016,
	    PAGE_SIZE - 64, PAGE_SIZE, 2 * PAGE_SIZE };

	for (u_int i = 0; i < nitems(edges); i++)
		for (size_t less = 0; less <= 26; less += less == 2 ? 21 : 1)
			fill_two(edges[i] + 1 - less);
}

/* More than a slab has objects, so that each of its bits is used. */
static void
fill_many(size_t size)
{
	enum { N = 600 };
	static uint32_t *p[N];
	const size_t last = size / sizeof(uint32_t) - 1;
	u_int bad = 0;

	for (uint32_t i = 0; i < N; i++) {
		p[i] = kmalloc(size, 0);
		p[i][0] = p[i][last] = i;
	}
	for (uint32_t i = 0; i < N; i += 2)
		kfree(p[i]);
	for (uint32_t i = 0; i < N; i += 2) {
		p[i] = kmalloc(size, 0);
		p[i][0] = p[i][last] = i;
	}
	for (uint32_t i = 0; i < N; i++) {
		bad += p[i][0] != i || p[i][last] != i;
		kfree(p[i]);
	}
	EXPECT_EQ(bad, 0);
}

TEST(kmalloc_many, "kmalloc.many_of_a_size_are_apart")
{
	fill_many(4);
	fill_many(40);
}

TEST(kmalloc_huge, "kmalloc.too_much_fails")
{
	EXPECT(kmalloc(KVA_SIZE, 0) == NULL);
	EXPECT(kmalloc(~(size_t)0, 0) == NULL);
}

TEST(kmalloc_churn, "kmalloc.all_cpus_churn_and_lose_nothing")
{
	void *args[2] = { kmalloc, (void *)5000 };
	size_t before = kmalloc_bytes();

	run_on_all_cpus(churn, args);
	EXPECT_EQ(kmalloc_bytes(), before);
}

/* --- pages --- */

TEST(wired_count, "vm.wired_pages_are_counted")
{
	uint32_t before = vm_page_wired_count();
	struct vm_page *m = vm_page_alloc(0);

	EXPECT(!vm_page_wired(m));
	EXPECT_EQ(vm_page_wired_count(), before);
	vm_page_wire(m);
	vm_page_wire(m);
	EXPECT(vm_page_wired(m));
	EXPECT_EQ(vm_page_wired_count(), before + 1);
	vm_page_unwire(m, 0);
	EXPECT_EQ(vm_page_wired_count(), before + 1);
	vm_page_unwire(m, 1);
	EXPECT_EQ(vm_page_wired_count(), before);
	vm_page_free(m);
	m = vm_page_alloc(VM_ALLOC_WIRED);
	EXPECT_EQ(vm_page_wired_count(), before + 1);
	vm_page_unwire(m, 0);
	vm_page_free(m);
	EXPECT_EQ(vm_page_wired_count(), before);
}

TEST(zones, "vm.the_counts_of_a_zone_agree_with_its_frames")
{
	uint32_t allocated[VM_NZONES] = { 0 }, wired[VM_NZONES] = { 0 };
	const struct vm_page *m;

	for (uint32_t i = 0; i < vm_page_count; i++) {
		m = &vm_page_array[i];
		allocated[m->zone] += (m->flags & VPF_ALLOCATED) != 0;
		wired[m->zone] += vm_page_wired(m);
	}
	for (u_int z = 0; z < VM_NZONES; z++) {
		EXPECT_EQ(vm_page_zone_free((enum vm_zone)z) + allocated[z],
		    vm_page_zone_total((enum vm_zone)z));
		EXPECT_EQ(vm_page_zone_wired((enum vm_zone)z), wired[z]);
	}
}

/* --- what must end in a panic --- */

PANIC_TEST(dmap_behind, "panic.the_first_address_above_the_direct_map")
{
	(void)pmap_dmap(dmap_limit);
}

PANIC_TEST(kenter_twice, "panic.pmap_kenter_where_a_page_is_mapped")
{
	pmap_kenter((vm_offset_t)kmem_alloc(PAGE_SIZE, 0), 0);
}

PANIC_TEST(kremove_twice, "panic.pmap_kremove_where_no_page_is_mapped")
{
	(void)pmap_kremove(KVA_MIN);
}

PANIC_TEST(kenter_nowhere, "panic.pmap_kenter_without_a_page_table")
{
	pmap_kenter(0u - PAGE_SIZE, 0);
}

PANIC_TEST(kfree_twice, "panic.kfree_twice")
{
	char *keep = kmalloc(100, 0), *p = kmalloc(100, 0);

	(void)keep;
	kfree(p);
	kfree(p);
}

PANIC_TEST(kfree_twice_alone, "panic.kfree_twice_of_the_only_one")
{
	char *p = kmalloc(1000, 0);

	kfree(p);
	kfree(p);
}

PANIC_TEST(kfree_twice_large, "panic.kfree_twice_of_a_large_one")
{
	char *p = kmalloc(3 * PAGE_SIZE, 0);

	kfree(p);
	kfree(p);
}

PANIC_TEST(kfree_inside, "panic.kfree_inside_of_an_allocation")
{
	kfree((char *)kmalloc(100, 0) + 16);
}

PANIC_TEST(kfree_foreign, "panic.kfree_of_what_kmalloc_never_gave")
{
	static char mine[64];

	kfree(mine);
}

PANIC_TEST(red_zone_behind, "panic.kmalloc_written_behind")
{
	volatile char *p = kmalloc(100, 0);

	p[100] = 1;
	kfree((void *)p);
}

PANIC_TEST(red_zone_before, "panic.kmalloc_written_before")
{
	volatile char *p = kmalloc(100, 0);

	p[-1] = 1;
	kfree((void *)p);
}

PANIC_TEST(red_zone_large, "panic.kmalloc_written_behind_a_large_one")
{
	volatile char *p = kmalloc(PAGE_SIZE + 100, 0);

	p[PAGE_SIZE + 100] = 1;
	kfree((void *)p);
}

PANIC_TEST(kmalloc_guard, "panic.kmalloc_written_far_behind_a_large_one")
{
	volatile char *p = kmalloc(2 * PAGE_SIZE, 0);

	p[2 * PAGE_SIZE] = 1;
}

PANIC_TEST(kmalloc_after_free, "panic.kmalloc_written_after_its_free")
{
	char *keep = kmalloc(100, 0);
	volatile char *p = kmalloc(100, 0);

	(void)keep;
	kfree((void *)p);
	p[5] = 1;
	(void)kmalloc(100, 0);
}

PANIC_TEST(page_after_free, "panic.page_written_after_its_free")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT);
	volatile uint32_t *p = pmap_dmap(VM_PAGE_TO_PHYS(m));

	vm_page_free(m);
	p[7] = 1;
	while (vm_page_alloc(VM_ALLOC_DIRECT) != NULL)
		continue;
}

PANIC_TEST(kmem_after_free, "panic.kmem_read_after_its_free")
{
	volatile uint32_t *p = kmem_alloc(PAGE_SIZE, M_ZERO);

	EXPECT_EQ(*p, 0);
	kmem_free((void *)p, PAGE_SIZE);
	(void)kmem_reclaim();
	(void)*p;
}

PANIC_TEST(kmem_twice, "panic.kmem_freed_twice")
{
	void *p = kmem_alloc(PAGE_SIZE, M_ZERO);

	kmem_free(p, PAGE_SIZE);
	kmem_free(p, PAGE_SIZE);
}
