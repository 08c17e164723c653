/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SF_BUF_H_
#define	_SYS_SF_BUF_H_

/*
 * Ephemeral mappings of wired pages: sf_buf(9), which says more than the
 * contracts here.  sf_buf/sf_buf.c.
 */

#include <sys/types.h>
#include <sys/sfstat.h>

struct sf_buf;
struct vm_page;

#define	SFB_DEFAULT	0x0	/* may sleep, never fails */
#define	SFB_CATCH	0x1	/* a signal ends the wait */
#define	SFB_CPUPRIVATE	0x2	/* right on the calling CPU is enough */
#define	SFB_NOWAIT	0x4	/* never sleeps; wins over SFB_CATCH */

#define	SFB_ALL		(SFB_CATCH | SFB_CPUPRIVATE | SFB_NOWAIT)

/*
 * sf_buf_alloc: maps the wired page m into kernel address space and returns
 * a reference.  Neither wires it nor makes it resident.  NULL: with SFB_NOWAIT,
 * when it would have to sleep; with SFB_CATCH, when a signal was pending and
 * it would have to sleep, or one came while it slept.  With SFB_CPUPRIVATE
 * the caller must be pinned to its CPU, and the address is only for that CPU.
 * Thread context; with SFB_NOWAIT any but NMI.  Panics on a page that is not
 * wired, on NULL and on unknown flags.
 */
static inline struct sf_buf *sf_buf_alloc(struct vm_page *m, int flags);

/*
 * sf_buf_free: drops one reference.  The mapping stays cached, the wiring is
 * the caller's.  Any context but NMI; never sleeps.
 */
static inline void sf_buf_free(struct sf_buf *sf);

/* sf_buf_ref: one more reference of what the caller holds.  Any but NMI. */
void	sf_buf_ref(struct sf_buf *sf);

/* The address of the mapping, and its page, while it is referenced. */
static inline vm_offset_t sf_buf_kva(struct sf_buf *sf);
static inline struct vm_page *sf_buf_page(struct sf_buf *sf);

/* sf_buf_stats_read: the sums over the CPUs.  Any context. */
void	sf_buf_stats_read(struct sf_buf_stats *sum);
void	sf_buf_print_stats(void);	/* the same as a table */

u_int	sf_buf_inuse(void);		/* referenced slots; looks at all */
u_int	sf_buf_audit(void);		/* prints and counts wrong entries */
bool	sf_buf_page_referenced(struct vm_page *m);
void	sf_buf_describe_fault(vm_offset_t va);
void	sf_buf_tick(void);
void	sf_buf_size_pool(vm_paddr_t ram);
void	sf_buf_init(void);
bool	sf_buf_set_direct_map(bool on);
bool	sf_buf_evict(struct vm_page *m);	/* for tests */
extern uint32_t nsfbufs;
extern bool sf_strict;

#include <sys/_sf_buf.h>

#endif /* !_SYS_SF_BUF_H_ */
