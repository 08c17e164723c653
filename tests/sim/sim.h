/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SIM_H_
#define	_SIM_H_

/*
 * The simulation: the kernel's sf_buf and TLB code on a machine that is as
 * hostile as the manuals allow.  docs/simulation.md describes what is simulated
 * and what the oracle checks.
 *
 *	machine.c	CPUs, store buffers, TLBs, PTEs, interrupts
 *	thread.c	threads, sleeping, idling, traps
 *	work.c		the threads' operations, and the oracle's checks of them
 *	run.c		one run: set-up, schedule, verdict
 *	search.c	many runs: by seeds, exhaustively; shrinks failing ones
 *	main.c		options, processes, totals
 *
 * Everything runs on one thread of the host.  Each simulated thread has a stack
 * of its own.  Another CPU can only take over between two steps.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/thread.h>

#define	NCPUS		4u	/* at most; struct work has a run's number */
#define	NSLOTS		8u
#define	NTHREADS	6u
#define	NTASKS		(NTHREADS + NCPUS + 1)	/* with idle tasks, checker */
#define	NPAGES		8u
#define	NSTORES		6u	/* in a store buffer */
#define	NDECISIONS	8192u
#define	MAXSTEPS	60000u	/* in a run; a longer one is a hang */

/*
 * Decisions: the deviations from the plain schedule.  In that, the running CPU
 * runs until it waits, stores are visible at once, interrupts are not delayed,
 * the clock stands still and TLBs load only entries that a program reads
 * through.  A run is determined by its work and its list of decisions.
 */
enum decision_kind {
	D_SWITCH,	/* another CPU takes the next step: arg */
	D_LOAD,		/* a TLB loads an entry: CPU << 4 | slot */
	D_DROP,		/* a TLB drops an entry: CPU << 4 | slot */
	D_STRAY,	/* A and D appear in a removed entry: slot */
	D_TICK,		/* a clock interrupt: CPU */
	D_DEVICE,	/* a device's interrupt: request << 4 | CPU */
	D_WAKE,		/* a nap ends: thread */
	/* Those above are events; those below answer sim_choose(). */
	D_EVENTS,
	D_NEXT = D_EVENTS, /* CPU + 1 that runs when the running one waits */
	D_HOLD,		/* steps for which a store stays in its buffer */
	D_DELAY,	/* steps until an IPI arrives */
	D_PLACE,	/* CPU + 1 to which a woken thread goes */
	D_FALL,		/* HLT ends without an interrupt: 1 */
	D_KINDS
};

struct decision {
	uint32_t step;		/* number of the CPU's step, from 1 */
	uint8_t cpu;
	uint8_t kind;
	uint16_t arg;
};

struct decisions {
	u_int n;
	struct decision list[NDECISIONS];
};

/* How often each kind of decision occurs in a random schedule. */
struct noise {
	uint32_t gap;			/* an event every 1 to gap + 1 steps */
	uint8_t weight[D_EVENTS];	/* of 256; each with those before it */
	uint8_t hold, delay, place, stall, fall;	/* chances, of 256 */
};

enum sim_mode {
	SIM_RANDOM,		/* draws decisions and records them */
	SIM_REPLAY		/* follows a list of decisions */
};

struct fiber {
	void *sp;
	char *stack;
	void *fake;		/* the address sanitizer's fake stack */
};

/* A thread, or a CPU's idle loop. */
struct task {
	struct thread td;
	struct fiber fiber;
	const void *wchan;	/* the channel that it sleeps on, or NULL */
	bool napping, busy, catches, done;
	int error;		/* result of the sleep */
	uint32_t sleeps;	/* begun */
	u_int forces;		/* flushes of all CPUs that it waited for */
	u_int queued;		/* times that it joined the queue for slots */
};

