/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Threads of this process, and futexes.  A thread's number in Linux (its tid)
 * is made of the index of its area and the process's number, so that no two
 * threads of any processes have one; the main thread's is the latter alone.
 */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

#define	SLOT_SHIFT	22u		/* a tid is below 2^30: futexes */

/*
 * Whether an area is used is not said in it: to walk over them would touch a
 * page of each, which a fork would then copy or share.  They lie behind all
 * other data, so that its pages are close to each other.
 */
struct thread_area areas[THREADS_MAX]
    __attribute__((__aligned__(4096), __section__(".bss.areas")));

_Static_assert(sizeof(struct thread_area) == THREAD_SIZE &&
    offsetof(struct thread_area, thread) % 16 == 0, "start.asm: the stack");

uint32_t
thread_slot(const struct thread *td)
{
	return ((uint32_t)((uintptr_t)td - (uintptr_t)areas) / THREAD_SIZE);
}

static uint32_t
tid_of(const struct thread *td)
{
	uint32_t slot = thread_slot(td);

	return (slot == proc.main_slot ? proc.pid :
	    (slot + 1) << SLOT_SHIFT | proc.pid);
}

/* A thread that has no number yet, or NULL. */
struct thread *
thread_alloc(void)
{
	uint8_t none;

	for (uint32_t i = 0; i < THREADS_MAX; i++) {
		struct thread *td = &areas[i].thread;

		none = 0;
		if (proc.used[i] != 0 || !__atomic_compare_exchange_n(
		    &proc.used[i], &none, 1, false, __ATOMIC_ACQUIRE,
		    __ATOMIC_RELAXED))
			continue;
		td->block = (struct thread_block){ .self = &td->block,
		    .busy = 1 };
		td->stack_top = (uint32_t)td;
		td->tid = tid_of(td);
		td->number = 0;		/* until it says itself */
		td->clear_tid = 0;
		td->pending[0] = td->pending[1] = 0;
		td->mask = 0;
		td->mask_saved = false;
		td->leave = false;
		return (td);
	}
	return (NULL);
}

/* The calling thread has this block from now on. */
void
thread_init(struct thread *td)
{
	native(CALL_THREAD_CTL, THREAD_BLOCK, (uint32_t)td,
	    (uint32_t)upcall_entry, 0);
	td->number = native(CALL_THREAD_SELF, 0, 0, 0, 0);
}

/* A new thread, with its struct thread in %fs already. */
void
thread_main(struct regs *r)
{
	thread_init(self());
	signal_work(r, NO_CALL);
}

/* clone(flags, stack, parent's tid, TLS, child's tid), with CLONE_THREAD */
int
thread_create(const struct regs *r)
{
	const struct linux_user_desc *tls = (void *)r->esi;
	struct thread *td = thread_alloc();
	struct regs *regs;
	int number;

	if (td == NULL)
		return (-EAGAIN);
	if ((r->ebx & CLONE_SETTLS) != 0 && !is_program(r->esi, sizeof(*tls))) {
		proc.used[thread_slot(td)] = 0;
		return (-EFAULT);
	}
	td->mask = self()->mask;
	if ((r->ebx & CLONE_CHILD_CLEARTID) != 0)
		td->clear_tid = r->edi;
	if ((r->ebx & CLONE_PARENT_SETTID) != 0)
		*(uint32_t *)r->edx = td->tid;
	if ((r->ebx & CLONE_CHILD_SETTID) != 0)
		*(uint32_t *)r->edi = td->tid;
	regs = (struct regs *)td->stack_top - 1;
	*regs = *r;
	regs->eax = 0;
	regs->esp = r->ecx;
	atomic_add(&proc.nthreads, 1);
	number = native(CALL_THREAD_CREATE, (uint32_t)thread_entry,
	    (uint32_t)regs, (uint32_t)td,
	    (r->ebx & CLONE_SETTLS) != 0 ? tls->base_addr : 0);
	if (number >= 0)
		return (td->tid);
	atomic_add(&proc.nthreads, -1u);
	proc.used[thread_slot(td)] = 0;
	return (number);
}

/* Ends this thread; with the last one the process. */
void
thread_exit(uint32_t status)
{
	struct thread *td = self();
	uint32_t *clear = (uint32_t *)td->clear_tid;

	if (atomic_add(&proc.nthreads, -1u) == 0)
		process_exit(status);
	if (is_program((uint32_t)clear, sizeof(*clear))) {
		*clear = 0;
		native(CALL_FUTEX_WAKE, (uint32_t)clear, 1, 0, 0);
	}
	/*
	 * Another thread may have the area before the last call is made: no
	 * upcall may use the block from here on.
	 */
	native(CALL_THREAD_CTL, THREAD_BLOCK, 0, 0, 0);
	thread_leave(&proc.used[thread_slot(td)]);
}

