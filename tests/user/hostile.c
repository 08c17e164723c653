/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Programs that do what they must not: each ends by the signal that Linux has
 * for it, and nothing else happens; and calls with addresses that are not the
 * program's fail, with nothing else done.
 */

#define	_GNU_SOURCE
#include "ktap.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <fcntl.h>
#include <poll.h>

/* Instructions that a program has no right to, or that fault. */
#define	INSTRUCTION(name, ...)						\
static void								\
run_##name(void)							\
{									\
	__asm__ volatile(__VA_ARGS__);					\
}

INSTRUCTION(hlt, "hlt")
INSTRUCTION(cli, "cli")
INSTRUCTION(sti, "sti")
INSTRUCTION(in, "inb $0x64, %%al" : : : "eax")
INSTRUCTION(out, "outb %%al, $0xf4" : : "a" (0x10))
INSTRUCTION(out_dx, "outl %%eax, %%dx" : : "a" (0x10), "d" (0xf4))
INSTRUCTION(insb, "insb" : : "D" (0), "d" (0x3f8))
INSTRUCTION(read_cr0, "movl %%cr0, %%eax" : : : "eax")
INSTRUCTION(write_cr0, "movl %%eax, %%cr0" : : "a" (0x80000011))
INSTRUCTION(read_cr2, "movl %%cr2, %%eax" : : : "eax")
INSTRUCTION(write_cr2, "movl %%eax, %%cr2" : : "a" (0))
INSTRUCTION(read_cr3, "movl %%cr3, %%eax" : : : "eax")
INSTRUCTION(read_cr4, "movl %%cr4, %%eax" : : : "eax")
INSTRUCTION(read_dr7, "movl %%dr7, %%eax" : : : "eax")
INSTRUCTION(write_dr0, "movl %%eax, %%dr0" : : "a" (0xc0100000))
INSTRUCTION(in_dx, "inl %%dx, %%eax" : : "d" (0xf4) : "eax")
INSTRUCTION(outsb, "outsb" : : "S" (&(char){ 0x10 }), "d" (0xf4))
INSTRUCTION(write_cr3, "movl %%eax, %%cr3" : : "a" (0))
INSTRUCTION(write_cr4, "movl %%eax, %%cr4" : : "a" (0))
INSTRUCTION(write_dr7, "movl %%eax, %%dr7" : : "a" (0x400))
INSTRUCTION(clts, "clts")
INSTRUCTION(lmsw, "lmsw %%ax" : : "a" (1))
INSTRUCTION(invlpg, "invlpg (%%eax)" : : "a" (0x80100000))
INSTRUCTION(invd, "invd")
INSTRUCTION(wbinvd, "wbinvd")
INSTRUCTION(rdmsr, "rdmsr" : : "c" (0x174) : "eax", "edx")
INSTRUCTION(wrmsr, "wrmsr" : : "c" (0x176), "a" (0), "d" (0))
INSTRUCTION(rdpmc, "rdpmc" : : "c" (0) : "eax", "edx")
INSTRUCTION(lgdt, "lgdt (%%eax)" : : "a" (0x8048000))
INSTRUCTION(lidt, "lidt (%%eax)" : : "a" (0x8048000))
INSTRUCTION(lldt, "lldt %%ax" : : "a" (0))
INSTRUCTION(ltr, "ltr %%ax" : : "a" (0x28))
INSTRUCTION(ud2, "ud2")
INSTRUCTION(sysexit, "sysexit" : : "c" (0), "d" (0))
INSTRUCTION(mwait, "xorl %%ecx, %%ecx; .byte 0x0f, 0x01, 0xc9" : :
    "a" (0) : "ecx")
