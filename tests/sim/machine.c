/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The simulated machine.  It behaves as follows:
 *
 *  - A store goes into the CPU's buffer.  It reaches memory in order, but any
 *    number of steps later; the CPU's own loads see it at once (TSO, SDM vol.
 *    3A 8.2.2).  Locked operations, MOV CR3, INVLPG, the entry of an
 *    interrupt, IRET and a write to the local APIC drain the buffer first
 *    (8.3, 11.10).
 *  - A TLB may load any present entry at any step, and a read makes it do so.
 *    Both set A in the same locked access that tests P.  A translation stays
 *    in the TLB until the CPU flushes it or a decision drops it.  INVLPG and
 *    MOV CR3 act on one CPU, and MOV CR3 keeps global translations.  While a
 *    TLB caches an old translation it does not load a new one, which is the
 *    worst case.
 *  - Interrupts come at any step at which they are enabled, and run on the
 *    stack of the interrupted thread.  On a CPU that soft-masks them, the
 *    first one is deferred until they are unmasked.
 *  - Which CPU takes the next step, and all of the above, are decisions, drawn
 *    or given.  Invariant: a run depends on its work and its decisions only.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sys/pcpu.h>
#include <sys/sf_buf.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/ipi.h>
#include <machine/pmap.h>
#include <sf_buf/pool.h>
#include <vm/tlb.h>
#include <vm/vm_state.h>
#include "sim.h"

#define	EFLAGS_IF	0x200u
#define	NEVER		0xffffffffu
#define	MAXINTERRUPTS	40u	/* clock and device interrupts in a run */

struct cpu cpus[NCPUS];
struct cpu *cur;
struct pcpu *sim_pcpu;
struct live live[NSLOTS];
struct last_drop last_drops[NSLOTS];
uint32_t sim_removals[NSLOTS];
uint64_t sim_pte_writes;
volatile uint64_t sim_ptes[NSLOTS];
uint32_t now;
bool tracing;
bool machine_runs;
char sim_message[512];
struct decisions taken;
bool recording_full;
void (*sim_offer)(enum decision_kind kind, uint32_t arg);
u_int sim_place;

static struct pcpu pcpu_space[NCPUS];
struct pcpu *pcpus[MAXCPU];
u_int mp_ncpus;

static struct fiber main_fiber;
static uint64_t random_state;
static enum sim_mode mode;
static struct noise noise;
static uint32_t next_event;	/* when the next random event comes */
static uint32_t next_due;	/* when a store or an IPI arrives */
static bool calm;
static u_int ninterrupts;

/* Given decisions, by CPU, in the order of their steps. */
static struct decision given[NCPUS][NDECISIONS];
static u_int ngiven[NCPUS], at[NCPUS], nleft;

struct thread *
curthread(void)
{
	return (cur->pc->pc_curthread);
}

static uint64_t
draw64(void)
{
	uint64_t x = random_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	random_state = x;
	return (x * 0x2545f4914f6cdd1dull);
}

/* sim_draw: returns a random number from 0 to n - 1. */
uint32_t
sim_draw(uint32_t n)
{
	return ((uint32_t)((draw64() >> 32) * n >> 32));
}

bool
sim_chance(uint8_t of256)
{
	return (of256 != 0 && draw64() >> 56 < of256);
}

void
sim_note(const char *fmt, ...)
{
	va_list ap;

	if (!tracing)
		return;
	printf("%5u  CPU %d   ", now, (int)(cur - cpus));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/*
 * sim_finish: ends the run: machine_run() returns.  The fibers are made again
 * for the next run.
 */
void
sim_finish(void)
{
	fiber_switch(&cur->task->fiber, &main_fiber);
	__builtin_unreachable();
}

void
sim_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sim_message, sizeof(sim_message), fmt, ap);
	va_end(ap);
	sim_note("%s", sim_message);
	sim_finish();
}

