/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_MAP_VM_MAP_H_
#define	_VM_MAP_VM_MAP_H_

/*
 * Address spaces: vm/map/vm_map.c.  A map is an ordered set of regions, each of
 * which shows a run of an object's pages at an address.
 *
 * What guards a field: (m) vm_lock; (o) the object's ob_lock as well.
 */

#include <sys/types.h>
#include <sys/abi/call.h>	/* PROT_*, MAP_* */
#include <sys/lock.h>

struct pmap;
struct vm_object;
struct vm_page;

struct vm_region {
	vm_offset_t r_start, r_end;	/* (m, o) whole pages */
	struct vm_object *r_object;	/* (m, o) holds a reference */
	u_int r_first;			/* (m, o) its page at r_start */
	uint8_t r_prot;			/* (m, o) PROT_* */
	uint8_t r_was;			/* (m) r_prot, until it is changed */
	uint8_t r_max_prot;		/* (m) what vm_map_protect() may give */
	bool r_share;			/* (m) fork shares it */
	bool r_private;			/* (m) of a file: writes copy it */
	bool r_coming;			/* (m) its addresses are others' yet */
	struct vm_map *r_map;
	struct vm_region *r_next;	/* (o) of the object's regions */
	struct vm_region **r_prev;	/* (o) what points to this one */
};

#define	MAP_MAXREGIONS	4096u

struct vm_map {
	struct mtx vm_lock;		/* RANK_MAP */
	struct pmap *vm_pmap;
	struct vm_region **vm_regions;	/* (m) sorted by address */
	u_int vm_nregions;		/* (m) */
	u_int vm_room;			/* (m) entries of vm_regions[] */
	u_int vm_found;			/* (m) the region found last: a hint */
	vm_offset_t vm_hint;		/* (m) where mem_map looks first */
	u_int vm_pages;			/* (m) pages of address space */
	struct vm_charge *vm_charge;	/* its memory, and its task's objects */
};

/*
 * vm_map_create: an empty address space with a charge of its own, whose maximum
 * is the option vm.task_pages; vm_hint is where the stack could end.
 * vm_map_destroy: unmaps all and frees it; no thread uses it any more.  Thread
 * context, sleep, no lock held.
 */
struct vm_map *vm_map_create(void);
void	vm_map_destroy(struct vm_map *map);

/*
 * vm_map_fork: an address space like this one: regions are copied, or shared
 * where r_share.  NULL if out of memory.  Linear in resident pages.
 */
struct vm_map *vm_map_fork(struct vm_map *map);

/*
 * vm_map_insert: maps pages [first, first + size) of an object, or, if ob is
 * NULL, new memory, all zeros.  The map takes a reference of its own.  `flags'
 * are PROT_* and MAP_*; max_prot is what vm_map_protect() may give later.  *va
 * is the address, with MAP_FIXED the one to use, in place of what is there;
 * else a wish, and 0 for any.  0, EINVAL, EACCES, ENOMEM; an error changes
 * nothing.
 *
 * PROT_WRITE with PROT_EXEC is EACCES, and so is a shared object that would be
 * writable at one address and executable at another; and, without MAP_PRIVATE,
 * PROT_WRITE of a readonly object.
 */
int	vm_map_insert(struct vm_map *map, struct vm_object *ob, u_int first,
	    vm_offset_t *va, vm_size_t size, u_int flags, u_int max_prot);

/*
 * vm_map_remove: unmaps [va, va + size); parts of it may have nothing mapped.
 * 0, EINVAL, ENOMEM.
 * vm_map_protect: changes what may be done with the pages there.  0, EINVAL;
 * EFAULT if a part has nothing mapped; EACCES as vm_map_insert(), or if it is
 * more than max_prot; ENOMEM.  An error changes nothing.
 */
int	vm_map_remove(struct vm_map *map, vm_offset_t va, vm_size_t size);
int	vm_map_protect(struct vm_map *map, vm_offset_t va, vm_size_t size,
	    u_int prot);

/*
 * vm_fault: makes the page at va accessible in the way of `prot', one of
 * PROT_READ, PROT_WRITE, PROT_EXEC, or says why not: EFAULT nothing is mapped
 * there, EACCES not in this way, ENOMEM.  Thread context, sleeps.
 */
int	vm_fault(struct vm_map *map, vm_offset_t va, u_int prot);

/*
 * vm_borrow: faults in the pages of [va, va + size) for reading, or for
 * writing, and holds them: pages[] gets one for each page that the range
 * touches, at most npages.  Until vm_return() they are neither freed nor given
 * to another use, whatever the task does; those for writing are not shared by
 * fork.  Returns how many pages, less than the range has if npages is less or
 * if an error came behind the first page, or minus EFAULT, EACCES, ENOMEM.
 * Thread context, sleeps.  Does not enter pages in the page table.
 */
int	vm_borrow(struct vm_map *map, vm_offset_t va, vm_size_t size,
	    u_int prot, struct vm_page **pages, u_int npages);
void	vm_return(struct vm_page **pages, u_int npages, u_int prot);

/*
 * vm_copy_part: copies n bytes that lie in one page from va to buf, or from buf
 * to va if prot is PROT_WRITE; if the page is there, may be used as it is, and
 * can be mapped at once.  Else it returns false, and vm_borrow() is the way.
 * Thread context, sleeps.
 */
bool	vm_copy_part(struct vm_map *map, vm_offset_t va, void *buf, size_t n,
	    u_int prot);

/*
 * vm_map_print: prints the regions, a line each.  vm_map_audit: prints and
 * counts what is wrong: regions out of order, and user entries that have
 * another frame than their object or more rights than page and region allow.
 * Thread context, sleep, no lock held.
 */
void	vm_map_print(struct vm_map *map);
u_int	vm_map_audit(struct vm_map *map);

#endif /* !_VM_MAP_VM_MAP_H_ */
