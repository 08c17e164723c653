/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * A program's memory: mmap(2) and its kin over the kernel's regions, which keep
 * the account; and the heap of brk(2), behind the program's last segment.
 */

#include "user/linux.h"
#include "user/native.h"
#include "user/proc.h"

#define	BRK_CHUNK	0x10000u	/* the heap grows by regions of this */

/* New memory at an address that is free, or minus ENOMEM. */
static int
map_there(uint32_t addr, uint32_t len)
{
	int r;

	if (!is_program(addr, len))
		return (-ENOMEM);
	r = native(CALL_MEM_MAP, addr, len, 0, PROT_READ | PROT_WRITE);
	if (r == (int)addr || r < 0)
		return (r);
	native(CALL_MEM_UNMAP, r, len, 0, 0);
	return (-ENOMEM);
}

static void
brk_grow(uint32_t to)
{
	uint32_t high = (to + BRK_CHUNK - 1) & ~(BRK_CHUNK - 1);

	if (to > proc.brk_high) {
		if (map_there(proc.brk_high, high - proc.brk_high) < 0)
			return;
		proc.brk_high = high;
	}
	proc.brk = to;
}

/* What the heap gets again later reads as zeros. */
static void
brk_shrink(uint32_t to)
{
	uint32_t high = round_page(to);

	if (high < proc.brk_high)
		native(CALL_MEM_UNMAP, high, proc.brk_high - high, 0, 0);
	proc.brk_high = high;
	memset((void *)to, 0, high - to);
	proc.brk = to;
}

/* brk(end): the result is the end that it has then. */
int
linux_brk(struct regs *r)
{
	uint32_t to = r->ebx, end;

	lock(&proc.lock);
	if (to > proc.brk && to < PROGRAM_HIGH - BRK_CHUNK)
		brk_grow(to);
	else if (to >= proc.brk_low && to < proc.brk)
		brk_shrink(to);
	end = proc.brk;
	unlock(&proc.lock);
	return (end);
}

/* What mmap(2) is asked for, in the kernel's terms. */
static int
map_flags(uint32_t prot, uint32_t flags, bool anonymous, uint32_t *to)
{
	*to = prot & L_PROT_MASK;
	if ((flags & L_MAP_TYPE) == L_MAP_PRIVATE)
		*to |= anonymous ? 0 : MAP_PRIVATE;
	else
		*to |= MAP_SHARE;
	if ((flags & L_MAP_FIXED) != 0)
		*to |= MAP_FIXED;
	return ((flags & L_MAP_TYPE) == 0 ? -EINVAL : 0);
}

static int
map_memory(uint32_t addr, uint32_t len, uint32_t page, uint32_t handle,
    uint32_t flags)
{
	int r;

	if ((flags & MAP_FIXED) != 0 &&
	    ((addr & PAGE_MASK) != 0 || !is_program(addr, len)))
		return (-EINVAL);
	addr &= ~PAGE_MASK;
	if (len >= PROGRAM_HIGH - PROGRAM_LOW)
		return (-ENOMEM);
	if ((flags & MAP_FIXED) == 0 && !is_program(addr, len))
		addr = len < proc.map_top ? proc.map_top - len : PROGRAM_LOW;
	r = native(CALL(CALL_MEM_MAP, handle), addr, len, page, flags);
	if (r > 0 && !is_program(r, len)) {
		native(CALL_MEM_UNMAP, r, len, 0, 0);
		return (-ENOMEM);
	}
	return (r);
}

