/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * One run: restores the kernel's variables to their state at boot, resets the
 * machine, starts the work, and returns the verdict.  Also defines the
 * functions and variables of the kernel that its simulated files use.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/deadline.h>
#include <sys/ksym.h>
#include <sys/panic.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/tunable.h>
#include <machine/ipi.h>
#include <machine/pmap.h>
#include <machine/tsc.h>
#include <sf_buf/pool.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>
#include "sim.h"

#define	NFRAMES		0x100080u
#define	DMAP_LIMIT	((vm_paddr_t)16 << 20)

/* The section with all variables of the kernel's files; see sim.mk. */
extern char __start_kern_state[], __stop_kern_state[];
static char *at_boot;

pt_entry_t pg_nx = PG_NX;
uint32_t kern_cr3;
vm_paddr_t dmap_limit = DMAP_LIMIT;
u_int ipi_timeout_ms = 30000;
uint64_t ticks_per_ms = 1000000;	/* so that no wait expires */
uint64_t total_steps;

/*
 * The arrays that the linker places in the kernel.  The slots follow the
 * sentinel, and sim.mk puts them at an address from which sf_pte_kva() computes
 * the right kernel address.
 */
static struct sf_buf slots[1 + NSLOTS] __attribute__((used,
    section(".sf_slots")));
#define	SLOTS_SIZE	(NSLOTS * sizeof(struct sf_buf))
struct vm_page vm_page_array[NFRAMES];

void	sim_set_epoch(uint32_t epoch, bool sleeper);

void
panic(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (cpus[0].task == NULL) {
		fprintf(stderr, "simulate: panic at start: %s\n", text);
		exit(2);
	}
	sim_fail("panic: %s", text);
}

bool
panicked(void)
{
	return (false);
}

bool
panicked_here(void)
{
	return (false);
}

/* The kernel's printf(): shows the text in the trace. */
int	sim_printf(const char *fmt, ...);
int
sim_printf(const char *fmt, ...)
{
	va_list ap;

	if (!tracing)
		return (0);
	va_start(ap, fmt);
	printf("               prints: ");
	vprintf(fmt, ap);
	va_end(ap);
	return (0);
}

uint64_t
cpu_ticks(void)
{
	return (now);
}

bool
deadline_passed(struct deadline *w)
{
	(void)w;
	return (false);		/* MAXSTEPS ends the wait */
}

bool
deadline_warning_due(struct deadline *w)
{
	(void)w;
	return (false);
}

bool
deadline_over(struct deadline *w)
{
	(void)w;
	return (false);
}

void *
pmap_dmap(vm_paddr_t pa)
{
	return ((void *)(DMAP_MIN + (vm_offset_t)pa));
}

/* Serves sf_buf_init(), which needs an array with an element for each slot. */
void *
kmem_alloc(vm_size_t size, int flags)
{
	static uint64_t space[NSLOTS];

	if (size > sizeof(space) || flags != M_ZERO)
		panic("kmem_alloc: %zu bytes", size);
	return (memset(space, 0, sizeof(space)));
}

/* Pages have no contents here; sim_read() checks which page is read. */
bool
vm_page_poison(const struct vm_page *m)
{
	(void)m;
	return (false);
}

void
vm_page_poison_check(const struct vm_page *m, const void *caller)
{
	panic("page %x is not poisoned, caller %p", vm_page_index(m), caller);
}

/* Not memcpy(), because the copy includes the sanitizer's red zones. */
static void
copy(char *to, const char *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (n) : :
	    "memory");
}

/* run_init: prepares for runs.  Called once. */
void
run_init(void)
{
	size_t size = (size_t)(__stop_kern_state - __start_kern_state);

	at_boot = malloc(size);
	if (at_boot == NULL) {
		perror("simulate");
		exit(2);
	}
	machine_reset(1, SIM_RANDOM, &(struct noise){ .gap = 1 }, NULL, 0);
	vm_page_startup(NFRAMES, DMAP_LIMIT);
	work_init();
	copy(at_boot, __start_kern_state, size);
	fiber_catch_crashes();
}

static void
set_tunable(const char *name, u_int v)
{
	const struct tunable *const *t;

	for (t = __start_set_tunables; t < __stop_set_tunables; t++) {
		if (strcmp((*t)->name, name) != 0)
			continue;
		if ((*t)->type == TUN_BOOL)
			*(bool *)(*t)->var = v != 0;
		else
			*(u_int *)(*t)->var = v;
		return;
	}
	fprintf(stderr, "simulate: no option is called %s\n", name);
	exit(2);
}

