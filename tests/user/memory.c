/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Memory: mmap, munmap, mprotect, the stack; each forbidden access in a child,
 * which it must end; and the registers of the FPU, which each thread has to
 * itself.
 */

#define	_GNU_SOURCE
#include "ktap.h"

#include <sys/mman.h>
#include <cpuid.h>
#include <pthread.h>
#include <sched.h>

enum { PAGE = 4096 };

static volatile unsigned char *area;	/* what the children access */

static void
read_it(void)
{
	(void)*area;
}

static void
write_it(void)
{
	*area = 1;
}

static void
run_it(void)
{
	((void (*)(void))(uintptr_t)area)();
}

/* Whether an access to `area' ends a process, and by SIGSEGV. */
static void
expect_fault(void (*access_it)(void), bool faults)
{
	EXPECT_IS(status_of(child(access_it)), faults ? 1000 + SIGSEGV : 0);
}

static unsigned char *
map(size_t n, int prot)
{
	unsigned char *p = mmap(NULL, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0);

	EXPECT(p != MAP_FAILED);
	return (p);
}

static void
test_map(void)
{
	unsigned char *p = map(16 * PAGE, PROT_READ | PROT_WRITE);

	EXPECT_IS((uintptr_t)p % PAGE, 0);
	for (int i = 0; i < 16 * PAGE; i++)
		EXPECT(p[i] == 0);
	fill(p, 16 * PAGE, 0);
	/* The middle goes; the rest stays. */
	EXPECT_IS(munmap(p + 4 * PAGE, 8 * PAGE), 0);
	EXPECT(filled(p, 4 * PAGE, 0));
	EXPECT(filled(p + 12 * PAGE, 4 * PAGE, 12 * PAGE));
	area = p + 4 * PAGE;
	expect_fault(read_it, true);
	area = p + 12 * PAGE - 1;
	expect_fault(write_it, true);
	area = p + 12 * PAGE;
	expect_fault(write_it, false);
	EXPECT_IS(munmap(p, 16 * PAGE), 0);
	EXPECT_ERROR(munmap(p + 1, PAGE), EINVAL);
}

/* What is mapped where something was is new memory. */
static void
test_map_fixed(void)
{
	unsigned char *p = map(3 * PAGE, PROT_READ | PROT_WRITE), *q;

	fill(p, 3 * PAGE, 0);
	q = mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	EXPECT(q == p + PAGE);
	for (int i = 0; i < PAGE; i++)
		EXPECT(q[i] == 0);
	EXPECT(filled(p, PAGE, 0) && filled(p + 2 * PAGE, PAGE, 2 * PAGE));
	munmap(p, 3 * PAGE);
}

static void
test_sparse(void)
{
	const size_t size = 64 << 20;
	unsigned char *p = map(size, PROT_READ | PROT_WRITE);

	for (size_t i = 0; i < size; i += 1 << 20)
		p[i] = (unsigned char)(i >> 20);
	for (size_t i = 0; i < size; i += 1 << 20)
		EXPECT(p[i] == (unsigned char)(i >> 20) && p[i + 5000] == 0);
	munmap(p, size);
}

