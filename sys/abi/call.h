/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_ABI_CALL_H_
#define	_SYS_ABI_CALL_H_

/*
 * The kernel's calls, as ring 3 sees them.  No other header of the kernel is
 * needed with this one but <sys/errno.h>.
 *
 * A call is SYSENTER, or INT CALL_VECTOR on a CPU without it.  Registers:
 *
 *	EAX	the call's number, and above bit 7 the handle that it is about
 *	EBX, ESI, EDI, EBP	its arguments
 *	ECX, EDX	for SYSENTER: the stack pointer and the address to return
 *			to; undefined afterwards
 * On return EAX is the result, or minus an error number of <sys/errno.h>; EBX
 * and ESI have further results of calls that name them, and are else as they
 * were, as are EDI and EBP.  EFLAGS is undefined, DF is clear.
 */

#define	CALL_VECTOR	0x81
#define	CALL(nr, handle)	((nr) | (handle) << 8)
#define	CALL_NR(eax)		((eax) & 0xff)
#define	CALL_HANDLE(eax)	((eax) >> 8)

enum call {
	/* EAX: the thread's number; EBX: the task's. */
	CALL_THREAD_SELF,
	/*
	 * EBX: 0 to 255, or STATUS_NOTE(1 to 31): its status.  Ends the task.
	 * Does not return.
	 */
	CALL_EXIT,
	/* Ends the thread; the last one ends the task with status 0. */
	CALL_THREAD_EXIT,
	/*
	 * EBX: address of the first instruction, ESI: stack pointer, EDI:
	 * address of its struct thread_block or 0, EBP: base of %gs.  EAX: the
	 * thread's number.
	 */
	CALL_THREAD_CREATE,
	/* EBX: an enum thread_op, ESI, EDI: its arguments. */
	CALL_THREAD_CTL,
	/*
	 * Makes a task like this one, with the calling thread only.  EAX: in
	 * the parent the handle of the child, in the child 0; EBX: the child's
	 * number.  Handles are copied.
	 */
	CALL_TASK_FORK,
	/* handle: a task; EBX: note 1 to 31; NOTE_KILL ends it. */
	CALL_TASK_KILL,
	/* handle: a task.  EBX: its status once it has ended, else EAGAIN. */
	CALL_TASK_STATUS,
	/* EBX: pages.  EAX: handle of a new object, all zeros. */
	CALL_MEM_CREATE,
	/*
	 * handle: an object, or 0: new memory, all zeros.  EBX: address, where
	 * it is not free the nearest below that is; 0: any; ESI: bytes; EDI:
	 * first page of the object; EBP: PROT_* | MAP_*.  EAX: address.
	 */
	CALL_MEM_MAP,
	/* EBX: address, ESI: bytes; parts of it may have nothing mapped. */
	CALL_MEM_UNMAP,
	/* EBX: address, ESI: bytes, EDI: PROT_*. */
	CALL_MEM_PROTECT,
	/* handle: an object; EBX, ESI: buffer; EDI, EBP: offset, low, high. */
	CALL_MEM_READ,
	CALL_MEM_WRITE,
	/* handle: an object.  EBX, ESI: its size in bytes, low and high. */
	CALL_MEM_SIZE,
	/* EBX: CHAN_STREAM or CHAN_MESSAGE.  EAX, EBX: the handles of its ends. */
	CALL_CHAN_CREATE,
	/*
	 * handle: an end; EBX, ESI: buffer; EDI: CHAN_* flags; EBP: address of a
	 * struct chan_handles, or 0.  EAX: bytes.
	 */
	CALL_CHAN_WRITE,
	CALL_CHAN_READ,
	/* EBX, ESI: what is written; EDI, EBP: where the reply is read to. */
	CALL_CHAN_CALL,
	/*
	 * handle: an end; EBX: handle of an object | flags << 24; ESI: bytes;
	 * EDI, EBP: offset, low, high.  EAX: bytes.
	 */
	CALL_CHAN_SENDMEM,
	/* handle: an end; EBX: an enum chan_op; ESI: its argument. */
	CALL_CHAN_CTL,
	/* EBX: rights that are kept.  EAX: another handle of the same thing. */
	CALL_HANDLE_DUP,
	CALL_HANDLE_CLOSE,
	/*
	 * EBX: address of struct wait_item[], ESI: how many, 0: a sleep; EDI,
	 * EBP: the time in ns since start at which the wait ends; 0: at once,
	 * all ones: never.  EAX: how many are ready, 0 after that time.
	 */
	CALL_WAIT,
	/* EBX: address of a word, ESI: value; EDI, EBP: as CALL_WAIT. */
	CALL_FUTEX_WAIT,
	/* EBX: address of a word, ESI: most threads to wake.  EAX: how many. */
	CALL_FUTEX_WAKE,
	/* EBX, ESI: ns since start, low and high. */
	CALL_CLOCK_GET,
	NCALLS
};

