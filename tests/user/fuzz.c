/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * fuzz seed=N calls=N threads=N - makes random calls of the kernel's own kind
 * (sys/abi/call.h), which a program's library never makes.  Numbers, handles and
 * arguments are drawn from what exists, from what almost does, and from nowhere.
 * Nothing is expected of a call but that it returns, or ends the process, and
 * that the kernel stays well: its checks, and the run's status, judge.
 *
 * The calls are made by child processes, several threads of the kernel in each,
 * which share a small piece of memory; a child that ends, or is not done in some
 * time, is followed by one with another seed.  A run is repeated by its seed,
 * as far as the threads meet in the same way.  There is nothing to run on Linux.
 */

#define	_GNU_SOURCE
#include "ktap.h"

#include <sys/mman.h>
#include <fcntl.h>

/* Linux's, which has the same names for other numbers. */
enum {
	OWN_MEMORY = MAP_PRIVATE | MAP_ANONYMOUS,
	SHARED_MEMORY = MAP_SHARED | MAP_ANONYMOUS,
};
#undef PROT_READ
#undef PROT_WRITE
#undef PROT_EXEC
#undef MAP_PRIVATE
#undef MAP_FIXED
#include "../../sys/abi/call.h"

#define	PAGE		4096u
#define	ARENA		(64 * PAGE)
#define	SLACK		(72 * PAGE)	/* what calls reach behind it */
#define	MAXTHREADS	8u
#define	STACK		(4 * PAGE)
#define	PER_CHILD	2000u
#define	PATIENCE_MS	400

/* What a child and the process that watches it share. */
struct shared {
	volatile uint32_t calls;		/* made by all so far */
	volatile uint32_t results[NCALLS][2];	/* good ones, others */
};

/* Of a child; each thread draws from a generator of its own. */
struct fuzzer {
	uint32_t state;
	uint32_t left;
	bool meant_well;	/* the call in hand may succeed */
};
static struct shared *shared;
static struct fuzzer fuzzers[MAXTHREADS];
static unsigned char *arena, *stacks;
static volatile uint32_t *items;	/* a page that stays: scribble() */

/* Handles that calls have returned, by what they name. */
enum kind { OBJECT, END, TASK, NKINDS };
#define	NHANDLES	16u
static volatile uint32_t handles[NKINDS][NHANDLES];

/*
 * The file that is read while others are: the first of /boot, which is this
 * program.  Its handle is that of the first task's boot block.
 */
#define	FILE_HANDLE	(HANDLE_CONSOLE + 1)

static uint32_t
draw(struct fuzzer *f)
{
	/* Xorshift (Marsaglia, 2003); its state is never 0. */
	f->state ^= f->state << 13;
	f->state ^= f->state >> 17;
	f->state ^= f->state << 5;
	return (f->state);
}

/* A call by the gate, which each CPU has.  No registers are kept but these. */
static int
native(uint32_t eax, uint32_t ebx, uint32_t esi, uint32_t edi, uint32_t ebp,
    uint32_t *result)
{
	uint32_t args[2] = { eax, ebp };
	int r;

	__asm__ volatile(
	    "pushl %%ebp\n\t"
	    "movl 4(%%eax), %%ebp\n\t"
	    "movl (%%eax), %%eax\n\t"
	    "int %[vector]\n\t"
	    "popl %%ebp"
	    : "=a" (r), "+b" (ebx), "+S" (esi), "+D" (edi)
	    : "0" (args), [vector] "i" (CALL_VECTOR)
	    : "ecx", "edx", "memory", "cc");
	*result = ebx;
	return (r);
}

static uint32_t
handle_of(struct fuzzer *f, enum kind kind)
{
	return (handles[kind][draw(f) % NHANDLES]);
}

static void
keep(struct fuzzer *f, enum kind kind, uint32_t handle)
{
	handles[kind][draw(f) % NHANDLES] = handle;
}

static uint32_t
any_handle(struct fuzzer *f)
{
	uint32_t r = draw(f);

	switch (r % 8) {
	case 0:	return (r >> 8);
	case 1:	return (r >> 8 & 0xff);
	case 2:	return (HANDLE_SELF);
	default: return (handle_of(f, (r >> 8) % NKINDS));
	}
}

