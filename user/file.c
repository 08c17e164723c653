/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/* What stat(2) and getdents64(2) tell of files, and open(2). */

#include "user/linux.h"
#include "user/path.h"
#include "user/proc.h"

/* What is told of a file. */
struct facts {
	uint32_t mode, ino, rdev;
	uint64_t size;
};

static void
facts_of(enum file_type type, uint32_t index, struct facts *fa)
{
	static const uint32_t modes[] = {
		[FILE_CONSOLE] = S_IFCHR | 0620,
		[FILE_PIPE] = S_IFIFO | 0600,
		[FILE_SOCKET] = S_IFSOCK | 0777,
		[FILE_MESSAGES] = S_IFSOCK | 0777,
		[FILE_BOOT] = S_IFREG | 0555,
		[FILE_DIR] = S_IFDIR | 0555,
		[FILE_NULL] = S_IFCHR | 0666,
		[FILE_ZERO] = S_IFCHR | 0666,
	};

	*fa = (struct facts){ .mode = modes[type],
	    .ino = (uint32_t)type << 16 | (index + 1) };
	if (type == FILE_BOOT)
		fa->size = boot->files[index].size;
	for (uint32_t i = 0; i < nitems(devices); i++)
		if (devices[i].type == type && fa->rdev == 0)
			fa->rdev = devices[i].rdev;
}

/* A pipe's number is that of its description. */
static int
facts_of_fd(int fd, struct facts *fa)
{
	struct file *f = fd_file(fd);

	if (f == NULL)
		return (-EBADF);
	facts_of(f->type, f->type == FILE_BOOT || f->type == FILE_DIR ?
	    f->index : (uint32_t)(f - shared->files), fa);
	return (0);
}

static int
facts_at(int dirfd, const char *name, uint32_t flags, struct facts *fa)
{
	struct path p;
	int error;

	if (name == NULL || (*name == '\0' && (flags & AT_EMPTY_PATH) != 0))
		return (facts_of_fd(dirfd, fa));
	error = path_find_at(dirfd, name, &p);
	if (error != 0)
		return (error);
	if (p.type == FILE_NONE)
		return (facts_of_fd(p.index, fa));
	facts_of(p.type, p.index, fa);
	return (0);
}

static void
fill_stat64(struct linux_stat64 *st, const struct facts *fa)
{
	uint32_t now = div64(boot->realtime_ns, 1000000000, NULL);

	*st = (struct linux_stat64){
		.dev = 1, .ino_low = fa->ino, .ino = fa->ino, .nlink = 1,
		.mode = fa->mode, .rdev = fa->rdev, .size = fa->size,
		.blksize = PAGE_SIZE, .blocks = (fa->size + 511) / 512,
		.atime = now, .mtime = now, .ctime = now,
	};
}

int
linux_stat64(struct regs *r)
{
	struct facts fa;
	int error = facts_at(AT_FDCWD, (const char *)r->ebx, 0, &fa);

	if (error == 0)
		fill_stat64((struct linux_stat64 *)r->ecx, &fa);
	return (error);
}

int
linux_fstat64(struct regs *r)
{
	struct facts fa;
	int error = facts_of_fd(r->ebx, &fa);

	if (error == 0)
		fill_stat64((struct linux_stat64 *)r->ecx, &fa);
	return (error);
}

/* fstatat64(dirfd, name, struct stat64 *, flags) */
int
linux_fstatat64(struct regs *r)
{
	struct facts fa;
	int error = facts_at(r->ebx, (const char *)r->ecx, r->esi, &fa);

	if (error == 0)
		fill_stat64((struct linux_stat64 *)r->edx, &fa);
	return (error);
}

/* statx(dirfd, name, flags, mask, struct statx *) */
int
linux_statx(struct regs *r)
{
	struct linux_statx *sx = (struct linux_statx *)r->edi;
	struct facts fa;
	int error = facts_at(r->ebx, (const char *)r->ecx, r->edx, &fa);

	if (error != 0)
		return (error);
	memset(sx, 0, sizeof(*sx));
	sx->mask = STATX_BASIC;
	sx->blksize = PAGE_SIZE;
	sx->nlink = 1;
	sx->mode = fa.mode;
	sx->ino = fa.ino;
	sx->size = fa.size;
	sx->blocks = (fa.size + 511) / 512;
	sx->rdev_major = fa.rdev >> 8;
	sx->rdev_minor = fa.rdev & 0xff;
	sx->dev_minor = 1;
	sx->mtime.sec = div64(boot->realtime_ns, 1000000000, NULL);
	sx->atime = sx->ctime = sx->mtime;
	return (0);
}

static int
access_at(int dirfd, const char *name, uint32_t mode)
{
	struct facts fa;
	int error = facts_at(dirfd, name, 0, &fa);

	if (error != 0)
		return (error);
	/* 1 asks for execution, 2 for writing. */
	if ((mode & 2) != 0 && (fa.mode & 0200) == 0)
		return (-EROFS);
	return ((mode & 1) != 0 && (fa.mode & 0100) == 0 ? -EACCES : 0);
}

int
linux_access(struct regs *r)
{
	return (access_at(AT_FDCWD, (const char *)r->ebx, r->ecx));
}

int
linux_faccessat(struct regs *r)
{
	return (access_at(r->ebx, (const char *)r->ecx, r->edx));
}