static void
record(enum decision_kind kind, uint32_t arg)
{
	if (taken.n == NDECISIONS) {
		recording_full = true;
		return;
	}
	taken.list[taken.n++] = (struct decision){ cur->steps,
	    (uint8_t)(cur - cpus), (uint8_t)kind, (uint16_t)arg };
}

/*
 * sim_choose: returns the decision of this kind at this step; 0 if there is
 * none.  In a random schedule that is `drawn', which is recorded.
 */
uint32_t
sim_choose(enum decision_kind kind, uint32_t drawn)
{
	u_int c = (u_int)(cur - cpus);
	struct decision *d;

	if (calm)
		return (0);
	if (mode == SIM_RANDOM) {
		if (drawn != 0)
			record(kind, drawn);
		return (drawn);
	}
	for (u_int i = at[c]; i < ngiven[c]; i++) {
		d = &given[c][i];
		if (d->step > cur->steps)
			break;
		if (d->step < cur->steps || d->kind != kind)
			continue;
		d->kind = D_KINDS;	/* given_events() passes over it */
		return (d->arg);
	}
	return (0);
}

static inline bool
is_pte(const volatile void *p)
{
	return ((uintptr_t)p - (uintptr_t)sim_ptes < SIM_PTES_SIZE);
}

/*
 * Checks a store to an entry.  A present entry may only become not-present, or
 * change its A and D bits, and must stay present while the slot is referenced.
 */
static void
check_pte(u_int slot, uint64_t old, uint64_t new)
{
	const struct live *l = &live[slot];
	u_int refs = l->shared;

	for (u_int i = 0; i < NCPUS; i++)
		refs += l->private_to[i];
	if ((old & PG_V) != 0 && (new & PG_V) != 0 &&
	    ((old ^ new) & ~(uint64_t)(PG_A | PG_M)) != 0)
		sim_fail("the entry of slot %u is written while present: "
		    "0x%llx, 0x%llx", slot, (unsigned long long)old,
		    (unsigned long long)new);
	if ((old & PG_V) != 0 && (new & PG_V) == 0 && refs != 0)
		sim_fail("the entry of slot %u is removed under %u references",
		    slot, refs);
	if ((old & PG_V) != (new & PG_V)) {
		sim_pte_writes++;
		sim_removals[slot] += (old & PG_V) != 0;
	}
}

/* Notes a change of a slot's status that drops the last reference. */
static void
note_drop(const volatile uint32_t *p, uint32_t old, uint32_t new)
{
	uintptr_t off = (uintptr_t)p - (uintptr_t)sf_slots;
	u_int slot = (u_int)(off / SF_SLOT_SIZE);

	if (slot >= nsfbufs || off % SF_SLOT_SIZE !=
	    offsetof(struct sf_buf, status) || sf_references(old) != 1 ||
	    !sf_is_referenced(old) || sf_is_referenced(new))
		return;
	last_drops[slot] = (struct last_drop){ cur->task,
	    cur->pc->pc_intr_depth, sim_removals[slot] };
}

static void
commit(volatile uint32_t *p, uint32_t v)
{
	u_int slot;
	uint64_t old;

	if (!is_pte(p)) {
		note_drop(p, *p, v);
		*p = v;
		return;
	}
	slot = (u_int)((uintptr_t)p - (uintptr_t)sim_ptes) / 8;
	old = sim_ptes[slot];
	*p = v;
	check_pte(slot, old, sim_ptes[slot]);
}

static void
commit_first(struct cpu *c)
{
	volatile uint32_t *p = c->stores[0].p;
	uint32_t v = c->stores[0].v;

	c->nstores--;
	for (u_int i = 0; i < c->nstores; i++)
		c->stores[i] = c->stores[i + 1];
	commit(p, v);
}

/* sim_drain: makes all stores in the store buffer visible. */
void
sim_drain(struct cpu *c)
{
	while (c->nstores != 0)
		commit_first(c);
}