INSTRUCTION(xsetbv, ".byte 0x0f, 0x01, 0xd1" : : "a" (1), "c" (0), "d" (0))
INSTRUCTION(vmxon, ".byte 0xf3, 0x0f, 0xc7, 0x30" : : "a" (0x8048000))
INSTRUCTION(vmrun, ".byte 0x0f, 0x01, 0xd8" : : "a" (0))
INSTRUCTION(stac, ".byte 0x0f, 0x01, 0xcb")
INSTRUCTION(invpcid, ".byte 0x66, 0x0f, 0x38, 0x82, 0x08" : :
    "a" (0x8048000), "c" (2))
INSTRUCTION(sysret, ".byte 0x0f, 0x07")
INSTRUCTION(rsm, ".byte 0x0f, 0xaa")
INSTRUCTION(lock_nop, ".byte 0xf0, 0x90")
INSTRUCTION(int3, "int3")
INSTRUCTION(into, "movb $0x7f, %%al; addb $1, %%al; into" : : : "eax")
INSTRUCTION(bound, "bound %%eax, (%%edx)" : : "a" (5),
    "d" (&(int[2]){ 6, 7 }))
INSTRUCTION(divide, "xorl %%ecx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx")
INSTRUCTION(int_2, "int $2")
INSTRUCTION(int_8, "int $8")
INSTRUCTION(int_13, "int $13")
INSTRUCTION(int_14, "int $14")
INSTRUCTION(int_32, "int $0x20")
INSTRUCTION(int_240, "int $0xf0")
INSTRUCTION(int_255, "int $0xff")
INSTRUCTION(trap_flag, "pushfl; orl $0x100, (%%esp); popfl; nop; nop" : : )
INSTRUCTION(load_ds, "movw %%ax, %%ds" : : "a" (0x10))
INSTRUCTION(load_ss, "movw %%ax, %%ss" : : "a" (0x10))
INSTRUCTION(load_gs, "movw %%ax, %%gs" : : "a" (0xfff8))
INSTRUCTION(null_ss, "movw %%ax, %%ss" : : "a" (0))
INSTRUCTION(far_jump, "ljmp $8, $0x80100000")
INSTRUCTION(far_call, "lcall $8, $0x80100000")
INSTRUCTION(jump_kernel, "jmp *%%eax" : : "a" (0xc0100000))
INSTRUCTION(jump_top, "jmp *%%eax" : : "a" (0xfffffff0))
INSTRUCTION(jump_null, "jmp *%%eax" : : "a" (0))
INSTRUCTION(ret_kernel, "pushl $0xc0100000; ret")
INSTRUCTION(iret_kernel, "pushl $0x10; pushl $0; pushl $2; pushl $8;"
    "pushl $0x80100000; iret")
INSTRUCTION(write_kernel, "movl %%eax, (%%eax)" : : "a" (0xc0100000))
INSTRUCTION(locked_kernel, "lock orl $1, (%%eax)" : : "a" (0xc0100000))
INSTRUCTION(stack_kernel, "movl %%eax, %%esp; pushl %%eax" : :
    "a" (0xc0100000))
INSTRUCTION(stack_null, "xorl %%esp, %%esp; pushl %%eax" : : )
INSTRUCTION(wrapping, "movl (%%eax), %%eax" : : "a" (0xfffffffd))

