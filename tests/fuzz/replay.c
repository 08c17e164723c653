/*-
 * SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The mayfly authors
 */

/*
 * Runs a fuzzing program with the files of its corpus or, if there are
 * arguments, with these files.  An input on which the parser fails ends the
 * program.  Prints TAP.
 */

#include <dirent.h>

#include "tests/fuzz/fuzz.h"

static void
try_file(const char *path)
{
	uint8_t *data = malloc(1 << 20), *exact;
	FILE *f = fopen(path, "rb");
	size_t len;

	if (f == NULL) {
		perror(path);
		exit(1);
	}
	len = fread(data, 1, 1 << 20, f);
	fclose(f);
	/* A block of the exact size, so that a read past it is detected. */
	exact = malloc(len == 0 ? 1 : len);
	memcpy(exact, data, len);
	free(data);
	printf("# %s\n", path);
	fflush(stdout);
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

int
main(int argc, char **argv)
{
	struct dirent *e;
	char path[512];
	unsigned int n = 0;
	DIR *dir;

	for (int i = 1; i < argc; i++, n++)
		try_file(argv[i]);
	if (argc == 1 && (dir = opendir(CORPUS)) != NULL) {
		while ((e = readdir(dir)) != NULL) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", CORPUS,
			    e->d_name);
			try_file(path);
			n++;
		}
		closedir(dir);
	}
	printf("%sok 1 - %u inputs of %s\n1..1\n", n == 0 ? "not " : "", n,
	    CORPUS);
	return (n == 0);
}
