/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests of memory objects, address spaces, faults, borrowing and uio(9),
 * without ring 3: what a program would do at an address is done by
 * user_access(), which looks at the entry as the CPU would, and calls
 * vm_fault() as the trap would.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/test.h>
#include <sys/thread.h>
#include <sys/uio.h>
#include <machine/atomic.h>
#include <machine/pmap_user.h>
#include <vm/vm_held.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>
#include <vm/map/vm_region.h>

#define	BASE	0x10000000u
#define	RW	(PROT_READ | PROT_WRITE)
#define	RX	(PROT_READ | PROT_EXEC)
#define	RWX	(PROT_READ | PROT_WRITE | PROT_EXEC)
#define	PG(n)	(BASE + (n) * PAGE_SIZE)

/* The first word of a page, through an sf_buf. */
static uint32_t
page_word(struct vm_page *m)
{
	struct sf_buf *sf = sf_buf_alloc(m, 0);
	uint32_t word = *(volatile uint32_t *)sf_buf_kva(sf);

	sf_buf_free(sf);
	return (word);
}

static void
page_store(struct vm_page *m, uint32_t word)
{
	struct sf_buf *sf = sf_buf_alloc(m, 0);

	*(volatile uint32_t *)sf_buf_kva(sf) = word;
	sf_buf_free(sf);
}

static struct vm_page *
page_at(struct vm_map *map, vm_offset_t va)
{
	pt_entry_t pte = pmap_extract(map->vm_pmap, va);

	return ((pte & PG_V) == 0 ? NULL : PHYS_TO_VM_PAGE(pte & PG_FRAME));
}

static bool
can_write(struct vm_map *map, vm_offset_t va)
{
	return ((pmap_extract(map->vm_pmap, va) & (PG_V | PG_RW)) ==
	    (PG_V | PG_RW));
}

/*
 * One access of a program, if the entry allows it.  The locks keep the entry
 * while the access is made, as an instruction cannot be cut in two by a flush.
 */
static bool
access_once(struct vm_map *map, vm_offset_t va, bool write, uint32_t *word)
{
	struct vm_region *r;
	bool good = false;

	mtx_lock(&map->vm_lock);
	r = region_find(map, va);
	if (r != NULL) {
		mtx_lock(&r->r_object->ob_lock);
		good = write ? can_write(map, va) : page_at(map, va) != NULL;
		if (good && write)
			page_store(page_at(map, va), *word);
		else if (good)
			*word = page_word(page_at(map, va));
		mtx_unlock(&r->r_object->ob_lock);
	}
	mtx_unlock(&map->vm_lock);
	return (good);
}

static int
user_access(struct vm_map *map, vm_offset_t va, bool write, uint32_t *word)
{
	int error;

	while (!access_once(map, va, write, word)) {
		error = vm_fault(map, va, write ? PROT_WRITE : PROT_READ);
		if (error != 0)
			return (error);
	}
	return (0);
}

static uint32_t
user_read(struct vm_map *map, vm_offset_t va)
{
	uint32_t word = 0xdeadbeef;

	EXPECT_EQ(user_access(map, va, false, &word), 0);
	return (word);
}

static void
user_write(struct vm_map *map, vm_offset_t va, uint32_t word)
{
	EXPECT_EQ(user_access(map, va, true, &word), 0);
}

/* A map that has n pages of new memory at BASE. */
static struct vm_map *
map_with(u_int n, u_int flags)
{
	struct vm_map *map = vm_map_create();
	vm_offset_t va = BASE;

	EXPECT(map != NULL);
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, n * PAGE_SIZE,
	    flags | MAP_FIXED, RWX), 0);
	return (map);
}

static void
check_and_destroy(struct vm_map *map)
{
	EXPECT_EQ(vm_map_audit(map), 0);
	EXPECT_EQ(pmap_user_audit(map->vm_pmap), 0);
	vm_map_destroy(map);
}

static int
insert(struct vm_map *map, struct vm_object *ob, u_int first, vm_offset_t at,
    u_int pages, u_int flags, u_int max)
{
	vm_offset_t va = at;
	int error = vm_map_insert(map, ob, first, &va, pages * PAGE_SIZE,
	    flags | MAP_FIXED, max);

	EXPECT_EQ(va, at);
	return (error);
}

/* A file of n pages, each of which has its number, plus 100, as first word. */
static struct vm_object *
file_of(u_int n)
{
	struct vm_object *ob = vm_object_create(n, NULL);
	struct vm_page *m;

	EXPECT(ob != NULL);
	ob->ob_readonly = true;
	for (u_int i = 0; i < n; i++) {
		m = vm_page_alloc_held();
		page_store(m, i + 100);
		EXPECT_EQ(vm_object_insert(ob, i, m), 0);
		EXPECT(vm_page_is_sealed(m));
	}
	return (ob);
}

/* --- faults --- */

TEST(zeros, "map.new_memory_is_zeros_and_writable_at_once")
{
	struct vm_map *map = map_with(4, RW);

	for (u_int i = 0; i < 4; i++) {
		EXPECT(page_at(map, PG(i)) == NULL);
		EXPECT_EQ(user_read(map, PG(i)), 0);
		EXPECT(can_write(map, PG(i)));
	}
	EXPECT_EQ(map->vm_charge->vc_pages, 4);
	user_write(map, PG(2), 7);
	EXPECT_EQ(user_read(map, PG(2)), 7);
	EXPECT_EQ(user_read(map, PG(1)), 0);
	check_and_destroy(map);
}

/* Whole pages, to the last byte, whatever was in the frame. */
TEST(all_zeros, "map.no_byte_of_an_earlier_owner_is_seen")
{
	struct vm_map *map = map_with(64, RW);
	struct sf_buf *sf;
	u_int bad = 0;

	for (u_int round = 0; round < 2; round++) {
		for (u_int i = 0; i < 64; i++) {
			(void)user_read(map, PG(i));
			sf = sf_buf_alloc(page_at(map, PG(i)), 0);
			for (u_int j = 0; j < PAGE_SIZE / 4; j++)
				bad += ((uint32_t *)sf_buf_kva(sf))[j] != 0;
			memset((void *)sf_buf_kva(sf), 0x5a, PAGE_SIZE);
			sf_buf_free(sf);
		}
		EXPECT_EQ(vm_map_remove(map, BASE, 64 * PAGE_SIZE), 0);
		EXPECT_EQ(insert(map, NULL, 0, BASE, 64, RW, RW), 0);
	}
	EXPECT_EQ(bad, 0);
	check_and_destroy(map);
}

TEST(refused, "map.a_fault_says_why_it_cannot_be_resolved")
{
	struct vm_map *map = map_with(2, PROT_READ);

	EXPECT_EQ(vm_fault(map, PG(2), PROT_READ), EFAULT);
	EXPECT_EQ(vm_fault(map, BASE - 1, PROT_READ), EFAULT);
	EXPECT_EQ(vm_fault(map, 0, PROT_READ), EFAULT);
	EXPECT_EQ(vm_fault(map, USER_END, PROT_READ), EFAULT);
	EXPECT_EQ(vm_fault(map, 0xffffffff, PROT_WRITE), EFAULT);
	EXPECT_EQ(vm_fault(map, PG(1), PROT_WRITE), EACCES);
	EXPECT_EQ(vm_fault(map, PG(1), PROT_EXEC), EACCES);
	EXPECT_EQ(vm_map_protect(map, PG(1), PAGE_SIZE, 0), 0);
	EXPECT_EQ(vm_fault(map, PG(1), PROT_READ), EACCES);
	EXPECT_EQ(vm_fault(map, PG(0), PROT_READ), 0);
	check_and_destroy(map);
}

/* --- fork --- */