static const struct {
	const char *name;
	void (*run)(void);
	int sig;
} wrong[] = {
#define	WRONG(name, sig) { #name, run_##name, sig }
	WRONG(hlt, SIGSEGV), WRONG(cli, SIGSEGV), WRONG(sti, SIGSEGV),
	WRONG(in, SIGSEGV), WRONG(out, SIGSEGV), WRONG(out_dx, SIGSEGV),
	WRONG(insb, SIGSEGV), WRONG(in_dx, SIGSEGV), WRONG(outsb, SIGSEGV),
	WRONG(read_cr0, SIGSEGV), WRONG(write_cr0, SIGSEGV),
	WRONG(read_cr2, SIGSEGV), WRONG(write_cr2, SIGSEGV),
	WRONG(read_cr3, SIGSEGV), WRONG(read_cr4, SIGSEGV),
	WRONG(read_dr7, SIGSEGV), WRONG(write_dr0, SIGSEGV),
	WRONG(write_cr3, SIGSEGV), WRONG(write_cr4, SIGSEGV),
	WRONG(write_dr7, SIGSEGV), WRONG(clts, SIGSEGV),
	WRONG(lmsw, SIGSEGV), WRONG(invlpg, SIGSEGV), WRONG(invd, SIGSEGV),
	WRONG(wbinvd, SIGSEGV), WRONG(rdmsr, SIGSEGV), WRONG(wrmsr, SIGSEGV),
	WRONG(rdpmc, SIGSEGV), WRONG(lgdt, SIGSEGV), WRONG(lidt, SIGSEGV),
	WRONG(lldt, SIGSEGV), WRONG(ltr, SIGSEGV), WRONG(ud2, SIGILL),
	WRONG(sysexit, SIGSEGV), WRONG(rsm, SIGILL), WRONG(lock_nop, SIGILL),
	WRONG(int3, SIGTRAP), WRONG(into, SIGSEGV), WRONG(bound, SIGSEGV),
	WRONG(divide, SIGFPE), WRONG(int_2, SIGSEGV), WRONG(int_8, SIGSEGV),
	WRONG(int_13, SIGSEGV), WRONG(int_14, SIGSEGV),
	WRONG(int_32, SIGSEGV), WRONG(int_240, SIGSEGV),
	WRONG(int_255, SIGSEGV), WRONG(trap_flag, SIGTRAP),
	WRONG(load_ds, SIGSEGV), WRONG(load_ss, SIGSEGV),
	WRONG(load_gs, SIGSEGV), WRONG(null_ss, SIGSEGV),
	WRONG(far_jump, SIGSEGV), WRONG(far_call, SIGSEGV),
	 WRONG(jump_kernel, SIGSEGV),
	WRONG(jump_top, SIGSEGV), WRONG(jump_null, SIGSEGV),
	WRONG(ret_kernel, SIGSEGV), WRONG(iret_kernel, SIGSEGV),
	WRONG(write_kernel, SIGSEGV), WRONG(locked_kernel, SIGSEGV),
	WRONG(stack_kernel, SIGSEGV), WRONG(stack_null, SIGSEGV),
	WRONG(wrapping, SIGSEGV),
};

static void
test_instructions(void)
{
	int got;

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		got = status_of(child(wrong[i].run));
		if (got != 1000 + wrong[i].sig) {
			printf("%s# %s: status %d, not %d\n", ktap_indent(),
			    wrong[i].name, got, 1000 + wrong[i].sig);
			ktap_failed = true;
		}
	}
}

/* What is AMD's or Intel's alone, or differs between CPUs: the task ends. */
static void
test_odd_instructions(void)
{
	EXPECT(status_of(child(run_sysret)) > 1000);
	EXPECT(status_of(child(run_mwait)) > 1000);
	EXPECT(status_of(child(run_xsetbv)) > 1000);
	EXPECT(status_of(child(run_vmxon)) > 1000);
	EXPECT(status_of(child(run_vmrun)) > 1000);
	EXPECT(status_of(child(run_stac)) > 1000);
	EXPECT(status_of(child(run_invpcid)) > 1000);
}

/* The flags that ring 3 cannot change stay as they are; the others do no harm. */
static void
run_flags(void)
{
	unsigned int flags;

	__asm__ volatile("pushl $0x3202; popfl; pushfl; popl %0" :
	    "=r" (flags));
	if ((flags & 0x3000) != 0 || (flags & 0x200) == 0)
		_exit(1);
	/* NT, AC, ID and DF set in a call. */
	__asm__ volatile("pushl $0x244602; popfl");
	(void)syscall(SYS_getpid);
	__asm__ volatile("pushl $0x202; popfl");
	if (getppid() <= 0)
		_exit(2);
	/* IF cannot be cleared: the loop is ended from outside if it is. */
	__asm__ volatile("pushl $0x2; popfl; pushfl; popl %0" : "=r" (flags));
	_exit((flags & 0x200) != 0 ? 0 : 3);
}