/* What a call is about: a handle of the kind that it takes, or anything. */
static uint32_t
subject(struct fuzzer *f, uint32_t nr)
{
	if (!f->meant_well)
		return (any_handle(f));
	switch (nr) {
	case CALL_TASK_KILL:
	case CALL_TASK_STATUS:
		return (handle_of(f, TASK));
	case CALL_MEM_MAP:
		return (draw(f) % 2 ? 0 : handle_of(f, OBJECT));
	case CALL_MEM_READ:
	case CALL_MEM_WRITE:
	case CALL_MEM_SIZE:
		return (handle_of(f, OBJECT));
	case CALL_CHAN_WRITE:
	case CALL_CHAN_READ:
	case CALL_CHAN_CALL:
	case CALL_CHAN_SENDMEM:
	case CALL_CHAN_CTL:
		return (handle_of(f, END));
	case CALL_HANDLE_DUP:
	case CALL_HANDLE_CLOSE:
		return (handle_of(f, draw(f) % NKINDS));
	default:
		return (0);
	}
}

/* An address: mostly in the arena, at or around the borders of its pages. */
static uint32_t
any_address(struct fuzzer *f)
{
	static const uint32_t odd[] = { 0, 1, 0xfff, 0x1000, USER_END - 1,
	    USER_END, USER_END - PAGE, BOOT_BLOCK, 0xc0000000, 0xffffffff,
	    0xfffff000, 0x80100000 };
	uint32_t r = draw(f), at = (uint32_t)(uintptr_t)arena;

	if (f->meant_well && r % 16 == 0)
		return ((uint32_t)(uintptr_t)items + (r >> 8) % 64 * 64);
	if (f->meant_well)
		return (at + (r >> 8) % (ARENA / PAGE) * PAGE);
	switch (r % 16) {
	case 0:	return (odd[(r >> 8) % (sizeof(odd) / sizeof(odd[0]))]);
	case 1:	return (draw(f));
	case 2:	return (at + ARENA - (r >> 8) % 64);
	case 3:	return (at + (r >> 8) % ARENA);
	case 4:	return ((uint32_t)(uintptr_t)items + (r >> 8) % PAGE);
	default: return (at + (r >> 8) % (ARENA / PAGE) * PAGE);
	}
}

static uint32_t
any_size(struct fuzzer *f)
{
	uint32_t r = draw(f);

	if (f->meant_well)
		return ((1 + (r >> 8) % 20) * PAGE);
	switch (r % 8) {
	case 0:	return (draw(f));
	case 1:	return (0);
	case 2:	return ((r >> 8) % 64);
	case 3:	return ((r >> 8) % (ARENA + PAGE));
	case 4:	return (0u - (r >> 8) % (2 * PAGE));
	default: return (((r >> 8) % 20) * PAGE);
	}
}

static uint32_t
any_word(struct fuzzer *f)
{
	uint32_t r = draw(f);

	switch (r % 4) {
	case 0:	return (r >> 8 & 0xff);
	case 1:	return (1u << (r >> 8) % 32);
	case 2:	return ((r >> 8) % 4);
	default: return (draw(f));
	}
}

/* A time at which a wait ends: at once, soon, or in the past. */
static void
any_deadline(struct fuzzer *f, uint32_t *low, uint32_t *high)
{
	*low = draw(f) % 4 == 0 ? draw(f) : 0;
	*high = 0;
}

/* The memory of what calls read: handles, items and blocks that may be right. */
static void
scribble(struct fuzzer *f)
{
	volatile uint32_t *p = items + draw(f) % (PAGE / 64) * 16;

	p[0] = draw(f) % 10;
	for (int i = 1; i < 9; i++)
		p[i] = any_handle(f);
}

/* Memory of any rights that go together, and a part of an object. */
static void
choose_map(struct fuzzer *f, uint32_t nr, uint32_t *arg)
{
	static const uint32_t flags[] = { 0, MAP_PRIVATE, MAP_SHARE };

	if (!f->meant_well)
		return;
	arg[2] = PROT_READ | (draw(f) % 4 ? PROT_WRITE : 0);
	if (nr == CALL_MEM_PROTECT)
		return;
	arg[3] = arg[2] | flags[draw(f) % 3] | (draw(f) % 2 ? MAP_FIXED : 0);
	arg[2] = 0;
}

