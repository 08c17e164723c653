/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* What programs ask about themselves and the machine. */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

#define	RLIMIT_STACK	3
#define	RLIMIT_NOFILE	7
#define	RLIMITS		16
#define	PR_SET_NAME	15
#define	PR_GET_NAME	16

/* Every process is of user 0 and group 0. */
int
linux_getuid(struct regs *r)
{
	(void)r;
	return (0);
}

int
linux_getgroups(struct regs *r)
{
	(void)r;
	return (0);
}

static void
set_string(char *to, const char *s)
{
	memcpy(to, s, strlen(s) + 1);
}

/* The release: the oldest Linux that has all calls of user/calls.h. */
int
linux_uname(struct regs *r)
{
	struct linux_utsname *u = (struct linux_utsname *)r->ebx;

	memset(u, 0, sizeof(*u));
	set_string(u->sysname, "Linux");
	set_string(u->nodename, "mayfly");
	set_string(u->release, "5.8.0-mayfly");
	set_string(u->version, "#1 SMP");
	set_string(u->machine, "i686");
	return (0);
}

int
linux_sysinfo(struct regs *r)
{
	struct linux_sysinfo *s = (struct linux_sysinfo *)r->ebx;

	memset(s, 0, sizeof(*s));
	s->uptime = div64(clock_now(), 1000000000, NULL);
	s->totalram = boot->mem_mib;
	s->mem_unit = 1u << 20;
	s->procs = 1;
	return (0);
}

/* getrandom(buffer, bytes, flags) */
int
linux_getrandom(struct regs *r)
{
	uint8_t *to = (uint8_t *)r->ebx;

	if (!is_program(r->ebx, r->ecx))
		return (-EFAULT);
	for (uint32_t i = 0; i < r->ecx; i++)
		to[i] = random32() >> 24;
	return (r->ecx);
}

/* prctl(option, argument): the name of the thread */
int
linux_prctl(struct regs *r)
{
	if ((r->ebx == PR_SET_NAME || r->ebx == PR_GET_NAME) &&
	    !is_program(r->ecx, sizeof(proc.name)))
		return (-EFAULT);
	switch (r->ebx) {
	case PR_SET_NAME:
		memcpy(proc.name, (const void *)r->ecx, sizeof(proc.name));
		proc.name[sizeof(proc.name) - 1] = '\0';
		return (0);
	case PR_GET_NAME:
		memcpy((void *)r->ecx, proc.name, sizeof(proc.name));
		return (0);
	default:
		return (-EINVAL);
	}
}

static uint32_t
limit_of(uint32_t resource)
{
	return (resource == RLIMIT_STACK ? STACK_SIZE :
	    resource == RLIMIT_NOFILE ? FDS_MAX : UINT32_MAX);
}

int
linux_getrlimit(struct regs *r)
{
	uint32_t *to = (uint32_t *)r->ecx;

	if (r->ebx >= RLIMITS)
		return (-EINVAL);
	to[0] = to[1] = limit_of(r->ebx);
	return (0);
}

/* prlimit64(pid, resource, new, old): limits cannot be changed. */
int
linux_prlimit64(struct regs *r)
{
	uint64_t *old = (uint64_t *)r->esi, limit = limit_of(r->ecx);

	if (r->ebx != 0 && r->ebx != proc.pid)
		return (-ESRCH);
	if (r->ecx >= RLIMITS)
		return (-EINVAL);
	if (r->edx != 0)
		return (-EPERM);
	if (old != NULL)
		old[0] = old[1] = limit == UINT32_MAX ? UINT64_MAX : limit;
	return (0);
}

int
linux_getrusage(struct regs *r)
{
	memset((void *)r->ecx, 0, 72);
	return (0);
}

int
linux_sched_yield(struct regs *r)
{
	(void)r;
	native(CALL_WAIT, 0, 0, 0, 0);
	return (0);
}

/* sched_getaffinity(pid, bytes, set): all CPUs. */
int
linux_sched_getaffinity(struct regs *r)
{
	uint32_t *set = (uint32_t *)r->edx, n = boot->ncpus;

	if (r->ecx < 4)
		return (-EINVAL);
	*set = n >= 32 ? ~0u : (1u << n) - 1;
	return (4);
}

/* Barriers between threads are instructions here; 0: no command is offered. */
int
linux_membarrier(struct regs *r)
{
	return (r->ebx == 0 ? 0 : -EINVAL);
}

/* No file can be made, changed or removed. */
int
linux_readonly(struct regs *r)
{
	(void)r;
	return (-EROFS);
}

/* C libraries try these, and do without. */
int
linux_absent(struct regs *r)
{
	(void)r;
	return (-ENOSYS);
}