static int
open_at(int dirfd, const char *name, uint32_t flags)
{
	struct path p;
	struct file *f;
	int error = path_find_at(dirfd, name, &p), fd;

	if (error != 0)
		return (error == -ENOENT && (flags & O_CREAT) != 0 ?
		    -EROFS : error);
	if (p.type == FILE_NONE) {
		f = fd_file(p.index);
		return (f == NULL ? -ENOENT :
		    fd_open(f, 0, (flags & O_CLOEXEC) != 0));
	}
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return (-EEXIST);
	if ((flags & O_DIRECTORY) != 0 && p.type != FILE_DIR)
		return (-ENOTDIR);
	if ((flags & O_ACCMODE) != O_RDONLY && p.type == FILE_DIR)
		return (-EISDIR);
	if ((flags & O_ACCMODE) != O_RDONLY && p.type == FILE_BOOT)
		return (-EROFS);
	f = file_new(p.type, flags & (O_ACCMODE | O_NONBLOCK | O_APPEND),
	    p.type == FILE_BOOT ? boot->files[p.index].handle :
	    p.type == FILE_CONSOLE ? HANDLE_CONSOLE : 0, p.index);
	if (f == NULL)
		return (-ENFILE);
	fd = fd_open(f, 0, (flags & O_CLOEXEC) != 0);
	if (fd < 0)
		file_drop_new(f);
	return (fd);
}

int
linux_open(struct regs *r)
{
	return (open_at(AT_FDCWD, (const char *)r->ebx, r->ecx));
}

int
linux_creat(struct regs *r)
{
	return (open_at(AT_FDCWD, (const char *)r->ebx,
	    O_CREAT | O_WRONLY | O_TRUNC));
}

int
linux_openat(struct regs *r)
{
	return (open_at(r->ebx, (const char *)r->ecx, r->edx));
}

static int
read_link(const char *name, char *buf, uint32_t size)
{
	struct path p;
	char text[64] = "/boot/";
	int error;
	uint32_t len;

	if (strcmp(name, "/proc/self/exe") != 0) {
		error = path_find(name, &p);
		return (error != 0 ? error : -EINVAL);
	}
	memcpy(buf, text, size < 6 ? size : 6);
	boot_file_name(proc.program, text);
	len = strlen(text);
	if (size <= 6)
		return (size);
	if (len > size - 6)
		len = size - 6;
	memcpy(buf + 6, text, len);
	return (6 + len);
}

int
linux_readlink(struct regs *r)
{
	return (read_link((const char *)r->ebx, (char *)r->ecx, r->edx));
}

int
linux_readlinkat(struct regs *r)
{
	return (read_link((const char *)r->ecx, (char *)r->edx, r->esi));
}

int
linux_getcwd(struct regs *r)
{
	const char *name = dir_names[proc.cwd];
	uint32_t len = strlen(name) + 1;

	if (r->ecx < len)
		return (-ERANGE);
	memcpy((void *)r->ebx, name, len);
	return (len);
}

int
linux_chdir(struct regs *r)
{
	struct path p;
	int error = path_find((const char *)r->ebx, &p);

	if (error == 0 && p.type != FILE_DIR)
		error = -ENOTDIR;
	if (error == 0)
		proc.cwd = p.index;
	return (error);
}

int
linux_umask(struct regs *r)
{
	uint32_t old = proc.umask;

	proc.umask = r->ebx & 0777;
	return (old);
}

/* The name and type of an entry of a directory; false behind the last. */
static bool
dir_entry(uint32_t dir, uint32_t i, char name[64], struct facts *fa)
{
	if (i < 2) {
		memcpy(name, i == 0 ? "." : "..", i + 2);
		facts_of(FILE_DIR, i == 0 ? dir : (uint32_t)DIR_ROOT, fa);
		return (true);
	}
	i -= 2;
	if (dir == DIR_ROOT && i < DIRS - 1) {
		memcpy(name, dir_names[i + 1] + 1,
		    strlen(dir_names[i + 1]));
		facts_of(FILE_DIR, i + 1, fa);
		return (true);
	}
	if (dir == DIR_BOOT && i < boot->nfiles) {
		boot_file_name(i, name);
		facts_of(FILE_BOOT, i, fa);
		return (true);
	}
	if (dir == DIR_DEV && i < nitems(devices)) {
		memcpy(name, devices[i].name, strlen(devices[i].name) + 1);
		facts_of(devices[i].type == FILE_NONE ? FILE_CONSOLE :
		    devices[i].type, i, fa);
		return (true);
	}
	return (false);
}

/* getdents64(fd, buffer, size) */
int
linux_getdents64(struct regs *r)
{
	struct file *f = fd_file(r->ebx);
	uint32_t used = 0, len, size;
	struct facts fa;
	char name[64];

	if (f == NULL)
		return (-EBADF);
	if (f->type != FILE_DIR)
		return (-ENOTDIR);
	while (dir_entry(f->index, f->offset, name, &fa)) {
		struct linux_dirent64 *de = (void *)(r->ecx + used);

		len = strlen(name) + 1;
		size = (sizeof(*de) + len + 7) & ~7u;
		if (size > r->edx - used)
			return (used > 0 ? (int)used : -EINVAL);
		f->offset++;
		de->ino = fa.ino;
		de->off = f->offset;
		de->reclen = size;
		de->type = fa.mode >> 12;
		memcpy(de->name, name, len);
		used += size;
	}
	return (used);
}