/* Makes stores visible, and IPIs pending, whose time has come. */
static void
deliver_due(void)
{
	struct cpu *c;

	next_due = NEVER;
	for (u_int i = 0; i < mp_ncpus; i++) {
		c = &cpus[i];
		while (c->nstores != 0 && c->stores[0].due <= now)
			commit_first(c);
		if (c->nstores != 0 && c->stores[0].due < next_due)
			next_due = c->stores[0].due;
		for (u_int v = 0; c->in_flight >> v != 0; v++) {
			if ((c->in_flight >> v & 1) == 0)
				continue;
			if (c->arrives[v] <= now) {
				c->in_flight &= ~(1u << v);
				c->pending |= 1u << v;
			} else if (c->arrives[v] < next_due) {
				next_due = c->arrives[v];
			}
		}
	}
}

/*
 * sim_ipi: sends an IPI; merges it with an earlier one that was not taken yet.
 */
void
sim_ipi(struct cpu *c, u_int verb)
{
	uint32_t delay = sim_choose(D_DELAY,
	    sim_chance(noise.delay) ? 1 + sim_draw(60) : 0);

	if (sim_offer != NULL && nleft == 0 && !calm)
		sim_offer(D_DELAY, 60);
	sim_note("IPI %u to CPU %d%s", verb, (int)(c - cpus),
	    delay != 0 ? ", delayed" : "");
	if (delay == 0) {
		c->pending |= 1u << verb;
		c->in_flight &= ~(1u << verb);
	} else if ((c->pending >> verb & 1) == 0) {
		c->in_flight |= 1u << verb;
		c->arrives[verb] = now + delay;
		if (now + delay < next_due)
			next_due = now + delay;
	}
}

/* sim_pte_here: returns an entry as this CPU's loads see it. */
uint64_t
sim_pte_here(u_int slot)
{
	volatile uint32_t *low = (volatile uint32_t *)&sim_ptes[slot];
	uint64_t pte = sim_ptes[slot];

	for (u_int i = 0; i < cur->nstores; i++) {
		if (cur->stores[i].p == low)
			pte = (pte & ~0xffffffffull) | cur->stores[i].v;
		if (cur->stores[i].p == low + 1)
			pte = (pte & 0xffffffffu) |
			    (uint64_t)cur->stores[i].v << 32;
	}
	return (pte);
}

static void
tlb_load(struct cpu *c, u_int slot)
{
	uint64_t pte = sim_ptes[slot];

	if (c->tlb[slot] != 0 || (pte & PG_V) == 0)
		return;
	sim_ptes[slot] = pte | PG_A;
	c->tlb[slot] = atop(pte & PG_FRAME) + 1;
	c->global[slot] = (pte & PG_G) != 0;
	c->readonly[slot] = (pte & PG_RW) == 0;
	if (tracing)
		printf("%5u  TLB %d   loads slot %u: page %x\n", now,
		    (int)(c - cpus), slot, c->tlb[slot] - 1);
}

static void
tlb_flush(struct cpu *c)
{
	for (u_int i = 0; i < NSLOTS; i++)
		if (!c->global[i])
			c->tlb[i] = 0;
}

/*
 * sim_check_slot: checks what a CPU that may use a slot's mapping caches for
 * it: no other page than that of the references, and that with the rights of
 * its state: a write through a mapping of a sealed page must fault, and one of
 * another page must not.
 */
void
sim_check_slot(const struct cpu *c, u_int slot)
{
	uint32_t frame = live[slot].frame;

	if (c->tlb[slot] == 0)
		return;
	if (c->tlb[slot] != frame + 1)
		sim_fail("stale: CPU %d has page %x for slot %u, which maps "
		    "page %x", (int)(c - cpus), c->tlb[slot] - 1, slot, frame);
	if (c->readonly[slot] != vm_page_is_sealed(&vm_page_array[frame]))
		sim_fail("stale: CPU %d can%s write to page %x, slot %u",
		    (int)(c - cpus), c->readonly[slot] ? "not" : "", frame,
		    slot);
}

