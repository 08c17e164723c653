/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Runs the programs of user_blob.asm: makes their address spaces and threads,
 * and takes their calls and exceptions, of which it keeps count.  An exception
 * is over when the program goes on where its EBP says.
 */

#include <sys/types.h>
#include <sys/pcpu.h>
#include <sys/sched.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/thread.h>
#include <machine/atomic.h>
#include <machine/ipi.h>
#include <machine/pmap_user.h>
#include <tests/ring3.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

extern char blob[], blob_end[];

static struct program *
running(void)
{
	return ((struct program *)curthread()->td_user);
}

static void __dead2
end_here(void)
{
	user_attach(NULL);
	thread_exit();
}

static void
echo(struct program *p, struct userframe *uf)
{
	p->echo = *uf;
	uf->tf.eax = 0xea0ea0ea;
	uf->tf.ebx++;
	uf->tf.esi++;
}

static void
full(struct userframe *uf)
{
	uf->tf.ecx = 0x0ec0ec0e;
	uf->tf.edx = 0x0ed0ed0e;
	uf->tf.eflags = ~EFLAGS_TF;
	uf->tf.err = UF_FULL;
}

static void
take_call(struct userframe *uf)
{
	struct program *p = running();

	p->dirty |= read_eflags() & EFLAGS_DIRTY;
	p->ncalls++;
	if (uf->tf.eax == C_EXIT)
		end_here();
	if (uf->tf.eax == C_ECHO)
		echo(p, uf);
	else if (uf->tf.eax == C_FULL)
		full(uf);
	else if (uf->tf.eax == C_YIELD)
		sched_yield();
	else if (uf->tf.eax == C_TLS)
		user_set_tls(uf->tf.ebx);
	else if (uf->tf.eax == C_BLOCK)
		user_set_block(uf->tf.ebx);
	else if (uf->tf.eax == C_BAD) {
		p->nbad++;
		p->bad[0] = uf->tf.ebx;
		p->bad[1] = uf->tf.esi;
	}
}

/* Records it, and goes on where EBP says; a program without EBP ends. */
static void
take_exception(struct userframe *uf, vm_offset_t va)
{
	struct program *p = running();
	bool known = uf->tf.ebp != 0;

	p->dirty |= read_eflags() & EFLAGS_DIRTY;
	EXPECT(intr_enabled());
	if (p->nexc < MAXEXC)
		p->exc[p->nexc] = (struct exc){ uf->tf.trapno, uf->tf.err,
		    uf->tf.eip, uf->tf.eflags, va };
	p->nexc++;
	if (!known) {
		printf("# trap %u error 0x%x at 0x%x of %p ends the program\n",
		    uf->tf.trapno, uf->tf.err, uf->tf.eip, (void *)va);
		end_here();
	}
	uf->tf.eip = uf->tf.ebp;
	uf->tf.eflags &= ~EFLAGS_TF;
}

static void
take_ast(struct userframe *uf)
{
	(void)uf;
	EXPECT(intr_enabled());
	(void)atomic_swap_32(&curthread()->td_ast, 0);
	if (running()->end != 0)
		end_here();
}

static const struct user_ops ops = { take_call, take_exception, take_ast };

/* --- programs --- */

void
page_read(struct vm_page *m, u_int off, void *buf, size_t len)
{
	struct sf_buf *sf = sf_buf_alloc(m, 0);

	memcpy(buf, (const char *)sf_buf_kva(sf) + off, len);
	sf_buf_free(sf);
}

void
page_write(struct vm_page *m, u_int off, const void *buf, size_t len)
{
	struct sf_buf *sf = sf_buf_alloc(m, 0);

	memcpy((char *)sf_buf_kva(sf) + off, buf, len);
	sf_buf_free(sf);
}

uint32_t
program_word(const struct program *p, u_int i)
{
	uint32_t v;

	page_read(p->data, i * 4, &v, sizeof(v));
	return (v);
}

void
program_set_word(struct program *p, u_int i, uint32_t v)
{
	page_write(p->data, i * 4, &v, sizeof(v));
}

static struct vm_page *
page_of(struct pmap *pm, vm_offset_t va, u_int rights)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);
	static char zeros[PAGE_SIZE];

	KASSERT(m != NULL, "test: no page");
	page_write(m, 0, zeros, sizeof(zeros));
	KASSERT(pmap_enter(pm, va, VM_PAGE_TO_PHYS(m), rights) == 0,
	    "test: no page for a table");
	return (m);
}

struct program *
program_new(const char *entry, bool by_int)
{
	struct program *p = kmalloc(sizeof(*p), M_ZERO);

	KASSERT(p != NULL && blob_end - blob <= (int)PAGE_SIZE,
	    "test: no memory, or the programs are more than a page");
	p->entry = entry;
	p->ut.ops = &ops;
	p->ut.pmap = pmap_create();
	KASSERT(p->ut.pmap != NULL, "test: no memory for page tables");
	p->code = page_of(p->ut.pmap, CODE, PMAP_EXEC);
	p->data = page_of(p->ut.pmap, DATA, PMAP_WRITE);
	page_write(p->code, 0, blob, (size_t)(blob_end - blob));
	program_set_word(p, BY_INT, by_int || !user_has_sysenter());
	user_fpu_init(&p->ut);
	return (p);
}

static void
first_code(void *arg)
{
	struct program *p = arg;
	struct userframe uf;

	user_attach(&p->ut);
	user_frame_init(&uf, CODE + (uint32_t)(p->entry - blob), STACK);
	user_enter(&uf);
}

void
program_start(struct program *p, u_int cpu)
{
	p->td = thread_create_on(cpu, first_code, p, "ring 3");
	KASSERT(p->td != NULL, "test: no memory for a thread");
}

void
program_wait(struct program *p)
{
	thread_join(p->td);
	EXPECT_EQ(p->dirty, 0);
	EXPECT_EQ(p->nbad, 0);
	if (p->nbad != 0)
		printf("# bad: 0x%x 0x%x\n", p->bad[0], p->bad[1]);
}

void
program_stop(struct program *p)
{
	p->end = 1;
	atomic_set_32(&p->td->td_ast, 1);
	hw_send_ipi(p->td->td_cpu, IPI_RESCHED);
	program_wait(p);
}

void
program_free(struct program *p)
{
	pmap_destroy(p->ut.pmap);
	vm_page_unwire(p->code, 0);
	vm_page_free(p->code);
	vm_page_unwire(p->data, 0);
	vm_page_free(p->data);
	kfree(p);
}

struct program *
program_run(const char *entry, bool by_int)
{
	struct program *p = program_new(entry, by_int);

	program_start(p, curcpu_id());
	program_wait(p);
	return (p);
}

bool
no_ring3(void)
{
	if (user_supported() == NULL)
		return (false);
	test_skip(user_supported());
	return (true);
}