TEST(fork_both, "map.fork_copies_what_either_writes")
{
	struct vm_map *a = map_with(4, RW), *b;

	for (u_int i = 0; i < 3; i++)
		user_write(a, PG(i), i + 1);
	b = vm_map_fork(a);
	EXPECT(!can_write(a, PG(0)));
	EXPECT_EQ(vm_map_audit(a), 0);
	user_write(a, PG(0), 10);
	user_write(b, PG(1), 20);
	EXPECT_EQ(user_read(a, PG(0)), 10);
	EXPECT_EQ(user_read(b, PG(0)), 1);
	EXPECT_EQ(user_read(a, PG(1)), 2);
	EXPECT_EQ(user_read(b, PG(1)), 20);
	EXPECT(page_at(b, PG(2)) == NULL);
	EXPECT_EQ(user_read(b, PG(2)), 3);
	EXPECT(page_at(a, PG(2)) == page_at(b, PG(2)));
	EXPECT(!can_write(b, PG(2)));
	user_write(a, PG(3), 30);
	EXPECT_EQ(user_read(b, PG(3)), 0);
	check_and_destroy(b);
	/* The last owner writes in place. */
	b = NULL;
	EXPECT_EQ(vm_page_owners(page_at(a, PG(2))), 1);
	struct vm_page *m = page_at(a, PG(2));
	user_write(a, PG(2), 33);
	EXPECT(page_at(a, PG(2)) == m);
	check_and_destroy(a);
}

TEST(generations, "map.three_generations_do_not_see_each_other")
{
	struct vm_map *maps[3] = { map_with(2, RW) };

	user_write(maps[0], PG(0), 100);
	maps[1] = vm_map_fork(maps[0]);
	maps[2] = vm_map_fork(maps[1]);
	EXPECT_EQ(user_read(maps[1], PG(0)), 100);
	EXPECT_EQ(vm_page_owners(page_at(maps[1], PG(0))), 3);
	for (u_int i = 0; i < 3; i++)
		user_write(maps[i], PG(0), 200 + i);
	for (u_int i = 0; i < 3; i++)
		EXPECT_EQ(user_read(maps[i], PG(0)), 200 + i);
	for (u_int i = 0; i < 3; i++)
		check_and_destroy(maps[i]);
}

TEST(fork_shared, "map.fork_shares_regions_that_say_so")
{
	struct vm_map *a = map_with(2, RW | MAP_SHARE), *b;

	user_write(a, PG(0), 1);
	b = vm_map_fork(a);
	EXPECT(can_write(a, PG(0)));
	user_write(b, PG(0), 2);
	EXPECT_EQ(user_read(a, PG(0)), 2);
	user_write(a, PG(1), 3);
	EXPECT_EQ(user_read(b, PG(1)), 3);
	EXPECT_EQ(a->vm_charge->vc_pages, 2);
	check_and_destroy(a);
	/* The child outlives the parent, whose charge the object keeps. */
	EXPECT_EQ(user_read(b, PG(1)), 3);
	check_and_destroy(b);
}

/* --- files --- */

TEST(file, "map.a_file_is_read_only_and_its_pages_are_shared")
{
	struct vm_map *map = map_with(1, RW);
	struct vm_object *ob = file_of(3);
	uint32_t word = 1;

	EXPECT_EQ(insert(map, ob, 1, PG(8), 2, PROT_READ, RWX), 0);
	EXPECT_EQ(user_read(map, PG(8)), 101);
	EXPECT_EQ(user_read(map, PG(9)), 102);
	EXPECT_EQ(user_access(map, PG(8), true, &word), EACCES);
	EXPECT_EQ(vm_map_protect(map, PG(8), PAGE_SIZE, RW), EACCES);
	EXPECT_EQ(insert(map, ob, 0, PG(12), 1, RW, RWX), EACCES);
	EXPECT_EQ(insert(map, ob, 2, PG(12), 2, PROT_READ, RWX), EINVAL);
	EXPECT_EQ(insert(map, ob, ~0u, PG(12), 2, PROT_READ, RWX), EINVAL);
	EXPECT_EQ(map->vm_charge->vc_pages, 0);
	vm_object_release(ob);
	EXPECT_EQ(user_read(map, PG(9)), 102);
	check_and_destroy(map);
}

TEST(around, "map.a_fault_on_a_file_enters_the_pages_around_it")
{
	struct vm_map *map = map_with(1, RW);
	struct vm_object *ob = file_of(40);
	u_int n = 0;

	EXPECT_EQ(insert(map, ob, 1, PG(9), 39, RX | MAP_PRIVATE, RX), 0);
	EXPECT_EQ(vm_fault(map, PG(33), PROT_EXEC), 0);
	EXPECT(page_at(map, PG(31)) == NULL && page_at(map, PG(32)) != NULL);
	EXPECT(page_at(map, PG(47)) != NULL && page_at(map, PG(48)) == NULL);
	EXPECT_EQ(vm_fault(map, PG(9), PROT_READ), 0);
	EXPECT(page_at(map, PG(8)) == NULL && page_at(map, PG(15)) != NULL);
	EXPECT_EQ(map->vm_pmap->pm_resident, 16 + 7);
	for (u_int i = 9; i < 48; i++)
		if (page_at(map, PG(i)) != NULL) {
			n += page_word(page_at(map, PG(i))) == i - 8 + 100;
			EXPECT(!can_write(map, PG(i)));
			EXPECT_EQ(pmap_extract(map->vm_pmap, PG(i)) & pg_nx, 0);
		}
	EXPECT_EQ(n, 16 + 7);
	EXPECT_EQ(vm_map_remove(map, PG(33), PAGE_SIZE), 0);
	EXPECT_EQ(map->vm_pmap->pm_resident, 16 + 6);
	vm_object_release(ob);
	check_and_destroy(map);
}

TEST(file_private, "map.writes_to_a_private_file_go_to_copies")
{
	struct vm_map *map = map_with(1, RW), *child;
	struct vm_object *ob = file_of(4);
	struct vm_page *m;

	EXPECT_EQ(insert(map, ob, 0, PG(8), 2, RW | MAP_PRIVATE, RWX), 0);
	EXPECT_EQ(insert(map, ob, 2, PG(12), 2, RX | MAP_PRIVATE, RWX), 0);
	EXPECT_EQ(user_read(map, PG(8)), 100);
	EXPECT(!can_write(map, PG(8)));
	user_write(map, PG(8), 7);
	EXPECT_EQ(user_read(map, PG(8)), 7);
	/* What is only read is the file itself, also for a child. */
	EXPECT_EQ(user_read(map, PG(12)), 102);
	EXPECT_EQ(ob->ob_refs, 2);
	child = vm_map_fork(map);
	EXPECT_EQ(ob->ob_refs, 3);
	/* One of its two pages becomes writable: only that is private. */
	EXPECT_EQ(vm_map_protect(map, PG(13), PAGE_SIZE, RW), 0);
	user_write(map, PG(13), 8);
	EXPECT_EQ(user_read(map, PG(13)), 8);
	EXPECT_EQ(user_read(map, PG(12)), 102);
	EXPECT_EQ(user_read(child, PG(13)), 103);
	EXPECT_EQ(user_read(child, PG(8)), 7);
	for (u_int i = 0; i < 4; i++) {
		EXPECT_EQ(vm_object_hold_pages(ob, i, 1, false, &m), 1);
		EXPECT_EQ(page_word(m), 100 + i);
		EXPECT(vm_page_is_sealed(m));
		vm_page_drop(m);
	}
	check_and_destroy(child);
	check_and_destroy(map);
	EXPECT_EQ(ob->ob_refs, 1);
	vm_object_release(ob);
}

/* --- rights --- */