/*
 * sim_check_tlb: checks the TLB of a CPU that is awake, and so may use any
 * shared mapping.
 */
void
sim_check_tlb(const struct cpu *c)
{
	for (u_int i = 0; i < NSLOTS; i++)
		if (live[i].shared != 0)
			sim_check_slot(c, i);
}

/*
 * sim_read: reads at va as a program does, and checks that it sees the frame.
 */
void
sim_read(vm_offset_t va, uint32_t frame)
{
	u_int slot = (u_int)((va - SF_BUF_MIN) >> PAGE_SHIFT);
	uint32_t seen;

	sim_step("read", NULL, va, __builtin_return_address(0));
	if (va >= DMAP_MIN && va < DMAP_MIN + DMAP_SIZE) {
		seen = atop(va - DMAP_MIN);
	} else {
		if (va < SF_BUF_MIN || slot >= NSLOTS)
			sim_fail("0x%llx is no address of an sf_buf",
			    (unsigned long long)va);
		if (cur->tlb[slot] == 0) {
			sim_drain(cur);
			tlb_load(cur, slot);
		}
		if (cur->tlb[slot] == 0)
			sim_fail("page fault: slot %u of page %x is not "
			    "mapped", slot, frame);
		seen = cur->tlb[slot] - 1;
	}
	if (seen != frame)
		sim_fail("stale: CPU %d reads page %x for page %x, slot %u",
		    (int)(cur - cpus), seen, frame, slot);
}

static inline bool
runnable(const struct cpu *c)
{
	return (!c->halted || c->pending != 0);
}

static void
switch_cpu(struct cpu *to)
{
	struct cpu *from = cur;

	if (to == from)
		return;
	cur = to;
	sim_pcpu = to->pc;
	fiber_switch(&from->task->fiber, &to->task->fiber);
}

/* sim_switch_task: switches this CPU to another task.  Interrupts off. */
void
sim_switch_task(struct task *to)
{
	struct task *from = cur->task;

	cur->task = to;
	cur->pc->pc_curthread = &to->td;
	fiber_switch(&from->fiber, &to->fiber);
}

/* A random schedule stalls a CPU for long, as a virtual machine's host may. */
static void
stall(struct cpu *c)
{
	static const uint16_t steps[] = { 30, 100, 300, 1000 };

	if (sim_chance(noise.stall))
		c->stalled = now + steps[sim_draw(nitems(steps))];
}

static inline bool
is_stalled(const struct cpu *c)
{
	return (c->stalled > now);
}

/* Draws one of n CPUs that can run: one that is not stalled, if there is. */
static struct cpu *
draw_cpu(struct cpu *const can[], u_int n)
{
	struct cpu *fit[NCPUS];
	u_int nfit = 0;

	for (u_int i = 0; i < n; i++)
		if (!is_stalled(can[i]))
			fit[nfit++] = can[i];
	return (nfit == 0 ? can[sim_draw(n)] : fit[sim_draw(nfit)]);
}

/* sim_give_way: lets another CPU run, if one can, because this one waits. */
void
sim_give_way(void)
{
	struct cpu *can[NCPUS], *c;
	u_int n = 0, me = (u_int)(cur - cpus), arg;

	for (u_int i = 1; i < mp_ncpus; i++) {
		c = &cpus[(me + i) % mp_ncpus];
		if (runnable(c))
			can[n++] = c;
	}
	if (n == 0)
		return;
	arg = sim_choose(D_NEXT, mode == SIM_RANDOM && n > 1 ?
	    (uint32_t)(draw_cpu(can, n) - cpus) + 1 : 0);
	c = arg == 0 || arg > mp_ncpus ? can[0] : &cpus[arg - 1];
	switch_cpu(runnable(c) ? c : can[0]);
}

