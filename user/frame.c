/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * The frames on a program's stack from which its handlers run, with what it
 * goes on with afterwards: the layout is Linux's, for programs look into it.
 */

#include "user/linux.h"
#include "user/proc.h"

/* Frames, from the stack pointer of the handler up. */
struct frame {
	uint32_t restorer, signo;
	struct linux_sigcontext sc;
	uint32_t extramask;
};
struct rt_frame {
	uint32_t restorer, signo, info_at, uc_at;
	struct linux_siginfo info;
	struct linux_ucontext uc;
};
/* The FPU's state, above the frame: the 112 bytes of FSAVE, then FXSAVE. */
#define	FSAVE_SIZE	112u
#define	FXSAVE_SIZE	512u

static void
save_fpu(uint32_t at)
{
	uint8_t *fsave = (uint8_t *)at, *fx = fsave + FSAVE_SIZE;
	uint32_t *word = (uint32_t *)fsave;

	fpu_save(fx);
	word[0] = 0xffff0000u | *(uint16_t *)fx;
	word[1] = 0xffff0000u | *(uint16_t *)(fx + 2);
	/* FXSAVE has a bit for each register in use, FSAVE two: 3 is empty. */
	word[2] = 0xffff0000u;
	for (uint32_t i = 0; i < 8; i++)
		if ((fx[4] & 1u << i) == 0)
			word[2] |= 3u << 2 * i;
	word[3] = *(uint32_t *)(fx + 8);
	word[4] = *(uint32_t *)(fx + 12);
	word[5] = *(uint32_t *)(fx + 16);
	word[6] = *(uint32_t *)(fx + 20);
	for (uint32_t i = 0; i < 8; i++)
		memcpy(fsave + 28 + 10 * i, fx + 32 + 16 * i, 10);
	word[27] = 0;			/* status, magic: FXSAVE follows */
}

static uint32_t
segment_of(uint32_t which)
{
	uint32_t s;

	switch (which) {
	case 'g':
		__asm__ ("movl %%gs, %0" : "=r" (s));
		break;
	case 'f':
		__asm__ ("movl %%fs, %0" : "=r" (s));
		break;
	case 'c':
		__asm__ ("movl %%cs, %0" : "=r" (s));
		break;
	default:
		__asm__ ("movl %%ss, %0" : "=r" (s));
		break;
	}
	return (s & 0xffff);
}

static void
fill_context(struct linux_sigcontext *sc, const struct regs *r, uint32_t fpu,
    uint64_t mask)
{
	*sc = (struct linux_sigcontext){
		.gs = segment_of('g'), .fs = segment_of('f'),
		.es = segment_of('s'), .ds = segment_of('s'),
		.edi = r->edi, .esi = r->esi, .ebp = r->ebp, .esp = r->esp,
		.ebx = r->ebx, .edx = r->edx, .ecx = r->ecx, .eax = r->eax,
		.eip = r->eip, .cs = segment_of('c'), .eflags = r->eflags,
		.esp_at_signal = r->esp, .ss = segment_of('s'),
		.fpstate = fpu, .oldmask = mask,
	};
}

/* Where a frame of this size begins: its argument is aligned to 16. */
static uint32_t
frame_at(uint32_t fpu, uint32_t size)
{
	return (((fpu - size + 4) & ~15u) - 4);
}

static void
push_frame(struct regs *r, const struct sigact *sa, uint32_t signo,
    uint32_t fpu, uint64_t mask)
{
	struct frame *f = (struct frame *)frame_at(fpu, sizeof(*f));

	f->restorer = (sa->flags & SA_RESTORER) != 0 ? sa->restorer :
	    (uint32_t)sigreturn_code;
	f->signo = signo;
	fill_context(&f->sc, r, fpu, mask);
	f->extramask = mask >> 32;
	r->esp = (uint32_t)f;
	r->edx = r->ecx = 0;
}

static void
push_rt_frame(struct regs *r, const struct sigact *sa, uint32_t signo,
    uint32_t fpu, uint64_t mask)
{
	struct rt_frame *f = (struct rt_frame *)frame_at(fpu, sizeof(*f));

	memset(f, 0, sizeof(*f));
	f->restorer = (sa->flags & SA_RESTORER) != 0 ? sa->restorer :
	    (uint32_t)rt_sigreturn_code;
	f->signo = signo;
	f->info_at = (uint32_t)&f->info;
	f->uc_at = (uint32_t)&f->uc;
	f->info.signo = signo;
	f->info.code = SI_USER;
	f->uc.ss_flags = SS_DISABLE;
	fill_context(&f->uc.mcontext, r, fpu, mask);
	f->uc.sigmask = mask;
	r->esp = (uint32_t)f;
	r->edx = f->info_at;
	r->ecx = f->uc_at;
}

/*
 * Makes the program run a handler next, from a frame with the registers that it
 * has now and the mask that it gets back.
 */
void
frame_push(struct regs *r, const struct sigact *sa, uint32_t signo,
    uint64_t mask)
{
	uint32_t fpu = ((r->esp - FXSAVE_SIZE) & ~15u) - FSAVE_SIZE;

	save_fpu(fpu);
	if ((sa->flags & SA_SIGINFO) != 0)
		push_rt_frame(r, sa, signo, fpu, mask);
	else
		push_frame(r, sa, signo, fpu, mask);
	r->eip = sa->handler;
	r->eax = signo;
	r->eflags &= ~0x500u;		/* DF and TF */
}

static void
load_context(struct regs *r, const struct linux_sigcontext *sc, uint64_t mask)
{
	r->edi = sc->edi;
	r->esi = sc->esi;
	r->ebp = sc->ebp;
	r->esp = sc->esp;
	r->ebx = sc->ebx;
	r->edx = sc->edx;
	r->ecx = sc->ecx;
	r->eax = sc->eax;
	r->eip = sc->eip;
	r->eflags = sc->eflags;
	if (sc->fpstate != 0)
		fpu_restore((void *)(sc->fpstate + FSAVE_SIZE));
	self()->mask = mask & ~NEVER_BLOCKED;
}

/* The handler's return has taken the restorer and the signal off the stack. */
int
linux_sigreturn(struct regs *r)
{
	const struct frame *f = (const struct frame *)(r->esp - 8);

	load_context(r, &f->sc, f->sc.oldmask | (uint64_t)f->extramask << 32);
	return (r->eax);
}

int
linux_rt_sigreturn(struct regs *r)
{
	const struct rt_frame *f = (const struct rt_frame *)(r->esp - 4);

	load_context(r, &f->uc.mcontext, f->uc.sigmask);
	return (r->eax);
}