TEST(protect, "map.protect_takes_rights_from_entries")
{
	struct vm_map *map = map_with(6, RW);
	uint32_t word = 0;

	for (u_int i = 0; i < 6; i++)
		user_write(map, PG(i), i);
	EXPECT_EQ(vm_map_protect(map, PG(1), 2 * PAGE_SIZE, PROT_READ), 0);
	EXPECT_EQ(map->vm_nregions, 3);
	for (u_int i = 0; i < 6; i++)
		EXPECT_EQ(can_write(map, PG(i)), i != 1 && i != 2);
	EXPECT_EQ(user_access(map, PG(1), true, &word), EACCES);
	EXPECT_EQ(vm_map_protect(map, PG(2), 2 * PAGE_SIZE, 0), 0);
	EXPECT(page_at(map, PG(2)) == NULL && page_at(map, PG(3)) == NULL);
	EXPECT_EQ(user_access(map, PG(3), false, &word), EACCES);
	EXPECT_EQ(vm_map_protect(map, BASE, 6 * PAGE_SIZE, RW), 0);
	for (u_int i = 0; i < 6; i++) {
		EXPECT_EQ(user_read(map, PG(i)), i);
		user_write(map, PG(i), i + 1);
	}
	EXPECT_EQ(vm_map_audit(map), 0);
	EXPECT_EQ(vm_map_protect(map, PG(4), PAGE_SIZE, RX), 0);
	EXPECT(!can_write(map, PG(4)));
	EXPECT_EQ(vm_fault(map, PG(4), PROT_EXEC), 0);
	EXPECT_EQ(pmap_extract(map->vm_pmap, PG(4)) & pg_nx, 0);
	EXPECT_EQ(user_read(map, PG(4)), 5);
	/* And back: not executable any more. */
	EXPECT_EQ(vm_map_protect(map, PG(4), PAGE_SIZE, RW), 0);
	user_write(map, PG(4), 6);
	EXPECT_EQ(pmap_extract(map->vm_pmap, PG(4)) & pg_nx, pg_nx);
	check_and_destroy(map);
}

TEST(wx, "map.nothing_is_writable_and_executable")
{
	struct vm_map *map = map_with(2, RW), *child;
	struct vm_object *ob = vm_object_create(4, map->vm_charge);

	EXPECT_EQ(insert(map, NULL, 0, PG(8), 1, RWX, RWX), EACCES);
	EXPECT_EQ(insert(map, NULL, 0, PG(8), 1,
	    PROT_WRITE | PROT_EXEC | MAP_PRIVATE, RWX), EACCES);
	EXPECT_EQ(vm_map_protect(map, BASE, PAGE_SIZE, RWX), EACCES);
	EXPECT_EQ(insert(map, NULL, 0, PG(8), 1, RW, PROT_READ), EACCES);
	EXPECT_EQ(insert(map, NULL, 0, PG(8), 1, PROT_READ, RW), 0);
	EXPECT_EQ(vm_map_protect(map, PG(8), PAGE_SIZE, RX), EACCES);
	/* The same page at two addresses. */
	EXPECT_EQ(insert(map, ob, 0, PG(16), 4, RW | MAP_SHARE, RWX), 0);
	EXPECT_EQ(insert(map, ob, 3, PG(24), 1, RX | MAP_SHARE, RWX), EACCES);
	EXPECT_EQ(insert(map, ob, 3, PG(24), 1, PROT_READ | MAP_SHARE, RWX), 0);
	EXPECT_EQ(vm_map_protect(map, PG(24), PAGE_SIZE, RX), EACCES);
	/* All or nothing: the last page is the one that cannot. */
	EXPECT_EQ(vm_map_protect(map, PG(16), PAGE_SIZE, PROT_READ), 0);
	EXPECT_EQ(vm_map_protect(map, PG(19), PAGE_SIZE, PROT_READ), 0);
	EXPECT_EQ(vm_map_protect(map, PG(24), PAGE_SIZE, RX), 0);
	EXPECT_EQ(vm_map_protect(map, PG(16), 4 * PAGE_SIZE, RW), EACCES);
	EXPECT_EQ(region_find(map, PG(16))->r_prot, PROT_READ);
	EXPECT_EQ(region_find(map, PG(17))->r_prot, RW);
	EXPECT_EQ(vm_map_protect(map, PG(16), 3 * PAGE_SIZE, RW), 0);
	/* Nor in two address spaces. */
	child = vm_map_fork(map);
	EXPECT_EQ(vm_map_remove(map, PG(16), 4 * PAGE_SIZE), 0);
	EXPECT_EQ(vm_map_protect(map, PG(24), PAGE_SIZE, RW), EACCES);
	vm_object_release(ob);
	check_and_destroy(map);
	EXPECT_EQ(vm_map_protect(child, PG(24), PAGE_SIZE, PROT_READ), 0);
	EXPECT_EQ(vm_map_protect(child, PG(24), PAGE_SIZE, RW), 0);
	check_and_destroy(child);
}

/* --- regions --- */

TEST(unmap, "map.unmap_cuts_regions_in_two")
{
	struct vm_map *map = map_with(8, RW);
	uint32_t word;

	for (u_int i = 0; i < 8; i++)
		user_write(map, PG(i), i + 50);
	EXPECT_EQ(vm_map_remove(map, PG(2), 3 * PAGE_SIZE), 0);
	EXPECT_EQ(map->vm_nregions, 2);
	EXPECT_EQ(map->vm_pages, 5);
	for (u_int i = 0; i < 8; i++) {
		if (i >= 2 && i < 5) {
			EXPECT(page_at(map, PG(i)) == NULL);
			EXPECT_EQ(user_access(map, PG(i), false, &word),
			    EFAULT);
		} else {
			EXPECT_EQ(user_read(map, PG(i)), i + 50);
		}
	}
	EXPECT_EQ(vm_map_protect(map, BASE, 8 * PAGE_SIZE, PROT_READ), EFAULT);
	EXPECT(can_write(map, PG(0)));
	/* A second time, and over the borders. */
	EXPECT_EQ(vm_map_remove(map, PG(2), 3 * PAGE_SIZE), 0);
	EXPECT_EQ(vm_map_remove(map, BASE - PAGE_SIZE, 2 * PAGE_SIZE), 0);
	EXPECT_EQ(vm_map_remove(map, PG(7), 9 * PAGE_SIZE), 0);
	EXPECT_EQ(user_read(map, PG(1)), 51);
	EXPECT_EQ(user_read(map, PG(6)), 56);
	EXPECT_EQ(map->vm_pages, 3);
	/* What no address shows any more is given back. */
	EXPECT_EQ(map->vm_charge->vc_pages, 3);
	check_and_destroy(map);
}

TEST(fixed, "map.fixed_replaces_and_a_wish_does_not")
{
	struct vm_map *map = map_with(4, RW);
	vm_offset_t va = PG(1);

	user_write(map, PG(1), 5);
	user_write(map, PG(2), 6);
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, PAGE_SIZE, RW, RW), 0);
	EXPECT(va != PG(1) && va + PAGE_SIZE <= map->vm_hint);
	EXPECT_EQ(user_read(map, PG(1)), 5);
	va = PG(8) + 5;
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, 1, RW, RW), 0);
	EXPECT_EQ(va, PG(8));
	EXPECT_EQ(insert(map, NULL, 0, PG(1), 1, RW, RW), 0);
	EXPECT_EQ(user_read(map, PG(1)), 0);
	EXPECT_EQ(user_read(map, PG(2)), 6);
	EXPECT_EQ(map->vm_nregions, 5);
	check_and_destroy(map);
}

/*
 * A region that replaces another is on its object's list before the entries of
 * the old one are removed.  A thread that finds it there leaves these alone:
 * removed by it, they would not be flushed when the old object lets its pages
 * go.  The old object's lock, which this thread holds, keeps the insertion
 * between the two.
 */
static struct {
	struct vm_map *map;
	struct vm_object *ob;
	volatile uint32_t looked;
} replace;

static void
replace_insert(void *arg)
{
	(void)arg;
	EXPECT_EQ(insert(replace.map, replace.ob, 0, BASE, 1, RW | MAP_SHARE, RW),
	    0);
}

static void
replace_look(void *arg)
{
	bool mapped = false;

	(void)arg;
	while (!mapped) {
		sched_yield();
		mtx_lock(&replace.ob->ob_lock);
		mapped = replace.ob->ob_regions != NULL;
		if (mapped) {
			vm_object_protect_entries(replace.ob, 0, 1);
			vm_object_remove_entries(replace.ob, 0, 1);
		}
		mtx_unlock(&replace.ob->ob_lock);
	}
	atomic_store_rel_32(&replace.looked, 1);
}