static void
event(enum decision_kind kind, uint32_t arg)
{
	struct cpu *c = &cpus[kind == D_LOAD || kind == D_DROP ? arg >> 4 :
	    arg & (NCPUS - 1)];
	u_int slot = arg & (NSLOTS - 1);

	switch (kind) {
	case D_SWITCH:
		if (runnable(c))
			switch_cpu(c);
		break;
	case D_LOAD:
		tlb_load(c, slot);
		break;
	case D_DROP:
		c->tlb[slot] = 0;
		break;
	case D_STRAY:
		if ((sim_ptes[slot] & PG_V) == 0)
			sim_ptes[slot] |= PG_A | PG_M;
		break;
	case D_TICK:
		if (!c->asleep)
			c->pending |= INTR_CLOCK;
		break;
	case D_DEVICE:
		if (c->ndevice == nitems(c->device))
			break;
		c->device[c->ndevice++] = (uint16_t)(arg >> 4);
		c->pending |= INTR_DEVICE;
		break;
	case D_WAKE:
		(void)thread_wake_nap(arg);
		break;
	default:
		break;
	}
}

static void
random_event(void)
{
	uint32_t r = sim_draw(256), cpu = sim_draw(mp_ncpus), arg = cpu, k;

	next_event = now + 1 + sim_draw(noise.gap + 1);
	for (k = 0; k < D_EVENTS && r >= noise.weight[k]; k++)
		continue;
	if (k == D_EVENTS)
		return;
	if (k == D_LOAD || k == D_DROP)
		arg = cpu << 4 | sim_draw(nsfbufs);
	else if (k == D_STRAY)
		arg = sim_draw(nsfbufs);
	else if (k == D_WAKE)
		arg = sim_draw(nthreads);
	else if (k == D_DEVICE)
		arg = work_device_draw() << 4 | cpu;
	/* With more interrupts, no thread might make progress. */
	if ((k == D_DEVICE || k == D_TICK) && ninterrupts++ >= MAXINTERRUPTS)
		return;
	if (k == D_SWITCH && (&cpus[cpu] == cur || !runnable(&cpus[cpu]) ||
	    is_stalled(&cpus[cpu])))
		return;
	if (k == D_SWITCH)
		stall(cur);
	record(k, arg);
	event(k, arg);
}

/* Reports all events that are possible at this step to sim_offer(). */
static void
offer(void)
{
	u_int me = (u_int)(cur - cpus);

	for (u_int i = 0; i < mp_ncpus; i++) {
		if (i != me && runnable(&cpus[i]))
			sim_offer(D_SWITCH, i);
		if (!cpus[i].asleep && cpus[i].pending == 0 &&
		    (i == me ? cpus[i].intr_on : false))
			sim_offer(D_TICK, i);
		for (u_int s = 0; s < nsfbufs; s++)
			if ((sim_ptes[s] & PG_V) != 0 && cpus[i].tlb[s] == 0)
				sim_offer(D_LOAD, i << 4 | s);
	}
}

static void
given_events(void)
{
	u_int c = (u_int)(cur - cpus);
	struct decision *d;

	while (at[c] < ngiven[c] && given[c][at[c]].step <= cur->steps) {
		d = &given[c][at[c]];
		if (d->step == cur->steps && d->kind >= D_EVENTS)
			break;		/* sim_choose() will find it */
		at[c]++;
		nleft--;
		if (d->step == cur->steps)
			event((enum decision_kind)d->kind, d->arg);
		/* Another CPU may have run meanwhile; now c runs again. */
	}
	if (sim_offer != NULL && nleft == 0)
		offer();
}

static void
take_interrupt(uint32_t what)
{
	cur->intr_on = false;
	cur->halted = false;
	sim_note("interrupt 0x%x", what);
	thread_trap(what);
	sim_drain(cur);		/* IRET serialises */
	cur->intr_on = true;
}

