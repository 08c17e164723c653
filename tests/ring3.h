/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_RING3_H_
#define	_TESTS_RING3_H_

/*
 * Programs of ring 3 for tests: tests/user_blob.asm has their instructions,
 * tests/ring3.c takes their calls and exceptions.  Each has an address space of
 * its own.
 */

#include <sys/types.h>
#include <sys/test.h>
#include <machine/intr.h>
#include <machine/user.h>

struct thread;
struct vm_page;

/* The address space of a program, as user_blob.asm has it. */
#define	CODE		0x400000u
#define	DATA		0x500000u
#define	STACK		(DATA + PAGE_SIZE)

/* In the page of data: words. */
enum { BY_INT, COUNT, FLAG, AFTER = 4 };
#define	IMAGE		0x200u		/* bytes */
#define	NOW		0x800u

/* The calls of the programs. */
enum { C_EXIT, C_ECHO, C_FULL, C_YIELD, C_NULL, C_BAD, C_TLS, C_BLOCK };

#define	EFLAGS_DF	0x00000400u
#define	EFLAGS_IOPL	0x00003000u
#define	EFLAGS_NT	0x00004000u
#define	EFLAGS_AC	0x00040000u
#define	EFLAGS_DIRTY	(EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_AC | \
			    EFLAGS_IOPL)
#define	RING3_CPUS	16u		/* CPUs that a test uses, at most */
#define	MAXEXC		64u

extern char blob_echo[], blob_full[], blob_flags[], blob_step[], blob_dirty[],
    blob_privileged[], blob_exceptions[], blob_fpu_errors[],
    blob_page_faults[], blob_selectors[], blob_stack_selector[], blob_fpu[],
    blob_fpu_first[], blob_tls[], blob_calls[], blob_spin[], blob_yield[], blob_timed[],
    blob_tables[];

struct exc {
	uint32_t trapno, err, eip, eflags;
	vm_offset_t va;
};

struct program {
	struct user_thread ut;		/* first: td_user points here */
	const char *entry;
	struct thread *td;
	struct vm_page *code, *data;
	struct userframe echo;		/* the frame of C_ECHO */
	struct exc exc[MAXEXC];		/* the first of its exceptions */
	u_int nexc, ncalls;
	u_int nbad;			/* calls of C_BAD, and the last one's */
	uint32_t bad[2];		/*	arguments */
	uint32_t dirty;			/* of EFLAGS, seen in ring 0 */
	volatile uint32_t end;		/* the next ops->ast ends it */
};

/* The ways to call: by SYSENTER, if it is there, and by INT. */
#define	FOREACH_WAY(by_int)						\
	for (int by_int = !user_has_sysenter(); by_int <= 1; by_int++)

/*
 * program_new: a program that does not run yet; by_int: its calls are by INT.
 * program_start: has it run on a CPU.  program_wait: waits for its end, and
 * fails the test if it made a call of C_BAD, or the kernel saw flags of ring 3.
 * program_stop: makes it end, from wherever it is, and waits.  program_free:
 * frees it after its end.  program_run: makes, starts and awaits one, on this
 * CPU.
 */
struct program *program_new(const char *entry, bool by_int);
void	program_start(struct program *p, u_int cpu);
void	program_wait(struct program *p);
void	program_stop(struct program *p);
void	program_free(struct program *p);
struct program *program_run(const char *entry, bool by_int);

/* program_word, program_set_word: a word of its page of data. */
uint32_t program_word(const struct program *p, u_int i);
void	program_set_word(struct program *p, u_int i, uint32_t v);

/* page_read, page_write: bytes of a page. */
void	page_read(struct vm_page *m, u_int off, void *buf, size_t len);
void	page_write(struct vm_page *m, u_int off, const void *buf, size_t len);

/* no_ring3: true, and the case is skipped, if tasks cannot run here. */
bool	no_ring3(void);

#endif /* !_TESTS_RING3_H_ */