TEST(replace_race, "map.what_is_replaced_keeps_its_entries_until_it_goes")
{
	struct thread *inserter, *looker;
	struct vm_object *old;
	struct vm_page *m;

	replace.map = map_with(1, RW);
	replace.ob = vm_object_create(1, NULL);
	/* Of an object without pages no entries are looked for. */
	EXPECT_EQ(vm_object_hold_pages(replace.ob, 0, 1, false, &m), 1);
	vm_page_drop(m);
	replace.looked = 0;
	user_write(replace.map, BASE, 5);
	old = replace.map->vm_regions[0]->r_object;
	mtx_lock(&old->ob_lock);
	inserter = thread_create(replace_insert, NULL, "inserter");
	KASSERT(inserter != NULL, "test: no thread");
	/* Its region is on the list when it waits for the old object. */
	while (inserter->td_wchan != &old->ob_lock)
		sched_yield();
	looker = thread_create(replace_look, NULL, "looker");
	KASSERT(looker != NULL, "test: no thread");
	while (atomic_load_acq_32(&replace.looked) == 0)
		sched_yield();
	EXPECT(can_write(replace.map, BASE));
	mtx_unlock(&old->ob_lock);
	thread_join(inserter);
	thread_join(looker);
	EXPECT_EQ(user_read(replace.map, BASE), 0);
	user_write(replace.map, BASE, 6);
	mtx_lock(&replace.ob->ob_lock);
	vm_object_remove_entries(replace.ob, 0, 1);
	mtx_unlock(&replace.ob->ob_lock);
	EXPECT(page_at(replace.map, BASE) == NULL);
	EXPECT_EQ(user_read(replace.map, BASE), 6);
	vm_object_release(replace.ob);
	check_and_destroy(replace.map);
}

/* The holes of a full address space are found, down to the last page. */
TEST(space, "map.an_address_is_found_while_there_is_one")
{
	struct vm_map *map = vm_map_create();
	vm_offset_t va = 0;

	map->vm_hint = BASE;
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, PAGE_SIZE, 0, RW), 0);
	EXPECT_EQ(va, BASE - PAGE_SIZE);
	va = 0;
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, BASE - VM_LOW - PAGE_SIZE,
	    0, RW), 0);
	EXPECT_EQ(va, VM_LOW);
	va = 0;
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, USER_END - BASE - PAGE_SIZE,
	    0, RW), 0);
	EXPECT_EQ(va, BASE + PAGE_SIZE);
	va = 0;
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, 2 * PAGE_SIZE, 0, RW),
	    ENOMEM);
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, PAGE_SIZE, 0, RW), 0);
	EXPECT_EQ(va, BASE);
	va = 0;
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, PAGE_SIZE, 0, RW), ENOMEM);
	EXPECT_EQ(vm_map_remove(map, VM_MIN, USER_END - VM_MIN), 0);
	EXPECT_EQ(map->vm_nregions, 0);
	check_and_destroy(map);
}

static const struct {
	vm_offset_t va;
	vm_size_t size;
} bad_ranges[] = {
	{ 0, PAGE_SIZE }, { BASE, 0 }, { BASE, 0xffffffff },
	{ BASE, 0xfffff000 }, { USER_END, PAGE_SIZE },
	{ USER_END - PAGE_SIZE, PAGE_SIZE + 1 }, { BASE + 1, PAGE_SIZE },
	{ 0xfffff000, PAGE_SIZE }, { 0xfffff000, 0x2000 }, { BASE, USER_END },
	{ VM_MIN, USER_END }, { BASE, 0x80000001 }, { KERNBASE, PAGE_SIZE },
};

TEST(wrap, "map.ranges_that_wrap_or_leave_user_space_are_refused")
{
	struct vm_map *map = map_with(1, RW);
	struct vm_page *pages[4];
	vm_offset_t va;

	for (u_int i = 0; i < nitems(bad_ranges); i++) {
		va = bad_ranges[i].va;
		EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, bad_ranges[i].size,
		    RW | MAP_FIXED, RW), EINVAL);
		EXPECT_EQ(vm_map_remove(map, va, bad_ranges[i].size), EINVAL);
		EXPECT_EQ(vm_map_protect(map, va, bad_ranges[i].size, 0),
		    EINVAL);
		if (bad_ranges[i].size != 0 && va != BASE + 1)
			EXPECT_EQ(vm_borrow(map, va, bad_ranges[i].size,
			    PROT_READ, pages, 4), -EFAULT);
	}
	/* A wish is no range: what is above user space is as good as its end. */
	va = 0xfffff000;
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, PAGE_SIZE, RW, RW), 0);
	EXPECT_EQ(va, USER_END - PAGE_SIZE);
	EXPECT_EQ(vm_map_remove(map, va, PAGE_SIZE), 0);
	va = 0;
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, USER_END, RW, RW), EINVAL);
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, PAGE_SIZE, 0x80, RW),
	    EINVAL);
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, PAGE_SIZE, RW, 0xf), EINVAL);
	EXPECT_EQ(vm_map_insert(map, NULL, 0, &va, PAGE_SIZE,
	    RW | MAP_SHARE | MAP_PRIVATE, RW), EINVAL);
	EXPECT_EQ(vm_map_protect(map, BASE, PAGE_SIZE, 0x8), EINVAL);
	EXPECT_EQ(map->vm_nregions, 1);
	check_and_destroy(map);
}

/* --- borrowing --- */

TEST(borrow, "borrow.pages_of_a_range_in_order_over_regions")
{
	struct vm_map *map = map_with(4, RW);
	struct vm_page *pages[8];

	EXPECT_EQ(insert(map, NULL, 0, PG(4), 2, PROT_READ, RW), 0);
	EXPECT_EQ(vm_borrow(map, PG(3) + 4095, 2, PROT_READ, pages, 8), 2);
	EXPECT(page_at(map, PG(3)) == NULL);
	(void)user_read(map, PG(3));
	(void)user_read(map, PG(4));
	EXPECT(page_at(map, PG(3)) == pages[0]);
	EXPECT(page_at(map, PG(4)) == pages[1]);
	vm_return(pages, 2, PROT_READ);
	/* Up to the first that cannot be had, or that there is no room for. */
	EXPECT_EQ(vm_borrow(map, PG(2) + 1, 4 * PAGE_SIZE, PROT_WRITE, pages,
	    8), 2);
	vm_return(pages, 2, PROT_WRITE);
	EXPECT_EQ(vm_borrow(map, PG(0), 6 * PAGE_SIZE, PROT_READ, pages, 3), 3);
	vm_return(pages, 3, PROT_READ);
	EXPECT_EQ(vm_borrow(map, PG(4), 1, PROT_WRITE, pages, 8), -EACCES);
	EXPECT_EQ(vm_borrow(map, PG(6), 1, PROT_READ, pages, 8), -EFAULT);
	EXPECT_EQ(vm_borrow(map, PG(5), 2 * PAGE_SIZE, PROT_READ, pages, 8), 1);
	vm_return(pages, 1, PROT_READ);
	EXPECT_EQ(vm_borrow(map, PG(6), 0, PROT_READ, pages, 8), 0);
	check_and_destroy(map);
}

TEST(borrow_unmap, "borrow.a_page_outlives_its_unmapping_and_its_task")
{
	struct vm_map *map = map_with(2, RW);
	struct vm_page *pages[2];

	EXPECT_EQ(vm_borrow(map, BASE, 2 * PAGE_SIZE, PROT_WRITE, pages, 2), 2);
	EXPECT_EQ(vm_map_remove(map, BASE, PAGE_SIZE), 0);
	EXPECT_EQ(vm_page_owners(pages[0]), 0);
	page_store(pages[0], 1);
	check_and_destroy(map);
	page_store(pages[1], 2);
	EXPECT_EQ(page_word(pages[0]), 1);
	vm_return(pages, 2, PROT_WRITE);
}