static int
mmap_pages(uint32_t addr, uint32_t len, uint32_t prot, uint32_t flags, int fd,
    uint32_t page)
{
	bool anonymous = (flags & L_MAP_ANONYMOUS) != 0;
	struct file *f = anonymous ? NULL : fd_file(fd);
	uint32_t native_flags;

	if (len == 0 || map_flags(prot, flags, anonymous, &native_flags) != 0)
		return (-EINVAL);
	if (round_page(len) < len)
		return (-ENOMEM);
	len = round_page(len);
	if (!anonymous && f == NULL)
		return (-EBADF);
	if (anonymous || f->type == FILE_ZERO)
		return (map_memory(addr, len, 0, 0, native_flags));
	if (f->type != FILE_BOOT ||
	    ((native_flags & MAP_SHARE) != 0 && (prot & PROT_WRITE) != 0))
		return (-EACCES);
	return (map_memory(addr, len, page, f->handle, native_flags));
}

/* mmap2(address, bytes, protection, flags, fd, offset in pages) */
int
linux_mmap2(struct regs *r)
{
	return (mmap_pages(r->ebx, r->ecx, r->edx, r->esi, r->edi, r->ebp));
}

/* The old mmap(): its arguments are in memory, its offset is in bytes. */
int
linux_oldmmap(struct regs *r)
{
	const uint32_t *a = (const uint32_t *)r->ebx;

	if ((a[5] & PAGE_MASK) != 0)
		return (-EINVAL);
	return (mmap_pages(a[0], a[1], a[2], a[3], a[4], a[5] / PAGE_SIZE));
}

int
linux_munmap(struct regs *r)
{
	uint32_t len = round_page(r->ecx);

	if ((r->ebx & PAGE_MASK) != 0 || len == 0 || !is_program(r->ebx, len))
		return (-EINVAL);
	return (native(CALL_MEM_UNMAP, r->ebx, len, 0, 0));
}

int
linux_mprotect(struct regs *r)
{
	uint32_t len = round_page(r->ecx);
	int error;

	if ((r->ebx & PAGE_MASK) != 0)
		return (-EINVAL);
	if (len == 0)
		return (0);
	if (!is_program(r->ebx, len))
		return (-ENOMEM);
	error = native(CALL_MEM_PROTECT, r->ebx, len, r->edx & L_PROT_MASK, 0);
	/* "Nothing is mapped there" has another number here in Linux. */
	return (error == -EFAULT ? -ENOMEM : error);
}

/* Memory that is moved: private memory, which is copied. */
static int
move_memory(uint32_t from, uint32_t len, uint32_t to_len)
{
	int to = map_memory(0, to_len, 0, 0, PROT_READ | PROT_WRITE);

	if (to < 0 && to > -4096)
		return (to);
	memcpy((void *)to, (const void *)from, len);
	native(CALL_MEM_UNMAP, from, len, 0, 0);
	return (to);
}

/* mremap(address, old bytes, new bytes, flags, new address) */
int
linux_mremap(struct regs *r)
{
	uint32_t addr = r->ebx, len = round_page(r->ecx);
	uint32_t to_len = round_page(r->edx);

	if ((addr & PAGE_MASK) != 0 || len == 0 || to_len == 0 ||
	    !is_program(addr, len) || (r->esi & ~MREMAP_MAYMOVE) != 0)
		return (-EINVAL);
	if (to_len < len)
		native(CALL_MEM_UNMAP, addr + to_len, len - to_len, 0, 0);
	if (to_len <= len || map_there(addr + len, to_len - len) >= 0)
		return (addr);
	return ((r->esi & MREMAP_MAYMOVE) != 0 ?
	    move_memory(addr, len, to_len) : -ENOMEM);
}

/* madvise(address, bytes, advice): only MADV_DONTNEED changes what is read. */
int
linux_madvise(struct regs *r)
{
	uint32_t len = round_page(r->ecx);
	int error;

	if ((r->ebx & PAGE_MASK) != 0 || (len != 0 && !is_program(r->ebx, len)))
		return (-EINVAL);
	if (r->edx != MADV_DONTNEED || len == 0)
		return (0);
	error = native(CALL_MEM_MAP, r->ebx, len, 0,
	    PROT_READ | PROT_WRITE | MAP_FIXED);
	return (error < 0 && error > -4096 ? error : 0);
}
