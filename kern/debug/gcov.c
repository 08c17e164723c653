/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Prints how often each branch was taken, on the console at the end of a run;
 * part of build/gcov only.  There the compiler makes every function count its
 * branches, and puts the address of a description of each source file's
 * counters into .gcov_info.  tests/coverage/report turns the lines into files
 * that gcov reads.
 *
 *	gcov: file VERSION STAMP CHECKSUM NAME
 *	gcov: function IDENT LINES-CHECKSUM GRAPH-CHECKSUM NUMBER-OF-COUNTERS
 *	gcov: INDEX COUNTER...		left out if all are 0
 *	gcov: end
 *
 * The structures are those of gcc 12 and 13.  This file itself is not counted.
 */

#include <sys/types.h>
#include <sys/cons.h>
#include <sys/panic.h>
#include <sys/pcpu.h>
#include <sys/power.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/cpufunc.h>
#include <machine/intr.h>
#include <machine/nmi.h>
#include <machine/vmparam.h>

#if !defined(__GNUC__) || defined(__clang__) || __GNUC__ < 12 || __GNUC__ > 13
#error "coverage needs gcc 12 or 13: it is their structures that are read here"
#endif

#define	KINDS		8	/* kinds of counters; the first counts arcs */
#define	PER_LINE	8u

struct gcov_counters {
	uint32_t number;
	const uint64_t *values;
};

struct gcov_function {
	const void *key;
	uint32_t ident, lines_checksum, graph_checksum;
	struct gcov_counters arcs;
};

struct gcov_file {
	uint32_t version;
	void *next;
	uint32_t stamp, checksum;
	const char *name;
	void *merge[KINDS];
	uint32_t nfunctions;
	const struct gcov_function *const *functions;
};

extern const struct gcov_file *const gcov_files[], *const gcov_files_end[];

/*
 * Called by the code that the compiler adds: adds 1 to a counter.  Not one
 * step, which is enough because the other CPUs are stopped when it is read.
 */
uint64_t __atomic_fetch_add_8(volatile void *p, uint64_t n, int order);
uint64_t
__atomic_fetch_add_8(volatile void *p, uint64_t n, int order)
{
	volatile uint32_t *half = p;

	(void)order;
	if (atomic_fetchadd_32(&half[0], (uint32_t)n) == ~0u)
		atomic_fetchadd_32(&half[1], 1);
	return (0);		/* not used */
}

/* The structures name it; only libgcov would call it. */
void __gcov_merge_add(void);
void
__gcov_merge_add(void)
{
}

/* The data of boot/early.c is linked at its physical address. */
static const void *
mapped(const void *p)
{
	uintptr_t va = (uintptr_t)p;

	return (va < DMAP_MIN ? (const void *)(va + DMAP_MIN) : p);
}

/*
 * Prints without the console's lock, because a CPU that was stopped may hold
 * it.  After a panic it does not wait without end for a terminal that is not
 * read.
 */
static void __printflike(1, 2)
print(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	cons_write(line, (size_t)vsnprintf(line, sizeof(line), fmt, ap));
	for (u_int i = 0; !cons_sent(); i++) {
		if (panicked() && i == CONS_PANIC_POLLS)
			break;
		cons_send();
	}
	va_end(ap);
}

static void
print_counters(const uint64_t *values, u_int first, u_int n)
{
	char line[PER_LINE * 17 + 16];
	size_t len = 0;
	uint64_t any = 0;

	for (u_int i = first; i < first + n; i++) {
		any |= values[i];
		len += (size_t)snprintf(line + len, sizeof(line) - len,
		    " %llx", (unsigned long long)values[i]);
	}
	if (any != 0)
		print("gcov: %u%s\n", first, line);
}

static void
print_function(const struct gcov_function *f)
{
	u_int n = f->arcs.number;
	const uint64_t *values = mapped(f->arcs.values);

	print("gcov: function %x %x %x %u\n", f->ident, f->lines_checksum,
	    f->graph_checksum, n);
	for (u_int i = 0; i < n; i += PER_LINE)
		print_counters(values, i, n - i < PER_LINE ? n - i : PER_LINE);
}

/*
 * gcov_print: called once, right before the machine ends.  Any context.  The
 * other CPUs are stopped, so that the counters do not change.
 */
void
gcov_print(void)
{
	const struct gcov_file *f;
	const struct gcov_function *const *functions;

	disable_intr();
	if (!panicked() && mp_ncpus > 1)
		nmi_stop_others();
	print("\n");
	for (const struct gcov_file *const *p = gcov_files;
	    p < gcov_files_end; p++) {
		f = mapped(*p);
		print("gcov: file %x %x %x %s\n", f->version, f->stamp,
		    f->checksum, (const char *)mapped(f->name));
		functions = mapped(f->functions);
		for (uint32_t i = 0; i < f->nfunctions; i++)
			print_function(mapped(functions[i]));
	}
	print("gcov: end\n");
}