/* run_noise: sets how often this seed's run has decisions of each kind. */
void
run_noise(struct noise *n, uint64_t seed)
{
	static const uint32_t gaps[] = { 1, 3, 6, 12, 24, 60 };
	static const uint8_t kinds[][D_EVENTS] = {
		/* switch, load, drop, stray, tick, device, wake */
		{ 120, 100, 4, 2, 14, 10, 6 },
		{ 200, 20, 2, 0, 20, 8, 6 },
		{ 60, 160, 0, 4, 16, 10, 6 },
		{ 220, 0, 0, 0, 16, 12, 8 },
		{ 110, 100, 0, 0, 0, 40, 6 },
		{ 140, 60, 30, 2, 4, 10, 10 },
		{ 130, 60, 2, 0, 56, 4, 4 },
		{ 170, 80, 0, 0, 0, 0, 6 },
	};
	uint64_t r = (seed + 1) * 0xd1342543de82ef95ull;
	const uint8_t *w;
	u_int sum = 0;

	r ^= r >> 32;
	n->gap = gaps[(r & 0xff) % nitems(gaps)];
	w = kinds[r >> 8 & 7];
	for (u_int i = 0; i < D_EVENTS; i++) {
		sum += w[i];
		n->weight[i] = (uint8_t)(sum > 255 ? 255 : sum);
	}
	n->hold = (uint8_t[]){ 0, 40, 120, 230 }[r >> 11 & 3];
	n->delay = (uint8_t[]){ 0, 128 }[r >> 13 & 1];
	n->place = (uint8_t[]){ 0, 128 }[r >> 14 & 1];
	n->stall = (uint8_t[]){ 0, 0, 40, 160 }[r >> 15 & 3];
	n->fall = (uint8_t[]){ 0, 96 }[r >> 17 & 1];
}

/* run: runs one schedule, until all threads have ended or something fails. */
enum verdict
run(const struct work *w, enum sim_mode mode, const struct noise *n,
    const struct decisions *given, uint64_t seed)
{
	copy(__start_kern_state, at_boot,
	    (size_t)(__stop_kern_state - __start_kern_state));
	machine_reset(w->ncpus, mode, n, given, seed);
	nsfbufs = w->nslots;
	sf_mapped_share = w->queued;
	sf_search_max = w->search;
	set_tunable("sf_buf.strict", w->strict);
	set_tunable("sf_buf.dmap", !w->direct);
	sim_set_epoch(w->epoch, w->sleeper);
	work_start(w);
	memset(slots, 0, sizeof(slots));
	threads_reset(w->nthreads, work_thread);
	sf_buf_init();
	if (w->sleeper) {
		cpus[w->ncpus - 1].asleep = true;
		cpus[w->ncpus - 1].pending = 1u << IPI_RESCHED;
	}
	machine_start();
	sim_place = n->place;
	machine_run();
	total_steps += now;
	return (sim_message[0] == '\0' ? PASSED : FAILED);
}

/* run_name: formats the name of an address, for traces. */
const char *
run_name(const volatile void *p, char buf[48])
{
	uintptr_t a = (uintptr_t)p, at;

	if (a - (uintptr_t)sim_ptes < SIM_PTES_SIZE) {
		at = a - (uintptr_t)sim_ptes;
		snprintf(buf, 48, "pte %u %s", (u_int)(at / 8),
		    (at & 4) != 0 ? "high" : "low");
	} else if (a - (uintptr_t)sf_slots < SLOTS_SIZE) {
		at = a - (uintptr_t)sf_slots;
		snprintf(buf, 48, "slot %u%s",
		    (u_int)(at / sizeof(sf_slots[0])),
		    at % sizeof(sf_slots[0]) == 4 ? " status" : " page");
	} else if (a - (uintptr_t)vm_page_array <
	    vm_page_count * sizeof(struct vm_page)) {
		at = a - (uintptr_t)vm_page_array;
		snprintf(buf, 48, "page %x+%u", (u_int)(at / 32),
		    (u_int)(at % 32));
	} else {
		snprintf(buf, 48, "%p", (const void *)(uintptr_t)a);
	}
	return (buf);
}