static void
test_protect(void)
{
	unsigned char *p = map(3 * PAGE, PROT_READ | PROT_WRITE);

	fill(p, 3 * PAGE, 0);
	EXPECT_IS(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	area = p + PAGE;
	expect_fault(read_it, false);
	expect_fault(write_it, true);
	area = p + PAGE - 1;
	expect_fault(write_it, false);
	EXPECT_IS(mprotect(p + PAGE, PAGE, PROT_NONE), 0);
	area = p + PAGE;
	expect_fault(read_it, true);
	EXPECT_IS(mprotect(p, 3 * PAGE, PROT_READ | PROT_WRITE), 0);
	EXPECT(filled(p, 3 * PAGE, 0));
	munmap(p, 3 * PAGE);
	EXPECT_ERROR(mprotect(p, PAGE, PROT_READ), ENOMEM);
}

/* The kernel copies nothing to and from where the program may not. */
static void
test_protect_calls(void)
{
	unsigned char *p = map(2 * PAGE, PROT_READ | PROT_WRITE);
	int fds[2];

	EXPECT_IS(pipe(fds), 0);
	EXPECT_IS(write(fds[1], "abcd", 4), 4);
	EXPECT_IS(mprotect(p, PAGE, PROT_READ), 0);
	EXPECT_ERROR(read(fds[0], p, 4), EFAULT);
	EXPECT_IS(write(fds[1], p, 4), 4);
	EXPECT_IS(mprotect(p, PAGE, PROT_NONE), 0);
	EXPECT_ERROR(write(fds[1], p, 4), EFAULT);
	close(fds[0]);
	close(fds[1]);
	munmap(p, 2 * PAGE);
}

static void
test_no_execute(void)
{
	unsigned int a, b, c, d = 0;

	__get_cpuid(0x80000001, &a, &b, &c, &d);
	if ((d & 1 << 20) == 0) {
		ktap_skipped = "the CPU has no NX";
		return;
	}
	area = map(PAGE, PROT_READ | PROT_WRITE);
	*area = 0xc3;
	expect_fault(run_it, true);
	EXPECT_IS(mprotect((void *)area, PAGE, PROT_READ | PROT_EXEC), 0);
	expect_fault(run_it, false);
	expect_fault(write_it, true);
	munmap((void *)area, PAGE);
}

static void
test_program_is_read_only(void)
{
	area = (unsigned char *)(uintptr_t)test_program_is_read_only;
	expect_fault(read_it, false);
	expect_fault(write_it, true);
	area = NULL;
	expect_fault(read_it, true);
	expect_fault(write_it, true);
	area = (unsigned char *)0xfffffff0u;
	expect_fault(read_it, true);
	area = (unsigned char *)0xc0000000u;
	expect_fault(write_it, true);
}

static int
sum_deep(int n)
{
	volatile char room[1000];

	room[0] = (char)n;
	room[999] = room[0];
	return (n == 0 ? 0 : sum_deep(n - 1) + (room[999] == (char)n));
}

static void
test_deep_stack(void)
{
	EXPECT_IS(sum_deep(1000), 1000);
}

static void
overflow(void)
{
	_exit(sum_deep(100000000) & 1);
}

static void
test_stack_overflow(void)
{
	EXPECT_IS(status_of(child(overflow)), 1000 + SIGSEGV);
}

static void
test_many_regions(void)
{
	enum { N = 200 };
	unsigned char *p[N];

	for (int i = 0; i < N; i++) {
		p[i] = map(PAGE * (1 + i % 3), i & 1 ? PROT_READ :
		    PROT_READ | PROT_WRITE);
		if (!(i & 1))
			p[i][i] = (unsigned char)i;
	}
	for (int i = 0; i < N; i++) {
		EXPECT(p[i][i] == (i & 1 ? 0 : i));
		EXPECT_IS(munmap(p[i], (size_t)(PAGE * (1 + i % 3))), 0);
	}
}

static void
test_remap(void)
{
	unsigned char *p = map(2 * PAGE, PROT_READ | PROT_WRITE), *q;

	fill(p, 2 * PAGE, 0);
	q = mremap(p, 2 * PAGE, 40 * PAGE, MREMAP_MAYMOVE);
	EXPECT(q != MAP_FAILED);
	if (q == MAP_FAILED)
		return;
	EXPECT(filled(q, 2 * PAGE, 0) && q[40 * PAGE - 1] == 0);
	EXPECT(mremap(q, 40 * PAGE, PAGE, 0) == q);
	EXPECT(filled(q, PAGE, 0));
	munmap(q, PAGE);
}

/* Sums that go wrong if another thread's registers are seen in between. */
static void *
compute(void *arg)
{
	double x = (double)(intptr_t)arg, x87 = 0;
	float sse[4] = { 0 }, step[4] = { (float)x, 1, 2, 3 };
	intptr_t bad = 0;

	for (int k = 0; k < 60; k++) {
		__asm__ volatile("fninit; fldl %0; fldl %1" : : "m" (x),
		    "m" (x87));
		__asm__ volatile("movups %0, %%xmm5" : : "m" (sse));
		for (volatile int i = 0; i < 20000; i++)
			;
		if (k % 7 == 0)
			sched_yield();
		__asm__ volatile("movups %0, %%xmm1; addps %%xmm1, %%xmm5" : :
		    "m" (step));
		__asm__ volatile("movups %%xmm5, %0" : "=m" (sse));
		__asm__ volatile("faddp; fstpl %0" : "=m" (x87));
		bad += x87 != x * (k + 1);
		bad += sse[0] != (float)x * (float)(k + 1) ||
		    sse[3] != 3 * (float)(k + 1);
	}
	return ((void *)bad);
}

static void
compute_alone(void)
{
	_exit((int)(intptr_t)compute((void *)(intptr_t)(getpid() % 1000)));
}

static void
test_fpu(void)
{
	unsigned int a, b, c, d;
	pthread_t t[6];
	pid_t pid[4];
	void *bad;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (d & 1 << 25) == 0) {
		ktap_skipped = "the CPU has no SSE";
		return;
	}
	for (long i = 0; i < 6; i++)
		EXPECT_IS(pthread_create(&t[i], NULL, compute,
		    (void *)(i + 1)), 0);
	for (int i = 0; i < 4; i++)
		pid[i] = child(compute_alone);
	for (int i = 0; i < 6; i++) {
		pthread_join(t[i], &bad);
		EXPECT_IS((intptr_t)bad, 0);
	}
	for (int i = 0; i < 4; i++)
		EXPECT_IS(status_of(pid[i]), 0);
}

/* A fork has the parent's control words; a new program does not ask. */
static void
test_fpu_modes(void)
{
	unsigned short up = 0x0b7f, down = 0x077f, word = 0;
	pid_t pid;

	__asm__ volatile("fldcw %0" : : "m" (up));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		__asm__ volatile("fnstcw %0" : "=m" (word));
		__asm__ volatile("fldcw %0" : : "m" (down));
		sched_yield();
		_exit(word == up ? 0 : 1);
	}
	EXPECT_IS(status_of(pid), 0);
	__asm__ volatile("fnstcw %0" : "=m" (word));
	EXPECT_IS(word, up);
	__asm__ volatile("fninit");
}

static const struct ktap_case cases[] = {
	{ "memory.map", test_map },
	{ "memory.map_fixed", test_map_fixed },
	{ "memory.sparse", test_sparse },
	{ "memory.protect", test_protect },
	{ "memory.protect_calls", test_protect_calls },
	{ "memory.no_execute", test_no_execute },
	{ "memory.program_is_read_only", test_program_is_read_only },
	{ "memory.deep_stack", test_deep_stack },
	{ "memory.stack_overflow", test_stack_overflow },
	{ "memory.many_regions", test_many_regions },
	{ "memory.remap", test_remap },
	{ "fpu.threads", test_fpu },
	{ "fpu.modes", test_fpu_modes },
};
KTAP_MAIN(cases)
