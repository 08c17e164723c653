/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * What the loader handed over, as kern_main() has decoded it.  It does not
 * change after that, but for the modules, which a job may take.
 */

#include <sys/types.h>
#include <sys/job.h>
#include <sys/systm.h>
#include <boot/multiboot.h>

struct bootinfo boot_bi;

/* Contracts are in <sys/job.h>. */
const struct bootinfo *
boot_info(void)
{
	return (&boot_bi);
}

u_int
boot_take_modules(struct boot_module *mods)
{
	u_int n = boot_bi.nmods;

	memcpy(mods, boot_bi.mods, n * sizeof(*mods));
	boot_bi.nmods = 0;
	boot_bi.has_mod = false;
	return (n);
}
