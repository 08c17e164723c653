/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _USER_LINUX_H_
#define	_USER_LINUX_H_

/*
 * What programs for Linux on the i386 expect: numbers and layouts, from the
 * documented ABI (its manual pages, and what C libraries pass).  The numbers of
 * the calls are in user/calls.h.
 */

#include <stdint.h>

/* Errors. */
#define	EPERM		1
#define	ENOENT		2
#define	ESRCH		3
#define	EINTR		4
#define	EIO		5
#define	E2BIG		7
#define	ENOEXEC		8
#define	EBADF		9
#define	ECHILD		10
#define	EAGAIN		11
#define	ENOMEM		12
#define	EACCES		13
#define	EFAULT		14
#define	EEXIST		17
#define	EXDEV		18
#define	ENOTDIR		20
#define	EISDIR		21
#define	EINVAL		22
#define	ENFILE		23
#define	EMFILE		24
#define	ENOTTY		25
#define	EFBIG		27
#define	ENOSPC		28
#define	ESPIPE		29
#define	EROFS		30
#define	EPIPE		32
#define	ERANGE		34
#define	EDEADLK		35
#define	ENAMETOOLONG	36
#define	ENOSYS		38
#define	EOVERFLOW	75
#define	ENOTSOCK	88
#define	EMSGSIZE	90
#define	EPROTONOSUPPORT	93
#define	EOPNOTSUPP	95
#define	EAFNOSUPPORT	97
#define	ENOBUFS		105
#define	ETIMEDOUT	110
/* Inside the personality: the call is made again if the handler allows it. */
#define	ERESTART	512

/* open(2), fcntl(2). */
#define	O_ACCMODE	03
#define	O_RDONLY	0
#define	O_WRONLY	1
#define	O_RDWR		2
#define	O_CREAT		0100
#define	O_EXCL		0200
#define	O_TRUNC		01000
#define	O_APPEND	02000
#define	O_NONBLOCK	04000
#define	O_LARGEFILE	0100000
#define	O_DIRECTORY	0200000
#define	O_CLOEXEC	02000000
#define	AT_FDCWD	(-100)
#define	AT_EMPTY_PATH	0x1000
#define	F_DUPFD		0
#define	F_GETFD		1
#define	F_SETFD		2
#define	F_GETFL		3
#define	F_SETFL		4
#define	F_GETPIPE_SZ	1032
#define	F_DUPFD_CLOEXEC	1030
#define	FD_CLOEXEC	1
#define	SEEK_SET	0
#define	SEEK_CUR	1
#define	SEEK_END	2

#define	S_IFSOCK	0140000
#define	S_IFREG		0100000
#define	S_IFDIR		0040000
#define	S_IFCHR		0020000
#define	S_IFIFO		0010000
#define	DT_FIFO		1
#define	DT_CHR		2
#define	DT_DIR		4
#define	DT_REG		8

struct linux_stat64 {
	uint64_t dev;
	uint32_t pad, ino_low, mode, nlink, uid, gid;
	uint64_t rdev;
	uint32_t pad2;
	uint64_t size;
	uint32_t blksize;
	uint64_t blocks;
	uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
	uint64_t ino;
} __attribute__((__packed__));
_Static_assert(sizeof(struct linux_stat64) == 96, "struct stat64 of the i386");

struct linux_statx_time {
	int64_t sec;
	uint32_t ns, pad;
};
struct linux_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct linux_statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id, spare[13];
} __attribute__((__packed__));
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");
#define	STATX_BASIC	0x7ffu

struct linux_dirent64 {
	uint64_t ino, off;
	uint16_t reclen;
	uint8_t type;
	char name[];
} __attribute__((__packed__));

struct linux_iovec {
	uint32_t base, len;
};

struct linux_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
};
#define	TCGETS		0x5401
#define	TCSETS		0x5402
#define	TCSETSF		0x5404
#define	TIOCGPGRP	0x540f
#define	TIOCSPGRP	0x5410
#define	TIOCGWINSZ	0x5413
#define	FIONREAD	0x541b
#define	FIONBIO		0x5421
#define	ICRNL		0x100
#define	OPOST_ONLCR	0x5
#define	B38400_CS8_CREAD 0xbf
#define	ISIG_ICANON	0x3

/* Memory. */
#define	L_PROT_MASK	0x7
#define	L_MAP_SHARED	0x01
#define	L_MAP_PRIVATE	0x02
#define	L_MAP_TYPE	0x0f
#define	L_MAP_FIXED	0x10
#define	L_MAP_ANONYMOUS	0x20
#define	L_MAP_FIXED_NOREPLACE 0x100000
#define	MREMAP_MAYMOVE	1
#define	MREMAP_FIXED	2
#define	MADV_DONTNEED	4