/* What the kernel writes arrives at the parent, whatever fork does. */
TEST(borrow_fork, "borrow.fork_copies_a_page_that_is_borrowed_for_writing")
{
	struct vm_map *a = map_with(2, RW), *b;
	struct vm_page *m[1];

	user_write(a, PG(0), 1);
	EXPECT_EQ(vm_borrow(a, BASE, 1, PROT_WRITE, m, 1), 1);
	b = vm_map_fork(a);
	EXPECT_EQ(vm_page_owners(m[0]), 1);
	EXPECT_EQ(user_read(b, PG(0)), 1);
	page_store(m[0], 2);
	/* A write of the parent does not move it away from the page. */
	EXPECT_EQ(vm_fault(a, PG(0), PROT_WRITE), 0);
	EXPECT(page_at(a, PG(0)) == m[0] && can_write(a, PG(0)));
	vm_return(m, 1, PROT_WRITE);
	EXPECT_EQ(user_read(a, PG(0)), 2);
	EXPECT_EQ(user_read(b, PG(0)), 1);
	check_and_destroy(b);
	check_and_destroy(a);
}

/* The borrower gets a copy of what is shared, as a write of the task would. */
TEST(borrow_shared, "borrow.for_writing_copies_what_is_shared_first")
{
	struct vm_map *a = map_with(1, RW), *b;
	struct vm_page *m[1];

	user_write(a, PG(0), 1);
	b = vm_map_fork(a);
	EXPECT_EQ(user_read(a, PG(0)), 1);
	EXPECT_EQ(vm_borrow(a, BASE, 1, PROT_WRITE, m, 1), 1);
	EXPECT_EQ(vm_page_owners(m[0]), 1);
	/* The entry of the old page is gone. */
	EXPECT(page_at(a, PG(0)) == NULL);
	page_store(m[0], 2);
	EXPECT_EQ(user_read(a, PG(0)), 2);
	EXPECT_EQ(user_read(b, PG(0)), 1);
	vm_return(m, 1, PROT_WRITE);
	check_and_destroy(a);
	check_and_destroy(b);
}

/*
 * A child's page is held by a reader, as a message that waits in a channel; the
 * child unmaps it; the parent, its only owner then, writes.
 */
TEST(foreign_reader, "borrow.a_reader_never_sees_what_another_task_writes")
{
	struct vm_map *a = map_with(1, RW), *b;
	struct vm_page *m[1], *other[1];

	user_write(a, PG(0), 1);
	b = vm_map_fork(a);
	EXPECT_EQ(vm_borrow(b, BASE, 1, PROT_READ, m, 1), 1);
	check_and_destroy(b);
	EXPECT_EQ(vm_page_owners(m[0]), 1);
	EXPECT_EQ(user_read(a, PG(0)), 1);
	EXPECT(!can_write(a, PG(0)));
	user_write(a, PG(0), 2);
	EXPECT_EQ(page_word(m[0]), 1);
	vm_return(m, 1, PROT_READ);
	/* And if the kernel writes for the parent. */
	b = vm_map_fork(a);
	EXPECT_EQ(vm_borrow(b, BASE, 1, PROT_READ, m, 1), 1);
	check_and_destroy(b);
	EXPECT_EQ(vm_borrow(a, BASE, 1, PROT_WRITE, other, 1), 1);
	EXPECT(other[0] != m[0]);
	vm_return(other, 1, PROT_WRITE);
	vm_return(m, 1, PROT_READ);
	check_and_destroy(a);
}

/*
 * One thread writes for the task, as read(2) does; another forks.  Each value
 * that was written must be in the parent, and no child's page may change.
 */
static struct {
	struct vm_map *map;
	volatile uint32_t stop, writes;
	uint32_t seed;
	u_int lost;
} race;

static void
race_writer(void *arg)
{
	uint32_t rng = race.seed;
	struct vm_page *m[1];
	uint32_t value, word;

	(void)arg;
	for (value = 1; !atomic_load_acq_32(&race.stop); value++) {
		if (vm_borrow(race.map, BASE, 1, PROT_WRITE, m, 1) != 1) {
			race.lost++;
			break;
		}
		for (u_int n = test_random(&rng) % 200; n > 0; n--)
			__asm__ volatile("pause");
		page_store(m[0], value);
		vm_return(m, 1, PROT_WRITE);
		if (test_random(&rng) % 4 == 0 &&
		    vm_fault(race.map, BASE, PROT_WRITE) != 0)
			race.lost++;
		if (user_access(race.map, BASE, false, &word) != 0 ||
		    word != value)
			race.lost++;
		atomic_store_rel_32(&race.writes, value);
	}
}

static void
race_fork(uint32_t *rng)
{
	struct vm_map *child = vm_map_fork(race.map);
	uint32_t first = user_read(child, BASE), was;

	/* Until the writer has gone on, but for a bounded time. */
	was = atomic_load_acq_32(&race.writes);
	for (u_int n = test_random(rng) % 2000; n > 0 &&
	    atomic_load_acq_32(&race.writes) - was < 2; n--)
		__asm__ volatile("pause");
	EXPECT_EQ(user_read(child, BASE), first);
	vm_map_destroy(child);
}

TEST(race_borrow, "borrow.for_writing_races_with_fork")
{
	uint32_t rng = test_seed();
	struct thread *td;

	race.map = map_with(1, RW);
	race.stop = race.writes = 0;
	race.lost = 0;
	race.seed = test_random(&rng);
	td = thread_create(race_writer, NULL, "writer");
	EXPECT(td != NULL);
	for (u_int i = 0; i < 100; i++)
		race_fork(&rng);
	atomic_store_rel_32(&race.stop, 1);
	thread_join(td);
	EXPECT_EQ(race.lost, 0);
	EXPECT(race.writes > 0);
	check_and_destroy(race.map);
}

/* --- sealing --- */

TEST(send, "object.what_is_sent_does_not_change")
{
	struct vm_map *map = map_with(1, RW);
	struct vm_object *ob = vm_object_create(2, map->vm_charge);
	struct vm_page *m, *was;

	EXPECT_EQ(insert(map, ob, 0, PG(8), 2, RW | MAP_SHARE, RW), 0);
	EXPECT_EQ(insert(map, ob, 0, PG(16), 2, RW | MAP_SHARE, RW), 0);
	user_write(map, PG(8), 1);
	user_write(map, PG(16), 2);
	was = page_at(map, PG(8));
	EXPECT_EQ(vm_object_send_pages(ob, 0, 1, &m), 1);
	EXPECT(m == was && vm_page_is_sealed(m));
	EXPECT(!can_write(map, PG(8)) && !can_write(map, PG(16)));
	EXPECT_EQ(vm_map_audit(map), 0);
	/* A write makes a copy, which both addresses show. */
	user_write(map, PG(8), 3);
	EXPECT_EQ(user_read(map, PG(16)), 3);
	EXPECT_EQ(page_word(m), 2);
	vm_page_drop(m);
	/* A page that is not there yet is sent as zeros. */
	EXPECT_EQ(vm_object_send_pages(ob, 1, 1, &m), 1);
	EXPECT(vm_page_is_sealed(m));
	EXPECT_EQ(page_word(m), 0);
	vm_page_drop(m);
	EXPECT_EQ(vm_object_send_pages(ob, 2, 1, &m), -EFAULT);
	vm_object_release(ob);
	check_and_destroy(map);
}