enum thread_op {
	THREAD_TLS,		/* base of %gs */
	THREAD_BLOCK,		/* its struct thread_block, and upcall entry */
	THREAD_MASK,		/* notes that do not interrupt it; EAX: old */
	THREAD_INTERRUPT,	/* number of a thread: note 0 for it alone */
	THREAD_NOTES		/* takes the notes that came: EAX: the set */
};

/* Handles that every task has. */
#define	HANDLE_SELF	1	/* its task */
#define	HANDLE_PARENT	2	/* the task that made it */
#define	HANDLE_CONSOLE	3	/* the first task's: the console */

/* Rights of a handle. */
#define	RIGHT_READ	0x1	/* read an object, a channel; wait */
#define	RIGHT_WRITE	0x2	/* write to it; wait */
#define	RIGHT_EXEC	0x4	/* map an object for execution */
#define	RIGHT_KILL	0x8	/* of a task */
#define	RIGHT_DUP	0x10	/* duplicate, send */

#define	PROT_READ	0x1
#define	PROT_WRITE	0x2
#define	PROT_EXEC	0x4
#define	MAP_PRIVATE	0x10	/* writes go to copies of the pages */
#define	MAP_SHARE	0x20	/* fork shares it, else copies */
#define	MAP_FIXED	0x40	/* at this address, in place of what is there */

#define	CHAN_STREAM	0
#define	CHAN_MESSAGE	1
#define	CHAN_NONBLOCK	0x1	/* flags: EAGAIN instead of a sleep */
#define	CHAN_PEEK	0x2

enum chan_op {
	CHAN_QUEUED,		/* EAX: bytes that a read would find */
	CHAN_LIMIT,		/* argument: most bytes queued */
	CHAN_SHUT		/* argument: RIGHT_READ, RIGHT_WRITE */
};

#define	CHAN_MAXHANDLES	8
struct chan_handles {
	unsigned int count;
	unsigned int handle[CHAN_MAXHANDLES];
};

#define	WAIT_READ	0x1	/* a read would not sleep, or end of file */
#define	WAIT_WRITE	0x2
#define	WAIT_EXIT	0x4	/* the task has ended */
#define	WAIT_HANGUP	0x8	/* the other end is closed; always reported */
#define	WAIT_MAX	256
struct wait_item {
	unsigned int handle;
	unsigned short events;	/* that are waited for */
	unsigned short ready;	/* that are there; WAIT_HANGUP */
};

#define	NOTE_INTERRUPT	2	/* from the console, to every task */
#define	NOTE_KILL	9	/* the note that cannot be masked */
#define	NOTE_CHILD	17	/* a task that it has forked has ended */

/* What CALL_TASK_STATUS returns: 8 bits of a status, or why it was ended. */
#define	STATUS_EXIT(code)	((code) & 0xff)
#define	STATUS_NOTE(note)	(0x100 | (note))	/* ended by a note */
#define	STATUS_FAULT(vector)	(0x200 | (vector))	/* by an exception */

/*
 * A thread's block: memory of the task that the kernel writes when it makes an
 * upcall.  %fs selects a segment that begins there, and %gs one that begins at
 * the base of THREAD_TLS: a thread starts with both selectors loaded.
 *
 * An upcall goes to the entry that THREAD_BLOCK named, with the registers as
 * they were but for EIP: the thread's own EIP and EFLAGS are in the block, and
 * `busy' is 1: the kernel sets it, so that no second upcall comes before the
 * task has read the first.  Reasons: INT 0x80, whatever `busy' is; or notes,
 * when the thread is about to return to ring 3 and `busy' is 0: `arg' is the
 * set, bit n for note n.
 *
 * A note stays pending at the task until a thread takes it, by such an upcall or
 * by THREAD_NOTES.  While one is pending that the thread does not mask, its
 * sleeps end in EINTR at once, so that none is missed between a look and a
 * sleep; and on each return to ring 3 with `busy' not 0 the kernel sets
 * `pending' to 1.  The task sets `busy' and `pending' back to 0.  Note 0 is of
 * one thread, from THREAD_INTERRUPT, and else like the others.
 */
#define	UPCALL_INT80	1
#define	UPCALL_NOTE	2
struct thread_block {
	struct thread_block *self;
	volatile unsigned int busy;	/* the task's: no UPCALL_NOTE now */
	volatile unsigned int pending;	/* notes came while it was busy */
	unsigned int reason, eip, eflags, arg;	/* of the upcall */
};

/*
 * The boot block, at BOOT_BLOCK in the first task.
 */
#define	USER_END	0x80000000u	/* the end of user addresses */
#define	BOOT_BLOCK	0x7fff0000u
#define	BOOT_SYSENTER	0x1		/* flags: the CPU has it */
#define	BOOT_MAXFILES	64
struct boot_file {
	char name[60];
	unsigned int handle;
	unsigned long long size;
};
struct boot_block {
	unsigned int flags, nfiles, ncpus, mem_mib;
	unsigned char seed[16];
	unsigned long long realtime_ns;		/* 0 if not known */
	char args[4096];		/* prog= and args= of the command line */
	struct boot_file files[BOOT_MAXFILES];
};

#endif /* !_SYS_ABI_CALL_H_ */
