/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Tests vm/ram.c on the host, over boot/physmem.c.  The kernel's image is where
 * the symbols below say; no memory is accessed.  Output is TAP.
 */

#include <setjmp.h>
#include <stdlib.h>

#include "boot/physmem.c"
#include "vm/ram.c"

#define	MB		(1ull << 20)
#define	GB		(1ull << 30)
#define	IMAGE_END	0x2ff000u

/* kern_end is linked KERNBASE above. */
__asm__(".globl kern_start_pa, kern_end\n"
    "kern_start_pa = 0x100000\n"
    "kern_end = 0x802ff000");

static struct bootinfo bi;
static struct physmem given;
static jmp_buf panic_env;
static bool panic_armed;
static char panic_msg[512];
static int ncases, nfailed;

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(panic_msg, sizeof(panic_msg), fmt, ap);
	va_end(ap);
	if (!panic_armed) {
		printf("Bail out! panic: %s\n", panic_msg);
		exit(1);
	}
	panic_armed = false;
	longjmp(panic_env, 1);
}

static void
ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++ncases, name);
	if (!good)
		nfailed++;
}

#define	PANICS(stmt, want, name) do {					\
	panic_msg[0] = '\0';						\
	if (setjmp(panic_env) == 0) {					\
		panic_armed = true;					\
		stmt;							\
		panic_armed = false;					\
	}								\
	ok(strstr(panic_msg, want) != NULL, name);			\
} while (0)

static void
give(vm_paddr_t start, vm_paddr_t end)
{
	given.ram[given.nram++] = (struct memrange){ start, end };
}

/* Whether the ranges that ram_release() gives away are these. */
static bool
released(const struct memrange *want, u_int n)
{
	given.nram = 0;
	ram_release(give);
	for (u_int i = 0; i < n && i < given.nram; i++)
		if (given.ram[i].start != want[i].start ||
		    given.ram[i].end != want[i].end)
			return (false);
	return (given.nram == n && ram.nram == 0);
}

#define	RELEASED(...)							\
	released((const struct memrange[]){ __VA_ARGS__ },		\
	    nitems(((const struct memrange[]){ __VA_ARGS__ })))

/* A machine with the first MiB as on a PC, and RAM from 1 MiB to `end'. */
static void
machine(vm_paddr_t end)
{
	memset(&bi, 0, sizeof(bi));
	physmem_add(&bi.mem, 0, 0x9f000);
	physmem_add(&bi.mem, 1 * MB, end);
}

static void
reserved(void)
{
	machine(64 * MB);
	ram_init(&bi);
	ok(ram_end == 64 * MB && RELEASED({ IMAGE_END, 64 * MB }),
	    "the first MiB and the image are not free");

	machine(64 * MB);
	bi.mod_start = 32 * MB + 1;
	bi.mod_end = 33 * MB + 1;
	ram_init(&bi);
	ok(RELEASED({ IMAGE_END, 32 * MB }, { 33 * MB + PAGE_SIZE, 64 * MB }),
	    "nor are the pages of the module");

	machine(64 * MB);
	bi.mod_start = 70 * MB;
	bi.mod_end = 71 * MB + 5;
	ram_init(&bi);
	ok(ram_end == 71 * MB + PAGE_SIZE && RELEASED({ IMAGE_END, 64 * MB }),
	    "the page array covers a module above all RAM");

	memset(&bi, 0, sizeof(bi));
	PANICS(ram_init(&bi), "no RAM at all", "no RAM");
	physmem_add(&bi.mem, 0, 0x9f000);
	PANICS(ram_init(&bi), "no RAM is left", "only the first MiB");
}

static void
too_high(void)
{
	machine(64 * MB);
	physmem_add(&bi.mem, 48 * GB, 48 * GB + 64 * MB);
	ram_init(&bi);
	ok(ram_end == 64 * MB && RELEASED({ IMAGE_END, 64 * MB }),
	    "RAM is dropped if the page array does not fit the rest");

	machine(3 * GB);
	physmem_add(&bi.mem, 4 * GB, 100 * GB);
	ram_init(&bi);
	ok(ram_end == 68 * GB &&
	    RELEASED({ IMAGE_END, 3 * GB }, { 4 * GB, 68 * GB }),
	    "of a range across the end of the window the part below is used");
}

static void
allocations(void)
{
	vm_paddr_t pa;

	machine(256 * MB);
	physmem_remove(&bi.mem, 16 * MB, 17 * MB);
	physmem_add(&bi.mem, 1 * GB, 2 * GB);
	ram_init(&bi);
	pa = ram_alloc(1, 768 * MB);
	ok(pa == 17 * MB, "the largest range below the limit");
	pa = ram_alloc(2 * PAGE_SIZE, 768 * MB);
	ok(pa == 17 * MB + PAGE_SIZE, "from its start, in whole pages");
	ok(ram_alloc(PAGE_SIZE, 16 * MB) == IMAGE_END, "another limit");
	ok(ram_alloc_top(5) == 2 * GB - PAGE_SIZE,
	    "the top of the largest range of all");
	PANICS((void)ram_alloc(240 * MB, 768 * MB), "do not fit the largest "
	    "free RAM", "too much below the limit");
	PANICS((void)ram_alloc_top(2 * GB), "do not fit", "too much");
	PANICS((void)ram_alloc(PAGE_SIZE, 1 * MB), "largest free RAM, 0 bytes",
	    "nothing below the limit");
	ok(RELEASED({ IMAGE_END + PAGE_SIZE, 16 * MB },
	    { 17 * MB + 3 * PAGE_SIZE, 256 * MB },
	    { 1 * GB, 2 * GB - PAGE_SIZE }), "the rest is released");
	PANICS((void)ram_alloc(PAGE_SIZE, 768 * MB), "do not fit",
	    "nothing is left then");
}

int
main(void)
{
	reserved();
	too_high();
	allocations();
	printf("1..%d\n", ncases);
	return (nfailed != 0);
}
