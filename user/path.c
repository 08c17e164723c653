/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Names of files.  There are the boot modules, in /boot, which cannot be
 * written to, and some names in /dev.
 */

#include "user/linux.h"
#include "user/path.h"
#include "user/proc.h"

#define	PATH_LEN	256u

const char *const dir_names[DIRS] = { "/", "/boot", "/dev" };

const struct device devices[DEVICES] = {
	{ "null", FILE_NULL, 0, 0x103 },
	{ "zero", FILE_ZERO, 0, 0x105 },
	{ "tty", FILE_CONSOLE, 0, 0x500 },
	{ "console", FILE_CONSOLE, 0, 0x501 },
	{ "stdin", FILE_NONE, 0, 0 },
	{ "stdout", FILE_NONE, 1, 0 },
	{ "stderr", FILE_NONE, 2, 0 },
};

void
boot_file_name(uint32_t index, char name[64])
{
	const char *text = boot->files[index].name;
	uint32_t n = 0;
	int c;

	while ((c = boot_byte(&text)) > 0)
		name[n++] = c;
	name[n] = '\0';
}

int
boot_file_find(const char *name)
{
	char text[64];

	for (uint32_t i = 0; i < boot->nfiles; i++) {
		boot_file_name(i, text);
		if (strcmp(text, name) == 0)
			return (i);
	}
	return (-1);
}

/* Appends one part of a path to a path without . and .. */
static int
append(char *path, uint32_t *len, const char *part, uint32_t n)
{
	if (n == 0 || (n == 1 && part[0] == '.'))
		return (0);
	if (n == 2 && part[0] == '.' && part[1] == '.') {
		while (*len > 0 && path[--*len] != '/')
			continue;
		return (0);
	}
	if (*len + 1 + n + 1 > PATH_LEN)
		return (-ENAMETOOLONG);
	path[(*len)++] = '/';
	memcpy(path + *len, part, n);
	*len += n;
	return (0);
}

static int
append_all(char *path, uint32_t *len, const char *name)
{
	const char *end;
	int error;

	for (;; name = end + 1) {
		for (end = name; *end != '\0' && *end != '/'; end++)
			continue;
		error = append(path, len, name, end - name);
		if (error != 0 || *end == '\0')
			return (error);
	}
}

/* The whole path of a name, from the root; the root itself is "/". */
static int
whole_path(uint32_t dir, const char *name, char path[PATH_LEN])
{
	uint32_t len = 0;
	int error = 0;

	if (*name != '/')
		error = append_all(path, &len, dir_names[dir]);
	if (error == 0)
		error = append_all(path, &len, name);
	if (len == 0)
		path[len++] = '/';
	path[len] = '\0';
	return (error);
}

static int
find_device(const char *name, struct path *p)
{
	for (uint32_t i = 0; i < nitems(devices); i++) {
		if (strcmp(devices[i].name, name) != 0)
			continue;
		p->type = devices[i].type;
		p->index = devices[i].index;
		return (0);
	}
	return (-ENOENT);
}

static int
find_in(uint32_t dir, const char *name, struct path *p)
{
	char path[PATH_LEN];
	int error = *name == '\0' ? -ENOENT : whole_path(dir, name, path), i;

	if (error != 0)
		return (error);
	for (uint32_t d = 0; d < DIRS; d++) {
		if (strcmp(path, dir_names[d]) != 0)
			continue;
		*p = (struct path){ FILE_DIR, d };
		return (0);
	}
	if (strcmp(path, "/proc/self/exe") == 0) {
		*p = (struct path){ FILE_BOOT, proc.program };
		return (0);
	}
	if (memcmp(path, "/dev/", 5) == 0)
		return (find_device(path + 5, p));
	if (memcmp(path, "/boot/", 6) != 0 ||
	    (i = boot_file_find(path + 6)) < 0)
		return (-ENOENT);
	*p = (struct path){ FILE_BOOT, i };
	return (0);
}

int
path_find(const char *name, struct path *p)
{
	return (find_in(proc.cwd, name, p));
}

/* For the calls that name a directory by its descriptor. */
int
path_find_at(int dirfd, const char *name, struct path *p)
{
	struct file *f;

	if (dirfd == AT_FDCWD || *name == '/')
		return (path_find(name, p));
	f = fd_file(dirfd);
	if (f == NULL)
		return (-EBADF);
	if (f->type != FILE_DIR)
		return (-ENOTDIR);
	return (find_in(f->index, name, p));
}