/*
 * Takes the pending interrupts, one after the other.  If the CPU soft-masks
 * them, defers the first, as trap() does.
 */
static void
take_interrupts(void)
{
	uint32_t what;

	while (cur->intr_on && cur->pending != 0) {
		what = cur->pending & -cur->pending;
		cur->pending &= ~what;
		sim_drain(cur);
		if (cur->pc->pc_soft_masked == 0) {
			take_interrupt(what);
			continue;
		}
		sim_note("interrupt 0x%x is deferred", what);
		cur->pc->pc_soft_masked |= INTR_DEFERRED(what);
		cur->intr_on = false;
	}
}

/*
 * sim_step: begins a step.  It is called before every access before which
 * another CPU, a TLB or an interrupt could act; the caller makes the access
 * after it.
 */
void
sim_step(const char *what, const volatile void *p, uint64_t v,
    const void *from)
{
	char name[48];

	now++;
	cur->steps++;
	if (!calm) {
		if (mode == SIM_REPLAY)
			given_events();
		else if (now >= next_event)
			random_event();
	}
	if (now >= next_due)
		deliver_due();
	if (cur->pending != 0 && cur->intr_on)
		take_interrupts();
	if (now > MAXSTEPS)
		sim_fail("hang: no end after %u steps", now);
	if (tracing)
		printf("%5u  CPU %d   thread %u  %-9s %s %llx  [%p]\n", now,
		    (int)(cur - cpus), cur->task->td.td_id, what,
		    p == NULL ? "" : run_name(p, name),
		    (unsigned long long)v, from);
}

#define	STEP(what, p, v) \
	sim_step(what, p, v, __builtin_return_address(0))

/* Returns the value at p as this CPU sees it, with its buffered stores. */
static uint32_t
loaded(const volatile uint32_t *p)
{
	for (u_int i = cur->nstores; i > 0; i--)
		if (cur->stores[i - 1].p == p)
			return (cur->stores[i - 1].v);
	return (*p);
}

uint32_t
hw_load32(volatile uint32_t *p)
{
	STEP("load", p, 0);
	return (loaded(p));
}

/* Puts a store into the store buffer; part of a step. */
static void
store(volatile uint32_t *p, uint32_t v)
{
	static const uint8_t holds[] = { 2, 5, 12, 30, 80, 250 };
	uint32_t hold, due;

	hold = sim_choose(D_HOLD, sim_chance(noise.hold) ?
	    holds[sim_draw(nitems(holds))] : 0);
	if (sim_offer != NULL && nleft == 0 && !calm)
		sim_offer(D_HOLD, 250);
	if (cur->nstores == 0 && hold == 0) {
		commit(p, v);
		return;
	}
	if (cur->nstores == NSTORES)
		commit_first(cur);
	due = now + hold;
	cur->stores[cur->nstores].p = p;
	cur->stores[cur->nstores].v = v;
	cur->stores[cur->nstores++].due = due;
	if (due < next_due)
		next_due = due;
}

void
hw_store32(volatile uint32_t *p, uint32_t v)
{
	STEP("store", p, v);
	store(p, v);
}

uint32_t
hw_xchg32(volatile uint32_t *p, uint32_t v)
{
	uint32_t old;

	STEP("xchg", p, v);
	sim_drain(cur);
	old = *p;
	commit(p, v);
	if (p == &cur->pc->pc_flush_wanted && old != 0 && v == 0)
		cur->serves = true;
	return (old);
}

uint32_t
hw_or8(uint32_t v, const volatile uint8_t *p)
{
	STEP("or byte", p, v);
	return (v | *p);
}

bool
hw_test32(const volatile uint32_t *p, uint32_t mask)
{
	STEP("load", p, 0);
	return ((loaded(p) & mask) != 0);
}

