/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _USER_PROC_H_
#define	_USER_PROC_H_

/*
 * A Linux process, which is a task, and its threads: what the files of user/
 * share.
 *
 * The personality lies in the task's memory beside the program, and nothing
 * protects it from the program: a program can only harm itself.  A fork copies
 * all of it but struct shared.
 *
 * What guards a field: (p) proc.lock; (a) locked instructions; (t) only its
 * thread; the others change while the process has one thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/abi/call.h>

#define	PAGE_SIZE	4096u
#define	PAGE_MASK	(PAGE_SIZE - 1)
#define	round_page(x)	(((x) + PAGE_MASK) & ~PAGE_MASK)
#define	nitems(a)	(sizeof(a) / sizeof((a)[0]))
#define	barrier()	__asm__ __volatile__("" : : : "memory")

/* The task's addresses: a program may have those in [LOW, HIGH). */
#define	PROGRAM_LOW	PAGE_SIZE
#define	PROGRAM_HIGH	0x7f000000u	/* the personality: user/user.ld */
#define	SHARED_BASE	0x7f800000u	/* struct shared */
#define	EXEC_BASE	0x7fa00000u	/* arguments, while execve() runs */
#define	EXEC_SIZE	0x00200000u
#define	STACK_SIZE	0x00800000u	/* of a program, below PROGRAM_HIGH */

/*
 * A program's registers while the personality works for it, at the top of the
 * stack of its struct thread.  start.asm knows the layout.
 */
struct regs {
	uint32_t edi, esi, ebp, unused, ebx, edx, ecx, eax;
	uint32_t eip, eflags, esp;
};

/*
 * A thread, and the stack on which the personality works for it.  The program's
 * stack is not used: a thread that ends unmaps its own before its last call.
 */
#define	THREAD_SIZE	16384u
#define	THREADS_MAX	250u
struct thread {
	struct thread_block block;	/* %fs begins here */
	uint32_t stack_top;		/* start.asm knows these four */
	uint32_t user_esp, user_eip, scratch;
	uint32_t number;		/* the kernel's number of it */
	uint32_t tid;
	uint32_t clear_tid;		/* (t) address; set_tid_address(2) */
	volatile uint32_t pending[2];	/* (a) signals sent to this thread */
	uint64_t mask;			/* (t) blocked signals */
	uint64_t saved_mask;		/* (t) to go back to: sigsuspend(2) */
	bool mask_saved;		/* (t) */
	volatile bool leave;		/* another thread runs execve() */
};
/* One above the other, so that a call touches one page of it. */
#define	THREAD_ROOM	256u
struct thread_area {
	uint8_t stack[THREAD_SIZE - THREAD_ROOM];
	struct thread thread;
	uint8_t room[THREAD_ROOM - sizeof(struct thread)];
};

/*
 * An open file description, in memory that forked processes share.  `holders'
 * is how many processes have it, whose bit for it in held[] is set; each has
 * the handle by the same number, since it got it by fork.
 */
enum file_type {
	FILE_NONE, FILE_CONSOLE, FILE_PIPE, FILE_SOCKET, FILE_MESSAGES,
	FILE_BOOT, FILE_DIR, FILE_NULL, FILE_ZERO
};
struct file {
	volatile uint32_t holders;	/* (a) */
	uint32_t type;			/* enum file_type */
	volatile uint32_t flags;	/* O_* of open(2) */
	uint32_t handle;		/* of the channel or object */
	uint32_t index;			/* of a boot file; of a directory */
	volatile uint64_t offset;
};
#define	FILES_MAX	4096u
#define	PROCESSES_MAX	1024u
#define	SLOT_USED	0x1u
#define	SLOT_ENDED	0x2u	/* its process is about to end */
#define	SLOT_ORPHAN	0x4u	/* its parent is, and will not wait for it */
struct shared {
	struct file files[FILES_MAX];
	volatile uint32_t free_hint;	/* a file below is seldom free */
	volatile uint32_t words;	/* (a) of each held[], that were used */
	volatile uint32_t slots[PROCESSES_MAX];	/* (a) 0: free; SLOT_* */
	volatile uint32_t held[PROCESSES_MAX][FILES_MAX / 32]; /* (a) */
};
#define	shared		((struct shared *)SHARED_BASE)

struct fd {
	struct file *file;		/* NULL: closed */
	bool cloexec;
};
#define	FDS_MAX		1024u

struct child {				/* or an ancestor */
	uint32_t pid, handle;		/* pid 0: a free entry */
	uint32_t slot;			/* of a child, in struct shared */
};
#define	CHILDREN_MAX	WAIT_MAX
#define	ANCESTORS_MAX	8u

struct sigact {
	uint32_t handler, flags, restorer;
	uint64_t mask;
};

/* What a fork writes to comes first: it is in one page. */
struct process {
	volatile uint32_t lock;		/* lock(): 0, 1, 2 with sleepers */
	uint32_t pid, ppid;
	uint32_t slot;			/* in struct shared */
	volatile uint32_t nthreads;	/* (a) */
	uint32_t main_slot;		/* whose tid is the pid */
	uint32_t program;		/* index of its boot file */
	uint32_t umask, cwd;		/* cwd: index of a directory */
	uint32_t brk_low, brk, brk_high; /* (p) heap, and what is mapped */
	uint32_t map_top;		/* below it mmap(2) finds room */
	volatile uint32_t pending[2];	/* (a) signals sent to the process */
	uint32_t nfds;			/* (p) the entries behind are closed */
	char name[16];
	uint64_t random;		/* state of the generator */
	volatile uint8_t used[THREADS_MAX];	/* (a) 1: a thread has the area */
	struct child ancestors[ANCESTORS_MAX];	/* the parent first */
	uint32_t nchildren;		/* (p) the entries behind are free */
	struct child children[CHILDREN_MAX];	/* (p) */
	struct sigact actions[64];	/* (p) of signal n at n - 1 */
	struct fd fds[FDS_MAX];		/* (p) */
};
extern struct process proc;
extern struct thread_area areas[THREADS_MAX];
#define	boot		((const struct boot_block *)BOOT_BLOCK)