int
linux_exit(struct regs *r)
{
	thread_exit(STATUS_EXIT(r->ebx));
}

/* For execve(): returns when this thread is the only one. */
void
threads_end_others(void)
{
	uint64_t until;

	if (proc.nthreads == 1)
		return;
	for (uint32_t i = 0; i < THREADS_MAX; i++) {
		struct thread *td = &areas[i].thread;

		if (proc.used[i] == 0 || td == self())
			continue;
		td->leave = true;
		native(CALL_THREAD_CTL, THREAD_INTERRUPT, td->number, 0, 0);
	}
	while (proc.nthreads > 1) {
		until = clock_now() + 1000000;
		native(CALL_WAIT, 0, 0, until, until >> 32);
	}
}

int
linux_gettid(struct regs *r)
{
	(void)r;
	return (self()->tid);
}

int
linux_set_tid_address(struct regs *r)
{
	self()->clear_tid = r->ebx;
	return (self()->tid);
}

static int
send_thread(uint32_t tid, uint32_t signo)
{
	if (signo > NSIG)
		return (-EINVAL);
	for (uint32_t i = 0; i < THREADS_MAX; i++) {
		struct thread *td = &areas[i].thread;

		if (proc.used[i] == 0 || td->tid != tid)
			continue;
		if (signo != 0)
			signal_post_thread(td, signo);
		return (0);
	}
	return (-ESRCH);
}

int
linux_tkill(struct regs *r)
{
	return (send_thread(r->ebx, r->ecx));
}

/* tgkill(process, thread, signal) */
int
linux_tgkill(struct regs *r)
{
	return (r->ebx == proc.pid ? send_thread(r->ecx, r->edx) : -ESRCH);
}

/* The kernel has one segment for TLS, which %gs selects. */
int
linux_set_thread_area(struct regs *r)
{
	struct linux_user_desc *ud = (struct linux_user_desc *)r->ebx;
	uint32_t gs;
	int error;

	__asm__ ("movl %%gs, %0" : "=r" (gs));
	gs = (gs & 0xffff) >> 3;
	if (ud->entry_number != ~0u && ud->entry_number != gs)
		return (-EINVAL);
	error = native(CALL_THREAD_CTL, THREAD_TLS, ud->base_addr, 0, 0);
	if (error == 0)
		ud->entry_number = gs;
	return (error);
}

static int
futex_wait(const struct regs *r, bool absolute,
    int (*deadline_in)(uint32_t, bool, uint32_t, uint64_t *))
{
	uint64_t d = NEVER;
	int error = 0;

	if (r->esi != 0 && !is_program(r->esi, 1))
		return (-EFAULT);
	if (r->esi != 0)
		error = deadline_in(r->esi, absolute,
		    (r->ecx & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME :
		    CLOCK_MONOTONIC, &d);
	if (error != 0)
		return (error);
	error = native_sleep(CALL_FUTEX_WAIT, r->ebx, r->edx, d, d >> 32);
	return (error == -EINTR && d == NEVER ? -ERESTART : error);
}

/*
 * futex(address, operation, value, time or value 2, address 2, value 3).  What
 * would be moved to another futex is woken: it looks again, and waits there.
 */
static int
futex(const struct regs *r,
    int (*deadline_in)(uint32_t, bool, uint32_t, uint64_t *))
{
	uint32_t wake = r->edx;

	switch (r->ecx & FUTEX_OP) {
	case FUTEX_WAIT:
		return (futex_wait(r, false, deadline_in));
	case FUTEX_WAIT_BITSET:
		return (futex_wait(r, true, deadline_in));
	case FUTEX_CMP_REQUEUE:
		if (*(volatile uint32_t *)r->ebx != r->ebp)
			return (-EAGAIN);
		/* FALLTHROUGH */
	case FUTEX_REQUEUE:
		wake = wake > INT32_MAX - r->esi ? INT32_MAX : wake + r->esi;
		/* FALLTHROUGH */
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		return (native(CALL_FUTEX_WAKE, r->ebx, wake, 0, 0));
	default:
		return (-ENOSYS);
	}
}

int
linux_futex(struct regs *r)
{
	return (futex(r, deadline_in32));
}

int
linux_futex_time64(struct regs *r)
{
	return (futex(r, deadline_in64));
}