TEST(send_writer, "object.a_page_with_writers_is_sent_as_a_copy")
{
	struct vm_object *ob = vm_object_create(1, NULL);
	struct vm_page *m, *w, *r;

	EXPECT_EQ(vm_object_hold_pages(ob, 0, 1, true, &w), 1);
	page_store(w, 1);
	EXPECT_EQ(vm_object_send_pages(ob, 0, 1, &m), 1);
	EXPECT(m != w && vm_page_is_sealed(m) && !vm_page_is_sealed(w));
	page_store(w, 2);
	EXPECT_EQ(page_word(m), 1);
	vm_return(&w, 1, PROT_WRITE);
	vm_page_drop(m);
	/* What the kernel wrote is the object's, and is sent then. */
	EXPECT_EQ(vm_object_hold_pages(ob, 0, 1, false, &r), 1);
	EXPECT(r == w);
	EXPECT_EQ(page_word(r), 2);
	/* A reader may have it mapped: a copy takes its place. */
	EXPECT_EQ(vm_object_send_pages(ob, 0, 1, &m), 1);
	EXPECT(m != r && !vm_page_is_sealed(r));
	EXPECT_EQ(page_word(m), 2);
	vm_page_drop(r);
	EXPECT_EQ(vm_object_send_pages(ob, 0, 1, &r), 1);
	EXPECT(m == r);
	vm_page_drop(r);
	vm_page_drop(m);
	vm_object_release(ob);
}

TEST(send_shared, "object.a_page_that_fork_shares_is_sent_as_a_copy")
{
	struct vm_map *a = map_with(1, RW), *b;
	struct vm_page *m;

	user_write(a, PG(0), 1);
	b = vm_map_fork(a);
	EXPECT_EQ(user_read(b, PG(0)), 1);
	EXPECT_EQ(vm_object_send_pages(a->vm_regions[0]->r_object, 0, 1, &m), 1);
	EXPECT(vm_page_is_sealed(m) && m != page_at(b, PG(0)));
	user_write(b, PG(0), 2);
	user_write(a, PG(0), 3);
	EXPECT_EQ(page_word(m), 1);
	vm_page_drop(m);
	check_and_destroy(a);
	check_and_destroy(b);
}

/* --- uio --- */

static uint8_t pattern[3 * PAGE_SIZE], result[3 * PAGE_SIZE];

static void
fill_pattern(uint32_t seed)
{
	for (u_int i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)test_random(&seed);
	memset(result, 0, sizeof(result));
}

static struct uio
uio_of(struct vm_map *map, vm_offset_t base, vm_size_t resid, enum uio_rw rw)
{
	return ((struct uio){ map, base, resid, rw });
}

TEST(uio, "uio.bytes_arrive_whole_at_any_offset")
{
	struct vm_map *map = map_with(40, RW);
	uint32_t rng = test_seed();
	vm_size_t n, off;
	struct uio uio;

	fill_pattern(rng);
	for (u_int i = 0; i < 100; i++) {
		off = test_random(&rng) % (37 * PAGE_SIZE);
		n = test_random(&rng) % (sizeof(pattern) + 1);
		uio = uio_of(map, BASE + off, n, UIO_READ);
		EXPECT_EQ(uiomove(pattern, n, &uio), 0);
		EXPECT_EQ(uio.uio_resid, 0);
		EXPECT_EQ(uio.uio_base, BASE + off + n);
		uio = uio_of(map, BASE + off, n, UIO_WRITE);
		EXPECT_EQ(uiomove(result, sizeof(result), &uio), 0);
		EXPECT_EQ(memcmp(pattern, result, n), 0);
	}
	/* Kernel memory. */
	uio = uio_of(NULL, (vm_offset_t)result, 10, UIO_READ);
	EXPECT_EQ(uiomove(pattern + 5, 20, &uio), 0);
	EXPECT_EQ(memcmp(pattern + 5, result, 10), 0);
	EXPECT_EQ(uio.uio_resid, 0);
	check_and_destroy(map);
}

TEST(uio_fault, "uio.what_was_moved_before_an_error_counts")
{
	struct vm_map *map = map_with(2, RW);
	struct uio uio = uio_of(map, PG(1) + 100, sizeof(pattern), UIO_READ);

	fill_pattern(1);
	EXPECT_EQ(uiomove(pattern, sizeof(pattern), &uio), EFAULT);
	EXPECT_EQ(uio.uio_base, PG(2));
	EXPECT_EQ(uio.uio_resid, sizeof(pattern) - (PAGE_SIZE - 100));
	uio = uio_of(map, PG(1) + 100, PAGE_SIZE - 100, UIO_WRITE);
	EXPECT_EQ(uiomove(result, PAGE_SIZE, &uio), 0);
	EXPECT_EQ(memcmp(pattern, result, PAGE_SIZE - 100), 0);
	EXPECT_EQ(vm_map_protect(map, BASE, PAGE_SIZE, PROT_READ), 0);
	uio = uio_of(map, BASE, 4, UIO_READ);
	EXPECT_EQ(uiomove(pattern, 4, &uio), EACCES);
	uio = uio_of(map, 0xfffffffc, 8, UIO_READ);
	EXPECT_EQ(uiomove(pattern, 8, &uio), EFAULT);
	uio = uio_of(map, USER_END - 4, 8, UIO_WRITE);
	EXPECT_EQ(uiomove(result, 8, &uio), EFAULT);
	check_and_destroy(map);
}

TEST(object_io, "uio.objects_are_read_and_written_up_to_their_size")
{
	struct vm_map *map = map_with(3, RW);
	struct vm_object *ob = vm_object_create(3, map->vm_charge);
	struct uio uio = uio_of(map, PG(0) + 3, sizeof(pattern) - 3, UIO_READ);

	fill_pattern(test_seed());
	EXPECT_EQ(uiomove(pattern, sizeof(pattern), &uio), 0);
	uio = uio_of(map, PG(0) + 3, sizeof(pattern) - 3, UIO_WRITE);
	EXPECT_EQ(vm_object_io(ob, 1000, &uio), 0);
	EXPECT_EQ(uio.uio_resid, 1000 - 3);
	uio = uio_of(NULL, (vm_offset_t)result, sizeof(result), UIO_READ);
	EXPECT_EQ(vm_object_io(ob, 1000, &uio), 0);
	EXPECT_EQ(uio.uio_resid, 1000);
	EXPECT_EQ(memcmp(pattern, result, sizeof(result) - 1000), 0);
	memset(result, 0, sizeof(result));
	uio = uio_of(map, PG(0), PAGE_SIZE, UIO_READ);
	EXPECT_EQ(vm_object_io(ob, 1500, &uio), 0);
	uio = uio_of(map, PG(0), PAGE_SIZE, UIO_WRITE);
	EXPECT_EQ(uiomove(result, PAGE_SIZE, &uio), 0);
	EXPECT_EQ(memcmp(pattern + 500, result, PAGE_SIZE), 0);
	uio = uio_of(map, PG(0), PAGE_SIZE, UIO_READ);
	EXPECT_EQ(vm_object_io(ob, 1ull << 40, &uio), 0);
	EXPECT_EQ(uio.uio_resid, PAGE_SIZE);
	vm_object_release(ob);
	ob = file_of(1);
	uio = uio_of(map, PG(0), 4, UIO_WRITE);
	EXPECT_EQ(vm_object_io(ob, 0, &uio), EACCES);
	vm_object_release(ob);
	check_and_destroy(map);
}

/* --- limits --- */