bool
hw_cmpxchg8b(volatile uint64_t *p, uint32_t old_low, uint32_t old_high,
    uint32_t new_low, uint32_t new_high)
{
	uint64_t old = (uint64_t)old_high << 32 | old_low;
	uint64_t new = (uint64_t)new_high << 32 | new_low;

	STEP("cmpxchg8b", p, new);
	sim_drain(cur);
	if (*p != old)
		return (false);
	*p = new;
	if (is_pte(p))
		check_pte((u_int)(p - sim_ptes), old, new);
	return (true);
}

uint32_t
atomic_fetchadd_32(volatile uint32_t *p, uint32_t v)
{
	uint32_t old;

	STEP("xadd", p, v);
	sim_drain(cur);
	old = *p;
	commit(p, old + v);
	cur->task->queued += p == &sf_nwaiters && v == 1;
	return (old);
}

bool
atomic_inc_32(volatile uint32_t *p)
{
	STEP("inc", p, 0);
	sim_drain(cur);
	commit(p, *p + 1);
	return (*p >> 31 == 0);
}

bool
atomic_dec_32(volatile uint32_t *p)
{
	STEP("dec", p, 0);
	sim_drain(cur);
	commit(p, *p - 1);
	return (*p >> 31 == 0);
}

bool
atomic_sub_32(volatile uint32_t *p, uint32_t v)
{
	STEP("sub", p, v);
	sim_drain(cur);
	commit(p, *p - v);
	return (*p >> 31 == 0);
}

bool
atomic_fcmpset_32(volatile uint32_t *p, uint32_t *old, uint32_t new)
{
	uint32_t was;

	STEP("cmpxchg", p, new);
	sim_drain(cur);
	was = *p;
	if (was != *old) {
		*old = was;
		return (false);
	}
	commit(p, new);
	return (true);
}

void
atomic_set_32(volatile uint32_t *p, uint32_t bits)
{
	STEP("or", p, bits);
	sim_drain(cur);
	commit(p, *p | bits);
}

void
hw_invlpg(vm_offset_t va)
{
	u_int slot = (u_int)((va - SF_BUF_MIN) >> PAGE_SHIFT);

	STEP("invlpg", NULL, va);
	sim_drain(cur);
	if (slot < NSLOTS)
		cur->tlb[slot] = 0;
}

void
hw_load_cr3(uint32_t v)
{
	STEP("mov cr3", NULL, v);
	sim_drain(cur);
	tlb_flush(cur);
	cur->serves = false;
}

void
hw_send_ipi(u_int cpu, enum ipi_verb verb)
{
	STEP("send ipi", NULL, cpu);
	sim_drain(cur);
	cur->pc->pc_ipis_sent[verb]++;
	sim_ipi(&cpus[cpu], verb);
}

bool
intr_enabled(void)
{
	return (cur->intr_on);
}

uint32_t
intr_save(void)
{
	uint32_t flags;

	STEP("cli", NULL, 0);
	flags = cur->intr_on ? EFLAGS_IF : 0;
	cur->intr_on = false;
	return (flags);
}

void
disable_intr(void)
{
	(void)intr_save();
}

void
enable_intr(void)
{
	cur->intr_on = true;
	STEP("sti", NULL, 0);
}

void
intr_soft_mask(void)
{
	STEP("mask", NULL, 0);
	store(&cur->pc->pc_soft_masked, INTR_SOFT_MASKED);
}

/* The subtraction and then, if an interrupt came, intr_deliver_deferred(). */
void
intr_soft_unmask(void)
{
	uint32_t deferred;

	STEP("unmask", NULL, 0);
	deferred = loaded(&cur->pc->pc_soft_masked) - INTR_SOFT_MASKED;
	store(&cur->pc->pc_soft_masked, deferred);
	if (deferred == 0)
		return;
	hw_store32(&cur->pc->pc_soft_masked, 0);
	take_interrupt(INTR_DEFERRED_VECTOR(deferred));
}

void
intr_restore(uint32_t flags)
{
	if (intr_were_on(flags))
		enable_intr();
}

