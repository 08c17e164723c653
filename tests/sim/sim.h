/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SIM_H_
#define	_SIM_H_

/*
 * The simulation: the kernel's sf_buf and TLB code on a machine that is as
 * hostile as the manuals allow.  docs/simulation.md says what is simulated
 * and what the oracle asks for.
 *
 *	machine.c	CPUs, store buffers, TLBs, page-table entries, interrupts
 *	thread.c	threads, sleeping, idling, traps
 *	work.c		what the threads do, and what must hold meanwhile
 *	run.c		one run: set-up, schedule, verdict
 *	search.c	many runs: by seeds, exhaustively, and shrinking
 *	main.c		options, processes, figures
 *
 * Everything runs on one host thread.  Each simulated thread has a stack of
 * its own; which CPU takes the next step is decided between two steps only.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/thread.h>

#define	NCPUS		4u	/* at most; a run says how many it uses */
#define	NSLOTS		8u
#define	NTHREADS	6u
#define	NTASKS		(NTHREADS + NCPUS + 1)	/* idle tasks, the checker */
#define	NPAGES		8u
#define	NSTORES		6u	/* of a store buffer */
#define	NDECISIONS	8192u
#define	MAXSTEPS	60000u	/* of a run; more is a hang */

/*
 * What may go otherwise than in the plain schedule, in which the running CPU
 * runs on until it waits, stores are seen at once, interrupts are not
 * delayed, the clock stands and no TLB loads what no program reads.  A run is
 * its workload and the list of these.
 */
enum decision_kind {
	D_SWITCH,	/* another CPU takes the next step: arg */
	D_LOAD,		/* a TLB loads an entry: CPU << 4 | slot */
	D_DROP,		/* a TLB drops one: the same */
	D_STRAY,	/* A and D appear in a removed entry: slot */
	D_TICK,		/* a clock interrupt: CPU */
	D_DEVICE,	/* a device's interrupt: what << 4 | CPU */
	D_WAKE,		/* a nap ends: thread */
	D_EVENTS,	/* those above come by themselves, these are asked: */
	D_NEXT = D_EVENTS, /* who runs, when the running CPU waits: CPU + 1 */
	D_HOLD,		/* steps for which a store stays in its buffer */
	D_DELAY,	/* steps for which an IPI is on its way */
	D_PLACE,	/* where a woken thread goes: CPU + 1 */
	D_KINDS
};

struct decision {
	uint32_t step;		/* of that CPU, from 1 */
	uint8_t cpu;
	uint8_t kind;
	uint16_t arg;
};

struct decisions {
	u_int n;
	struct decision list[NDECISIONS];
};

/* How much of what a random schedule has. */
struct noise {
	uint32_t gap;			/* events every 1 to gap + 1 steps */
	uint8_t weight[D_EVENTS];	/* of 256, summed up */
	uint8_t hold, delay, place;	/* chances of 256 */
};

enum sim_mode {
	SIM_RANDOM,		/* decisions are drawn, and recorded */
	SIM_REPLAY		/* decisions are given */
};

struct fiber {
	void *sp;
	char *stack;
	void *fake;		/* the address sanitizer's */
};

/* A thread, or a CPU's idle loop. */
struct task {
	struct thread td;
	struct fiber fiber;
	const void *wchan;	/* sleeps for it */
	bool napping, busy, catches, done;
	int error;		/* why it was woken */
};

struct cpu {
	struct pcpu *pc;
	struct task *task;	/* runs here */
	struct task *idle;
	bool intr_on, halted;
	bool asleep;		/* promised not to touch any sf_buf */
	uint32_t steps;
	uint32_t pending;	/* interrupts: INTR_*, or 1 << verb */
	uint32_t in_flight;	/* IPIs that are not there yet */
	uint32_t arrives[IPI_NVERBS];
	uint16_t device[4];	/* what the device's interrupts ask for */
	u_int ndevice;
	u_int nstores;
	struct {
		volatile uint32_t *p;
		uint32_t v, due;
	} stores[NSTORES];	/* the oldest first */
	uint32_t tlb[NSLOTS];	/* frame + 1, or 0 */
	bool global[NSLOTS];
	struct task *queue[NTASKS];
	u_int nqueue;
};
#define	INTR_CLOCK	0x100u
#define	INTR_DEVICE	0x200u

/* References that the oracle knows of, by slot. */
struct live {
	uint32_t frame;
	u_int shared;			/* must be right on every CPU */
	u_int private_to[NCPUS];	/* on one */
};

