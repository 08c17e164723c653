/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * kmalloc: owns the slabs, and which of their objects are allocated.
 *
 * Sizes up to SLAB_MAX are rounded up to a class.  A slab is one page of
 * the direct map, cut into objects of one class behind a header that has a
 * bit for each.  kmem_alloc() allocates larger sizes, between unmapped pages.
 *
 * Invariants, whenever the class's lock is free:
 *
 *  - A page has VPF_SLAB if and only if it is a slab; the first page of a
 *    larger allocation has VPF_MALLOC, and its `prev' is the size in bytes.
 *    So kfree() recognises every address that was not allocated here.
 *  - A slab is on its class's list if and only if it has a free object.  A
 *    slab without an allocated object is freed at once: there is no cache, so
 *    the count of free pages is exact.
 *
 * With DEBUG every object has a struct redzone in front and at least RED_BEHIND
 * bytes of RED behind, which kfree() checks.  While it is free it is full of
 * POISON, which kmalloc() checks.  A larger allocation has RED up to the end of
 * its last page; the pages before and behind it are not mapped, nor are its own
 * after kfree().
 */

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <machine/atomic.h>
#include <machine/pmap.h>
#include <vm/kmem.h>
#include <vm/vm_page.h>

#define	SLAB_HEADER	64u
#define	SLAB_BYTES	(PAGE_SIZE - SLAB_HEADER)
#define	SLAB_MAX	SLAB_BYTES
#define	SLAB_WORDS	8u		/* bits for 252 objects of 16 bytes */

struct slab {
	struct slab *next, *prev;	/* of its class */
	uint16_t class;
	uint16_t nused;
	uint32_t used[SLAB_WORDS];	/* a bit for each object */
};
_Static_assert(sizeof(struct slab) <= SLAB_HEADER, "the header grew");

static struct class {
	struct spinlock lock;
	u_int size;			/* of an object, red zones included */
	struct slab *slabs;		/* with a free object */
	u_int nused;			/* objects */
} classes[] = {
	{ .size = 16 }, { .size = 32 }, { .size = 64 }, { .size = 96 },
	{ .size = 128 }, { .size = 192 }, { .size = 256 }, { .size = 336 },
	{ .size = 448 }, { .size = 576 }, { .size = 672 }, { .size = 1008 },
	{ .size = 1344 }, { .size = 2016 }, { .size = SLAB_MAX },
};

static volatile uint32_t large_pages;

#ifdef DEBUG
#define	RED		0xfdu
#define	RED_BEHIND	8u
#define	POISON		0xdeu
#define	LIVE		0x6c697665u
#define	DEAD		0x64656164u

struct redzone {
	uint32_t bytes;			/* as requested */
	const void *allocated;		/* its caller */
	const void *freed;		/* its caller */
	uint32_t magic;			/* last: next to the caller's bytes */
} __attribute__((aligned(16)));

#define	RED_FRONT	sizeof(struct redzone)
#define	RED_ALL		(RED_FRONT + RED_BEHIND)

/* The index of the first of n bytes that is not `byte', or n. */
static size_t
first_other(const uint8_t *p, uint8_t byte, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] == byte)
		i++;
	return (i);
}

static void
red_fill_slab(struct slab *s)
{
	memset((char *)s + SLAB_HEADER, POISON, SLAB_BYTES);
}

/* Panics if the free object was written. */
static void
red_check_free(const struct redzone *r, u_int size, const void *caller)
{
	const uint8_t *p = (const uint8_t *)(r + 1);
	size_t i = first_other(p, POISON, size - RED_FRONT);

	if (i < size - RED_FRONT)
		panic("kmalloc: %p was written at offset %zu (0x%02x) while "
		    "it was free, freed by %pC (called from %pC)",
		    (const void *)p, i, p[i],
		    r->magic == DEAD ? r->freed : NULL, caller);
}

static void
red_alloc(struct redzone *r, u_int size, size_t bytes, const void *caller)
{
	*r = (struct redzone){ (uint32_t)bytes, caller, NULL, LIVE };
	memset((char *)(r + 1) + bytes, RED, size - RED_FRONT - bytes);
}

/* Panics if a byte around the allocated object was written. */
static void
red_check_live(const struct redzone *r, u_int size, const void *caller)
{
	const uint8_t *p = (const uint8_t *)(r + 1);
	size_t behind;

	if (r->magic != LIVE || r->bytes > size - RED_ALL)
		panic("kfree: red zone before %p is overwritten (called from "
		    "%pC)", (const void *)p, caller);
	behind = size - RED_FRONT - r->bytes;
	if (first_other(p + r->bytes, RED, behind) < behind)
		panic("kfree: red zone behind the %u bytes at %p, allocated "
		    "by %pC, is overwritten (called from %pC)", r->bytes,
		    (const void *)p, r->allocated, caller);
}

