/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What the first task is made of: the personality's ELF image, which is a part
 * of the kernel's, and the boot modules.  The image is ours, but it is checked
 * like any other.
 */

#include <sys/types.h>
#include <sys/errno.h>
#include <sys/sf_buf.h>
#include <sys/systm.h>
#include <sys/uio.h>
#include <boot/multiboot.h>
#include <task/image.h>
#include <task/task.h>
#include <vm/map/vm_map.h>
#include <vm/map/vm_object.h>
#include <vm/vm_page.h>
#include <vm/vm_state.h>

/* System V ABI, chapters 4 and 5. */
struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version, entry, phoff, shoff, flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

#define	ET_EXEC		2
#define	EM_386		3
#define	PT_LOAD		1
#define	PF_X		1u
#define	PF_W		2u
#define	MAXSEGMENTS	16u

/*
 * Puts a page at an index of an object: n bytes of kernel memory, or of a frame
 * at `off', and then zeros.
 */
static int
add_page(struct vm_object *ob, u_int index, const void *bytes,
    struct vm_page *frame, u_int off, size_t n)
{
	struct vm_page *m = vm_page_alloc_held();
	struct sf_buf *to, *from = NULL;
	uint8_t *p;
	int error;

	if (m == NULL)
		return (ENOMEM);
	to = sf_buf_alloc(m, SFB_DEFAULT);
	p = (uint8_t *)sf_buf_kva(to);
	if (frame != NULL) {
		vm_page_wire(frame);
		from = sf_buf_alloc(frame, SFB_DEFAULT);
		bytes = (const uint8_t *)sf_buf_kva(from) + off;
	}
	memcpy(p, bytes, n);
	memset(p + n, 0, PAGE_SIZE - n);
	if (frame != NULL) {
		sf_buf_free(from);
		vm_page_unwire(frame, 0);
	}
	sf_buf_free(to);
	error = vm_object_insert(ob, index, m);
	if (error != 0)
		vm_page_drop(m);
	return (error);
}

/* Makes an object for a file of this size; NULL if out of memory. */
static struct vm_object *
new_file(uint64_t size)
{
	struct vm_object *ob = size > ptoa(OBJECT_MAXPAGES) ? NULL :
	    vm_object_create(size == 0 ? 1 :
	    (u_int)((size + PAGE_MASK) / PAGE_SIZE), NULL);

	if (ob != NULL) {
		ob->ob_readonly = true;
		ob->ob_size = size;
	}
	return (ob);
}

/* Contracts of the public functions are in <task/image.h>. */
int
image_memory(struct task *t, vm_offset_t va, vm_size_t size, u_int prot,
    const void *bytes, size_t n)
{
	struct uio uio = { .uio_map = t->t_map, .uio_base = va,
	    .uio_resid = n, .uio_rw = UIO_READ };
	vm_size_t whole = (vm_size_t)round_page(size);
	int error;

	error = vm_map_insert(t->t_map, NULL, 0, &va, whole,
	    PROT_READ | PROT_WRITE | MAP_FIXED, PROT_READ | PROT_WRITE | prot);
	if (error == 0)
		error = uiomove((void *)(uintptr_t)bytes, n, &uio);
	if (error == 0)
		error = vm_map_protect(t->t_map, va, whole, prot);
	return (error);
}

/*
 * A segment that is not written to: an object of SEALED pages.  It begins with
 * the page that has its first byte.
 */
static int
load_text(struct task *t, const uint8_t *image, const struct elf_segment *s)
{
	u_int prot = PROT_READ | ((s->flags & PF_X) != 0 ? PROT_EXEC : 0);
	uint32_t before = s->vaddr & PAGE_MASK, size = before + s->filesz;
	const uint8_t *bytes = image + s->offset - before;
	vm_offset_t va = s->vaddr - before;
	struct vm_object *ob = new_file(size);
	uint32_t done, n;
	int error = ob == NULL ? ENOMEM : 0;

	for (done = 0; error == 0 && done < size; done += n) {
		n = size - done;
		if (n > PAGE_SIZE)
			n = PAGE_SIZE;
		error = add_page(ob, done / PAGE_SIZE, bytes + done, NULL, 0,
		    n);
	}
	if (error == 0)
		error = vm_map_insert(t->t_map, ob, 0, &va,
		    (vm_size_t)round_page(size), prot | MAP_SHARE |
		    MAP_FIXED, prot);
	if (ob != NULL)
		vm_object_release(ob);
	return (error);
}

/* Whether a segment lies in the image, and its pages below USER_END. */
static bool
segment_good(const struct elf_segment *s, size_t size)
{
	return (s->offset <= size && s->filesz <= size - s->offset &&
	    s->memsz >= s->filesz && s->memsz != 0 &&
	    s->vaddr < USER_END && s->memsz < USER_END - s->vaddr &&
	    (s->flags & (PF_X | PF_W)) != (PF_X | PF_W) &&
	    ((s->flags & PF_W) != 0 || s->memsz == s->filesz) &&
	    (s->vaddr & PAGE_MASK) <= s->offset &&
	    ((s->flags & PF_W) == 0 || (s->vaddr & PAGE_MASK) == 0));
}

const char *
image_load(struct task *t, const uint8_t *image, size_t size,
    uint32_t *entry)
{
	const struct elf_header *h = (const struct elf_header *)image;
	const struct elf_segment *s;
	int error = 0;

	if (size < sizeof(*h) || memcmp(h->ident, "\177ELF\1\1", 6) != 0 ||
	    h->type != ET_EXEC || h->machine != EM_386 ||
	    h->phentsize != sizeof(*s) || h->phnum > MAXSEGMENTS ||
	    h->phoff > size || h->phnum * sizeof(*s) > size - h->phoff)
		return ("the personality is no program for this kernel");
	s = (const struct elf_segment *)(image + h->phoff);
	for (u_int i = 0; i < h->phnum && error == 0; i++, s++) {
		if (s->type != PT_LOAD)
			continue;
		if (!segment_good(s, size))
			return ("a segment of the personality is bad");
		error = (s->flags & PF_W) == 0 ?
		    load_text(t, image, s) :
		    image_memory(t, s->vaddr, s->memsz, PROT_READ | PROT_WRITE,
		    image + s->offset, s->filesz);
	}
	*entry = h->entry;
	return (error != 0 ? "there is no memory for the personality" : NULL);
}

/* Frees a frame of a module whose bytes have been copied, if it has all. */
static void
free_frame(const struct boot_module *mod, vm_paddr_t pa)
{
	pa = trunc_page(pa);
	if (pa >= mod->start && pa + PAGE_SIZE <= mod->end)
		vm_page_add_range(pa, pa + PAGE_SIZE);
}

struct vm_object *
image_module(const struct boot_module *mod)
{
	struct vm_object *ob = new_file(mod->end - mod->start);
	u_int index = 0;
	vm_paddr_t pa;
	size_t n;

	if ((mod->start & PAGE_MASK) != 0 || ob == NULL) {
		if (ob != NULL)
			vm_object_release(ob);
		return (NULL);
	}
	for (pa = mod->start; pa < mod->end; pa += n) {
		n = mod->end - pa > PAGE_SIZE ? PAGE_SIZE :
		    (size_t)(mod->end - pa);
		if (add_page(ob, index++, NULL, PHYS_TO_VM_PAGE(pa), 0, n) !=
		    0) {
			vm_object_release(ob);
			return (NULL);
		}
		free_frame(mod, pa);
	}
	return (ob);
}