struct cpu {
	struct pcpu *pc;
	struct task *task;	/* the running one */
	struct task *idle;
	bool intr_on, halted;
	bool asleep;		/* idle: has no clock, touches no sf_buf */
	bool serves;		/* took a request to flush, and is to do it */
	uint32_t steps;
	uint32_t stalled;	/* is not chosen to run before this step */
	uint32_t pending;	/* interrupts: INTR_*, or 1 << verb */
	uint32_t in_flight;	/* IPIs sent and not yet arrived: 1 << verb */
	uint32_t arrives[IPI_NVERBS];	/* when they arrive */
	uint16_t device[4];	/* requests of the device's interrupts */
	u_int ndevice;
	u_int nstores;
	struct {
		volatile uint32_t *p;
		uint32_t v, due;
	} stores[NSTORES];	/* the oldest first */
	uint32_t tlb[NSLOTS];	/* frame + 1, or 0 */
	bool global[NSLOTS], readonly[NSLOTS];
	struct task *queue[NTASKS];
	u_int nqueue;
};
#define	INTR_CLOCK	0x100u
#define	INTR_DEVICE	0x200u

/* For each slot, the references that the oracle knows of. */
struct live {
	uint32_t frame;
	u_int shared;			/* valid on every CPU */
	u_int private_to[NCPUS];	/* valid on one CPU */
};

/* For each slot, the access that dropped its last reference. */
struct last_drop {
	const struct task *by;		/* NULL: none that counts */
	u_int depth;			/* of interrupts */
	uint32_t removals;		/* of its entry, before */
};

/* machine.c */
extern struct cpu cpus[NCPUS];
extern struct cpu *cur;
extern struct live live[NSLOTS];
extern struct last_drop last_drops[NSLOTS];
extern uint32_t sim_removals[NSLOTS];	/* entries of the slot removed */
extern uint64_t sim_pte_writes;		/* entries entered or removed */
/* The kernel's sf_ptes[], as 64-bit entries. */
extern volatile uint64_t sim_ptes[NSLOTS] __asm__("sf_ptes");
#define	SIM_PTES_SIZE	(NSLOTS * sizeof(uint64_t))
extern uint32_t now;
extern bool tracing;
extern bool machine_runs;		/* a run is under way */
extern struct decisions taken;
extern bool recording_full;
void	machine_reset(u_int ncpus, enum sim_mode mode, const struct noise *n,
	    const struct decisions *given, uint64_t seed);
void	machine_run(void);		/* until sim_finish() or sim_fail() */
void	machine_start(void);		/* decisions occur from now on */
void	machine_calm(void);		/* none occurs from now on */
void	sim_step(const char *what, const volatile void *p, uint64_t v,
	    const void *from);
void	sim_drain(struct cpu *c);
void	sim_ipi(struct cpu *c, u_int verb);
void	sim_read(vm_offset_t va, uint32_t frame);
uint64_t sim_pte_here(u_int slot);
void	sim_check_slot(const struct cpu *c, u_int slot);
void	sim_check_tlb(const struct cpu *c);
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
extern char sim_message[512];		/* the failure; empty if none */

/*
 * Called while all schedules are explored, at each step past the last given
 * decision, for each decision that would be possible there.
 */
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
void	fiber_watch(void);

/* work.c */
enum op_kind {
	OP_ALLOC, OP_READ, OP_FREE, OP_REF, OP_GIVE, OP_TAKE, OP_FLUSH,
	OP_SIGNAL, OP_NAP, OP_RECYCLE, OP_MOVE, OP_AUDIT, OP_BUSY, OP_CHURN,
	OP_SEAL,
	OP_KINDS
};

struct op {
	uint8_t kind, a, b;
};

#define	NOPS	16u

struct work {
	u_int ncpus, nthreads, nslots, npages;
	u_int queued;		/* one slot in this many stays mapped */
	u_int search;		/* looks at slots before a lock is let go */
	bool strict, direct;
	uint32_t epoch;
	bool wired;		/* pages have a wiring of their own */
	bool sleeper;		/* the last CPU idled for half of all epochs */
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
