/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _VM_MAP_VM_OBJECT_H_
#define	_VM_MAP_VM_OBJECT_H_

/*
 * Memory objects: vm/map/vm_object.c and vm_object_page.c.  An object is an
 * array of pages with a size; a page that is not there yet reads as zeros.  The
 * page cache is made of objects: the pages of one that holds a file are SEALED.
 *
 * What guards a field: (o) ob_lock; (a) locked instructions; the others never
 * change once the object has a page or is mapped.
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <machine/atomic.h>

struct vm_page;
struct vm_region;
struct uio;

#define	OBJECT_CHUNK	256u		/* pages in a chunk of the array */
#define	OBJECT_MAXPAGES	(1u << 20)	/* 4 GiB */

/*
 * What a task is charged: a page for each index of its objects that has one.  A
 * page that two objects share counts for both, so that a copy on a write takes
 * nothing that was not counted before.  An object may live longer than the task
 * that made it, so the count has references.
 */
struct vm_charge {
	volatile uint32_t vc_refs;	/* (a) */
	volatile uint32_t vc_pages;	/* (a) */
	volatile uint32_t vc_max;	/* (a) the most pages */
};

struct vm_object {
	struct mtx ob_lock;		/* RANK_OBJECT */
	volatile uint32_t ob_refs;	/* (a) */
	u_int ob_pages;			/* size in pages */
	uint64_t ob_size;		/* size in bytes; of a file its own */
	u_int ob_resident;		/* (o) pages that are there */
	u_int ob_low, ob_high;		/* (o) all of them are in [low, high) */
	bool ob_readonly;		/* a file: its pages are SEALED */
	struct vm_page ***ob_chunks;	/* (o) NULL where no page is there */
	struct vm_region *ob_regions;	/* (o) where it is mapped */
	struct vm_charge *ob_charge;	/* holds a reference, or NULL */
};

/*
 * vm_charge_create: a charge of nothing, with one reference.  NULL if out of
 * memory.  Any context that may allocate, as are vm_charge_ref() and
 * vm_charge_release().
 */
struct vm_charge *vm_charge_create(u_int max);
void	vm_charge_ref(struct vm_charge *vc);
void	vm_charge_release(struct vm_charge *vc);

/*
 * vm_object_create: makes an object of `pages' pages, all zeros, with one
 * reference, whose pages are charged to vc, or not if that is NULL.  Thread
 * context; does not sleep.  NULL if out of memory, if pages is 0 or above
 * OBJECT_MAXPAGES.
 */
struct vm_object *vm_object_create(u_int pages, struct vm_charge *vc);

/*
 * vm_object_ref, vm_object_release: add and drop a reference.  The last one
 * frees the object: every page loses this holder.  Thread context; release may
 * sleep, no lock held.
 */
void	vm_object_ref(struct vm_object *ob);
void	vm_object_release(struct vm_object *ob);

/*
 * vm_object_hold_pages: finds pages [index, index + n), filling those with zeros
 * that are not there, and holds them for the caller (vm_page_hold()).  With
 * `write' they are OWNED, by this object alone: a page that is SEALED or shared
 * is copied first; and the caller is counted as their writer, so that they stay
 * so.  The caller gives them back by vm_return(), with PROT_WRITE if they were
 * for writing.  Returns how many, less than n if an error came behind the first
 * page, or minus EFAULT beyond the size, EACCES to write to a readonly object,
 * ENOMEM.  Thread context, sleeps; takes ob_lock.
 */
int	vm_object_hold_pages(struct vm_object *ob, u_int index, u_int n,
	    bool write, struct vm_page **pages);

/*
 * vm_object_page_locked: as vm_object_hold_pages(), of one page, with ob_lock held
 * by the caller, and neither held nor counted.  0 or an error: for vm_fault.c.
 */
int	vm_object_page_locked(struct vm_object *ob, u_int index, bool write,
	    struct vm_page **m);

/* vm_object_lookup: the page at an index below the size, or NULL.  ob_lock. */
static inline struct vm_page *
vm_object_lookup(const struct vm_object *ob, u_int index)
{
	struct vm_page **chunk = ob->ob_chunks[index / OBJECT_CHUNK];

	return (chunk == NULL ? NULL : chunk[index % OBJECT_CHUNK]);
}

