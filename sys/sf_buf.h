/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SF_BUF_H_
#define	_SYS_SF_BUF_H_

/*
 * Ephemeral mappings of wired pages.  The manual page sf_buf(9) says more than
 * the contracts here; the code is in sf_buf/, the two inline paths in
 * <sf_buf/inline.h>.
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
 * sf_buf_alloc: maps the wired page m into kernel address space and returns a
 * reference.  Neither wires it nor makes it resident.  Returns NULL only with
 * SFB_NOWAIT, where it would have to sleep; or with SFB_CATCH, if a signal was
 * pending where it would have to sleep, or came while it slept.  With
 * interrupts off SFB_NOWAIT cannot force a flush, so it may return NULL while
 * unreferenced slots are left.  While threads wait for a slot, SFB_NOWAIT takes
 * none, because those come first.  With SFB_CPUPRIVATE the caller must be
 * pinned to its CPU, and the address is only for that CPU.  Thread context,
 * interrupts on, no spin lock, no critical section; with SFB_NOWAIT any context
 * but NMI.  Panics on a page that is not wired, on NULL and on unknown flags.
 */
static inline struct sf_buf *sf_buf_alloc(struct vm_page *m, int flags);

/*
 * sf_buf_free: drops one reference.  The mapping stays cached, the wiring is
 * the caller's.  Any context but NMI; never sleeps.
 */
static inline void sf_buf_free(struct sf_buf *sf);

/* sf_buf_ref: adds a reference to one that the caller holds.  Any but NMI. */
void	sf_buf_ref(struct sf_buf *sf);

/* The address of the mapping, and its page, while it is referenced. */
static inline vm_offset_t sf_buf_kva(struct sf_buf *sf);
static inline struct vm_page *sf_buf_page(struct sf_buf *sf);

/* sf_buf_stats_read: adds up the counters of the CPUs.  Any but NMI. */
void	sf_buf_stats_read(struct sf_buf_stats *sum);
void	sf_buf_print_stats(void);	/* prints them as a table */

/* sf_buf_inuse: counts the referenced slots, by a look at each.  Any. */
u_int	sf_buf_inuse(void);

/* sf_buf_audit: prints and counts wrong page-table entries.  Any. */
u_int	sf_buf_audit(void);

/*
 * sf_buf_page_referenced: whether a mapping of m is referenced; vm/vm_page.c
 * asks before it frees a page or drops its last wiring.  Any context.
 */
bool	sf_buf_page_referenced(struct vm_page *m);

/*
 * sf_buf_seal: makes m SEALED and removes its cached mapping, if it has one,
 * without a wait: the next allocation enters the page anew, with what its state
 * allows then.  No mapping of m is referenced, and none is allocated meanwhile.
 * Any context but NMI.  For vm/vm_state.c, where a page becomes SEALED, or ends
 * to be because it is freed.
 */
void	sf_buf_seal(struct vm_page *m);

/*
 * sf_buf_set_direct_map: turns the direct map on or off for later allocations
 * and returns the previous setting.  References that it gave stay valid.
 * Thread context.
 */
bool	sf_buf_set_direct_map(bool on);

/* For the kernel's start-up, clock and idle loop. */
void	sf_buf_size_pool(vm_paddr_t ram);
void	sf_buf_init(void);
void	sf_buf_tick(void);
void	sf_buf_idle(void);
extern uint32_t nsfbufs;	/* slots of all pools; fixed at start */
extern bool sf_strict;		/* sf_buf.strict=1 */

#include <sf_buf/inline.h>

#endif /* !_SYS_SF_BUF_H_ */
