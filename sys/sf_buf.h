/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _SYS_SF_BUF_H_
#define	_SYS_SF_BUF_H_

/* Ephemeral mappings of wired pages: sf_buf(9).  See kern/sf_buf.c. */

#include <sys/types.h>

struct sf_buf;
struct vm_page;

#define	SFB_DEFAULT	0x0	/* may sleep, never fails */
#define	SFB_CATCH	0x1	/* a signal ends the wait */
#define	SFB_CPUPRIVATE	0x2	/* right on the calling CPU is enough */
#define	SFB_NOWAIT	0x4	/* never sleeps; wins over SFB_CATCH */

struct sf_buf *sf_buf_alloc(struct vm_page *m, int flags);
void	sf_buf_free(struct sf_buf *sf);
void	sf_buf_ref(struct sf_buf *sf);
vm_offset_t sf_buf_kva(struct sf_buf *sf);
struct vm_page *sf_buf_page(struct sf_buf *sf);

bool	sf_buf_page_referenced(struct vm_page *m);
void	sf_buf_init(void);
u_int	sf_buf_audit(void);
u_int	sf_buf_inuse(void);
void	sf_buf_tick(void);
void	sf_buf_explain(vm_offset_t va);

/* What everything costs; each CPU counts its own. */
struct sf_buf_stats {
	uint64_t hits, misses, pte_writes, shootdowns, failures, direct;
};
void	sf_buf_stats_read(struct sf_buf_stats *sum);
extern uint32_t nsfbufs;

#endif /* !_SYS_SF_BUF_H_ */
