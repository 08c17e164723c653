/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_USER_H_
#define	_MACHINE_USER_H_

/*
 * Ring 3: arch/i386/trap/ring3.asm and user.c.  A thread of a task has a struct
 * user_thread; a thread of the kernel has none (td_user is NULL).
 */

#include <sys/types.h>
#include <machine/trap.h>

struct pmap;
struct thread;

/*
 * What is on the kernel stack of a thread that came from ring 3: its top.  In a
 * call, tf.err is UF_FAST: ECX, EDX and EFLAGS need not come back as they are
 * in the frame.  A function that wants them to stores UF_FULL there.
 */
#define	UF_FAST		0
#define	UF_FULL		1
struct userframe {
	struct trapframe tf;
	uint32_t esp, ss;		/* the CPU pushes these from ring 3 */
};

#define	FPU_SIZE	512u		/* FXSAVE, aligned to 16 */

/*
 * What ring 3 asks for and does goes to these functions of the storey above, in
 * the thread that came from ring 3, with interrupts on.  They return without
 * locks, not pinned, or end the thread.  They may change the frame: whatever
 * they leave in EFLAGS, ring 3 gets no privilege.
 */
struct user_ops {
	/* SYSENTER or INT CALL_VECTOR. */
	void (*syscall)(struct userframe *uf);
	/* An exception, tf.trapno; INT 0x80 is one; va: of a page fault. */
	void (*exception)(struct userframe *uf, vm_offset_t va);
	/* Before a return to ring 3, while td_ast is not 0: clears it. */
	void (*ast)(struct userframe *uf);
};

struct user_thread {
	uint8_t fpu[FPU_SIZE];		/* aligned: kmalloc() gives 16 */
	const struct user_ops *ops;
	struct pmap *pmap;
	uint32_t tls_base;		/* of the segment that %gs selects */
	uint32_t block_base;		/* of the segment in %fs */
	uint32_t gs;			/* the selector, while it does not run;
					   0 or GSEL_TLS at first */
	uint32_t esp0;			/* user_attach(): its kernel stack */
};

/*
 * user_supported: NULL, or why no task can run on this machine: a CPU without
 * FXSR.  user_has_sysenter: whether SYSENTER can be used.
 */
const char *user_supported(void);
bool	user_has_sysenter(void);

/*
 * user_init_cpu: sets up this CPU for ring 3.  Once on each, interrupts off,
 * after desc_init_cpu() and the control registers.
 */
void	user_init_cpu(void);

/*
 * user_attach: makes the calling thread one of a task, with its state loaded
 * from ut, which the caller has filled but for esp0.  Of a thread that is one
 * already: loads all of it again.  NULL: makes it a thread of the kernel, in
 * the kernel's page tables; then what it was may be freed.  The only function
 * that sets td_user: if that were set before the state is loaded, a switch
 * would store in it what another task left in the FPU.  Thread context,
 * interrupts on.
 * user_save: stores what only the CPU has of the calling thread in its struct
 * user_thread, for a copy: fpu and gs.
 */
void	user_attach(struct user_thread *ut);
void	user_save(void);

/*
 * user_enter: goes to ring 3 with these registers for the first time.  Called
 * by the thread's first function after user_attach(), in its own kernel stack,
 * whose frames all end here; does not return.
 */
void	user_enter(const struct userframe *uf) __attribute__((__noreturn__));

/* user_frame: the registers of td in ring 3, while it is in the kernel. */
struct userframe *user_frame(struct thread *td);

/* user_frame_init: registers for a new thread: flat segments, IF set. */
void	user_frame_init(struct userframe *uf, uint32_t eip, uint32_t esp);

/*
 * user_set_tls, user_set_block: of the calling thread, from now on; %gs selects
 * the segment.  Any base; what it reaches, the page tables decide.
 */
void	user_set_tls(uint32_t base);
void	user_set_block(uint32_t base);

/*
 * user_fpu_init: stores the FPU's state at the start of a program.  Of the
 * calling thread: user_attach() then loads it.
 */
void	user_fpu_init(struct user_thread *ut);

/*
 * user_switch: saves the state of old and loads that of new, either of which
 * may be a thread of the kernel.  For sched_switch(), interrupts off.
 */
void	user_switch(struct thread *old, struct thread *new);

/*
 * user_step: for trap(): whether tf is of a #DB because SYSENTER was executed
 * with TF set; if so, clears TF in it.
 */
bool	user_step(struct trapframe *tf);

#endif /* !_MACHINE_USER_H_ */
