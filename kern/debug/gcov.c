/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * How often each branch was taken, on the console at the end of a run; part
 * of build/gcov only.  There the compiler makes every function count in words
 * of its own, and puts the address of what describes those of a source file
 * into .gcov_info.  tests/coverage/report makes of the lines what gcov reads.
 *
 *	gcov: file VERSION STAMP CHECKSUM NAME
 *	gcov: function IDENT LINES-CHECKSUM GRAPH-CHECKSUM NUMBER-OF-COUNTERS
 *	gcov: INDEX COUNTER...		only if one of them is not 0
 *	gcov: end
 *
 * The structures are those of gcc 12 and 13.  This file is not instrumented.
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

#define	KINDS		8	/* of counters; those of arcs are the first */
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

/* The compiler's: adds 1 to a counter.  Who reads it has stopped the others. */
uint64_t __atomic_fetch_add_8(volatile void *p, uint64_t n, int order);
uint64_t
__atomic_fetch_add_8(volatile void *p, uint64_t n, int order)
{
	volatile uint32_t *half = p;

	(void)order;
	if (atomic_fetchadd_32(&half[0], (uint32_t)n) == ~0u)
		atomic_fetchadd_32(&half[1], 1);
	return (0);		/* nobody looks at it */
}

/* The structures name it; what would call it is libgcov. */
void __gcov_merge_add(void);
void
__gcov_merge_add(void)
{
}

/* What belongs to boot/early.c is linked at its physical address. */
static const void *
mapped(const void *p)
{
	uintptr_t va = (uintptr_t)p;

	return (va < DMAP_MIN ? (const void *)(va + DMAP_MIN) : p);
}

/*
 * Straight to the console: one of the CPUs that were stopped may have the lock
 * that printf() takes.
 */
static void __printflike(1, 2)
print(const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	cons_write(line, (size_t)vsnprintf(line, sizeof(line), fmt, ap));
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
 * gcov_print: once, right before the machine ends.  Any context.  The other
 * CPUs are stopped, so that what is printed belongs together.
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
	/* What a UART holds is lost when the machine ends: that may be. */
	print("%32s\n", "");
}