bool
intr_were_on(uint32_t flags)
{
	return ((flags & EFLAGS_IF) != 0);
}

void
cpu_spinwait(void)
{
	STEP("pause", NULL, 0);
	sim_give_way();
	if (cur->pending != 0 && cur->intr_on)
		take_interrupts();
}

static bool
others_run(void)
{
	for (u_int i = 0; i < mp_ncpus; i++)
		if (&cpus[i] != cur && runnable(&cpus[i]))
			return (true);
	return (false);
}

/*
 * STI; HLT.  By a decision HLT ends without an interrupt.  If no CPU can run and
 * nothing is due, threads_stuck() decides what happens.
 */
void
cpu_idle(void)
{
	cur->intr_on = true;
	cur->halted = true;
	STEP("hlt", NULL, 0);
	if (sim_offer != NULL && nleft == 0 && !calm)
		sim_offer(D_FALL, 1);
	if (sim_choose(D_FALL, sim_chance(noise.fall)) != 0) {
		sim_note("HLT ends by itself");
		cur->halted = false;
	}
	while (cur->halted) {
		if (cur->pending != 0) {
			take_interrupts();
		} else if (others_run()) {
			sim_give_way();
		} else if (next_due != NEVER) {
			now = next_due;
			deliver_due();
		} else {
			threads_stuck();
		}
	}
}

/* machine_start: ends the set-up: counts steps from 1 and allows decisions. */
void
machine_start(void)
{
	for (u_int i = 0; i < mp_ncpus; i++) {
		sim_drain(&cpus[i]);
		cpus[i].steps = 0;
	}
	now = 0;
	calm = false;
}

/* machine_calm: makes the schedule the plain one from now on. */
void
machine_calm(void)
{
	calm = true;
}

static void
take_given(const struct decisions *d)
{
	const struct decision *p;

	memset(ngiven, 0, sizeof(ngiven));
	memset(at, 0, sizeof(at));
	nleft = d == NULL ? 0 : d->n;
	for (u_int i = 0; d != NULL && i < d->n; i++) {
		p = &d->list[i];
		given[p->cpu][ngiven[p->cpu]++] = *p;
	}
}

/* machine_reset: resets the machine for a run.  Only SIM_REPLAY uses `d'. */
void
machine_reset(u_int ncpus, enum sim_mode m, const struct noise *n,
    const struct decisions *d, uint64_t seed)
{
	mode = m;
	noise = *n;
	calm = true;
	now = 0;
	random_state = seed * 0x9e3779b97f4a7c15ull | 1;
	for (u_int i = 0; i < 4; i++)
		(void)draw64();
	next_event = 1 + sim_draw(noise.gap + 1);
	next_due = NEVER;
	taken.n = 0;
	recording_full = false;
	ninterrupts = 0;
	sim_message[0] = '\0';
	take_given(d);
	mp_ncpus = ncpus;
	memset(cpus, 0, sizeof(cpus));
	memset(live, 0, sizeof(live));
	memset(last_drops, 0, sizeof(last_drops));
	memset(sim_removals, 0, sizeof(sim_removals));
	sim_pte_writes = 0;
	memset((void *)(uintptr_t)sim_ptes, 0, SIM_PTES_SIZE);
	for (u_int i = 0; i < ncpus; i++) {
		pcpus[i] = cpus[i].pc = &pcpu_space[i];
		/* The rest are tables for the hardware. */
		memset(pcpus[i], 0, offsetof(struct pcpu, pc_machine));
		pcpus[i]->pc_self = pcpus[i];
		pcpus[i]->pc_cpuid = i;
		pcpus[i]->pc_online = 1;
		cpus[i].intr_on = true;
	}
	cur = &cpus[0];
	sim_pcpu = cur->pc;
}

void
machine_run(void)
{
	machine_runs = true;
	fiber_switch(&main_fiber, &cur->task->fiber);
	machine_runs = false;
}