/*
 * vm_object_insert: puts a page that the caller has filled and holds, FILLING,
 * at an index that has none.  The page becomes SEALED if the object is
 * readonly, else OWNED, and the hold becomes the object's.  For the page
 * cache.  Thread context, sleeps.  0, EFAULT beyond the size, EEXIST, ENOMEM:
 * then the hold is still the caller's.
 */
int	vm_object_insert(struct vm_object *ob, u_int index, struct vm_page *m);

/*
 * vm_object_send_pages: as vm_object_hold_pages() without `write', for a message:
 * the pages are SEALED on return.  If the kernel is about to write to one for a
 * task, it is a copy that is not the object's.
 */
int	vm_object_send_pages(struct vm_object *ob, u_int index, u_int n,
	    struct vm_page **pages);

/*
 * vm_object_copy: makes an object with the pages [first, first + pages) of
 * another, shared until either writes to one: for fork and private mappings.
 * On return no user entry can write to what is shared.  Pages that the kernel
 * is about to write are copied at once.  Thread context, sleeps; takes ob_lock;
 * linear in the resident pages.  NULL if out of memory, or vc is at its
 * maximum.
 */
struct vm_object *vm_object_copy(struct vm_object *ob, u_int first,
	    u_int pages, struct vm_charge *vc);

/*
 * vm_object_io: moves bytes between an object, from a byte offset, and a uio,
 * up to the object's size.  UIO_READ is out of the object.  Thread context,
 * sleeps, no lock held.  0, and uio_resid says what is left; EFAULT, EACCES,
 * ENOMEM, EINTR.
 */
int	vm_object_io(struct vm_object *ob, uint64_t offset, struct uio *uio);

/* The following are for vm/map/ only. */

/*
 * vm_object_slot: where the page at an index below the size is kept; makes the
 * chunk, by vm_object_chunk(), if there is none.  NULL if out of memory.
 * ob_lock.
 */
bool	vm_object_chunk(struct vm_object *ob, u_int i);

static inline struct vm_page **
vm_object_slot(struct vm_object *ob, u_int index)
{
	u_int i = index / OBJECT_CHUNK;

	if (ob->ob_chunks[i] == NULL && !vm_object_chunk(ob, i))
		return (NULL);
	ob->ob_low = umin(ob->ob_low, index);
	ob->ob_high = umax(ob->ob_high, index + 1);
	return (&ob->ob_chunks[i][index % OBJECT_CHUNK]);
}

/*
 * vm_object_charge: counts pages that are about to be put into the object;
 * false if that is too many.  vm_object_uncharge: takes them back.
 */
void	vm_object_uncharge(struct vm_object *ob, u_int pages);

static inline bool
vm_object_charge(struct vm_object *ob, u_int pages)
{
	struct vm_charge *vc = ob->ob_charge;

	if (vc == NULL || atomic_fetchadd_32(&vc->vc_pages, pages) + pages <=
	    vc->vc_max)
		return (true);
	vm_object_uncharge(ob, pages);
	return (false);
}

/*
 * vm_object_map, vm_object_unmap: add a region to the object's, and remove it.
 * A change of what the object's pages may be used for finds the user entries
 * by this list.  ob_lock.
 */
void	vm_object_map(struct vm_object *ob, struct vm_region *r);
void	vm_object_unmap(struct vm_object *ob, struct vm_region *r);

/*
 * vm_object_shown: the addresses at which a region may have entries, because
 * pages of the object are there; false if there are none.  ob_lock.
 */
bool	vm_object_shown(const struct vm_region *r, vm_offset_t *start,
	    vm_offset_t *end);

/*
 * vm_object_trim: drops the pages of a region that has just been taken off the
 * list, and still has its reference, if nothing can show them again: only
 * regions refer to the object, and none of them shows these pages.  ob_lock.
 */
void	vm_object_trim(struct vm_object *ob, const struct vm_region *r);

/*
 * vm_object_remove_entries: removes the user entries of pages [first, first +
 * pages) in all address spaces.  vm_object_protect_entries: takes away from
 * them the right to write.  Both flush.  Thread context; ob_lock.
 */
void	vm_object_remove_entries(struct vm_object *ob, u_int first,
	    u_int pages);
void	vm_object_protect_entries(struct vm_object *ob, u_int first,
	    u_int pages);

#endif /* !_VM_MAP_VM_OBJECT_H_ */