/* Fills in the arguments of a call, as its description has them. */
static void
choose(struct fuzzer *f, uint32_t nr, uint32_t *arg)
{
	for (int i = 0; i < 4; i++)
		arg[i] = any_word(f);
	switch (nr) {
	case CALL_MEM_MAP:
	case CALL_MEM_UNMAP:
	case CALL_MEM_PROTECT:
	case CALL_MEM_READ:
	case CALL_MEM_WRITE:
	case CALL_CHAN_WRITE:
	case CALL_CHAN_READ:
	case CALL_CHAN_CALL:
		arg[0] = any_address(f);
		arg[1] = any_size(f);
		if (nr == CALL_CHAN_CALL) {
			arg[2] = any_address(f);
			arg[3] = any_size(f);
		} else if (nr == CALL_CHAN_WRITE || nr == CALL_CHAN_READ) {
			/* Not to wait for what nobody sends. */
			arg[2] |= CHAN_NONBLOCK;
			arg[3] = draw(f) % 2 ? 0 : any_address(f);
			if (f->meant_well)
				arg[2] = CHAN_NONBLOCK;
		} else if (nr == CALL_MEM_MAP || nr == CALL_MEM_PROTECT) {
			choose_map(f, nr, arg);
		} else if (f->meant_well && nr != CALL_MEM_UNMAP) {
			arg[2] = draw(f) % (8 * PAGE);
			arg[3] = 0;
		}
		break;
	case CALL_WAIT:
		arg[0] = any_address(f);
		arg[1] = draw(f) % 4 ? draw(f) % 5 : any_word(f);
		any_deadline(f, &arg[2], &arg[3]);
		break;
	case CALL_FUTEX_WAIT:
		arg[0] = any_address(f);
		any_deadline(f, &arg[2], &arg[3]);
		break;
	case CALL_FUTEX_WAKE:
		arg[0] = any_address(f);
		break;
	case CALL_MEM_CREATE:
		arg[0] = 1 + arg[0] % (draw(f) % 8 ? 70 : 0xfffffffe);
		break;
	case CALL_CHAN_CREATE:
		arg[0] = draw(f) % (f->meant_well ? 2 : 3);
		break;
	case CALL_CHAN_SENDMEM:
		arg[0] = f->meant_well ? handle_of(f, OBJECT) : any_handle(f);
		arg[0] = (arg[0] & 0xffffff) | CHAN_NONBLOCK << 24;
		arg[1] = any_size(f);
		arg[2] = draw(f) % 2 ? 0 : any_word(f) % (8 * PAGE);
		arg[3] = 0;
		break;
	}
}

/* Calls that would end the fuzzer are rare; a new thread runs anywhere. */
static bool
too_often(struct fuzzer *f, uint32_t nr)
{
	switch (nr) {
	case CALL_EXIT:
	case CALL_THREAD_EXIT:
	case CALL_TASK_FORK:
	case CALL_THREAD_CREATE:
	case CALL_CHAN_CALL:	/* sleeps until a reply comes: never */
		return (draw(f) % 256 != 0);
	case CALL_MEM_CREATE:
	case CALL_CHAN_CREATE:
		return (draw(f) % 8 != 0);
	case CALL_HANDLE_CLOSE:
		return (draw(f) % 16 != 0);
	case CALL_TASK_KILL:
	case CALL_MEM_UNMAP:
	case CALL_THREAD_CTL:
		return (draw(f) % 4 != 0);
	}
	return (false);
}

static void
one_call(struct fuzzer *f)
{
	uint32_t nr = draw(f) % (NCALLS + 1), arg[4], result, handle;
	int r;

	if (nr == NCALLS)
		nr = draw(f) & 0xff;
	if (too_often(f, nr))
		return;
	f->meant_well = draw(f) % 4 != 0;
	choose(f, nr, arg);
	handle = subject(f, nr);
	/* The task itself seldom is killed. */
	if (nr == CALL_TASK_KILL && handle <= HANDLE_SELF)
		return;
	if (draw(f) % 16 == 0)
		scribble(f);
	r = native(CALL(nr, handle), arg[0], arg[1], arg[2], arg[3], &result);
	__atomic_fetch_add(&shared->calls, 1, __ATOMIC_RELAXED);
	if (nr < NCALLS)
		__atomic_fetch_add(&shared->results[nr][r < 0 && r > -4096],
		    1, __ATOMIC_RELAXED);
	if (r == 0 && nr == CALL_TASK_FORK) {
		/* The copy has had its call. */
		(void)native(CALL(CALL_EXIT, 0), 0, 0, 0, 0, &result);
	}
	if (r > 0 && nr == CALL_MEM_CREATE)
		keep(f, OBJECT, (uint32_t)r);
	if (r > 0 && nr == CALL_TASK_FORK)
		keep(f, TASK, (uint32_t)r);
	if (r > 0 && nr == CALL_HANDLE_DUP)
		keep(f, draw(f) % NKINDS, (uint32_t)r);
	if (r > 0 && nr == CALL_CHAN_CREATE) {
		keep(f, END, (uint32_t)r);
		keep(f, END, result);
	}
}

static void
fuzz_thread(void)
{
	static volatile uint32_t next;
	uint32_t me = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED), result;
	struct fuzzer *f = &fuzzers[me % MAXTHREADS];

	while (f->left-- > 0)
		one_call(f);
	/* The last one ends the task. */
	(void)native(CALL(CALL_THREAD_EXIT, 0), 0, 0, 0, 0, &result);
	for (;;)
		;
}