static void
red_free(struct redzone *r, u_int size, const void *caller)
{
	r->freed = caller;
	r->magic = DEAD;
	memset(r + 1, POISON, size - RED_FRONT);
}

static const void *
red_freed(const struct redzone *r)
{
	return (r->magic == DEAD ? r->freed : NULL);
}

static void
red_alloc_large(void *addr, size_t size)
{
	memset((char *)addr + size, RED, round_page(size) - size);
}

static void
red_check_large(const void *addr, size_t size, const void *caller)
{
	size_t behind = round_page(size) - size;

	if (first_other((const uint8_t *)addr + size, RED, behind) < behind)
		panic("kfree: red zone behind the %zu bytes at %p is "
		    "overwritten (called from %pC)", size, addr, caller);
}
#else
struct redzone;
#define	RED_FRONT	0u
#define	RED_ALL		0u
#define	red_fill_slab(s)		((void)(s))
#define	red_check_free(r, size, c)	((void)(r))
#define	red_alloc(r, size, bytes, c)	((void)(r))
#define	red_check_live(r, size, c)	((void)(r))
#define	red_free(r, size, c)		((void)(r))
#define	red_freed(r)			((const void *)NULL)
#define	red_alloc_large(addr, size)	((void)0)
#define	red_check_large(addr, size, c)	((void)0)
#endif

static inline u_int
objects_of(const struct class *c)
{
	return (SLAB_BYTES / c->size);
}

static inline void *
object(struct slab *s, const struct class *c, u_int i)
{
	return ((char *)s + SLAB_HEADER + i * c->size);
}

static void
slab_link(struct class *c, struct slab *s)
{
	s->prev = NULL;
	s->next = c->slabs;
	if (s->next != NULL)
		s->next->prev = s;
	c->slabs = s;
}

static void
slab_unlink(struct class *c, struct slab *s)
{
	if (s->next != NULL)
		s->next->prev = s->prev;
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		c->slabs = s->next;
}

/* Allocates a slab, which is on no list yet. */
static struct slab *
slab_create(const struct class *c)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED);
	struct slab *s;

	if (m == NULL)
		return (NULL);
	m->flags |= VPF_SLAB;
	s = pmap_dmap(VM_PAGE_TO_PHYS(m));
	memset(s, 0, sizeof(*s));
	s->class = (uint16_t)(c - classes);
	red_fill_slab(s);
	return (s);
}

static void
slab_destroy(struct slab *s, const void *caller)
{
	struct vm_page *m =
	    PHYS_TO_VM_PAGE(pmap_kextract((vm_offset_t)s));

	KASSERT((m->flags & VPF_SLAB) != 0 && s->nused == 0, "kfree: page %p "
	    "with %u objects is freed as an empty slab (called from %pC)",
	    (void *)s, s->nused, caller);
	m->flags &= ~VPF_SLAB;
	vm_page_unwire(m, 0);
	vm_page_free_for(m, caller);
}

/* Allocates an object of a slab that has one.  The class's lock is held. */
static void *
slab_take(struct class *c, struct slab *s)
{
	u_int w = 0, bit;

	KASSERT(s->nused < objects_of(c), "kmalloc: slab %p of the list is "
	    "full", (void *)s);
	while (s->used[w] == ~0u)
		w++;
	bit = (u_int)__builtin_ctz(~s->used[w]);
	s->used[w] |= 1u << bit;
	c->nused++;
	if (++s->nused == objects_of(c))
		slab_unlink(c, s);
	return (object(s, c, w * 32 + bit));
}

static void *
class_alloc(struct class *c)
{
	struct slab *s;
	void *o;

	spin_lock(&c->lock);
	if (c->slabs == NULL) {
		/*
		 * Without the lock: an allocation that finds no page may wait
		 * for other CPUs to flush.
		 */
		spin_unlock(&c->lock);
		if ((s = slab_create(c)) == NULL)
			return (NULL);
		spin_lock(&c->lock);
		slab_link(c, s);
	}
	o = slab_take(c, c->slabs);
	spin_unlock(&c->lock);
	return (o);
}

static void *
alloc_large(size_t size, int flags, const void *caller)
{
	struct vm_page *m;
	void *addr = kmem_alloc_for(size, flags, caller);

	if (addr == NULL)
		return (NULL);
	m = PHYS_TO_VM_PAGE(pmap_kextract((vm_offset_t)addr));
	m->flags |= VPF_MALLOC;
	m->prev = (uint32_t)size;
	atomic_fetchadd_32(&large_pages, atop(round_page(size)));
	red_alloc_large(addr, size);
	return (addr);
}