static void
test_flags(void)
{
	EXPECT_IS(status_of(child(run_flags)), 0);
}

/* Addresses that a program cannot have; and one page that is only read. */
static void *const bad[] = { NULL, (void *)1, (void *)4095,
	(void *)0x7ffff000, (void *)0x7fffffff, (void *)0xc0000000,
	(void *)0xc0100000, (void *)0xfffff000, (void *)0xffffffff };
#define	NBAD	((int)(sizeof(bad) / sizeof(bad[0])))

static const char *const calls[] = { "read", "write", "pread", "readv",
	"writev", "pipe", "stat", "fstat", "open", "poll", "clock_gettime",
	"nanosleep", "sendfile", "socketpair", "gettimeofday", "select",
	"sigaction", "sigprocmask", "waitpid", "send", "recv" };
#define	NPOINTERCALLS ((int)(sizeof(calls) / sizeof(calls[0])))

static int file, in, out;
static int socks[2];

/* The call number i with an address of n bytes; minus the error. */
static long
call(int i, void *p, size_t n)
{
	struct iovec v = { p, n };

	switch (i) {
	case 0:	return (syscall(SYS_read, in, p, n));
	case 1:	return (syscall(SYS_write, out, p, n));
	case 2:	return (syscall(SYS_pread64, file, p, n, 0, 0));
	case 3:	return (syscall(SYS_readv, in, &v, 1));
	case 4:	return (syscall(SYS_writev, out, &v, 1));
	case 5:	return (syscall(SYS_pipe, p));
	case 6:	return (syscall(SYS_stat64, boot_file("driver"), p));
	case 7:	return (syscall(SYS_fstat64, file, p));
	case 8:	return (syscall(SYS_open, p, O_RDONLY));
	case 9:	return (syscall(SYS_poll, p, 1, 0));
	case 10: return (syscall(SYS_clock_gettime32, CLOCK_MONOTONIC, p));
	case 11: return (syscall(SYS_nanosleep, p, NULL));
	case 12: return (syscall(SYS_sendfile64, out, file, p, 1));
	case 13: return (syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, p));
	case 14: return (syscall(SYS_gettimeofday_time32, p, NULL));
	case 15: return (syscall(SYS__newselect, 3, p, NULL, NULL, NULL));
	case 16: return (syscall(SYS_rt_sigaction, SIGUSR1, p, NULL, 8));
	case 17: return (syscall(SYS_rt_sigprocmask, SIG_BLOCK, p, NULL, 8));
	case 18: return (syscall(SYS_wait4, -1, p, WNOHANG, NULL));
	case 19: return (syscall(SYS_sendto, socks[0], p, n, 0, NULL, 0));
	default: return (syscall(SYS_recvfrom, socks[1], p, n, MSG_DONTWAIT,
		    NULL, NULL));
	}
}

/* NULL means "nothing" to these, as it does on Linux. */
static bool
takes_null(int i)
{
	return (i == 12 || i >= 14);
}

static void
test_bad_addresses(void)
{
	int fds[2];
	char c;

	file = open(boot_file("driver"), O_RDONLY);
	EXPECT(file >= 0 && pipe(fds) == 0);
	in = fds[0];
	out = fds[1];
	EXPECT_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
	for (int i = 0; i < NPOINTERCALLS; i++) {
		for (int k = 0; k < NBAD; k++) {
			long got;

			if (bad[k] == NULL && takes_null(i))
				continue;
			/* A child that has ended would be needed. */
			if (i == 18)
				continue;
			EXPECT_IS(write(out, "z", 1), 1);
			EXPECT_IS(write(socks[0], "z", 1), 1);
			errno = 0;
			got = call(i, bad[k], 64);
			if (got != -1 || errno != EFAULT) {
				printf("%s# %s(%p): %ld, errno %d\n",
				    ktap_indent(), calls[i], bad[k], got,
				    errno);
				ktap_failed = true;
			}
			/* Nothing was taken, and nothing came. */
			EXPECT_IS(read(in, &c, 1), 1);
			EXPECT_IS(c, 'z');
			EXPECT_IS(recv(socks[1], &c, 1, 0), 1);
			EXPECT_ERROR(recv(socks[1], &c, 1, MSG_DONTWAIT),
			    EAGAIN);
		}
	}
}