static inline struct thread *
self(void)
{
	struct thread *td;

	__asm__ ("movl %%fs:0, %0" : "=r" (td));
	return (td);
}

/* lib.c */
void	*memcpy(void *dst, const void *src, size_t n);
void	*memset(void *dst, int c, size_t n);
int	memcmp(const void *a, const void *b, size_t n);
size_t	strlen(const char *s);
int	strcmp(const char *a, const char *b);
uint64_t div64(uint64_t n, uint32_t d, uint32_t *rem);
void	say(const char *fmt, ...);	/* a line on the console: %s %u %x */
void	lock(volatile uint32_t *l);
void	unlock(volatile uint32_t *l);
uint32_t random32(void);
uint32_t atomic_or(volatile uint32_t *p, uint32_t bits);
uint32_t atomic_clear(volatile uint32_t *p, uint32_t bits);
uint32_t atomic_add(volatile uint32_t *p, uint32_t n);	/* the new value */
uint32_t atomic_swap(volatile uint32_t *p, uint32_t n);

/* syscall.c */
void	perform(struct regs *r);
bool	is_program(uint32_t addr, uint32_t len);	/* may be a program's */

/* path.c */
struct path {
	enum file_type type;
	uint32_t index;
};
int	path_find(const char *name, struct path *p);
int	path_find_at(int dirfd, const char *name, struct path *p);
int	boot_byte(const char **text);			/* exec.c */
int	boot_file_find(const char *name);
void	boot_file_name(uint32_t index, char name[64]);

/* fd.c */
void	fd_init(void);
struct file *fd_file(int fd);			/* NULL: not open */
int	fd_open(struct file *f, int lowest, bool cloexec);
int	fd_place(struct file *f, int lowest, bool cloexec);
void	fd_replace(int fd, struct file *f, bool cloexec);
int	fd_close(int fd);
void	fd_close_on_exec(void);
int	fd_fork(void);				/* the child's slot */
void	fd_forget(uint32_t slot);		/* a process is gone */
void	fd_slot_free(uint32_t slot);		/* and nobody waits for it */
void	fd_slot_leave(uint32_t slot, uint32_t bit);
struct file *file_new(enum file_type type, uint32_t flags, uint32_t handle,
	    uint32_t index);
void	file_drop_new(struct file *f);		/* one without a descriptor */
void	file_drop(struct file *f);		/* as that, locked */
bool	file_is_channel(const struct file *f);
int	file_read(struct file *f, uint32_t buf, uint32_t len, uint32_t flags);
int	file_write(struct file *f, uint32_t buf, uint32_t len, uint32_t flags);

/* exec.c */
void	exec_first(void) __attribute__((__noreturn__));

/* process.c */
void	process_exit(uint32_t status) __attribute__((__noreturn__));
void	thread_exit(uint32_t status) __attribute__((__noreturn__));

/* thread.c */
struct thread *thread_alloc(void);
uint32_t thread_slot(const struct thread *td);	/* the index of its area */
void	thread_init(struct thread *td);
int	thread_create(const struct regs *r);
void	threads_end_others(void);

/* frame.c */
void	frame_push(struct regs *r, const struct sigact *sa, uint32_t signo,
	    uint64_t mask);

/* signal.c */
#define	BIT(signo)	(1ull << ((signo) - 1))
#define	NEVER_BLOCKED	(BIT(SIGKILL) | BIT(SIGSTOP))
/*
 * signal_work: handles what has come, before a return to the program.  nr: the
 * call that was interrupted and may be made again, or NO_CALL.
 */
#define	NO_CALL		(-1)
void	signal_work(struct regs *r, int nr);
bool	signal_deliverable(void);
void	signal_forget_self(uint32_t signo);
void	signal_post(uint32_t signo);		/* to this process */
void	signal_post_thread(struct thread *td, uint32_t signo);
void	signal_take(uint32_t notes);			/* from the kernel */
void	signal_exec(void);
void	signal_fork(void);

/* time.c */
uint64_t clock_now(void);
uint64_t clock_real(void);
int	deadline_in64(uint32_t ts, bool absolute, uint32_t clock, uint64_t *d);
int	deadline_in32(uint32_t ts, bool absolute, uint32_t clock, uint64_t *d);
#define	NEVER		UINT64_MAX

/* start.asm */
void	go(const struct regs *r) __attribute__((__noreturn__));
void	linux_entry(void);
void	upcall_entry(void);
void	thread_entry(void);
void	thread_leave(volatile uint8_t *used) __attribute__((__noreturn__));
void	exec_on_stack(void (*f)(void)) __attribute__((__noreturn__));
void	fpu_save(void *area);			/* 512 bytes, aligned to 16 */
void	fpu_restore(const void *area);
extern uint8_t fpu_initial[512];
void	sigreturn_code(void);
void	rt_sigreturn_code(void);

#endif /* !_USER_PROC_H_ */