/*
 * Memory: items, stacks, the arena and its slack, each with a page behind it that
 * ends a copy which goes too far: what the kernel writes where it is told to is
 * to change no other memory of the fuzzer.
 */
static bool
lay_out(void)
{
	const size_t stack = 2 * PAGE, first = stack + MAXTHREADS * STACK + PAGE;
	const size_t end = first + ARENA + SLACK;
	unsigned char *p = mmap(NULL, end + PAGE, PROT_READ | PROT_WRITE,
	    OWN_MEMORY, -1, 0);

	if (p == MAP_FAILED)
		return (false);
	items = (uint32_t *)p;
	stacks = p + stack;
	arena = p + first;
	return (mprotect(p + PAGE, PAGE, PROT_NONE) == 0 &&
	    mprotect(arena - PAGE, PAGE, PROT_NONE) == 0 &&
	    mprotect(p + end, PAGE, PROT_NONE) == 0);
}

/* A process that makes calls until it ends. */
static void
fuzz(uint32_t seed, unsigned int threads, uint32_t calls)
{
	uint32_t result, gs;

	if (!lay_out())
		_exit(1);
	for (unsigned int i = 0; i < threads; i++) {
		fuzzers[i].state = (seed + i) * 2654435769u | 1;
		fuzzers[i].left = calls / threads;
	}
	for (unsigned int i = 0; i < NHANDLES; i++)
		handles[OBJECT][i] = FILE_HANDLE;
	/* The parent and the console are not to be played with. */
	for (unsigned int i = HANDLE_SELF + 1; i < 100; i++)
		if (i != FILE_HANDLE)
			(void)native(CALL(CALL_HANDLE_CLOSE, i), 0, 0, 0, 0,
			    &result);
	__asm__ volatile("movl %%gs:0, %0" : "=r" (gs));
	for (unsigned int i = 1; i < threads; i++)
		(void)native(CALL(CALL_THREAD_CREATE, 0),
		    (uint32_t)(uintptr_t)fuzz_thread,
		    (uint32_t)(uintptr_t)(stacks + (i + 1) * STACK - 16), 0,
		    gs, &result);
	fuzz_thread();
}

/* Runs one process; true if it ended by itself. */
static bool
run_child(uint32_t seed, unsigned int threads, uint32_t calls)
{
	int status, ms = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		fuzz(seed, threads, calls);
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		sleep_ms(2);
		if ((ms += 2) < PATIENCE_MS)
			continue;
		kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return (false);
	}
	return (true);
}

/* A sum of the file's bytes, which no call can change. */
static uint32_t
sum_of_file(void)
{
	uint32_t h = 2166136261u;
	unsigned char buf[PAGE];
	int fd = open(boot_file("fuzz"), O_RDONLY);
	ssize_t n;

	/* FNV-1a. */
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ buf[i]) * 16777619u;
	close(fd);
	return (fd < 0 || n != 0 ? 0 : h);
}

static uint32_t
number(int argc, char **argv, const char *name, uint32_t otherwise)
{
	size_t n = strlen(name);

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
			return ((uint32_t)strtoul(argv[i] + n + 1, NULL, 0));
	return (otherwise);
}

int
main(int argc, char **argv)
{
	uint32_t seed = number(argc, argv, "seed", 1);
	uint32_t calls = number(argc, argv, "calls", 20000), made;
	unsigned int threads = number(argc, argv, "threads", 3) % MAXTHREADS;
	unsigned int children = 0, stopped = 0;
	uint32_t sum = sum_of_file();
	bool same;

	printf("%s1..2\n", ktap_indent());
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    SHARED_MEMORY, -1, 0);
	if (shared == MAP_FAILED || threads == 0) {
		printf("%snot ok 1 - fuzz\n", ktap_indent());
		return (1);
	}
	while ((made = shared->calls) < calls) {
		stopped += !run_child(seed + children * MAXTHREADS, threads,
		    PER_CHILD);
		children++;
		if (shared->calls == made && children > 50)
			break;
	}
	printf("%s# seed %u: %u calls in %u processes of %u threads, %u were "
	    "stopped\n", ktap_indent(), seed, made, children, threads,
	    stopped);
	for (int i = 0; i < NCALLS; i++)
		printf("%s# call %d: %u good, %u errors\n", ktap_indent(), i,
		    shared->results[i][0], shared->results[i][1]);
	made = shared->calls;
	printf("%s%sok 1 - fuzz\n", ktap_indent(), made < calls ? "not " : "");
	same = sum != 0 && sum == sum_of_file();
	printf("%s%sok 2 - the file is as it was\n", ktap_indent(),
	    same ? "" : "not ");
	return (made < calls || !same);
}