/* Lengths that wrap, or that end where nothing is mapped any more. */
static void
test_bad_lengths(void)
{
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec v[2] = { { p, 0x7fffffff }, { p, 0x7fffffff } };
	unsigned char c[16];
	int fds[2];
	ssize_t n;

	EXPECT_IS(munmap(p + 4096, 4096), 0);
	fill(p, 4096, 0);
	EXPECT(pipe2(fds, O_NONBLOCK) == 0);
	EXPECT_ERROR(readv(fds[0], v, -1), EINVAL);
	EXPECT_ERROR(readv(fds[0], v, 100000), EINVAL);
	/* Only what is there is written, or nothing. */
	n = write(fds[1], p + 4086, 20);
	EXPECT((n == -1 && errno == EFAULT) || n == 10);
	while (read(fds[0], c, sizeof(c)) > 0)
		;
	EXPECT_ERROR(write(fds[1], p + 4096, 20), EFAULT);
	EXPECT_ERROR(read(fds[0], c, 1), EAGAIN);
	/* What does not fit comes in part, or stays. */
	EXPECT_IS(write(fds[1], "0123456789", 10), 10);
	n = read(fds[0], p + 4091, 10);
	EXPECT((n == -1 && errno == EFAULT) || n == 5);
	close(fds[0]);
	close(fds[1]);
}

/*
 * Lengths that reach around the end of all addresses, from an odd one, with 61
 * bytes behind it: at most these move, and the call returns.
 */
static void
test_wrapping(void)
{
	static const size_t lengths[] = { 0xffffffff, 0xfffff001, 0x80000000,
	    0x80000001, 0x7fffffff };
	static const int which[] = { 0, 1, 2, 3, 4, 19, 20 };
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), c[256];
	int fds[2];

	EXPECT_IS(munmap(p + 4096, 4096), 0);
	EXPECT_IS(pipe2(fds, O_NONBLOCK), 0);
	in = fds[0];
	out = fds[1];
	EXPECT_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, socks),
	    0);
	for (int i = 0; i < 5; i++) {
		for (int k = 0; k < 7; k++) {
			long got = call(which[k], p + 4096 - 61, lengths[i]);

			EXPECT(got >= -1 && got <= 61);
		}
		while (read(in, c, sizeof(c)) > 0)
			;
		while (recv(socks[1], c, sizeof(c), MSG_DONTWAIT) > 0)
			;
	}
	EXPECT_IS(write(out, "z", 1), 1);
	EXPECT_IS(read(in, c, sizeof(c)), 1);
	close(in);
	close(out);
	close(socks[0]);
	close(socks[1]);
	munmap(p, 4096);
}

/* Numbers of calls that nothing has. */
static void
test_bad_numbers(void)
{
	EXPECT_ERROR(syscall(100000), ENOSYS);
	EXPECT_ERROR(syscall(-1), ENOSYS);
	EXPECT_ERROR(syscall(0x7fffffff), ENOSYS);
}

static const struct ktap_case cases[] = {
	{ "hostile.instructions", test_instructions },
	{ "hostile.odd_instructions", test_odd_instructions },
	{ "hostile.flags", test_flags },
	{ "hostile.bad_addresses", test_bad_addresses },
	{ "hostile.bad_lengths", test_bad_lengths },
	{ "hostile.wrapping", test_wrapping },
	{ "hostile.bad_numbers", test_bad_numbers },
};
KTAP_MAIN(cases)