TEST(charge, "map.a_task_has_no_more_pages_than_it_may")
{
	struct vm_map *a = map_with(8, RW), *b;
	struct vm_page *pages[8];
	uint32_t word = 1;

	a->vm_charge->vc_max = 5;
	for (u_int i = 0; i < 4; i++)
		user_write(a, PG(i), i);
	EXPECT_EQ(vm_borrow(a, PG(3), 4 * PAGE_SIZE, PROT_WRITE, pages, 8), 2);
	vm_return(pages, 2, PROT_WRITE);
	EXPECT_EQ(user_access(a, PG(5), true, &word), ENOMEM);
	EXPECT_EQ(vm_borrow(a, PG(5), 1, PROT_READ, pages, 8), -ENOMEM);
	EXPECT_EQ(a->vm_charge->vc_pages, 5);
	/* A child has a limit of its own, and a copy is charged beforehand. */
	b = vm_map_fork(a);
	EXPECT_EQ(b->vm_charge->vc_pages, 5);
	user_write(b, PG(0), 2);
	EXPECT_EQ(b->vm_charge->vc_pages, 5);
	EXPECT_EQ(user_access(b, PG(6), true, &word), ENOMEM);
	EXPECT_EQ(vm_map_remove(a, PG(0), 2 * PAGE_SIZE), 0);
	check_and_destroy(b);
	b = NULL;
	a->vm_charge->vc_max = 2;
	EXPECT(vm_map_fork(a) == NULL);
	EXPECT_EQ(vm_map_audit(a), 0);
	/* A region without pages, of an object that has some elsewhere. */
	a->vm_charge->vc_max = 8;
	EXPECT_EQ(vm_map_protect(a, PG(6), PAGE_SIZE, PROT_READ), 0);
	b = vm_map_fork(a);
	EXPECT_EQ(b->vm_charge->vc_pages, 3);
	check_and_destroy(b);
	EXPECT_EQ(user_read(a, PG(3)), 3);
	check_and_destroy(a);
}

/* --- threads --- */

#define	WORKERS		8u
#define	SLOTS_MAX	256u

static struct {
	struct vm_map *map;
	struct vm_object *ob;
	volatile uint32_t stop, bad;
	uint32_t seed;
} work;

static void
run_workers(void (*fn)(void *), void (*meanwhile)(void))
{
	static u_int number[WORKERS];
	struct thread *td[WORKERS];

	work.stop = work.bad = 0;
	work.seed = test_seed();
	for (u_int i = 0; i < WORKERS; i++) {
		number[i] = i;
		td[i] = thread_create(fn, &number[i], "worker");
		EXPECT(td[i] != NULL);
	}
	meanwhile();
	atomic_store_rel_32(&work.stop, 1);
	for (u_int i = 0; i < WORKERS; i++)
		if (td[i] != NULL)
			thread_join(td[i]);
	EXPECT_EQ(work.bad, 0);
}

static void
nothing(void)
{
}

/* From page to page, which takes two sf_bufs, of which there may be four. */
static void
move_pages_often(void *arg)
{
	u_int me = *(u_int *)arg;
	struct uio uio;

	for (u_int i = 0; i < 200; i++) {
		uio = uio_of(work.map, PG(2 * me) + 8 * i, 100, UIO_READ);
		if (vm_object_io(work.ob, me * PAGE_SIZE + 4 * i, &uio) != 0 ||
		    uio.uio_resid != 0)
			atomic_fetchadd_32(&work.bad, 1);
		uio = uio_of(work.map, PG(2 * me) + 8 * i, 100, UIO_WRITE);
		if (vm_object_io(work.ob, me * PAGE_SIZE + 4 * i, &uio) != 0 ||
		    uio.uio_resid != 0)
			atomic_fetchadd_32(&work.bad, 1);
	}
}

/* Takes all slots but two, if they are few; returns how many it took. */
static u_int
take_slots(struct sf_buf *sf[])
{
	u_int n = 0;

	while (nsfbufs <= SLOTS_MAX && n < nsfbufs - 2) {
		sf[n] = sf_buf_alloc(vm_page_alloc_held(), 0);
		n++;
	}
	return (n);
}

TEST(pairs, "uio.threads_that_need_two_mappings_do_not_block_each_other")
{
	struct sf_buf *sf[SLOTS_MAX];
	u_int n = take_slots(sf);
	struct vm_page *m;

	work.map = map_with(2 * WORKERS, RW);
	work.ob = vm_object_create(WORKERS, NULL);
	run_workers(move_pages_often, nothing);
	while (n-- > 0) {
		m = sf_buf_page(sf[n]);
		sf_buf_free(sf[n]);
		vm_page_drop(m);
	}
	vm_object_release(work.ob);
	check_and_destroy(work.map);
}

/*
 * Each thread counts up in its own two pages of one region, by all ways there
 * are, while rights, pages and the region's borders change.
 */
static void
count_up(void *arg)
{
	vm_offset_t va = PG(2 * *(u_int *)arg);
	uint32_t rng = work.seed + *(u_int *)arg, word, seen;
	struct uio uio;
	int error;

	for (word = 1; !atomic_load_acq_32(&work.stop); word++) {
		if (test_random(&rng) % 2 == 0) {
			error = user_access(work.map, va, true, &word);
		} else {
			uio = uio_of(work.map, va, 4, UIO_READ);
			error = uiomove(&word, 4, &uio);
		}
		if (error == 0 && test_random(&rng) % 8 == 0)
			error = vm_map_protect(work.map, va, PAGE_SIZE,
			    PROT_READ);
		if (error == 0)
			error = user_access(work.map, va, false, &seen);
		if (error != 0 || seen != word)
			atomic_fetchadd_32(&work.bad, 1);
		error = vm_map_protect(work.map, va, PAGE_SIZE, RW);
		if (error == 0 && test_random(&rng) % 8 == 0) {
			va ^= PAGE_SIZE;
			error = vm_map_insert(work.map, NULL, 0, &va, PAGE_SIZE,
			    RW | MAP_FIXED, RW);
		}
		if (error != 0)
			atomic_fetchadd_32(&work.bad, 1);
	}
}

/* No page of a child changes; each is the parent's of one moment. */
static void
fork_and_send(void)
{
	uint32_t was[2 * WORKERS];
	struct vm_region *r;
	struct vm_page *m;
	struct vm_map *child;

	for (u_int n = 0; n < 6; n++) {
		child = vm_map_fork(work.map);
		for (u_int i = 0; i < 2 * WORKERS; i++)
			was[i] = user_read(child, PG(i));
		r = region_find(child, PG(n));
		EXPECT_EQ(vm_object_send_pages(r->r_object, 0, 1, &m), 1);
		vm_page_drop(m);
		for (u_int i = 0; i < 2 * WORKERS; i++)
			EXPECT_EQ(user_read(child, PG(i)), was[i]);
		EXPECT_EQ(vm_map_audit(work.map), 0);
		check_and_destroy(child);
	}
}

TEST(threads, "map.threads_and_children_keep_what_they_wrote")
{
	work.map = map_with(2 * WORKERS, RW);
	run_workers(count_up, fork_and_send);
	check_and_destroy(work.map);
}

/* --- all of it at random --- */

#define	NMAPS		4u
#define	NPAGES		24u

/* What each page of each map must be. */
static struct {
	struct vm_map *map;
	struct {
		bool mapped, share;
		uint8_t prot;
		uint32_t value;		/* of a page that is not shared */
	} page[NPAGES];
} world[NMAPS];

static uint32_t shared_value[NPAGES];

static uint32_t *
value_of(u_int i, u_int p)
{
	return (world[i].page[p].share ? &shared_value[p] :
	    &world[i].page[p].value);
}

static void
do_write(u_int i, u_int p, uint32_t word)
{
	int error = user_access(world[i].map, PG(p), true, &word);

	if (!world[i].page[p].mapped)
		EXPECT_EQ(error, EFAULT);
	else if ((world[i].page[p].prot & PROT_WRITE) == 0)
		EXPECT_EQ(error, EACCES);
	else {
		EXPECT_EQ(error, 0);
		*value_of(i, p) = word;
	}
}

static void
do_read(u_int i, u_int p)
{
	uint32_t word = 0;
	int error = user_access(world[i].map, PG(p), false, &word);

	if (!world[i].page[p].mapped)
		EXPECT_EQ(error, EFAULT);
	else if (world[i].page[p].prot == 0)
		EXPECT_EQ(error, EACCES);
	else {
		EXPECT_EQ(error, 0);
		EXPECT_EQ(word, *value_of(i, p));
	}
}

/* By the kernel, for the task. */
static void
do_move(u_int i, u_int p, uint32_t word)
{
	struct uio uio = uio_of(world[i].map, PG(p), sizeof(word), UIO_READ);
	int error = uiomove(&word, sizeof(word), &uio);

	if (!world[i].page[p].mapped)
		EXPECT_EQ(error, EFAULT);
	else if ((world[i].page[p].prot & PROT_WRITE) == 0)
		EXPECT_EQ(error, EACCES);
	else {
		EXPECT_EQ(error, 0);
		*value_of(i, p) = word;
	}
}

