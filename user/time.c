/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Time: the kernel counts ns since its start; the boot block says when that
 * was.  Deadlines are in the kernel's time; NEVER is none.
 */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

#define	NS_S		1000000000u
#define	FAR_S		4000000000u	/* later than any machine runs */

uint64_t
clock_now(void)
{
	struct results res;

	native_raw(CALL_CLOCK_GET, 0, 0, 0, 0, &res);
	return (res.ebx | (uint64_t)res.esi << 32);
}

uint64_t
clock_real(void)
{
	return (boot->realtime_ns + clock_now());
}

/* Of the clocks those are known whose time is a clock's here. */
static int
clock_read(uint32_t clock, uint64_t *ns)
{
	if (clock == CLOCK_REALTIME || clock == 5)	/* _COARSE */
		*ns = clock_real();
	else if (clock <= CLOCK_BOOTTIME)
		*ns = clock_now();
	else
		return (-EINVAL);
	return (0);
}

static int
deadline(int64_t sec, uint32_t ns, bool absolute, uint32_t clock, uint64_t *d)
{
	uint64_t t;

	if (sec < 0 || ns >= NS_S)
		return (-EINVAL);
	if (sec > FAR_S) {
		*d = NEVER;
		return (0);
	}
	t = (uint64_t)sec * NS_S + ns;
	if (!absolute)
		t += clock_now();
	else if (clock == CLOCK_REALTIME)
		t = t > boot->realtime_ns ? t - boot->realtime_ns : 1;
	*d = t;
	return (0);
}

/*
 * deadline_in64, deadline_in32: read a time of the program, which is a struct
 * timespec of either kind, from now on or of a clock.
 */
int
deadline_in64(uint32_t ts, bool absolute, uint32_t clock, uint64_t *d)
{
	const struct linux_timespec64 *t = (const struct linux_timespec64 *)ts;

	return (deadline(t->sec, t->ns, absolute, clock, d));
}

int
deadline_in32(uint32_t ts, bool absolute, uint32_t clock, uint64_t *d)
{
	const struct linux_timespec32 *t = (const struct linux_timespec32 *)ts;

	return (deadline(t->sec, t->ns, absolute, clock, d));
}

static void
put32(struct linux_timespec32 *t, uint64_t ns)
{
	t->sec = div64(ns, NS_S, &t->ns);
}

static void
put64(struct linux_timespec64 *t, uint64_t ns)
{
	t->sec = div64(ns, NS_S, &t->ns);
	t->pad = 0;
}

int
linux_clock_gettime(struct regs *r)
{
	uint64_t ns;
	int error = clock_read(r->ebx, &ns);

	if (error == 0)
		put32((struct linux_timespec32 *)r->ecx, ns);
	return (error);
}

int
linux_clock_gettime64(struct regs *r)
{
	uint64_t ns;
	int error = clock_read(r->ebx, &ns);

	if (error == 0)
		put64((struct linux_timespec64 *)r->ecx, ns);
	return (error);
}

int
linux_clock_getres(struct regs *r)
{
	if (r->ebx > CLOCK_BOOTTIME)
		return (-EINVAL);
	if (r->ecx != 0)
		put32((struct linux_timespec32 *)r->ecx, 1);
	return (0);
}

int
linux_clock_getres64(struct regs *r)
{
	if (r->ebx > CLOCK_BOOTTIME)
		return (-EINVAL);
	if (r->ecx != 0)
		put64((struct linux_timespec64 *)r->ecx, 1);
	return (0);
}

int
linux_gettimeofday(struct regs *r)
{
	struct linux_timeval *tv = (struct linux_timeval *)r->ebx;
	uint32_t ns;

	if (tv != NULL) {
		tv->sec = div64(clock_real(), NS_S, &ns);
		tv->us = ns / 1000;
	}
	return (0);
}

int
linux_time(struct regs *r)
{
	uint32_t s = div64(clock_real(), NS_S, NULL);

	if (r->ebx != 0)
		*(uint32_t *)r->ebx = s;
	return (s);
}

/* times(buffer): processor time is not counted. */
int
linux_times(struct regs *r)
{
	uint32_t *tms = (uint32_t *)r->ebx;

	if (tms != NULL)
		memset(tms, 0, 4 * sizeof(*tms));
	return (div64(clock_now(), NS_S / 100, NULL) & INT32_MAX);
}

/* Sleeps until d; the result is what is left, in ns, if a signal came first. */
static uint64_t
sleep_until(uint64_t d)
{
	uint64_t now;

	while (native_sleep(CALL_WAIT, 0, 0, d, d >> 32) != -EINTR)
		if (clock_now() >= d)
			return (0);
	now = clock_now();
	return (now < d ? d - now : 1);
}

int
linux_nanosleep(struct regs *r)
{
	uint64_t d, left;
	int error = deadline_in32(r->ebx, false, CLOCK_MONOTONIC, &d);

	if (error != 0 || (left = sleep_until(d)) == 0)
		return (error);
	if (r->ecx != 0)
		put32((struct linux_timespec32 *)r->ecx, left);
	return (-EINTR);
}

/* clock_nanosleep(clock, flags, time, what is left) */
int
linux_clock_nanosleep(struct regs *r)
{
	bool absolute = (r->ecx & TIMER_ABSTIME) != 0;
	uint64_t d, left;
	int error = deadline_in32(r->edx, absolute, r->ebx, &d);

	if (error != 0 || (left = sleep_until(d)) == 0)
		return (error);
	if (r->esi != 0 && !absolute)
		put32((struct linux_timespec32 *)r->esi, left);
	return (-EINTR);
}

int
linux_clock_nanosleep64(struct regs *r)
{
	bool absolute = (r->ecx & TIMER_ABSTIME) != 0;
	uint64_t d, left;
	int error = deadline_in64(r->edx, absolute, r->ebx, &d);

	if (error != 0 || (left = sleep_until(d)) == 0)
		return (error);
	if (r->esi != 0 && !absolute)
		put64((struct linux_timespec64 *)r->esi, left);
	return (-EINTR);
}
