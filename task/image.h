/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

#ifndef _TASK_IMAGE_H_
#define	_TASK_IMAGE_H_

/*
 * What the first task is made of: task/image.c.  All are for thread context,
 * sleep, and return NULL, or 0, if all is well.
 */

#include <sys/types.h>

struct boot_module;
struct task;
struct vm_object;

/*
 * image_load: maps the segments of an ELF image that lies in the kernel's memory
 * into a task: those that are not writable as one object, SEALED, that forks
 * share.  Sets the address of its first instruction.  NULL, or what is wrong.
 */
const char *image_load(struct task *t, const uint8_t *image, size_t size,
	    uint32_t *entry);

/* image_memory: maps new memory at an address and copies bytes to its start. */
int	image_memory(struct task *t, vm_offset_t va, vm_size_t size,
	    u_int prot, const void *bytes, size_t n);

/*
 * image_module: makes an object that holds a boot module, SEALED, in pages of
 * the page cache, and frees the module's own whole pages as it goes.  NULL if
 * memory ran out.
 */
struct vm_object *image_module(const struct boot_module *mod);

#endif /* !_TASK_IMAGE_H_ */