/* machine.c */
extern struct cpu cpus[NCPUS];
extern struct cpu *cur;
extern struct live live[NSLOTS];
/* What the kernel calls sf_ptes[1] and on, an entry at once. */
extern volatile uint64_t sim_sf_ptes[1 + NSLOTS] __asm__("sf_ptes");
#define	sim_ptes	(&sim_sf_ptes[1])
#define	SIM_PTES_SIZE	(NSLOTS * sizeof(uint64_t))
extern uint32_t now;
extern bool tracing;
extern struct decisions taken;
extern bool recording_full;
void	machine_reset(u_int ncpus, enum sim_mode mode, const struct noise *n,
	    const struct decisions *given, uint64_t seed);
void	machine_run(void);		/* until sim_finish() or sim_fail() */
void	machine_start(void);		/* from here on decisions are taken */
void	machine_calm(void);		/* and from here on none but the plain */
void	sim_step(const char *what, const volatile void *p, uint64_t v,
	    const void *from);
void	sim_drain(struct cpu *c);
void	sim_ipi(struct cpu *c, u_int verb);
void	sim_read(vm_offset_t va, uint32_t frame);
uint64_t sim_pte_here(u_int slot);
void	sim_check_tlb(struct cpu *c);
void	sim_switch_task(struct task *to);
uint32_t sim_choose(enum decision_kind kind, uint32_t drawn);
uint32_t sim_draw(uint32_t n);
bool	sim_chance(uint8_t of256);
extern u_int sim_place;
void	sim_finish(void) __attribute__((__noreturn__));
void	sim_fail(const char *fmt, ...)
	    __attribute__((__noreturn__, __format__(__printf__, 1, 2)));
void	sim_note(const char *fmt, ...)
	    __attribute__((__format__(__printf__, 1, 2)));
extern char sim_message[512];		/* of the failure; empty: none */

/* Called at each step past the last given decision, while exploring. */
extern void (*sim_offer)(enum decision_kind kind, uint32_t arg);

void	sim_give_way(void);

/* thread.c */
extern struct task tasks[NTASKS];
extern u_int nthreads;
void	threads_reset(u_int n, void (*fn)(u_int thread));
void	thread_trap(uint32_t what);
void	thread_nap(void);
void	thread_busy(void);
bool	thread_wake_nap(u_int thread);
void	thread_signal_sim(u_int thread);
void	thread_move(u_int cpu);
void	threads_stuck(void);
void	fiber_make(struct fiber *f, void (*entry)(void));
void	fiber_switch(struct fiber *from, struct fiber *to);
void	fiber_entered(void);
void	fiber_catch_crashes(void);

/* work.c */
enum op_kind {
	OP_ALLOC, OP_READ, OP_FREE, OP_REF, OP_GIVE, OP_TAKE, OP_FLUSH,
	OP_SIGNAL, OP_NAP, OP_RECYCLE, OP_MOVE, OP_AUDIT, OP_BUSY, OP_KINDS
};

struct op {
	uint8_t kind, a, b;
};

#define	NOPS	16u

struct work {
	u_int ncpus, nthreads, nslots, npages;
	u_int queued;		/* of so many slots one stays mapped */
	bool strict, direct;
	uint32_t epoch;
	bool wired;		/* pages have a wiring of their own */
	bool sleeper;		/* the last CPU has idled for half of all */
	u_int nops[NTHREADS];
	struct op ops[NTHREADS][NOPS];
};

void	work_draw(struct work *w, uint64_t seed);
u_int	work_count(const struct work *w);
void	work_print(const struct work *w);
void	work_init(void);
void	work_start(const struct work *w);	/* memory is as at boot */
void	work_thread(u_int thread);
void	work_device(uint32_t what);
bool	work_release_shared(void);
void	work_check_waiters(void);
void	work_check(void);
uint32_t work_device_draw(void);

/* run.c */
enum verdict { PASSED, FAILED };
void	run_init(void);
void	run_noise(struct noise *n, uint64_t seed);
enum verdict run(const struct work *w, enum sim_mode mode,
	    const struct noise *n, const struct decisions *given,
	    uint64_t seed);
const char *run_name(const volatile void *p, char buf[48]);
extern uint64_t total_steps;

/* search.c */
struct figures {
	uint64_t runs, ops, steps;
};
bool	search_seeds(uint64_t first, uint64_t n, uint64_t stride,
	    struct figures *f, volatile uint64_t *seed);
bool	search_explain(uint64_t seed);
bool	search_all(u_int bound, u_int part, u_int parts, struct figures *f);

#endif /* !_SIM_H_ */