static void
do_map(u_int i, u_int p, u_int n, u_int prot, struct vm_object *ob)
{
	EXPECT_EQ(insert(world[i].map, ob, p, PG(p), n,
	    prot | (ob != NULL ? MAP_SHARE : 0), RW), 0);
	for (; n-- > 0; p++) {
		world[i].page[p].mapped = true;
		world[i].page[p].share = ob != NULL;
		world[i].page[p].prot = prot;
		world[i].page[p].value = 0;
	}
}

static void
do_unmap(u_int i, u_int p, u_int n)
{
	EXPECT_EQ(vm_map_remove(world[i].map, PG(p), n * PAGE_SIZE), 0);
	for (; n-- > 0; p++)
		world[i].page[p].mapped = false;
}

static void
do_protect(u_int i, u_int p, u_int n, u_int prot)
{
	bool all = true;

	for (u_int j = p; j < p + n; j++)
		all &= world[i].page[j].mapped;
	EXPECT_EQ(vm_map_protect(world[i].map, PG(p), n * PAGE_SIZE, prot),
	    all ? 0 : EFAULT);
	for (; all && n-- > 0; p++)
		world[i].page[p].prot = prot;
}

/* A page of a private region goes into a message. */
static void
do_send(u_int i, u_int p)
{
	struct vm_region *r = region_find(world[i].map, PG(p));
	struct vm_page *m;

	if (r == NULL)
		return;
	EXPECT_EQ(vm_object_send_pages(r->r_object, region_index(r, PG(p)), 1,
	    &m), 1);
	EXPECT(vm_page_is_sealed(m));
	EXPECT_EQ(page_word(m), *value_of(i, p));
	vm_page_drop(m);
}

static void
do_fork(u_int i, u_int to)
{
	if (i == to)
		return;
	vm_map_destroy(world[to].map);
	world[to] = world[i];
	world[to].map = vm_map_fork(world[i].map);
	EXPECT(world[to].map != NULL);
}

static void
random_step(uint32_t *rng, struct vm_object *ob)
{
	u_int i = test_random(rng) % NMAPS, p = test_random(rng) % NPAGES;
	u_int n = 1 + test_random(rng) % (NPAGES - p), w = test_random(rng);
	static const u_int prots[] = { 0, PROT_READ, RW, RW };

	switch (test_random(rng) % 16) {
	case 0:
		do_map(i, p, n, prots[w % 4], NULL);
		break;
	case 1:
		do_map(i, p, n, prots[w % 4], ob);
		break;
	case 2:
		do_unmap(i, p, 1 + w % n);
		break;
	case 3:
		do_protect(i, p, n, prots[w % 4]);
		break;
	case 4:
		do_fork(i, w % NMAPS);
		break;
	case 5:
		do_send(i, p);
		break;
	case 6:
	case 7:
		do_move(i, p, w);
		break;
	case 8 ... 11:
		do_write(i, p, w);
		break;
	default:
		do_read(i, p);
	}
}

TEST(model, "map.random_calls_match_a_model")
{
	struct vm_object *ob = vm_object_create(NPAGES, NULL);
	uint32_t rng = test_seed();

	memset(world, 0, sizeof(world));
	memset(shared_value, 0, sizeof(shared_value));
	for (u_int i = 0; i < NMAPS; i++)
		world[i].map = vm_map_create();
	for (u_int step = 0; step < 3000; step++) {
		random_step(&rng, ob);
		if (step % 200 != 0)
			continue;
		for (u_int i = 0; i < NMAPS; i++) {
			EXPECT_EQ(vm_map_audit(world[i].map), 0);
			for (u_int p = 0; p < NPAGES; p++)
				do_read(i, p);
		}
	}
	for (u_int i = 0; i < NMAPS; i++)
		check_and_destroy(world[i].map);
	vm_object_release(ob);
}

/* --- out of memory --- */

/* Takes all pages of one kind, as a chain. */
static struct vm_page *
take_pages(int req)
{
	struct vm_page *m, *chain = NULL;

	while ((m = vm_page_alloc(req)) != NULL) {
		m->next = chain == NULL ? VM_PAGE_NONE : vm_page_index(chain);
		chain = m;
	}
	return (chain);
}

/* Frees one; returns the rest. */
static struct vm_page *
give_page(struct vm_page *m)
{
	uint32_t next = m->next;

	vm_page_free(m);
	return (next == VM_PAGE_NONE ? NULL : &vm_page_array[next]);
}

/* Everything is tried; errors must leave all as it was. */
static void
try_all(struct vm_map *a)
{
	struct vm_map *b = vm_map_fork(a);
	struct vm_page *pages[4];
	struct vm_object *ob;
	vm_offset_t va = 0;
	uint32_t word = 9;
	int error;

	if (b != NULL) {
		error = user_access(b, PG(0), true, &word);
		EXPECT(error == 0 || error == ENOMEM);
		error = user_access(b, PG(5), false, &word);
		EXPECT(error == 0 || error == ENOMEM);
		check_and_destroy(b);
	}
	error = vm_map_insert(a, NULL, 0, &va, 1u << 30, RW, RW);
	EXPECT(error == 0 || error == ENOMEM);
	if (error == 0)
		EXPECT_EQ(vm_map_remove(a, va, 1u << 30), 0);
	error = vm_map_protect(a, PG(100), PAGE_SIZE, PROT_READ);
	EXPECT(error == 0 || error == ENOMEM);
	error = vm_borrow(a, PG(4), 4 * PAGE_SIZE, PROT_WRITE, pages, 4);
	EXPECT(error > 0 || error == -ENOMEM);
	if (error > 0)
		vm_return(pages, (u_int)error, PROT_WRITE);
	/* New memory in place of the old, or the old. */
	error = insert(a, NULL, 0, PG(4), 4, RW, RW);
	EXPECT(error == 0 || error == ENOMEM);
	EXPECT(region_find(a, PG(4)) != NULL);
	ob = vm_object_create(1, NULL);
	if (ob != NULL) {
		error = vm_object_send_pages(ob, 0, 1, pages);
		EXPECT(error == 1 || error == -ENOMEM);
		if (error == 1)
			vm_page_drop(pages[0]);
		vm_object_release(ob);
	}
	EXPECT_EQ(user_read(a, PG(1)), 2);
	EXPECT_EQ(vm_map_audit(a), 0);
}

/* With no page of a kind, then with one, and so on. */
static void
try_without(struct vm_map *a, int req, u_int most)
{
	struct vm_page *taken = take_pages(req);

	/* What CPUs keep for themselves has been taken, too. */
	EXPECT(req != 0 || !vm_held_reclaim());
	for (u_int n = 0; n < most && taken != NULL; n++) {
		try_all(a);
		taken = give_page(taken);
	}
	while (taken != NULL)
		taken = give_page(taken);
}

TEST(no_memory, "map.out_of_memory_is_an_error_that_leaves_all_as_it_was")
{
	struct vm_map *a;
	uint32_t total = 0;

	for (int z = 0; z < VM_NZONES; z++)
		total += vm_page_zone_free((enum vm_zone)z);
	if (total > (1u << 27) / PAGE_SIZE) {
		test_skip("too many pages to take them all");
		return;
	}
	a = map_with(200, RW);
	for (u_int i = 0; i < 4; i++)
		user_write(a, PG(i), i + 1);
	EXPECT_EQ(vm_map_remove(a, PG(4), 4 * PAGE_SIZE), 0);
	EXPECT_EQ(insert(a, NULL, 0, PG(4), 4, RW, RW), 0);
	try_without(a, 0, 8);
	/* Tables and slabs alone. */
	try_without(a, VM_ALLOC_DIRECT, 8);
	check_and_destroy(a);
}
