/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _MACHINE_USER_H_
#define	_MACHINE_USER_H_

/*
 * Ring 3: arch/i386/trap/user.asm and user.c.  A thread of a task has a struct
 * user_thread; a thread of the kernel has none (td_user is NULL).
 */

#include <sys/types.h>
#include <machine/trap.h>

struct pmap;
struct thread;

/* What is on the kernel stack of a thread that came from ring 3: its top. */
struct userframe {
	struct trapframe tf;
	uint32_t esp, ss;		/* the CPU pushes these from ring 3 */
};

#define	FPU_SIZE	512u		/* FXSAVE, aligned to 16 */

/*
 * What ring 3 asks for and does goes to these functions of the storey above, in
 * the thread that came from ring 3, with interrupts on.
 */
struct user_ops {
	/* SYSENTER or INT CALL_VECTOR. */
	void (*syscall)(struct userframe *uf);
	/* An exception, tf.trapno; INT 0x80 is one; va: of a page fault. */
	void (*exception)(struct userframe *uf, vm_offset_t va);
	/* Before a return to ring 3, if td_ast is not 0. */
	void (*ast)(struct userframe *uf);
};

struct user_thread {
	uint8_t fpu[FPU_SIZE];		/* aligned: kmalloc() gives 16 */
	const struct user_ops *ops;
	struct pmap *pmap;
	uint32_t tls_base;		/* of the segment that %gs selects */
	uint32_t block_base;		/* of the segment in %fs */
	uint32_t gs;			/* the selector, while it does not run */
	uint32_t esp0;			/* top of its kernel stack */
};

/*
 * user_supported: NULL, or why no task can run on this machine: a CPU without
 * FXSR.  user_has_sysenter: whether SYSENTER can be used.
 */
const char *user_supported(void);
bool	user_has_sysenter(void);

/* user_init_cpu: sets up this CPU for ring 3.  Once on each, interrupts off. */
void	user_init_cpu(void);

/*
 * user_enter: goes to ring 3 with these registers for the first time.  Called by
 * the thread's first function, in its own kernel stack; does not return.
 */
void	user_enter(const struct userframe *uf) __attribute__((__noreturn__));

/* user_frame: the registers of td in ring 3, while it is in the kernel. */
struct userframe *user_frame(struct thread *td);

/* user_frame_init: registers for a new thread: flat segments, IF set. */
void	user_frame_init(struct userframe *uf, uint32_t eip, uint32_t esp);

/* user_set_tls, user_set_block: of the calling thread.  Any base < USER_END. */
void	user_set_tls(uint32_t base);
void	user_set_block(uint32_t base);

/* user_fpu_init: the FPU's state at the start of a program. */
void	user_fpu_init(struct user_thread *ut);

/*
 * user_switch: saves the state of old and loads that of new, either of which
 * may be a thread of the kernel.  For sched_switch(), interrupts off.
 */
void	user_switch(struct thread *old, struct thread *new);

#endif /* !_MACHINE_USER_H_ */
