/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TESTS_BENCH_BENCH_H_
#define	_TESTS_BENCH_BENCH_H_

/*
 * In-kernel benchmarks.  A scheme is a way to map pages for a short time,
 * called through a table of functions.  A benchmark measures schemes and prints
 * one line for each measurement, with bench_report().
 */

#include <sys/types.h>
#include <sys/sf_buf.h>

/* Events counted during a measurement. */
struct bench_counts {
	uint64_t hits;
	uint64_t misses;
	uint64_t pte_writes;
	uint64_t invlpgs;	/* local invalidations */
	uint64_t ipis;		/* writes to an ICR that ask for invalidation */
	uint64_t interrupted;	/* CPUs interrupted by these */
	uint64_t sleeps;
};

/*
 * alloc, kva, free: as those of sf_buf(9), but the handle is a structure of the
 *	scheme, in spite of its type.
 * stats: returns sums since start-up.
 * direct: true if the scheme maps only pages that the direct map serves, false
 *	if it maps only the others.
 * init: called once, before use, with the number of slots wanted; returns false
 *	if the scheme cannot be used.  May be NULL.
 * reset: forgets all cached mappings.  May be NULL.
 */
struct bench_scheme {
	const char *name;
	struct sf_buf *(*alloc)(struct vm_page *m, int flags);
	vm_offset_t (*kva)(struct sf_buf *sf);
	void	(*free)(struct sf_buf *sf);
	void	(*stats)(struct bench_counts *c);
	bool	(*init)(u_int nslots);
	void	(*reset)(void);
	bool	direct;
};

extern const struct bench_scheme bench_sf_buf;	/* the kernel's, from slots */
extern const struct bench_scheme bench_direct;	/* and from the direct map */
/*
 * The functions of both, for loops that call them as any caller does: the
 * compiler knows the functions and inlines those that are meant to be inlined.
 */
static const struct bench_scheme bench_in_line = {
	.alloc = sf_buf_alloc, .kva = sf_buf_kva, .free = sf_buf_free,
};
extern const struct bench_scheme bench_sync;
extern const struct bench_scheme bench_qenter;

static inline bool
bench_is_own(const struct bench_scheme *s)
{
	return (s == &bench_sf_buf || s == &bench_direct);
}

enum bench_touch { TOUCH_NONE, TOUCH_READ, TOUCH_ZERO };

/* The parameters and the result of a measurement. */
struct bench_result {
	const char *name;
	const struct bench_scheme *scheme;
	u_int cpus;		/* CPUs of the machine, or those not idle */
	u_int workers;		/* CPUs that allocate; 0 means 1 */
	u_int pages;
	enum bench_touch touch;
	int flags;
	uint64_t ops;
	uint64_t time;		/* TSC ticks; under -icount, instructions */
	struct bench_counts counts;
};

/* A linker set has all benchmarks; bench.c runs those that bench= names. */
struct bench {
	const char *name;
	void (*run)(void);
};

#define	BENCH(ident, name)						\
	static void ident(void);					\
	static const struct bench entry_##ident = { name, ident };	\
	static const struct bench *const set_##ident			\
	    __attribute__((section("set_benches"), used)) = &entry_##ident; \
	static void ident(void)

/* bench.c */
struct vm_page **bench_pages(u_int n, bool direct);
void	*bench_array(size_t size);
bool	bench_ready(const struct bench_scheme *s);
void	bench_pages_free(struct vm_page **pages, u_int n);
void	bench_counts_sub(struct bench_counts *c, const struct bench_counts *b);
void	bench_report(const struct bench_result *r);
void	bench_sort(uint64_t *v, u_int n);
void	bench_await(volatile uint32_t *p, uint32_t least, const char *what);
void	bench_busy_start(u_int first, u_int end, bool pause);
void	bench_busy_stop(void);
uint64_t bench_busy_time(uint64_t *busy);
void	bench_failed(void);
extern u_int bench_tsc_shift;

#endif /* !_TESTS_BENCH_BENCH_H_ */
