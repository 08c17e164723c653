/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What the operations on a task's memory cost, without the way in and out of
 * ring 3: for each a mean of many, in instructions under -icount, else in
 * cycles.  4 KiB of bytes that are moved or zeroed count about 1,025.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/sched.h>
#include <sys/systm.h>
#include <sys/uio.h>
#include <machine/cpufunc.h>
#include <machine/tsc.h>
#include <tests/bench/bench.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>
#include <vm/vm_state.h>

#define	BASE	0x10000000u
#define	PAGES	1024u
#define	RW	(PROT_READ | PROT_WRITE)

static uint64_t begun;

static void
begin(void)
{
	sched_pin();
	begun = cpu_ticks();
}

static void
end(const char *what, u_int n)
{
	uint64_t t = (cpu_ticks() - begun) >> bench_tsc_shift;

	sched_unpin();
	printf("bench: map.%-16s %6u\n", what, (u_int)(t / n));
}

static void
must(int error, int expected)
{
	KASSERT(error == expected, "bench: error %d", error);
}

static struct vm_map *
new_map(void)
{
	struct vm_map *map = vm_map_create();
	vm_offset_t va = BASE;

	KASSERT(map != NULL, "bench: no memory");
	must(vm_map_insert(map, NULL, 0, &va, PAGES * PAGE_SIZE,
	    RW | MAP_FIXED, RW), 0);
	return (map);
}

static void
fault_all(const char *what, struct vm_map *map, u_int prot)
{
	begin();
	for (u_int i = 0; i < PAGES; i++)
		must(vm_fault(map, BASE + i * PAGE_SIZE, prot), 0);
	end(what, PAGES);
}

static void
borrow_all(const char *what, struct vm_map *map, u_int prot, u_int n)
{
	struct vm_page *pages[16];

	begin();
	for (u_int i = 0; i < PAGES; i += n) {
		must(vm_borrow(map, BASE + i * PAGE_SIZE, n * PAGE_SIZE, prot,
		    pages, n), (int)n);
		vm_return(pages, n, prot);
	}
	end(what, PAGES);
}

static void
move_all(struct vm_map *map)
{
	static uint8_t buf[PAGE_SIZE];
	struct vm_page *m;
	struct uio uio = { map, BASE, PAGES * PAGE_SIZE, UIO_READ };

	begin();
	for (u_int i = 0; i < PAGES; i++)
		must(uiomove(buf, 8, &uio), 0);
	end("uiomove-8-bytes", PAGES);
	uio = (struct uio){ map, BASE, PAGES * PAGE_SIZE, UIO_READ };
	begin();
	for (u_int i = 0; i < PAGES; i++)
		must(uiomove(buf, PAGE_SIZE, &uio), 0);
	end("uiomove-page", PAGES);
	uio = (struct uio){ map, BASE, PAGES * PAGE_SIZE, UIO_READ };
	must(vm_borrow(map, BASE, 1, PROT_READ, &m, 1), 1);
	begin();
	for (u_int i = 1; i < PAGES; i++)
		must(uiomove_page(m, 0, PAGE_SIZE, &uio), 0);
	end("page-to-page", PAGES - 1);
	vm_return(&m, 1, PROT_READ);
}

BENCH(map, "map")
{
	struct vm_map *map = new_map(), *child;

	fault_all("first-touch", map, PROT_WRITE);
	fault_all("fault-again", map, PROT_WRITE);
	borrow_all("borrow-read-1", map, PROT_READ, 1);
	borrow_all("borrow-read-16", map, PROT_READ, 16);
	borrow_all("borrow-write-1", map, PROT_WRITE, 1);
	borrow_all("borrow-write-16", map, PROT_WRITE, 16);
	move_all(map);
	begin();
	child = vm_map_fork(map);
	end("fork-page", PAGES);
	KASSERT(child != NULL, "bench: no memory");
	fault_all("read-shared", child, PROT_READ);
	fault_all("write-shared", map, PROT_WRITE);
	begin();
	vm_map_destroy(child);
	end("destroy-page", PAGES);
	begin();
	must(vm_map_remove(map, BASE, PAGES * PAGE_SIZE), 0);
	end("unmap-page", PAGES);
	begin();
	for (u_int i = 0; i < 64; i++)
		vm_map_destroy(vm_map_fork(map));
	end("fork-empty", 64);
	vm_map_destroy(map);
}
