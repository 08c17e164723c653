/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_MAP_VM_OBJECT_H_
#define	_VM_MAP_VM_OBJECT_H_

/*
 * Memory objects: vm/map/vm_object.c.  An object is an array of pages with a
 * size; a page that is not there yet reads as zeros.  The page cache is made of
 * objects: the pages of one that holds a file are SEALED.
 *
 * What guards a field: (o) ob_lock; (a) locked instructions; the others never
 * change.
 */

#include <sys/types.h>
#include <sys/lock.h>

struct vm_page;
struct vm_region;
struct uio;

#define	OBJECT_CHUNK	1024u		/* pages in a chunk of the array */
#define	OBJECT_MAXPAGES	(1u << 20)	/* 4 GiB */

struct vm_object {
	struct mtx ob_lock;		/* RANK_OBJECT */
	volatile uint32_t ob_refs;	/* (a) */
	u_int ob_pages;			/* (o) size in pages */
	uint64_t ob_size;		/* (o) size in bytes */
	u_int ob_resident;		/* (o) pages that are there */
	bool ob_readonly;		/* a file: its pages are SEALED */
	struct vm_page ***ob_chunks;	/* (o) NULL where no page is there */
	struct vm_region *ob_regions;	/* (o) where it is mapped */
	volatile uint32_t *ob_charge;	/* (a) counts pages against a task */
	uint32_t ob_charge_max;
};

/*
 * vm_object_create: makes an object of `pages' pages, all zeros, with one
 * reference.  Thread context; does not sleep.  NULL if out of memory or above
 * OBJECT_MAXPAGES.
 */
struct vm_object *vm_object_create(u_int pages);

/*
 * vm_object_ref, vm_object_release: add and drop a reference.  The last one
 * frees the object: every page loses this holder.  Thread context; release may
 * sleep, no lock held.
 */
void	vm_object_ref(struct vm_object *ob);
void	vm_object_release(struct vm_object *ob);

/*
 * vm_object_hold_page: finds the page at an index, filling it with zeros if it
 * is not there, and holds it for the caller (vm_page_hold()).  With `write' the
 * page is OWNED, by this object alone: a page that is SEALED or shared is
 * copied first.  Thread context, sleeps; takes ob_lock.  0, EFAULT beyond the
 * size, EACCES to write to a readonly object, ENOMEM.
 */
int	vm_object_hold_page(struct vm_object *ob, u_int index, bool write,
	    struct vm_page **m);

/* As that, with ob_lock held by the caller: for vm_fault.c. */
int	vm_object_page_locked(struct vm_object *ob, u_int index, bool write,
	    struct vm_page **m);

/*
 * vm_object_insert: puts a page that the caller has filled and holds at an
 * index that has none, and seals it if the object is readonly.  The hold
 * becomes the object's.  For the page cache.
 */
int	vm_object_insert(struct vm_object *ob, u_int index, struct vm_page *m);

/*
 * vm_object_send_page: as vm_object_hold_page() without `write', for a message:
 * the page is SEALED on return.  If the kernel is about to write to it for a
 * task, it is a copy that is not the object's.
 */
int	vm_object_send_page(struct vm_object *ob, u_int index,
	    struct vm_page **m);

/*
 * vm_object_copy: makes an object with the pages [first, first + pages) of
 * another, shared until either writes to one: for fork and private mappings.
 * NULL if out of memory.  Pages that the kernel is about to write are copied
 * at once.
 */
struct vm_object *vm_object_copy(struct vm_object *ob, u_int first,
	    u_int pages);

/*
 * vm_object_read, vm_object_write: move bytes between an object and a uio, from
 * a byte offset, up to the object's size.  Thread context, sleep.
 */
int	vm_object_io(struct vm_object *ob, uint64_t offset, struct uio *uio);

#endif /* !_VM_MAP_VM_OBJECT_H_ */