/* Contracts of the public functions are in <sys/malloc.h>. */
void *
kmalloc(size_t size, int flags)
{
	struct class *c = classes;
	char *o;

	KASSERT((flags & ~M_ZERO) == 0, "kmalloc: unknown flags 0x%x (called "
	    "from %pC)", (u_int)flags, __caller());
	if (size > SLAB_MAX - RED_ALL)
		return (alloc_large(size, flags, __caller()));
	while (c->size < size + RED_ALL)
		c++;
	if ((o = class_alloc(c)) == NULL)
		return (NULL);
	red_check_free((struct redzone *)o, c->size, __caller());
	red_alloc((struct redzone *)o, c->size, size, __caller());
	o += RED_FRONT;
	return ((flags & M_ZERO) != 0 ? memset(o, 0, size) : o);
}

/*
 * Panics because addr is not allocated.  If it was, the caller that freed it is
 * in the object, in the page or in the arena: `freed' is NULL if not.
 */
static void __dead2
free_bad(const void *addr, const char *why, const void *freed,
    const void *caller)
{
	if (freed == NULL)
		panic("kfree: %p %s (called from %pC)", addr, why, caller);
	panic("kfree: %p %s, freed by %pC (called from %pC)", addr, why,
	    freed, caller);
}

/* The index of the object at addr; panics if addr is no allocated object. */
static u_int
object_of(struct slab *s, const struct class *c, char *addr,
    const void *caller)
{
	u_int off = (u_int)(addr - RED_FRONT - (char *)s - SLAB_HEADER);
	u_int i = off / c->size;

	if (off % c->size != 0 || i >= objects_of(c))
		free_bad(addr, "is inside of an allocation", NULL, caller);
	if ((s->used[i / 32] & 1u << i % 32) == 0)
		free_bad(addr, "is free already", red_freed(object(s, c, i)),
		    caller);
	return (i);
}

/* Frees an object; true if its slab is empty now, and on no list. */
static bool
slab_give(struct slab *s, char *addr, const void *caller)
{
	struct class *c = &classes[s->class];
	struct redzone *r;
	bool empty;
	u_int i;

	spin_lock(&c->lock);
	i = object_of(s, c, addr, caller);
	r = object(s, c, i);
	red_check_live(r, c->size, caller);
	red_free(r, c->size, caller);
	s->used[i / 32] &= ~(1u << i % 32);
	c->nused--;
	if (s->nused-- == objects_of(c))
		slab_link(c, s);
	empty = s->nused == 0;
	if (empty)
		slab_unlink(c, s);
	spin_unlock(&c->lock);
	return (empty);
}

static void
free_large(struct vm_page *m, void *addr, const void *caller)
{
	size_t size = m->prev;

	red_check_large(addr, size, caller);
	m->flags &= ~VPF_MALLOC;
	atomic_fetchadd_32(&large_pages, -atop(round_page(size)));
	kmem_free_for(addr, size, caller);
}

void
kfree(void *addr)
{
	struct slab *s = (struct slab *)trunc_page((vm_offset_t)addr);
	const void *freed = NULL;
	struct vm_page *m;
	vm_paddr_t pa;

	if (addr == NULL)
		return;
	pa = pmap_kextract((vm_offset_t)addr);
	if (pa == 0 || atop(pa) >= vm_page_count) {
		(void)kmem_size(addr, &freed);
		free_bad(addr, "is not allocated", freed, __caller());
	}
	m = PHYS_TO_VM_PAGE(pa);
	if ((m->flags & VPF_MALLOC) != 0 && kmem_size(addr, &freed) != 0)
		free_large(m, addr, __caller());
	else if ((m->flags & VPF_SLAB) == 0 || pa >= dmap_limit ||
	    pmap_dmap(pa) != addr)
		free_bad(addr, "is not allocated", (m->flags & (VPF_ALLOCATED |
		    VPF_RESERVED)) != 0 ? NULL : m->caller, __caller());
	else if (slab_give(s, addr, __caller()))
		slab_destroy(s, __caller());
}

size_t
kmalloc_bytes(void)
{
	size_t sum = (size_t)large_pages << PAGE_SHIFT;

	for (u_int i = 0; i < nitems(classes); i++)
		sum += classes[i].nused * classes[i].size;
	return (sum);
}

/* kmalloc_init: initialises the classes.  Start-up, once, by kmem_init(). */
void
kmalloc_init(void)
{
	for (u_int i = 0; i < nitems(classes); i++)
		spin_init(&classes[i].lock, "kmalloc", RANK_MALLOC);
}