/* Processes. */
#define	CLONE_VM	0x00000100u
#define	CLONE_VFORK	0x00004000u
#define	CLONE_THREAD	0x00010000u
#define	CLONE_SETTLS	0x00080000u
#define	CLONE_PARENT_SETTID 0x00100000u
#define	CLONE_CHILD_CLEARTID 0x00200000u
#define	CLONE_CHILD_SETTID 0x01000000u
#define	WNOHANG		1
#define	WEXITED		4
#define	WNOWAIT		0x01000000
#define	P_ALL		0
#define	P_PID		1
struct linux_user_desc {
	uint32_t entry_number, base_addr, limit, flags;
};
#define	AT_NULL		0
#define	AT_PHDR		3
#define	AT_PHENT	4
#define	AT_PHNUM	5
#define	AT_PAGESZ	6
#define	AT_BASE		7
#define	AT_FLAGS	8
#define	AT_ENTRY	9
#define	AT_UID		11
#define	AT_EUID		12
#define	AT_GID		13
#define	AT_EGID		14
#define	AT_PLATFORM	15
#define	AT_HWCAP	16
#define	AT_CLKTCK	17
#define	AT_SECURE	23
#define	AT_RANDOM	25
#define	AT_EXECFN	31
#define	AT_SYSINFO	32

/* Signals. */
#define	NSIG		64
#define	SIGHUP		1
#define	SIGINT		2
#define	SIGILL		4
#define	SIGTRAP		5
#define	SIGABRT		6
#define	SIGBUS		7
#define	SIGFPE		8
#define	SIGKILL		9
#define	SIGSEGV		11
#define	SIGPIPE		13
#define	SIGALRM		14
#define	SIGTERM		15
#define	SIGCHLD		17
#define	SIGCONT		18
#define	SIGSTOP		19
#define	SIGTTOU		22
#define	SIGURG		23
#define	SIGWINCH	28
#define	SIG_DFL		0
#define	SIG_IGN		1
#define	SIG_BLOCK	0
#define	SIG_UNBLOCK	1
#define	SIG_SETMASK	2
#define	SA_NOCLDWAIT	0x00000002u
#define	SA_SIGINFO	0x00000004u
#define	SA_RESTORER	0x04000000u
#define	SA_ONSTACK	0x08000000u
#define	SA_RESTART	0x10000000u
#define	SA_NODEFER	0x40000000u
#define	SA_RESETHAND	0x80000000u
#define	SI_USER		0
#define	SI_TKILL	(-6)
#define	CLD_EXITED	1
#define	CLD_KILLED	2
#define	CLD_DUMPED	3
#define	SS_DISABLE	2

struct linux_sigaction {
	uint32_t handler, flags, restorer;
	uint64_t mask;
} __attribute__((__packed__));

struct linux_old_sigaction {
	uint32_t handler, mask, flags, restorer;
};

struct linux_siginfo {
	int32_t signo, error, code;
	uint32_t pid, uid, status, pad[26];
};
_Static_assert(sizeof(struct linux_siginfo) == 128, "siginfo_t");

struct linux_sigcontext {
	uint32_t gs, fs, es, ds;
	uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
	uint32_t trapno, err, eip, cs, eflags, esp_at_signal, ss;
	uint32_t fpstate, oldmask, cr2;
};
_Static_assert(sizeof(struct linux_sigcontext) == 88, "struct sigcontext");

struct linux_ucontext {
	uint32_t flags, link;
	uint32_t ss_sp, ss_flags, ss_size;
	struct linux_sigcontext mcontext;
	uint64_t sigmask;
};
_Static_assert(sizeof(struct linux_ucontext) == 116, "ucontext_t, its start");

/* Time. */
#define	CLOCK_REALTIME	0
#define	CLOCK_MONOTONIC	1
#define	CLOCK_BOOTTIME	7
#define	TIMER_ABSTIME	1
struct linux_timespec32 {
	int32_t sec;
	uint32_t ns;
};
struct linux_timespec64 {
	int64_t sec;
	uint32_t ns, pad;
};
struct linux_timeval {
	int32_t sec, us;
};

/* poll(2). */
#define	POLLIN		0x001
#define	POLLOUT		0x004
#define	POLLERR		0x008
#define	POLLHUP		0x010
#define	POLLNVAL	0x020
#define	POLLRDNORM	0x040
#define	POLLWRNORM	0x100
struct linux_pollfd {
	int32_t fd;
	uint16_t events, revents;
};

/* futex(2). */
#define	FUTEX_WAIT	0
#define	FUTEX_WAKE	1
#define	FUTEX_REQUEUE	3
#define	FUTEX_CMP_REQUEUE 4
#define	FUTEX_WAIT_BITSET 9
#define	FUTEX_WAKE_BITSET 10
#define	FUTEX_OP	0x7f
#define	FUTEX_CLOCK_REALTIME 0x100

/* Sockets. */
#define	AF_UNIX		1
#define	SOCK_STREAM	1
#define	SOCK_DGRAM	2
#define	SOCK_SEQPACKET	5
#define	SOCK_TYPE	0xf
#define	SOCK_NONBLOCK	O_NONBLOCK
#define	SOCK_CLOEXEC	O_CLOEXEC
#define	MSG_PEEK	0x02
#define	MSG_DONTWAIT	0x40
#define	MSG_NOSIGNAL	0x4000

struct linux_utsname {
	char sysname[65], nodename[65], release[65], version[65];
	char machine[65], domainname[65];
};

struct linux_sysinfo {
	uint32_t uptime, loads[3], totalram, freeram, sharedram, bufferram;
	uint32_t totalswap, freeswap;
	uint16_t procs, pad;
	uint32_t totalhigh, freehigh, mem_unit;
	char fill[8];
};

#endif /* !_USER_LINUX_H_ */
